package release

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A Key names a line: the releases of one service in one environment.
type Key struct{ Environment, Service string }

// String is environment/service.
func (k Key) String() string { return k.Environment + "/" + k.Service }

var label = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)

// ParseKey reads what [Key.String] wrote.
func ParseKey(s string) (Key, error) {
	environment, service, _ := strings.Cut(s, "/")
	if !label.MatchString(environment) || !label.MatchString(service) {
		return Key{}, fmt.Errorf("release line %q: want environment/service", s)
	}
	return Key{environment, service}, nil
}

// stateVersion is that of the form in which a State is kept.
const stateVersion = 1

// A State is all that is kept of a line.
type State struct {
	Version  int       `json:"version"`
	Current  *Release  `json:"current,omitempty"`
	Waiting  *Request  `json:"waiting,omitempty"`  // the newest commit that is to be released next
	Blocked  string    `json:"blocked,omitempty"`  // why none can begin
	Previous *Previous `json:"previous,omitempty"` // what served before the last release
	History  []Ended   `json:"history,omitempty"`  // the last ones, the newest at the end
	Obeyed   []string  `json:"obeyed,omitempty"`   // ids of the last commands
	Count    int64     `json:"count"`              // of releases that have begun
	Newest   time.Time `json:"newest,omitzero"`    // Request.At of the newest commit that was taken in
}

// maxHistory and maxObeyed bound what is kept.
const (
	maxHistory = 10
	maxObeyed  = 50
)

// Decode reads a State; empty is the first one. The error wraps [preview.ErrUnreadable].
func Decode(body []byte) (State, error) {
	if len(body) == 0 {
		return State{Version: stateVersion}, nil
	}
	var s State
	if err := json.Unmarshal(body, &s); err != nil {
		return s, fmt.Errorf("release line: %w: %w", preview.ErrUnreadable, err)
	}
	if s.Version != stateVersion {
		return s, fmt.Errorf("release line: %w: it has version %d, this Gangway knows %d", preview.ErrUnreadable, s.Version, stateVersion)
	}
	return s, nil
}

// Encode is the form in which a State is kept.
func (s State) Encode() ([]byte, error) {
	s.Version = stateVersion
	return json.Marshal(s)
}

// A Request is a commit that is to be released.
type Request struct {
	Commit      string    `json:"commit"`
	PullRequest int       `json:"pull_request,omitempty"` // that it was merged with; 0 is none
	Source      string    `json:"source,omitempty"`       // what the service is made of there: see preview.Member
	At          time.Time `json:"at"`
}

// A Phase is how far a release has come.
type Phase string

// Phases, in their order. A release that is rolled back or given up goes to PhaseClosing too.
const (
	PhaseBuilding  Phase = "building"  // its image is not there yet
	PhaseDeploying Phase = "deploying" // its revision is not ready yet
	PhaseOpening   Phase = "opening"   // its QA gateway is not live yet
	PhaseVerifying Phase = "verifying"
	PhaseApproving Phase = "approving" // a person is asked
	PhaseRolling   Phase = "rolling"   // it gets its shares of traffic
	PhaseRestoring Phase = "restoring" // its share goes back to the baseline
	PhaseClosing   Phase = "closing"   // what was put up for it is taken in
)

// An Outcome is how a release has ended.
type Outcome string

// Outcomes.
const (
	Released   Outcome = "released"
	RolledBack Outcome = "rolled back" // it had traffic, and lost it
	Failed     Outcome = "failed"      // before it had any
	Superseded Outcome = "superseded"  // by a newer commit, before it had any
	Cancelled  Outcome = "cancelled"   // by a person, before it had any
)

// A Release is one commit on its way.
type Release struct {
	ID        string    `json:"id"`
	Request   Request   `json:"request"`
	Phase     Phase     `json:"phase"`
	Since     time.Time `json:"since"` // of the phase
	Reverse   bool      `json:"reverse,omitempty"`
	Steps     []int     `json:"steps"`    // of the policy when it began
	Baseline  string    `json:"baseline"` // the revision that served when it began, and to which a rollback leads
	Image     string    `json:"image,omitempty"`
	Candidate string    `json:"candidate,omitempty"` // revision
	Tag       string    `json:"tag,omitempty"`       // of the candidate
	URL       string    `json:"url,omitempty"`       // of the tag
	QA        string    `json:"qa,omitempty"`        // host name of its QA gateway

	Checks   []Check   `json:"checks,omitempty"`
	Breaking bool      `json:"breaking,omitempty"` // the document breaks callers
	Approved *Approval `json:"approved,omitempty"`
	Accepted *Approval `json:"accepted,omitempty"` // that it is breaking

	Step    int       `json:"step"`             // index of the share that it is to have; -1: none yet
	Stepped time.Time `json:"stepped,omitzero"` // when it was seen to have that share
	Figures []Figure  `json:"figures,omitempty"`
	Paused  *Approval `json:"paused,omitempty"`
	Held    string    `json:"held,omitempty"` // why a person is asked in the middle

	Outcome Outcome `json:"outcome,omitempty"` // once it is decided
	Reason  string  `json:"reason,omitempty"`
}

// Begun tells whether it has, or may have, got traffic.
func (r *Release) Begun() bool { return r.Step >= 0 }

// A Check is one thing that was verified.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// An Approval is who has said something, and when.
type Approval struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// A Figure is what a step was judged by.
type Figure struct {
	Share     int       `json:"share"`
	Candidate Window    `json:"candidate"`
	Baseline  Window    `json:"baseline"`
	Verdict   Verdict   `json:"verdict"`
	Says      string    `json:"says"`
	At        time.Time `json:"at"`
}

// Previous is the revision that served before a release. It keeps its tag until then, so that going back is one command.
type Previous struct {
	Revision string    `json:"revision"`
	Commit   string    `json:"commit,omitempty"`
	Tag      string    `json:"tag"`
	Until    time.Time `json:"until"`
}

// Ended is a release that is over.
type Ended struct {
	ID      string    `json:"id"`
	Commit  string    `json:"commit"`
	Outcome Outcome   `json:"outcome"`
	Reason  string    `json:"reason,omitempty"`
	Figures []Figure  `json:"figures,omitempty"`
	At      time.Time `json:"at"`
}
