// Package worker looks at the rows of one owner whenever they are due: one worker at a time for each row across all
// instances, a bounded number of rows at once, a row again as often as it is marked. It knows nothing of what is done
// with a row: that is the handler's.
//
// Nothing is held in memory that matters. A row stays due in the store until its handler has saved it; a worker that
// dies leaves it due, and whoever gets its lease next goes on.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A Handler works on a row. It saves through the claim as often as it likes; the last save's Due says when to look
// again. An error makes the row be looked at again after a backoff, without being saved.
type Handler func(ctx context.Context, claim *Claim) error

// Options set a pool up. Zero durations and numbers get defaults.
type Options struct {
	Store       preview.Store
	Owner       preview.Owner
	Handle      Handler
	Holder      string        // names this instance in leases
	Concurrency int           // rows at once; 4
	TTL         time.Duration // of a lease; 30 s
	Poll        time.Duration // how often the store is asked for due rows; 5 s
	MinBackoff  time.Duration // after the first error of a row; 500 ms
	MaxBackoff  time.Duration // 5 min
	Log         *slog.Logger
}

// A Pool runs a handler over the rows that are due. Its methods may be called from several goroutines.
type Pool struct {
	o Options

	mu      sync.Mutex
	keys    map[preview.Key]*entry
	queue   []preview.Key
	changed chan struct{} // has a value when queue may have grown
	waker   *time.Timer   // fires at the earliest time of an entry
}

// An entry is what the pool remembers of a row that is being worked on or will be.
type entry struct {
	queued   bool
	running  bool
	again    bool // woken while it ran
	failures int
	wake     time.Time // zero: no timer
}

// New makes a pool; [Pool.Run] starts it.
func New(o Options) *Pool {
	setDefault(&o.Concurrency, 4)
	setDefault(&o.TTL, 30*time.Second)
	setDefault(&o.Poll, 5*time.Second)
	setDefault(&o.MinBackoff, 500*time.Millisecond)
	setDefault(&o.MaxBackoff, 5*time.Minute)
	return &Pool{o: o, keys: map[preview.Key]*entry{}, changed: make(chan struct{}, 1)}
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Wake makes the pool look at a row soon. It is a hint only: the row must have been marked in the store.
func (p *Pool) Wake(key preview.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entry(key)
	if e.running {
		e.again = true
		return
	}
	p.enqueue(key, e)
}

// Run works until ctx is done and then waits for the handlers, which see ctx done too.
func (p *Pool) Run(ctx context.Context) error {
	p.mu.Lock()
	p.waker = time.AfterFunc(time.Hour, p.wakeDue)
	p.mu.Unlock()
	defer p.waker.Stop()
	slots := make(chan struct{}, p.o.Concurrency)
	var wg sync.WaitGroup
	defer wg.Wait()
	poll := time.NewTicker(p.o.Poll)
	defer poll.Stop()
	p.poll(ctx)
	for {
		for {
			key, ok := p.take()
			if !ok {
				break
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			wg.Go(func() {
				defer func() { <-slots }()
				p.work(ctx, key)
			})
		}
		select {
		case <-p.changed:
		case <-poll.C:
			p.poll(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// poll asks the store for what is due: what other instances marked, and what died with a worker.
func (p *Pool) poll(ctx context.Context) {
	keys, err := p.o.Store.Due(ctx, p.o.Owner, time.Now(), 1000)
	if err != nil {
		if ctx.Err() == nil {
			p.o.Log.ErrorContext(ctx, "finding due rows", "owner", p.o.Owner, "error", err)
		}
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range keys {
		e := p.entry(key)
		if e.failures == 0 || e.wake.IsZero() { // a row that backs off is woken by its timer
			p.enqueue(key, e)
		}
	}
}

func (p *Pool) entry(key preview.Key) *entry {
	e := p.keys[key]
	if e == nil {
		e = &entry{}
		p.keys[key] = e
	}
	return e
}

// enqueue needs p.mu.
func (p *Pool) enqueue(key preview.Key, e *entry) {
	if e.queued || e.running {
		return
	}
	e.queued = true
	e.wake = time.Time{}
	p.queue = append(p.queue, key)
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

func (p *Pool) take() (preview.Key, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return preview.Key{}, false
	}
	key := p.queue[0]
	p.queue = p.queue[1:]
	e := p.entry(key)
	e.queued, e.running, e.again = false, true, false
	return key, true
}

// work runs the handler on a row and settles when the row is looked at next.
func (p *Pool) work(ctx context.Context, key preview.Key) {
	due, err := p.handle(ctx, key)
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entry(key)
	e.running = false
	if err != nil {
		e.failures++
		due = time.Now().Add(p.backoff(e.failures))
	} else {
		e.failures = 0
	}
	switch {
	case ctx.Err() != nil:
	case e.again && err == nil:
		p.enqueue(key, e)
	case due.IsZero():
		delete(p.keys, key)
	case !due.After(time.Now()):
		p.enqueue(key, e)
	default:
		e.wake = due
		p.schedule()
	}
}

// handle takes the row's lease, runs the handler, and gives the lease back. It returns when the row is due next.
func (p *Pool) handle(ctx context.Context, key preview.Key) (_ time.Time, err error) {
	log := p.o.Log.With("preview", key.String(), "owner", p.o.Owner)
	lease, ok, err := p.o.Store.Acquire(ctx, preview.LeaseName(key, p.o.Owner), p.o.Holder, p.o.TTL)
	if err != nil {
		if ctx.Err() == nil {
			log.WarnContext(ctx, "acquiring lease", "error", err)
		}
		return time.Time{}, err
	}
	if !ok {
		return time.Now().Add(p.o.TTL / 4), nil // somebody else works on it; it is still due in the store
	}
	ctx, cancel := context.WithCancelCause(ctx)
	claim := &Claim{store: p.o.Store, lease: lease}
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		p.renew(ctx, claim, cancel)
	}()
	err = p.call(ctx, claim, key)
	cancel(nil)
	<-renewing
	if releaseErr := p.o.Store.Release(context.WithoutCancel(ctx), claim.Lease()); releaseErr != nil {
		log.WarnContext(ctx, "releasing lease", "error", releaseErr)
	}
	switch {
	case err == nil:
		return claim.row.Due, nil
	case errors.Is(context.Cause(ctx), preview.ErrLeaseLost) || errors.Is(err, preview.ErrLeaseLost):
		log.WarnContext(ctx, "lease lost", "error", err)
	case errors.Is(err, context.Canceled):
	default:
		log.WarnContext(ctx, "working on preview", "error", err)
	}
	return time.Time{}, err
}

// call loads the row and runs the handler. A panic is an error of this row only.
func (p *Pool) call(ctx context.Context, claim *Claim, key preview.Key) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	claim.row, err = p.o.Store.Load(ctx, key, p.o.Owner)
	if err != nil {
		return err
	}
	return p.o.Handle(ctx, claim)
}

// renew prolongs the lease until ctx is done. When that does not work in time, the work is cancelled before the lease
// runs out.
func (p *Pool) renew(ctx context.Context, claim *Claim, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(p.o.TTL / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		lease, err := p.renewOnce(ctx, claim.Lease())
		switch {
		case err == nil:
			claim.setLease(lease)
		case errors.Is(err, preview.ErrLeaseLost) || time.Until(claim.Lease().Until) < p.o.TTL/3:
			cancel(preview.ErrLeaseLost)
			return
		}
	}
}

// renewOnce gives up in time: a store that does not answer must not keep the work going beyond the lease.
func (p *Pool) renewOnce(ctx context.Context, lease preview.Lease) (preview.Lease, error) {
	ctx, cancel := context.WithDeadline(ctx, lease.Until.Add(-p.o.TTL/3))
	defer cancel()
	return p.o.Store.Renew(ctx, lease, p.o.TTL)
}

// backoff doubles with each failure and is jittered by a quarter.
func (p *Pool) backoff(failures int) time.Duration {
	d := p.o.MinBackoff << min(failures-1, 20)
	if d <= 0 || d > p.o.MaxBackoff {
		d = p.o.MaxBackoff
	}
	return d*3/4 + rand.N(d/2+1) //nolint:gosec // jitter
}

// schedule sets the timer to the earliest wake time. It needs p.mu.
func (p *Pool) schedule() {
	var first time.Time
	for _, e := range p.keys {
		if !e.wake.IsZero() && (first.IsZero() || e.wake.Before(first)) {
			first = e.wake
		}
	}
	if !first.IsZero() && p.waker != nil {
		p.waker.Reset(max(0, time.Until(first)))
	}
}

// wakeDue queues every row whose time has come.
func (p *Pool) wakeDue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for key, e := range p.keys {
		if !e.wake.IsZero() && !e.wake.After(now) {
			p.enqueue(key, e)
		}
	}
	p.schedule()
}
