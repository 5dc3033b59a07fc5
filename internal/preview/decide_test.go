package preview

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A world is everything outside the core, with nothing but what the decisions depend on.
type world struct {
	t   *testing.T
	r   *rand.Rand
	now time.Time
	key Key

	pull    PullRequest
	touched []Target
	policy  Policy

	builds    map[string]Build  // by id
	tags      map[string]string // service → revision
	broken    map[string]bool   // revisions that don't start
	gateway   string            // digest that it serves; "" when there is none
	published []int64           // generations served, since the last removal

	wanted   Wanted
	observed Observed
}

var services = []Target{
	{Service: "catalog", CloudRun: "catalog"}, {Service: "orders", CloudRun: "orders"}, {Service: "users", CloudRun: "users"},
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, r: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		key:    Key{Environment: "development", Gateway: "shop", Repository: 7, PullRequest: 42},
		builds: map[string]Build{}, tags: map[string]string{}, broken: map[string]bool{},
	}
	w.pull = PullRequest{
		Repository: Repository{ID: 7}, Number: 42, Open: true, HeadRepository: 7, HeadSHA: w.sha(), BaseRef: "main",
	}
	w.touched = services[1:2]
	return w
}

func (w *world) sha() string { return fmt.Sprintf("%016x%024x", w.r.Uint64(), 0) }

// happen changes the pull request.
func (w *world) happen() {
	switch w.r.IntN(9) {
	case 8:
		w.gateway = "" // somebody deleted it
	case 0, 1:
		w.pull.HeadSHA = w.sha()
	case 2:
		w.pull.HeadSHA = w.sha()
		from := w.r.IntN(len(services))
		w.touched = services[from : from+w.r.IntN(len(services)-from+1)]
	case 3, 4:
		w.pull.Open = false
	case 5:
		w.pull.Open = true
	case 6:
		w.pull.Draft = !w.pull.Draft
	case 7:
		delete(w.tags, services[w.r.IntN(len(services))].Service) // Cloud Run dropped a tag
	}
}

// progress lets a build go on.
func (w *world) progress() {
	for id, b := range w.builds {
		if b.Status.Done() || w.r.IntN(3) > 0 {
			continue
		}
		switch w.r.IntN(8) {
		case 0:
			b.Status = BuildFailed
		case 1:
			b.Status = BuildBroken
		default:
			b.Status, b.Digest, b.Image = BuildSucceeded, "sha256:"+id, "images/"+b.Service
		}
		w.builds[id] = b
	}
}

// intake is one look of the intake. It may crash after it has saved, or after some of the actions.
func (w *world) intake(reads bool) {
	facts := IntakeFacts{Policy: w.policy, Removed: w.observed.Removed, Accepted: w.observed.Accepted, Builds: map[string]Build{}, Revisions: map[string]RevisionFact{}}
	if reads {
		pull := w.pull
		facts.Pull, facts.Changed = &pull, w.touched
	}
	for _, m := range w.wanted.Members {
		if b, ok := w.builds[m.BuildID]; ok && m.Step == StepBuilding {
			facts.Builds[m.Service] = b
		}
		if m.Step == StepReady && reads || m.Step == StepDeploying && !m.DeployedAt.IsZero() {
			readiness := ReadinessReady
			if w.broken[w.tags[m.Service]] {
				readiness = ReadinessFailed
			}
			facts.Revisions[m.Service] = RevisionFact{
				Revision: w.tags[m.Service], Readiness: readiness, URL: "https://" + m.Tag + "---" + m.Service, Audience: "https://" + m.Service,
			}
		}
	}
	for range 20 {
		next, actions, _ := DecideWanted(w.key, w.wanted, facts, w.now)
		if next.Generation < w.wanted.Generation {
			w.t.Fatalf("generation went from %d to %d", w.wanted.Generation, next.Generation)
		}
		w.wanted = roundTrip(w.t, next)
		if len(actions) == 0 {
			return
		}
		facts = IntakeFacts{
			Policy: w.policy, Removed: w.observed.Removed, Accepted: w.observed.Accepted, Builds: map[string]Build{},
			Revisions: map[string]RevisionFact{}, Announced: map[string]string{},
		}
		for _, a := range actions {
			if w.r.IntN(12) == 0 {
				return // crashed
			}
			w.intakeAction(a, &facts)
		}
	}
	w.t.Fatalf("the intake does not come to rest: %+v", w.wanted)
}

func roundTrip(t *testing.T, w Wanted) Wanted {
	t.Helper()
	body, err := w.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := DecodeWanted(body)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func (w *world) intakeAction(a Action, facts *IntakeFacts) {
	m, _ := w.wanted.Member(a.Service)
	switch a.Kind {
	case StartBuild:
		if w.wanted.Intent != IntentLive {
			w.t.Errorf("P3: a build is started for a preview that is %s", w.wanted.Intent)
		}
		id := fmt.Sprintf("%s-%d", m.Service, m.Generation)
		if _, ok := w.builds[id]; !ok {
			w.builds[id] = Build{
				ID: id, Status: BuildQueued, Service: m.Service, Generation: m.Generation, SHA: m.SHA, Created: w.now,
			}
		}
		facts.Builds[m.Service] = w.builds[id]
	case CancelBuild:
		if a.Generation > 0 {
			a.BuildID = fmt.Sprintf("%s-%d", a.Service, a.Generation)
			facts.Sure = append(facts.Sure, Start{a.Service, a.Generation})
		}
		if b, ok := w.builds[a.BuildID]; ok && !b.Status.Done() {
			b.Status = BuildCancelled
			w.builds[a.BuildID] = b
		}
		facts.Cancelled = append(facts.Cancelled, a.BuildID)
	case DeployRevision:
		if w.wanted.Intent != IntentLive || w.wanted.Down > w.observed.Removed {
			w.t.Errorf("P3: %s is deployed while it has to be taken in", m.Service)
		}
		if !slices.Contains(w.wanted.Tagged, m.CloudRun) {
			w.t.Errorf("P2: %s gets a tag that is not noted", m.Service)
		}
		w.tags[m.Service] = m.Revision
		w.broken[m.Revision] = m.SHA[2+len(m.Service)%3] >= 'd'
		facts.Revisions[m.Service] = RevisionFact{Deployed: true}
	case RevertTag:
		if m.Good == "" {
			delete(w.tags, m.Service)
		} else {
			w.tags[m.Service] = m.Good
		}
		facts.Reverted = append(facts.Reverted, m.Service)
	case AnnounceRevision:
		facts.Announced[m.Service] = m.Revision
	case AnnouncePreview:
		facts.Published = w.wanted.Digest()
	default:
		w.t.Errorf("the intake can't do %s", a.Key())
	}
}

// aggregate is one look of the aggregator, which may crash likewise.
func (w *world) aggregate() {
	var facts GatewayFacts
	for range 20 {
		next, actions, _ := DecideObserved(w.wanted, w.observed, facts, w.now)
		w.observed = next
		if len(actions) == 0 {
			return
		}
		facts = GatewayFacts{}
		for _, a := range actions {
			if w.r.IntN(12) == 0 {
				return // crashed
			}
			if !w.gatewayAction(a, &facts) {
				return // an error: tried again later
			}
		}
	}
	w.t.Fatalf("the aggregator does not come to rest: %+v", w.observed)
}

func (w *world) gatewayAction(a Action, facts *GatewayFacts) bool {
	switch a.Kind {
	case CheckDocuments:
		if w.wanted.HeadSHA[1] == '0' {
			facts.Failure = &Failure{Stage: "document"}
			return true
		}
		facts.Checked = w.wanted.Generation
	case ComposeGateway:
		s := &Serving{Generation: w.wanted.Generation, HeadSHA: w.wanted.HeadSHA}
		for _, m := range w.wanted.Members {
			if w.tags[m.Service] != m.Revision {
				return false // the tag does not stand; the intake is told
			}
			s.Members = append(s.Members, ServingMember{Service: m.Service, Revision: m.Revision})
		}
		s.Digest = fmt.Sprint(len(s.Members), s.HeadSHA[:1]) // pushes often leave the document as it is
		if s.HeadSHA[1] == '0' {                             // one in sixteen has a faulty document
			facts.Failure = &Failure{Stage: "document"}
			return true
		}
		facts.Composed = s
		facts.Drifted = w.observed.Serving != nil && w.gateway != w.observed.Serving.Digest
	case ApplyGateway:
		if w.observed.Phase != PhaseApplying {
			w.t.Error("P2: an apply runs that is not noted")
		}
		w.gateway = w.observed.Applying.Digest
		w.published = append(w.published, w.observed.Applying.Generation)
		applied := *w.observed.Applying
		applied.URL = "https://gateway"
		facts.Applied = &applied
	case ProbeGateway:
		said := ""
		facts.Probed = &said
	case RemoveGateway:
		w.gateway, w.published = "", nil
		clear(w.tags)
		facts.Taken, facts.Removed = true, w.wanted.Down
	case RemoveTags:
		for _, service := range w.wanted.Former() {
			delete(w.tags, service)
		}
		facts.Cleaned = w.wanted.Generation
	default:
		w.t.Errorf("the aggregator can't do %s", a.Key())
	}
	return true
}

// settle lets everything run until it rests: the sweep marks rows, builds end, nothing crashes any more for long.
func (w *world) settle() {
	for range 10 {
		w.intake(true)
	}
	for id, b := range w.builds {
		wanted := slices.ContainsFunc(w.wanted.Members, func(m Member) bool { return m.BuildID == id })
		if !b.Status.Done() && !wanted {
			w.t.Fatalf("P3: nobody waits for build %s, and it goes on: %+v", id, w.wanted)
		}
	}
	for range 60 {
		w.now = w.now.Add(time.Minute)
		w.progress()
		w.intake(true)
		w.aggregate()
	}
}

// check holds the end against the promises.
func (w *world) check(seed uint64) {
	fail := func(format string, args ...any) {
		w.t.Helper()
		w.t.Fatalf("seed %d: %s\nwanted %+v\nobserved %+v", seed, fmt.Sprintf(format, args...), w.wanted, w.observed)
	}
	for service, revision := range w.tags {
		if _, ok := w.wanted.Member(service); ok && w.broken[revision] {
			fail("the tag of %s stays on %s, which does not start", service, revision)
		}
	}
	live := w.pull.Open && !w.pull.Draft && len(w.touched) > 0
	if !slices.IsSorted(w.published) {
		fail("P4: published generations went back: %v", w.published)
	}
	if !live {
		if w.gateway != "" || len(w.tags) > 0 {
			fail("P2: left over: gateway %q, tags %v", w.gateway, w.tags)
		}
		for id, b := range w.builds {
			if !b.Status.Done() {
				fail("P3: build %s goes on", id)
			}
		}
		return
	}
	for _, m := range w.wanted.Members {
		if !w.wanted.Ready() && w.tags[m.Service] != m.Good && w.tags[m.Service] != "" {
			fail("half a preview: %s stands on %s; want %q", m.Service, w.tags[m.Service], m.Good)
		}
	}
	failed := slices.ContainsFunc(w.wanted.Members, func(m Member) bool { return m.Step == StepFailed })
	if failed || w.observed.Failure != nil {
		return // a visible reason
	}
	if w.observed.Serving == nil || w.observed.Serving.HeadSHA != w.pull.HeadSHA || w.gateway != w.observed.Serving.Digest {
		fail("P1: not live at %s", w.pull.HeadSHA)
	}
	for service := range w.tags {
		if _, ok := w.wanted.Member(service); !ok {
			fail("P2: %s is no member and keeps its tag", service)
		}
	}
}

// Whatever happens, in whatever order, with crashes between any two actions: when everything has come to rest, the
// promises hold.
func TestAnyInterleaving(t *testing.T) {
	for seed := range uint64(1500) {
		w := newWorld(t, seed)
		for range 40 {
			w.now = w.now.Add(time.Duration(w.r.IntN(30)) * time.Second)
			switch w.r.IntN(6) {
			case 0:
				w.happen()
			case 1:
				w.progress()
			case 2, 3:
				w.intake(w.r.IntN(2) == 0)
			default:
				w.aggregate()
			}
		}
		w.settle()
		w.check(seed)
	}
}

func TestBlocks(t *testing.T) {
	sha := "0123456789012345678901234567890123456789"
	own := PullRequest{Repository: Repository{ID: 7}, HeadRepository: 7, HeadSHA: sha, Open: true}
	with := func(change func(*PullRequest)) PullRequest {
		p := own
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		policy Policy
		pull   PullRequest
		want   BlockReason
	}{
		"plain":                {pull: own},
		"draft":                {pull: with(func(p *PullRequest) { p.Draft = true }), want: BlockDraft},
		"draft allowed":        {policy: Policy{Drafts: true}, pull: with(func(p *PullRequest) { p.Draft = true })},
		"fork":                 {pull: with(func(p *PullRequest) { p.HeadRepository = 8 }), want: BlockFork},
		"deleted fork":         {pull: with(func(p *PullRequest) { p.HeadRepository = 0 }), want: BlockFork},
		"fork not approved":    {policy: Policy{Forks: true}, pull: with(func(p *PullRequest) { p.HeadRepository = 8 }), want: BlockFork},
		"fork approved before": {policy: Policy{Forks: true}, pull: with(func(p *PullRequest) { p.HeadRepository = 8; p.Labels = []string{ApprovalLabel("f" + sha[1:])} }), want: BlockFork},
		"bot":                  {pull: with(func(p *PullRequest) { p.Author = Account{Login: "renovate[bot]", Bot: true} }), want: BlockBot},
		"bot allowed":          {policy: Policy{Bots: []string{"Renovate[bot]"}}, pull: with(func(p *PullRequest) { p.Author = Account{Login: "renovate[bot]", Bot: true} })},
		"label missing":        {policy: Policy{RequireLabel: "preview"}, pull: own, want: BlockLabel},
		"label there":          {policy: Policy{RequireLabel: "preview"}, pull: with(func(p *PullRequest) { p.Labels = []string{"Preview"} })},
		"label forbids":        {policy: Policy{ExcludeLabel: "no-preview"}, pull: with(func(p *PullRequest) { p.Labels = []string{"no-preview"} }), want: BlockLabel},
	} {
		t.Run(name, func(t *testing.T) {
			var got BlockReason
			if b := c.policy.Blocks(c.pull, nil); b != nil {
				got = b.Reason
			}
			if got != c.want {
				t.Errorf("Blocks = %q; want %q", got, c.want)
			}
		})
	}
}

// A fork's commit is approved by the label that names it, if somebody who may write has set that label. Who may only triage
// can set labels too, and so can Apps and workflows.
func TestForkApproval(t *testing.T) {
	const sha, other = "0123456789012345678901234567890123456789", "f123456789012345678901234567890123456789"
	label := ApprovalLabel(sha)
	by := func(label, permission string) *Approval {
		return &Approval{Label: label, By: Account{ID: 5, Login: "ana"}, Permission: permission}
	}
	blocked := func(by string) *Block { return &Block{Reason: BlockFork, Detail: label, By: by} }
	for name, c := range map[string]struct {
		labels   []string
		approval *Approval
		never    bool
		want     *Block
	}{
		"by a writer":                    {labels: []string{"x", label}, approval: by(label, "write")},
		"by an administrator":            {labels: []string{label}, approval: by(label, "admin")},
		"by who may triage":              {labels: []string{label}, approval: by(label, "read"), want: blocked("ana")},
		"by who may nothing":             {labels: []string{label}, approval: by(label, "none"), want: blocked("ana")},
		"by who has left":                {labels: []string{label}, approval: by(label, ""), want: blocked("ana")},
		"by a role that is not known":    {labels: []string{label}, approval: by(label, "WRITE"), want: blocked("ana")},
		"by a workflow":                  {labels: []string{label}, approval: &Approval{Label: label, By: Account{ID: 5, Login: "ci[bot]", Bot: true}, Permission: "write"}, want: blocked("ci[bot]")},
		"by nobody that is known":        {labels: []string{label}, approval: &Approval{Label: label, Permission: "write"}, want: blocked("ghost")},
		"not asked who":                  {labels: []string{label}, want: blocked("ghost")},
		"a writer set another label":     {labels: []string{label}, approval: by("x", "write"), want: blocked("ghost")},
		"a writer approved another head": {labels: []string{ApprovalLabel(other)}, approval: by(ApprovalLabel(other), "write"), want: blocked("")},
		"the label is not there":         {approval: by(label, "write"), want: blocked("")},
		"in another case":                {labels: []string{"PREVIEW:" + sha}, approval: by("PREVIEW:"+sha, "write"), want: blocked("")},
		"forks are never built":          {never: true, labels: []string{label}, approval: by(label, "admin"), want: &Block{Reason: BlockFork}},
	} {
		t.Run(name, func(t *testing.T) {
			p := PullRequest{Repository: Repository{ID: 7}, HeadRepository: 8, HeadSHA: sha, Open: true, Labels: c.labels}
			policy := Policy{Forks: !c.never}
			if diff := cmp.Diff(c.want, policy.Blocks(p, c.approval)); diff != "" {
				t.Errorf("Blocks (-want +got):\n%s", diff)
			}
			// Pushing after the approval takes it away.
			p.HeadSHA = other
			if !slices.Contains(c.labels, ApprovalLabel(other)) && policy.Blocks(p, c.approval) == nil {
				t.Error("another head is built")
			}
			facts := IntakeFacts{Pull: &p, Changed: []Target{{Service: "s", CloudRun: "s"}}, Policy: policy, Approval: c.approval}
			p.HeadSHA = sha
			w, actions, _ := DecideWanted(Key{Environment: "e", Gateway: "g", Repository: 7, PullRequest: 1}, Wanted{}, facts, time.Unix(1e9, 0))
			started := slices.ContainsFunc(actions, func(a Action) bool { return a.Kind == StartBuild })
			if started != (c.want == nil) || (w.Intent == IntentLive) != (c.want == nil) {
				t.Errorf("intent %s, actions %v", w.Intent, actions)
			}
		})
	}
}

// A preview that is not pushed to expires, and comes back with the next push.
func TestExpiry(t *testing.T) {
	w := newWorld(t, 1)
	w.policy.ExpireAfter = 72 * time.Hour
	w.settle()
	if w.wanted.Intent != IntentLive {
		t.Fatalf("intent = %q", w.wanted.Intent)
	}
	w.now = w.wanted.Pushed.Add(w.policy.ExpireAfter)
	w.settle()
	if w.wanted.Intent != IntentExpired || w.gateway != "" {
		t.Errorf("after %v: intent %q, gateway %q", w.policy.ExpireAfter, w.wanted.Intent, w.gateway)
	}
	w.pull.HeadSHA = w.sha()
	w.settle()
	if w.wanted.Intent != IntentLive {
		t.Errorf("after a push: intent %q", w.wanted.Intent)
	}
}

// A limit keeps new previews from starting and leaves live ones alone.
func TestLimit(t *testing.T) {
	w := newWorld(t, 1)
	pull := w.pull
	facts := IntakeFacts{Pull: &pull, Changed: w.touched, Policy: Policy{Limit: 2}, Others: 2}
	got, _, _ := DecideWanted(w.key, Wanted{}, facts, w.now)
	if got.Intent != IntentBlocked || got.Block == nil || *got.Block != (Block{Reason: BlockLimit, Detail: "2"}) {
		t.Errorf("at the limit: %q, %+v", got.Intent, got.Block)
	}
	facts.Others = 1
	live, _, _ := DecideWanted(w.key, got, facts, w.now)
	facts.Others = 2
	still, _, _ := DecideWanted(w.key, live, facts, w.now)
	if live.Intent != IntentLive || still.Intent != IntentLive {
		t.Errorf("below the limit: %q; at the limit again: %q", live.Intent, still.Intent)
	}
}

func TestKey(t *testing.T) {
	key := Key{Environment: "development", Gateway: "shop", Repository: 812345678, PullRequest: 42}
	back, err := ParseKey(key.String())
	if err != nil || back != key {
		t.Errorf("ParseKey(%q) = %v, %v", key, back, err)
	}
	for _, bad := range []string{
		"", "a/b/1", "a/b/1/2/3", "a/b/0/2", "a/b/1/-2", "a/b/01/2", "a/b/+1/2", "A/b/1/2", "a/-b/1/2", "a/b/1/2\n", "a/../1/2",
	} {
		if got, err := ParseKey(bad); err == nil {
			t.Errorf("ParseKey(%q) = %v; want an error", bad, got)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("development/shop/812345678/42")
	f.Fuzz(func(t *testing.T, s string) {
		key, err := ParseKey(s)
		if err == nil && (key.String() != s || len(key.GatewayID()) == 0) {
			t.Errorf("ParseKey(%q) = %v", s, key)
		}
	})
}

// TestUsual: the last few changes count, what only serves the same again doesn't.
func TestUsual(t *testing.T) {
	var o Observed
	if o.Usual() != 0 {
		t.Errorf("without history Usual = %s", o.Usual())
	}
	changed := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for n, took := range []time.Duration{time.Hour, 9, 5, 1, 7, 3} {
		w := Wanted{Generation: int64(n + 1), Intent: IntentLive, HeadSHA: "a", Changed: changed, Members: []Member{
			{Service: "orders", Step: StepReady},
		}}
		applied := &Serving{Generation: w.Generation, HeadSHA: "a"}
		o, _, _ = DecideObserved(w, o, GatewayFacts{Applied: applied}, changed.Add(took*time.Second))
	}
	if len(o.History) != 5 || o.Usual() != 5*time.Second {
		t.Errorf("Usual = %s of %v; want the median of the last five", o.Usual(), o.History)
	}
}

// Where Google Cloud has no room, no new preview starts, and live ones are left alone.
func TestFull(t *testing.T) {
	w := newWorld(t, 1)
	pull := w.pull
	full := &Block{Reason: BlockQuota, Detail: "no tags"}
	facts := IntakeFacts{Pull: &pull, Changed: w.touched, Full: full}
	got, _, _ := DecideWanted(w.key, Wanted{}, facts, w.now)
	if got.Intent != IntentBlocked || got.Block == nil || *got.Block != *full {
		t.Errorf("without room: %q, %+v", got.Intent, got.Block)
	}
	facts.Full = nil
	live, _, _ := DecideWanted(w.key, got, facts, w.now)
	facts.Full = full
	still, _, _ := DecideWanted(w.key, live, facts, w.now)
	if live.Intent != IntentLive || still.Intent != IntentLive {
		t.Errorf("with room: %q; without again: %q", live.Intent, still.Intent)
	}
}

// While Cloud Run reconciles the service, a revision that is ready is held back, but not for ever.
func TestReconcilingService(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		reconciling bool
		after       time.Duration
		want        Step
	}{{false, 0, StepReady}, {true, 0, StepDeploying}, {true, settleTimeout, StepDeploying}, {true, settleTimeout + 1, StepReady}} {
		m := Member{Step: StepDeploying, Revision: "r", DeployedAt: now}
		m.observeRevision(RevisionFact{
			Revision: "r", URL: "https://tag", Readiness: ReadinessReady, Reconciling: tt.reconciling,
		}, now.Add(tt.after))
		if m.Step != tt.want {
			t.Errorf("reconciling %t after %s: %s, want %s", tt.reconciling, tt.after, m.Step, tt.want)
		}
	}
}
