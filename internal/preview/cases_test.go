package preview

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func readyAt(generation int64, changed time.Time) Wanted {
	return Wanted{
		Generation: generation, Intent: IntentLive, HeadSHA: "a", Changed: changed,
		Members: []Member{{Service: "orders", Step: StepReady}},
	}
}

// A push, or a close, that comes while an apply runs must not make the end of that apply forgotten: the link serves what
// was applied.
func TestAppliedWhileSomethingNewerIsWanted(t *testing.T) {
	applied := &Serving{Generation: 1, HeadSHA: "a", Digest: "d", URL: "https://gateway"}
	observed := Observed{Phase: PhaseApplying, Applying: applied}
	newer := readyAt(2, noon)
	newer.Members[0].Step = StepBuilding

	got, actions, _ := DecideObserved(newer, observed, GatewayFacts{Applied: applied}, noon)
	if got.Phase != PhaseLive || got.Serving == nil || got.Serving.Generation != 1 || got.Applying != nil || len(actions) > 0 {
		t.Errorf("after a push: %+v, %v; want generation 1 live and nothing to do", got, actions)
	}
	closed := Wanted{Generation: 2, Intent: IntentClosed, Down: 2}
	got, actions, _ = DecideObserved(closed, observed, GatewayFacts{Applied: applied}, noon)
	if got.Phase != PhaseRemoving || got.Serving == nil || len(actions) != 1 || actions[0].Kind != RemoveGateway {
		t.Errorf("after a close: %+v, %v; want its removal", got, actions)
	}
}

// Most pushes leave the gateway document as it is. One that API Gateway has refused is not tried again then; the failure is
// the newer generation's too, and has to show as such.
func TestRefusedDocumentOfNewerGeneration(t *testing.T) {
	refused := &Failure{Stage: "gateway", At: noon}
	observed := Observed{Phase: PhaseApplying, Failure: refused, FailedFor: "d", Attempts: 1}
	pushed := noon.Add(time.Minute)

	got, actions, _ := DecideObserved(readyAt(2, pushed), observed, GatewayFacts{Composed: &Serving{Generation: 2, Digest: "d"}}, pushed.Add(time.Second))
	if len(actions) > 0 || got.Failure == nil || got.Failure.At.Before(pushed) {
		t.Errorf("%+v, %v; want a failure of after the push", got.Failure, actions)
	}
	if !refused.At.Equal(noon) {
		t.Error("the failure that was passed in has changed")
	}
}

// The id of the config that is served stays, though another one would be chosen for the same document now.
func TestServedConfigStays(t *testing.T) {
	serving := &Serving{Generation: 1, Digest: "d", ConfigID: "other", URL: "https://gateway"}
	observed := Observed{Phase: PhaseLive, Serving: serving}
	composed := &Serving{Generation: 2, Digest: "d", ConfigID: "usual"}
	got, _, _ := DecideObserved(readyAt(2, noon), observed, GatewayFacts{Composed: composed}, noon)
	if got.Serving.ConfigID != "other" || got.Serving.Generation != 2 || got.Serving.URL == "" {
		t.Errorf("serving %+v; want the served config's id, and the new generation", got.Serving)
	}
}

// Time as a draft, or closed, does not count towards expiry: who makes a preview eligible wants to see it.
func TestExpiryCountsFromEligibility(t *testing.T) {
	w := newWorld(t, 1)
	w.policy.ExpireAfter = 72 * time.Hour
	w.pull.Draft = true
	w.intake(true)
	w.now = w.now.Add(100 * time.Hour)
	w.pull.Draft = false
	w.settle()
	if w.wanted.Intent != IntentLive {
		t.Errorf("ready for review: %q", w.wanted.Intent)
	}
	w.pull.Open = false
	w.settle()
	w.now = w.now.Add(100 * time.Hour)
	w.pull.Open = true
	w.settle()
	if w.wanted.Intent != IntentLive {
		t.Errorf("reopened: %q", w.wanted.Intent)
	}
}

// The check run of a blocked pull request has to move to a new head, so that the aggregator has to be told of it.
func TestNewHeadOfBlockedIsAnnounced(t *testing.T) {
	w := newWorld(t, 1)
	w.pull.Draft = true
	for w.wanted.Announced.Digest == "" {
		w.intake(true)
	}
	pull := w.pull
	pull.HeadSHA = w.sha()
	_, actions, _ := DecideWanted(w.key, w.wanted, IntakeFacts{Pull: &pull, Changed: w.touched}, w.now)
	if len(actions) != 1 || actions[0].Kind != AnnouncePreview {
		t.Errorf("actions %v; want an announcement", actions)
	}
}

// A service that moves to another Cloud Run service is another member: neither its revisions nor its tag are there.
func TestOtherCloudRunService(t *testing.T) {
	w := newWorld(t, 1)
	w.settle()
	pull, before := w.pull, w.wanted
	moved := []Target{{Service: "orders", CloudRun: "orders-v2"}}
	got, actions, _ := DecideWanted(w.key, before, IntakeFacts{Pull: &pull, Changed: moved}, w.now)
	m := got.Members[0]
	if got.Generation != before.Generation+1 || m.CloudRun != "orders-v2" || m.Step != StepWaiting || m.Good != "" {
		t.Errorf("generation %d, member %+v; want a new one", got.Generation, m)
	}
	if len(actions) == 0 || actions[0].Kind != StartBuild {
		t.Errorf("actions %v", actions)
	}
}

// A revision of which Cloud Run never says whether it starts is a failure that people see, and is tried again.
func TestRevisionThatStaysPending(t *testing.T) {
	member := Member{Service: "orders", Step: StepDeploying, Revision: "r", Tag: "pr-42", Image: "i", DeployedAt: noon, Standing: "r"}
	w := Wanted{Generation: 1, Intent: IntentLive, HeadSHA: "a", Pushed: noon, Members: []Member{member}}
	facts := IntakeFacts{Revisions: map[string]RevisionFact{"orders": {Revision: "r", Readiness: ReadinessPending}}}
	key := Key{Environment: "development", Gateway: "shop", Repository: 7, PullRequest: 42}

	early, _, next := DecideWanted(key, w, facts, noon.Add(time.Minute))
	if early.Members[0].Step != StepDeploying || next.IsZero() {
		t.Errorf("after a minute: %s, next look at %s", early.Members[0].Step, next)
	}
	late, _, _ := DecideWanted(key, w, facts, noon.Add(time.Hour))
	if m := late.Members[0]; m.Step != StepFailed || m.Failure.Stage != "deploy" {
		t.Fatalf("after an hour: %+v", m)
	}
	pull := PullRequest{Repository: Repository{ID: 7}, HeadRepository: 7, Open: true, HeadSHA: "a"}
	again := IntakeFacts{Pull: &pull, Changed: []Target{{Service: "orders"}}, Accepted: 1}
	retried, _, _ := DecideWanted(key, late, again, noon.Add(2*time.Hour))
	if m := retried.Members[0]; m.Step != StepDeploying || m.Failure != nil {
		t.Errorf("an hour later: %+v; want another try", m)
	}
}

// A preview whose gateway or repository has left the configuration is left as it is for an hour, and taken in then. If the
// configuration has a place for it again, it comes back.
func TestHomeless(t *testing.T) {
	key := Key{Environment: "development", Gateway: "shop", Repository: 7, PullRequest: 42}
	building := readyAt(3, noon)
	building.Members[0].Step, building.Members[0].BuildID, building.Tagged = StepBuilding, "b", []string{"orders"}
	homeless := IntakeFacts{Homeless: true, Builds: map[string]Build{"orders": {ID: "b", Status: BuildSucceeded}}}

	w, actions, next := DecideWanted(key, building, homeless, noon)
	if w.Intent != IntentLive || len(actions) > 0 || !next.Equal(noon.Add(time.Hour)) || w.Members[0].Step != StepBuilding {
		t.Errorf("at first: %+v, %v, next %s; want nothing but to wait for an hour", w, actions, next)
	}
	back, _, _ := DecideWanted(key, w, IntakeFacts{}, noon.Add(59*time.Minute))
	if !back.Homeless.IsZero() || back.Generation != 3 {
		t.Errorf("back in time: %+v", back)
	}
	w, actions, _ = DecideWanted(key, w, homeless, noon.Add(time.Hour))
	if w.Intent != IntentBlocked || w.Block == nil || w.Down != 4 || len(actions) != 2 || actions[0].Kind != CancelBuild || actions[1].Kind != AnnouncePreview {
		t.Errorf("after an hour: %+v, %v; want it taken in, the build cancelled and the aggregator told", w, actions)
	}
	w, _, _ = DecideWanted(key, w, IntakeFacts{Homeless: true, Cancelled: []string{"b"}, Published: w.Digest()}, noon.Add(time.Hour))
	again, actions, next := DecideWanted(key, w, homeless, noon.Add(2*time.Hour))
	if again.Generation != w.Generation || len(actions) > 0 || !next.IsZero() {
		t.Errorf("later: %+v, %v, next %s; want it at rest", again, actions, next)
	}
	pull := &PullRequest{Open: true, HeadSHA: "a", HeadRepository: 7, Repository: Repository{ID: 7}}
	back, _, _ = DecideWanted(key, again, IntakeFacts{Pull: pull, Changed: []Target{{Service: "orders", CloudRun: "orders"}}}, noon.Add(3*time.Hour))
	if back.Intent != IntentLive || back.Generation != 5 {
		t.Errorf("back: %+v; want it live again", back)
	}

	w, _, _ = DecideWanted(key, Wanted{}, homeless, noon)
	w, _, _ = DecideWanted(key, w, homeless, noon.Add(time.Hour))
	if w.Intent != IntentIdle || w.Down != w.Generation {
		t.Errorf("one that was never read: %+v; want nothing said, and everything taken in", w)
	}
}
