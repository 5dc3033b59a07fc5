package local

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/github"
)

// A pr is a pull request of a scenario.
type pr struct {
	*world
	t      *testing.T
	number int
	sha    string
	link   string // of the preview, without the path that it opens
}

// open opens a pull request. It is closed at the end of the test, whatever becomes of that.
func (w *world) open(t *testing.T, n github.NewPull) *pr {
	t.Helper()
	n.Repository = Repository
	if n.Title == "" {
		n.Title = t.Name()
	}
	p, err := w.Cloud.GitHub.OpenPull(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	made := &pr{world: w, t: t, number: p.Number, sha: p.HeadSHA}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the log of pull request %d:\n%s", p.Number, w.excerpt(p.Number))
		}
		_, _ = w.Cloud.GitHub.ClosePull(context.Background(), Repository, p.Number)
	})
	return made
}

// change opens a pull request with edits of the shop.
func (w *world) change(t *testing.T, edits ...replacement) *pr {
	t.Helper()
	return w.open(t, github.NewPull{Change: change(t, edits...)})
}

func change(t *testing.T, edits ...replacement) github.Change {
	t.Helper()
	files, err := edit(edits...)
	if err != nil {
		t.Fatal(err)
	}
	return github.Change{Files: files}
}

// version makes a service say in the header X-Shop-Version that it is another one.
func version(service, name string) replacement {
	return replacement{service + "/version.go", `"1.0.0"`, fmt.Sprintf("%q", name)}
}

// once makes a name that no earlier run of the test has left in the repository.
func once(name string) string { return fmt.Sprintf("%s-%d", name, time.Now().UnixNano()) }

// asBefore is a file as the base branch has it.
func asBefore(file string) replacement { return replacement{file: file} }

// hang keeps the build of users in its test until it is cancelled.
var hang = replacement{"users/smoke/main.go", "func main() {\n", "func main() {\n\tselect {}\n"}

func (p *pr) tag() string { return fmt.Sprintf("pr-%d", p.number) }

func (p *pr) push(edits ...replacement) {
	p.t.Helper()
	pushed, err := p.Cloud.GitHub.Push(p.t.Context(), Repository, p.number, change(p.t, edits...))
	if err != nil {
		p.t.Fatal(err)
	}
	p.sha = pushed.HeadSHA
}

func (p *pr) must(_ github.Pull, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *pr) close() {
	p.t.Helper()
	p.must(p.Cloud.GitHub.ClosePull(p.t.Context(), Repository, p.number))
}

func (p *pr) reopen() {
	p.t.Helper()
	p.must(p.Cloud.GitHub.ReopenPull(p.t.Context(), Repository, p.number))
}

// A page is what is on a pull request.
type page struct {
	Comments []struct {
		ID   int64  `json:"id"`
		Body string `json:"body"`
		User struct {
			Login string `json:"login"`
		} `json:"user"`
	} `json:"comments"`
	Checks []struct {
		Name        string `json:"name"`
		Status      string `json:"status"`
		Conclusion  string `json:"conclusion"`
		Annotations []struct {
			Path      string `json:"path"`
			StartLine int    `json:"start_line"`
			Message   string `json:"message"`
		} `json:"annotations"`
	} `json:"check_runs"`
}

func (p *pr) page() page {
	p.t.Helper()
	var found page
	url := fmt.Sprintf("%s/emulator/repos/%s/pulls/%d", p.Endpoints.GitHub, Repository, p.number)
	if err := p.api.call(p.t.Context(), http.MethodGet, url, nil, &found); err != nil {
		p.t.Fatal(err)
	}
	return found
}

// ours are the comments of the App.
func (p *pr) ours() []string {
	p.t.Helper()
	var bodies []string
	for _, c := range p.page().Comments {
		if strings.HasSuffix(c.User.Login, "[bot]") {
			bodies = append(bodies, c.Body)
		}
	}
	return bodies
}

// says waits until the comment's headline holds all of words, and returns the comment.
func (p *pr) says(words ...string) (body string) {
	p.t.Helper()
	until(p.t, fmt.Sprintf("pull request %d says %q", p.number, words), func() (bool, string) {
		title := "nothing"
		for _, body = range p.ours() {
			title = first(headline.FindStringSubmatch(body))
			if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(title, word) }) {
				return true, title
			}
		}
		return false, title
	})
	return body
}

// ready waits until the preview of the newest commit is ready.
func (p *pr) ready() {
	p.t.Helper()
	body := p.says("Preview is ready", p.sha[:7])
	p.link = base(first(link.FindStringSubmatch(body)))
	if p.link == "" {
		p.t.Fatalf("it is ready, and has no link:\n%s", body)
	}
}

// base is a link without its path.
func base(link string) string { return regexp.MustCompile(`^https?://[^/]+`).FindString(link) }

// removed waits until the preview is gone.
func (p *pr) removed() string {
	p.t.Helper()
	return p.says("Preview removed")
}

// An answer is what an HTTP server has answered.
type answer struct {
	status int
	body   string
	header http.Header
}

// call calls a gateway like curl.
func (w *world) call(t *testing.T, method, url, body string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := w.api.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: response.StatusCode, body: string(text), header: response.Header}
}

// serves asks what version answers a path at the link, or at another address.
func (p *pr) serves(at, path, version string) {
	p.t.Helper()
	a := p.call(p.t, http.MethodGet, at+path, "")
	if a.status != http.StatusOK || a.header.Get("X-Shop-Version") != version {
		p.t.Errorf("GET %s%s: %d, version %q, want %q\n%s", at, path, a.status, a.header.Get("X-Shop-Version"), version, a.body)
	}
}

// owns tells whether a gateway or config says that it is the pull request's.
func (p *pr) owns(r resource) bool { return r.Labels["gangway-pr"] == fmt.Sprint(p.number) }

// own finds the number of the pull request in the subject of a violation.
func (p *pr) own(subject string) bool {
	return regexp.MustCompile(fmt.Sprintf(`(#|\bpr-|/\d+-)%d\b`, p.number)).MatchString(subject)
}

// holds waits until all promises hold for this pull request: others are on their way.
func (p *pr) holds() {
	p.t.Helper()
	seldom(p.t, "the promises hold", 2*time.Second, func() (bool, string) {
		found, err := p.violations(p.t.Context())
		if err != nil { // it is no look at one moment: what it has seen may be gone when it looks closer
			return false, err.Error()
		}
		var broken []string
		for _, v := range found {
			shared := v.Promise == "P6" || v.Promise == "P9" || v.Promise == "P12"
			if p.own(v.Subject) || shared {
				broken = append(broken, v.String())
			}
		}
		return len(broken) == 0, strings.Join(broken, "\n")
	})
}

// gone closes the pull request if it is open, waits until the preview is removed, and looks that nothing is left.
func (p *pr) gone() {
	p.t.Helper()
	_, _ = p.Cloud.GitHub.ClosePull(p.t.Context(), Repository, p.number)
	until(p.t, fmt.Sprintf("nothing of pull request %d is left", p.number), func() (bool, string) {
		left := p.left()
		return left == "", left
	})
	p.holds()
}

// left says what of the pull request is on Google Cloud.
func (p *pr) left() string {
	p.t.Helper()
	var list []string
	for _, g := range p.gateways(p.t) {
		if p.owns(g) {
			list = append(list, "gateway "+g.name()+" "+g.State)
		}
	}
	for _, c := range p.configs(p.t) {
		if p.owns(c) {
			list = append(list, "config "+c.name()+" "+c.State)
		}
	}
	for _, name := range services {
		for _, traffic := range p.traffic(p.t, name) {
			if traffic.Tag == p.tag() {
				list = append(list, "tag of "+name)
			}
		}
	}
	for _, b := range p.builds() {
		if b.running() {
			list = append(list, "build "+b.ID+" "+b.Status)
		}
	}
	return strings.Join(list, ", ")
}

// A build is one of Cloud Build's.
type build struct {
	ID, Status    string
	Tags          []string
	Substitutions map[string]string
	CreateTime    time.Time
}

func (b build) running() bool {
	return b.Status == "WORKING" || b.Status == "QUEUED" || b.Status == "PENDING"
}

// builds are those of the pull request, the oldest first.
func (p *pr) builds() []build {
	p.t.Helper()
	var list struct{ Builds []build }
	url := p.Endpoints.CloudBuild + "/v1/projects/" + Project + "/locations/" + Region + "/builds?pageSize=1000&filter=" +
		fmt.Sprintf(`tags%%3D%%22pr-%d%%22`, p.number)
	if err := p.api.call(p.t.Context(), http.MethodGet, url, nil, &list); err != nil {
		p.t.Fatal(err)
	}
	slices.SortFunc(list.Builds, func(a, b build) int { return a.CreateTime.Compare(b.CreateTime) })
	return list.Builds
}

// statuses are the builds' in the order of their creation.
func (p *pr) statuses() string {
	var list []string
	for _, b := range p.builds() {
		list = append(list, b.Status)
	}
	return strings.Join(list, " ")
}

// deployments are the last states of the pull request's deployments on GitHub, the oldest first.
func (p *pr) deployments() string {
	p.t.Helper()
	var state struct {
		Repositories []struct {
			Name        string
			Deployments []struct {
				Task     string
				Statuses []struct{ State string }
			}
		}
	}
	if err := p.api.call(p.t.Context(), http.MethodGet, p.Endpoints.GitHub+"/emulator/state", nil, &state); err != nil {
		p.t.Fatal(err)
	}
	var list []string
	for _, r := range state.Repositories {
		for _, d := range r.Deployments {
			if d.Task == "preview-"+p.tag() && len(d.Statuses) > 0 {
				list = append(list, d.Statuses[len(d.Statuses)-1].State)
			}
		}
	}
	return strings.Join(list, " ")
}

// key is the preview's name.
func (p *pr) key() string {
	return fmt.Sprintf("preview=%s/%s/%s/%d ", Environment, Gateway, p.repositoryID(), p.number)
}

func (p *pr) repositoryID() string {
	p.t.Helper()
	var r struct{ ID int64 }
	if err := p.api.call(p.t.Context(), http.MethodGet, p.Endpoints.GitHub+"/emulator/repos/"+Repository, nil, &r); err != nil {
		p.t.Fatal(err)
	}
	return fmt.Sprint(r.ID)
}

// building waits until its newest build is at work and the comment says so.
func (p *pr) building() {
	p.t.Helper()
	until(p.t, "it is being built", func() (bool, string) {
		list := p.builds()
		if len(list) == 0 {
			return false, "no build"
		}
		newest := list[len(list)-1]
		return newest.Status == "WORKING" && slices.Contains(newest.Tags, "commit-"+p.sha), newest.Status + strings.Join(newest.Tags, " ")
	})
	p.says("⏳", p.sha[:7])
}
