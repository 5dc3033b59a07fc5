package preview

import (
	"encoding/json"
	"fmt"
	"time"
)

// schema is the version of the rows' JSON. Fields may be added without raising it; a reader refuses a newer one.
const schema = 1

// Intent is what is wanted of a preview.
type Intent string

// The intents. Blocked and Idle previews have no gateway; neither have closed and expired ones.
const (
	IntentUnknown Intent = ""        // never decided
	IntentIdle    Intent = "idle"    // nothing that we serve is changed: say nothing
	IntentLive    Intent = "live"    // it should be live at HeadSHA
	IntentBlocked Intent = "blocked" // not eligible now; see Block
	IntentClosed  Intent = "closed"  // GitHub said "state": "closed"
	IntentExpired Intent = "expired" // too long without a push
)

// BlockReason says why a preview is not built.
type BlockReason string

// The reasons; what would unblock each is in package report.
const (
	BlockDraft  BlockReason = "draft"
	BlockFork   BlockReason = "fork"
	BlockBot    BlockReason = "bot"
	BlockLabel  BlockReason = "label" // the label that is asked for is missing, or one that forbids is there
	BlockLimit  BlockReason = "limit" // as many previews as are allowed are live
	BlockConfig BlockReason = "configuration"
	BlockQuota  BlockReason = "quota" // Google Cloud has no room for one more
)

// A Block is why a preview is not built.
type Block struct {
	Reason BlockReason `json:"reason"`
	Detail string      `json:"detail,omitempty"` // ours: a label's name, a limit's figure, …
	By     string      `json:"by,omitempty"`     // login of who set the label of Detail and may not write here
}

// Wanted is the intake's row: what should be, and how far its members are.
type Wanted struct {
	Schema     int        `json:"schema"`
	Generation int64      `json:"generation"` // goes up whenever Intent, HeadSHA or the set of members changes
	Intent     Intent     `json:"intent"`
	Block      *Block     `json:"block,omitempty"`
	Repository Repository `json:"repository"`
	URL        string     `json:"url"`            // of the pull request
	Fork       bool       `json:"fork,omitempty"` // its code comes from another repository
	HeadSHA    string     `json:"head_sha"`
	BaseSHA    string     `json:"base_sha"`
	BaseRef    string     `json:"base_ref"`
	AllChanged bool       `json:"all_changed,omitempty"` // GitHub's list of files was incomplete: all services count as changed
	Members    []Member   `json:"members"`               // in the order of their services' names
	Pushed     time.Time  `json:"pushed"`                // when this head was first seen, or became eligible: expiry counts from here
	Changed    time.Time  `json:"changed"`               // when Generation went up
	Superseded []string   `json:"superseded,omitempty"`  // ids of builds that are to be cancelled
	Unsure     []Start    `json:"unsure,omitempty"`      // builds that are to be cancelled if they were started: nobody knows
	Tagged     []string   `json:"tagged,omitempty"`      // Cloud Run services on which our tag may stand: noted before it is set
	Down       int64      `json:"down,omitempty"`        // newest generation for which everything has to be taken in; see Observed.Removed
	Homeless   time.Time  `json:"homeless,omitzero"`     // since when the configuration has had no place for it
	Announced  Announced  `json:"announced"`
	Read       Read       `json:"read"`
	Timeline   []Event    `json:"timeline,omitempty"` // see [Timeline]
}

// A Start names a build by what it was started for.
type Start struct {
	Service    string `json:"service"`
	Generation int64  `json:"generation"`
}

// Read is what the intake remembers of its last look at GitHub, so that it asks no more often than it has to.
type Read struct {
	Marks   int64    `json:"marks"`              // Row.Marks at that look
	FilesOf string   `json:"files_of,omitempty"` // what Changed belongs to: head, base and configuration
	Changed []Target `json:"changed,omitempty"`
}

// Announced is what has been published about the row, so that what was not is published again.
type Announced struct {
	Digest    string            `json:"digest,omitempty"`    // of all that the aggregator reacts to
	Revisions map[string]string `json:"revisions,omitempty"` // service → revision whose "revision ready" is out
}

// Step is how far a member is.
type Step string

// A member's steps, in order; failed is the end too.
const (
	StepWaiting   Step = "waiting"   // its build is not started yet
	StepBuilding  Step = "building"  // Cloud Build has it
	StepBuilt     Step = "built"     // its image is there; the other members' are not yet
	StepDeploying Step = "deploying" // the revision is not ready yet
	StepReady     Step = "ready"     // the revision stands under its tag and can serve
	StepFailed    Step = "failed"    // see Failure
)

// A Member is one overridden service of a preview.
type Member struct {
	Service  string `json:"service"`
	CloudRun string `json:"cloud_run"` // the Cloud Run service's name
	Pipeline bool   `json:"pipeline,omitempty"`
	Found    string `json:"found,omitempty"` // the revision that the team's pipeline deployed for SHA
	SHA      string `json:"sha"`             // the commit that it is built from; the head, or an earlier one with the same Source
	// Source is a fingerprint of what the service is made of at SHA: equal ones need no other build. "" is not known.
	Source     string      `json:"source,omitempty"`
	Generation int64       `json:"generation"` // the generation that began it
	Step       Step        `json:"step"`
	BuildID    string      `json:"build_id,omitempty"`
	LogURL     string      `json:"log_url,omitempty"`
	BuildStart time.Time   `json:"build_start,omitzero"`
	BuildEnd   time.Time   `json:"build_end,omitzero"`
	LogUntil   time.Time   `json:"log_until,omitzero"` // until when the log of the step that failed is looked for; see WantsLog
	Retries    int         `json:"retries,omitempty"`  // builds that broke by the builder's own fault
	Again      BuildStatus `json:"again,omitempty"`    // how the build before this one ended, when it is tried again
	Image      string      `json:"image,omitempty"`    // by digest
	Revision   string      `json:"revision,omitempty"`
	Tag        string      `json:"tag,omitempty"`
	URL        string      `json:"url,omitempty"`      // the tag's
	Audience   string      `json:"audience,omitempty"` // the service's own URL
	DeployedAt time.Time   `json:"deployed_at,omitzero"`
	Good       string      `json:"good,omitempty"`     // the revision that the tag stood on when all members were ready last
	Standing   string      `json:"standing,omitempty"` // the revision that the tag was last put on, noted before it is
	Failure    *Failure    `json:"failure,omitempty"`
}

// A Failure is why a member, or an apply, did not work out.
type Failure struct {
	Stage string `json:"stage"` // "build", "deploy", "revision", "document", "gateway", "removal"
	UserError
	Findings []Finding `json:"findings,omitempty"`
	At       time.Time `json:"at"`
}

// A Finding is a fault at a place of a file of the pull request.
type Finding struct {
	Service string `json:"service"`
	File    string `json:"file"` // path in the repository
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Phase is where the gateway of a preview is.
type Phase string

// The phases. A row may go from any live one to removing.
const (
	PhaseNone     Phase = ""         // no gateway was ever made
	PhaseApplying Phase = "applying" // an apply was begun: until it is known to have ended, leftovers are possible
	PhaseLive     Phase = "live"     // Serving is what the gateway serves
	PhaseRemoving Phase = "removing" // a destroy was begun
	PhaseRemoved  Phase = "removed"  // nothing is left on Google Cloud
)

// Observed is the aggregator's row: what was last seen of the gateway, and what was last reported.
type Observed struct {
	Schema     int        `json:"schema"`
	Phase      Phase      `json:"phase"`
	API        string     `json:"api,omitempty"`     // the API shard that the preview keeps
	Serving    *Serving   `json:"serving,omitempty"` // what the gateway serves; kept while an update runs or after it failed
	Applying   *Serving   `json:"applying,omitempty"`
	Waiting    bool       `json:"waiting,omitempty"`    // Applying waits for its API shard: nothing of it has been begun
	Failure    *Failure   `json:"failure,omitempty"`    // why Wanted.Generation is not served
	FailedFor  string     `json:"failed_for,omitempty"` // what Failure is about (a Serving.Digest): not tried again unchanged
	Attempts   int        `json:"attempts,omitempty"`   // failed ones in a row
	Removed    int64      `json:"removed,omitempty"`    // up to which Wanted.Down everything has been taken in
	Accepted   int64      `json:"accepted,omitempty"`   // generation whose documents can be composed: its members may be deployed
	Cleaned    int64      `json:"cleaned,omitempty"`    // generation for which the tags of former members were removed
	RemoveFrom time.Time  `json:"remove_from,omitzero"` // when the last removal began
	RemovedAt  time.Time  `json:"removed_at,omitzero"`  // when it was complete
	Report     ReportRefs `json:"report"`

	Timeline []Event `json:"timeline,omitempty"` // see [Timeline]

	History []time.Duration `json:"history,omitempty"` // the last few times from a change to its being live, oldest first
}

// Serving is what a gateway serves, or is about to.
type Serving struct {
	Generation int64           `json:"generation"`
	HeadSHA    string          `json:"head_sha"`
	Digest     string          `json:"digest"` // of all that Terraform applies; equal: nothing to apply
	ConfigID   string          `json:"config_id"`
	URL        string          `json:"url,omitempty"`  // of the gateway
	Open       string          `json:"open,omitempty"` // path of the link's page
	Members    []ServingMember `json:"members"`
	Others     int             `json:"others"`            // how many services come from the environment
	Assumed    []string        `json:"assumed,omitempty"` // services whose document is only assumed to be the live one's
	Since      time.Time       `json:"since,omitzero"`
	Probe      string          `json:"probe,omitempty"` // "" when the probe answered, else what it said
	Operations []Operation     `json:"operations,omitempty"`
	Warnings   []Finding       `json:"warnings,omitempty"` // about the members' documents
	API        *APIChanges     `json:"api,omitempty"`      // what the pull request changes for callers; nil where nobody has looked
}

// APIChanges are what a pull request changes in its services' APIs since its branch left the base branch.
type APIChanges struct {
	MergeBase string `json:"merge_base,omitempty"` // the commits that were compared with
	Base      string `json:"base,omitempty"`

	Counts     string      `json:"counts,omitempty"`   // of operations, in words; "" when callers notice nothing
	Breaking   int         `json:"breaking,omitempty"` // how many of all changes break callers
	Headline   string      `json:"headline,omitempty"` // the operation that matters most, "" for none
	Says       string      `json:"says,omitempty"`     // what happened to it, to stand after it
	List       []APIChange `json:"list,omitempty"`
	More       int         `json:"more,omitempty"`   // that List has no room for
	Behind     []APIChange `json:"behind,omitempty"` // what the base branch has changed meanwhile
	MoreBehind int         `json:"more_behind,omitempty"`
	Unknown    []string    `json:"unknown,omitempty"` // why some service's changes are not known, in words
}

// An APIChange is what happened to one operation in one respect. Its texts are of one line without markup.
type APIChange struct {
	Service  string   `json:"service"`
	Kind     string   `json:"kind"` // added, removed, changed, opened, authentication, quota, shadowing or documentation
	Method   string   `json:"method"`
	Path     string   `json:"path"`
	Severity string   `json:"severity"` // harmless, risky or breaking
	Details  []string `json:"details,omitempty"`
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`
	Column   int      `json:"column,omitempty"`
}

// A ServingMember is a member as the gateway serves it.
type ServingMember struct {
	Service  string `json:"service"`
	SHA      string `json:"sha"`
	Revision string `json:"revision"`
	URL      string `json:"url"`
}

// An Operation is where an operation of a gateway document comes from.
type Operation struct {
	Method   string `json:"method"`
	Path     string `json:"path"`
	Service  string `json:"service"`
	Override bool   `json:"override,omitempty"`
	Public   bool   `json:"public,omitempty"` // needs neither token nor key
}

// ReportRefs are the ids of what was written on the pull request, and digests of what they say. What is about to be created
// is noted before: without an id, Commented, CheckSHA and DeploymentGen say that it may exist.
type ReportRefs struct {
	Commented      bool   `json:"commented,omitempty"`
	CommentID      int64  `json:"comment_id,omitempty"`
	CommentDigest  string `json:"comment_digest,omitempty"`
	CheckRunID     int64  `json:"check_run_id,omitempty"`
	CheckSHA       string `json:"check_sha,omitempty"`
	CheckDigest    string `json:"check_digest,omitempty"`
	DeploymentID   int64  `json:"deployment_id,omitempty"`
	DeploymentGen  int64  `json:"deployment_generation,omitempty"`
	DeploymentSaid string `json:"deployment_said,omitempty"` // digest of the last status
}

// DecodeWanted reads a row's body; an empty one is the zero Wanted. Errors wrap [ErrUnreadable].
func DecodeWanted(body []byte) (Wanted, error) {
	var w Wanted
	if err := decode(body, &w); err != nil {
		return Wanted{}, err
	}
	return w, nil
}

// DecodeObserved reads a row's body; an empty one is the zero Observed. Errors wrap [ErrUnreadable].
func DecodeObserved(body []byte) (Observed, error) {
	var o Observed
	if err := decode(body, &o); err != nil {
		return Observed{}, err
	}
	return o, nil
}

// Settled tells whether nothing is left to be done for w, up to removed, which is how far everything was taken in: GitHub
// said that the pull request is closed. A reopened one is told of by GitHub, or found in its list.
func (w Wanted) Settled(removed int64) bool { return w.Intent == IntentClosed && w.Down <= removed }

// Settled tells whether there is no gateway and none is being made or removed.
func (o Observed) Settled() bool { return o.Phase == PhaseNone || o.Phase == PhaseRemoved }

// Encode is the body of the row that holds w.
func (w Wanted) Encode() ([]byte, error) {
	w.Schema = schema
	return json.Marshal(w)
}

// Encode is the body of the row that holds o.
func (o Observed) Encode() ([]byte, error) {
	o.Schema = schema
	return json.Marshal(o)
}

func decode(body []byte, into any) error {
	if len(body) == 0 {
		return nil
	}
	var version struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(body, &version); err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if version.Schema < 1 || version.Schema > schema {
		return fmt.Errorf("%w: schema %d, this Gangway reads 1 to %d", ErrUnreadable, version.Schema, schema)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return nil
}
