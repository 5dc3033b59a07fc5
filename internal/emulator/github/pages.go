package github

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

//go:embed pages/*.gohtml
var pageFiles embed.FS

// pages renders what people see. Text of users is escaped by html/template; Markdown is rendered as GitHub does and
// then sanitized.
type pages struct {
	templates *template.Template
	markdown  goldmark.Markdown
	sanitize  *bluemonday.Policy
}

func newPages() (*pages, error) {
	policy := bluemonday.UGCPolicy()
	policy.AllowElements("details", "summary")
	policy.AllowAttrs("open").OnElements("details")
	p := &pages{
		markdown: goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe())),
		sanitize: policy,
	}
	var err error
	p.templates, err = template.New("pages").Funcs(template.FuncMap{
		"markdown": p.render, "short": shortSHA, "diff": diffLines, "icon": icon, "count": count,
		"words":      func(status string) string { return strings.ReplaceAll(status, "_", " ") },
		"liveScript": func() template.JS { return template.JS(liveScript) }, //nolint:gosec // ours
	}).ParseFS(pageFiles, "pages/*.gohtml")
	if err != nil {
		return nil, fmt.Errorf("parsing the pages: %w", err)
	}
	return p, nil
}

// render turns a comment into safe HTML.
func (p *pages) render(text string) template.HTML {
	var out bytes.Buffer
	if err := p.markdown.Convert([]byte(text), &out); err != nil {
		return template.HTML(template.HTMLEscapeString(text)) //nolint:gosec // escaped
	}
	return template.HTML(p.sanitize.SanitizeBytes(out.Bytes())) //nolint:gosec // sanitized
}

// count is "1 comment" or "2 comments".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

func shortSHA(sha string) string { return sha[:min(len(sha), 7)] }

// icon is the sign beside a status word, which always stands there too.
func icon(status string) string {
	switch status {
	case "success", "open", "OK":
		return "✓"
	case "failure", "error", "timed_out":
		return "✗"
	case "neutral", "inactive", "skipped", "closed", "cancelled":
		return "–"
	case "merged":
		return "⇥"
	default:
		return "●"
	}
}

// A diffLine is a line of a patch with what it does: add, del, hunk or nothing.
type diffLine struct{ Class, Text string }

func diffLines(patch string) []diffLine {
	var lines []diffLine
	for line := range strings.SplitSeq(patch, "\n") {
		class := ""
		switch {
		case strings.HasPrefix(line, "@@"):
			class = "hunk"
		case strings.HasPrefix(line, "+"):
			class = "add"
		case strings.HasPrefix(line, "-"):
			class = "del"
		}
		lines = append(lines, diffLine{class, line})
	}
	return lines
}

func (s *Server) pageRoutes() http.Handler {
	mux, policy := http.NewServeMux(), policy()
	mux.HandleFunc("GET /{$}", s.pageHome)
	mux.HandleFunc("GET /{owner}/{repo}", s.pageRepository)
	mux.HandleFunc("GET /{owner}/{repo}/pull/{number}", s.pagePull)
	mux.HandleFunc("GET /{owner}/{repo}/pull/{number}/checks", s.pageChecks)
	mux.HandleFunc("POST /{owner}/{repo}/pulls", s.pageOpen)
	mux.HandleFunc("POST /{owner}/{repo}/pull/{number}/{action}", s.pageAct)
	mux.HandleFunc("GET /deliveries", s.pageDeliveries)
	mux.HandleFunc("POST /deliveries/{id}", s.pageRedeliver)
	mux.HandleFunc("GET /apps/{slug}", s.pageApp)
	mux.HandleFunc("GET /apps/{slug}/installations/new", s.pageApp)
	for _, path := range manifestPaths {
		mux.HandleFunc("POST "+path, s.pageManifest)
		mux.HandleFunc("POST "+strings.TrimSuffix(path, "/new")+"/manifest", s.pageMakeApp)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		mux.ServeHTTP(w, r)
	})
}

// show renders a page completely before the first byte is sent.
func (s *Server) show(w http.ResponseWriter, r *http.Request, name string, view any) {
	var out bytes.Buffer
	if err := s.pages.templates.ExecuteTemplate(&out, name, view); err != nil {
		s.log.ErrorContext(r.Context(), "rendering a page", "page", name, "error", err)
		http.Error(w, "The page could not be rendered.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = out.WriteTo(w)
}

// A pullRow is a line of a list of pull requests.
type pullRow struct {
	Pull
	Author, Age string
	Checks      []*checkRun
	Comments    int
}

type repositoryRow struct {
	Name, Clone, Page string
	Pulls             []pullRow
	Open              int
}

func (s *Server) row(r *repository) repositoryRow {
	row := repositoryRow{Name: r.fullName(), Page: "/" + r.fullName(), Clone: s.options.URL + "/" + r.fullName() + ".git"}
	for _, p := range slices.Backward(r.Pulls) {
		if p.State == "open" {
			row.Open++
		}
		row.Pulls = append(row.Pulls, pullRow{
			Pull: s.showPull(r, p), Author: s.state.accountByID(p.Author).Login, Age: ageOf(p.CreatedAt, s.now()),
			Checks: cloneRuns(r.runsOf(p.HeadSHA, true)), Comments: len(p.Comments),
		})
	}
	return row
}

// cloneRuns copies check runs, so that a page can be rendered without the lock.
func cloneRuns(runs []*checkRun) []*checkRun {
	out := make([]*checkRun, len(runs))
	for i, run := range runs {
		c := *run
		out[i] = &c
	}
	return out
}

func (s *Server) pageHome(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var rows []repositoryRow
	for _, repo := range s.state.Repositories {
		rows = append(rows, s.row(repo))
	}
	s.mu.Unlock()
	s.show(w, r, "home.gohtml", object{"Title": "Repositories", "Repositories": rows})
}

func (s *Server) pageRepository(w http.ResponseWriter, r *http.Request) {
	repo, err := s.find(pathName(r))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	git := s.git(repo)
	var paths []string
	if out, err := git.run(r.Context(), nil, "ls-tree", "-r", "-z", "--name-only", "refs/heads/"+repo.DefaultBranch); err == nil {
		paths = strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	}
	chosen := r.URL.Query().Get("path")
	content := s.content(r, repo, "refs/heads/"+repo.DefaultBranch, chosen)
	s.mu.Lock()
	row := s.row(repo)
	s.mu.Unlock()
	s.show(w, r, "repository.gohtml", object{
		"Title": row.Name, "Repository": row, "Paths": paths, "Path": chosen, "Content": content,
	})
}

// content is a file's text for a form; "" when there is none.
func (s *Server) content(r *http.Request, repo *repository, ref, path string) string {
	if path == "" {
		return ""
	}
	out, err := s.git(repo).run(r.Context(), nil, "cat-file", "blob", ref+":"+path)
	if err != nil {
		return ""
	}
	return string(out)
}

// pageOpen opens a pull request that changes one file.
func (s *Server) pageOpen(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<20)
	p, err := s.OpenPull(r.Context(), NewPull{
		Repository: pathName(r), Title: r.FormValue("title"), Author: r.FormValue("author"),
		Draft: r.FormValue("draft") != "", Fork: r.FormValue("fork") != "", Change: formChange(r),
	})
	s.backTo(w, r, fmt.Sprintf("/%s/pull/%d", pathName(r), p.Number), err)
}

// formChange is the change of one file that a form describes. Browsers send line ends as CR LF.
func formChange(r *http.Request) Change {
	return Change{
		Files:   map[string]string{r.FormValue("path"): strings.ReplaceAll(r.FormValue("content"), "\r\n", "\n")},
		Message: r.FormValue("message"),
	}
}

// backTo redirects to a page after a form was handled, or shows what was wrong with it.
func (s *Server) backTo(w http.ResponseWriter, r *http.Request, page string, err error) {
	if err != nil {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusUnprocessableEntity)
		s.show(w, r, "error.gohtml", object{"Title": "That did not work", "Message": err.Error()})
		return
	}
	http.Redirect(w, r, page, http.StatusSeeOther)
}

func (s *Server) pageAct(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 8<<20)
	in := adminInput{
		Label: r.FormValue("label"), On: r.FormValue("on") != "", Title: r.FormValue("title"),
		User: r.FormValue("user"), Body: r.FormValue("body"),
	}
	action := r.PathValue("action")
	if action == "push" {
		in.Change = formChange(r)
	}
	_, err = s.perform(r.Context(), pathName(r), number, action, in)
	s.backTo(w, r, "/"+pathName(r)+"/pull/"+url.PathEscape(strconv.Itoa(number)), err)
}

func (s *Server) pageDeliveries(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	list := []delivery{}
	for _, d := range slices.Backward(s.state.Deliveries) {
		if len(list) == 200 {
			break
		}
		list = append(list, *d)
	}
	hook := s.webhook.URL
	s.mu.Unlock()
	s.show(w, r, "deliveries.gohtml", object{"Title": "Deliveries", "Deliveries": list, "Webhook": hook})
}

func (s *Server) pageRedeliver(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	err := errNotFound
	for _, d := range s.state.Deliveries {
		if strconv.FormatInt(d.ID, 10) == r.PathValue("id") {
			err = s.redeliver(d)
			break
		}
	}
	s.mu.Unlock()
	s.backTo(w, r, "/deliveries", err)
}

// A timelineItem is a comment or an event of a pull request's conversation.
type timelineItem struct {
	At      time.Time
	Age     string
	Author  string
	Bot     bool
	Comment string // Markdown
	Text    string // of an event
	ID      int64
	Edited  bool
}
