package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// schema is the version of the row's JSON. Fields may be added without raising it; a reader refuses a newer one.
const schema = 1

// maxHistory is how many ended releases a line remembers, maxVerdicts how many verdicts a release does: the newest.
const (
	maxHistory  = 10
	maxVerdicts = 20
)

// State is a line's row.
type State struct {
	Schema    int        `json:"schema"`
	Seen      int64      `json:"seen"`                // newest Request.Seq that was taken up
	Count     int64      `json:"count"`               // of releases; a part of their ids
	Serving   *Good      `json:"serving,omitempty"`   // the last good revision: where a rollback goes
	Current   *Release   `json:"current,omitempty"`   // the one under way
	Waiting   *Release   `json:"waiting,omitempty"`   // the newest that waits for its turn
	Kept      *Kept      `json:"kept,omitempty"`      // what the last release replaced
	Leftovers []Leftover `json:"leftovers,omitempty"` // of ended releases, still to be removed
	History   []Release  `json:"history,omitempty"`   // the last that ended, the oldest first
	Reported  string     `json:"reported,omitempty"`  // [State.Digest] of what was last reported
}

// A Good is a revision that has served all traffic.
type Good struct {
	Revision string    `json:"revision"`
	Commit   string    `json:"commit,omitempty"` // "" where nobody knows
	Image    string    `json:"image,omitempty"`  // by digest
	Since    time.Time `json:"since"`
}

// Kept is the revision before the one that serves, while a rollback to it is one command.
type Kept struct {
	Release string    `json:"release"` // the release that replaced it: the one that is rolled back
	Good    Good      `json:"good"`
	Tag     string    `json:"tag"`
	Until   time.Time `json:"until"`
}

// A Leftover is what of an ended release is still to be removed. It holds up no other release.
type Leftover struct {
	Release  string    `json:"release"`
	Since    time.Time `json:"since"`
	QA       bool      `json:"qa,omitempty"`       // the QA gateway
	Tag      string    `json:"tag,omitempty"`      // as far as it stands on Revision
	Revision string    `json:"revision,omitempty"` // that the tag stands on
	Retire   bool      `json:"retire,omitempty"`   // the revision too, unless somebody uses it
}

// Phase is where a release is.
type Phase string

// The phases, in order. From narrowing on, a release has begun: nothing newer supersedes it any more.
const (
	PhaseWaiting     Phase = "waiting"      // for its turn, or to see what serves
	PhaseBuilding    Phase = "building"     // its image is found or built
	PhaseDeploying   Phase = "deploying"    // its candidate is put under its tag, without traffic
	PhaseComposing   Phase = "composing"    // the QA gateway
	PhaseVerifying   Phase = "verifying"    // through the QA gateway
	PhaseApproving   Phase = "approving"    // by a person, where the policy asks for one
	PhaseNarrowing   Phase = "narrowing"    // the environment's gateway gives up what the candidate does not offer
	PhaseRollingOut  Phase = "rolling_out"  // step by step: shift, observe
	PhaseFinishing   Phase = "finishing"    // all traffic is the candidate's: gateway, tag of the one before
	PhaseRollingBack Phase = "rolling_back" // all traffic goes to the last good revision
	PhaseHeld        Phase = "held"         // a person has to say how it goes on; see Release.Held

	PhaseReleased   Phase = "released"
	PhaseRolledBack Phase = "rolled_back"
	PhaseFailed     Phase = "failed" // before it had any traffic
	PhaseSuperseded Phase = "superseded"
)

var phases = []Phase{
	PhaseWaiting, PhaseBuilding, PhaseDeploying, PhaseComposing, PhaseVerifying, PhaseApproving, PhaseNarrowing, PhaseRollingOut,
	PhaseFinishing, PhaseRollingBack, PhaseHeld, PhaseReleased, PhaseRolledBack, PhaseFailed, PhaseSuperseded,
}

// Ended tells whether nothing happens any more.
func (p Phase) Ended() bool {
	return p == PhaseReleased || p == PhaseRolledBack || p == PhaseFailed || p == PhaseSuperseded
}

// begun tells whether traffic or the environment's gateway may have been touched.
func (p Phase) begun() bool {
	return p == PhaseNarrowing || p == PhaseRollingOut || p == PhaseFinishing || p == PhaseRollingBack
}

// A Release is one commit of a service on its way to all traffic.
type Release struct {
	ID          string    `json:"id"`
	Repository  int64     `json:"repository_id"`
	Commit      string    `json:"commit"`
	PullRequest int       `json:"pull_request,omitempty"` // that was merged; 0 for none
	CloudRun    string    `json:"cloud_run"`              // the Cloud Run service's name
	Requested   time.Time `json:"requested"`

	Phase     Phase              `json:"phase"`
	Since     time.Time          `json:"since"` // when the phase began
	Ended     time.Time          `json:"ended,omitzero"`
	Why       *preview.UserError `json:"why,omitempty"` // it was rolled back, failed or superseded
	Held      *Hold              `json:"held,omitempty"`
	Paused    *Mark              `json:"paused,omitempty"`   // it takes no further traffic meanwhile
	Commands  []Command          `json:"commands,omitempty"` // all that persons have said, in order
	Approvals []Approval         `json:"approvals,omitempty"`

	Attempt    int       `json:"attempt,omitempty"` // of the build, from 0
	LogURL     string    `json:"log_url,omitempty"`
	Image      string    `json:"image,omitempty"`  // by digest
	Reused     bool      `json:"reused,omitempty"` // the image was there already
	Candidate  Candidate `json:"candidate,omitzero"`
	Redeployed int       `json:"redeployed,omitempty"` // how often the candidate had vanished
	Composed   bool      `json:"composed,omitempty"`   // a QA gateway may exist: noted before
	Link       string    `json:"link,omitempty"`       // of the QA gateway
	Checks     []Check   `json:"checks,omitempty"`
	API        *API      `json:"api,omitempty"` // nil: nobody knows

	Adopt     bool      `json:"adopt,omitempty"`     // what serves all traffic now becomes State.Serving
	Plan      []int     `json:"plan,omitempty"`      // percentages, fixed when the rollout begins
	Step      int       `json:"step,omitempty"`      // index in Plan
	Observing bool      `json:"observing,omitempty"` // the step's shares are in force: figures are looked at
	StepFrom  time.Time `json:"step_from,omitzero"`  // since when
	Span      Span      `json:"span,omitzero"`       // of the figures that are to decide next
	Probing   int64     `json:"probing,omitempty"`   // how many synthetic requests are to be sent, because there are too few
	Shares    []Share   `json:"shares,omitempty"`    // the last that were seen to be as asked for; none: any split of the two is
	Shifted   bool      `json:"shifted,omitempty"`   // a shift may have been made: noted before
	Asked     *Asked    `json:"asked,omitempty"`     // the last shift that was asked for and not seen yet
	Yield     []string  `json:"yield,omitempty"`     // revisions of others whose share a person has given to a rollback
	Gateway   []string  `json:"gateway,omitempty"`   // revisions that the environment's gateway was last brought in step with: noted before
	Verdicts  []Verdict `json:"verdicts,omitempty"`
}

// A Candidate is the revision that is to be released.
type Candidate struct {
	Revision string `json:"revision"`
	Tag      string `json:"tag"`
	URL      string `json:"url,omitempty"` // the tag's
}

// A Check is one thing that was verified.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// API is what a release changes for the callers of its service.
type API struct {
	Breaking bool   `json:"breaking,omitempty"`
	Removes  bool   `json:"removes,omitempty"` // operations that the last good revision offers
	Summary  string `json:"summary,omitempty"`
}

// A Mark is who said something, and when.
type Mark struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// An Approval is a person's word for a release. Whether the person had the right to it was looked at before.
type Approval struct {
	What CommandKind `json:"what"` // CommandPromote or CommandApproveBreaking
	Mark
}

// An Asked is a shift that was asked for. Until the etag has changed it may still come to be.
type Asked struct {
	To   []Share   `json:"to"`
	Etag string    `json:"etag"`
	At   time.Time `json:"at"`
}

// A Cause is why a release is held.
type Cause string

// The causes.
const (
	CauseTraffic Cause = "traffic" // somebody else changed the traffic
	CauseScant   Cause = "scant"   // too few requests, or no figures
	CauseGone    Cause = "gone"    // the last good revision can't take the traffic
	CauseRefused Cause = "refused" // something was refused that people have to mend
)

// A Hold is why a release stands still until a person says how it goes on.
type Hold struct {
	Cause  Cause             `json:"cause"`
	Why    preview.UserError `json:"why"`
	From   Phase             `json:"from"`
	Others []string          `json:"others,omitempty"` // revisions of others that have a share
	At     time.Time         `json:"at"`
}

// A CommandKind is what a person may say.
type CommandKind string

// The commands.
const (
	CommandPromote         CommandKind = "promote"          // it may have traffic; while too little traffic holds it: go on to the next step
	CommandApproveBreaking CommandKind = "approve_breaking" // though it breaks callers
	CommandPause           CommandKind = "pause"
	CommandResume          CommandKind = "resume" // after a pause or a hold
	CommandRollback        CommandKind = "rollback"
)

// A Command is what a person has said of a release. The same ID is the same command, however often it is told.
type Command struct {
	ID      string      `json:"id"`
	Kind    CommandKind `json:"kind"`
	Release string      `json:"release"`
	By      string      `json:"by"`
	At      time.Time   `json:"at"`
}

// Decode reads a row's body; an empty one is the zero State. Errors wrap [preview.ErrUnreadable] and say what is wrong.
func Decode(body []byte) (State, error) {
	if len(body) == 0 {
		return State{}, nil
	}
	var version struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(body, &version); err != nil {
		return State{}, fmt.Errorf("%w: %w", preview.ErrUnreadable, err)
	}
	if version.Schema < 1 || version.Schema > schema {
		return State{}, fmt.Errorf("%w: schema %d, this Gangway reads 1 to %d", preview.ErrUnreadable, version.Schema, schema)
	}
	var s State
	if err := json.Unmarshal(body, &s); err != nil {
		return State{}, fmt.Errorf("%w: %w", preview.ErrUnreadable, err)
	}
	if err := s.check(); err != nil {
		return State{}, fmt.Errorf("%w: %w", preview.ErrUnreadable, err)
	}
	return s, nil
}

// check says what can't be so: what is not understood is not acted on.
func (s State) check() error {
	named := map[string]*Release{"current": s.Current, "waiting": s.Waiting}
	for i := range s.History {
		named[fmt.Sprintf("history %d", i)] = &s.History[i]
	}
	for where, r := range named {
		switch {
		case r == nil:
		case r.ID == "":
			return fmt.Errorf("%s: a release without an id", where)
		case !slices.Contains(phases, r.Phase):
			return fmt.Errorf("%s: release %s: phase %q is unknown", where, r.ID, r.Phase)
		case r.Phase.Ended() != strings.HasPrefix(where, "history"):
			return fmt.Errorf("%s: release %s is %s", where, r.ID, r.Phase)
		case r.Phase == PhaseHeld && r.Held == nil:
			return fmt.Errorf("%s: release %s is held, and nothing says why", where, r.ID)
		case len(r.Plan) > 0 && (r.Step < 0 || r.Step >= len(r.Plan)):
			return fmt.Errorf("%s: release %s: step %d of a plan of %d", where, r.ID, r.Step, len(r.Plan))
		case len(r.Plan) == 0 && slices.Contains([]Phase{PhaseRollingOut, PhaseFinishing}, r.Phase):
			return fmt.Errorf("%s: release %s is %s without a plan", where, r.ID, r.Phase)
		}
	}
	return nil
}

// Encode is the body of the row that holds s.
func (s State) Encode() ([]byte, error) {
	s.Schema = schema
	return json.Marshal(s)
}

// Digest is a fingerprint of all that is reported.
func (s State) Digest() string {
	s.Reported, s.Seen, s.Schema = "", 0, 0
	s.Leftovers = nil
	if s.Current != nil {
		r := *s.Current
		r.Asked, r.Span, r.Probing = nil, Span{}, 0
		s.Current = &r
	}
	body, err := json.Marshal(s)
	if err != nil {
		return "" // not reached: all of it is plain data
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:8])
}

// Settled tells whether nothing is under way and nothing is to be removed.
func (s State) Settled() bool {
	return s.Current == nil && s.Waiting == nil && s.Kept == nil && len(s.Leftovers) == 0
}

func (s State) clone() State {
	s.Leftovers = slices.Clone(s.Leftovers)
	s.History = slices.Clone(s.History)
	for _, p := range []**Release{&s.Current, &s.Waiting} {
		if *p != nil {
			r := **p
			r.Approvals, r.Commands, r.Verdicts = slices.Clone(r.Approvals), slices.Clone(r.Commands), slices.Clone(r.Verdicts)
			*p = &r
		}
	}
	return s
}

// approved tells whether somebody has given that approval.
func (r *Release) approved(what CommandKind) bool {
	return slices.ContainsFunc(r.Approvals, func(a Approval) bool { return a.What == what })
}

// verified tells whether something was checked and all of it was found good.
func (r *Release) verified() bool {
	return len(r.Checks) > 0 && !slices.ContainsFunc(r.Checks, func(c Check) bool { return !c.OK })
}

// begun tells whether traffic or the environment's gateway may have been touched.
func (r *Release) begun() bool {
	return r.Phase.begun() || r.Phase == PhaseHeld && r.Held.From.begun() || len(r.Gateway) > 0 || r.Shifted
}
