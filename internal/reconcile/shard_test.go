package reconcile_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A preview that waits for a shard holds no worker up: with a single one, another preview is taken in meanwhile. It says
// what it is about to do once, and leaves nothing behind that had to be cleared up.
func TestWaitingHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, pool := w.workers("one", 1)
	lease, ok, err := w.store.Acquire(t.Context(), "shard:p/shard-0", "another instance", time.Minute)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	other := keyOf(43)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	w.start(pool)
	w.until(key, "it waits", func(o preview.Observed) bool { return o.Waiting })
	said := w.count("comment")
	w.want(other, closed(1))
	w.mark(other)
	w.until(other, "it is taken in", phase(preview.PhaseRemoved))
	if o := w.until(key, "it waits", func(o preview.Observed) bool { return o.Waiting }); o.Attempts > 0 || o.Failure != nil {
		t.Errorf("waiting counts as a failure: %+v", o)
	}
	states := w.count("state ")
	if err := w.store.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	w.until(key, "it is live", serves(1))
	if w.count("state "+key.String()) > 0 || states > 0 {
		t.Error("a wait is taken for an apply that was killed")
	}
	if n := w.count("comment"); n > said+4 {
		t.Errorf("%d comments were written", n)
	}
}

// Previews of one instance get a shard in the order in which they came to it.
func TestShardIsHadInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := make(chan struct{})
	release := make(chan struct{})
	w.during = func(_ context.Context, _ preview.Stack, _ func(preview.StackEvent)) error {
		w.change(func() { w.during = nil })
		close(first)
		<-release
		return nil
	}
	w.start(w.pool)
	for pull := 1; pull <= 5; pull++ {
		k := keyOf(pull)
		w.want(k, w.ready(k, 1, sha("a")))
		w.mark(k)
		if pull == 1 {
			<-first
			continue
		}
		w.until(k, "it waits", func(o preview.Observed) bool { return o.Waiting })
	}
	close(release)
	for pull := 1; pull <= 5; pull++ {
		w.until(keyOf(pull), "it is live", serves(1))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var order []string
	for _, stack := range w.applied {
		order = append(order, stack.Key.Tag())
	}
	if want := []string{"pr-1", "pr-2", "pr-3", "pr-4", "pr-5"}; !slices.Equal(order, want) {
		t.Errorf("applied in the order %v", order)
	}
}

// A creation that hangs is told of, and a preview that has nothing on that API takes another one.
func TestHungCreation(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		apis []string
		live bool
	}{"one API": {apis: []string{"shard-0"}}, "another API": {apis: []string{"shard-0", "shard-1"}, live: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.apis = tt.apis
			w.configs["theirs"] = preview.APIConfig{
				API: "shard-0", ID: "theirs", State: preview.APIStateCreating, Created: time.Now().Add(-time.Hour),
			}
			w.want(key, w.ready(key, 1, sha("a")))
			w.have(key, preview.Observed{API: "shard-0"})
			w.mark(key)
			w.start(w.pool)
			if tt.live {
				if o := w.until(key, "it is live", serves(1)); o.API != "shard-1" {
					t.Errorf("it is on %s", o.API)
				}
				return
			}
			o := w.until(key, "people are told", func(o preview.Observed) bool { return o.Failure != nil })
			if w.count("apply") > 0 || o.Failure.Stage != "gateway" {
				t.Errorf("applied %d times, failure %+v", w.count("apply"), o.Failure)
			}
		})
	}
}

// The sweep deletes revisions that no preview needs, and none that is in use, not ours, young, or could be gone back to.
func TestSweepRetiresRevisions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	down, live, stranger := keyOf(1), keyOf(2), keyOf(3)
	w.want(down, closed(1))
	w.have(down, preview.Observed{Phase: preview.PhaseRemoved, Removed: 1})
	wanted := w.ready(live, 1, sha("a"))
	wanted.Members[0].Good, wanted.Members[0].Standing = "orders-good", wanted.Members[0].Revision
	w.want(live, wanted)
	old := time.Now().Add(-time.Hour)
	foreign := labels(down)
	foreign[preview.LabelInstallation] = "other"
	for name, r := range map[string]preview.CloudRunRevision{
		"orders-down":     {Labels: labels(down), Created: time.Now()},
		"orders-refused":  {Labels: labels(down), Created: old},
		"orders-foreign":  {Labels: foreign, Created: old},
		"orders-nobody":   {Created: old},
		"orders-stranger": {Labels: labels(stranger), Created: old},
		"orders-good":     {Labels: labels(live), Created: old},
		"orders-former":   {Labels: labels(live), Created: old},
		"orders-young":    {Labels: labels(live), Created: time.Now()},
		"orders-tagged":   {Labels: labels(down), Created: old},
	} {
		r.Name = name
		w.revisions[name] = r
	}
	w.tag("orders", "theirs", "orders-tagged")
	w.fail["delete-revision orders-refused"] = preview.ErrConflict
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	var deleted []string
	for _, c := range w.calls {
		if name, ok := strings.CutPrefix(c, "delete-revision "); ok {
			deleted = append(deleted, name)
		}
	}
	if want := []string{"orders-down", "orders-former", "orders-refused"}; !slices.Equal(deleted, want) {
		t.Errorf("asked to delete %v, want %v", deleted, want)
	}
	if w.marks(stranger, preview.Intake) == 0 {
		t.Error("nobody looks at the pull request that an unknown revision names")
	}
	for quota, want := range map[string]float64{"tags r": 2. / 2000, "gateways r": 0, "configs shard-0": 0, "revisions orders": 11. / 1000} {
		name, of, _ := strings.Cut(quota, " ")
		if got := w.measured("gangway_quota_used_ratio", "quota", name, "of", of); got != want {
			t.Errorf("%v of %s are used, want %v", got, quota, want)
		}
	}
}

// What a removal can't delete at once fails nothing.
func TestRemovalLeavesRevisionsToTheSweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	w.until(key, "it is live", serves(1))
	for _, call := range []string{"restore-template", "revisions", "delete-revision"} {
		w.change(func() { w.fail[call] = errDown })
	}
	w.want(key, closed(2))
	w.mark(key)
	w.until(key, "it is taken in", phase(preview.PhaseRemoved))
	if w.count("restore-template orders") == 0 {
		t.Error("the template was not put back")
	}
}
