package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	checkTime = 2 * time.Second
	// checkFor is how long an answer stands, so that asking often costs the far ends nothing.
	checkFor = time.Second
)

// A Health answers /livez (the process runs) and /readyz (everything that it needs is there). The paths are not
// /healthz because Cloud Run keeps that one to itself. It is safe for concurrent use.
type Health struct {
	log *slog.Logger
	now func() time.Time

	mu     sync.Mutex
	checks map[string]func(context.Context) error
	asked  time.Time
	failed []string // names of the checks that failed when last asked
}

// NewHealth makes a Health without checks, which is ready.
func NewHealth(log *slog.Logger) *Health {
	return &Health{log: log, now: time.Now, checks: map[string]func(context.Context) error{}}
}

// Add adds a check to /readyz under a name that is shown to anybody. The check has 2 s; its error is logged and never
// shown. A second check of the same name takes the place of the first.
func (h *Health) Add(name string, check func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks[name] = check
	h.asked = time.Time{}
}

// Register adds GET /livez and GET /readyz to mux.
func (h *Health) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", h.ready)
}

func (h *Health) ready(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	failed := h.Failing(r.Context())
	if len(failed) == 0 {
		_, _ = fmt.Fprintln(w, "ok")
		return
	}
	http.Error(w, "not ready: "+strings.Join(failed, ", "), http.StatusServiceUnavailable)
}

// Failing is the names of the checks that fail now, in order; an answer may be a second old.
func (h *Health) Failing(ctx context.Context) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now().Sub(h.asked) < checkFor {
		return slices.Clone(h.failed)
	}
	// The asker may hang up; the answer is for others as well.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTime)
	defer cancel()
	h.failed = h.run(ctx)
	h.asked = h.now()
	return slices.Clone(h.failed)
}

// run runs all checks at once. h.mu is held.
func (h *Health) run(ctx context.Context) []string {
	type answer struct {
		name string
		err  error
	}
	answers := make(chan answer, len(h.checks))
	for name, check := range h.checks {
		go func() { answers <- answer{name, check(ctx)} }()
	}
	pending := make(map[string]bool, len(h.checks))
	for name := range h.checks {
		pending[name] = true
	}
	var failed []string
	for len(pending) > 0 {
		select {
		case a := <-answers:
			delete(pending, a.name)
			if a.err != nil {
				failed = append(failed, a.name)
				h.log.WarnContext(ctx, "readiness check failed", "check", a.name, "error", a.err)
			}
		case <-ctx.Done(): // some check doesn't heed its context
			for name := range pending {
				failed = append(failed, name)
				h.log.WarnContext(ctx, "readiness check did not end", "check", name)
			}
			clear(pending)
		}
	}
	slices.Sort(failed)
	return failed
}
