package preview_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A push that builds one member again takes back what another one, which it leaves alone, had been given in the middle of the
// change before: the link serves all of the old or all of the new.
func TestUnchangedMemberWaits(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key := preview.Key{Environment: "development", Gateway: "shop", Repository: 7, PullRequest: 42}
	member := func(service, source string, step preview.Step) preview.Member {
		return preview.Member{
			Service: service, CloudRun: "run-" + service, SHA: "head2", Source: source, Generation: 2, Step: step, Image: service + "@sha256:2",
			Tag: key.Tag(), Revision: service + "-2", Standing: service + "-2", Good: service + "-1", DeployedAt: now,
		}
	}
	w := preview.Wanted{
		Generation: 2, Intent: preview.IntentLive, HeadSHA: "head2", Pushed: now, Tagged: []string{"run-a", "run-b"},
		Members: []preview.Member{member("a", "same", preview.StepReady), member("b", "old", preview.StepDeploying)},
	}
	push := func(a, b string) (preview.Wanted, []preview.Action) {
		next, actions, _ := preview.DecideWanted(key, w, preview.IntakeFacts{
			Pull: &preview.PullRequest{Number: 42, Open: true, HeadSHA: "head3"},
			Changed: []preview.Target{
				{Service: "a", CloudRun: "run-a", Source: a}, {Service: "b", CloudRun: "run-b", Source: b},
			},
		}, now.Add(time.Second))
		return next, actions
	}
	has := func(actions []preview.Action, kind preview.ActionKind, service string) bool {
		return slices.ContainsFunc(actions, func(a preview.Action) bool { return a.Kind == kind && a.Service == service })
	}
	next, actions := push("same", "new")
	a, _ := next.Member("a")
	b, _ := next.Member("b")
	if a.Step != preview.StepBuilt || a.SHA != "head2" || a.Image == "" || b.Step != preview.StepWaiting || b.SHA != "head3" {
		t.Errorf("a %+v\nb %+v", a, b)
	}
	for _, service := range []string{"a", "b"} {
		if !has(actions, preview.RevertTag, service) {
			t.Errorf("the tag of %s is not given back: %+v", service, actions)
		}
	}
	if has(actions, preview.StartBuild, "a") || !has(actions, preview.StartBuild, "b") || has(actions, preview.DeployRevision, "a") {
		t.Errorf("actions %+v", actions)
	}
	next, _ = push("same", "old")
	for _, m := range next.Members {
		if m.Revision != m.Service+"-2" || m.SHA != "head2" {
			t.Errorf("a push that leaves both alone changes %+v", m)
		}
	}
}

// What a team's pipeline is to tag is noted by its name on Cloud Run, as all else that is tagged.
func TestTaggedByPipeline(t *testing.T) {
	t.Parallel()
	next, _, _ := preview.DecideWanted(preview.Key{Environment: "d", Gateway: "g", Repository: 1, PullRequest: 1}, preview.Wanted{}, preview.IntakeFacts{
		Pull:    &preview.PullRequest{Number: 1, Open: true, HeadSHA: "head"},
		Changed: []preview.Target{{Service: "a", CloudRun: "run-a", Pipeline: true}},
	}, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	if !slices.Equal(next.Tagged, []string{"run-a"}) || len(next.Former()) > 0 {
		t.Errorf("tagged %q, former %q", next.Tagged, next.Former())
	}
}
