package release

import (
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Facts are what was read, and what actions came back with. A fact that is missing changes nothing: only positive
// evidence does.
type Facts struct {
	Policy    *Policy   // nil: not known; then nothing goes forward, and a rollback goes on
	Requests  []Request // in commit order
	Commands  []Command // in the order in which they were given
	Traffic   *Traffic  // nil: not read
	Revisions map[string]Revision
	Build     *BuildFact
	QA        *QA
	Verified  *Verification
	Measured  *Measured
	Done      []string // keys of actions that are known to have been done
	Failure   *Failure
	Reported  string // digest of the state that was reported
}

// A Request asks for the release of a commit. Seq goes up in commit order; what was taken up once is not taken up again.
type Request struct {
	Seq         int64
	Repository  int64
	Commit      string
	PullRequest int
	CloudRun    string
	Image       string // by digest, where it is known already
	At          time.Time
}

// A Revision is what Cloud Run says of a revision. Gone means that Cloud Run listed the service's revisions and this one
// was not among them.
type Revision struct {
	Readiness preview.Readiness
	Gone      bool
	Commit    string
	Image     string
	Message   string // why it failed
}

// A BuildFact is how the image of a release is coming along.
type BuildFact struct {
	Release string
	Attempt int
	Status  preview.BuildStatus
	Image   string // by digest; only when it succeeded
	Reused  bool
	LogURL  string
	Reason  string
}

// QAState is what is known of a QA gateway.
type QAState string

// The states. QANone is positive evidence: there is none, and none is being made.
const (
	QANone     QAState = "none"
	QAApplying QAState = "applying"
	QALive     QAState = "live"
	QAFailed   QAState = "failed"
)

// A QA is a release's QA gateway.
type QA struct {
	Release string
	State   QAState
	Link    string
	Why     preview.UserError // it failed
}

// A Verification is what was found through the QA gateway.
type Verification struct {
	Release string
	Done    bool // no check is outstanding
	Checks  []Check
	API     *API // nil: it could not be found out, which counts as breaking
}

// Measured are figures that were asked for. A far end that tells none is one whose figures are not complete.
type Measured struct {
	Release   string
	Step      int
	Span      Span
	Complete  bool // all of the span has arrived: metrics lag by minutes
	Candidate Window
	Baseline  Window
}

// A Failure is an action that was refused for a reason that people can remove. Everything else is tried again.
type Failure struct {
	Kind    ActionKind
	Release string
	Why     preview.UserError
}
