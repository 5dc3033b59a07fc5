package reconcile_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// marks are how often a row was marked.
func (w *world) marks(k preview.Key, owner preview.Owner) int64 {
	w.t.Helper()
	row, err := w.store.Load(w.t.Context(), k, owner)
	if err != nil {
		w.t.Fatal(err)
	}
	return row.Marks
}

func (w *world) sweep() error { return w.r.SweepOnce(w.t.Context(), time.Now().Add(-time.Hour)) }

// The sweep tells the intake of what is open, and of what it believes open; a closed one stays as it is.
func TestSweepPullRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open = []int{1, 2}
	w.want(keyOf(2), w.ready(keyOf(2), 1, sha("a")))
	w.want(keyOf(3), w.ready(keyOf(3), 1, sha("a"))) // absent from the list: no evidence, the intake reads it
	w.want(keyOf(4), closed(1))
	w.have(keyOf(4), preview.Observed{Phase: preview.PhaseRemoved, Removed: 1})
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	for pull, want := range map[int][2]int64{1: {1, 0}, 2: {1, 1}, 3: {1, 1}, 4: {0, 0}} {
		if got := [2]int64{w.marks(keyOf(pull), preview.Intake), w.marks(keyOf(pull), preview.Aggregator)}; got != want {
			t.Errorf("pull request %d: %d marks of the intake and the aggregator, want %d", pull, got, want)
		}
	}
	if w.count("redeliver") != 1 || w.count("destroy")+w.count("delete")+w.count("remove") > 0 {
		t.Errorf("calls %q", w.calls)
	}
}

// A closed preview whose intake was not told that everything is taken in is told by the sweep, so that it settles.
func TestSweepSettles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body, err := closed(1).Encode()
	w.save(key, preview.Intake, body, false, err)
	w.have(key, preview.Observed{Phase: preview.PhaseRemoved, Removed: 1})
	if err := w.sweep(); err != nil || w.marks(key, preview.Intake) != 1 || w.marks(key, preview.Aggregator) != 0 {
		t.Errorf("%v, %d marks of the intake, %d of the aggregator", err, w.marks(key, preview.Intake), w.marks(key, preview.Aggregator))
	}
}

// A repository that was renamed is swept as before, and the operator is told what to do. So is one that can't be seen: nothing
// of it is taken in.
func TestSweepRenamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.repo = preview.Repository{ID: 7, Owner: "acme", Name: "store", DefaultBranch: "main"}
	w.open = []int{42}
	w.want(key, w.ready(key, 1, sha("a")))
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	if got := [2]int64{w.marks(key, preview.Intake), w.marks(key, preview.Aggregator)}; got != [2]int64{1, 1} {
		t.Errorf("marks %d", got)
	}
	if log := w.logs.String(); !strings.Contains(log, "new name in the configuration") || !strings.Contains(log, "repo=acme/shop new_name=acme/store") {
		t.Errorf("the log does not tell of it: %s", log)
	}
	w.repo.Name = "Shop" // that is the same name
	w.logs.Reset()
	same, _ := w.instance("same") // has asked nobody yet
	if err := same.SweepOnce(t.Context(), time.Now()); err != nil || w.logs.Len() > 0 {
		t.Errorf("%v, log %s", err, w.logs.String())
	}
	w.fail["repository"] = preview.ErrNotFound
	gone, _ := w.instance("gone")
	if err := gone.SweepOnce(t.Context(), time.Now()); !errors.Is(err, preview.ErrNotFound) || w.count("destroy")+w.count("remove") > 0 {
		t.Errorf("%v, calls %q", err, w.calls)
	}
}

// Each part of a sweep that fails leaves the others going on.
func TestSweepGoesOn(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"list-pulls", "repository", "gateways", "configs", "service", "stacks", "redeliver"} {
		w := newWorld(t)
		w.fail[call] = errDown
		w.want(key, w.ready(key, 1, sha("a")))
		if err := w.sweep(); !errors.Is(err, errDown) {
			t.Errorf("%s: %v", call, err)
		}
		if n := w.marks(key, preview.Aggregator); n != 1 || w.count("redeliver") != 1 {
			t.Errorf("%s: %d marks, %d times asked for deliveries", call, n, w.count("redeliver"))
		}
	}
}

// What is found of a preview that should have nothing is taken in; of one that is not known, the pull request is read
// first; what belongs to something living, or to somebody else, stays.
func TestSweepLeftovers(t *testing.T) {
	t.Parallel()
	down := func(w *world) {
		w.want(key, closed(1))
		w.have(key, preview.Observed{Phase: preview.PhaseRemoved, Removed: 1, Report: preview.ReportRefs{}})
	}
	live := func(w *world) { w.want(key, w.ready(key, 1, sha("a"))) }
	unknown := func(*world) {}
	things := map[string]func(*world, map[string]string){
		"gateway": func(w *world, l map[string]string) {
			w.gateways["g"] = preview.APIGateway{ID: "g", State: preview.APIStateActive, Labels: l}
		},
		"config": func(w *world, l map[string]string) {
			w.configs["c"] = preview.APIConfig{ID: "c", API: "shard-0", State: preview.APIStateActive, Labels: l}
		},
		"tag": func(w *world, l map[string]string) {
			w.tag("catalog", "pr-42", "left")
			w.revisions["left"] = preview.CloudRunRevision{Name: "left", Labels: l}
		},
	}
	foreign := labels(key)
	foreign[preview.LabelInstallation] = "other"
	forged := labels(key)
	forged[preview.LabelPreview] = "0123456789"
	for name, tt := range map[string]struct {
		record func(*world)
		labels map[string]string
		taken  bool // in
		asked  bool // the intake, to read the pull request
	}{
		"down":                  {record: down, labels: labels(key), taken: true},
		"unknown":               {record: unknown, labels: labels(key), asked: true},
		"another installation":  {record: down, labels: foreign},
		"labels that disagree":  {record: down, labels: forged},
		"no labels":             {record: down},
		"unknown and foreign":   {record: unknown, labels: foreign},
		"unknown and disagrees": {record: unknown, labels: forged},
	} {
		for what, put := range things {
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				tt.record(w)
				put(w, tt.labels)
				w.start(w.pool)
				if err := w.sweep(); err != nil {
					t.Fatal(err)
				}
				if found := w.measured("gangway_sweep_findings_total"); (found > 0) != (tt.taken || tt.asked) {
					t.Errorf("counted %v findings", found)
				}
				if n := w.measured("gangway_sweeps_total"); n != 1 {
					t.Errorf("counted %v sweeps", n)
				}
				if tt.taken {
					w.until(key, "it is taken in", func(preview.Observed) bool {
						w.mu.Lock()
						defer w.mu.Unlock()
						_, tagged := w.services["catalog"].Tagged("pr-42")
						return len(w.gateways)+len(w.configs) == 0 && !tagged
					})
					return
				}
				time.Sleep(30 * time.Millisecond)
				if n := w.count("destroy") + w.count("delete") + w.count("remove"); n > 0 {
					t.Errorf("calls %q", w.calls)
				}
				if asked := w.marks(key, preview.Intake) > 0; asked != tt.asked {
					t.Errorf("the intake was asked: %t", asked)
				}
			})
		}
	}
	for what, put := range things {
		t.Run("live "+what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			live(w)
			put(w, labels(key))
			if err := w.sweep(); err != nil || w.count("destroy")+w.count("delete")+w.count("remove") > 0 {
				t.Errorf("%v, calls %q", err, w.calls)
			}
		})
	}
}

// A stack without a living preview is taken in, too; of a record that can't be read nothing is touched.
func TestSweepStacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	unreadable, gone, elsewhere := keyOf(1), keyOf(2), preview.Key{Environment: "production", Gateway: "shop", Repository: 7, PullRequest: 3}
	for _, k := range []preview.Key{unreadable, gone, elsewhere} {
		w.states[k] = preview.StackState{GatewayID: k.GatewayID()}
	}
	w.save(unreadable, preview.Intake, []byte(`{"schema":99}`), false, nil)
	w.want(gone, closed(1))
	w.have(gone, preview.Observed{Phase: preview.PhaseRemoved, Removed: 1})
	w.start(w.pool)
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	w.until(gone, "it is taken in", func(preview.Observed) bool { return w.count("destroy") == 1 })
	time.Sleep(30 * time.Millisecond)
	if w.count("destroy") != 1 || w.marks(unreadable, preview.Intake) > 0 || w.marks(elsewhere, preview.Intake) > 0 {
		t.Errorf("calls %q", w.calls)
	}
}

// A preview that is reopened between the sweep and the look at it stays.
func TestSweepRacesWithReopening(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(key, closed(1))
	w.have(key, preview.Observed{Phase: preview.PhaseRemoved, Removed: 1})
	w.gateways["g"] = preview.APIGateway{ID: "g", State: preview.APIStateActive, Labels: labels(key)}
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	w.want(key, w.ready(key, 2, sha("a")))
	w.start(w.pool)
	w.until(key, "it is live", serves(2))
	if n := w.count("destroy") + w.count("remove"); n > 0 {
		t.Errorf("calls %q", w.calls)
	}
}
