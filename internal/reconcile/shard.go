package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

const shardWait = 200 * time.Millisecond // between two tries to get the lock

// A shardLock is the right to create a config on an API shard: API Gateway takes one creation at a time per API, and a
// second one may break both.
type shardLock struct {
	cancel context.CancelCauseFunc // of what runs under the lock
	store  preview.Leases
	ttl    time.Duration
	once   sync.Once
	done   chan struct{}
	ended  chan struct{}
	lease  preview.Lease
}

// lockShard waits for the lock. It is had only once API Gateway shows no creation under way, whoever began that. What runs
// under it takes the context that is returned, which is cancelled when the lock is lost.
func (l *look) lockShard(ctx context.Context, project, api string) (*shardLock, context.Context, error) {
	name := "shard:" + project + "/" + api
	var lease preview.Lease
	for {
		var ok bool
		var err error
		lease, ok, err = l.o.Store.Acquire(ctx, name, l.o.Holder, l.o.LeaseTTL)
		if err != nil {
			return nil, nil, err
		}
		if ok {
			break
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(shardWait):
		}
	}
	lock := &shardLock{store: l.o.Store, ttl: l.o.LeaseTTL, done: make(chan struct{}), ended: make(chan struct{}), lease: lease}
	held, cancel := context.WithCancelCause(ctx)
	lock.cancel = cancel
	go lock.renew(held)
	if err := l.awaitQuiet(held, project, api); err != nil {
		lock.unlock(ctx)
		return nil, nil, err
	}
	return lock, held, nil
}

// awaitQuiet waits until no config of the API is being created.
func (l *look) awaitQuiet(ctx context.Context, project, api string) error {
	for {
		configs, err := l.o.APIGateway.Configs(ctx, project, api, nil)
		if err != nil {
			return fmt.Errorf("looking for creations under way: %w", err)
		}
		busy := false
		for _, c := range configs {
			busy = busy || c.State == preview.APIStateCreating
		}
		if !busy {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
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
	})
}
