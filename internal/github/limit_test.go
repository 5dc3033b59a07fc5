package github_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	emulator "github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/github"
	"github.com/gangway-dev/gangway/internal/preview"
)

// hook is a webhook whose status can be changed.
type hook struct {
	url    string
	mu     sync.Mutex
	status int
	seen   []string
}

func newHook(t *testing.T, status *int) *hook {
	h := &hook{status: *status}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.seen = append(h.seen, r.Header.Get("X-GitHub-Delivery"))
		w.WriteHeader(h.status)
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *hook) set(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func (h *hook) guids() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string{""}, h.seen...)
}

func TestLimits(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault emulator.Fault
		wait  time.Duration
	}{
		{"secondary with a header", emulator.Fault{Kind: emulator.FaultSecondaryLimit, RetryAfter: 30}, 30 * time.Second},
		{"secondary without", emulator.Fault{Kind: emulator.FaultSecondaryLimit}, time.Minute},
		{"primary", emulator.Fault{Kind: emulator.FaultPrimaryLimit, RetryAfter: 1_800}, 30 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.open(t, emulator.NewPull{})
			if _, err := w.hub.CreateRepository(t.Context(), "other/repo", fstest.MapFS{"a": {Data: []byte("a")}}); err != nil {
				t.Fatal(err)
			}
			other := must[preview.Repository](t)(w.Repository(t.Context(), "other/repo"))
			test.fault.Path = repoPath
			w.fault(t, test.fault)
			before := w.now()
			limit := expectLimit(t, w)
			if wait := limit.Until.Sub(before); wait < test.wait-2*time.Second || wait > test.wait+10*time.Second {
				t.Errorf("pause of %v, want %v", wait, test.wait)
			}
			asked := w.count("GET", repoPath)
			_ = expectLimit(t, w) // at once, without a request
			if w.count("GET", repoPath) != asked {
				t.Error("a request was made during the pause")
			}
			must[string](t)(w.BranchHead(t.Context(), other, "main")) // the others go on
			w.advance(test.wait + 20*time.Second)
			must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1))
		})
	}
}

func expectLimit(t *testing.T, w *world) *github.LimitError {
	t.Helper()
	_, err := w.PullRequest(t.Context(), w.repo, 1)
	limit, ok := errors.AsType[*github.LimitError](err)
	if !ok || limit.Installation != w.repo.Installation {
		t.Fatalf("error: %v", err)
	}
	return limit
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	w.open(t, emulator.NewPull{})
	fetched := func() int { return w.count("POST", "/app/installations/") }
	read := func() {
		t.Helper()
		must[preview.PullRequest](t)(w.PullRequest(t.Context(), w.repo, 1))
	}
	read()
	id := must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, 0, comment("one")))
	begin := fetched()
	read()
	if fetched() != begin {
		t.Error("a token was not kept")
	}
	if err := w.hub.RevokeTokens(); err != nil {
		t.Fatal(err)
	}
	if got := must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, id, comment("two"))); got != id { // a body is sent twice
		t.Errorf("comment %d, want %d", got, id)
	}
	if fetched() != begin+1 {
		t.Errorf("%d tokens, want one more than %d", fetched(), begin)
	}
	w.advance(56 * time.Minute) // nearly expired
	must[int64](t)(w.WriteComment(t.Context(), w.repo, 1, id, comment("three")))
	if fetched() != begin+2 {
		t.Errorf("%d tokens, want two more than %d", fetched(), begin)
	}
	// A 401 that a new token does not cure is an error after two requests, not a loop.
	w.fault(t, emulator.Fault{Kind: emulator.FaultUnauthorized, Count: 10, Path: repoPath})
	asked := w.count("GET", repoPath+"/pulls/1")
	if _, err := w.PullRequest(t.Context(), w.repo, 1); err == nil || errors.Is(err, preview.ErrNotFound) {
		t.Errorf("error: %v", err)
	}
	if got := w.count("GET", repoPath+"/pulls/1") - asked; got != 2 {
		t.Errorf("%d requests, want 2", got)
	}
}

func TestTokensOnce(t *testing.T) {
	w := newWorld(t)
	w.open(t, emulator.NewPull{})
	c := w.client(t, w.url+"/api/v3/")
	begin := w.count("POST", "/app/installations/")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := c.PullRequest(context.WithoutCancel(t.Context()), w.repo, 1); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := w.count("POST", "/app/installations/") - begin; got != 1 {
		t.Errorf("%d tokens were asked for at once, want 1", got)
	}
}

// TestErrors looks that failures are of the right kind and tell nothing secret.
func TestErrors(t *testing.T) {
	w := newWorld(t)
	w.open(t, emulator.NewPull{})
	var seen atomic.Value // the last token; a request that is cut off orders nothing between its handler and us
	seen.Store("")
	spy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if value, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ghs_"); ok {
			seen.Store(value)
		}
		w.hub.ServeHTTP(rw, r)
	}))
	defer spy.Close()
	c := w.client(t, spy.URL)
	for _, kind := range []emulator.FaultKind{
		emulator.FaultServerError, emulator.FaultReset, emulator.FaultUnauthorized, emulator.FaultSecondaryLimit,
	} {
		w.advance(time.Hour)
		w.fault(t, emulator.Fault{Kind: kind, Count: 5, Path: repoPath})
		_, err := c.PullRequest(t.Context(), w.repo, 1)
		w.hub.ClearFaults()
		if err == nil || errors.Is(err, preview.ErrNotFound) || isUserError(err) {
			t.Errorf("%s: %v", kind, err)
		}
		token, _ := seen.Load().(string)
		if token == "" || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "ghs_") {
			t.Errorf("%s: the error shows the token, or none was used", kind)
		}
	}
	// The token of an unknown installation: its 404 is not the pull request's.
	stranger := w.repo
	stranger.Installation = 5
	if _, err := c.PullRequest(t.Context(), stranger, 1); err == nil || errors.Is(err, preview.ErrNotFound) {
		t.Errorf("unknown installation: %v", err)
	}
	if _, err := c.PullRequest(canceled(t), w.repo, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if log := w.logs.String(); strings.Contains(log, "ghs_") || strings.Contains(log, "eyJ") {
		t.Error("the log shows a token")
	}
}

// TestHostileServer answers with what GitHub never should.
func TestHostileServer(t *testing.T) {
	w := newWorld(t)
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("a redirect took the token elsewhere")
		}
	}))
	defer thief.Close()
	var answer func(http.ResponseWriter, *http.Request)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/access_tokens") {
			rw.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(rw, `{"token":"ghs_x","expires_at":"2100-01-01T00:00:00Z"}`)
			return
		}
		answer(rw, r)
	}))
	defer server.Close()
	c := w.client(t, server.URL)
	for name, f := range map[string]func(http.ResponseWriter, *http.Request){
		"redirect": func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, thief.URL, http.StatusMovedPermanently)
		},
		"empty":     func(http.ResponseWriter, *http.Request) {},
		"no object": func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, `[]`) },
		"no SHA": func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"number":1,"state":"open","head":{"sha":"$(x)"}}`)
		},
		"endless": func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"title":"`)
			chunk := strings.Repeat("x", 1<<20)
			for range 40 {
				_, _ = io.WriteString(rw, chunk)
			}
			_, _ = io.WriteString(rw, `"}`)
		},
		"HTML": func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(rw, "<html>bad gateway")
		},
	} {
		answer = f
		if p, err := c.PullRequest(t.Context(), w.repo, 1); err == nil || p.Number != 0 {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

// A list that never ends is an error, not a loop.
func TestEndlessList(t *testing.T) {
	w := newWorld(t)
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/access_tokens") {
			rw.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(rw, `{"token":"ghs_x","expires_at":"2100-01-01T00:00:00Z"}`)
			return
		}
		asked.Add(1)
		rw.Header().Set("Link", `<`+r.URL.Path+`?page=2>; rel="next"`)
		_, _ = io.WriteString(rw, `[]`)
	}))
	defer server.Close()
	if list, err := w.client(t, server.URL).OpenPullRequests(t.Context(), w.repo); err == nil || !strings.Contains(err.Error(), "more than 10000 entries") {
		t.Errorf("%v, %v", list, err)
	}
	if asked.Load() != 100 {
		t.Errorf("%d requests", asked.Load())
	}
}
