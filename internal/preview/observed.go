package preview

import (
	"errors"
	"slices"
	"time"
)

// GatewayFacts are what the aggregator's actions came back with. A fact that is missing changes nothing.
type GatewayFacts struct {
	Checked  int64    // generation whose documents can be composed
	Composed *Serving // what has to be live, composed from the truth just read
	Drifted  bool     // API Gateway shows something else than Observed.Serving
	Applied  *Serving // what was made live, with its URL
	Probed   *string  // what the probe said; "" when the link answers
	Taken    bool     // everything was taken in, up to
	Removed  int64    // this value of Wanted.Down
	Cleaned  int64    // generation for which former members' tags were removed
	Leftover bool     // something of ours was found though nothing should be there
	Failure  *Failure // of the last action: what people have to mend
	Tried    string   // Serving.Digest that Failure is about; "" when it came before composing
}

// DecideObserved says how the aggregator's row goes on and what is to be done, after the row has been saved. next is when
// to look again without a hint; zero is never.
func DecideObserved(w Wanted, o Observed, f GatewayFacts, now time.Time) (_ Observed, actions []Action, next time.Time) {
	before := o
	o, actions, next = o.decide(w, f, now)
	o.remember(before, w, now)
	return o, actions, next
}

func (o Observed) decide(w Wanted, f GatewayFacts, now time.Time) (_ Observed, actions []Action, next time.Time) {
	if f.Taken {
		o.taken(max(f.Removed, o.Removed), now)
	}
	if f.Applied != nil { // so it is live, whatever is wanted by now
		o.applied(w, f.Applied, now)
	}
	if w.Down > o.Removed || f.Leftover && w.Intent != IntentLive && w.Intent != IntentUnknown {
		if o.Phase != PhaseRemoving {
			o.Phase, o.Waiting = PhaseRemoving, false
			o.RemoveFrom = now
		}
		return o, []Action{{Kind: RemoveGateway}}, time.Time{}
	}
	if !w.Ready() {
		return o.check(w, f)
	}
	return o.towards(w, f, now)
}

// check finds out whether the documents of what is built go together, before the members are deployed: a tag that moves
// changes what the link serves, so that it moves only towards something that can be served.
func (o Observed) check(w Wanted, f GatewayFacts) (Observed, []Action, time.Time) {
	switch {
	case !w.Built() || o.Accepted == w.Generation:
	case f.Failure != nil:
		o.Failure, o.FailedFor = f.Failure, ""
		o.Attempts++
	case f.Checked == w.Generation:
		o.Accepted = w.Generation
		o.succeed()
	default:
		return o, []Action{{Kind: CheckDocuments}}, time.Time{}
	}
	return o, nil, time.Time{}
}

// towards brings the gateway to what is wanted: compose, apply, probe, clean up.
func (o Observed) towards(w Wanted, f GatewayFacts, now time.Time) (Observed, []Action, time.Time) {
	switch {
	case f.Failure != nil:
		o.Failure = f.Failure
		o.FailedFor = f.Tried
		o.Attempts++
		return o, nil, time.Time{}
	case f.Applied != nil:
	case f.Composed == nil:
		if f.Probed == nil && f.Cleaned == 0 {
			return o, []Action{{Kind: ComposeGateway}}, time.Time{}
		}
	case o.Phase == PhaseLive && o.Serving != nil && o.Serving.Digest == f.Composed.Digest && !f.Drifted:
		o.Serving = o.Serving.renewed(f.Composed, now)
		o.succeed()
	case o.Failure != nil && o.FailedFor == f.Composed.Digest:
		o.Failure = o.Failure.renewed(w.Changed, now)
		return o, nil, time.Time{} // the same again would fail again
	default:
		o.Waiting = o.Waiting && o.Phase == PhaseApplying
		o.Phase = PhaseApplying
		o.Applying = f.Composed
		return o, []Action{{Kind: ApplyGateway}}, time.Time{}
	}
	return o.finish(w, f, now)
}

// probePending is what a serving's Probe says until the link was called.
const probePending = "not called yet"

// finish probes what is live and removes what former members left.
func (o Observed) finish(w Wanted, f GatewayFacts, now time.Time) (Observed, []Action, time.Time) {
	if o.Serving == nil || o.Phase != PhaseLive {
		return o, nil, time.Time{}
	}
	if f.Probed != nil {
		serving := *o.Serving
		serving.Probe = *f.Probed
		o.Serving = &serving
	}
	if f.Cleaned > o.Cleaned {
		o.Cleaned = f.Cleaned
	}
	var actions []Action
	if o.Serving.Probe != "" && f.Probed == nil {
		actions = append(actions, Action{Kind: ProbeGateway})
	}
	if o.Serving.Generation == w.Generation && o.Cleaned < w.Generation && hasFormer(w) {
		actions = append(actions, Action{Kind: RemoveTags})
	}
	var next time.Time
	if o.Serving.Probe != "" && f.Probed != nil {
		next = now.Add(min(max(now.Sub(o.Serving.Since)/2, time.Second), 15*time.Minute))
	}
	return o, actions, next
}

// hasFormer tells whether our tag may stand on services that are no members.
func hasFormer(w Wanted) bool {
	return len(w.Former()) > 0
}

// maxHistory is how many times are remembered.
const maxHistory = 5

// took remembers how long the newest change took to be live.
func (o *Observed) took(w Wanted, now time.Time) {
	if o.Serving.Generation != w.Generation || w.Changed.IsZero() || now.Before(w.Changed) {
		return
	}
	o.History = append(slices.Clone(o.History), now.Sub(w.Changed))
	o.History = o.History[max(0, len(o.History)-maxHistory):]
}

// Usual is how long a change usually takes to be live: the median of the last few; 0 while there is none.
func (o Observed) Usual() time.Duration {
	if len(o.History) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(o.History))
	return sorted[len(sorted)/2]
}

func (o *Observed) succeed() {
	o.Failure, o.FailedFor, o.Attempts = nil, "", 0
}

// visibleFailed is how many temporary failures in a row there are before people are told.
const visibleFailed = 3

// Failing is o after a temporary failure; people are told of it once it has gone on for a while, and how it is to be ended
// where problem is an [Obstacle].
func (o Observed) Failing(w Wanted, problem error, now time.Time) Observed {
	before := o
	o.Attempts++
	switch {
	case o.Attempts < visibleFailed:
	case o.Phase == PhaseRemoving && (o.Failure == nil || o.Failure.At.Before(o.RemoveFrom)):
		o.Failure = &Failure{Stage: "removal", At: now, UserError: UserError{
			Summary: "Not everything could be taken down yet",
			Hint:    "It is being tried again. If this stays, ask your operator to look at the aggregator's log.",
		}}
	case o.Phase != PhaseRemoving && w.Intent == IntentLive && (o.Failure == nil || o.FailedFor == ""):
		o.Failure = &Failure{Stage: "gateway", At: now, UserError: UserError{
			Summary: "The gateway could not be brought up to date",
			Hint:    "It is being tried again. If this stays, ask your operator to look at the aggregator's log.",
		}}
	}
	if obstacle, ok := errors.AsType[*Obstacle](problem); ok && o.Failure != nil && o.Failure.At.Equal(now) {
		o.Failure.UserError = obstacle.UserError
	}
	if o.Failure != nil && (before.Failure == nil || before.Failure.Stage != o.Failure.Stage) {
		o.remember(before, w, now)
	}
	return o
}

// applied notes what was made live.
func (o *Observed) applied(w Wanted, live *Serving, now time.Time) {
	serving := *live
	serving.Since = now
	serving.Probe = probePending
	o.Serving, o.Applying, o.Waiting = &serving, nil, false
	o.Phase = PhaseLive
	o.took(w, now)
	o.succeed()
}

// renewed is f, which is why what has been wanted since changed can't be had either.
func (f *Failure) renewed(changed, now time.Time) *Failure {
	if !f.At.Before(changed) {
		return f
	}
	again := *f
	again.At = now
	return &again
}

// taken notes that everything was taken in.
func (o *Observed) taken(down int64, now time.Time) {
	o.Removed = down
	o.RemovedAt = now
	o.Phase = PhaseRemoved
	o.Serving, o.Applying = nil, nil
	o.succeed()
}

// renewed is s with what can change though the gateway serves the very same document.
func (s *Serving) renewed(composed *Serving, now time.Time) *Serving {
	again := *composed
	again.URL, again.ConfigID, again.Since, again.Probe = s.URL, s.ConfigID, s.Since, s.Probe
	if composed.Generation != s.Generation {
		again.Since, again.Probe = now, probePending
	}
	return &again
}
