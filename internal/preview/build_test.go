package preview

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// How builds end: what is no fault of the pull request is tried again, twice at most; everything is told in its own words.
func TestHowABuildEnds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	type end struct {
		Builds int
		Says   string
	}
	got := map[BuildStatus]end{}
	for _, status := range []BuildStatus{BuildFailed, BuildTimedOut, BuildCancelled, BuildExpired, BuildBroken} {
		w := Wanted{Generation: 1, Intent: IntentLive, Members: []Member{{Service: "orders", SHA: "s", Generation: 1, Step: StepWaiting}}}
		builds := 0
		for w.Members[0].Step != StepFailed && builds < 10 {
			m := w.Members[0]
			if again := m.Again; builds > 0 && again != status {
				t.Errorf("%s: built again because of %q", status, again)
			}
			builds++
			build := Build{ID: "b", Status: status, Generation: m.Generation, SHA: m.SHA}
			w, _, _ = DecideWanted(Key{}, w, IntakeFacts{Builds: map[string]Build{"orders": build}}, now)
		}
		e := end{Builds: builds}
		if f := w.Members[0].Failure; f != nil && f.Hint != "" {
			e.Says = strings.TrimPrefix(f.Summary, "The build of orders ")
		}
		got[status] = e
	}
	want := map[BuildStatus]end{
		BuildFailed: {1, "failed"}, BuildTimedOut: {1, "took longer than it may"}, BuildCancelled: {1, "was cancelled"},
		BuildExpired: {3, "waited for a free builder for too long"}, BuildBroken: {3, "Cloud Build could not run the build of orders"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
