package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// How long a preview that waits for a shard is left alone, unless it is woken because its turn has come: the first in the
// line may wait for another instance. A creation that takes longer than hungAfter is none that ends by itself: it is the
// time after which Terraform's provider gives up.
const (
	firstRetry = time.Second
	lineRetry  = 5 * time.Second
	headGone   = 3 * firstRetry // who leads the line and hasn't come for that long is looked at by another instance
	hungAfter  = 20 * time.Minute
)

// A busyError says that a config can't be created on an API shard now. Nothing has been begun.
type busyError struct {
	shard string
	retry time.Duration
}

func (e *busyError) Error() string { return "API shard " + e.shard + " is busy" }

// A shardLock is the right to create a config on an API shard: API Gateway takes one creation at a time per API, and a
// second one may break both.
type shardLock struct {
	cancel context.CancelCauseFunc // of what runs under the lock
	store  preview.Leases
	ttl    time.Duration
	freed  func()
	once   sync.Once
	done   chan struct{}
	ended  chan struct{}
	lease  preview.Lease
}

// shardName names the lock on an API shard.
func shardName(project, api string) string { return "shard:" + project + "/" + api }

// lockShard takes the lock, or returns a *[busyError] at once, so that no worker is held up. The lock is had only while API
// Gateway shows no creation under way, whoever began that. What runs under it takes the context that is returned, which is
// cancelled when the lock is lost.
func (l *look) lockShard(ctx context.Context, project, api string) (*shardLock, context.Context, error) {
	name := shardName(project, api)
	if !l.line.first(name, l.claim.Key()) {
		return nil, nil, &busyError{api, lineRetry}
	}
	lease, ok, err := l.o.Store.Acquire(ctx, name, l.o.Holder, l.o.LeaseTTL)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, &busyError{api, firstRetry}
	}
	lock := &shardLock{
		store: l.o.Store, ttl: l.o.LeaseTTL, done: make(chan struct{}), ended: make(chan struct{}), lease: lease,
		freed: func() {
			if key, ok := l.line.head(name); ok {
				l.o.Wake(key)
			}
		},
	}
	held, cancel := context.WithCancelCause(ctx)
	lock.cancel = cancel
	go lock.renew(held)
	if err := l.quiet(held, project, api); err != nil {
		lock.freed = func() {}
		lock.unlock(ctx)
		return nil, nil, err
	}
	l.line.leave(name, l.claim.Key())
	return lock, held, nil
}

// quiet tells whether no config of the API is being created: nil, or a *[busyError]. A creation that hangs is told as an
// error instead, because waiting doesn't help.
func (l *look) quiet(ctx context.Context, project, api string) error {
	configs, err := l.o.APIGateway.Configs(ctx, project, api, nil)
	if err != nil {
		return fmt.Errorf("looking for creations under way: %w", err)
	}
	for _, c := range configs {
		if c.State != preview.APIStateCreating {
			continue
		}
		if !c.Created.IsZero() && time.Since(c.Created) > hungAfter {
			return l.hung(ctx, c)
		}
		return &busyError{api, firstRetry}
	}
	return nil
}

// hung deals with a creation that doesn't end: a preview that has nothing on that API yet takes another one the next time.
func (l *look) hung(ctx context.Context, c preview.APIConfig) error {
	if l.observed.Serving == nil && !l.dirty {
		for n, api := range l.site.Gateway.APIs {
			if api == c.API {
				l.observed.API = l.site.Gateway.APIs[(n+1)%len(l.site.Gateway.APIs)]
			}
		}
	}
	l.o.Log.ErrorContext(ctx, "a config's creation hangs and holds its API up", "api", c.API, "config", c.ID,
		"created", c.Created, "preview", l.claim.Key().String())
	return fmt.Errorf("API config %s of %s has been in creation since %s: %w",
		c.ID, c.API, c.Created.UTC().Format(time.RFC3339), preview.ErrConflict)
}

// renew keeps the lock until it is given back. When that fails for too long, what runs under it is cancelled.
func (s *shardLock) renew(ctx context.Context) {
	defer close(s.ended)
	tick := time.NewTicker(s.ttl / 4)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		lease, err := s.store.Renew(ctx, s.lease, s.ttl)
		switch {
		case err == nil:
			s.lease = lease
		case errors.Is(err, preview.ErrLeaseLost) || time.Until(s.lease.Until) < s.ttl/3:
			s.cancel(preview.ErrLeaseLost)
			return
		}
	}
}

// unlock gives the lock back; what runs goes on. It may be called more than once.
func (s *shardLock) unlock(ctx context.Context) {
	s.once.Do(func() {
		close(s.done)
		<-s.ended
		_ = s.store.Release(context.WithoutCancel(ctx), s.lease)
		s.freed()
	})
}

// A line is who waits for which shard in this process, in the order in which they came.
type line struct {
	mu     sync.Mutex
	shards map[string][]waiter
}

type waiter struct {
	key  preview.Key
	seen time.Time
}

// first joins the line and tells whether key is the first in it. Who has not been seen for long has gone elsewhere: any
// instance may look at any preview.
func (l *line) first(shard string, key preview.Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	waiting := slices.DeleteFunc(l.shards[shard], func(w waiter) bool { return now.Sub(w.seen) > 2*lineRetry })
	for len(waiting) > 0 && waiting[0].key != key && now.Sub(waiting[0].seen) > headGone {
		waiting = waiting[1:]
	}
	n := slices.IndexFunc(waiting, func(w waiter) bool { return w.key == key })
	if n < 0 {
		n = len(waiting)
		waiting = append(waiting, waiter{key: key})
	}
	waiting[n].seen = now
	if l.shards == nil {
		l.shards = map[string][]waiter{}
	}
	l.shards[shard] = waiting
	return n == 0
}

// behind tells whether key waits in the line, and others before it.
func (l *line) behind(shard string, key preview.Key) bool {
	l.mu.Lock()
	waits := slices.ContainsFunc(l.shards[shard], func(w waiter) bool { return w.key == key })
	l.mu.Unlock()
	return waits && !l.first(shard, key)
}

func (l *line) leave(shard string, key preview.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shards[shard] = slices.DeleteFunc(l.shards[shard], func(w waiter) bool { return w.key == key })
}

func (l *line) head(shard string) (preview.Key, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.shards[shard]) == 0 {
		return preview.Key{}, false
	}
	return l.shards[shard][0].key, true
}
