package release_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/release"
)

// The model: a Cloud Run service with its traffic list, a worker that decides, saves and acts, and everything that may happen
// in between. All orders of events are gone through, with each kind of event a few times at most.

var (
	line  = release.Key{Environment: "production", Service: "orders"}
	epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

const tick = time.Second

// A world is everything, as a value.
type world struct {
	now     int
	traffic []release.Target
	etag    int
	state   string            // as it was saved
	results map[string]string // by release and kind of action: how it came out
	pending []release.Action  // of the last decision, not done yet
	last    string            // the order that was given last, until it is obeyed
	orders  int               // that were given
	commits int               // that were requested

	verified map[string]bool // by candidate: the truth
	approved map[string]bool // by commit
	budget   budget
	trail    []string
}

// A budget is how often each kind of event may still happen.
type budget struct{ foreign, tag, commit, order, bad, little, fail int }

func (w world) clone() world {
	w.traffic, w.pending = slices.Clone(w.traffic), slices.Clone(w.pending)
	w.results, w.verified, w.approved = maps.Clone(w.results), maps.Clone(w.verified), maps.Clone(w.approved)
	w.trail = slices.Clip(w.trail)
	return w
}

func (w world) at(n int) time.Time { return epoch.Add(time.Duration(n) * tick) }

func (w world) decode(t *testing.T) release.State {
	t.Helper()
	s, err := release.Decode([]byte(w.state))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// key is what makes a world another one: times only so far as they matter.
func (w world) key(t *testing.T) string {
	t.Helper()
	s := w.decode(t)
	clip := func(at time.Time) time.Time {
		if at.IsZero() {
			return at
		}
		return epoch.Add(max(-3*tick, min(at.Sub(w.at(w.now)), 3*tick)))
	}
	if c := s.Current; c != nil {
		c.Since, c.Figures = time.Time{}, nil
		c.Stepped = clip(c.Stepped)
		for _, said := range []*release.Approval{c.Approved, c.Accepted, c.Paused} {
			if said != nil {
				said.At = time.Time{}
			}
		}
	}
	if s.Previous != nil {
		s.Previous.Until = clip(s.Previous.Until)
	}
	s.Obeyed = nil
	for n := range s.History {
		s.History[n] = release.Ended{Outcome: s.History[n].Outcome}
	}
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(string(body), w.traffic, w.results, w.pending, w.last, w.commits, w.verified, w.approved, w.budget)
}

// A model is how the worker decides, and what is asked of worlds.
type model struct {
	t      *testing.T
	policy release.Policy
	decide func(release.State, release.Facts, time.Time) (release.State, []release.Action, time.Time)
	blind  bool // Cloud Run does not compare etags
	wrong  []string
}

func newModel(t *testing.T, p release.Policy) *model {
	return &model{t: t, policy: p, decide: func(s release.State, f release.Facts, now time.Time) (release.State, []release.Action, time.Time) {
		return release.Decide(line, s, f, now)
	}}
}

func (m *model) violates(w world, format string, args ...any) {
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...)+"\n  "+strings.Join(w.trail, "\n  "))
}

func (m *model) first(b budget) world {
	return world{
		traffic: []release.Target{{Revision: "n", Percent: 100}, {Revision: "n", Tag: "blue"}},
		results: map[string]string{}, verified: map[string]bool{}, approved: map[string]bool{}, commits: 1, budget: b,
	}
}

func (w world) list() release.Traffic {
	return release.Traffic{Etag: fmt.Sprint(w.etag), Targets: slices.Clone(w.traffic)}
}

// facts are what the worker reads.
func (m *model) facts(w world, s release.State) release.Facts {
	list := w.list()
	f := release.Facts{Policy: m.policy, Traffic: &list}
	for n := range w.commits {
		f.Requests = append(f.Requests, release.Request{Commit: fmt.Sprint("commit", n+1), At: epoch.Add(time.Duration(n-1000) * tick)})
	}
	if w.last != "" {
		f.Commands = []release.Command{{ID: fmt.Sprint(w.orders), Order: release.Order(w.last), By: "ada", At: w.at(w.now)}}
	}
	if s.Current == nil {
		f.Untagged = w.results["untag"] != ""
		return f
	}
	id := s.Current.ID + " "
	candidate := "c-" + s.Current.Request.Commit
	switch w.results[id+"build"] {
	case "done":
		f.Built = &release.Built{Image: "image"}
	case "failed":
		f.Built = &release.Built{Failure: "it does not compile"}
	}
	if w.results[id+"deploy"] == "done" {
		f.Deployed = &release.Deployed{Revision: candidate, Tag: "rc"}
	}
	if w.results[id+"open_qa"] == "done" {
		f.Opened = &release.Opened{Hostname: "qa"}
	}
	if result := w.results[id+"verify"]; result != "" {
		f.Verified = &release.Verified{Checks: []release.Check{{Name: "ready", OK: result == "done"}}}
	}
	if result := w.results[id+"measure"]; result != "" {
		windows := map[string]release.Window{
			"done": {Requests: 100}, "bad": {Requests: 100, Errors: 50}, "little": {Requests: 1},
		}
		f.Measured = &release.Measured{From: w.at(0), To: w.at(w.now), Candidate: windows[result], Baseline: release.Window{Requests: 100}}
		f.Measured.From = s.Current.Stepped
	}
	f.Applied = w.results[id+"apply_gateway"] == "done"
	f.Closed = w.results[id+"close"] == "done"
	return f
}

// work is one look of the worker: it decides and saves. What was to be done before and was not is lost.
func (m *model) work(w world) world {
	w = w.clone()
	before := w.decode(m.t)
	facts := m.facts(w, before)
	after, actions, _ := m.decide(before, facts, w.at(w.now))
	if measured := m.facts(w, before).Measured; measured != nil && measured.Candidate.Errors > 0 && after.Current != nil &&
		(after.Current.Step > before.Current.Step || after.Current.Outcome == release.Released) {
		m.violates(w, "it went on in spite of bad figures")
	}
	body, err := after.Encode()
	if err != nil {
		m.t.Fatal(err)
	}
	w.state, w.pending, w.last = string(body), actions, ""
	for k := range w.results { // a measurement is of its time
		if strings.HasSuffix(k, " measure") || k == "untag" {
			delete(w.results, k)
		}
	}
	w.trail = append(w.trail, fmt.Sprintf("%d: decides %v, %s", w.now, kinds(actions), describe(after)))
	m.check(w, before, after, actions)
	if len(actions) == 0 {
		w.now++
	}
	return w
}

func kinds(actions []release.Action) (list []release.Kind) {
	for _, a := range actions {
		list = append(list, a.Kind)
	}
	return list
}

func describe(s release.State) string {
	if s.Current == nil {
		return fmt.Sprintf("at rest, blocked %q", s.Blocked)
	}
	return fmt.Sprintf("%s is %s at %d, held %q, %s", s.Current.ID, s.Current.Phase, s.Current.Step, s.Current.Held, s.Current.Outcome)
}

// check looks at a decision.
func (m *model) check(w world, before, after release.State, actions []release.Action) {
	if n := len(slices.DeleteFunc(kinds(actions), func(k release.Kind) bool { return k != release.Shift })); n > 1 {
		m.violates(w, "%d shifts at once", n)
	}
	c := after.Current
	if c != nil && c.Outcome == release.RolledBack && c.Phase == release.PhaseClosing && w.list().Share(c.Candidate) > 0 &&
		(before.Current == nil || before.Current.Phase != release.PhaseClosing) {
		m.violates(w, "rolled back, and %s still has %d %%", c.Candidate, w.list().Share(c.Candidate))
	}
	if before.Current != nil && after.Current != nil && before.Current.ID == after.Current.ID && before.Current.Begun() && !after.Current.Begun() {
		m.violates(w, "what had begun has not any more")
	}
	if before.Current != nil && before.Current.Begun() && after.Current != nil && after.Current.Outcome == release.Superseded {
		m.violates(w, "a release with traffic was superseded")
	}
}

// perform does the next action.
func (m *model) perform(w world, result string) world {
	w = w.clone()
	a := w.pending[0]
	w.pending = w.pending[1:]
	s := w.decode(m.t)
	w.trail = append(w.trail, fmt.Sprintf("%d: %s %s", w.now, a.Kind, result))
	switch a.Kind {
	case release.Shift:
		m.shift(&w, s, a)
		return w
	case release.Untag:
		w.results["untag"] = "done"
		return w
	case release.Verify:
		w.verified["c-"+s.Current.Request.Commit] = result == "done"
	case release.Close: // its tags are gone; the one before gets one
		w.traffic = slices.DeleteFunc(w.traffic, func(t release.Target) bool { return t.Tag == "rc" || t.Tag == "previous" })
		w.etag++
	case release.Deploy:
		w.traffic = append(w.traffic, release.Target{Revision: "c-" + s.Current.Request.Commit, Tag: "rc"})
		w.etag++
	case release.Build, release.OpenQA, release.Measure, release.Probe, release.ApplyGateway: // their results are all there is
	}
	if s.Current != nil {
		w.results[s.Current.ID+" "+string(a.Kind)] = result
	}
	return w
}

func tags(list []release.Target, ours ...string) map[string]string {
	found := map[string]string{}
	for _, t := range list {
		if t.Tag != "" && !slices.Contains(ours, t.Tag) {
			found[t.Tag] = t.Revision
		}
	}
	return found
}

// shift is Cloud Run's part: it takes a list only if nothing has changed since it was read.
func (m *model) shift(w *world, s release.State, a release.Action) {
	if a.Etag != fmt.Sprint(w.etag) && !m.blind {
		w.trail = append(w.trail, "  refused: the list has changed")
		return
	}
	before := w.list()
	w.traffic = slices.Clone(a.Targets)
	w.etag++
	sum := 0
	for _, t := range w.traffic {
		sum += t.Percent
		if t.Percent < 0 || t.Revision == "" {
			m.violates(*w, "entry %+v", t)
		}
	}
	if sum != 100 {
		m.violates(*w, "the shares sum to %d", sum)
	}
	if !maps.Equal(tags(before.Targets), tags(w.traffic)) {
		m.violates(*w, "tags were %v and are %v", tags(before.Targets), tags(w.traffic))
	}
	c := s.Current
	if c == nil {
		m.violates(*w, "traffic is moved without a release")
		return
	}
	for _, t := range slices.Concat(before.Targets, w.traffic) {
		if t.Revision != c.Candidate && t.Revision != c.Baseline && before.Share(t.Revision) != w.list().Share(t.Revision) {
			m.violates(*w, "%s had %d %% and has %d", t.Revision, before.Share(t.Revision), w.list().Share(t.Revision))
		}
	}
	more := w.list().Share(c.Candidate) > before.Share(c.Candidate)
	if more && !c.Reverse && (!w.verified[c.Candidate] || !m.policy.Automatic && !w.approved[c.Request.Commit]) {
		m.violates(*w, "%s gets traffic: verified %t, approved %t", c.Candidate, w.verified[c.Candidate], w.approved[c.Request.Commit])
	}
	if more && c.Phase == release.PhaseRestoring {
		m.violates(*w, "a rollback gives more traffic")
	}
}

// next are all worlds that may follow.
func (m *model) next(w world) (list []world) {
	list = append(list, m.work(w))
	if len(w.pending) > 0 {
		for _, result := range m.results(w) {
			n := m.perform(w, result)
			switch result {
			case "bad":
				n.budget.bad--
			case "little":
				n.budget.little--
			case "failed":
				n.budget.fail--
			}
			list = append(list, n)
		}
	}
	event := func(left int, what string, change func(*world)) {
		if left <= 0 {
			return
		}
		n := w.clone()
		n.trail = append(n.trail, fmt.Sprintf("%d: %s", n.now, what))
		change(&n)
		list = append(list, n)
	}
	event(w.budget.foreign, "somebody gives x 30 %", func(n *world) {
		n.budget.foreign--
		n.traffic = append(slices.DeleteFunc(n.traffic, func(t release.Target) bool { return t.Percent > 0 }),
			release.Target{Revision: "n", Percent: 70}, release.Target{Revision: "x", Percent: 30})
		n.etag++
	})
	event(w.budget.tag, "a preview sets its tag", func(n *world) {
		n.budget.tag--
		n.traffic = append(n.traffic, release.Target{Revision: "p", Tag: "pr-7"})
		n.etag++
	})
	event(w.budget.commit, "a commit is merged", func(n *world) { n.budget.commit--; n.commits++ })
	for _, order := range []release.Order{release.Promote, release.Pause, release.Resume, release.Rollback} {
		if w.last != "" {
			break
		}
		event(w.budget.order, "ada says "+string(order), func(n *world) {
			n.budget.order--
			n.give(m.t, order)
		})
	}
	return list
}

// give gives an order. To promote approves what waits for it at that moment.
func (w *world) give(t *testing.T, o release.Order) {
	w.orders++
	w.last = string(o)
	if c := w.decode(t).Current; o == release.Promote && c != nil && c.Phase == release.PhaseApproving {
		w.approved[c.Request.Commit] = true
	}
}

func (m *model) results(w world) []string {
	list := []string{"done"}
	switch w.pending[0].Kind {
	case release.Measure:
		if w.budget.bad > 0 {
			list = append(list, "bad")
		}
		if w.budget.little > 0 {
			list = append(list, "little")
		}
	case release.Build, release.Verify:
		if w.budget.fail > 0 {
			list = append(list, "failed")
		}
	default: // it goes well, or is tried again
	}
	return list
}

// settles lets nothing but the worker's doing happen any more, and a person who answers when asked: every line comes to rest.
func (m *model) settles(w world) {
	for range 300 {
		s := w.decode(m.t)
		if len(w.pending) > 0 {
			w = m.perform(w, "done")
			continue
		}
		c := s.Current
		switch {
		case c == nil && s.Waiting == nil && s.Previous == nil && s.Count > 0:
			return
		case s.Blocked != "" || c != nil && c.Held != "":
			// Somebody puts the traffic in order, and takes back what was under way.
			if list := w.list(); list.Share("x") > 0 {
				w.traffic = append(slices.DeleteFunc(w.traffic, func(t release.Target) bool { return t.Percent > 0 }), release.Target{Revision: "n", Percent: 100})
				w.etag++
			}
			if c != nil {
				w.give(m.t, release.Rollback)
			}
		case c != nil && c.Paused != nil:
			w.give(m.t, release.Resume)
		case c != nil && c.Phase == release.PhaseApproving:
			w.give(m.t, release.Promote)
		}
		w = m.work(w)
		if len(m.wrong) > 0 {
			return
		}
	}
	m.violates(w, "it never comes to rest")
}

// explore goes through all worlds, up to a number.
func (m *model) explore(start world, most int) (seen int) {
	known := map[string]bool{}
	queue := []world{start}
	for len(queue) > 0 && len(known) < most && len(m.wrong) == 0 {
		w := queue[0]
		queue = queue[1:]
		for _, n := range m.next(w) {
			key := n.key(m.t)
			if known[key] || n.now > 40 {
				continue
			}
			known[key] = true
			queue = append(queue, n)
			if len(known)%7 == 0 { // from each of them would take long
				m.settles(n)
			}
		}
	}
	return len(known)
}

func limits() release.Limits { return release.Limits{Requests: 10, ErrorRate: 0.01, Latency: 2} }

func policies() map[string]release.Policy {
	return map[string]release.Policy{
		"asked":     {Steps: []int{25, 100}, Pause: tick, MaxWait: 2 * tick, Keep: 2 * tick, Limits: limits()},
		"automatic": {Automatic: true, Steps: []int{10, 50, 100}, Pause: tick, MaxWait: 2 * tick, Gateway: true, Limits: limits()},
		"at once":   {Steps: []int{100}, Keep: 2 * tick, Limits: limits()},
	}
}

func TestModel(t *testing.T) {
	t.Parallel()
	most := 5_000
	if testing.Short() {
		most = 5_000
	}
	for name, p := range policies() {
		for what, b := range map[string]budget{
			"people":  {order: 3, commit: 1},
			"traffic": {foreign: 1, tag: 2, order: 1, bad: 1, commit: 1},
			"figures": {bad: 1, little: 3, fail: 1, tag: 1, order: 2},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				m := newModel(t, p)
				n := m.explore(m.first(b), most)
				t.Logf("%d worlds", n)
				for _, wrong := range m.wrong {
					t.Error(wrong)
				}
				if n < 100 {
					t.Errorf("%d worlds are too few", n)
				}
			})
		}
	}
}

// TestMutants makes the decisions wrong, each in one way: the model has to find out.
func TestMutants(t *testing.T) {
	t.Parallel()
	type decide = func(release.State, release.Facts, time.Time) (release.State, []release.Action, time.Time)
	right := newModel(t, release.Policy{}).decide
	shifts := func(change func(a *release.Action, s release.State)) decide {
		return func(s release.State, f release.Facts, now time.Time) (release.State, []release.Action, time.Time) {
			next, actions, at := right(s, f, now)
			for n := range actions {
				if actions[n].Kind == release.Shift {
					change(&actions[n], next)
				}
			}
			return next, actions, at
		}
	}
	for name, tt := range map[string]struct {
		decide decide
		blind  bool
		want   string
	}{
		"nobody is asked": {want: "gets traffic", decide: func(s release.State, f release.Facts, now time.Time) (release.State, []release.Action, time.Time) {
			f.Policy.Automatic = true
			return right(s, f, now)
		}},
		"nothing is verified": {want: "gets traffic", decide: func(s release.State, f release.Facts, now time.Time) (release.State, []release.Action, time.Time) {
			if f.Verified != nil {
				f.Verified = &release.Verified{Checks: []release.Check{{Name: "x", OK: true}}}
			}
			return right(s, f, now)
		}},
		"bad figures are good": {want: "in spite of bad figures", decide: func(s release.State, f release.Facts, now time.Time) (release.State, []release.Action, time.Time) {
			if f.Measured != nil {
				f.Measured.Candidate.Errors = 0
			}
			return right(s, f, now)
		}},
		"nothing is taken back": {want: "never comes to rest", decide: shifts(func(a *release.Action, s release.State) {
			if s.Current.Phase == release.PhaseRestoring {
				a.Etag = "none"
			}
		})},
		"tags are forgotten": {want: "tags were", decide: shifts(func(a *release.Action, _ release.State) {
			a.Targets = slices.DeleteFunc(slices.Clone(a.Targets), func(t release.Target) bool { return t.Tag == "blue" })
		})},
		"shares are rounded": {want: "sum to", decide: shifts(func(a *release.Action, _ release.State) {
			a.Targets = slices.Clone(a.Targets)
			a.Targets[0].Percent--
		})},
		"others are overwritten":       {want: "x had 30 %", blind: true, decide: right},
		"others' tags are overwritten": {want: "tags were", blind: true, decide: right},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := ""
			for _, p := range policies() {
				m := newModel(t, p)
				m.decide, m.blind = tt.decide, tt.blind
				b := budget{order: 2, tag: 1, bad: 1, fail: 1, foreign: 1}
				if strings.Contains(name, "tags") {
					b.foreign = 0
				}
				m.explore(m.first(b), 20_000)
				found += strings.Join(m.wrong, "\n")
			}
			if !strings.Contains(found, tt.want) {
				t.Errorf("not found: %s", found)
			}
		})
	}
}
