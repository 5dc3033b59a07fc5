package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/sqlite"
	"github.com/gangway-dev/gangway/internal/worker"
)

func store(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func key(n int) preview.Key {
	return preview.Key{Environment: "development", Gateway: "shop", Repository: 1, PullRequest: n}
}

// start runs a pool until the test ends.
func start(t *testing.T, s preview.Store, holder string, handle worker.Handler) *worker.Pool {
	t.Helper()
	p := worker.New(worker.Options{
		Store: s, Owner: preview.Intake, Handle: handle, Holder: holder,
		TTL: 400 * time.Millisecond, Poll: 20 * time.Millisecond,
		MinBackoff: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return p
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("never came true:", what)
}

func mark(t *testing.T, s preview.Store, p *worker.Pool, n int) {
	t.Helper()
	if err := s.Mark(context.WithoutCancel(t.Context()), key(n), preview.Intake, time.Now()); err != nil {
		t.Error(err)
	}
	if p != nil {
		p.Wake(key(n))
	}
}

// However many marks arrive, the row is looked at after the last one, never twice at once, and not once for each mark.
func TestCoalesces(t *testing.T) {
	s := store(t)
	var running, runs, lastSeen atomic.Int64
	p := start(t, s, "a", func(ctx context.Context, c *worker.Claim) error {
		if running.Add(1) > 1 {
			t.Error("two handlers on one row")
		}
		defer running.Add(-1)
		runs.Add(1)
		lastSeen.Store(c.Row().Marks)
		time.Sleep(5 * time.Millisecond)
		return c.Save(ctx, []byte(`{}`), false, time.Time{})
	})
	const marks = 100
	for range marks {
		mark(t, s, p, 1)
	}
	eventually(t, "the last mark was seen", func() bool { return lastSeen.Load() == marks })
	eventually(t, "nothing is due", func() bool {
		due, err := s.Due(t.Context(), preview.Intake, time.Now(), 1)
		return err == nil && len(due) == 0
	})
	if n := runs.Load(); n > marks/2 {
		t.Errorf("%d marks made %d runs; want them to coalesce", marks, n)
	}
}

// Two instances share the rows; each row has one worker at a time and none is lost.
func TestTwoInstances(t *testing.T) {
	s := store(t)
	var mu sync.Mutex
	working := map[preview.Key]string{}
	done := map[preview.Key]bool{}
	handler := func(holder string) worker.Handler {
		return func(ctx context.Context, c *worker.Claim) error {
			mu.Lock()
			if other, ok := working[c.Key()]; ok {
				t.Errorf("%s and %s work on %s at once", holder, other, c.Key())
			}
			working[c.Key()] = holder
			mu.Unlock()
			time.Sleep(2 * time.Millisecond)
			mu.Lock()
			delete(working, c.Key())
			done[c.Key()] = true
			mu.Unlock()
			return c.Save(ctx, []byte(`{}`), false, time.Time{})
		}
	}
	start(t, s, "a", handler("a"))
	start(t, s, "b", handler("b"))
	for n := range 30 {
		mark(t, s, nil, n+1)
	}
	eventually(t, "all rows were worked on", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(done) == 30
	})
}

// An error and a panic are tried again and don't stop other rows.
func TestFailuresAreTriedAgain(t *testing.T) {
	s := store(t)
	var tries atomic.Int64
	var other atomic.Bool
	p := start(t, s, "a", func(ctx context.Context, c *worker.Claim) error {
		if c.Key() != key(1) {
			other.Store(true)
			return c.Save(ctx, []byte(`{}`), false, time.Time{})
		}
		switch tries.Add(1) {
		case 1:
			return errors.New("the far end is away")
		case 2:
			panic("a bug")
		}
		return c.Save(ctx, []byte(`{}`), false, time.Time{})
	})
	mark(t, s, p, 1)
	mark(t, s, p, 2)
	eventually(t, "the third try", func() bool { return tries.Load() >= 3 && other.Load() })
	eventually(t, "it was saved", func() bool {
		row, err := s.Load(t.Context(), key(1), preview.Intake)
		return err == nil && row.Version == 1 && row.Due.IsZero()
	})
}

// A worker that loses its lease is told so and can't save.
func TestLostLease(t *testing.T) {
	s := store(t)
	result := make(chan error, 10)
	var first atomic.Bool
	p := start(t, s, "a", func(ctx context.Context, c *worker.Claim) error {
		if !first.CompareAndSwap(false, true) {
			return c.Save(ctx, []byte(`{}`), false, time.Time{})
		}
		stolen := c.Lease()
		if err := s.Release(ctx, stolen); err != nil {
			return err
		}
		if _, ok, err := s.Acquire(ctx, stolen.Name, "thief", 300*time.Millisecond); !ok || err != nil {
			return fmt.Errorf("stealing: %v, %w", ok, err)
		}
		<-ctx.Done()
		result <- c.Save(context.WithoutCancel(ctx), []byte(`{"late":true}`), false, time.Time{})
		return ctx.Err()
	})
	mark(t, s, p, 1)
	if err := <-result; !errors.Is(err, preview.ErrLeaseLost) {
		t.Errorf("saving after the loss: %v; want ErrLeaseLost", err)
	}
	eventually(t, "somebody else went on", func() bool {
		row, err := s.Load(t.Context(), key(1), preview.Intake)
		return err == nil && string(row.Body) == `{}`
	})
}

// A row is looked at again when its time has come.
func TestDueLater(t *testing.T) {
	s := store(t)
	var runs atomic.Int64
	p := start(t, s, "a", func(ctx context.Context, c *worker.Claim) error {
		if runs.Add(1) < 3 {
			return c.Save(ctx, []byte(`{}`), false, time.Now().Add(30*time.Millisecond))
		}
		return c.Save(ctx, []byte(`{}`), false, time.Time{})
	})
	mark(t, s, p, 1)
	eventually(t, "three looks", func() bool { return runs.Load() == 3 })
}

// A silent store keeps every renewal waiting.
type silent struct{ preview.Store }

func (silent) Renew(ctx context.Context, l preview.Lease, _ time.Duration) (preview.Lease, error) {
	<-ctx.Done()
	return l, ctx.Err()
}

// A store that does not answer at all ends the work before its lease runs out, as one that refuses does.
func TestRenewalThatHangs(t *testing.T) {
	s := store(t)
	left := make(chan time.Duration, 1)
	p := start(t, silent{s}, "a", func(ctx context.Context, c *worker.Claim) error {
		until := c.Lease().Until
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
		}
		select {
		case left <- time.Until(until):
		default:
		}
		return context.Cause(ctx)
	})
	mark(t, s, p, 1)
	if d := <-left; d <= 0 {
		t.Errorf("the work ended %v after its lease", -d)
	}
}
