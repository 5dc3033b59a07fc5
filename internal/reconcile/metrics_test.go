package reconcile

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Every preview is counted in one condition at most, and the one that has waited longest is told of.
func TestConditions(t *testing.T) {
	t.Parallel()
	now := time.Unix(10_000, 0)
	ago := func(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	live := func(changed time.Time) preview.Wanted {
		return preview.Wanted{Intent: preview.IntentLive, Generation: 2, Changed: changed, Members: []preview.Member{{Step: preview.StepReady}}}
	}
	serving := func(generation int64) preview.Observed {
		return preview.Observed{Phase: preview.PhaseLive, Serving: &preview.Serving{Generation: generation}}
	}
	broken := live(ago(70))
	broken.Members[0].Step = preview.StepFailed
	refused := serving(1)
	refused.Failure = &preview.Failure{}
	closed := preview.Wanted{Intent: preview.IntentClosed, Generation: 3, Down: 3, Changed: ago(50)}
	records := map[preview.Key]record{}
	for _, r := range []record{
		{live(ago(900)), serving(2)},        // live
		{live(ago(30)), serving(1)},         // waiting: an older one is served
		{live(ago(20)), preview.Observed{}}, // waiting: nothing is
		{broken, serving(1)},                // failed: a member
		{live(ago(80)), refused},            // failed: the gateway
		{preview.Wanted{Intent: preview.IntentBlocked}, preview.Observed{}},
		{closed, serving(2)}, // removing: not begun
		{closed, preview.Observed{Phase: preview.PhaseRemoving, RemoveFrom: ago(40)}},
		{closed, preview.Observed{Phase: preview.PhaseRemoved, Removed: 3}}, // gone
		{preview.Wanted{Intent: preview.IntentIdle}, preview.Observed{}},
		{preview.Wanted{}, preview.Observed{}},
	} {
		records[preview.Key{Environment: "e", Gateway: "shop", Repository: 1, PullRequest: len(records) + 1}] = r
	}
	registry := prometheus.NewRegistry()
	m := newMetrics(registry)
	m.previews.WithLabelValues("former", string(preview.ConditionLive)).Set(7)
	m.count(records, []string{"shop", "empty"}, now)
	const want = `
# HELP gangway_preview_waiting_seconds How long the preview that has waited longest has been waiting to be live, or to be removed.
# TYPE gangway_preview_waiting_seconds gauge
gangway_preview_waiting_seconds{gateway="empty"} 0
gangway_preview_waiting_seconds{gateway="shop"} 50
# HELP gangway_previews Previews by condition: live, waiting (for builds, revisions or the gateway), failed (somebody has to mend something), blocked, removing.
# TYPE gangway_previews gauge
gangway_previews{condition="blocked",gateway="empty"} 0
gangway_previews{condition="blocked",gateway="shop"} 1
gangway_previews{condition="failed",gateway="empty"} 0
gangway_previews{condition="failed",gateway="shop"} 2
gangway_previews{condition="live",gateway="empty"} 0
gangway_previews{condition="live",gateway="shop"} 1
gangway_previews{condition="removing",gateway="empty"} 0
gangway_previews{condition="removing",gateway="shop"} 2
gangway_previews{condition="waiting",gateway="empty"} 0
gangway_previews{condition="waiting",gateway="shop"} 2
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "gangway_previews", "gangway_preview_waiting_seconds"); err != nil {
		t.Error(err)
	}
}
