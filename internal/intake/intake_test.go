package intake_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/intake"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/site"
	"github.com/gangway-dev/gangway/internal/worker"
)

func TestOpened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.live()
	m, _ := got.Member("orders")
	if len(got.Members) != 1 || m.Tag != "pr-42" || m.URL != "https://pr-42---orders" || m.Audience != "https://orders" || m.SHA != head {
		t.Errorf("members %+v", got.Members)
	}
	d := w.deployed[0]
	if len(w.deployed) != 1 || d.Env["CATALOG_URL"] != "https://catalog" || d.Env["CATALOG_AUDIENCE"] != "https://catalog" ||
		d.Image != "images/orders@sha256:orders-1" || d.Labels["commit"] != head || d.Labels[preview.LabelPreview] != key.Hash() {
		t.Errorf("deployments %+v", w.deployed)
	}
	var ready preview.RevisionReady
	for _, p := range w.published {
		if body, ok := strings.CutPrefix(p, preview.TopicRevisions+" "); ok {
			if err := json.Unmarshal([]byte(body), &ready); err != nil {
				t.Error(err)
			}
		}
	}
	want := preview.RevisionReady{
		Version: 1, Preview: key.String(), Generation: 1, Service: "orders", Revision: m.Revision, Tag: "pr-42", HeadSHA: head,
		Change: preview.ChangeID(7, 42, head),
	}
	if ready != want {
		t.Errorf("announced %+v, want %+v", ready, want)
	}
}

// A push that leaves a service's files alone keeps its revision, or its build; one that changes them, or of which the files are
// not known, builds.
func TestUnchangedService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := func(n int) string { return strings.Repeat(fmt.Sprint(n), 40) }
	tree := func(orders, catalog string) preview.Tree {
		return preview.Tree{Complete: true, Entries: []preview.TreeEntry{
			{Path: "catalog/main.go", Mode: "100644", SHA: catalog}, {Path: "orders/main.go", Mode: "100644", SHA: orders},
		}}
	}
	w.trees = map[string]preview.Tree{
		head: tree("a", "a"), at(1): tree("a", "b"), at(2): tree("b", "b"), at(3): {Entries: tree("b", "b").Entries},
		at(4): tree("b", "b"), at(5): tree("b", "c"), at(6): tree("b", "c"),
	}
	first, _ := w.live().Member("orders")
	if first.Source == "" || w.deployed[0].Labels[preview.LabelSource] != first.Source {
		t.Errorf("source %q, labels %v", first.Source, w.deployed[0].Labels)
	}
	push := func(n int, what string, paths []string, ok func(preview.Wanted) bool) preview.Wanted {
		t.Helper()
		w.change(func() { w.pull.HeadSHA, w.files.Paths = at(n), paths })
		w.mark()
		return w.until(what, func(p preview.Wanted) bool { return p.HeadSHA == at(n) && ok(p) })
	}
	builds := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.requests)
	}
	orders := []string{"orders/main.go"}
	got := push(1, "another service has changed", orders, func(p preview.Wanted) bool { return p.Ready() && p.Announced.Digest == p.Digest() })
	if m, _ := got.Member("orders"); m.Revision != first.Revision || m.SHA != head || builds() != 1 || len(w.deployed) != 1 {
		t.Errorf("%d builds, %d deployments, %+v", builds(), len(w.deployed), m)
	}
	push(2, "its files have changed", orders, step("orders", preview.StepBuilding))
	push(3, "the tree is incomplete", orders, step("orders", preview.StepBuilding))
	if got := builds(); got != 3 {
		t.Errorf("%d builds, want 3", got)
	}
	push(4, "the tree is known again", orders, step("orders", preview.StepBuilding))
	got = push(5, "pushed while it builds", orders, step("orders", preview.StepBuilding))
	if m, _ := got.Member("orders"); m.SHA != at(4) || builds() != 4 {
		t.Errorf("%d builds, %+v", builds(), m)
	}
	// Now the pull request changes what orders calls: it has to be told another address.
	got = push(6, "what it calls is a member too", append(orders, "catalog/main.go"), step("orders", preview.StepBuilding))
	if m, _ := got.Member("orders"); m.SHA != at(6) {
		t.Errorf("%+v", m)
	}
	w.change(func() { w.fail["tree"] = errors.New("away") })
	push(7, "the tree can't be read", orders, step("orders", preview.StepBuilding))
}

// Members that call each other are told each other's tag URLs; the one that is not a member is told of by its own.
func TestMembersThatCallEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.files.Paths = []string{"orders/main.go", "catalog/main.go"}
	w.start()
	w.mark()
	w.until("both are built", func(p preview.Wanted) bool {
		return step("orders", preview.StepBuilding)(p) && step("catalog", preview.StepBuilding)(p)
	})
	w.finish(preview.BuildSucceeded)
	w.mark()
	w.until("both are ready", preview.Wanted.Ready)
	for _, d := range w.deployed {
		if d.Service.Name == "orders" && (d.Env["CATALOG_URL"] != "https://pr-42---catalog" || d.Env["CATALOG_AUDIENCE"] != "https://catalog") {
			t.Errorf("orders is told %v", d.Env)
		}
	}
}

// A fork's commit is built once somebody who may write has set its label; while it can't be known who did, nothing changes.
func TestForkApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.catalog.Previews.Forks = catalog.ForksApproved
	w.pull.HeadRepository = 8
	w.start()
	w.mark()
	blocked := func(by string) func(preview.Wanted) bool {
		return func(p preview.Wanted) bool {
			return p.Block != nil && p.Block.Reason == preview.BlockFork && p.Block.By == by
		}
	}
	w.until("it is not approved", blocked(""))
	if n := w.count("approval"); n != 0 {
		t.Errorf("asked %d times who has set no label", n)
	}
	w.change(func() {
		w.pull.Labels = []string{preview.ApprovalLabel(head)}
		w.approval = preview.Approval{By: preview.Account{ID: 3, Login: "tina"}, Permission: "read"}
	})
	w.mark()
	w.until("somebody who may not has approved it", blocked("tina"))
	w.change(func() {
		w.approval = preview.Approval{By: preview.Account{ID: 4, Login: "ana"}, Permission: "write"}
		w.fail["approval"] = errDown
	})
	w.mark()
	for range 1500 {
		if w.count("approval") > 3 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.until("it is still blocked", blocked("tina"))
	w.change(func() { delete(w.fail, "approval") })
	w.until("it is built", step("orders", preview.StepBuilding))
	w.change(func() { w.pull.HeadSHA = strings.Repeat("a", 40) }) // a push after the approval
	w.mark()
	w.until("it has to be approved again", blocked(""))
}

// A list of files that GitHub has cut means that everything may have changed.
func TestIncompleteFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.files.Complete = false
	w.start()
	w.mark()
	w.until("all services are members", func(p preview.Wanted) bool { return len(p.Members) == 2 && p.AllChanged })
}

// Somebody moves our tag, or Cloud Run drops it: it is set again, and a foreign one is not taken.
func TestTagMoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, _ := w.live().Member("orders")
	w.change(func() { w.tag("orders", "pr-42", "orders-live") })
	w.mark()
	w.until("the tag stands again", func(preview.Wanted) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		target, ok := w.services["orders"].Tagged("pr-42")
		return ok && target.Revision == before.Revision
	})
	w.until("it is ready again", preview.Wanted.Ready)
	w.change(func() {
		w.tag("orders", "pr-42", "theirs")
		w.fail["deploy orders"] = &preview.UserError{Summary: "somebody else's"}
	})
	w.mark()
	got := w.until("it fails", step("orders", preview.StepFailed))
	if m, _ := got.Member("orders"); m.Failure.Summary != "somebody else's" || m.Failure.Stage != "deploy" {
		t.Errorf("failure %+v", m.Failure)
	}
}

// A member's Cloud Run service that was deleted is told on the pull request.
func TestServiceDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.live()
	w.change(func() {
		delete(w.services, "orders")
		w.fail["deploy orders"] = fmt.Errorf("%w: %w", &preview.UserError{Summary: "does not exist"}, preview.ErrNotFound)
	})
	w.mark()
	got := w.until("it fails", step("orders", preview.StepFailed))
	if m, _ := got.Member("orders"); m.Failure.Summary != "does not exist" {
		t.Errorf("failure %+v", m.Failure)
	}
}

// A revision that does not start gives the tag back to the one before it.
func TestRevisionFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good, _ := w.live().Member("orders")
	w.change(func() { w.pull.HeadSHA = strings.Repeat("f", 40) })
	w.mark()
	w.until("the push is built", func(p preview.Wanted) bool { return p.Generation == 2 && step("orders", preview.StepBuilding)(p) })
	w.change(func() {
		m := preview.Member{CloudRun: "orders", SHA: strings.Repeat("f", 40), Image: "images/orders@sha256:orders-2"}
		name := key.RevisionName(m.CloudRun, m.SHA, m.Image+" 2")
		w.revisions[name] = preview.CloudRunRevision{Name: name, Image: m.Image, Readiness: preview.ReadinessFailed, Message: "exit 1"}
	})
	w.finish(preview.BuildSucceeded)
	w.mark()
	w.until("the tag is given back", func(p preview.Wanted) bool {
		m, _ := p.Member("orders")
		return m.Step == preview.StepFailed && m.Standing == good.Revision
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if target, _ := w.services["orders"].Tagged("pr-42"); target.Revision != good.Revision {
		t.Errorf("the tag is on %q, want %q", target.Revision, good.Revision)
	}
}

// A build that can't be cancelled must not hold up what comes after it.
func TestCancelRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail["cancel orders-1"] = &preview.UserError{Summary: "not allowed"}
	w.start()
	w.mark()
	w.until("orders is built", step("orders", preview.StepBuilding))
	w.change(func() { w.pull.HeadSHA = strings.Repeat("f", 40) })
	w.mark()
	got := w.until("the push is built", func(p preview.Wanted) bool { return p.Generation == 2 && step("orders", preview.StepBuilding)(p) })
	w.until("nothing is left to cancel", func(p preview.Wanted) bool { return len(p.Superseded) == 0 })
	if got.HeadSHA != strings.Repeat("f", 40) || w.count("cancel") != 1 {
		t.Errorf("%d tries to cancel", w.count("cancel"))
	}
}

// Only "state": "closed" is evidence: neither 404 nor any other error takes a preview in, and none keeps what is under way
// from going on.
func TestGitHubAway(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"404": preview.ErrNotFound, "down": errDown} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.start()
			w.mark()
			w.until("orders is built", step("orders", preview.StepBuilding))
			w.change(func() { w.fail["pull 42"], w.fail["repository acme/shop"] = err, err })
			w.mark()
			w.finish(preview.BuildSucceeded)
			w.until("orders is ready", preview.Wanted.Ready)
			row, got := w.row()
			if got.Intent != preview.IntentLive || got.Down != 0 || row.Due.IsZero() {
				t.Errorf("intent %s, down %d, due %s; want it live, and the pull request to be read yet", got.Intent, got.Down, row.Due)
			}
			w.change(func() {
				clear(w.fail)
				w.pull.Open = false
			})
			w.until("it is closed", func(p preview.Wanted) bool { return p.Intent == preview.IntentClosed && p.Down == p.Generation })
		})
	}
}

// A preview whose gateway has left the configuration is left alone at first, and then taken in: its build is cancelled, and
// the aggregator is told.
func TestGatewayLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.live()
	w.change(func() { w.pull.HeadSHA = strings.Repeat("f", 40) })
	w.mark()
	w.until("the push is built", func(p preview.Wanted) bool { return p.Generation == 2 && step("orders", preview.StepBuilding)(p) })
	w.change(func() {
		changed := *w.catalog
		changed.Environments = slices.Clone(changed.Environments)
		changed.Environments[0].Gateways = nil
		w.catalog = &changed
	})
	w.mark()
	parked := w.until("it is noted", func(p preview.Wanted) bool { return !p.Homeless.IsZero() })
	if row, _ := w.row(); parked.Intent != preview.IntentLive || time.Until(row.Due) < 50*time.Minute {
		t.Errorf("it is %s and due at %s; want it left alone for an hour", parked.Intent, row.Due)
	}
	parked.Homeless = time.Now().Add(-2 * time.Hour)
	w.save(parked)
	w.mark()
	got := w.until("it is taken in", func(p preview.Wanted) bool { return p.Intent == preview.IntentBlocked && len(p.Superseded) == 0 })
	if got.Down != got.Generation || w.count("cancel") != 1 {
		t.Errorf("%+v, calls %q; want it down and the build cancelled", got, w.calls)
	}
	w.until("the aggregator is told", func(p preview.Wanted) bool { return p.Announced.Digest == p.Digest() })
}

// A closed preview settles once everything is taken in, and not before.
func TestSettles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.live()
	w.change(func() { w.pull.Open = false })
	w.mark()
	closed := w.until("it is closed", func(p preview.Wanted) bool {
		row, _ := w.row()
		return p.Intent == preview.IntentClosed && row.Due.IsZero()
	})
	if row, _ := w.row(); row.Settled {
		t.Error("it has settled though nothing was taken in")
	}
	lease, ok, err := w.store.Acquire(t.Context(), preview.LeaseName(key, preview.Aggregator), "aggregator", time.Minute)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	row, err := w.store.Load(t.Context(), key, preview.Aggregator)
	if err != nil {
		t.Fatal(err)
	}
	if row.Body, err = (preview.Observed{Phase: preview.PhaseRemoved, Removed: closed.Down}).Encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Save(t.Context(), lease, row); err != nil {
		t.Fatal(err)
	}
	w.mark()
	w.until("it has settled", func(preview.Wanted) bool { row, _ := w.row(); return row.Settled })
}

// While GitHub does not answer, also after a restart, previews expire all the same.
func TestExpiresWithoutGitHub(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.live()
	again := newWorld(t)
	again.store, again.in = w.store, nil
	again.change(func() {
		again.catalog.Previews.ExpireAfter = time.Nanosecond
		again.fail["pull 42"], again.fail["repository acme/shop"] = errDown, preview.ErrNotFound
	})
	in := intake.New(intake.Options{
		Sites: site.New(func() *catalog.Catalog { return again.catalog }, again), GitHub: again, Builds: (*builds)(again),
		CloudRun: (*cloudRun)(again), Publisher: again, Store: again.store, Wake: func(preview.Key) {}, Log: slog.New(slog.DiscardHandler),
	})
	again.pool = worker.New(worker.Options{
		Store: again.store, Owner: preview.Intake, Handle: in.Handle, Holder: "again", Poll: 10 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	})
	again.start()
	again.mark()
	again.until("it is expired", func(p preview.Wanted) bool { return p.Intent == preview.IntentExpired && p.Down == p.Generation })
}

// A hint may name a pull request that does not exist: it is asked about less and less, and found by the sweep if it
// appears.
func TestNoSuchPullRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail["pull 42"] = preview.ErrNotFound
	w.start()
	w.mark()
	w.until("it is put off", func(preview.Wanted) bool { row, _ := w.row(); return time.Until(row.Due) > time.Second })
	if n := w.count("pull"); n > 3 {
		t.Errorf("GitHub was asked %d times", n)
	}
	w.change(func() { clear(w.fail) })
	w.mark()
	w.until("it is there", step("orders", preview.StepBuilding))
}

// A build that Cloud Build has forgotten is a failure that people see; a new one may not be known everywhere yet.
func TestBuildForgotten(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		age  time.Duration
		want preview.Step
	}{"new": {0, preview.StepBuilding}, "old": {time.Hour, preview.StepFailed}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.created = time.Now().Add(-tt.age)
			w.fail["read-build orders-1"] = preview.ErrNotFound
			w.start()
			w.mark()
			w.until("orders is built", func(p preview.Wanted) bool { return len(p.Members) == 1 && p.Members[0].BuildID != "" })
			w.mark()
			w.until("the build was read", func(preview.Wanted) bool { return w.count("read-build") > 0 })
			w.until("it is "+string(tt.want), step("orders", tt.want))
		})
	}
}

// What the configuration does not know (any more) is left alone.
func TestNotConfigured(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.catalog.Environments[0].Gateways[0].Name = "other"
	w.start()
	w.mark()
	w.until("it is put off", func(preview.Wanted) bool { row, _ := w.row(); return time.Until(row.Due) > 30*time.Minute })
	if w.count("pull") > 0 {
		t.Error("GitHub was asked for the pull request")
	}
}

// Pub/Sub that does not answer holds up no build.
func TestPublisherAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail["publish"] = errDown
	w.start()
	w.mark()
	w.until("orders is built", step("orders", preview.StepBuilding))
	w.finish(preview.BuildSucceeded)
	w.until("orders is ready", preview.Wanted.Ready)
	w.change(func() { clear(w.fail) })
	w.until("it is announced", func(p preview.Wanted) bool {
		return p.Announced.Digest == p.Digest() && len(p.Announced.Revisions) == 1
	})
}

// Beyond its limit Cloud Run would delete tags of others: so a preview waits, with a reason, until there is room. That the
// tags can't be counted stops nobody.
func TestRoomForTags(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		tags int
		fail error
		want preview.Intent
	}{
		"room":        {tags: 1979, want: preview.IntentLive},
		"no room":     {tags: 1980, want: preview.IntentBlocked},
		"not counted": {tags: 1980, fail: errDown, want: preview.IntentLive},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.tags, w.fail["tags"] = tt.tags, tt.fail
			w.start()
			w.mark()
			got := w.until("it is decided", func(wanted preview.Wanted) bool { return wanted.Intent != preview.IntentUnknown })
			if got.Intent != tt.want || (got.Block != nil && got.Block.Reason != preview.BlockQuota) {
				t.Errorf("%s, %+v; want %s", got.Intent, got.Block, tt.want)
			}
		})
	}
}

// A service with a pipeline of its own is not built: what the pipeline has deployed under the tag, for the head and with our
// labels, is taken as it is, once all members are there.
func TestOwnPipeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.catalog.Environments[0].Gateways[0].Services[1].Build.Pipeline = true
	w.files.Paths = []string{"orders/main.go", "catalog/main.go"}
	w.start()
	w.mark()
	w.until("the other one is built", step("catalog", preview.StepBuilding))
	w.finish(preview.BuildSucceeded)
	w.mark()
	w.until("it waits for the pipeline", step("catalog", preview.StepBuilt))
	labels := map[string]string{
		preview.LabelInstallation: "test", preview.LabelPreview: key.Hash(), preview.LabelService: "orders", preview.LabelCommit: head,
	}
	put := func(revision string, labels map[string]string) {
		w.change(func() {
			w.revisions[revision] = preview.CloudRunRevision{
				Name: revision, Image: "theirs@sha256:1", Labels: labels, Readiness: preview.ReadinessReady,
			}
			w.tag("orders", "pr-42", revision)
		})
		w.mark()
	}
	for name, change := range map[string][2]string{
		"stale": {preview.LabelCommit, strings.Repeat("b", 40)}, "foreign": {preview.LabelInstallation, "other"}, "users": {preview.LabelService, "users"},
		"other": {preview.LabelPreview, "0123456789"},
	} {
		wrong := maps.Clone(labels)
		wrong[change[0]] = change[1]
		looked := w.count("revision orders-" + name)
		put("orders-"+name, wrong)
		got := w.until("it is looked at", func(preview.Wanted) bool { return w.count("revision orders-"+name) > looked })
		if m, _ := got.Member("orders"); m.Step != preview.StepWaiting {
			t.Errorf("a revision with %s %s is taken: %s", change[0], change[1], m.Step)
		}
	}
	put("orders-theirs", labels)
	got := w.until("both are ready", preview.Wanted.Ready)
	m, _ := got.Member("orders")
	if m.Revision != "orders-theirs" || m.Image != "theirs@sha256:1" || m.URL != "https://pr-42---orders" || len(w.builds) != 1 {
		t.Errorf("member %+v, %d builds", m, len(w.builds))
	}
	// The pipeline ran again for the same commit.
	put("orders-again", labels)
	w.until("that is taken too", func(p preview.Wanted) bool {
		m, _ := p.Member("orders")
		return p.Ready() && m.Revision == "orders-again"
	})
	// A tag that Cloud Run has dropped is set again on the pipeline's revision.
	w.change(func() { w.tag("orders", "pr-42", "") })
	w.mark()
	w.until("it is deployed again", func(preview.Wanted) bool { return w.count("deploy ordersorders-again") > 1 })
	w.until("it is ready again", preview.Wanted.Ready)
}

// A revision that has vanished is deployed again from its digest, under its name.
func TestRevisionVanishes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.live()
	m, _ := got.Member("orders")
	w.change(func() { delete(w.revisions, m.Revision) })
	w.mark()
	w.until("it is deployed again", func(preview.Wanted) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.deployed) == 2
	})
	w.until("it is ready again", preview.Wanted.Ready)
	if again := w.deployed[1]; again.Revision != m.Revision || again.Image != m.Image || again.Tag != m.Tag {
		t.Errorf("deployed again: %+v", again)
	}
}
