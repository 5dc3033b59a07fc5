package preview

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The log of a step that failed comes late and in parts: what is there is told, and the looking for more ends.
func TestLogComesLater(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	type look struct {
		After  time.Duration
		Detail string
		Wants  bool
		Next   time.Duration // after this look; 0: never
	}
	for name, tt := range map[string]struct {
		logs map[time.Duration]string
		want []look
	}{
		"at once": {
			map[time.Duration]string{0: "all", 2 * time.Second: "all", 12 * time.Second: "all"},
			[]look{{0, "all", true, 2 * time.Second}, {2 * time.Second, "all", true, 2 * time.Second}, {12 * time.Second, "all", false, 0}},
		},
		"in parts": {
			map[time.Duration]string{2 * time.Second: "half", 12 * time.Second: "all", 24 * time.Second: "all"},
			[]look{
				{0, "reason", true, 2 * time.Second},
				{2 * time.Second, "half", true, 2 * time.Second},
				{12 * time.Second, "all", true, 12 * time.Second},
				{24 * time.Second, "all", false, 0},
			},
		},
		"never": {
			nil,
			[]look{{0, "reason", true, 2 * time.Second}, {45 * time.Second, "reason", true, 15 * time.Second}, {time.Minute, "reason", false, 0}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := Wanted{Generation: 1, Intent: IntentLive, Members: []Member{
				{Service: "orders", SHA: "s", Generation: 1, Step: StepBuilding, BuildID: "b"},
			}}
			build := Build{ID: "b", Status: BuildFailed, Generation: 1, SHA: "s", Reason: "reason"}
			var got []look
			digests := map[string]bool{}
			for _, l := range tt.want {
				now := begin.Add(l.After)
				facts := IntakeFacts{Builds: map[string]Build{"orders": build}, Logs: map[string]string{"orders": tt.logs[l.After]}}
				var next time.Time
				w, _, next = DecideWanted(Key{}, w, facts, now)
				m := w.Members[0]
				digests[w.Digest()] = true
				seen := look{After: l.After, Detail: m.Failure.Detail, Wants: m.WantsLog(now)}
				if !next.IsZero() {
					seen.Next = next.Sub(now)
				}
				got = append(got, seen)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			texts := map[string]bool{}
			for _, l := range tt.want {
				texts[l.Detail] = true
			}
			if len(digests) != len(texts) {
				t.Errorf("the aggregator is told %d times of %d texts", len(digests), len(texts))
			}
		})
	}
}

// What is no failing step's doing has no log, and a log of nobody's changes nothing.
func TestLogOfNothing(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, status := range []BuildStatus{BuildWorking, BuildSucceeded, BuildCancelled} {
		w := Wanted{Generation: 1, Intent: IntentLive, Members: []Member{
			{Service: "orders", SHA: "s", Generation: 1, Step: StepBuilding, BuildID: "b"},
		}}
		facts := IntakeFacts{
			Builds: map[string]Build{"orders": {ID: "b", Status: status, Generation: 1, SHA: "s", Image: "i", Digest: "d"}},
			Logs:   map[string]string{"orders": "text"},
		}
		w, _, _ = DecideWanted(Key{}, w, facts, now)
		if m := w.Members[0]; m.WantsLog(now) || m.Failure != nil && m.Failure.Detail != "" {
			t.Errorf("%s: %+v", status, m)
		}
	}
}
