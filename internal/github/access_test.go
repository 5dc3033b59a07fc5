package github_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	emulator "github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/report"
)

// grants are the tokens that were asked for, in the order of their permissions.
type grants struct {
	mu   sync.Mutex
	list []string
}

func (g *grants) note(t *testing.T, body []byte) {
	var in struct {
		Repositories []int64           `json:"repository_ids"`
		Permissions  map[string]string `json:"permissions"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		t.Errorf("token request %q: %v", body, err)
	}
	var text []string
	for name, level := range in.Permissions {
		text = append(text, name+":"+level)
	}
	slices.Sort(text)
	scope := "all repositories"
	if len(in.Repositories) == 1 {
		scope = "one"
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = append(g.list, scope+" "+strings.Join(text, " "))
}

// Each purpose has a token of its own that is good for one repository and no more than it needs. The emulated GitHub refuses
// what a token is not good for, so that what works here needs no more.
func TestLeastAccess(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, emulator.NewPull{})
	var g grants
	spy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/access_tokens") {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			g.note(t, body)
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		w.hub.ServeHTTP(rw, r)
	}))
	defer spy.Close()
	c := w.client(t, spy.URL)
	repo := must[preview.Repository](t)(c.Repository(t.Context(), "acme/shop"))
	must[preview.Repository](t)(c.RepositoryByID(t.Context(), repo.Installation, repo.ID))
	must[preview.PullRequest](t)(c.PullRequest(t.Context(), repo, 1))
	must[[]int](t)(c.OpenPullRequests(t.Context(), repo))
	must[preview.Files](t)(c.Files(t.Context(), repo, 1))
	must[string](t)(c.BranchHead(t.Context(), repo, "main"))
	must[string](t)(c.MergeBase(t.Context(), repo, p.BaseSHA, p.HeadSHA))
	must[[]byte](t)(c.Content(t.Context(), repo, "README.md", p.HeadSHA))
	must[preview.Approval](t)(c.Approval(t.Context(), repo, 1, "x"))
	id := must[int64](t)(c.WriteComment(t.Context(), repo, 1, 0, comment("one")))
	must[int64](t)(c.WriteComment(t.Context(), repo, 1, id, comment("two")))
	must[int64](t)(c.WriteCheckRun(t.Context(), repo, 0, report.CheckRun{
		Name: "n", HeadSHA: p.HeadSHA, ExternalID: "x", Status: "queued", Title: "t", Annotations: annotations(60),
	}))
	d := must[int64](t)(c.WriteDeployment(t.Context(), repo, report.Deployment{SHA: p.HeadSHA, Environment: "preview", Task: "t"}))
	if err := c.WriteDeploymentStatus(t.Context(), repo, d, report.DeploymentStatus{State: "success"}); err != nil {
		t.Fatal(err)
	}
	must[[]int64](t)(c.Deployments(t.Context(), repo, "t", ""))
	want := []string{
		"all repositories metadata:read",
		"one contents:read metadata:read pull_requests:read",
		"one metadata:read pull_requests:write",
		"one checks:write metadata:read",
		"one deployments:write metadata:read",
	}
	if diff := cmp.Diff(want, g.list); diff != "" {
		t.Error(diff)
	}
}

// A repository that was renamed is found under its former name, is read and written under it too, and is known by its new
// one. Another repository that takes the former name is not taken for it.
func TestRenamed(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, emulator.NewPull{})
	former := w.repo
	if err := w.hub.RenameRepository(t.Context(), "acme/shop", "store"); err != nil {
		t.Fatal(err)
	}
	found := must[preview.Repository](t)(w.Repository(t.Context(), "acme/shop"))
	if found.ID != former.ID || found.FullName() != "acme/store" || found.Installation != former.Installation {
		t.Errorf("found %+v", found)
	}
	got := must[preview.PullRequest](t)(w.PullRequest(t.Context(), former, 1))
	if got.HeadSHA != p.HeadSHA || got.Repository.FullName() != "acme/store" {
		t.Errorf("pull request: %+v", got)
	}
	id := must[int64](t)(w.WriteComment(t.Context(), former, 1, 0, comment("one"))) // POST: 307
	must[int64](t)(w.WriteComment(t.Context(), former, 1, id, comment("two")))      // PATCH: 307
	if diff := cmp.Diff([]string{marker + "\ntwo"}, w.bodies(t)); diff != "" {
		t.Error(diff)
	}
	run := report.CheckRun{Name: "n", HeadSHA: p.HeadSHA, ExternalID: "x", Status: "queued", Title: "t"}
	must[int64](t)(w.WriteCheckRun(t.Context(), former, 0, run))
	if runs := w.state(t).Repositories[0].CheckRuns; len(runs) != 1 {
		t.Errorf("%d check runs", len(runs))
	}

	if _, err := w.hub.CreateRepository(t.Context(), "acme/shop", fstest.MapFS{"a": {Data: []byte("a")}}); err != nil {
		t.Fatal(err)
	}
	if other := must[preview.Repository](t)(w.Repository(t.Context(), "acme/shop")); other.ID == former.ID {
		t.Errorf("found %+v", other)
	}
	if got, err := w.PullRequest(t.Context(), former, 1); err == nil {
		t.Errorf("of another repository: %+v", got)
	}
}

// What was transferred to where the App is not can't be found; what was transferred to where it is has another
// installation. An App that is not installed any more is left alone, and comes back.
func TestTransferred(t *testing.T) {
	w := newWorld(t)
	w.open(t, emulator.NewPull{})
	must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1))
	if err := w.hub.TransferRepository(t.Context(), "acme/shop", "elsewhere", false); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Repository(t.Context(), "acme/shop"); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("where the App is not: %v", err)
	}
	_, err := w.PullRequest(t.Context(), w.repo, 1)
	if err == nil {
		t.Error("read where the App is not")
	}
	if err := w.hub.TransferRepository(t.Context(), "elsewhere/shop", "sister", true); err != nil {
		t.Fatal(err)
	}
	moved := must[preview.Repository](t)(w.Repository(t.Context(), "acme/shop"))
	if moved.ID != w.repo.ID || moved.FullName() != "sister/shop" || moved.Installation == w.repo.Installation {
		t.Errorf("found %+v", moved)
	}
	must[preview.PullRequest](t)(w.PullRequest(t.Context(), moved, 1))
}

func TestNotInstalled(t *testing.T) {
	for name, gone := range map[string]func(*world) error{
		"uninstalled": func(w *world) error { return w.hub.Uninstall("acme") },
		"suspended":   func(w *world) error { return w.hub.Suspend("acme", true) },
	} {
		w := newWorld(t)
		w.open(t, emulator.NewPull{})
		must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1))
		if err := errors.Join(gone(w), w.hub.RevokeTokens()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			_, err := w.PullRequest(t.Context(), w.repo, 1)
			if err == nil || errors.Is(err, preview.ErrNotFound) || isUserError(err) || !strings.Contains(err.Error(), "not installed on repository") {
				t.Errorf("%s: %v", name, err)
			}
		}
		asked := w.count("POST", "/app/installations/")
		_, _ = w.PullRequest(t.Context(), w.repo, 1)
		if w.count("POST", "/app/installations/") != asked {
			t.Errorf("%s: asked again at once", name)
		}
		if name == "suspended" {
			if err := w.hub.Suspend("acme", false); err != nil {
				t.Fatal(err)
			}
			w.advance(absentFor)
			must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1))
		}
	}
}
