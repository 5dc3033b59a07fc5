package firestore

import (
	"context"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A markName is which row is marked.
type markName struct {
	key   preview.Key
	owner preview.Owner
}

// A marker writes marks of one row together that come while another is being written. Firestore takes about one write a
// second to one document for long; a backlog of messages about one preview must not queue up behind that. Between two writes there is a pause, in which the row can be saved.
// https://firebase.google.com/docs/firestore/quotas#soft_limits
type marker struct {
	write func(ctx context.Context, name markName, count int64, at time.Time) error
	pause time.Duration // after each write

	mu    sync.Mutex
	lines map[markName]*batch // by row that is being written; what is written next, or nil
}

// A batch is marks that are written together.
type batch struct {
	count   int64
	at      time.Time // the earliest
	written chan struct{}
	err     error // once written is closed
}

// mark returns when a write that began after the call has ended, or ctx. In the latter case it may yet be written.
func (m *marker) mark(ctx context.Context, name markName, at time.Time) error {
	m.mu.Lock()
	next, writing := m.lines[name]
	if next == nil {
		next = &batch{at: at, written: make(chan struct{})}
		m.lines[name] = next
	}
	next.count++
	if at.Before(next.at) {
		next.at = at
	}
	if !writing {
		go m.work(context.WithoutCancel(ctx), name) // ends with the last mark
	}
	m.mu.Unlock()
	select {
	case <-next.written:
		return next.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work writes batch after batch until there is none.
func (m *marker) work(ctx context.Context, name markName) {
	for {
		m.mu.Lock()
		b := m.lines[name]
		if b == nil {
			delete(m.lines, name)
			m.mu.Unlock()
			return
		}
		m.lines[name] = nil
		m.mu.Unlock()
		b.err = m.write(ctx, name, b.count, b.at)
		close(b.written)
		time.Sleep(m.pause)
	}
}
