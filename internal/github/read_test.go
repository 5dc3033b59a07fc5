package github_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	emulator "github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/github"
	"github.com/gangway-dev/gangway/internal/preview"
)

func TestRepository(t *testing.T) {
	w := newWorld(t)
	if w.repo.ID == 0 || w.repo.Installation == 0 || w.repo.FullName() != "acme/shop" || w.repo.DefaultBranch != "main" {
		t.Errorf("repository: %+v", w.repo)
	}
	byID := must[preview.Repository](t)(w.RepositoryByID(t.Context(), w.repo.Installation, w.repo.ID))
	if byID != w.repo {
		t.Errorf("by id: %+v", byID)
	}
	if err := w.hub.RenameRepository(t.Context(), "acme/shop", "store"); err != nil {
		t.Fatal(err)
	}
	if byID = must[preview.Repository](t)(w.RepositoryByID(t.Context(), w.repo.Installation, w.repo.ID)); byID.Name != "store" {
		t.Errorf("renamed: %+v", byID)
	}
	for _, name := range []string{"acme/none", "acme", "", "acme/..", "acme/shop/pulls", "../app"} {
		if _, err := w.Repository(t.Context(), name); !errors.Is(err, preview.ErrNotFound) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if got, want := w.CloneURL(w.repo), w.url+"/acme/shop.git"; got != want {
		t.Errorf("clone URL %s, want %s", got, want)
	}
	if got := w.client(t, "").CloneURL(w.repo); got != "https://github.com/acme/shop.git" {
		t.Errorf("clone URL on github.com: %s", got)
	}
}

func TestPullRequest(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, emulator.NewPull{
		Title: "Faster *orders*", Author: "renovate[bot]", Draft: true, Labels: []string{"b", "a"}, HeadBranch: "deps/x",
	})
	got := must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1))
	if got.CreatedAt.IsZero() || got.Author.ID == 0 {
		t.Errorf("pull request: %+v", got)
	}
	want := preview.PullRequest{
		Repository: w.repo, Number: 1, URL: p.URL, Open: true, Draft: true, Title: "Faster *orders*",
		Author: preview.Account{ID: got.Author.ID, Login: "renovate[bot]", Bot: true}, Labels: []string{"b", "a"},
		HeadSHA: p.HeadSHA, HeadRef: "deps/x", HeadRepository: w.repo.ID, BaseSHA: p.BaseSHA, BaseRef: "main",
		ChangedFiles: 1, CreatedAt: got.CreatedAt,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := w.hub.MergePull(t.Context(), "acme/shop", 1); err != nil {
		t.Fatal(err)
	}
	got = must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1))
	if got.Open || !got.Merged || got.ClosedAt.IsZero() {
		t.Errorf("merged: %+v", got)
	}
	if _, err := w.PullRequest(t.Context(), w.repo, 99); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	other := w.repo
	other.ID++
	if got, err := w.PullRequest(t.Context(), other, 1); err == nil {
		t.Errorf("another repository of that name: %+v", got)
	}
}

func TestPullRequestOfFork(t *testing.T) {
	w := newWorld(t)
	w.open(t, emulator.NewPull{Fork: true, Author: "mallory"})
	if got := must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1)); !got.Fork() || got.HeadRepository == 0 {
		t.Errorf("fork: %+v", got)
	}
	if err := w.hub.DeleteFork(t.Context(), "acme/shop", 1); err != nil {
		t.Fatal(err)
	}
	if got := must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1)); !got.Fork() || got.HeadRepository != 0 {
		t.Errorf("deleted fork: %+v", got)
	}
}

func TestOpenPullRequests(t *testing.T) {
	w := newWorld(t)
	const total = 103 // more than a page
	var want []int
	for n := 1; n <= total; n++ {
		w.open(t, emulator.NewPull{})
		if n == 50 {
			if _, err := w.hub.ClosePull(t.Context(), "acme/shop", n); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want = append(want, n)
	}
	if diff := cmp.Diff(want, must[[]int](t)(w.OpenPullRequests(t.Context(), w.repo))); diff != "" {
		t.Error(diff)
	}
}

func TestFiles(t *testing.T) {
	w := newWorld(t)
	main := string(firstTree["services/orders/main.go"].Data)
	w.open(t, emulator.NewPull{Change: emulator.Change{
		Files:  map[string]string{"services/carts/main.go": main, "new": "1\n"},
		Delete: []string{"services/orders/main.go", "README.md"},
	}})
	w.open(t, emulator.NewPull{Change: emulator.Change{Files: numbered(250, "many/#")}})
	w.open(t, emulator.NewPull{Change: emulator.Change{Files: numbered(3_001, "most/#")}})

	got := must[preview.Files](t)(w.Files(t.Context(), w.repo, 1))
	slices.Sort(got.Paths)
	want := preview.Files{
		Paths: []string{"README.md", "new", "services/carts/main.go", "services/orders/main.go"}, Complete: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got = must[preview.Files](t)(w.Files(t.Context(), w.repo, 2)); len(got.Paths) != 250 || !got.Complete {
		t.Errorf("%d files, complete %v", len(got.Paths), got.Complete)
	}
	if got = must[preview.Files](t)(w.Files(t.Context(), w.repo, 3)); len(got.Paths) != 3_000 || got.Complete {
		t.Errorf("%d files, complete %v", len(got.Paths), got.Complete)
	}
	if _, err := w.Files(t.Context(), w.repo, 9); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

func TestTree(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, emulator.NewPull{Change: emulator.Change{
		Files: map[string]string{"services/new/ü.go": "x", "run.sh": "x", "link": "run.sh"},
		Modes: map[string]string{"run.sh": "100755", "link": "120000"},
	}})
	got := must[preview.Tree](t)(w.Tree(t.Context(), w.repo, p.HeadSHA))
	found := map[string]string{}
	for _, e := range got.Entries {
		if len(e.SHA) != 40 {
			t.Errorf("%+v", e)
		}
		found[e.Path] = e.Mode
	}
	want := map[string]string{"services/new/ü.go": "100644", "run.sh": "100755", "link": "120000", "services/orders/openapi.yaml": "100644"}
	for path, mode := range want {
		if found[path] != mode {
			t.Errorf("%s has mode %q, want %s", path, found[path], mode)
		}
	}
	if _, folder := found["services"]; folder || !got.Complete {
		t.Errorf("complete %t: %v", got.Complete, found)
	}
	if _, err := w.Tree(t.Context(), w.repo, strings.Repeat("0", 40)); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("no such commit: %v", err)
	}
	if _, err := w.Tree(t.Context(), w.repo, "main"); err == nil {
		t.Error("a branch is no commit")
	}
}

func TestContent(t *testing.T) {
	w := newWorld(t)
	large := strings.Repeat("0123456789abcde\n", 1<<17) // 2 MB: comes without its content
	p := w.open(t, emulator.NewPull{Change: emulator.Change{
		Files: map[string]string{
			"services/orders/openapi.yaml": "swagger: '2.0' # new\n", "large": large, "v1..v2 ü#?.txt": "odd",
			"link": "services/orders/openapi.yaml", "away": "/etc/passwd", "huge": strings.Repeat("x", 9<<20),
		},
		Modes: map[string]string{"link": "120000", "away": "120000"},
	}})
	for path, want := range map[string]string{
		"services/orders/openapi.yaml": "swagger: '2.0' # new\n", "large": large, "v1..v2 ü#?.txt": "odd", "empty": "",
	} {
		got, err := w.Content(t.Context(), w.repo, path, p.HeadSHA)
		if err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
	}
	got := must[[]byte](t)(w.Content(t.Context(), w.repo, "services/orders/openapi.yaml", p.BaseSHA))
	if string(got) != "swagger: '2.0'\n" {
		t.Errorf("at the base: %s", got)
	}
	for _, path := range []string{"link", "away", "services", "services/orders", "huge"} {
		_, err := w.Content(t.Context(), w.repo, path, p.HeadSHA)
		if _, ok := errors.AsType[*preview.UserError](err); !ok {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"none", "../x", "/etc/passwd", "a/../b", "", "services/", "link/x", "."} {
		if _, err := w.Content(t.Context(), w.repo, path, p.HeadSHA); !errors.Is(err, preview.ErrNotFound) && path != "." {
			t.Errorf("%q: %v", path, err)
		}
	}
	if _, err := w.Content(t.Context(), w.repo, "README.md", strings.Repeat("0", 40)); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("unknown commit: %v", err)
	}
	if _, err := w.Content(t.Context(), w.repo, "README.md", "main"); err == nil {
		t.Error("a branch was taken for a commit")
	}
}

func TestBranchHead(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, emulator.NewPull{HeadBranch: "feature/a#b"})
	if got := must[string](t)(w.BranchHead(t.Context(), w.repo, "feature/a#b")); got != p.HeadSHA {
		t.Errorf("head %s, want %s", got, p.HeadSHA)
	}
	if got := must[string](t)(w.BranchHead(t.Context(), w.repo, "main")); got != p.BaseSHA {
		t.Errorf("head %s, want %s", got, p.BaseSHA)
	}
	for _, name := range []string{"none", "feature"} {
		if _, err := w.BranchHead(t.Context(), w.repo, name); !errors.Is(err, preview.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []github.Options{
		{PrivateKey: []byte("not a key")},
		{BaseURL: "ftp://example.org"},
		{BaseURL: "https://user:password@example.org/api/v3/"},
		{BaseURL: "://"},
	} {
		_, err := github.New(o)
		if err == nil || strings.Contains(err.Error(), "not a key") {
			t.Errorf("%q: %v", o.BaseURL, err)
		}
	}
}

func TestMergeBase(t *testing.T) {
	w := newWorld(t)
	p := w.open(t, emulator.NewPull{})
	fork := p.BaseSHA
	if got := must[string](t)(w.MergeBase(t.Context(), w.repo, fork, p.HeadSHA)); got != fork {
		t.Errorf("of a branch that is up to date: %s, want %s", got, fork)
	}
	moved := must[string](t)(w.hub.Commit(t.Context(), w.repo.FullName(), "main", "octocat", emulator.Change{
		Message: "Go on", Files: map[string]string{"other.txt": "other"},
	}))
	if got := must[string](t)(w.MergeBase(t.Context(), w.repo, moved, p.HeadSHA)); got != fork || moved == fork {
		t.Errorf("of a branch that is behind: %s, want %s", got, fork)
	}
	if _, err := w.MergeBase(t.Context(), w.repo, strings.Repeat("0", 40), p.HeadSHA); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("of a commit that isn't there: %v", err)
	}
	if _, err := w.MergeBase(t.Context(), w.repo, "main", p.HeadSHA); err == nil || !strings.Contains(err.Error(), `"main"`) {
		t.Errorf("of a branch: %v", err)
	}
}
