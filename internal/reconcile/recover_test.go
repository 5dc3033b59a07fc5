package reconcile_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Every kind of rest that a killed or failed apply may leave: afterwards the gateway is live, Terraform's state holds all
// that there is of the preview, and nothing else of it is left.
func TestRecovery(t *testing.T) {
	t.Parallel()
	first := newWorld(t) // learns which config it will be
	first.start(first.pool)
	first.want(key, first.ready(key, 1, sha("a")))
	first.mark(key)
	id := first.until(key, "it is live", serves(1)).Serving.ConfigID

	config := func(name string, state preview.APIState) func(*world) {
		return func(w *world) {
			w.configs[name] = preview.APIConfig{API: "shard-0", ID: name, State: state, Labels: labels(key)}
		}
	}
	gateway := func(configID string, state preview.APIState) func(*world) {
		return func(w *world) {
			w.gateways[key.GatewayID()] = preview.APIGateway{
				ID: key.GatewayID(), API: "shard-0", ConfigID: configID, State: state, Labels: labels(key),
			}
		}
	}
	state := func(gatewayID string, configs ...string) func(*world) {
		return func(w *world) { w.states[key] = preview.StackState{ConfigIDs: configs, GatewayID: gatewayID} }
	}
	for name, tt := range map[string]struct {
		left   []func(*world)
		adopt  bool // the gateway is imported
		rename bool // the same content needs another id
		wait   bool // nothing may be done until it is over
	}{
		"nothing was made":                        {},
		"a config was made":                       {left: []func(*world){config(id, preview.APIStateActive)}},
		"an older config was made":                {left: []func(*world){config("older", preview.APIStateActive)}},
		"a config failed":                         {left: []func(*world){config(id, preview.APIStateFailed)}},
		"a config is being made":                  {left: []func(*world){config(id, preview.APIStateCreating)}, wait: true},
		"the state holds the config":              {left: []func(*world){config(id, preview.APIStateActive), state("", id)}},
		"a gateway was made":                      {left: []func(*world){config(id, preview.APIStateActive), state("", id), gateway(id, preview.APIStateActive)}, adopt: true},
		"a gateway is being made":                 {left: []func(*world){config(id, preview.APIStateActive), state("", id), gateway(id, preview.APIStateCreating)}, wait: true},
		"a gateway failed":                        {left: []func(*world){config(id, preview.APIStateActive), state("", id), gateway(id, preview.APIStateFailed)}},
		"the state was lost":                      {left: []func(*world){config(id, preview.APIStateActive), gateway(id, preview.APIStateActive)}, adopt: true, rename: true},
		"the state was lost before an update":     {left: []func(*world){config("older", preview.APIStateActive), gateway("older", preview.APIStateActive)}, adopt: true},
		"killed between config and update":        {left: []func(*world){config(id, preview.APIStateActive), config("older", preview.APIStateActive), gateway("older", preview.APIStateActive), state(key.GatewayID(), "older")}},
		"killed after the update":                 {left: []func(*world){config(id, preview.APIStateActive), config("older", preview.APIStateActive), gateway(id, preview.APIStateActive), state(key.GatewayID(), "older", id)}},
		"the old config could not be deleted":     {left: []func(*world){config(id, preview.APIStateActive), config("older", preview.APIStateActive), gateway(id, preview.APIStateActive), state(key.GatewayID(), id)}},
		"all of it was done but not written down": {left: []func(*world){config(id, preview.APIStateActive), gateway(id, preview.APIStateActive), state(key.GatewayID(), id)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, left := range tt.left {
				left(w)
			}
			w.configs["foreign"] = preview.APIConfig{API: "shard-0", ID: "foreign", State: preview.APIStateActive, Labels: labels(keyOf(43))}
			w.gateways["foreign"] = preview.APIGateway{ID: "foreign", API: "shard-0", ConfigID: "foreign", State: preview.APIStateActive, Labels: labels(keyOf(43))}
			w.want(key, w.ready(key, 1, sha("a")))
			w.have(key, preview.Observed{Phase: preview.PhaseApplying, API: "shard-0", Applying: &preview.Serving{Generation: 1}})
			w.start(w.pool)
			w.mark(key)
			if tt.wait {
				w.until(key, "it waits", func(o preview.Observed) bool { return o.Attempts >= 2 })
				if w.count("apply")+w.count("delete") > 0 {
					t.Fatalf("calls %q", w.calls)
				}
				w.change(func() {
					for id, c := range w.configs {
						c.State = preview.APIStateActive
						w.configs[id] = c
					}
					for id, g := range w.gateways {
						g.State = preview.APIStateActive
						w.gateways[id] = g
					}
				})
			}
			got := w.until(key, "it is live", serves(1))
			w.rests(key)
			w.mu.Lock()
			defer w.mu.Unlock()
			if last := w.applied[len(w.applied)-1]; !tt.wait && last.AdoptGateway != tt.adopt || (last.ConfigID != id) != tt.rename {
				t.Errorf("applied config %s (usually %s), adopting %t", last.ConfigID, id, last.AdoptGateway)
			}
			if g := w.gateways[key.GatewayID()]; g.ConfigID != got.Serving.ConfigID || !slices.Equal(w.states[key].ConfigIDs, []string{g.ConfigID}) {
				t.Errorf("gateway %+v, state %+v, serving %s", g, w.states[key], got.Serving.ConfigID)
			}
			if _, ok := w.configs["foreign"]; !ok || len(w.configs) != 2 || len(w.gateways) != 2 {
				t.Errorf("left: %v, %v", w.configs, w.gateways)
			}
		})
	}
}

// A live preview whose state was lost is not applied on an empty one when the next push comes: what is there is taken over
// at once.
func TestLostStateOfALivePreview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.documents = map[string]string{"orders.yaml b": path("/orders", "get", "list") + path("/more", "get", "more")}
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	w.until(key, "it is live", serves(1))
	w.rests(key)
	w.change(func() { delete(w.states, key) })
	w.want(key, w.ready(key, 2, sha("b")))
	w.mark(key)
	w.until(key, "the push is live", serves(2))
	w.rests(key)
	n := w.count("apply")
	w.mu.Lock()
	defer w.mu.Unlock()
	if n != 2 || !w.applied[1].AdoptGateway {
		t.Errorf("%d applies, want 2 with the gateway adopted by the second", n)
	}
	if len(w.configs) != 1 || len(w.gateways) != 1 {
		t.Errorf("left: %v, %v", w.configs, w.gateways)
	}
}

// After the state was lost, the config that is served has another id than usual. That is no reason to apply again at each
// look.
func TestRenamedConfigRests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	w.until(key, "it is live", serves(1))
	w.rests(key)
	w.change(func() { delete(w.states, key) })
	_, o := w.observed(key)
	o.Phase = preview.PhaseApplying
	w.have(key, o)
	w.mark(key)
	w.until(key, "it is live again", serves(1))
	w.rests(key)
	applies := w.count("apply")
	for range 3 {
		w.mark(key)
		w.rests(key)
	}
	if n := w.count("apply"); n != applies || applies != 2 {
		t.Errorf("%d applies, then %d; want 2", applies, n)
	}
}

// A gateway that is not as it was left is put right; one that is, is not touched.
func TestDrift(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		drift   func(*world, preview.Observed)
		applies int
	}{
		"none": {func(*world, preview.Observed) {}, 1},
		"gateway deleted": {func(w *world, _ preview.Observed) {
			delete(w.gateways, key.GatewayID())
			w.states[key] = preview.StackState{}
		}, 2},
		"all deleted": {func(w *world, _ preview.Observed) { clear(w.gateways); clear(w.configs); clear(w.states) }, 2},
		"other config": {func(w *world, o preview.Observed) {
			g := w.gateways[key.GatewayID()]
			g.ConfigID = "other"
			w.gateways[g.ID] = g
			w.configs["other"] = preview.APIConfig{API: "shard-0", ID: "other", State: preview.APIStateActive, Labels: labels(key)}
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.start(w.pool)
			w.want(key, w.ready(key, 1, sha("a")))
			w.mark(key)
			got := w.until(key, "it is live", serves(1))
			w.rests(key)
			looks := w.count("service orders")
			w.change(func() { tt.drift(w, got) })
			w.mark(key)
			w.until(key, "it was looked at", func(preview.Observed) bool { return w.count("service orders") > looks })
			w.rests(key)
			w.mu.Lock()
			defer w.mu.Unlock()
			if g := w.gateways[key.GatewayID()]; len(w.applied) != tt.applies || g.ConfigID != got.Serving.ConfigID || len(w.configs) != 1 {
				t.Errorf("%d applies, want %d; gateway %+v, configs %v", len(w.applied), tt.applies, g, w.configs)
			}
		})
	}
}

// creating applies as Terraform does on a shard that takes one creation at a time, and tells how many ran at once.
func creating(running, most *atomic.Int32) func(context.Context, preview.Stack, func(preview.StackEvent)) error {
	return func(_ context.Context, _ preview.Stack, observe func(preview.StackEvent)) error {
		n := running.Add(1)
		for {
			old := most.Load()
			if n <= old || most.CompareAndSwap(old, n) {
				break
			}
		}
		time.Sleep(10 * time.Millisecond)
		running.Add(-1)
		told := make(chan struct{}) // another goroutine tells, as with the real one
		go func() {
			defer close(told)
			observe(preview.StackEvent{Resource: "api_config", Action: "create", Done: true})
			observe(preview.StackEvent{Resource: "gateway", Action: "create"})
		}()
		<-told
		time.Sleep(10 * time.Millisecond)
		return nil
	}
}

// Two instances never create two configs on one shard at once, and what waits goes on as soon as a config is complete.
func TestShardLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var running, most atomic.Int32
	w.during = creating(&running, &most)
	w.start(w.pool)
	_, other := w.instance("other")
	w.start(other)
	for pull := 1; pull <= 6; pull++ {
		k := keyOf(pull)
		w.want(k, w.ready(k, 1, sha("a")))
		w.mark(k)
	}
	for pull := 1; pull <= 6; pull++ {
		w.until(keyOf(pull), "it is live", serves(1))
	}
	if most.Load() != 1 {
		t.Errorf("%d configs were created at once", most.Load())
	}
}

// A creation that somebody else began is waited for, also without a lock.
func TestShardIsBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configs["theirs"] = preview.APIConfig{API: "shard-0", ID: "theirs", State: preview.APIStateCreating}
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	w.until(key, "it looks for creations", func(preview.Observed) bool { return w.count("configs") > 0 })
	time.Sleep(50 * time.Millisecond)
	if w.count("apply") > 0 {
		t.Fatal("a second config is created")
	}
	w.change(func() { delete(w.configs, "theirs") })
	w.until(key, "it is live", serves(1))
}

// The lock is given back after a failure too, and is ours no longer once somebody else has it: then Terraform is stopped.
func TestShardLockIsGivenBackAndLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail["apply"] = errDown
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	w.until(key, "it was tried", func(o preview.Observed) bool { return o.Attempts > 0 })
	var lease preview.Lease
	for ok := false; !ok; time.Sleep(time.Millisecond) {
		var err error
		if lease, ok, err = w.store.Acquire(t.Context(), "shard:p/shard-0", "somebody", time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	stopped := make(chan error, 1)
	w.change(func() {
		clear(w.fail)
		w.during = func(ctx context.Context, _ preview.Stack, _ func(preview.StackEvent)) error {
			w.change(func() { w.during = nil })
			if !w.steal("shard:p/shard-0") {
				t.Error("the lock is not held during the apply")
			}
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Second):
			}
			stopped <- context.Cause(ctx)
			return context.Cause(ctx)
		}
	})
	if err := w.store.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if err := <-stopped; !errors.Is(err, preview.ErrLeaseLost) {
		t.Errorf("Terraform was stopped by %v", err)
	}
	w.until(key, "it is live", serves(1))
}

// steal takes a lease from whoever holds it, as when a machine was asleep for longer than it, and gives it back.
func (w *world) steal(name string) bool {
	ctx := context.WithoutCancel(w.t.Context())
	if _, ok, err := w.store.Acquire(ctx, name, "thief", time.Second); ok || err != nil {
		return false // it was free
	}
	for epoch := range int64(1000) {
		if err := w.store.Release(ctx, preview.Lease{Name: name, Epoch: epoch}); err != nil {
			w.t.Error(err)
		}
	}
	lease, ok, err := w.store.Acquire(ctx, name, "thief", time.Second)
	return ok && err == nil && w.store.Release(ctx, lease) == nil
}
