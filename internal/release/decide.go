package release

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// How long things may take until a release is given up. Cloud Run decides sooner whether a revision starts; a gateway
// takes up to ten minutes: https://cloud.google.com/api-gateway/docs/quotas
const (
	startTimeout   = 20 * time.Minute
	composeTimeout = 40 * time.Minute
)

// settleTimeout is how long a traffic list that says it is not in force yet is waited for: with previews on the service,
// that may never end.
const settleTimeout = time.Minute

// How often things are tried again.
const (
	maxRebuilds    = 2 // builds that ended by the builder's own fault
	maxRedeployals = 2 // candidates that vanished
)

// Decide says how a line goes on and what is to be done, after the state has been saved. next is when to look again
// without a hint; zero is never.
func Decide(key Key, s State, f Facts, now time.Time) (_ State, actions []Action, next time.Time) {
	s = s.clone()
	if f.Reported != "" {
		s.Reported = f.Reported
	}
	s.request(key, f.Requests, now)
	for _, c := range f.Commands {
		s.command(c, now)
	}
	for range 2 * len(phases) { // more than one phase may be over
		if !s.turn(now) && !s.advance(f, now) {
			break
		}
	}
	s.clean(f, now)
	if s.Current != nil {
		actions = s.act(f, now)
	}
	actions = append(actions, s.cleaning(f)...)
	if s.Reported != s.Digest() {
		actions = append(actions, Action{Kind: Report})
	}
	return s, actions, s.next(now)
}

// request takes up what is newer than what was taken up already.
func (s *State) request(key Key, requests []Request, now time.Time) {
	for _, q := range requests {
		if q.Seq <= s.Seen {
			continue
		}
		s.Seen = q.Seq
		s.Count++
		r := &Release{
			ID: key.ID(q.Commit, s.Count), Repository: q.Repository, Commit: q.Commit, PullRequest: q.PullRequest, CloudRun: q.CloudRun,
			Requested: q.At, Image: q.Image, Reused: q.Image != "", Phase: PhaseWaiting, Since: now,
		}
		if s.Waiting != nil {
			s.end(s.Waiting, PhaseSuperseded, superseded(r), now)
		}
		s.Waiting = r
	}
}

func superseded(by *Release) *preview.UserError {
	return &preview.UserError{Summary: "Commit " + preview.ShortSHA(by.Commit) + " is newer"}
}

// turn lets the release that waits begin, once nothing is under way that may have touched the traffic.
func (s *State) turn(now time.Time) bool {
	if s.Waiting == nil || s.Current != nil && s.Current.begun() {
		return false
	}
	if s.Current != nil {
		s.end(s.Current, PhaseSuperseded, superseded(s.Waiting), now)
	}
	s.Current, s.Waiting = s.Waiting, nil
	s.Current.Adopt = true
	return true
}

// end closes a release. What it leaves is noted, and holds up nothing.
func (s *State) end(r *Release, as Phase, why *preview.UserError, now time.Time) {
	if r == s.Current {
		s.Current = nil
	}
	if r == s.Waiting {
		s.Waiting = nil
	}
	left := Leftover{Release: r.ID, Since: now, QA: r.Composed, Tag: r.Candidate.Tag, Revision: r.Candidate.Revision}
	left.Retire = as != PhaseReleased && left.Revision != ""
	if left.QA || left.Revision != "" {
		s.Leftovers = append(s.Leftovers, left)
	}
	r.enter(as, now)
	r.Ended, r.Held, r.Asked = now, nil, nil
	if why != nil {
		r.Why = why
	}
	s.History = append(s.History, *r)
	s.History = s.History[max(0, len(s.History)-maxHistory):]
}

func (r *Release) enter(p Phase, now time.Time) {
	r.Phase, r.Since = p, now
}

// hold stops a release until a person says how it goes on.
func (r *Release) hold(cause Cause, why preview.UserError, now time.Time) {
	from := r.Phase
	r.enter(PhaseHeld, now)
	r.Held = &Hold{Cause: cause, Why: why, From: from, At: now}
}

// foreign holds a release because the traffic is not as it was left. shares is how it is.
func (s *State) foreign(r *Release, shares []Share, now time.Time) {
	strangers := others(shares, s.good(), r.Candidate.Revision)
	hint := "Resume, and the step is set again; or roll back, and all traffic goes to " + s.good() + "."
	switch {
	case !r.Shifted:
		hint = "Give all traffic to one revision and resume: that one is taken for the last good one. Or roll back: the traffic stays."
	case len(strangers) > 0:
		hint = "Take their share back and resume; or roll back, and all traffic, theirs too, goes to " + s.good() + "."
	}
	r.hold(CauseTraffic, preview.UserError{
		Summary: "Somebody else changed the traffic of " + r.CloudRun,
		Detail:  "It is " + sharesText(shares) + ".",
		Hint:    hint,
	}, now)
	r.Held.Others = strangers
}

func sharesText(shares []Share) string {
	texts := make([]string, 0, len(shares))
	for _, share := range shares {
		texts = append(texts, fmt.Sprintf("%s %d %%", share.Revision, share.Percent))
	}
	return strings.Join(texts, ", ")
}

// good is the name of the last good revision; "" where there is none.
func (s *State) good() string {
	if s.Serving == nil {
		return ""
	}
	return s.Serving.Revision
}

// advance moves the release that is under way on by one phase or one step of its plan, if the facts allow.
func (s *State) advance(f Facts, now time.Time) bool {
	r := s.Current
	if r == nil {
		return false
	}
	before, step, observing := r.Phase, r.Step, r.Observing
	switch {
	case r.Phase == PhaseHeld:
		return false
	case s.refused(r, f, now):
	case r.Phase == PhaseRollingBack:
		s.rollBack(r, f, now)
	case !r.Shifted && !s.undisturbed(r, f, now):
	case s.vanished(r, f, now):
	default:
		s.onward(r, f, now)
	}
	return s.Current != r || r.Phase != before || r.Step != step || r.Observing != observing
}

func (s *State) onward(r *Release, f Facts, now time.Time) {
	switch r.Phase {
	case PhaseWaiting:
		if f.Policy == nil || s.Serving == nil || r.Adopt {
			return
		}
		r.enter(PhaseBuilding, now)
	case PhaseBuilding:
		s.build(r, f.Build, now)
	case PhaseDeploying:
		s.deploy(r, f, now)
	case PhaseComposing:
		s.compose(r, f.QA, now)
	case PhaseVerifying:
		s.verify(r, f, now)
	case PhaseApproving:
		s.approve(r, f, now)
	case PhaseNarrowing:
		if slices.Contains(f.Done, s.align(r, s.good(), r.Candidate.Revision).Key()) {
			r.beginRollout(f, now)
		}
	case PhaseRollingOut:
		s.rollOut(r, f, now)
	case PhaseFinishing:
		s.finish(r, f, now)
	default: // it goes on by a person, or not at all
	}
}

// refused takes in that an action was refused for a reason that people have to remove.
func (s *State) refused(r *Release, f Facts, now time.Time) bool {
	if f.Failure == nil || f.Failure.Release != r.ID {
		return false
	}
	switch f.Failure.Kind {
	case Report, RemoveQA, UntagRevision, RetireRevision:
		return false // these hold up nothing
	default:
	}
	if r.begun() {
		r.hold(CauseRefused, f.Failure.Why, now)
	} else {
		s.fail(r, f.Failure.Why, now)
	}
	return true
}

// undisturbed tells whether the last good revision has all traffic, as it must before the first shift.
func (s *State) undisturbed(r *Release, f Facts, now time.Time) bool {
	if f.Traffic == nil {
		return true // nothing is known; whatever needs the traffic waits for it
	}
	shares, err := f.Traffic.Shares()
	if err != nil {
		r.hold(CauseTraffic, userError(err), now)
		return false
	}
	if r.Adopt && len(shares) == 1 && shares[0].Revision != r.Candidate.Revision {
		s.adopt(shares[0].Revision, f, now)
		r.Adopt = false
	}
	if r.Adopt || !slices.Equal(shares, all(s.good())) {
		s.foreign(r, shares, now)
		return false
	}
	return true
}

// adopt takes the revision that serves all traffic for the last good one.
func (s *State) adopt(revision string, f Facts, now time.Time) {
	if s.good() == revision {
		return
	}
	known := f.Revisions[revision]
	s.Serving = &Good{Revision: revision, Commit: known.Commit, Image: known.Image, Since: now}
}

// vanished sends a release back whose candidate was deleted, or lost its tag, before it had traffic; one that has traffic is
// rolled back.
func (s *State) vanished(r *Release, f Facts, now time.Time) bool {
	gone := f.Revisions[r.Candidate.Revision].Gone
	switch r.Phase {
	case PhaseRollingOut, PhaseFinishing:
		if gone {
			r.startRollback(preview.UserError{Summary: "The candidate " + r.Candidate.Revision + " was deleted"}, now)
		}
		return gone
	case PhaseComposing, PhaseVerifying, PhaseApproving, PhaseNarrowing:
	default:
		return false
	}
	if !gone && (f.Traffic == nil || f.Traffic.tagged(r.Candidate.Tag, r.Candidate.Revision)) {
		return false
	}
	if r.Redeployed >= maxRedeployals {
		why := preview.UserError{
			Summary: "The candidate of " + r.CloudRun + " vanishes again and again",
			Hint:    "Look who deletes its revision or its tag: Cloud Run does beyond " + fmt.Sprint(preview.MaxTags) + " tags.",
		}
		s.fail(r, why, now)
		return true
	}
	r.Redeployed++
	r.Checks, r.API = nil, nil
	r.enter(PhaseDeploying, now)
	return true
}

// fail ends a release that has had no traffic. If the environment's gateway was touched, that is put right before.
func (s *State) fail(r *Release, why preview.UserError, now time.Time) {
	if r.begun() {
		r.startRollback(why, now)
		return
	}
	s.end(r, PhaseFailed, &why, now)
}

func (s *State) build(r *Release, b *BuildFact, now time.Time) {
	if r.Image != "" {
		s.name(r, now)
		return
	}
	if b == nil || b.Release != r.ID || b.Attempt != r.Attempt {
		return
	}
	r.LogURL = b.LogURL
	switch {
	case !b.Status.Done():
	case b.Status == preview.BuildSucceeded && b.Image != "":
		r.Image, r.Reused = b.Image, b.Reused
		s.name(r, now)
	case (b.Status == preview.BuildBroken || b.Status == preview.BuildExpired) && r.Attempt < maxRebuilds:
		r.Attempt++
		r.Since = now
	case b.Status == preview.BuildSucceeded:
		s.fail(r, preview.UserError{
			Summary: "The build of " + r.CloudRun + " succeeded but pushed no image",
			Hint:    "The build configuration has to list the image under `images`.",
		}, now)
	default:
		s.fail(r, preview.UserError{
			Summary: "The build of " + r.CloudRun + " did not succeed", Detail: b.Reason, Hint: "Mend what its log shows and merge again.",
		}, now)
	}
}

// name gives the candidate its names, before anything of it is made.
func (s *State) name(r *Release, now time.Time) {
	tag, ok := CandidateTag(r.CloudRun, r.Commit)
	if !ok {
		s.fail(r, preview.UserError{
			Summary: fmt.Sprintf("There is no room for a candidate's tag beside the name of Cloud Run service %q", r.CloudRun),
			Hint:    fmt.Sprintf("Tag and name together may have %d characters.", preview.MaxTagAndService),
		}, now)
		return
	}
	r.Candidate = Candidate{Revision: revisionName(r), Tag: tag}
	r.enter(PhaseDeploying, now)
}

func (s *State) deploy(r *Release, f Facts, now time.Time) {
	is := f.Revisions[r.Candidate.Revision]
	switch {
	case is.Readiness == preview.ReadinessFailed:
		s.fail(r, preview.UserError{
			Summary: "The candidate of " + r.CloudRun + " does not start", Detail: is.Message,
			Hint: "The container has to listen on the port that the environment variable PORT names; see its log.",
		}, now)
	case is.Readiness == preview.ReadinessReady && !is.Gone && f.Traffic != nil:
		if target, ok := f.Traffic.tagOf(r.Candidate.Tag, r.Candidate.Revision); ok && target.URL != "" {
			r.Candidate.URL = target.URL
			r.Composed = true // noted before it is
			r.enter(PhaseComposing, now)
			return
		}
		fallthrough
	default:
		s.tooLate(r, startTimeout, "Cloud Run does not say whether the candidate of "+r.CloudRun+" starts", now)
	}
}

func (s *State) tooLate(r *Release, timeout time.Duration, summary string, now time.Time) {
	if now.Sub(r.Since) > timeout {
		s.fail(r, preview.UserError{Summary: summary, Hint: "Look at it in the console, mend it, and ask for the release again."}, now)
	}
}

func (s *State) compose(r *Release, qa *QA, now time.Time) {
	switch {
	case qa == nil || qa.Release != r.ID:
	case qa.State == QAFailed:
		s.fail(r, qa.Why, now)
		return
	case qa.State == QALive:
		r.Link = qa.Link
		r.enter(PhaseVerifying, now)
		return
	default:
	}
	s.tooLate(r, composeTimeout, "The QA gateway of "+r.CloudRun+" did not come to be", now)
}

func (s *State) verify(r *Release, f Facts, now time.Time) {
	if f.QA != nil && f.QA.Release == r.ID && f.QA.State == QANone {
		r.enter(PhaseComposing, now)
		return
	}
	v := f.Verified
	if v == nil || v.Release != r.ID {
		return
	}
	r.Checks, r.API = v.Checks, v.API
	if !v.Done {
		return
	}
	if r.verified() {
		r.enter(PhaseApproving, now)
		return
	}
	why := preview.UserError{Summary: "Nothing of the candidate of " + r.CloudRun + " was verified", Hint: "There has to be one check at least."}
	for _, c := range r.Checks {
		if !c.OK {
			why = preview.UserError{Summary: "The candidate of " + r.CloudRun + " failed the check " + c.Name, Detail: c.Detail}
			break
		}
	}
	s.fail(r, why, now)
}

// Needs are the approvals that a release lacks.
func (r *Release) Needs(p Policy) []CommandKind {
	var needs []CommandKind
	if !p.Automatic && !r.approved(CommandPromote) {
		needs = append(needs, CommandPromote)
	}
	if p.BreakingNeedsApproval && (r.API == nil || r.API.Breaking) && !r.approved(CommandApproveBreaking) {
		needs = append(needs, CommandApproveBreaking)
	}
	return needs
}

func (s *State) approve(r *Release, f Facts, now time.Time) {
	if f.Policy == nil || f.Traffic == nil || r.Paused != nil || !r.verified() || len(r.Needs(*f.Policy)) > 0 {
		return
	}
	if f.Policy.Validate() != nil {
		return // the configuration is refused with its faults; nothing goes on by it
	}
	r.Plan = slices.Clone(f.Policy.Steps)
	if f.Policy.ManagedGateway && (r.API == nil || r.API.Removes) {
		r.Gateway = []string{s.good(), r.Candidate.Revision}
		r.enter(PhaseNarrowing, now)
		return
	}
	r.beginRollout(f, now)
}

func (r *Release) beginRollout(f Facts, now time.Time) {
	if f.Traffic == nil || len(r.Plan) == 0 {
		return
	}
	shares, err := f.Traffic.Shares() // undisturbed has looked at them
	if err != nil {
		return
	}
	r.Step, r.Observing, r.Shares = 0, false, shares
	r.enter(PhaseRollingOut, now)
}

// align brings the environment's gateway in step with what serves.
func (s *State) align(r *Release, revisions ...string) Action {
	return Action{Kind: AlignGateway, Release: r.ID, Revisions: revisions}
}

// finish does what is left once all traffic is the candidate's.
func (s *State) finish(r *Release, f Facts, now time.Time) {
	if f.Traffic == nil || f.Policy == nil {
		return
	}
	shares, err := f.Traffic.Shares()
	if err != nil || !slices.Equal(shares, all(r.Candidate.Revision)) {
		r.Phase = PhaseRollingOut // where a resumed one sets the step again
		s.disturbed(r, shares, err, now)
		return
	}
	if f.Policy.ManagedGateway && len(r.Gateway) != 1 {
		r.Gateway = []string{r.Candidate.Revision} // noted before it is
		return
	}
	if f.Policy.ManagedGateway && !slices.Contains(f.Done, s.align(r, r.Gateway...).Key()) {
		return
	}
	tag, keep := s.keeps(r, f)
	if keep && !f.Traffic.tagged(tag, s.good()) {
		return
	}
	before := *s.Serving
	s.Serving = &Good{Revision: r.Candidate.Revision, Commit: r.Commit, Image: r.Image, Since: now}
	s.dropKept(now)
	if keep {
		s.Kept = &Kept{Release: r.ID, Good: before, Tag: tag, Until: now.Add(f.Policy.KeepPrevious)}
	}
	s.end(r, PhaseReleased, nil, now)
}

// keeps is the tag by which the revision before is to stay within reach, if it is.
func (s *State) keeps(r *Release, f Facts) (string, bool) {
	tag, ok := KeptTag(r.CloudRun, s.good())
	return tag, ok && f.Policy.KeepPrevious > 0 && !f.Revisions[s.good()].Gone
}

func (s *State) dropKept(now time.Time) {
	if s.Kept != nil {
		s.Leftovers = append(s.Leftovers, Leftover{Release: s.Kept.Release, Since: now, Tag: s.Kept.Tag, Revision: s.Kept.Good.Revision})
		s.Kept = nil
	}
}

func userError(err error) preview.UserError {
	if e, ok := err.(*preview.UserError); ok { //nolint:errorlint // Shares wraps nothing
		return *e
	}
	return preview.UserError{Summary: err.Error()}
}
