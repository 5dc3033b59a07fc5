package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// get asks for url and returns status and body, or the error.
func get(ctx context.Context, url string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, string(body), err
}

func TestServeDrains(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	entered, leave := make(chan struct{}), make(chan struct{})
	l := listen(t)
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(entered)
			<-leave
			if r.Context().Err() != nil {
				t.Error("the request's context ended before the drain")
			}
			_, _ = io.WriteString(w, "done")
		}), quiet())
	}()
	answered := make(chan string, 1)
	go func() {
		_, body, err := get(t.Context(), "http://"+l.Addr().String())
		if err != nil {
			t.Error(err)
		}
		answered <- body
	}()
	<-entered
	cancel()
	for { // no new connections are taken while it drains
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			break
		}
		_ = c.Close()
	}
	close(leave)
	if body := <-answered; body != "done" {
		t.Errorf("body = %q", body)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

func TestServeCutsOffWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	l := listen(t)
	served := make(chan error, 1)
	entered := make(chan struct{})
	go func() {
		served <- serve(ctx, l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
		}), quiet(), 10*time.Millisecond)
	}()
	go func() { _, _, _ = get(t.Context(), "http://"+l.Addr().String()) }()
	<-entered
	cancel()
	if err := <-served; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("serve = %v, want a deadline", err)
	}
}

func TestServeOnABrokenListener(t *testing.T) {
	t.Parallel()
	l := listen(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), l, http.NotFoundHandler(), quiet()); err == nil {
		t.Error("Serve = nil")
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		h := NewHealth(slog.New(slog.NewTextHandler(&logged, nil)))
		mux := http.NewServeMux()
		h.Register(mux)
		ask := func(path string) (int, string) {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			return w.Code, strings.TrimSpace(w.Body.String())
		}
		if code, body := ask("/readyz"); code != 200 || body != "ok" {
			t.Errorf("without checks: %d %q", code, body)
		}
		asked := 0
		var err error
		h.Add("store", func(context.Context) error { asked++; return err })
		for range 3 {
			if code, _ := ask("/readyz"); code != 200 {
				t.Errorf("with a good check: %d", code)
			}
		}
		if asked != 1 {
			t.Errorf("the check was asked %d times within a second, want 1", asked)
		}
		err = errors.New("secret detail")
		h.Add("pubsub", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		stuck := make(chan struct{})
		h.Add("stuck", func(context.Context) error { <-stuck; return nil })
		code, body := ask("/readyz")
		close(stuck)
		// The one that ends with its context may be counted as stuck; it fails in both cases.
		if code != 503 || body != "not ready: pubsub, store, stuck" {
			t.Errorf("with bad checks: %d %q", code, body)
		}
		if !strings.Contains(logged.String(), "secret detail") {
			t.Errorf("the reason is not logged: %s", logged.String())
		}
		if code, _ := ask("/livez"); code != 200 {
			t.Errorf("/livez = %d, want 200 whatever the checks say", code)
		}
	})
}

func TestMetricsHandler(t *testing.T) {
	t.Parallel()
	h := MetricsHandler(NewMetrics(), NewHealth(quiet()))
	for path, want := range map[string]string{"/metrics": "go_goroutines", "/livez": "ok", "/readyz": "ok"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s = %d without %q", path, w.Code, want)
		}
	}
}

func TestRecoverAndLog(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("the-panic-value") })
	mux.HandleFunc("GET /ok", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	h := Log(log, Recover(log, mux))
	for _, c := range []struct {
		path   string
		status int
		want   []string
	}{
		{"/panic?token=the-query", 500, []string{"level=ERROR", "panicked", "status=500", "server_test.go"}},
		{"/ok", 202, []string{"level=DEBUG", `route="GET /ok"`, "status=202"}},
		{"/missing", 404, []string{"level=INFO", "route=/missing", "status=404"}},
	} {
		logged.Reset()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil))
		if w.Code != c.status {
			t.Errorf("%s = %d, want %d", c.path, w.Code, c.status)
		}
		for _, want := range c.want {
			if !strings.Contains(logged.String(), want) {
				t.Errorf("%s: the log lacks %q:\n%s", c.path, want, logged.String())
			}
		}
		for _, leak := range []string{"the-panic-value", "the-query"} {
			if strings.Contains(logged.String(), leak) {
				t.Errorf("%s: the log holds %q", c.path, leak)
			}
		}
	}
}
