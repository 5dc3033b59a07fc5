package release

import (
	"slices"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// disturbed holds a rollout because its traffic can't be understood, or is not as it was left.
func (s *State) disturbed(r *Release, shares []Share, err error, now time.Time) {
	if err != nil {
		r.hold(CauseTraffic, userError(err), now)
		return
	}
	s.foreign(r, shares, now)
}

// rollOut goes through the steps of the plan: shift, observe, shift.
func (s *State) rollOut(r *Release, f Facts, now time.Time) {
	if r.Observing && s.worse(r, f, now) {
		return
	}
	if f.Traffic == nil {
		return
	}
	shares, err := f.Traffic.Shares()
	want := split(s.good(), r.Candidate.Revision, r.Plan[r.Step])
	switch {
	case err != nil || len(others(shares, s.good(), r.Candidate.Revision)) > 0:
		s.disturbed(r, shares, err, now)
	case r.Observing && !slices.Equal(shares, want):
		s.disturbed(r, shares, nil, now)
	case r.Observing:
		s.observe(r, f, now)
	case slices.Equal(shares, want) && (r.Asked != nil || r.Shares == nil):
		if !f.Traffic.Reconciling || r.Asked == nil || now.Sub(r.Asked.At) > settleTimeout {
			r.inForce(want, f.Policy, now)
		}
	case r.Shares != nil && !slices.Equal(shares, r.Shares):
		s.disturbed(r, shares, nil, now)
	case r.Paused == nil:
		r.ask(want, f.Traffic.Etag, now)
	}
}

// ask notes a shift before it is made.
func (r *Release) ask(to []Share, etag string, now time.Time) {
	if r.Asked == nil || r.Asked.Etag != etag || !slices.Equal(r.Asked.To, to) {
		r.Asked = &Asked{To: to, Etag: etag, At: now}
	}
	r.Shifted = true
}

// inForce notes that a step's shares are as asked for: from now on figures count.
func (r *Release) inForce(shares []Share, p *Policy, now time.Time) {
	r.Shares, r.Asked, r.Observing = shares, nil, true
	r.StepFrom, r.Probing = now, 0
	r.Span = Span{now, now}
	if p != nil {
		r.Span.To = now.Add(p.Window)
	}
}

// measured are the figures that were asked for last, if f has them.
func (r *Release) measured(f Facts) (*Measured, bool) {
	m := f.Measured
	return m, m != nil && f.Policy != nil && m.Release == r.ID && m.Step == r.Step && m.Span.From.Equal(r.Span.From)
}

// worse rolls a release back whose figures are bad. A part of the figures is enough for that; for going on it is not.
func (s *State) worse(r *Release, f Facts, now time.Time) bool {
	m, ok := r.measured(f)
	if !ok {
		return false
	}
	v := Judge(m.Candidate, m.Baseline, *f.Policy)
	if v.Outcome != OutcomeBad {
		return false
	}
	r.note(v, m, now)
	r.startRollback(preview.UserError{Summary: "The candidate is worse than the last good revision", Detail: v.Says}, now)
	return true
}

func (r *Release) note(v Verdict, m *Measured, now time.Time) {
	v.Step, v.Percent, v.Span, v.At = r.Step, r.Plan[r.Step], m.Span, now
	r.Verdicts = append(slices.Clone(r.Verdicts), v)
	r.Verdicts = r.Verdicts[max(0, len(r.Verdicts)-maxVerdicts):]
}

// observe looks at the figures of a step, whose traffic is as it should be.
func (s *State) observe(r *Release, f Facts, now time.Time) {
	if f.Policy == nil {
		return
	}
	if !r.Span.To.After(r.Span.From) { // the policy was not known when the step began
		r.Span.To = r.Span.From.Add(f.Policy.Window)
	}
	if r.Probing > 0 && slices.Contains(f.Done, s.probe(r).Key()) {
		r.Probing = 0
	}
	m, ok := r.measured(f)
	full := ok && m.Complete && m.Span.To.Equal(r.Span.To) && !now.Before(r.Span.To)
	if full {
		v := Judge(m.Candidate, m.Baseline, *f.Policy)
		if v.Outcome == OutcomeGood {
			r.note(v, m, now)
			if r.Paused == nil && !now.Before(r.StepFrom.Add(f.Policy.Pause)) {
				r.nextStep(now)
				return
			}
			r.Span, r.Probing = Span{r.Span.To, later(r.Span.To.Add(f.Policy.Window), now)}, 0
			return
		}
	}
	if r.Paused == nil && now.Sub(r.Span.From) >= f.Policy.Window+f.Policy.MaxWait && ok && (full || !m.Complete) {
		r.hold(CauseScant, preview.UserError{
			Summary: "There are too few figures to tell whether the candidate is good",
			Detail:  scantDetail(m, *f.Policy),
			Hint:    "Resume to wait for more traffic, promote to go on to the next step on your word, or roll back.",
		}, now)
		return
	}
	if full {
		r.Span.To = now.Add(f.Policy.Window) // a longer window has more traffic
		if f.Policy.Probes {
			r.Probing = max(f.Policy.MinRequests-max(m.Candidate.Requests, 0), 1)
		}
	}
}

func scantDetail(m *Measured, p Policy) string {
	if !m.Complete {
		return "Cloud Monitoring has not told all of them."
	}
	return Judge(m.Candidate, m.Baseline, p).Says
}

// nextStep goes on to the next step, or ends the rollout.
func (r *Release) nextStep(now time.Time) {
	if r.Step == len(r.Plan)-1 {
		r.enter(PhaseFinishing, now)
		return
	}
	r.Step++
	r.Observing, r.Asked, r.Probing = false, nil, 0
	r.Since = now
}

// startRollback sends all traffic back to the last good revision. A shift that was asked for before may still come to
// be, so that it stays noted.
func (r *Release) startRollback(why preview.UserError, now time.Time) {
	r.Why, r.Held, r.Observing = &why, nil, false
	r.enter(PhaseRollingBack, now)
}

// rollBack brings all traffic to the last good revision in one change, and the environment's gateway with it.
func (s *State) rollBack(r *Release, f Facts, now time.Time) {
	if r.Shifted && !s.trafficIsBack(r, f, now) {
		return
	}
	if len(r.Gateway) > 0 && !slices.Equal(r.Gateway, []string{s.good()}) {
		r.Gateway = []string{s.good()} // noted before it is
		return
	}
	if len(r.Gateway) > 0 && !slices.Contains(f.Done, s.align(r, r.Gateway...).Key()) {
		return
	}
	s.end(r, PhaseRolledBack, nil, now)
}

// trafficIsBack tells whether the last good revision has all traffic, for good. If not, it notes what is to be asked for.
func (s *State) trafficIsBack(r *Release, f Facts, now time.Time) bool {
	if f.Traffic == nil {
		return false
	}
	shares, err := f.Traffic.Shares()
	if err == nil && r.Adopt && len(shares) == 1 && shares[0].Revision != r.Candidate.Revision {
		s.adopt(shares[0].Revision, f, now) // a person's way out when the last good one was gone
	}
	r.Adopt = false
	if err != nil || len(others(shares, slices.Concat(r.Yield, []string{s.good(), r.Candidate.Revision})...)) > 0 {
		s.disturbed(r, shares, err, now)
		return false
	}
	if slices.Equal(shares, all(s.good())) {
		return s.fence(r, f) == nil && (!f.Traffic.Reconciling || now.Sub(r.Since) > settleTimeout)
	}
	is, known := f.Revisions[s.good()]
	switch {
	case percentOf(shares, s.good()) > 0 || known && !is.Gone && is.Readiness == preview.ReadinessReady:
		r.ask(all(s.good()), f.Traffic.Etag, now)
	case known && (is.Gone || is.Readiness == preview.ReadinessFailed):
		s.gone(r, now)
	}
	return false
}

func (s *State) gone(r *Release, now time.Time) {
	r.hold(CauseGone, preview.UserError{
		Summary: "The last good revision " + s.good() + " can't take the traffic back: it was deleted, or does not start",
		Hint:    "Give all traffic to a revision that works (`gcloud run services update-traffic`), then resume.",
	}, now)
}

// fence is what makes a shift fail that was asked for by a worker that died, and may still be on its way: any change of
// the list does, because a shift holds under its etag only. nil when none can be on its way.
func (s *State) fence(r *Release, f Facts) *Action {
	if r.Asked == nil || f.Traffic.Etag != r.Asked.Etag || slices.Equal(r.Asked.To, all(s.good())) || f.Revisions[r.Candidate.Revision].Gone {
		return nil
	}
	a := Action{Kind: TagRevision, Release: r.ID, Revision: r.Candidate.Revision, Tag: r.Candidate.Tag}
	if f.Traffic.tagged(a.Tag, a.Revision) {
		a.Kind = UntagRevision
	}
	return &a
}

// probe asks for synthetic requests.
func (s *State) probe(r *Release) Action {
	return Action{Kind: Probe, Release: r.ID, Step: r.Step, Span: r.Span, Requests: r.Probing}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
