package release

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// blockedFor is how long after a service could not be released it is looked at again.
const blockedFor = time.Minute

// Decide says how a line goes on and what is to be done, after the state has been saved. next is when to look again without a
// hint; zero is never.
func Decide(key Key, s State, f Facts, now time.Time) (_ State, actions []Action, next time.Time) {
	d := decision{key: key, s: s.clone(), f: f, now: now}
	d.requests()
	d.commands()
	d.begin()
	for d.changed = true; d.changed && d.s.Current != nil; {
		d.changed = false
		d.advance(d.s.Current)
	}
	if d.s.Current == nil {
		d.begin()
		d.rest()
	}
	return d.s, d.actions, d.next
}

// A decision is one call of Decide.
type decision struct {
	key     Key
	s       State
	f       Facts
	now     time.Time
	changed bool // the release has entered another phase
	actions []Action
	next    time.Time
}

func (s State) clone() State {
	if s.Current != nil {
		r := *s.Current
		r.Steps, r.Checks, r.Figures = slices.Clone(r.Steps), slices.Clone(r.Checks), slices.Clone(r.Figures)
		s.Current = &r
	}
	s.History, s.Obeyed = slices.Clone(s.History), slices.Clone(s.Obeyed)
	return s
}

func (d *decision) do(a Action) { d.actions = append(d.actions, a) }

func (d *decision) look(at time.Time) {
	if d.next.IsZero() || at.Before(d.next) {
		d.next = at
	}
}

// requests takes in what is to be released. Of those that wait only the newest is of interest; a release that has not
// begun to take traffic makes way for it.
func (d *decision) requests() {
	for _, r := range d.f.Requests {
		if !r.At.After(d.s.Newest) {
			continue // a message that comes late: the line never goes back by itself
		}
		d.s.Newest, d.s.Waiting = r.At, &r
		if c := d.s.Current; c != nil && !c.Begun() && c.Phase != PhaseClosing {
			d.end(c, Superseded, "by "+preview.ShortSHA(r.Commit))
		}
	}
}

// commands obeys persons.
func (d *decision) commands() {
	for _, c := range d.f.Commands {
		if slices.Contains(d.s.Obeyed, c.ID) {
			continue
		}
		d.s.Obeyed = append(d.s.Obeyed, c.ID)
		d.s.Obeyed = d.s.Obeyed[max(0, len(d.s.Obeyed)-maxObeyed):]
		said := &Approval{By: c.By, At: c.At}
		r := d.s.Current
		switch {
		case r == nil && c.Order == Rollback:
			d.reverse(*said)
		case r == nil || r.Phase == PhaseClosing || r.Phase == PhaseRestoring: // there is nothing to say any more
		case c.Order == Rollback && r.Begun():
			d.restore(r, "by "+c.By)
		case c.Order == Rollback:
			d.end(r, Cancelled, "by "+c.By)
		case c.Order == Pause:
			r.Paused = said
		case c.Order == Resume:
			r.Paused, r.Held = nil, ""
		case c.Order == Accept:
			r.Accepted = said
		case c.Order == Promote && r.Phase == PhaseRolling && r.Held != "" && !r.Stepped.IsZero():
			r.Held = ""
			d.step(r)
		case c.Order == Promote && r.Phase == PhaseApproving:
			r.Approved = said
		}
	}
}

// begin starts the release that waits. The revision that serves has to be known: it is what a rollback leads to.
func (d *decision) begin() {
	if d.s.Current != nil || d.s.Waiting == nil {
		return
	}
	if d.f.Traffic == nil {
		d.look(d.now)
		return
	}
	baseline, err := d.f.Traffic.Sole()
	if err == nil {
		err = d.f.Policy.Validate()
	}
	if err != nil {
		d.s.Blocked = err.Error()
		if errors.Is(err, ErrLatest) {
			d.s.Blocked += ": `gangway pin " + d.key.Service + "` moves it to the revision that serves"
		}
		d.look(d.now.Add(blockedFor))
		return
	}
	d.s.Blocked = ""
	d.s.Count++
	d.s.Current = &Release{
		ID: d.key.Service + "-" + strconv.FormatInt(d.s.Count, 10), Request: *d.s.Waiting, Phase: PhaseBuilding, Since: d.now,
		Steps: slices.Clone(d.f.Policy.Steps), Baseline: baseline, Step: -1,
	}
	d.s.Waiting = nil
	d.forget() // of an earlier release
}

// forget drops facts about the release that was current before.
func (d *decision) forget() {
	d.f.Built, d.f.Deployed, d.f.Opened, d.f.Verified, d.f.Measured, d.f.Refused = nil, nil, nil, nil, nil, ""
	d.f.Applied, d.f.Closed = false, false
}

// reverse goes back to what served before the last release, all at once.
func (d *decision) reverse(said Approval) {
	p := d.s.Previous
	if p == nil || d.f.Traffic == nil {
		return
	}
	baseline, err := d.f.Traffic.Sole()
	if err != nil || baseline == p.Revision {
		return
	}
	d.s.Count++
	d.s.Current = &Release{
		ID: d.key.Service + "-" + strconv.FormatInt(d.s.Count, 10), Request: Request{Commit: p.Commit, At: said.At},
		Phase: PhaseRolling, Since: d.now, Reverse: true, Steps: []int{100}, Step: 0,
		Baseline: baseline, Candidate: p.Revision, Tag: p.Tag, Approved: &said,
	}
	d.s.Previous = nil
	d.forget()
}

// enter begins a phase.
func (d *decision) enter(r *Release, p Phase) {
	r.Phase, r.Since, d.changed = p, d.now, true
}

// end says how a release has ended; what was put up for it is still to be taken in.
func (d *decision) end(r *Release, o Outcome, reason string) {
	r.Outcome, r.Reason = o, reason
	r.Held, r.Paused = "", nil
	d.enter(r, PhaseClosing)
}

// restore takes the candidate's traffic back.
func (d *decision) restore(r *Release, reason string) {
	r.Outcome, r.Reason = RolledBack, reason
	r.Held, r.Paused = "", nil
	d.enter(r, PhaseRestoring)
}

// advance moves a release on as far as the facts allow.
func (d *decision) advance(r *Release) {
	switch r.Phase {
	case PhaseBuilding:
		d.building(r)
	case PhaseDeploying:
		d.deploying(r)
	case PhaseOpening:
		d.opening(r)
	case PhaseVerifying:
		d.verifying(r)
	case PhaseApproving:
		d.approving(r)
	case PhaseRolling:
		d.rolling(r)
	case PhaseRestoring:
		d.restoring(r)
	case PhaseClosing:
		d.closing(r)
	}
}

func (d *decision) building(r *Release) {
	switch b := d.f.Built; {
	case b == nil:
		d.do(Action{Kind: Build})
	case b.Image == "":
		d.end(r, Failed, "the build: "+b.Failure)
	default:
		r.Image = b.Image
		d.enter(r, PhaseDeploying)
	}
}

func (d *decision) deploying(r *Release) {
	switch b := d.f.Deployed; {
	case b == nil:
		d.do(Action{Kind: Deploy})
	case b.Revision == "":
		d.end(r, Failed, "the deployment: "+b.Failure)
	case b.Revision == r.Baseline:
		d.end(r, Released, "it serves already")
	default:
		r.Candidate, r.Tag, r.URL = b.Revision, b.Tag, b.URL
		d.enter(r, PhaseOpening)
	}
}

func (d *decision) opening(r *Release) {
	switch b := d.f.Opened; {
	case b == nil:
		d.do(Action{Kind: OpenQA})
	case b.Hostname == "":
		d.end(r, Failed, "the QA gateway: "+b.Failure)
	default:
		r.QA = b.Hostname
		d.enter(r, PhaseVerifying)
	}
}

func (d *decision) verifying(r *Release) {
	v := d.f.Verified
	if v == nil {
		d.do(Action{Kind: Verify})
		return
	}
	r.Checks, r.Breaking = slices.Clone(v.Checks), v.Breaking
	if i := slices.IndexFunc(r.Checks, func(c Check) bool { return !c.OK }); i >= 0 || len(r.Checks) == 0 {
		reason := "nothing was verified"
		if i >= 0 {
			reason = r.Checks[i].Name + ": " + r.Checks[i].Detail
		}
		d.end(r, Failed, reason)
		return
	}
	d.enter(r, PhaseApproving)
}

func (d *decision) approving(r *Release) {
	if r.Breaking && r.Accepted == nil || r.Approved == nil && !d.f.Policy.Automatic || r.Paused != nil {
		return // a person's turn
	}
	r.Step = 0
	d.enter(r, PhaseRolling)
}

// step goes on to the next share, or to the end.
func (d *decision) step(r *Release) {
	r.Stepped = time.Time{}
	if r.Step+1 < len(r.Steps) {
		r.Step++
		return
	}
	d.end(r, Released, "")
}

// rolling gives the share of the step, and observes it.
func (d *decision) rolling(r *Release) {
	if r.Held != "" {
		return // a person's turn
	}
	t := d.f.Traffic
	if t == nil {
		d.look(d.now)
		return
	}
	share, before := r.Steps[r.Step], 0
	if r.Step > 0 {
		before = r.Steps[r.Step-1]
	}
	has := t.Share(r.Candidate)
	switch {
	case t.pinned() != nil || has+t.Share(r.Baseline) != 100 || has != share && (has != before || !r.Stepped.IsZero()):
		d.hold(r, "somebody else has changed the traffic: "+t.shares())
	case has != share && d.f.Refused != "":
		d.hold(r, "Cloud Run refuses to move the traffic: "+d.f.Refused)
	case has != share && r.Paused != nil:
	case has != share:
		d.shift(r, share)
	case share == 100:
		d.end(r, Released, "")
	default:
		if r.Stepped.IsZero() {
			r.Stepped = d.now
		}
		d.observe(r, share)
	}
}

// hold asks a person in the middle of a rollout.
func (d *decision) hold(r *Release, why string) { r.Held = why }

func (d *decision) shift(r *Release, share int) {
	targets, err := d.f.Traffic.Split(r.Candidate, r.Baseline, share)
	if err != nil {
		d.hold(r, err.Error())
		return
	}
	d.do(Action{Kind: Shift, Targets: targets, Etag: d.f.Traffic.Etag})
}

// observe judges the candidate at its share.
func (d *decision) observe(r *Release, share int) {
	ripe := r.Stepped.Add(d.f.Policy.Pause)
	if d.now.Before(ripe) {
		d.look(ripe)
		return
	}
	m := d.f.Measured
	if m == nil || m.To.Before(ripe) || m.From.Before(r.Stepped) {
		d.do(Action{Kind: Measure, From: r.Stepped, To: d.now})
		return
	}
	verdict, says := Judge(m.Candidate, m.Baseline, d.f.Policy.Limits)
	d.note(r, Figure{Share: share, Candidate: m.Candidate, Baseline: m.Baseline, Verdict: verdict, Says: says, At: d.now})
	switch {
	case verdict == Bad:
		d.restore(r, fmt.Sprintf("at %d %%: %s", share, says))
	case verdict == Little && !d.now.Before(r.Stepped.Add(d.f.Policy.MaxWait)):
		d.hold(r, "too little traffic to judge: "+says)
	case verdict == Little:
		d.do(Action{Kind: Probe})
		d.look(d.now.Add(max(d.f.Policy.Pause/4, time.Second)))
	case r.Paused == nil:
		d.step(r)
		d.changed = true
	default: // good, and paused: it stays observed
		d.look(d.now.Add(max(d.f.Policy.Pause, time.Second)))
	}
	d.f.Measured = nil
}

// note keeps a figure: the newest of each share.
func (d *decision) note(r *Release, f Figure) {
	if n := len(r.Figures); n > 0 && r.Figures[n-1].Share == f.Share {
		r.Figures[n-1] = f
		return
	}
	r.Figures = append(r.Figures, f)
}

// restoring gives the candidate's share back, whatever others have. What stands in the way is told, and tried again.
func (d *decision) restoring(r *Release) {
	t := d.f.Traffic
	switch {
	case t == nil:
		d.look(d.now)
	case t.pinned() != nil:
		d.hold(r, t.pinned().Error())
		d.look(d.now.Add(blockedFor))
	case t.Share(r.Candidate) == 0:
		d.end(r, RolledBack, r.Reason)
	case d.f.Refused != "":
		d.hold(r, "Cloud Run refuses to move the traffic: "+d.f.Refused)
		d.look(d.now.Add(blockedFor))
	default:
		targets, err := t.Withdraw(r.Candidate, r.Baseline)
		if err != nil {
			d.hold(r, err.Error())
			return
		}
		d.do(Action{Kind: Shift, Targets: targets, Etag: t.Etag})
	}
}

// closing takes in what was put up. Only then may the next one begin.
func (d *decision) closing(r *Release) {
	if r.Outcome == Released && d.f.Policy.Gateway && !d.f.Applied {
		d.do(Action{Kind: ApplyGateway})
		return
	}
	if !d.f.Closed {
		d.do(Action{Kind: Close})
		return
	}
	if r.Outcome == Released && !r.Reverse && r.Candidate != "" && d.f.Policy.Keep > 0 {
		d.s.Previous = &Previous{Revision: r.Baseline, Tag: previousTag, Until: d.now.Add(d.f.Policy.Keep)}
	}
	d.s.History = append(d.s.History, Ended{
		ID: r.ID, Commit: r.Request.Commit, Outcome: r.Outcome, Reason: r.Reason, Figures: r.Figures, At: d.now,
	})
	d.s.History = d.s.History[max(0, len(d.s.History)-maxHistory):]
	d.s.Current = nil
}

// previousTag is the tag that the revision before the released one has for a while.
const previousTag = "previous"

// rest keeps a line that has no release.
func (d *decision) rest() {
	p := d.s.Previous
	switch {
	case p == nil:
	case d.f.Untagged && !d.now.Before(p.Until):
		d.s.Previous = nil
	case !d.now.Before(p.Until):
		d.do(Action{Kind: Untag})
	default:
		d.look(p.Until)
	}
}
