package release

import (
	"slices"
	"time"
)

// act is what the release under way asks for.
func (s *State) act(f Facts, now time.Time) []Action {
	r := s.Current
	switch r.Phase {
	case PhaseBuilding:
		return []Action{{Kind: Build, Release: r.ID, Attempt: r.Attempt}}
	case PhaseDeploying:
		if f.Traffic == nil || f.Traffic.tagged(r.Candidate.Tag, r.Candidate.Revision) && !f.Revisions[r.Candidate.Revision].Gone {
			return nil
		}
		return []Action{{Kind: Deploy, Release: r.ID, Image: r.Image, Revision: r.Candidate.Revision, Tag: r.Candidate.Tag}}
	case PhaseComposing, PhaseApproving:
		if f.QA == nil || f.QA.Release != r.ID || f.QA.State != QANone {
			return nil
		}
		return []Action{{Kind: ComposeQA, Release: r.ID, Revision: r.Candidate.Revision}}
	case PhaseVerifying:
		return []Action{{Kind: Verify, Release: r.ID, Revision: r.Candidate.Revision}}
	case PhaseNarrowing:
		return []Action{s.align(r, r.Gateway...)}
	case PhaseRollingOut:
		if r.Observing {
			return s.watch(r, f, now)
		}
		return s.shift(r, f)
	case PhaseFinishing:
		return s.finishing(r, f)
	case PhaseRollingBack:
		return s.goBack(r, f)
	default:
		return nil
	}
}

// shift is the change of the traffic that was noted, as long as it still has to be made.
func (s *State) shift(r *Release, f Facts) []Action {
	if r.Asked == nil || f.Traffic == nil || f.Traffic.Etag != r.Asked.Etag {
		return nil
	}
	if shares, err := f.Traffic.Shares(); err != nil || slices.Equal(shares, r.Asked.To) {
		return nil
	}
	if r.Paused != nil && r.Phase != PhaseRollingBack {
		return nil
	}
	return []Action{{Kind: Shift, Release: r.ID, Etag: f.Traffic.Etag, From: f.Traffic.Targets, To: r.Asked.To}}
}

// watch asks for the figures that are to decide, and for synthetic requests where there are too few.
func (s *State) watch(r *Release, f Facts, now time.Time) []Action {
	if f.Policy == nil || f.Measured != nil {
		return nil // what was measured was taken in; the next look asks again
	}
	span := Span{r.Span.From, r.Span.To}
	if now.Before(span.To) {
		span.To = now
	}
	if !span.To.After(span.From) {
		return nil
	}
	measure := Action{
		Kind: Measure, Release: r.ID, Step: r.Step, Revision: r.Candidate.Revision, Span: span, Baseline: s.good(), BaselineSpan: span,
	}
	if r.Plan[r.Step] == 100 { // the last good revision has no traffic now: what it had before is compared with
		measure.BaselineSpan = Span{r.StepFrom.Add(span.From.Sub(span.To)), r.StepFrom}
	}
	if r.Probing > 0 {
		return []Action{s.probe(r), measure}
	}
	return []Action{measure}
}

func (s *State) finishing(r *Release, f Facts) []Action {
	if f.Policy == nil || f.Traffic == nil {
		return nil
	}
	var actions []Action
	if f.Policy.ManagedGateway && len(r.Gateway) == 1 {
		actions = append(actions, s.align(r, r.Gateway...))
	}
	if tag, keep := s.keeps(r, f); keep && !f.Traffic.tagged(tag, s.good()) {
		actions = append(actions, Action{Kind: TagRevision, Release: r.ID, Revision: s.good(), Tag: tag})
	}
	return actions
}

func (s *State) goBack(r *Release, f Facts) []Action {
	if r.Shifted {
		if f.Traffic == nil {
			return nil
		}
		shares, err := f.Traffic.Shares()
		switch fence := s.fence(r, f); {
		case err != nil:
			return nil
		case !slices.Equal(shares, all(s.good())):
			if r.Asked == nil || !slices.Equal(r.Asked.To, all(s.good())) {
				return nil // it is not known yet whether that revision can take it
			}
			return s.shift(r, f)
		case fence != nil:
			return []Action{*fence}
		}
	}
	if len(r.Gateway) > 0 {
		return []Action{s.align(r, r.Gateway...)}
	}
	return nil
}

// clean strikes out what of the leftovers is known to be gone, and lets what was kept go when its time is over.
func (s *State) clean(f Facts, now time.Time) {
	if s.Kept != nil && !now.Before(s.Kept.Until) {
		s.dropKept(now)
	}
	for i := range s.Leftovers {
		l := &s.Leftovers[i]
		if slices.Contains(f.Done, l.removeQA().Key()) {
			l.QA = false
		}
		if f.Traffic == nil || len(f.Traffic.Targets) == 0 {
			continue
		}
		settled := now.Sub(l.Since) > settleTimeout // until then a deployment of a worker that died may still be under way
		if s.uses(l.Revision, l.Tag) || settled && !f.Traffic.tagged(l.Tag, l.Revision) {
			l.Tag = ""
		}
		if l.Tag == "" && (s.uses(l.Revision, "") || f.Traffic.names(l.Revision) || f.Revisions[l.Revision].Gone ||
			slices.Contains(f.Done, l.retire().Key())) {
			l.Retire = false // it is gone, or somebody uses it
		}
	}
	s.Leftovers = slices.DeleteFunc(s.Leftovers, func(l Leftover) bool { return !l.QA && l.Tag == "" && !l.Retire })
}

// uses tells whether a release, or what serves, needs the revision; with a tag, whether under that tag.
func (s *State) uses(revision, tag string) bool {
	if revision == "" {
		return false
	}
	for _, r := range []*Release{s.Current, s.Waiting} {
		if r != nil && r.Candidate.Revision == revision && (tag == "" || r.Candidate.Tag == tag) {
			return true
		}
	}
	if s.Kept != nil && s.Kept.Good.Revision == revision && (tag == "" || s.Kept.Tag == tag) {
		return true
	}
	return tag == "" && s.good() == revision
}

func (l Leftover) removeQA() Action { return Action{Kind: RemoveQA, Release: l.Release} }

func (l Leftover) retire() Action {
	return Action{Kind: RetireRevision, Release: l.Release, Revision: l.Revision}
}

// cleaning is what the leftovers ask for: first the tag, then the revision that stood under it.
func (s *State) cleaning(f Facts) []Action {
	var actions []Action
	for _, l := range s.Leftovers {
		if l.QA {
			actions = append(actions, l.removeQA())
		}
		switch {
		case f.Traffic == nil:
		case l.Tag != "" && !f.Traffic.tagged(l.Tag, l.Revision): // it is looked for a little longer
		case l.Tag != "":
			actions = append(actions, Action{Kind: UntagRevision, Release: l.Release, Revision: l.Revision, Tag: l.Tag})
		case l.Retire:
			actions = append(actions, l.retire())
		}
	}
	return actions
}

// next is when to look again though no hint has come.
func (s *State) next(now time.Time) time.Time {
	var at time.Time
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if len(s.Leftovers) > 0 {
		sooner(now.Add(time.Minute))
	}
	if s.Kept != nil {
		sooner(s.Kept.Until)
	}
	r := s.Current
	if r == nil {
		return at
	}
	elapsed := now.Sub(r.Since)
	switch r.Phase {
	case PhaseWaiting, PhaseBuilding, PhaseDeploying, PhaseNarrowing, PhaseFinishing, PhaseRollingBack:
		sooner(now.Add(min(max(elapsed/8, time.Second), 30*time.Second)))
	case PhaseComposing, PhaseVerifying:
		sooner(now.Add(min(max(elapsed/8, 5*time.Second), 30*time.Second)))
	case PhaseApproving: // a person's word is told by a hint; what vanishes meanwhile is found by the sweep
	case PhaseRollingOut:
		switch {
		case !r.Observing:
			sooner(now.Add(min(max(elapsed/8, time.Second), 15*time.Second)))
		case now.Before(r.Span.To):
			sooner(earlier(r.Span.To, now.Add(max(r.Span.To.Sub(r.Span.From)/8, time.Second))))
		default:
			sooner(now.Add(15 * time.Second)) // metrics lag
		}
	default: // held: by a person's command
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
