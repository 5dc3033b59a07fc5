package github_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	emulator "github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/github"
	"github.com/gangway-dev/gangway/internal/preview"
)

// Writes of one installation are apart, whoever makes them; those of another don't wait for them. When too many wait, a write
// is refused at once, so that its maker can go on with something else.
func TestWritesArePaced(t *testing.T) {
	w := newWorld(t)
	for range 30 {
		w.open(t, emulator.NewPull{Change: emulator.Change{Files: map[string]string{"a": "b\n"}}})
	}
	if _, err := w.hub.CreateRepository(t.Context(), "other/repo", fstest.MapFS{"a": {Data: []byte("a")}}); err != nil {
		t.Fatal(err)
	}
	const interval = 40 * time.Millisecond
	var mu sync.Mutex
	var at []time.Time
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, repoPath) && r.Method != http.MethodGet {
			mu.Lock()
			at = append(at, time.Now())
			mu.Unlock()
		}
		w.hub.ServeHTTP(rw, r)
	}))
	defer front.Close()
	c, err := github.New(w.options(front.URL, func(o *github.Options) { o.WriteInterval = interval }))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var group sync.WaitGroup
	failed := make(chan error, 30)
	for n := range 30 {
		group.Go(func() {
			_, err := c.WriteComment(context.WithoutCancel(t.Context()), w.repo, n+1, 0, comment("x"))
			failed <- err
		})
	}
	group.Wait()
	close(failed)
	refused := 0
	for err := range failed {
		limit, ok := errors.AsType[*github.LimitError](err)
		if err != nil && (!ok || !limit.Writes || limit.Installation != w.repo.Installation) {
			t.Error(err)
		}
		if err != nil {
			refused++
		}
	}
	if refused+len(at) != 30 || refused == 0 || len(at) < 6 {
		t.Errorf("%d written, %d refused", len(at), refused)
	}
	slices.SortFunc(at, time.Time.Compare)
	// On their way they may come nearer to each other, but none comes before its turn.
	if took, want := at[len(at)-1].Sub(began), time.Duration(len(at)-1)*interval; took < want {
		t.Errorf("%d writes within %v, want at least %v", len(at), took, want)
	}
	must[preview.PullRequest](t)(c.PullRequest(t.Context(), w.repo, 1)) // reads don't wait

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.WriteComment(ctx, w.repo, 1, 0, comment("y")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// At the pace of a second, GitHub's limit of 80 writes a minute is never met.
func TestPaceIsBelowTheLimit(t *testing.T) {
	w := newWorldOf(t, func(o *emulator.Options) { o.WritesPerMinute = 80 })
	w.open(t, emulator.NewPull{})
	id := must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, 0, comment("0")))
	for range 100 { // what a second between them looks like to both clocks
		w.advance(time.Second)
		must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, id, comment(w.now().String())))
	}
	var limited error
	for range 80 { // the emulated GitHub would have said so
		if _, limited = w.WriteComment(t.Context(), w.repo, 1, id, comment("x")); limited != nil {
			break
		}
	}
	if _, ok := errors.AsType[*github.LimitError](limited); !ok {
		t.Errorf("error: %v", limited)
	}
}

// While GitHub refuses without saying for how long, the pauses double up to an hour, and begin anew after an answer.
// Requests that are refused together count once.
func TestPausesGrow(t *testing.T) {
	w := newWorld(t)
	w.open(t, emulator.NewPull{})
	must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1))
	pause := func() time.Duration {
		t.Helper()
		w.fault(t, emulator.Fault{Kind: emulator.FaultSecondaryLimit, Path: repoPath})
		limit := expectLimit(t, w)
		d := limit.Until.Sub(w.now())
		w.advance(d + time.Second)
		return d.Round(time.Minute)
	}
	for n, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if got := pause(); got != want*time.Minute {
			t.Errorf("pause %d is %v, want %v", n, got, want*time.Minute)
		}
	}
	must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1))
	if got := pause(); got != time.Minute {
		t.Errorf("after an answer the pause is %v", got)
	}
	must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1))
	w.fault(t, emulator.Fault{Kind: emulator.FaultSecondaryLimit, Path: repoPath, Count: 4})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { _, _ = w.PullRequest(context.WithoutCancel(t.Context()), w.repo, 1) })
	}
	group.Wait()
	w.hub.ClearFaults()
	if limit := expectLimit(t, w); limit.Until.Sub(w.now()) > 61*time.Second {
		t.Errorf("refused together: a pause of %v", limit.Until.Sub(w.now()))
	}
}

// The last request of an hour is answered, and none is wasted after it.
func TestNothingIsLeft(t *testing.T) {
	w := newWorldOf(t, func(o *emulator.Options) { o.RateLimit = 3 })
	w.open(t, emulator.NewPull{})
	for range 2 { // the first one of the hour has found the repository
		must[string](t)(w.BranchHead(t.Context(), w.repo, "main"))
		if _, err := w.hub.Commit(t.Context(), "acme/shop", "", "octocat", emulator.Change{Files: map[string]string{"n": w.now().String()}}); err != nil {
			t.Fatal(err)
		}
	}
	asked := w.count("GET", repoPath)
	limit := expectLimit(t, w)
	if d := limit.Until.Sub(w.now()); d < 55*time.Minute || d > time.Hour {
		t.Errorf("pause of %v", d)
	}
	if w.count("GET", repoPath) != asked {
		t.Error("a request was made though none was left")
	}
	w.advance(time.Hour)
	must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1))
}

// One request that was waited for in vain keeps the next ones from waiting too, for a while.
func TestSilence(t *testing.T) {
	w := newWorld(t)
	w.open(t, emulator.NewPull{})
	must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1))
	var took time.Duration
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if took > 0 && strings.HasPrefix(r.URL.Path, repoPath) {
			w.advance(took)
			panic(http.ErrAbortHandler)
		}
		w.hub.ServeHTTP(rw, r)
	}))
	defer front.Close()
	c := w.client(t, front.URL)
	must[preview.PullRequest](t)(c.PullRequest(t.Context(), w.repo, 1))
	read := func() (*github.LimitError, bool) {
		t.Helper()
		_, err := c.PullRequest(t.Context(), w.repo, 1)
		if err == nil {
			t.Fatal("no error")
		}
		return errors.AsType[*github.LimitError](err)
	}
	took = time.Second // a connection that ends says nothing of the next one
	for range 2 {
		if limit, ok := read(); ok {
			t.Errorf("a reset: %v", limit)
		}
	}
	took = 30 * time.Second
	if limit, ok := read(); ok {
		t.Errorf("the first one: %v", limit)
	}
	limit, ok := read()
	if !ok || !limit.Away || !strings.Contains(limit.Error(), "does not answer") {
		t.Errorf("the second one: %v", limit)
	}
	took = 0
	w.advance(31 * time.Second)
	must[preview.PullRequest](t)(c.PullRequest(t.Context(), w.repo, 1))
}
