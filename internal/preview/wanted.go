package preview

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// maxRebuilds is how often a build that ended by no fault of the pull request is started again.
const maxRebuilds = 2

// IntakeFacts are what the intake has read, and what its actions came back with. A fact that is missing changes nothing:
// only positive evidence does.
type IntakeFacts struct {
	Pull       *PullRequest // nil: not read this time
	Changed    []Target     // services that the pull request changes; read only with Pull
	AllChanged bool         // GitHub's answer was incomplete
	Approval   *Approval    // of the label of Policy.Approving; read only with Pull, and only where that decides
	Homeless   bool         // the configuration has no place for the preview: nothing else can be known
	Policy     Policy
	Others     int    // other live previews on the gateway
	Full       *Block // why Google Cloud has no room for one more preview; nil: it has, or that is not known
	Removed    int64  // Observed.Removed
	Accepted   int64  // Observed.Accepted

	Builds    map[string]Build        // by service: the build of the member's generation
	Logs      map[string]string       // by service: the last lines of the step that failed; the author's text
	Revisions map[string]RevisionFact // by service: what stands under the tag
	Failures  map[string]Failure      // by service: what people have to mend
	Reverted  []string                // services whose tag was given back
	Cancelled []string                // builds whose cancellation was asked for
	Sure      []Start                 // of which no build runs, whether or not one was started
	Announced map[string]string       // service → revision whose hint is out
	Published string                  // digest of the state that was announced
}

// A Target is a service that a pull request changes.
type Target struct {
	Service  string `json:"service"`
	CloudRun string `json:"cloud_run"`
	Pipeline bool   `json:"pipeline,omitempty"` // a pipeline of the team's own builds and deploys it
	Source   string `json:"source,omitempty"`   // what it is made of at the head: see [Member]; "" is not known
}

// A RevisionFact is what Cloud Run says of a member.
type RevisionFact struct {
	Deployed  bool   // a deploy of the member's revision has just been accepted
	Revision  string // the revision under our tag; "" when the tag does not stand
	Readiness Readiness
	Message   string
	URL       string // the tag's
	Audience  string // the service's own URL

	Image  string // that the revision is made of, by digest
	Commit string // that the revision was built from, if its labels say that it is this preview's member; else ""

	Reconciling bool // what Cloud Run says of the service may still be about an earlier write
}

// DecideWanted says how the intake's row goes on and what is to be done, after the row has been saved. next is when to
// look again without a hint; zero is never.
func DecideWanted(key Key, w Wanted, f IntakeFacts, now time.Time) (_ Wanted, actions []Action, next time.Time) {
	before := w
	w = w.clone()
	if f.Pull != nil {
		w.observePull(f, now)
	}
	w.observePlace(f, now)
	w.expire(f.Policy, now)
	if w.Intent != IntentLive && f.Removed >= w.Down {
		w.Tagged = nil
	}
	w.Superseded = without(w.Superseded, f.Cancelled)
	w.Unsure = without(w.Unsure, f.Sure)
	if until := w.parked(); !until.IsZero() {
		return w, nil, until
	}
	for i := range w.Members {
		w.advance(i, f, now)
	}
	w.hold()
	w.release(key, f)
	w.noteAnnounced(f)
	w.remember(before, now)
	return w, w.actions(), w.next(f.Policy, now)
}

// observePull compares what GitHub says with what is wanted, and starts a generation when they differ.
func (w *Wanted) observePull(f IntakeFacts, now time.Time) {
	p := f.Pull
	w.Repository, w.URL, w.BaseSHA, w.BaseRef, w.Fork = p.Repository, p.URL, p.BaseSHA, p.BaseRef, p.Fork()
	intent, block := w.judge(f)
	headMoved := p.HeadSHA != w.HeadSHA
	if headMoved || w.Pushed.IsZero() || intent == IntentLive && w.Intent != IntentLive {
		w.Pushed = now // time that passed while it was a draft, say, or closed does not count
	}
	same := intent == w.Intent && equalBlock(block, w.Block)
	if intent == IntentLive {
		same = same && !headMoved && w.hasMembers(f.Changed)
	}
	w.HeadSHA, w.AllChanged = p.HeadSHA, f.AllChanged
	if same {
		return
	}
	first := w.Intent == IntentUnknown
	w.begin(intent, now)
	w.Block = block
	if intent == IntentLive {
		w.setMembers(f.Changed)
	} else if first && intent == IntentClosed {
		w.Down = w.Generation // what an earlier life of this record may have left is looked for once
	}
}

// homelessFor is how long a preview is kept whose gateway or repository has left the configuration: until then, a mistake in
// the configuration can be mended without harm.
const homelessFor = time.Hour

// observePlace takes a preview in that the configuration has had no place for for long. That is the operator's word.
func (w *Wanted) observePlace(f IntakeFacts, now time.Time) {
	switch {
	case !f.Homeless:
		w.Homeless = time.Time{}
	case w.Homeless.IsZero():
		w.Homeless = now
	}
	if until := w.parked(); until.IsZero() || now.Before(until) {
		return
	}
	if w.Intent == IntentUnknown {
		w.begin(IntentIdle, now)
		w.Down = w.Generation // nobody knows what an earlier life of this record may have left
		return
	}
	w.begin(IntentBlocked, now)
	w.Block = &Block{Reason: BlockConfig, Detail: "its gateway or its repository is not configured any more"}
}

// parked is until when nothing is done about a preview that the configuration has no place for; zero: it is not parked.
func (w *Wanted) parked() time.Time {
	if w.Homeless.IsZero() || w.Intent != IntentLive && w.Intent != IntentUnknown {
		return time.Time{}
	}
	return w.Homeless.Add(homelessFor)
}

// judge says what is wanted of a preview of the pull request.
func (w *Wanted) judge(f IntakeFacts) (Intent, *Block) {
	p := f.Pull
	if !p.Open {
		return IntentClosed, nil
	}
	if len(f.Changed) == 0 {
		return IntentIdle, nil
	}
	if block := f.Policy.Blocks(*p, f.Approval); block != nil {
		return IntentBlocked, block
	}
	if w.Intent == IntentExpired && w.HeadSHA == p.HeadSHA {
		return IntentExpired, nil
	}
	if f.Policy.Limit > 0 && f.Others >= f.Policy.Limit && w.Intent != IntentLive {
		return IntentBlocked, f.Policy.full()
	}
	if f.Full != nil && w.Intent != IntentLive {
		return IntentBlocked, f.Full
	}
	return IntentLive, nil
}

// begin starts a generation. What is in flight for the old one is given up; if revisions were deployed and none is
// wanted any more, everything has to be taken in.
func (w *Wanted) begin(intent Intent, now time.Time) {
	w.Generation++
	w.Changed = now
	w.Intent = intent
	w.Block = nil
	if intent == IntentLive {
		return
	}
	for _, m := range w.Members {
		w.supersede(m)
	}
	w.Members = nil
	if len(w.Tagged) > 0 {
		w.Down = w.Generation
	}
}

// supersede gives a member's build up. One that is waiting may have been started by a worker that died before it could save
// that.
func (w *Wanted) supersede(m Member) {
	if start := (Start{m.Service, m.Generation}); m.Step == StepWaiting && !m.Pipeline && !slices.Contains(w.Unsure, start) {
		w.Unsure = append(w.Unsure, start)
	}
	if m.Step == StepBuilding && m.BuildID != "" && !slices.Contains(w.Superseded, m.BuildID) {
		w.Superseded = append(w.Superseded, m.BuildID)
	}
}

// setMembers makes targets the members. A member that is already there for the same commit, or that is made of the very same
// files as at the new one, goes on as it is.
func (w *Wanted) setMembers(targets []Target) {
	members := make([]Member, 0, len(targets))
	for _, t := range targets {
		m := Member{
			Service: t.Service, CloudRun: t.CloudRun, Pipeline: t.Pipeline, SHA: w.HeadSHA, Generation: w.Generation, Step: StepWaiting,
			Source: t.Source,
		}
		if t.Pipeline && !slices.Contains(w.Tagged, t.CloudRun) {
			w.Tagged = append(w.Tagged, t.CloudRun) // the pipeline sets the tag whenever it comes to it
		}
		if i := w.member(t.Service); i >= 0 && w.Members[i].CloudRun == t.CloudRun {
			old := w.Members[i]
			m.Good, m.Standing = old.Good, old.Standing
			unchanged := old.SHA == w.HeadSHA || t.Source != "" && old.Source == t.Source && !t.Pipeline
			if unchanged && old.Step != StepFailed && old.Pipeline == t.Pipeline {
				m = old
			}
		}
		members = append(members, m)
	}
	for _, old := range w.Members {
		kept := slices.ContainsFunc(members, func(m Member) bool {
			return m.Service == old.Service && m.Generation == old.Generation
		})
		if !kept {
			w.supersede(old)
		}
	}
	slices.SortFunc(members, func(a, b Member) int { return compare(a.Service, b.Service) })
	w.Members = members
}

// expire takes a preview in that has not been pushed to for too long.
func (w *Wanted) expire(policy Policy, now time.Time) {
	if w.Intent == IntentLive && policy.ExpireAfter > 0 && !now.Before(w.Pushed.Add(policy.ExpireAfter)) {
		w.begin(IntentExpired, now)
	}
}

// release lets the members be deployed once all of them are built and their documents go together, so that a failing one
// leaves the whole preview as it was, and once what an earlier life of the preview left has been taken in.
func (w *Wanted) release(key Key, f IntakeFacts) {
	if !w.Built() || w.Down > f.Removed || f.Accepted != w.Generation {
		return
	}
	for i := range w.Members {
		m := &w.Members[i]
		if m.Step != StepBuilt {
			continue
		}
		m.Step = StepDeploying
		m.Tag = key.Tag()
		m.Revision = m.Found
		if !m.Pipeline {
			m.Revision = key.RevisionName(m.CloudRun, m.SHA, m.Image+" "+strconv.FormatInt(m.Generation, 10))
		}
		m.Standing = m.Revision
		if !slices.Contains(w.Tagged, m.CloudRun) {
			w.Tagged = append(w.Tagged, m.CloudRun)
		}
	}
}

// hold keeps members together: the revisions of a generation are good once all of them are ready, and when one can't be
// deployed, or is built again by a push that left the others alone, the others wait for it, so that no tag stays on half of a
// preview.
func (w *Wanted) hold() {
	failed := slices.ContainsFunc(w.Members, func(m Member) bool { return m.Step == StepFailed })
	ready, built := w.Ready(), w.Built()
	for i := range w.Members {
		switch m := &w.Members[i]; {
		case ready:
			m.Good = m.Revision
		case (failed || !built) && (m.Step == StepDeploying || m.Step == StepReady) && m.Standing != m.Good:
			m.Step, m.Revision, m.DeployedAt = StepBuilt, "", time.Time{}
		}
	}
}

// noteAnnounced keeps what has been published.
func (w *Wanted) noteAnnounced(f IntakeFacts) {
	if f.Published != "" {
		w.Announced.Digest = f.Published
	}
	revisions := map[string]string{}
	for _, m := range w.Members {
		if r := w.Announced.Revisions[m.Service]; r == m.Revision && r != "" {
			revisions[m.Service] = r
		}
		if r := f.Announced[m.Service]; r == m.Revision && r != "" {
			revisions[m.Service] = r
		}
	}
	w.Announced.Revisions = revisions
}

// actions are what the row asks for.
func (w *Wanted) actions() []Action {
	var list []Action
	for _, id := range w.Superseded {
		list = append(list, Action{Kind: CancelBuild, BuildID: id})
	}
	for _, s := range w.Unsure {
		list = append(list, Action{Kind: CancelBuild, Service: s.Service, Generation: s.Generation})
	}
	for _, m := range w.Members {
		if m.Step != StepDeploying && m.Step != StepReady && m.Standing != m.Good {
			list = append(list, Action{Kind: RevertTag, Service: m.Service})
		}
		switch {
		case m.Step == StepWaiting && !m.Pipeline:
			list = append(list, Action{Kind: StartBuild, Service: m.Service})
		case m.Step == StepDeploying && m.DeployedAt.IsZero():
			list = append(list, Action{Kind: DeployRevision, Service: m.Service})
		case m.Step == StepReady && w.Announced.Revisions[m.Service] != m.Revision:
			list = append(list, Action{Kind: AnnounceRevision, Service: m.Service})
		}
	}
	if w.Announced.Digest != w.Digest() {
		list = append(list, Action{Kind: AnnouncePreview})
	}
	return list
}

// Digest is a fingerprint of all that the aggregator reacts to.
func (w *Wanted) Digest() string {
	members := slices.Clone(w.Members)
	for i := range members {
		members[i].LogUntil = time.Time{}
	}
	body, err := json.Marshal(struct {
		Generation, Down int64
		Intent           Intent
		HeadSHA          string
		Block            *Block
		Members          []Member
		Tagged           []string
		URL              string
	}{w.Generation, w.Down, w.Intent, w.HeadSHA, w.Block, members, w.Tagged, w.URL})
	if err != nil {
		return "" // not reached: all of it is plain data
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:8])
}

// next is when to look again though no hint has come.
func (w *Wanted) next(policy Policy, now time.Time) time.Time {
	var at time.Time
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if w.Intent == IntentLive && policy.ExpireAfter > 0 {
		sooner(w.Pushed.Add(policy.ExpireAfter))
	}
	for _, m := range w.Members {
		switch m.Step {
		case StepWaiting:
			if m.Pipeline {
				sooner(now.Add(min(max(now.Sub(w.Changed)/8, 5*time.Second), time.Minute)))
			}
		case StepBuilding:
			sooner(now.Add(min(max(now.Sub(m.BuildStart)/8, time.Second), 30*time.Second)))
		case StepDeploying:
			sooner(now.Add(min(max(now.Sub(m.DeployedAt)/4, 50*time.Millisecond), 5*time.Second)))
		case StepFailed:
			if m.WantsLog(now) {
				sooner(now.Add(min(max(now.Sub(m.Failure.At), 2*time.Second), 15*time.Second)))
			}
		default: // it goes on by an action, or not at all
		}
	}
	return at
}

func (w *Wanted) member(service string) int {
	return slices.IndexFunc(w.Members, func(m Member) bool { return m.Service == service })
}

// Member returns the member of that service.
func (w Wanted) Member(service string) (Member, bool) {
	if i := w.member(service); i >= 0 {
		return w.Members[i], true
	}
	return Member{}, false
}

// Former are the Cloud Run services on which our tag may stand though they are no members.
func (w Wanted) Former() []string {
	return slices.DeleteFunc(slices.Clone(w.Tagged), func(cloudRun string) bool {
		return slices.ContainsFunc(w.Members, func(m Member) bool { return m.CloudRun == cloudRun })
	})
}

// Ready tells whether every member's revision can serve.
func (w Wanted) Ready() bool {
	return w.Intent == IntentLive && len(w.Members) > 0 &&
		!slices.ContainsFunc(w.Members, func(m Member) bool { return m.Step != StepReady })
}

// Built tells whether every member's image is there, whatever has become of it since.
func (w Wanted) Built() bool {
	return w.Intent == IntentLive && len(w.Members) > 0 && !slices.ContainsFunc(w.Members, func(m Member) bool {
		return m.Step != StepBuilt && m.Step != StepDeploying && m.Step != StepReady
	})
}

// AwaitsPipeline tells whether a member has yet to be deployed by a pipeline of the team's own.
func (w Wanted) AwaitsPipeline() bool {
	return slices.ContainsFunc(w.Members, func(m Member) bool { return m.Pipeline && m.Step == StepWaiting })
}

// hasMembers tells whether the members are exactly targets.
func (w *Wanted) hasMembers(targets []Target) bool {
	if len(w.Members) != len(targets) {
		return false
	}
	for _, t := range targets {
		if i := w.member(t.Service); i < 0 || w.Members[i].CloudRun != t.CloudRun || w.Members[i].Pipeline != t.Pipeline {
			return false
		}
	}
	return true
}

func (w Wanted) clone() Wanted {
	w.Members = slices.Clone(w.Members)
	w.Superseded = slices.Clone(w.Superseded)
	w.Unsure = slices.Clone(w.Unsure)
	w.Tagged = slices.Clone(w.Tagged)
	return w
}

func equalBlock(a, b *Block) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func without[T comparable](list, gone []T) []T {
	return slices.DeleteFunc(list, func(v T) bool { return slices.Contains(gone, v) })
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
