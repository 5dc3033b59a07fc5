package preview

import (
	"slices"
	"time"
)

// A Condition is how a preview is, in one word, for operators.
type Condition string

// The conditions.
const (
	ConditionNone     Condition = "none"     // there is nothing and nothing is wanted
	ConditionLive     Condition = "live"     // what is wanted is served
	ConditionWaiting  Condition = "waiting"  // for builds, revisions or the gateway
	ConditionFailed   Condition = "failed"   // somebody has to mend something
	ConditionBlocked  Condition = "blocked"  // see Wanted.Block
	ConditionRemoving Condition = "removing" // it is being taken in
)

// ConditionOf is how a preview is, and since when it has been waiting for something that Gangway has to do (zero: it
// has not).
func ConditionOf(w Wanted, o Observed) (_ Condition, since time.Time) {
	switch {
	case o.Phase == PhaseRemoving || w.Down > o.Removed:
		since = w.Changed
		if o.RemoveFrom.After(since) {
			since = o.RemoveFrom
		}
		return ConditionRemoving, since
	case w.Intent == IntentBlocked:
		return ConditionBlocked, time.Time{}
	case w.Intent != IntentLive:
		return ConditionNone, time.Time{}
	case o.Failure != nil || slices.ContainsFunc(w.Members, func(m Member) bool { return m.Step == StepFailed }):
		return ConditionFailed, time.Time{}
	case o.Serving == nil || o.Serving.Generation != w.Generation:
		return ConditionWaiting, w.Changed
	}
	return ConditionLive, time.Time{}
}
