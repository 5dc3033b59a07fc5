package github

import (
	"net/http"
	"slices"
	"strconv"
)

// pullView is what the page of a pull request shows.
type pullView struct {
	Title       string
	Page        string
	Repository  string
	Pull        Pull
	Status      string // open, closed, merged, draft
	Author      string
	Body        string
	Locked      bool
	Base, Head  string
	Timeline    []timelineItem
	Checks      []checkView
	Deployments []deploymentView
	Files       []changedFile
	Size        diffSize
	Path        string // of the file that is being edited
	Content     string
	Users       []string
}

// A checkView is a check run as a page shows it.
type checkView struct {
	*checkRun
	Shown bool // with its summary
}

// checkViews shows the run that is asked for, or else those that did not go well.
func checkViews(runs []*checkRun, wanted string) []checkView {
	var views []checkView
	for _, run := range runs {
		shown := strconv.FormatInt(run.ID, 10) == wanted || wanted == "" && run.Conclusion == "failure"
		views = append(views, checkView{run, shown})
	}
	return views
}

type deploymentView struct {
	deployment
	Latest deploymentStatus
	State  string
	Age    string
}

// pageChecks is where a check run is looked at: GitHub's own has the same address.
func (s *Server) pageChecks(w http.ResponseWriter, r *http.Request) {
	_, view, err := s.viewOf(r)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	view.Title = "Checks of " + view.Title
	wanted := r.URL.Query().Get("check_run_id")
	for i := range view.Checks {
		view.Checks[i].Shown = wanted == "" || strconv.FormatInt(view.Checks[i].ID, 10) == wanted
	}
	s.show(w, r, "checks.gohtml", view)
}

// viewOf is the pull request that a page's address names.
func (s *Server) viewOf(r *http.Request) (*repository, pullView, error) {
	repo, err := s.find(pathName(r))
	if err != nil {
		return nil, pullView{}, err
	}
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		return nil, pullView{}, errNotFound
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := repo.pull(number)
	if p == nil {
		return nil, pullView{}, errNotFound
	}
	return repo, s.viewPull(repo, p), nil
}

func (s *Server) pagePull(w http.ResponseWriter, r *http.Request) {
	repo, view, err := s.viewOf(r)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	view.Files, err = s.diffs.get(r.Context(), s.git(repo), view.Pull.BaseSHA, view.Pull.HeadSHA)
	if err != nil {
		s.log.ErrorContext(r.Context(), "reading a diff", "pr", view.Pull.Number, "error", err)
	}
	view.Path = r.URL.Query().Get("path")
	if view.Path == "" && len(view.Files) > 0 {
		view.Path = view.Files[0].Path
	}
	view.Content = s.content(r, repo, view.Pull.HeadSHA, view.Path)
	s.show(w, r, "pull.gohtml", view)
}

// viewPull copies what the page needs; the caller holds mu.
func (s *Server) viewPull(r *repository, p *pull) pullView {
	author := s.state.accountByID(p.Author)
	view := pullView{
		Title: p.Title, Page: "/" + r.fullName() + "/pull/" + strconv.Itoa(p.Number), Repository: r.fullName(),
		Pull: s.showPull(r, p), Status: p.State, Author: author.Login, Body: p.Body, Locked: p.Locked,
		Base: r.OwnerLogin + ":" + p.BaseRef, Head: p.HeadOwner + ":" + p.HeadRef,
		Checks: checkViews(cloneRuns(r.runsOf(p.HeadSHA, true)), ""), Size: p.Size,
	}
	switch {
	case !p.MergedAt.IsZero():
		view.Status = "merged"
	case p.State == "open" && p.Draft:
		view.Status = "draft"
	}
	view.Timeline = s.timeline(p)
	task := "preview-pr-" + strconv.Itoa(p.Number)
	for _, d := range slices.Backward(r.Deployments) {
		if d.Task != task && d.SHA != p.HeadSHA {
			continue
		}
		one := deploymentView{deployment: *d, State: d.state(), Age: ageOf(d.CreatedAt, s.now())}
		if len(d.Statuses) > 0 {
			one.Latest = d.Statuses[len(d.Statuses)-1]
		}
		view.Deployments = append(view.Deployments, one)
	}
	for _, a := range s.state.Accounts {
		if a.Kind == "User" {
			view.Users = append(view.Users, a.Login)
		}
	}
	return view
}

// timeline is the conversation, oldest first.
func (s *Server) timeline(p *pull) []timelineItem {
	var items []timelineItem
	for _, c := range p.Comments {
		author := s.state.accountByID(c.Author)
		items = append(items, timelineItem{
			At: c.CreatedAt, Age: ageOf(c.CreatedAt, s.now()), Author: author.Login, Bot: author.Kind == "Bot",
			Comment: c.Body, ID: c.ID, Edited: !c.UpdatedAt.Equal(c.CreatedAt),
		})
	}
	for _, e := range p.Events {
		author := s.state.accountByID(e.Actor)
		items = append(items, timelineItem{
			At: e.At, Age: ageOf(e.At, s.now()), Author: author.Login, Bot: author.Kind == "Bot", Text: e.Text,
		})
	}
	slices.SortStableFunc(items, func(a, b timelineItem) int { return a.At.Compare(b.At) })
	return items
}
