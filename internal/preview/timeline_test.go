package preview_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// words are the timeline as words.
func words(events []preview.Event) string {
	var list []string
	for _, e := range events {
		word := string(e.Kind)
		for _, part := range []string{e.Service, e.Detail} {
			if part != "" {
				word += " " + part
			}
		}
		list = append(list, word)
	}
	return strings.Join(list, ", ")
}

// What happens to a preview can be looked back at, each thing once, and never more than so many.
func TestTimeline(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000, 0).UTC()
	key := preview.Key{Environment: "development", Gateway: "shop", Repository: 7, PullRequest: 42}
	pull := &preview.PullRequest{Open: true, HeadSHA: strings.Repeat("a", 40), HeadRepository: 7, Repository: preview.Repository{ID: 7}}
	facts := preview.IntakeFacts{Pull: pull, Changed: []preview.Target{{Service: "orders", CloudRun: "orders"}}}
	var w preview.Wanted
	decide := func(f preview.IntakeFacts) {
		now = now.Add(time.Second)
		w, _, _ = preview.DecideWanted(key, w, f, now)
	}
	decide(facts)
	decide(facts)
	decide(preview.IntakeFacts{Builds: map[string]preview.Build{"orders": {ID: "b", Status: preview.BuildWorking, SHA: pull.HeadSHA, Generation: 1}}})
	decide(preview.IntakeFacts{Builds: map[string]preview.Build{"orders": {ID: "b", Status: preview.BuildFailed, SHA: pull.HeadSHA, Generation: 1}}})
	if got, want := words(w.Timeline), "wanted live, member orders waiting, member orders building, member orders failed"; got != want {
		t.Errorf("the intake's timeline is %q, want %q", got, want)
	}
	var o preview.Observed
	w.Members[0].Step = preview.StepReady
	observe := func(f preview.GatewayFacts) {
		now = now.Add(time.Second)
		o, _, _ = preview.DecideObserved(w, o, f, now)
	}
	answers, serving := "", &preview.Serving{Generation: 1, HeadSHA: pull.HeadSHA, Digest: "d"}
	observe(preview.GatewayFacts{Composed: serving})
	for range 5 {
		o = o.Failing(w, nil, now)
	}
	observe(preview.GatewayFacts{Applied: serving})
	observe(preview.GatewayFacts{Probed: &answers})
	observe(preview.GatewayFacts{Composed: serving})
	if got, want := words(o.Timeline), "failed gateway, live, answering"; got != want {
		t.Errorf("the aggregator's timeline is %q, want %q", got, want)
	}
	if got, want := words(preview.Timeline(w, o)), words(w.Timeline)+", "+words(o.Timeline); got != want {
		t.Errorf("together it is %q, want %q", got, want)
	}
	before := w
	for range 100 {
		pull.Open = !pull.Open
		decide(facts)
	}
	if len(w.Timeline) != 40 || words(before.Timeline[:1]) != "wanted live" {
		t.Errorf("%d events, and the former row's first is %q", len(w.Timeline), words(before.Timeline[:1]))
	}
}

// A temporary failure is told once it has lasted: in general words, or in those of an obstacle that somebody can remove.
func TestFailing(t *testing.T) {
	t.Parallel()
	locked := &preview.Obstacle{
		UserError: preview.UserError{Summary: "Terraform's state of this preview is locked", Hint: "Remove it."},
		Cause:     errors.New("locked by ada"),
	}
	w := preview.Wanted{Intent: preview.IntentLive, Generation: 1}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, problem := range []error{errors.New("503"), fmt.Errorf("applying: %w", locked), errors.New("503"), errors.Join(locked, errors.New("503"))} {
		o := preview.Observed{Phase: preview.PhaseApplying}
		for n := range 5 {
			now = now.Add(time.Minute)
			if o = o.Failing(w, problem, now); (o.Failure != nil) != (n >= 2) {
				t.Fatalf("after %d failures: %+v", n+1, o.Failure)
			}
		}
		want := "The gateway could not be brought up to date"
		if errors.Is(problem, locked.Cause) {
			want = locked.Summary
		}
		if o.Failure.Summary != want || o.Failure.Stage != "gateway" {
			t.Errorf("%v is told as %+v", problem, o.Failure)
		}
	}
}
