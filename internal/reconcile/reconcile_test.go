package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

func TestLiveAndClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	got := w.until(key, "it is live", serves(1))
	if got.Serving.Others != 1 || len(got.Serving.Members) != 1 || got.API != "shard-0" || got.Serving.URL != "https://"+key.GatewayID()+".example" {
		t.Errorf("observed %+v", got)
	}
	w.want(key, closed(2))
	w.mark(key)
	w.until(key, "it is taken in", func(o preview.Observed) bool { return o.Phase == preview.PhaseRemoved && o.Removed == 2 })
	w.rests(key)
	if changes, applies := w.measured("gangway_change_seconds"), w.measured("gangway_terraform_apply_seconds"); changes != 1 || applies != 1 {
		t.Errorf("measured %v changes and %v applies, want one each", changes, applies)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, tagged := w.services["orders"].Tagged("pr-42"); tagged || len(w.configs)+len(w.gateways)+len(w.states) > 0 {
		t.Errorf("left: tag %t, %v %v %v", tagged, w.configs, w.gateways, w.states)
	}
	if body := w.comments[len(w.comments)-1].Body; !strings.Contains(body, "removed") {
		t.Errorf("the comment says %q", body)
	}
	if last := w.statuses[len(w.statuses)-1]; last != "13 inactive" {
		t.Errorf("the deployment is %q", last)
	}
}

// A preview whose gateway has left the configuration stays while the intake says that it is wanted. Then it is taken in, the tag
// of a service that nothing tells of any more, too.
func TestGatewayLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	w.until(key, "it is live", serves(1))
	w.change(func() { w.without = true })
	w.mark(key)
	w.until(key, "it was looked at", func(preview.Observed) bool {
		row, err := w.store.Load(t.Context(), key, preview.Aggregator)
		return err == nil && time.Until(row.Due) > 50*time.Minute
	})
	if n := w.count("destroy") + w.count("delete") + w.count("remove"); n > 0 {
		t.Errorf("calls %q", w.calls)
	}
	gone := preview.Wanted{
		Generation: 2, Down: 2, Intent: preview.IntentBlocked, Block: &preview.Block{Reason: preview.BlockConfig}, HeadSHA: sha("a"), Tagged: []string{"orders"},
	}
	w.want(key, gone)
	w.mark(key)
	w.until(key, "it is taken in", func(o preview.Observed) bool { return o.Phase == preview.PhaseRemoved && o.Removed == 2 })
	w.rests(key)
	stop()
	if _, tagged := w.services["orders"].Tagged("pr-42"); tagged || len(w.configs)+len(w.gateways)+len(w.states) > 0 {
		t.Errorf("left: tag %t, %v %v %v", tagged, w.configs, w.gateways, w.states)
	}
	if body := w.comments[len(w.comments)-1].Body; !strings.Contains(body, "configuration") {
		t.Errorf("the comment says %q", body)
	}
}

// The row is saved before an apply begins, with all by which what it leaves can be found.
func TestNotedBeforeApply(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.during = func(context.Context, preview.Stack, func(preview.StackEvent)) error {
		row, o := w.observed(key)
		if o.Phase != preview.PhaseApplying || o.API != "shard-0" || o.Applying == nil || row.Due.IsZero() {
			t.Errorf("during the apply: due %s, %+v", row.Due, o)
		}
		return nil
	}
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	w.until(key, "it is live", serves(1))
}

// What becomes live while something newer is being built is what the link serves.
func TestPushDuringApply(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.during = func(context.Context, preview.Stack, func(preview.StackEvent)) error {
		newer := w.ready(key, 2, sha("c"))
		newer.Members[0].Step = preview.StepBuilding
		w.want(key, newer)
		return nil
	}
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	got := w.until(key, "the apply has ended", phase(preview.PhaseLive))
	w.rests(key)
	if got.Serving == nil || got.Serving.HeadSHA != sha("a") {
		t.Fatalf("serving %+v", got.Serving)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if body := w.comments[len(w.comments)-1].Body; !strings.Contains(body, "still serves `aaaaaaa`") {
		t.Errorf("the comment says %q", body)
	}
}

// Of a document that API Gateway refuses, the next push is told too, though nothing is tried again.
func TestRefusedDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail["apply"] = &preview.UserError{Summary: "not accepted"}
	w.start(w.pool)
	for generation := range int64(2) {
		w.want(key, w.ready(key, generation+1, sha("ac"[generation:generation+1])))
		w.mark(key)
		w.until(key, "it is told", func(preview.Observed) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			last := len(w.checks) - 1
			return last >= 0 && w.checks[last].Conclusion == "failure" && strings.HasPrefix(w.checks[last].HeadSHA, "ac"[generation:generation+1])
		})
		w.rests(key)
	}
	if n := w.count("apply"); n != 1 {
		t.Errorf("%d applies of the same document", n)
	}
}

// A document that is missing is told by name before any tag moves, and not tried again until something changes; then its
// members may be deployed.
func TestDocumentIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail["content orders.yaml"] = preview.ErrNotFound
	w.start(w.pool)
	built := w.ready(key, 1, sha("a"))
	built.Members[0].Step = preview.StepBuilt
	w.want(key, built)
	w.mark(key)
	got := w.until(key, "it is told", func(o preview.Observed) bool { return o.Failure != nil })
	w.rests(key)
	if got.Failure.Summary != "The OpenAPI document of orders is missing" || w.count("content orders.yaml") != 1 {
		t.Errorf("told %q after %d tries", got.Failure.Summary, w.count("content orders.yaml"))
	}
	w.change(func() { clear(w.fail) })
	w.mark(key)
	w.until(key, "its members may be deployed", func(o preview.Observed) bool { return o.Accepted == 1 && o.Failure == nil })
	w.rests(key)
	row, err := w.store.Load(t.Context(), key, preview.Intake)
	if err != nil || row.Marks == 0 || w.count("apply") > 0 {
		t.Errorf("%d marks of the intake, %d applies, %v", row.Marks, w.count("apply"), err)
	}
}

// What people have to mend before something can be taken in is tried again with pauses, and the rest is taken in.
func TestTakingInIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail["remove-tag orders pr-42"] = &preview.UserError{Summary: "not allowed"}
	w.start(w.pool)
	w.want(key, closed(1))
	w.mark(key)
	w.until(key, "it is told", func(o preview.Observed) bool { return o.Attempts >= 3 })
	if a, d := func() (int, int) { _, o := w.observed(key); return o.Attempts, w.count("destroy") }(); d > a+2 {
		t.Errorf("%d destroys in %d looks", d, a)
	}
	w.change(func() { clear(w.fail) })
	w.until(key, "it is taken in", phase(preview.PhaseRemoved))
}

// A former member's tag that can't be removed does not keep the preview from being said to be ready.
func TestFormerTagIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail["remove-tag catalog pr-42"] = &preview.UserError{Summary: "not allowed"}
	w.start(w.pool)
	wanted := w.ready(key, 1, sha("a"))
	wanted.Tagged = append(wanted.Tagged, "catalog")
	w.want(key, wanted)
	w.mark(key)
	w.until(key, "it is ready", serves(1))
	w.change(func() { clear(w.fail) })
	w.until(key, "the tag is removed", func(o preview.Observed) bool { return o.Cleaned == 1 })
}

// The gateway must never lose the very service that the pull request changes.
func TestMembersServiceIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.change(func() { delete(w.services, "orders") })
	w.mark(key)
	w.until(key, "it was tried", func(o preview.Observed) bool { return o.Attempts >= 3 && o.Failure != nil })
	row, err := w.store.Load(t.Context(), key, preview.Intake)
	if err != nil || row.Marks == 0 || w.count("apply") > 0 {
		t.Errorf("%d applies, %d marks of the intake, %v", w.count("apply"), row.Marks, err)
	}
}

// A service that the environment does not have yet is left out.
func TestServiceThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.change(func() { delete(w.services, "catalog") })
	w.mark(key)
	if got := w.until(key, "it is live", serves(1)); got.Serving.Others != 0 {
		t.Errorf("%d other services", got.Serving.Others)
	}
}

// Where the preview's code redirects to is not called.
func TestProbeFollowsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	w.until(key, "it is live", serves(1))
	if w.count("get https://") == 0 || w.count("get http://169") > 0 {
		t.Errorf("called %q", w.calls)
	}
}

// Previews are taken in while GitHub does not answer; the comment follows, also when the process that did it is gone.
func TestTakenInWithoutGitHub(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]error{"down": errDown, "404": preview.ErrNotFound} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			stop := w.start(w.pool)
			w.want(key, w.ready(key, 1, sha("a")))
			w.mark(key)
			w.until(key, "it is live", serves(1))
			w.rests(key)
			stop()
			for _, call := range []string{"repository", "comment", "check", "deployment", "status", "list-deployments", "content", "branch"} {
				w.fail[call] = down
			}
			_, again := w.instance("again") // without anything in memory
			stop = w.start(again)
			w.want(key, closed(2))
			w.mark(key)
			w.until(key, "it is taken in", phase(preview.PhaseRemoved))
			row, o := w.observed(key)
			stop()
			if row.Due.IsZero() || len(w.gateways) > 0 {
				t.Fatalf("due %s though the comment still says %+v; gateways %v", row.Due, o.Report, w.gateways)
			}
			clear(w.fail)
			_, third := w.instance("third")
			w.start(third)
			w.rests(key)
			w.mu.Lock()
			defer w.mu.Unlock()
			if body := w.comments[len(w.comments)-1].Body; !strings.Contains(body, "Preview removed") {
				t.Errorf("the comment says %q", body)
			}
		})
	}
}

// A draft has no gateway, so that no sweep would look at it: its comment must not get lost.
func TestCommentOfBlockedIsNotLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail["comment"] = errDown
	stop := w.start(w.pool)
	w.want(key, preview.Wanted{
		Generation: 1, Intent: preview.IntentBlocked, Block: &preview.Block{Reason: preview.BlockDraft}, HeadSHA: sha("a"), Changed: time.Now(),
	})
	w.mark(key)
	w.until(key, "it was tried", func(preview.Observed) bool { return w.count("comment") > 0 && w.count("check") > 0 })
	stop()
	if row, _ := w.observed(key); row.Due.IsZero() {
		t.Error("the row is not due though the comment was not written")
	}
}

// GitHub refuses a comment on a locked pull request: the check run says it, and nothing is tried again until there is
// something else to say.
func TestReportIsRefused(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"comment", "check", "deployment", "status"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.fail[call] = &preview.UserError{Summary: "refused"}
			w.start(w.pool)
			w.want(key, w.ready(key, 1, sha("a")))
			w.mark(key)
			w.until(key, "it is live", serves(1))
			w.rests(key)
			tries := w.count(call + " ")
			w.mark(key)
			time.Sleep(100 * time.Millisecond)
			if n := w.count(call + " "); n != tries {
				t.Errorf("tried %d times more", n-tries)
			}
		})
	}
}

// A new head's check run replaces the old head's, and a lost deployment is found by its task.
func TestReportOfNewHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.have(key, preview.Observed{Report: preview.ReportRefs{Commented: true, CheckSHA: sha("9"), DeploymentGen: 1}}) // killed before the ids were known
	w.start(w.pool)
	w.want(key, w.ready(key, 2, sha("a")))
	w.mark(key)
	w.until(key, "it is live", serves(2))
	w.rests(key)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.checks[0].HeadSHA != sha("9") || w.checks[0].Conclusion != "neutral" {
		t.Errorf("the first check run written is %+v; want the old head's, superseded", w.checks[0])
	}
	if len(w.statuses) < 2 || w.statuses[0] != "13 inactive" || w.statuses[1] != "14 inactive" {
		t.Errorf("statuses %q; want both old deployments retired first", w.statuses)
	}
	if last := w.statuses[len(w.statuses)-1]; last != "13 success" {
		t.Errorf("the deployment is %q", last)
	}
}

func TestHint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"", "x", "development/shop/7/0", "development/shop/7/43", "../../etc/passwd"} {
		if err := w.r.Hint(t.Context(), name); !errors.Is(err, preview.ErrIgnored) {
			t.Errorf("%q: %v; want it to be ignored", name, err)
		}
	}
	keys, err := w.store.Due(t.Context(), preview.Aggregator, time.Now().Add(time.Hour), 10)
	if err != nil || len(keys) > 0 {
		t.Errorf("due after hints that name nothing: %v, %v", keys, err)
	}
	w.want(key, w.ready(key, 1, sha("a")))
	if err := w.r.Hint(t.Context(), key.String()); err != nil {
		t.Error(err)
	}
	if row, _ := w.observed(key); row.Marks != 1 {
		t.Errorf("%d marks", row.Marks)
	}
}

// One of two instances loses its lease in the middle of an apply: its Terraform is told to stop, and it saves nothing.
func TestLeaseLostDuringApply(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, ended := make(chan struct{}, 1), make(chan error, 1)
	w.during = func(ctx context.Context, _ preview.Stack, _ func(preview.StackEvent)) error {
		w.change(func() { w.during = nil })
		begun <- struct{}{}
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.pool.Run(ctx) }()
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	<-begun
	cancel(errors.New("this instance goes"))
	if err := errors.Join(<-done); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("Terraform went on")
	}
	if row, o := w.observed(key); o.Phase != preview.PhaseApplying || row.Due.IsZero() {
		t.Errorf("left as %s, due %s", o.Phase, row.Due)
	}
	_, again := w.instance("again")
	w.start(again)
	w.until(key, "it is live", serves(1))
}

// However long a preview can't be applied, it is tried with pauses, and said after a while.
func TestTemporaryFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail["apply"] = fmt.Errorf("quota: %w", errDown)
	w.start(w.pool)
	w.want(key, w.ready(key, 1, sha("a")))
	w.mark(key)
	w.until(key, "it is told", func(o preview.Observed) bool { return o.Failure != nil && o.Attempts >= 3 })
	w.change(func() { clear(w.fail) })
	if got := w.until(key, "it is live", serves(1)); got.Failure != nil || got.Attempts != 0 {
		t.Errorf("after success: %+v", got)
	}
}

// A label that names no commit in full says nothing: the document is assumed to be the base branch's, and nothing else is
// disturbed.
func TestLabelIsNoCommit(t *testing.T) {
	t.Parallel()
	for _, label := range []string{"main", "b1b2b3b", strings.ToUpper(sha("b")), ""} {
		w := newWorld(t)
		for name, r := range w.revisions {
			r.Labels = map[string]string{"commit": label}
			w.revisions[name] = r
		}
		w.start(w.pool)
		w.want(key, w.ready(key, 1, sha("a")))
		w.mark(key)
		got := w.until(key, "it is live", func(o preview.Observed) bool { return o.Phase == preview.PhaseLive })
		if !slices.Equal(got.Serving.Assumed, []string{"catalog"}) {
			t.Errorf("%q: assumed %v; want catalog's document to be", label, got.Serving.Assumed)
		}
	}
}
