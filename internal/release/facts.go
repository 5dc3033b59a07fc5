package release

import "time"

// Facts are what has been read, and what actions came back with. One that is missing changes nothing: only positive
// evidence does.
type Facts struct {
	Policy   Policy
	Requests []Request // commits that are to be released, the oldest first; those that are known already are passed over
	Commands []Command // of persons who have the right to give them, the oldest first
	Traffic  *Traffic  // of the Cloud Run service

	Built    *Built    // of the current release's commit
	Deployed *Deployed // of its revision
	Opened   *Opened   // of its QA gateway
	Verified *Verified
	Measured *Measured // since Release.Stepped
	Refused  string    // why Cloud Run refused to move the traffic, in a way that another try won't change
	Applied  bool      // the environment's own gateway serves what the environment serves
	Closed   bool      // QA gateway and tag of the current release are gone
	Untagged bool      // the tag of Previous is gone
}

// Built is an image by digest, or why there is none.
type Built struct{ Image, Failure string }

// Deployed is a revision without traffic that is ready, with its tag and the tag's URL, or why there is none.
type Deployed struct{ Revision, Tag, URL, Failure string }

// Opened is the host name of a QA gateway that serves the candidate, or why there is none.
type Opened struct{ Hostname, Failure string }

// Verified is what came of the verification, as a whole.
type Verified struct {
	Checks   []Check
	Breaking bool // the API breaks callers, compared with the baseline's
}

// Measured are the figures of a time that is complete: metrics come minutes late.
type Measured struct {
	From, To            time.Time
	Candidate, Baseline Window
}

// An Order is what a person wants.
type Order string

// Orders.
const (
	Promote  Order = "promote"  // approve; and where the rollout is held or waits, go on to the next share
	Accept   Order = "accept"   // that the change breaks callers
	Pause    Order = "pause"    // stay at the share
	Resume   Order = "resume"   // go on after a pause, or after somebody else has changed the traffic
	Rollback Order = "rollback" // take back, at any time; without a current release, the last one
)

// A Command is an order of a person's. It is obeyed once, by its ID.
type Command struct {
	ID    string
	Order Order
	By    string
	At    time.Time
}

// A Kind is what an action does.
type Kind string

// Kinds of actions.
const (
	Build        Kind = "build"         // or find the image of the same source
	Deploy       Kind = "deploy"        // the image as a revision without traffic, under a tag
	OpenQA       Kind = "open_qa"       // apply the QA gateway
	Verify       Kind = "verify"        // through it
	Shift        Kind = "shift"         // write the traffic list
	Measure      Kind = "measure"       // candidate and baseline
	Probe        Kind = "probe"         // call the candidate, because nobody else does
	ApplyGateway Kind = "apply_gateway" // the environment's own
	Close        Kind = "close"         // take QA gateway and the candidate's tag in; a released one's predecessor gets a tag
	Untag        Kind = "untag"         // the tag of Previous
)

// An Action is something to be done after the state has been saved.
type Action struct {
	Kind    Kind
	Targets []Target // of Shift: the whole list
	Etag    string   // of Shift: of the list that it was made from; another one is not to be overwritten
	From    time.Time
	To      time.Time // of Measure
}
