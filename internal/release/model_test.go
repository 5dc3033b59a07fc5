package release

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// The model checker: a small world outside the core, of which all that can happen is tried in every order, each state once.
// Times are kept relative to an instant, so that states that differ only by when they are reached are one.

var epoch = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// tick is by how much time goes on; all durations of the model's policy are one tick.
const tick = 10 * time.Minute

var modelKey = Key{Environment: "production", Service: "orders"}

// decide is what is checked: Decide, or a mutant of it.
type decider func(Key, State, Facts, time.Time) (State, []Action, time.Time)

// limits are how often the world does what it need not do.
type limits struct {
	Requests, Foreign, Preview, Vanish, Deleted, Untagged   int
	Pauses, Rollbacks, Promotes, Failures, Unknown, Crashes int
}

// A model is what does not change while it is explored.
type model struct {
	policy   Policy
	breaking bool // the candidates break callers, and remove operations
	first    limits
	decide   decider
}

// A cloud is everything outside the core, and what an observer knows who sees both.
type cloud struct {
	S        State
	Targets  []target
	Etag     string
	Flying   []Asked         // shifts that a worker sent before it died: they may still arrive
	Exists   map[string]bool // revisions
	QA       map[string]bool // QA gateways by release
	Gateway  []string        // the environment's gateway offers what all of these offer
	Left     limits
	Verified map[string]bool // by release
	Approved map[string]int  // by release: bit 0 promote, bit 1 breaking
	Top      map[string]int  // by release: the highest percentage that it may have by now
	Good     string          // the last good revision
	Preview  bool            // a preview's tag stands
}

// A violation is a broken invariant.
type violation string

func broken(format string, args ...any) { panic(violation(fmt.Sprintf(format, args...))) }

// choices replays a path of decisions of chance and records where it branches.
type choices struct {
	path   []int
	widths []int
}

func (c *choices) of(n int) int {
	if n <= 1 {
		return 0
	}
	i := len(c.widths)
	c.widths = append(c.widths, n)
	if i == len(c.path) {
		c.path = append(c.path, 0)
	}
	return c.path[i]
}

// more moves to the next path; false when all were tried.
func (c *choices) more() bool {
	for i, width := range slices.Backward(c.widths) {
		if c.path[i]+1 < width {
			c.path = append(c.path[:i:i], c.path[i]+1)
			c.widths = nil
			return true
		}
	}
	return false
}

// may spends one of what is left, if chance wants it.
func may(c *choices, left *int) bool {
	if *left > 0 && c.of(2) == 1 {
		*left--
		return true
	}
	return false
}

func (m *model) start() *cloud {
	return &cloud{
		Targets: []target{{Revision: "n", Percent: 100}, {Revision: "n", Tag: "stable", URL: "u"}}, Etag: "cur",
		Exists: map[string]bool{"n": true, "x": true, "p": true}, QA: map[string]bool{}, Gateway: []string{"n"}, Left: m.first,
		Verified: map[string]bool{}, Approved: map[string]int{}, Top: map[string]int{}, Good: "n",
	}
}

func (w *cloud) clone() *cloud {
	c := *w
	c.Targets, c.Flying, c.Gateway = slices.Clone(w.Targets), slices.Clone(w.Flying), slices.Clone(w.Gateway)
	c.Exists, c.QA, c.Verified = maps.Clone(w.Exists), maps.Clone(w.QA), maps.Clone(w.Verified)
	c.Approved, c.Top = maps.Clone(w.Approved), maps.Clone(w.Top)
	return &c
}

func (w *cloud) traffic() Traffic {
	return Traffic{CloudRun: "orders", Etag: w.Etag, Targets: w.Targets}
}

func (w *cloud) shares() []Share {
	shares, err := w.traffic().Shares()
	if err != nil {
		broken("the traffic list is not one: %v: %v", w.Targets, err)
	}
	return shares
}

// set is a write of the list: what was sent under another etag fails from now on.
func (w *cloud) set(list []target) {
	if slices.Equal(list, w.Targets) {
		return
	}
	w.Targets = list
	w.Etag += "'"
	w.Flying = slices.DeleteFunc(w.Flying, func(a Asked) bool { return a.Etag != "" })
}

// land is Cloud Run doing a shift, or refusing it.
func (m *model) land(w *cloud, a Asked) {
	if a.Etag != "" && a.Etag != w.Etag {
		return
	}
	for _, share := range a.To {
		if !w.Exists[share.Revision] {
			return
		}
	}
	list, err := w.traffic().With(a.To)
	if err != nil {
		broken("a shift that can't be made: %v", err)
	}
	before := tagsOf(w.Targets)
	w.set(list)
	if !slices.Equal(before, tagsOf(w.Targets)) {
		broken("a shift changed tags from %v to %v", before, tagsOf(w.Targets))
	}
	for _, share := range w.shares() {
		if id, ok := releaseOf(share.Revision); ok && share.Revision != w.Good {
			if !w.Verified[id] {
				broken("%s gets %d %% unverified", id, share.Percent)
			}
			if !m.approved(w, id) {
				broken("%s gets %d %% unapproved", id, share.Percent)
			}
			if top := max(w.Top[id], m.policy.Steps[0]); share.Percent > top {
				broken("%s gets %d %%, and no figures allow for more than %d", id, share.Percent, top)
			}
		}
	}
}

func (m *model) approved(w *cloud, id string) bool {
	needs := 0
	if !m.policy.Automatic {
		needs |= 1
	}
	if m.breaking && m.policy.BreakingNeedsApproval {
		needs |= 2
	}
	return w.Approved[id]&needs == needs
}

// releaseOf is the release that a candidate belongs to: the model's images are named after them.
func releaseOf(revision string) (string, bool) {
	commit, ok := strings.CutPrefix(revision, "orders-rc-")
	if !ok {
		return "", false
	}
	commit, _, _ = strings.Cut(commit, "-")
	return "orders-" + commit + "-" + commit[6:], true
}

func commitOf(n int) string { return strings.Repeat(fmt.Sprint(n), 40) }

// read is a look at the truth.
func (m *model) read(w *cloud, c *choices) Facts {
	f := Facts{Policy: &m.policy, Reported: "-"}
	if may(c, &w.Left.Unknown) {
		return f
	}
	t := w.traffic()
	t.Targets = slices.Clone(t.Targets)
	f.Traffic = &t
	f.Revisions = map[string]Revision{}
	known := func(name string) {
		if name != "" {
			f.Revisions[name] = Revision{Gone: !w.Exists[name]}
			if w.Exists[name] {
				f.Revisions[name] = Revision{Readiness: preview.ReadinessReady}
			}
		}
	}
	known(w.S.good())
	if r := w.S.Current; r != nil {
		known(r.Candidate.Revision)
		f.QA = &QA{Release: r.ID, State: QANone}
		if w.QA[r.ID] {
			f.QA = &QA{Release: r.ID, State: QALive, Link: "https://qa"}
		}
	}
	for _, l := range w.S.Leftovers {
		known(l.Revision)
	}
	return f
}

// look is a worker's look, which may die between any two actions.
func (m *model) look(w *cloud, c *choices, commands ...Command) {
	f := m.read(w, c)
	f.Commands = slices.Concat(commands, commands)
	var seen []string
	for range 40 {
		before := w.S
		next, actions, _ := m.decide(modelKey, w.S, f, epoch)
		actions = slices.DeleteFunc(actions, func(a Action) bool { return a.Kind == Report })
		w.S = next
		m.compare(w, before)
		if len(actions) == 0 || slices.Equal(keys(actions), seen) {
			return
		}
		seen = keys(actions)
		results := Facts{}
		for _, a := range actions {
			if may(c, &w.Left.Crashes) {
				return
			}
			if !m.do(w, a, &results, c) {
				return
			}
		}
		f = m.read(w, &choices{}) // the second read is not left out again
		f.Done, f.Build, f.Verified, f.Measured = results.Done, results.Build, results.Verified, results.Measured
	}
	broken("a look does not come to rest: %s", m.digest(w))
}

func keys(actions []Action) []string {
	var all []string
	for _, a := range actions {
		all = append(all, a.Key())
	}
	return all
}

// do carries an action out. false: the worker died over it.
func (m *model) do(w *cloud, a Action, f *Facts, c *choices) bool {
	switch a.Kind {
	case Build:
		f.Build = &BuildFact{Release: a.Release, Attempt: a.Attempt, Status: preview.BuildSucceeded, Image: "images/orders@sha256:1"}
		if may(c, &w.Left.Failures) {
			f.Build.Status = [...]preview.BuildStatus{preview.BuildFailed, preview.BuildBroken, preview.BuildWorking}[c.of(3)]
		}
	case Deploy:
		w.Exists[a.Revision] = true
		list := slices.DeleteFunc(slices.Clone(w.Targets), func(e target) bool { return e.Tag == a.Tag })
		w.set(append(list, target{Revision: a.Revision, Tag: a.Tag, URL: "https://" + a.Tag}))
	case ComposeQA:
		if !may(c, &w.Left.Failures) {
			w.QA[a.Release] = true
		}
	case RemoveQA:
		delete(w.QA, a.Release)
		f.Done = append(f.Done, a.Key())
	case Verify:
		if !w.QA[a.Release] {
			broken("%s is verified without a QA gateway", a.Release)
		}
		f.Verified = &Verification{Release: a.Release, Done: true, Checks: []Check{{Name: "ready", OK: true}}}
		f.Verified.API = &API{Breaking: m.breaking, Removes: m.breaking}
		w.Verified[a.Release] = true
		if may(c, &w.Left.Failures) {
			w.Verified[a.Release] = false
			f.Verified.Checks = append(f.Verified.Checks, Check{Name: "orders"})
		}
	case Shift:
		asked := Asked{To: a.To, Etag: a.Etag}
		if !slices.Equal(a.From, w.Targets) && a.Etag == w.Etag {
			broken("a shift starts from %v; found was %v", a.From, w.Targets)
		}
		if may(c, &w.Left.Crashes) {
			w.Flying = append(w.Flying, asked)
			return false
		}
		m.land(w, asked)
	case Measure:
		f.Measured = m.measure(w, a, c)
	case Probe:
		if w.S.Current == nil || a.Requests < 1 {
			broken("a probe of nothing: %+v", a)
		}
		f.Done = append(f.Done, a.Key())
	case AlignGateway:
		w.Gateway = a.Revisions
		f.Done = append(f.Done, a.Key())
	case TagRevision:
		list, err := w.traffic().WithTag(a.Tag, a.Revision)
		if err != nil {
			broken("tagging: %v", err)
		}
		if w.Exists[a.Revision] {
			w.set(list)
		}
	case UntagRevision:
		w.set(w.traffic().WithoutTag(a.Tag, a.Revision))
	case RetireRevision:
		if w.traffic().names(a.Revision) || a.Revision == w.Good {
			broken("%s is retired while it is in use", a.Revision)
		}
		delete(w.Exists, a.Revision)
		f.Done = append(f.Done, a.Key())
	default:
		broken("unknown action %s", a.Key())
	}
	return true
}

// measure tells figures: good, bad, too few or incomplete ones.
func (m *model) measure(w *cloud, a Action, c *choices) *Measured {
	fine := Window{Requests: 1000, P95: time.Millisecond, P99: time.Millisecond}
	is := &Measured{Release: a.Release, Step: a.Step, Span: a.Span, Complete: true, Candidate: fine, Baseline: fine}
	switch c.of(4) {
	case 0:
		if top := max(w.Top[a.Release], m.policy.Steps[0]); percentOf(w.shares(), a.Revision) == top && a.Span.To.Sub(a.Span.From) >= tick {
			if i := slices.Index(m.policy.Steps, top); i+1 < len(m.policy.Steps) {
				w.Top[a.Release] = m.policy.Steps[i+1]
			}
		}
	case 1:
		is.Candidate.Failed = 500
	case 2:
		is.Candidate = Window{Requests: 3}
	case 3:
		is.Complete = false
	}
	return is
}

// compare holds what the decision did against what the observer knows.
func (m *model) compare(w *cloud, before State) {
	if s := w.S; s.good() != w.Good && s.Serving != nil {
		restored := before.Kept != nil && before.Kept.Good.Revision == s.good()
		if !restored && !slices.Equal(w.shares(), all(s.good())) {
			broken("%s is called good and has not all traffic: %v", s.good(), w.shares())
		}
		w.Good = s.good()
	}
	for _, r := range w.S.History {
		was := slices.ContainsFunc(before.History, func(old Release) bool { return old.ID == r.ID && old.Phase == r.Phase })
		switch {
		case was:
		case r.Phase == PhaseRolledBack && r.Shifted:
			if !slices.Equal(w.shares(), all(w.Good)) || !w.Exists[w.Good] {
				broken("%s is rolled back, and the traffic is %v; the last good revision is %s", r.ID, w.shares(), w.Good)
			}
			if len(w.Flying) > 0 {
				broken("%s is rolled back while a shift may still arrive: %v", r.ID, w.Flying)
			}
			m.aligned(w, r)
		case r.Phase == PhaseReleased:
			if !slices.Equal(w.shares(), all(r.Candidate.Revision)) {
				broken("%s is released with the traffic %v", r.ID, w.shares())
			}
			m.aligned(w, r)
		case percentOf(w.shares(), r.Candidate.Revision) > 0 && r.Shifted:
			broken("%s ended as %s and has traffic: %v", r.ID, r.Phase, w.shares())
		default:
			if m.breaking && m.policy.ManagedGateway && w.S.Kept == nil {
				m.aligned(w, r)
			}
		}
	}
}

// aligned looks that a managed gateway is what serves when a release has ended.
func (m *model) aligned(w *cloud, r Release) {
	if m.policy.ManagedGateway && !slices.Equal(w.Gateway, []string{w.Good}) {
		broken("%s has ended as %s, and the gateway offers %v while %s serves", r.ID, r.Phase, w.Gateway, w.Good)
	}
}

// check holds the world against the invariants that hold always.
func (m *model) check(w *cloud) {
	shares := w.shares()
	for _, share := range shares {
		if !w.Exists[share.Revision] {
			broken("%s has %d %% and does not exist", share.Revision, share.Percent)
		}
	}
	if !slices.Contains(tagsOf(w.Targets), target{Revision: "n", Tag: "stable", URL: "u"}) {
		broken("the tag stable is gone: %v", w.Targets)
	}
	on := slices.Contains(tagsOf(w.Targets), target{Revision: "p", Tag: "pr-7", URL: "v"})
	if on != w.Preview {
		broken("the tag pr-7: there %v, want %v: %v", on, w.Preview, w.Targets)
	}
	r := w.S.Current
	if !m.policy.ManagedGateway || r == nil || r.Candidate.Revision == "" {
		return
	}
	back := r.Phase == PhaseRollingBack || r.Phase == PhaseHeld && r.Held.From == PhaseRollingBack
	switch has := percentOf(shares, r.Candidate.Revision); {
	case has == 0 && slices.Equal(w.Gateway, []string{r.Candidate.Revision}) && !back && m.first.Foreign == 0:
		broken("the gateway offers what no serving revision has")
	case has == 100 && m.breaking && slices.Equal(w.Gateway, []string{w.Good}) && w.Good != r.Candidate.Revision && m.first.Foreign == 0:
		broken("the gateway offers what the candidate removed")
	}
}

// Events of the world. Each returns false when it can't happen.
var events = []func(m *model, w *cloud, c *choices) bool{
	func(m *model, w *cloud, c *choices) bool { m.look(w, c); return true },
	func(_ *model, w *cloud, _ *choices) bool { w.later(); return true },
	func(m *model, w *cloud, c *choices) bool { // a newer commit
		if w.Left.Requests == 0 {
			return false
		}
		w.Left.Requests--
		n := m.first.Requests - w.Left.Requests
		w.S, _, _ = m.decide(modelKey, w.S, Facts{Requests: []Request{{Seq: int64(n), Repository: 7, Commit: commitOf(n), CloudRun: "orders"}}}, epoch)
		return true
	},
	func(m *model, w *cloud, c *choices) bool { // a shift arrives late
		if len(w.Flying) == 0 {
			return false
		}
		i := c.of(len(w.Flying))
		late := w.Flying[i]
		w.Flying = slices.Delete(w.Flying, i, i+1)
		m.land(w, late)
		return true
	},
	func(_ *model, w *cloud, c *choices) bool { // somebody else changes the traffic
		if w.Left.Foreign == 0 {
			return false
		}
		w.Left.Foreign--
		w.foreign(c.of(3))
		return true
	},
	func(_ *model, w *cloud, _ *choices) bool { // a preview comes or goes
		if w.Left.Preview == 0 {
			return false
		}
		w.Left.Preview--
		w.Preview = !w.Preview
		if w.traffic().tagged("pr-7", "p") {
			w.set(w.traffic().WithoutTag("pr-7", "p"))
		} else {
			w.set(append(slices.Clone(w.Targets), target{Revision: "p", Tag: "pr-7", URL: "v"}))
		}
		return true
	},
	func(_ *model, w *cloud, _ *choices) bool { // the candidate is deleted
		r := w.S.Current
		if w.Left.Vanish == 0 || r == nil || !w.Exists[r.Candidate.Revision] || percentOf(w.shares(), r.Candidate.Revision) > 0 {
			return false
		}
		w.Left.Vanish--
		delete(w.Exists, r.Candidate.Revision)
		w.set(w.traffic().WithoutTag(r.Candidate.Tag, r.Candidate.Revision))
		return true
	},
	func(_ *model, w *cloud, _ *choices) bool { // the last good revision is deleted
		if w.Left.Deleted == 0 || !w.Exists[w.Good] || percentOf(w.shares(), w.Good) > 0 {
			return false
		}
		w.Left.Deleted--
		delete(w.Exists, w.Good)
		return true
	},
	func(_ *model, w *cloud, _ *choices) bool { // Cloud Run drops our tag
		r := w.S.Current
		if w.Left.Untagged == 0 || r == nil || !w.traffic().tagged(r.Candidate.Tag, r.Candidate.Revision) {
			return false
		}
		w.Left.Untagged--
		w.set(w.traffic().WithoutTag(r.Candidate.Tag, r.Candidate.Revision))
		return true
	},
	func(m *model, w *cloud, c *choices) bool { return m.say(w, c, CommandPromote, &w.Left.Promotes) },
	func(m *model, w *cloud, c *choices) bool {
		return m.say(w, c, CommandApproveBreaking, &w.Left.Promotes)
	},
	func(m *model, w *cloud, c *choices) bool { return m.say(w, c, CommandPause, &w.Left.Pauses) },
	func(m *model, w *cloud, c *choices) bool {
		if r := w.S.Current; r == nil || r.Paused == nil && r.Held == nil {
			return false
		}
		return m.say(w, c, CommandResume, new(int(1)))
	},
	func(m *model, w *cloud, c *choices) bool { return m.say(w, c, CommandRollback, &w.Left.Rollbacks) },
	func(m *model, w *cloud, c *choices) bool { // of the release that is over
		if w.S.Kept == nil || w.Left.Rollbacks == 0 {
			return false
		}
		w.Left.Rollbacks--
		m.look(w, c, Command{ID: "after", Kind: CommandRollback, Release: w.S.Kept.Release, By: "ana", At: epoch})
		return true
	},
}

// say is a person's command about the release under way, told twice.
func (m *model) say(w *cloud, c *choices, kind CommandKind, left *int) bool {
	r := w.S.Current
	if r == nil || *left == 0 {
		return false
	}
	*left--
	switch kind {
	case CommandPromote:
		w.Approved[r.ID] |= 1
		if r.Held != nil && r.Held.Cause == CauseScant {
			if i := slices.Index(m.policy.Steps, max(w.Top[r.ID], m.policy.Steps[0])); i+1 < len(m.policy.Steps) {
				w.Top[r.ID] = m.policy.Steps[i+1]
			}
		}
	case CommandApproveBreaking:
		if r.Phase == PhaseApproving {
			w.Approved[r.ID] |= 2
		}
	default:
	}
	m.look(w, c, Command{ID: "c-" + string(kind), Kind: kind, Release: r.ID, By: "ana", At: epoch})
	return true
}

// foreign is a change of the traffic by somebody who knows nothing of releases.
func (w *cloud) foreign(kind int) {
	to := all("x")
	w.Exists["x"] = true // they deploy it, if need be
	candidate := ""
	if r := w.S.Current; r != nil && w.Exists[r.Candidate.Revision] {
		candidate = r.Candidate.Revision
	}
	switch {
	case kind == 1 && w.Exists[w.Good] && w.Good != "x":
		to = split(w.Good, "x", 20)
	case kind == 2 && candidate != "" && w.Exists[w.Good] && percentOf(w.shares(), candidate) > 0:
		to = split(w.Good, candidate, 30)
	}
	list, err := w.traffic().With(to)
	if err != nil {
		broken("a foreign shift: %v", err)
	}
	w.set(list)
}

// later lets time go on.
func (w *cloud) later() {
	s := w.S.clone()
	shift := func(t *time.Time) {
		if !t.IsZero() {
			*t = t.Add(-tick)
		}
	}
	if r := s.Current; r != nil {
		for _, t := range []*time.Time{&r.Since, &r.StepFrom, &r.Span.From, &r.Span.To} {
			shift(t)
		}
	}
	for i := range s.Leftovers {
		shift(&s.Leftovers[i].Since)
	}
	if s.Kept != nil {
		kept := *s.Kept
		shift(&kept.Until)
		s.Kept = &kept
	}
	w.S = s
}

// canonical makes states equal that differ only by what decides nothing.
func (w *cloud) canonical() {
	s := w.S.clone()
	s.Reported = ""
	kept := ""
	if s.Kept != nil {
		kept = s.Kept.Release
		k := *s.Kept
		if k.Good.Since, k.Good.Image = (time.Time{}), ""; k.Until.Before(epoch) {
			k.Until = epoch
		}
		s.Kept = &k
	}
	s.History = slices.DeleteFunc(s.History, func(r Release) bool { return r.ID != kept })
	for i := range s.History {
		s.History[i].plain(w.Etag)
		s.History[i].Since = epoch
	}
	for i := range s.Leftovers {
		if l := &s.Leftovers[i]; l.Since.Before(epoch.Add(-tick)) {
			l.Since = epoch.Add(-tick)
		}
	}
	if s.Serving != nil {
		s.Serving = &Good{Revision: s.Serving.Revision}
	}
	for _, r := range []*Release{s.Current, s.Waiting} {
		if r != nil {
			r.plain(w.Etag)
		}
	}
	for i := range w.Flying {
		if w.Flying[i].Etag != "" {
			w.Flying[i].Etag = "cur"
		}
	}
	w.Flying = slices.CompactFunc(w.Flying, func(a, b Asked) bool { return slices.Equal(a.To, b.To) })
	w.Etag = "cur"
	w.S = s
	live := func(id string) bool {
		return s.Current != nil && s.Current.ID == id || s.Waiting != nil && s.Waiting.ID == id || id == kept
	}
	maps.DeleteFunc(w.Verified, func(id string, _ bool) bool { return !live(id) })
	maps.DeleteFunc(w.Approved, func(id string, _ int) bool { return !live(id) })
	maps.DeleteFunc(w.Top, func(id string, _ int) bool { return !live(id) })
}

func (r *Release) plain(etag string) {
	r.Requested, r.Ended = time.Time{}, time.Time{}
	r.Verdicts, r.Commands, r.Why, r.LogURL = nil, nil, nil, ""
	if r.Paused != nil {
		r.Paused = &Mark{By: "ana"}
	}
	for i := range r.Approvals {
		r.Approvals[i].Mark = Mark{}
	}
	if r.Held != nil {
		held := *r.Held
		held.At, held.Why = time.Time{}, preview.UserError{}
		r.Held = &held
	}
	if r.Asked != nil {
		asked := Asked{To: r.Asked.To, Etag: "old", At: epoch}
		if r.Asked.Etag == etag {
			asked.Etag = "cur"
		}
		r.Asked = &asked
	}
	if r.Phase != PhaseDeploying && r.Phase != PhaseComposing {
		r.Since = epoch
	}
	if r.Phase != PhaseRollingOut && (r.Held == nil || r.Held.From != PhaseRollingOut) {
		r.StepFrom, r.Span, r.Probing = epoch, Span{}, 0
	}
	if late := epoch.Add(-tick).Sub(r.Span.To); late > 0 && !r.Span.To.IsZero() {
		r.Span = Span{r.Span.From.Add(late), r.Span.To.Add(late)}
	}
	for t, most := range map[*time.Time]time.Duration{&r.Since: 5 * tick, &r.StepFrom: tick, &r.Span.From: 3 * tick} {
		if oldest := epoch.Add(-most); !t.IsZero() && t.Before(oldest) {
			*t = oldest
		}
	}
}

func (m *model) digest(w *cloud) string {
	body, err := json.Marshal(w)
	if err != nil {
		panic(err)
	}
	return string(body)
}

// happen lets an event happen, and says what was broken by it.
func (m *model) happen(w *cloud, event int, c *choices) (_ *cloud, ok bool, wrong violation) {
	defer func() {
		if r := recover(); r != nil {
			v, isViolation := r.(violation)
			if !isViolation {
				panic(r)
			}
			wrong = v
		}
	}()
	next := w.clone()
	if !events[event](m, next, c) {
		return nil, false, ""
	}
	m.check(next)
	next.canonical()
	return next, true, ""
}

// fair is one step of a world that wants to come to an end: a worker that doesn't die, good facts, people who answer.
func (m *model) fair(w *cloud) (*cloud, violation) {
	event := 0
	next := w.clone()
	next.Left = limits{Promotes: 1, Rollbacks: 1}
	switch r := w.S.Current; {
	case r != nil && r.Phase == PhaseHeld && r.Held.Cause == CauseGone && !slices.Equal(w.shares(), all("x")):
		next.foreign(0)
	case r != nil && r.Phase == PhaseHeld && r.Held.Cause == CauseGone:
		event = 12
	case r != nil && r.Phase == PhaseHeld && r.Held.From != PhaseHeld:
		event = 13
	case r != nil && r.Paused != nil:
		event = 12
	case r != nil && r.Phase == PhaseApproving && !m.policy.Automatic && !r.approved(CommandPromote):
		event = 9
	case r != nil && r.Phase == PhaseApproving && m.breaking && !r.approved(CommandApproveBreaking):
		event = 10
	default:
		next.later()
	}
	next, _, wrong := m.happen(next, event, &choices{})
	if next != nil {
		next.Left = w.Left
	}
	return next, wrong
}

// explore tries everything from the start. It returns how many states there are, and the first violation with the way there.
func (m *model) explore(most int) (states int, wrong string) {
	type seen struct {
		from  string
		event int
	}
	start := m.start()
	start.canonical()
	visited := map[string]seen{m.digest(start): {event: -1}}
	queue := []*cloud{start}
	ends := map[string]bool{}
	way := func(at string) (steps []int) {
		for at != "" && visited[at].event >= 0 {
			steps = append(steps, visited[at].event)
			at = visited[at].from
		}
		slices.Reverse(steps)
		return steps
	}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		id := m.digest(w)
		if why := m.comesToAnEnd(w, id, ends); why != "" {
			return len(visited), fmt.Sprintf("after events %v: %s", way(id), why)
		}
		for event := range events {
			for c := new(choices); ; {
				next, ok, wrong := m.happen(w, event, c)
				if wrong != "" {
					return len(visited), fmt.Sprintf("after events %v, then %d by %v: %s\n%s", way(id), event, c.path, wrong, id)
				}
				if ok {
					key := m.digest(next)
					if _, old := visited[key]; !old {
						visited[key] = seen{id, event}
						queue = append(queue, next)
					}
				}
				if !ok || !c.more() {
					break
				}
			}
		}
		if len(visited) > most {
			return len(visited), fmt.Sprintf("more than %d states", most)
		}
	}
	return len(visited), ""
}

// comesToAnEnd looks that a fair world comes to rest from here. ends are the states of which that is known.
func (m *model) comesToAnEnd(w *cloud, id string, ends map[string]bool) string {
	var path []string
	for range 120 {
		if ends[id] || w.S.Settled() {
			ends[id] = true
			for _, p := range path {
				ends[p] = true
			}
			return ""
		}
		path = append(path, id)
		next, wrong := m.fair(w)
		if wrong != "" {
			return "on the way to an end: " + string(wrong) + "\n" + id
		}
		w, id = next, m.digest(next)
	}
	return "it never comes to an end: " + id
}

func modelPolicy(automatic, managed bool, steps ...int) Policy {
	return Policy{
		Automatic: automatic, BreakingNeedsApproval: true, ManagedGateway: managed, Steps: steps, Pause: tick, Window: tick, MaxWait: tick,
		Probes: true, MinRequests: 100, KeepPrevious: tick, MaxErrorRate: 0.05, MaxErrorIncrease: 0.01, MaxSlowdown: 2,
	}
}

// scenarios are worlds that differ by what happens in them; in each, all of that in every order.
var scenarios = map[string]model{
	"candidates vanish, and a newer commit comes": {
		policy: modelPolicy(false, false, 50, 100), first: limits{Requests: 2, Vanish: 1, Untagged: 1, Promotes: 1},
	},
	"builds and checks fail": {
		policy: modelPolicy(true, false, 50, 100), first: limits{Requests: 1, Preview: 1, Failures: 2, Unknown: 1, Crashes: 1},
	},
	"workers die while a preview comes": {
		policy: modelPolicy(true, false, 10, 100), first: limits{Requests: 1, Preview: 2, Crashes: 2, Rollbacks: 1},
	},
	"somebody else changes the traffic": {
		policy: modelPolicy(true, false, 10, 100), first: limits{Requests: 1, Foreign: 1, Crashes: 1, Rollbacks: 1, Preview: 1},
	},
	"persons": {
		policy: modelPolicy(false, false, 10, 50, 100), first: limits{Requests: 1, Pauses: 1, Rollbacks: 1, Promotes: 2, Crashes: 1},
	},
	"a gateway and a breaking change": {
		policy: modelPolicy(false, true, 50, 100), breaking: true,
		first: limits{Requests: 1, Rollbacks: 1, Promotes: 2, Crashes: 1, Vanish: 1},
	},
	"a gateway and a second commit": {
		policy: modelPolicy(true, true, 100), first: limits{Requests: 2, Rollbacks: 2, Crashes: 1},
	},
	"the last good revision is deleted": {
		policy: modelPolicy(true, false, 50, 100), first: limits{Requests: 1, Deleted: 1, Rollbacks: 1, Foreign: 1, Unknown: 1},
	},
}

// TestEveryInterleaving looks at all states that the scenarios can come to. In each the invariants of cloud.check hold, and
// from each a fair world comes to an end.
func TestEveryInterleaving(t *testing.T) {
	for name, m := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m.decide = Decide
			began := time.Now()
			states, wrong := m.explore(20_000)
			if wrong != "" {
				t.Fatal(wrong)
			}
			if states < 100 {
				t.Errorf("only %d states: does anything happen?", states)
			}
			t.Logf("%d states in %s", states, time.Since(began).Round(time.Millisecond))
		})
	}
}

// mutants are decisions with a fault each, and the scenario in which the checker has to see it.
var mutants = map[string]struct {
	scenario string
	decide   decider
}{
	"approvals are ignored": {"persons", with(func(_ *State, f *Facts) { f.Policy.Automatic = true }, nil)},
	"breaking changes need no approval": {
		"a gateway and a breaking change", with(func(_ *State, f *Facts) { f.Policy.BreakingNeedsApproval = false }, nil),
	},
	"failed checks are ignored": {"builds and checks fail", with(func(_ *State, f *Facts) {
		if f.Verified != nil {
			f.Verified = &Verification{Release: f.Verified.Release, Done: true, Checks: f.Verified.Checks[:1], API: f.Verified.API}
		}
	}, nil)},
	"bad figures are good":      {"persons", measuring(func(m *Measured) { m.Candidate.Failed = 0 })},
	"no traffic is good":        {"persons", measuring(func(m *Measured) { m.Candidate.Requests = 1000 })},
	"figures need not be whole": {"persons", measuring(func(m *Measured) { m.Complete = true })},
	"a step is left out": {"persons", func(k Key, s State, f Facts, now time.Time) (State, []Action, time.Time) {
		next, actions, at := Decide(k, s, f, now)
		if next.Current != nil && s.Current != nil && next.Current.Step > s.Current.Step && next.Current.Step < len(next.Current.Plan)-1 {
			next.Current.Step++
			return Decide(k, next, f, now)
		}
		return next, actions, at
	}},
	"the etag is ignored": {"workers die while a preview comes", with(nil, func(_ State, _ Facts, actions []Action) []Action {
		for i := range actions {
			actions[i].Etag = ""
		}
		return actions
	})},
	"a shift that may still arrive is forgotten": {"workers die while a preview comes", with(func(s *State, _ *Facts) {
		if r := s.Current; r != nil && r.Phase == PhaseRollingBack {
			r.Asked = nil
		}
	}, nil)},
	"that a shift was asked for is not noted": {"workers die while a preview comes", with(func(s *State, _ *Facts) {
		if s.Current != nil {
			s.Current.Shifted = false
		}
	}, nil)},
	"a rollback goes to the candidate": {"persons", with(nil, func(s State, _ Facts, actions []Action) []Action {
		for i, a := range actions {
			if a.Kind == Shift && s.Current.Phase == PhaseRollingBack {
				actions[i].To = all(s.Current.Candidate.Revision)
			}
		}
		return actions
	})},
	"shares of others are not seen": {"somebody else changes the traffic", with(func(s *State, f *Facts) {
		if f.Traffic == nil {
			return
		}
		for i, e := range f.Traffic.Targets {
			if e.Revision == "x" && s.Serving != nil {
				f.Traffic.Targets[i].Revision = s.good()
			}
		}
	}, nil)},
	"a newer commit supersedes one that has begun": {"a gateway and a second commit", with(func(s *State, _ *Facts) {
		if r := s.Current; r != nil && s.Waiting != nil && r.Phase == PhaseRollingOut {
			r.Phase, r.Shifted, r.Gateway = PhaseApproving, false, nil
		}
	}, nil)},
	"the gateway is not put back": {"a gateway and a breaking change", with(func(s *State, _ *Facts) {
		if r := s.Current; r != nil && r.Phase == PhaseRollingBack {
			r.Gateway = nil
		}
	}, nil)},
	"the gateway is widened too early": {"a gateway and a breaking change", with(nil, func(s State, _ Facts, actions []Action) []Action {
		for i, a := range actions {
			if a.Kind == AlignGateway && s.Current.Phase == PhaseNarrowing {
				actions[i].Revisions = []string{s.Current.Candidate.Revision}
			}
		}
		return actions
	})},
	"nobody is heard": {"persons", with(func(_ *State, f *Facts) { f.Commands = nil }, nil)},
	"leftovers stay": {"persons", with(nil, func(_ State, _ Facts, actions []Action) []Action {
		return slices.DeleteFunc(actions, func(a Action) bool { return a.Kind == UntagRevision })
	})},
	"all tags of a list are dropped": {"workers die while a preview comes", with(nil, func(_ State, _ Facts, actions []Action) []Action {
		for i := range actions {
			if actions[i].Kind == UntagRevision {
				actions[i].Tag, actions[i].Revision = "stable", "n"
			}
		}
		return actions
	})},
}

// with is Decide with what goes in and what comes out tampered with.
func with(in func(*State, *Facts), out func(State, Facts, []Action) []Action) decider {
	return func(k Key, s State, f Facts, now time.Time) (State, []Action, time.Time) {
		s = s.clone()
		if f.Policy != nil {
			policy := *f.Policy
			f.Policy = &policy
		} else {
			f.Policy = new(Policy)
		}
		if in != nil {
			in(&s, &f)
		}
		next, actions, at := Decide(k, s, f, now)
		if out != nil {
			actions = out(next, f, actions)
		}
		return next, actions, at
	}
}

func measuring(change func(*Measured)) decider {
	return with(func(_ *State, f *Facts) {
		if f.Measured != nil {
			m := *f.Measured
			change(&m)
			f.Measured = &m
		}
	}, nil)
}

// TestCheckerSeesFaults looks that the checker is not blind: each mutant breaks an invariant, or never comes to an end.
func TestCheckerSeesFaults(t *testing.T) {
	for name, mutant := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, ok := scenarios[mutant.scenario]
			if !ok {
				t.Fatalf("there is no scenario %q", mutant.scenario)
			}
			m.decide = mutant.decide
			states, wrong := m.explore(20_000)
			if wrong == "" {
				t.Fatalf("nothing was found in %d states", states)
			}
			what, _, _ := strings.Cut(wrong, "\n")
			t.Logf("%d states: %.200s", states, what)
		})
	}
}
