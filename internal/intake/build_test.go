package intake_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/preview"
)

// A failing build is told at once; its log, which comes later or can't be read at first, takes the place of Cloud Build's
// own words.
func TestLogOfAFailingBuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail["log orders-1"] = errDown
	w.start()
	w.mark()
	w.until("orders is built", step("orders", preview.StepBuilding))
	w.change(func() {
		b := w.builds["orders-1"]
		b.Reason = "build step 0 failed"
		w.builds["orders-1"] = b
	})
	w.finish(preview.BuildFailed)
	w.mark()
	detail := func(want string) func(preview.Wanted) bool {
		return func(p preview.Wanted) bool {
			m, ok := p.Member("orders")
			return ok && m.Failure != nil && m.Failure.Detail == want
		}
	}
	told := w.until("the failure is told", detail("build step 0 failed"))
	w.until("it is announced", func(p preview.Wanted) bool { return p.Announced.Digest == told.Digest() })
	w.change(func() {
		clear(w.fail)
		w.logs["orders-1"] = "main.go:7: so sorry"
	})
	w.mark()
	told = w.until("the log is told", detail("main.go:7: so sorry"))
	w.until("it is announced", func(p preview.Wanted) bool { return p.Announced.Digest == told.Digest() })
}

// The log of a build that succeeded, or that was cancelled, is not asked for.
func TestNoLogWithoutAFailingStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.mark()
	w.until("orders is built", step("orders", preview.StepBuilding))
	w.finish(preview.BuildCancelled)
	w.mark()
	got := w.until("it is told", step("orders", preview.StepFailed))
	if m, _ := got.Member("orders"); w.count("log") > 0 || !strings.Contains(m.Failure.Summary, "was cancelled") || got.Generation != 1 {
		t.Errorf("asked for a log %d times; failure %+v, generation %d", w.count("log"), m.Failure, got.Generation)
	}
}

// A fork's build is another account's, goes elsewhere and is marked as a fork's.
func TestBuildOfAFork(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		head          int64
		account, repo string
	}{
		"fork":    {8, "fork@p", "forks/orders"},
		"no fork": {7, "build@p", "images/orders"},
		"deleted": {0, "fork@p", "forks/orders"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.catalog.Previews.Forks = catalog.ForksApproved
			build := &w.catalog.Environments[0].Build
			build.ServiceAccount, build.Fork = "build@p", catalog.ForkBuild{ServiceAccount: "fork@p", Images: "forks"}
			w.pull.HeadRepository = tt.head
			w.pull.Labels = []string{preview.ApprovalLabel(head)}
			w.approval = preview.Approval{By: preview.Account{ID: 4, Login: "ana"}, Permission: "write"}
			w.start()
			w.mark()
			w.until("orders is built", step("orders", preview.StepBuilding))
			w.mu.Lock()
			defer w.mu.Unlock()
			r := w.requests[0]
			got := []any{r.Fork, r.ServiceAccount, r.Image, r.SHA}
			if diff := cmp.Diff([]any{tt.head != 7, tt.account, tt.repo, head}, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// What nobody may clone needs a connection or a bucket; without both that is told instead of a build's failing.
func TestPrivateRepository(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		connection, bucket string
		want               preview.Step
	}{
		"neither": {"", "", preview.StepFailed}, "bucket": {"", "sources", preview.StepBuilding}, "connection": {"c", "", preview.StepBuilding},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.pull.Repository.Private, w.repository.Private = true, true
			w.catalog.Repositories[0].Connection = tt.connection
			w.catalog.Environments[0].Build.SourceBucket = tt.bucket
			w.start()
			w.mark()
			got := w.until(string(tt.want), step("orders", tt.want))
			if m, _ := got.Member("orders"); tt.want == preview.StepFailed && !strings.Contains(m.Failure.Summary, "private") {
				t.Errorf("failure %+v", m.Failure)
			}
		})
	}
}

// A worker that dies between the start of a build and the saving of it leaves a build that nobody knows: when it isn't
// wanted any more, it is looked for and cancelled.
func TestCancelOfABuildThatNobodyKnows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.builds["orders-1"] = preview.Build{ID: "orders-1", Key: key, Status: preview.BuildWorking, Service: "orders", Generation: 1, SHA: head}
	w.fail["build orders"] = errDown // its answer is lost, again and again
	w.start()
	w.mark()
	w.until("a build is tried", func(p preview.Wanted) bool { return step("orders", preview.StepWaiting)(p) && w.count("build") > 1 })
	w.change(func() { w.pull.Open = false })
	w.mark()
	w.until("it is closed and sure", func(p preview.Wanted) bool { return p.Intent == preview.IntentClosed && len(p.Unsure) == 0 })
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.cancelled) != 1 || w.cancelled[0] != "orders-1" {
		t.Errorf("cancelled %q", w.cancelled)
	}
}
