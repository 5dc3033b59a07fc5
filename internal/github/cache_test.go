package github_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	emulator "github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/preview"
)

// answered is a client whose requests are counted by the status of their answers.
type counted struct {
	unchanged, changed atomic.Int64
}

func (c *counted) front(t *testing.T, w *world) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		spy := &statusSpy{ResponseWriter: rw, status: http.StatusOK}
		w.hub.ServeHTTP(spy, r)
		switch {
		case strings.Contains(r.URL.Path, "/app"):
		case spy.status == http.StatusNotModified:
			c.unchanged.Add(1)
		default:
			c.changed.Add(1)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

type statusSpy struct {
	http.ResponseWriter
	status int
}

func (s *statusSpy) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// What has not changed is asked for without cost, page by page, and the answers are as before; what has changed is seen.
func TestConditional(t *testing.T) {
	w := newWorld(t)
	var count counted
	c := w.client(t, count.front(t, w))
	for range 103 { // two pages
		w.open(t, emulator.NewPull{Change: emulator.Change{Files: map[string]string{"a": "b\n"}}})
	}
	read := func() ([]int, preview.PullRequest, preview.Files) {
		t.Helper()
		return must[[]int](t)(c.OpenPullRequests(t.Context(), w.repo)), must[preview.PullRequest](t)(c.PullRequest(t.Context(), w.repo, 7)),
			must[preview.Files](t)(c.Files(t.Context(), w.repo, 7))
	}
	numbers, pull, files := read()
	first := count.changed.Load()
	if len(numbers) != 103 || first != 4 || count.unchanged.Load() != 1 { // the pull request is read twice
		t.Fatalf("%d numbers, %d requests, %d unchanged", len(numbers), first, count.unchanged.Load())
	}
	left := quota(t, w)
	for range 20 {
		again, samePull, sameFiles := read()
		if diff := cmp.Diff([]any{numbers, pull, files}, []any{again, samePull, sameFiles}); diff != "" {
			t.Fatal(diff)
		}
	}
	if count.changed.Load() != first {
		t.Errorf("%d requests were answered anew", count.changed.Load()-first)
	}
	if now := quota(t, w); now != left {
		t.Errorf("reading the same again has cost %d requests of the rate limit", left-now)
	}
	if _, err := w.hub.ClosePull(t.Context(), "acme/shop", 7); err != nil {
		t.Fatal(err)
	}
	again, closed, _ := read()
	if len(again) != 102 || closed.Open {
		t.Errorf("%d numbers, open %v", len(again), closed.Open)
	}
}

// quota is what is left of the installation's rate limit.
func quota(t *testing.T, w *world) int {
	t.Helper()
	return w.hub.Left(w.repo.Installation)
}

// An answer is kept for whom it was given to, for as long as there is room.
func TestAnswersAreBounded(t *testing.T) {
	w := newWorld(t)
	var asked, conditional atomic.Int64
	body := strings.Repeat("x", 900<<10)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/access_tokens") {
			rw.WriteHeader(http.StatusCreated)
			_, _ = fmt.Fprint(rw, `{"token":"ghs_x","expires_at":"2100-01-01T00:00:00Z"}`)
			return
		}
		asked.Add(1)
		if r.Header.Get("If-None-Match") != "" {
			conditional.Add(1)
			rw.WriteHeader(http.StatusNotModified)
			return
		}
		rw.Header().Set("Etag", `"`+r.URL.Path+`"`)
		sha := strings.Repeat("a", 40)
		number := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		_, _ = fmt.Fprintf(rw, `{"number":%s,"state":"open","title":%q,"head":{"sha":%q},"base":{"sha":%q,"repo":{"id":%d}}}`,
			number, body, sha, sha, w.repo.ID)
	}))
	defer server.Close()
	c := w.client(t, server.URL)
	read := func(number int) {
		t.Helper()
		if p := must[preview.PullRequest](t)(c.PullRequest(t.Context(), w.repo, number)); p.Number != number || len(p.Title) != len(body) {
			t.Fatalf("read %d: %d, a title of %d", number, p.Number, len(p.Title))
		}
	}
	for n := range 60 { // 54 MB
		read(n + 1)
	}
	read(60)
	read(59)
	if got := conditional.Load(); got != 2 {
		t.Errorf("%d conditional requests for what was read last, want 2", got)
	}
	read(1)
	if got := conditional.Load(); got != 2 {
		t.Error("what was read first is still kept")
	}
	body = strings.Repeat("y", 5<<20) // too large to keep
	read(100)
	read(100)
	if got := conditional.Load(); got != 2 {
		t.Error("a large answer is kept")
	}
}
