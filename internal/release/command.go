package release

import (
	"slices"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// command takes in what a person has said. One that was taken in already, or is about a release that is over, is ignored.
func (s *State) command(c Command, now time.Time) {
	if c.ID == "" || c.By == "" {
		return
	}
	r := s.addressed(c, now)
	if r == nil || slices.ContainsFunc(r.Commands, func(old Command) bool { return old.ID == c.ID }) {
		return
	}
	r.Commands = append(r.Commands, c)
	switch c.Kind {
	case CommandPromote, CommandApproveBreaking:
		r.grant(c, now)
	case CommandPause:
		if r.Paused == nil {
			r.Paused = &Mark{By: c.By, At: c.At}
		}
	case CommandResume:
		s.resume(r, now)
	case CommandRollback:
		s.wantRollback(r, c, now)
	}
}

// addressed is the release that a command is about. A rollback may be about the last one that was released: then that one
// is under way again, backwards, unless another is already.
func (s *State) addressed(c Command, now time.Time) *Release {
	for _, r := range []*Release{s.Current, s.Waiting} {
		if r != nil && r.ID == c.Release {
			return r
		}
	}
	if c.Kind != CommandRollback || s.Kept == nil || s.Kept.Release != c.Release || s.Current != nil && s.Current.begun() {
		return nil
	}
	i := slices.IndexFunc(s.History, func(r Release) bool { return r.ID == c.Release && r.Phase == PhaseReleased })
	if i < 0 || slices.ContainsFunc(s.History[i].Commands, func(old Command) bool { return old.ID == c.ID }) {
		return nil
	}
	r := s.History[i]
	r.Commands = slices.Clone(r.Commands)
	s.History = slices.Delete(slices.Clone(s.History), i, i+1)
	s.putBack(now)
	good := s.Kept.Good
	s.Serving = &good
	s.dropKept(now)
	r.Phase, r.Ended, r.Paused = PhaseFinishing, time.Time{}, nil
	s.Current = &r
	return s.Current
}

// putBack lets the release under way, which has not begun, wait once more: what it is compared with will be another.
func (s *State) putBack(now time.Time) {
	r := s.Current
	if r == nil {
		return
	}
	if s.Waiting != nil {
		s.end(r, PhaseSuperseded, superseded(s.Waiting), now)
		return
	}
	r.enter(PhaseWaiting, now)
	r.Held = nil
	r.Checks, r.API, r.Approvals = nil, nil, nil
	s.Current, s.Waiting = nil, r
}

// grant notes an approval. A breaking change can only be approved by who could know of it.
func (r *Release) grant(c Command, now time.Time) {
	switch {
	case c.Kind == CommandPromote && r.Phase == PhaseHeld && r.Held.Cause == CauseScant:
		v := Verdict{Outcome: OutcomeGood, Says: "Too few figures; " + c.By + " decided to go on.", By: c.By}
		r.note(v, &Measured{Span: r.Span}, now)
		r.Phase, r.Held = PhaseRollingOut, nil
		r.nextStep(now)
	case c.Kind == CommandApproveBreaking && (r.Phase != PhaseApproving || !r.verified()):
	case !r.approved(c.Kind):
		r.Approvals = append(r.Approvals, Approval{What: c.Kind, Mark: Mark{By: c.By, At: c.At}})
	}
}

func (s *State) resume(r *Release, now time.Time) {
	if r.Paused != nil {
		r.Paused = nil
		if r.Observing {
			r.Span = Span{now, now}
		}
	}
	if r.Phase != PhaseHeld {
		return
	}
	from := r.Held.From
	cause := r.Held.Cause
	r.Held = nil
	r.enter(from, now)
	switch {
	case from == PhaseRollingBack:
		r.Adopt = cause == CauseGone
	case !r.Shifted && cause == CauseTraffic:
		r.again(now)
	case from == PhaseRollingOut && cause == CauseScant:
		r.Span, r.Probing = Span{now, now}, 0
	case from == PhaseRollingOut:
		r.Shares, r.Observing = nil, false
	}
}

// again lets a release that has had no traffic yet be compared with what serves now.
func (r *Release) again(now time.Time) {
	r.Adopt = true
	switch r.Phase {
	case PhaseVerifying, PhaseApproving, PhaseNarrowing, PhaseRollingOut:
		r.Checks, r.API, r.Approvals = nil, nil, nil
		r.enter(PhaseVerifying, now)
	default:
	}
}

func (s *State) wantRollback(r *Release, c Command, now time.Time) {
	why := preview.UserError{Summary: c.By + " rolled it back"}
	switch {
	case !r.begun():
		s.end(r, PhaseRolledBack, &why, now)
	case r.Phase == PhaseHeld:
		r.Yield = r.Held.Others
		if r.Held.From == PhaseRollingBack && r.Why != nil {
			why = *r.Why
		}
		r.startRollback(why, now)
	case r.Phase != PhaseRollingBack:
		r.startRollback(why, now)
	}
}
