package release

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
)

const testCommit = "1a2b3c4d5e6f708192a3b4c5d6e7f80910213243"

// A walk is a line that is led by hand.
type walk struct {
	t       *testing.T
	s       State
	now     time.Time
	actions []Action
	policy  Policy
	traffic Traffic
}

func newWalk(t *testing.T) *walk {
	t.Helper()
	policy := testPolicy
	policy.Automatic = true
	return &walk{t: t, now: epoch, policy: policy, traffic: Traffic{
		CloudRun: "orders", Etag: "1", Targets: []target{{Revision: "n", Percent: 100}, {Revision: "p", Tag: "pr-7"}},
	}}
}

// decide decides by the facts, and looks that deciding by the same facts again changes nothing.
func (w *walk) decide(f Facts) *Release {
	w.t.Helper()
	if f.Policy == nil {
		f.Policy = &w.policy
	}
	f.Reported = "-"
	next, actions, _ := Decide(modelKey, w.s, f, w.now)
	again, same, _ := Decide(modelKey, next, f, w.now)
	if diff := cmp.Diff(next, again); diff != "" {
		w.t.Errorf("decided twice by the same facts: %s", diff)
	}
	if f.Measured == nil {
		if diff := cmp.Diff(keys(actions), keys(same)); diff != "" {
			w.t.Errorf("decided twice by the same facts: %s", diff)
		}
	}
	body, err := next.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	if w.s, err = Decode(body); err != nil {
		w.t.Fatal(err)
	}
	w.actions = slices.DeleteFunc(actions, func(a Action) bool { return a.Kind == Report })
	if w.s.Current == nil {
		return &Release{}
	}
	return w.s.Current
}

func (w *walk) want(phase Phase, kinds ...ActionKind) {
	w.t.Helper()
	is := Phase("")
	if w.s.Current != nil {
		is = w.s.Current.Phase
	}
	var got []ActionKind
	for _, a := range w.actions {
		got = append(got, a.Kind)
	}
	if is != phase || !slices.Equal(got, kinds) {
		w.t.Fatalf("%s with actions %v; want %s with %v\n%+v", is, got, phase, kinds, w.s.Current)
	}
}

// shift does the shift that was asked for.
func (w *walk) shift() {
	w.t.Helper()
	for _, a := range w.actions {
		if a.Kind == Shift {
			list, err := w.traffic.With(a.To)
			if err != nil || a.Etag != w.traffic.Etag {
				w.t.Fatalf("shift under %q: %v", a.Etag, err)
			}
			w.traffic.Targets = list
			w.traffic.Etag += "'"
			return
		}
	}
	w.t.Fatalf("no shift was asked for: %v", keys(w.actions))
}

func (w *walk) look() *Release {
	w.t.Helper()
	return w.decide(Facts{Traffic: &w.traffic})
}

func (w *walk) say(kind CommandKind, id string) *Release {
	w.t.Helper()
	return w.decide(Facts{Traffic: &w.traffic, Commands: []Command{{ID: id, Kind: kind, Release: "orders-1a2b3c4-1", By: "ana", At: w.now}}})
}

func request(seq int64, commit string) Facts {
	return Facts{Requests: []Request{{Seq: seq, Repository: 7, Commit: commit, PullRequest: 42, CloudRun: "orders"}}}
}

// toApproval leads the line to where the candidate was verified.
func (w *walk) toApproval() {
	w.t.Helper()
	w.decide(request(1, testCommit))
	w.want(PhaseWaiting)
	r := w.look()
	w.want(PhaseBuilding, Build)
	r = w.decide(Facts{Traffic: &w.traffic, Build: &BuildFact{Release: r.ID, Status: preview.BuildSucceeded, Image: "i@sha256:1"}})
	w.want(PhaseDeploying, Deploy)
	w.traffic.Targets = append(w.traffic.Targets, target{Revision: r.Candidate.Revision, Tag: r.Candidate.Tag, URL: "https://rc"})
	w.traffic.Etag += "t"
	r = w.decide(Facts{Traffic: &w.traffic, Revisions: map[string]Revision{r.Candidate.Revision: {Readiness: preview.ReadinessReady}}})
	w.want(PhaseComposing)
	w.decide(Facts{Traffic: &w.traffic, QA: &QA{Release: r.ID, State: QANone}})
	w.want(PhaseComposing, ComposeQA)
	w.decide(Facts{Traffic: &w.traffic, QA: &QA{Release: r.ID, State: QALive, Link: "https://qa"}})
	w.want(PhaseVerifying, Verify)
	w.decide(Facts{Traffic: &w.traffic, Verified: &Verification{
		Release: r.ID, Done: true, Checks: []Check{{Name: "ready", OK: true}}, API: &API{},
	}})
}

// figures are those that were asked for, with so many of 1000 requests failed.
func (w *walk) figures(failed int64) Facts {
	w.t.Helper()
	for _, a := range w.actions {
		if a.Kind == Measure {
			return Facts{Traffic: &w.traffic, Measured: &Measured{
				Release: a.Release, Step: a.Step, Span: a.Span, Complete: true,
				Candidate: Window{Requests: 1000, Failed: failed}, Baseline: Window{Requests: 1000},
			}}
		}
	}
	w.t.Fatalf("no figures were asked for: %v", keys(w.actions))
	return Facts{}
}

func (w *walk) after(d time.Duration) *walk {
	w.now = w.now.Add(d)
	return w
}

func TestGoodRelease(t *testing.T) {
	w := newWalk(t)
	w.toApproval()
	w.want(PhaseRollingOut, Shift)
	if got := w.actions[0].To; !slices.Equal(got, split("n", w.s.Current.Candidate.Revision, 5)) {
		t.Fatalf("the first step is %v", got)
	}
	candidate := w.s.Current.Candidate.Revision
	for range testPolicy.Steps {
		w.shift()
		w.look()
		w.want(PhaseRollingOut) // no time has passed: there is nothing to measure
		w.after(testPolicy.Window).look()
		w.want(PhaseRollingOut, Measure)
		w.decide(w.figures(1))
		w.want(PhaseRollingOut)
		w.after(testPolicy.Window).look()
		w.want(PhaseRollingOut, Measure)
		w.decide(w.figures(1))
	}
	w.want(PhaseFinishing, TagRevision)
	list, err := w.traffic.WithTag(w.actions[0].Tag, w.actions[0].Revision)
	if err != nil || w.actions[0].Revision != "n" {
		t.Fatalf("tagging %s: %v", w.actions[0].Revision, err)
	}
	w.traffic.Targets = list
	w.look()
	w.want("", RemoveQA, UntagRevision)
	if w.s.good() != candidate || w.s.Kept == nil || w.s.Kept.Good.Revision != "n" || w.s.History[0].Phase != PhaseReleased {
		t.Fatalf("released: %+v", w.s)
	}
	if len(w.s.History[0].Verdicts) != 6 {
		t.Errorf("verdicts: %+v", w.s.History[0].Verdicts)
	}

	// A rollback after the end is one command, and one change.
	w.say(CommandRollback, "late")
	w.decide(Facts{Traffic: &w.traffic, Revisions: map[string]Revision{"n": {Readiness: preview.ReadinessReady}}})
	if len(w.actions) == 0 || w.actions[0].Kind != Shift || !slices.Equal(w.actions[0].To, all("n")) {
		t.Fatalf("rollback after the end: %v", keys(w.actions))
	}
	w.shift()
	w.look()
	if w.s.Current != nil || w.s.good() != "n" || w.s.History[0].Phase != PhaseRolledBack {
		t.Fatalf("rolled back after the end: %+v", w.s)
	}
	w.say(CommandRollback, "late")
	if w.s.Current != nil {
		t.Error("the same command began a rollback again")
	}
}

func TestBadReleaseGoesBackInOneChange(t *testing.T) {
	w := newWalk(t)
	w.toApproval()
	w.shift()
	w.look()
	w.after(time.Minute).look() // long before the window is over
	r := w.decide(w.figures(60))
	w.want(PhaseRollingBack, Shift)
	if !slices.Equal(w.actions[0].To, all("n")) || !strings.Contains(r.Why.Detail, "60 of 1000 requests failed") {
		t.Fatalf("to %v because %+v", w.actions[0].To, r.Why)
	}
	w.shift()
	w.look()
	if w.s.Current != nil || w.s.History[0].Phase != PhaseRolledBack || w.s.good() != "n" {
		t.Fatalf("%+v", w.s)
	}
	w.want("", RemoveQA, UntagRevision)
}

// A shift whose worker died may arrive later: before the rollback is over, the list is changed under it.
func TestRollbackFencesAShiftUnderWay(t *testing.T) {
	w := newWalk(t)
	w.toApproval()
	w.want(PhaseRollingOut, Shift)
	w.say(CommandRollback, "1")
	w.want(PhaseRollingBack, UntagRevision)
	w.traffic.Targets = w.traffic.WithoutTag(w.actions[0].Tag, w.actions[0].Revision)
	w.traffic.Etag = "another"
	w.look()
	if w.s.Current != nil || w.s.History[0].Phase != PhaseRolledBack {
		t.Fatalf("%+v", w.s.Current)
	}
}

func TestTooLittleTraffic(t *testing.T) {
	w := newWalk(t)
	w.toApproval()
	w.shift()
	w.look()
	w.after(testPolicy.Window).look()
	f := w.figures(0)
	f.Measured.Candidate.Requests = 10
	w.decide(f)
	w.want(PhaseRollingOut)
	w.look()
	w.want(PhaseRollingOut, Probe, Measure)
	if w.actions[0].Requests != 90 {
		t.Errorf("%d synthetic requests; want 90", w.actions[0].Requests)
	}
	w.decide(Facts{Traffic: &w.traffic, Done: []string{w.actions[0].Key()}})
	w.want(PhaseRollingOut, Measure)
	w.after(testPolicy.MaxWait).look()
	f = w.figures(0)
	f.Measured.Candidate.Requests = 20
	r := w.decide(f)
	w.want(PhaseHeld)
	if r.Held.Cause != CauseScant {
		t.Fatalf("%+v", r.Held)
	}
	w.after(time.Hour).look()
	w.want(PhaseHeld) // never a blind promotion
	r = w.say(CommandPromote, "go")
	w.want(PhaseRollingOut, Shift)
	if r.Step != 1 || r.Verdicts[len(r.Verdicts)-1].By != "ana" {
		t.Errorf("step %d by %+v", r.Step, r.Verdicts)
	}
}

func TestForeignTraffic(t *testing.T) {
	w := newWalk(t)
	w.toApproval()
	w.shift()
	r := w.look()
	candidate := r.Candidate.Revision
	mine := w.traffic.Targets
	theirs, err := w.traffic.With(sorted([]Share{{"n", 75}, {"x", 20}, {candidate, 5}}))
	if err != nil {
		t.Fatal(err)
	}
	w.traffic.Targets = theirs
	r = w.look()
	w.want(PhaseHeld)
	if r.Held.Cause != CauseTraffic || !slices.Equal(r.Held.Others, []string{"x"}) || !strings.Contains(r.Held.Why.Detail, "x 20 %") {
		t.Fatalf("%+v", r.Held)
	}
	w.say(CommandResume, "1")
	w.want(PhaseHeld) // theirs are still there
	w.traffic.Targets = mine
	w.say(CommandResume, "1")
	w.want(PhaseHeld) // that command was taken in already
	w.say(CommandResume, "2")
	w.want(PhaseRollingOut)
	w.traffic.Targets = theirs
	w.look()
	w.want(PhaseHeld)
	w.say(CommandRollback, "3") // whoever says it has seen whose share it takes
	w.want(PhaseRollingBack, Shift)
	if !slices.Equal(w.actions[0].To, all("n")) {
		t.Errorf("back to %v", w.actions[0].To)
	}
}

func TestRollbackWithoutLastGoodRevision(t *testing.T) {
	w := newWalk(t)
	w.policy.Steps = []int{100}
	w.toApproval()
	w.shift()
	w.look()
	w.say(CommandRollback, "1")
	w.want(PhaseRollingBack) // whether it is there is not known: nothing is guessed
	r := w.decide(Facts{Traffic: &w.traffic, Revisions: map[string]Revision{"n": {Gone: true}}})
	w.want(PhaseHeld)
	if r.Held.Cause != CauseGone {
		t.Fatalf("%+v", r.Held)
	}
	w.traffic.Targets = []target{{Revision: "x", Percent: 100}}
	w.traffic.Etag = "theirs"
	w.say(CommandResume, "2")
	if w.s.Current != nil || w.s.good() != "x" {
		t.Fatalf("a person gave all traffic to x, and: %+v", w.s)
	}
}

func TestNewerCommits(t *testing.T) {
	const second, third = "2b2b3c4d5e6f708192a3b4c5d6e7f80910213243", "3c2b3c4d5e6f708192a3b4c5d6e7f80910213243"
	w := newWalk(t)
	w.policy.Automatic = false
	w.toApproval()
	w.want(PhaseApproving)
	w.decide(request(1, testCommit))
	w.want(PhaseApproving) // the same request once more
	f := request(2, second)
	f.Requests = append(f.Requests, request(3, third).Requests...)
	r := w.decide(f)
	if r.Commit != third || w.s.Waiting != nil || len(w.s.History) != 2 {
		t.Fatalf("%+v", w.s)
	}
	for _, old := range w.s.History {
		if old.Phase != PhaseSuperseded {
			t.Errorf("%s is %s", old.ID, old.Phase)
		}
	}
	begun := newWalk(t)
	begun.toApproval()
	begun.decide(request(2, second))
	if begun.s.Current.Commit != testCommit || begun.s.Waiting == nil || begun.s.Waiting.Commit != second {
		t.Error("one that has begun was superseded")
	}
}

func TestApprovals(t *testing.T) {
	w := newWalk(t)
	w.policy.Automatic, w.policy.BreakingNeedsApproval = false, true
	w.toApproval()
	w.want(PhaseApproving)
	w.s.Current.API = nil // nobody could tell what changes: that counts as breaking
	w.say(CommandPromote, "1")
	w.want(PhaseApproving)
	if needs := w.s.Current.Needs(w.policy); !slices.Equal(needs, []CommandKind{CommandApproveBreaking}) {
		t.Errorf("needs %v", needs)
	}
	w.say(CommandPause, "2")
	w.say(CommandApproveBreaking, "3")
	w.want(PhaseApproving)
	w.say(CommandResume, "4")
	w.want(PhaseRollingOut, Shift)
	if a := w.s.Current.Approvals; len(a) != 2 || a[0].By != "ana" || !a[0].At.Equal(w.now) {
		t.Errorf("approvals %+v", a)
	}
}

func TestReleaseThatFailsBeforeTraffic(t *testing.T) {
	for name, c := range map[string]struct {
		facts func(r *Release) Facts
		says  string
	}{
		"a build fails": {func(r *Release) Facts {
			return Facts{Build: &BuildFact{Release: r.ID, Status: preview.BuildFailed, Reason: "exit 1"}}
		}, "did not succeed: exit 1"},
		"a build pushes nothing": {func(r *Release) Facts {
			return Facts{Build: &BuildFact{Release: r.ID, Status: preview.BuildSucceeded}}
		}, "pushed no image"},
		"a build is refused": {func(r *Release) Facts {
			return Facts{Failure: &Failure{Kind: Build, Release: r.ID, Why: preview.UserError{Summary: "no right to build"}}}
		}, "no right to build"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWalk(t)
			w.decide(request(1, testCommit))
			w.decide(c.facts(w.look()))
			if w.s.Current != nil || len(w.s.History) != 1 || w.s.History[0].Phase != PhaseFailed || !strings.Contains(w.s.History[0].Why.Error(), c.says) {
				t.Errorf("%+v", w.s)
			}
		})
	}
}

func TestTrafficThatFollowsTheLatestIsHeld(t *testing.T) {
	w := newWalk(t)
	w.traffic.Targets = []target{{Latest: true, Revision: "n", Percent: 100}}
	w.decide(request(1, testCommit))
	r := w.look()
	w.want(PhaseHeld)
	if !strings.Contains(r.Held.Why.Hint, "gangway pin orders") {
		t.Errorf("%+v", r.Held.Why)
	}
	w.traffic.Targets = []target{{Revision: "n", Percent: 100}}
	w.say(CommandResume, "1")
	w.want(PhaseBuilding, Build)
}

// What is refused before there is traffic fails the release; after that it holds it, and a person says how it goes on.
func TestRefusedShift(t *testing.T) {
	w := newWalk(t)
	w.toApproval()
	w.want(PhaseRollingOut, Shift)
	r := w.decide(Facts{Traffic: &w.traffic, Failure: &Failure{Kind: Shift, Release: w.s.Current.ID, Why: preview.UserError{Summary: "no right"}}})
	w.want(PhaseHeld)
	if r.Held.Cause != CauseRefused || r.Held.Why.Summary != "no right" {
		t.Fatalf("%+v", r.Held)
	}
	w.say(CommandResume, "1")
	w.want(PhaseRollingOut, Shift)
	w.decide(Facts{Traffic: &w.traffic, Failure: &Failure{Kind: RemoveQA, Release: w.s.Current.ID}})
	w.want(PhaseRollingOut, Shift) // cleaning holds up nothing
}

func TestTimeouts(t *testing.T) {
	w := newWalk(t)
	w.decide(request(1, testCommit))
	r := w.look()
	w.decide(Facts{Traffic: &w.traffic, Build: &BuildFact{Release: r.ID, Status: preview.BuildSucceeded, Image: "i@sha256:1"}})
	w.after(startTimeout).look()
	w.want(PhaseDeploying, Deploy)
	w.after(time.Second).look()
	w.want("")
	if w.s.History[0].Phase != PhaseFailed || len(w.s.Leftovers) != 1 {
		t.Fatalf("%+v", w.s)
	}
	w.look()
	w.want("") // the tag may still come to be, by a worker that died
	w.after(2 * settleTimeout).look()
	w.want("", RetireRevision)
	w.decide(Facts{Traffic: &w.traffic, Done: keys(w.actions)})
	if w.want(""); !w.s.Settled() {
		t.Errorf("left: %+v", w.s.Leftovers)
	}
}

// A candidate's names need room beside the service's.
func TestNoRoomForATag(t *testing.T) {
	w := newWalk(t)
	f := request(1, testCommit)
	f.Requests[0].CloudRun, f.Requests[0].Image = strings.Repeat("s", 43), "i@sha256:1"
	w.decide(f)
	w.look()
	if len(w.s.History) != 1 || w.s.History[0].Phase != PhaseFailed || !strings.Contains(w.s.History[0].Why.Summary, "no room") {
		t.Errorf("%+v", w.s)
	}
}

func TestQAGatewayAndChecksThatFail(t *testing.T) {
	for name, facts := range map[string]func(id string) Facts{
		"the gateway is refused": func(id string) Facts {
			return Facts{QA: &QA{Release: id, State: QAFailed, Why: preview.UserError{Summary: "documents do not go together"}}}
		},
		"nothing was checked": func(id string) Facts {
			return Facts{QA: &QA{Release: id, State: QALive}, Verified: &Verification{Release: id, Done: true, API: &API{}}}
		},
		"a check is not good": func(id string) Facts {
			return Facts{QA: &QA{Release: id, State: QALive}, Verified: &Verification{Release: id, Done: true, Checks: []Check{{"a", true, ""}, {"b", false, "500"}}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWalk(t)
			w.decide(request(1, testCommit))
			w.look()
			w.s.Current.Phase, w.s.Current.Candidate, w.s.Current.Composed = PhaseComposing, Candidate{Revision: "c", Tag: "rc-1a2b3c4"}, true
			w.traffic.Targets = append(w.traffic.Targets, target{Revision: "c", Tag: "rc-1a2b3c4"})
			f := facts(w.s.Current.ID)
			f.Traffic = &w.traffic
			w.decide(f)
			w.want("", RemoveQA, UntagRevision)
			if r := w.s.History[0]; r.Phase != PhaseFailed || r.Shifted || r.Why == nil {
				t.Errorf("%+v", r)
			}
		})
	}
}

// What is not known changes nothing.
func TestNothingIsKnown(t *testing.T) {
	w := newWalk(t)
	w.toApproval()
	w.shift()
	w.look()
	before := w.s
	w.decide(Facts{})
	if diff := cmp.Diff(before, w.s); diff != "" || len(w.actions) > 0 {
		t.Errorf("actions %v; %s", keys(w.actions), diff)
	}
}

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct{ body, says string }{
		"nothing":          {"", ""},
		"unknown fields":   {`{"schema":1,"later":{"a":1}}`, ""},
		"no JSON":          {`{`, "unexpected end"},
		"a newer schema":   {`{"schema":2}`, "schema 2, this Gangway reads 1 to 1"},
		"another type":     {`{"schema":1,"current":{"id":7}}`, "current.id"},
		"unknown phase":    {`{"schema":1,"current":{"id":"a-1","phase":"flying"}}`, `release a-1: phase "flying" is unknown`},
		"no id":            {`{"schema":1,"waiting":{"phase":"waiting"}}`, "waiting: a release without an id"},
		"over and current": {`{"schema":1,"current":{"id":"a-1","phase":"released"}}`, "current: release a-1 is released"},
		"past and going":   {`{"schema":1,"history":[{"id":"a-1","phase":"building"}]}`, "history 0: release a-1 is building"},
		"held by nobody":   {`{"schema":1,"current":{"id":"a-1","phase":"held"}}`, "nothing says why"},
		"beyond a plan":    {`{"schema":1,"current":{"id":"a-1","phase":"rolling_out","plan":[100],"step":1}}`, "step 1 of a plan of 1"},
		"without a plan":   {`{"schema":1,"current":{"id":"a-1","phase":"rolling_out"}}`, "without a plan"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(c.body))
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, preview.ErrUnreadable) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error = %v; want …%s…", err, c.says)
			}
		})
	}
}
