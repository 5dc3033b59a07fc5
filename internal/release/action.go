package release

import (
	"fmt"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// An ActionKind is a thing to be done outside.
type ActionKind string

// The actions.
const (
	Build          ActionKind = "build"           // find the image of the commit, or build it
	Deploy         ActionKind = "deploy"          // Image as Revision under Tag, without traffic
	ComposeQA      ActionKind = "compose_qa"      // make the QA gateway, in which only this service is Revision's
	RemoveQA       ActionKind = "remove_qa"       // take it in
	Verify         ActionKind = "verify"          // through the QA gateway
	Shift          ActionKind = "shift"           // make From into [Traffic.With] To, if Etag still holds
	Measure        ActionKind = "measure"         // figures of Revision in Span, and of Baseline in BaselineSpan
	Probe          ActionKind = "probe"           // send Requests synthetic requests to the candidate's tag
	AlignGateway   ActionKind = "align_gateway"   // the environment's gateway offers what all of Revisions offer, and no more
	TagRevision    ActionKind = "tag_revision"    // [Traffic.WithTag]
	UntagRevision  ActionKind = "untag_revision"  // [Traffic.WithoutTag]
	RetireRevision ActionKind = "retire_revision" // delete Revision, unless it has traffic or a tag
	Report         ActionKind = "report"          // tell how things are
)

// An Action is data: doing it twice is harmless.
type Action struct {
	Kind         ActionKind
	Release      string
	Attempt      int
	Image        string
	Revision     string
	Tag          string
	Revisions    []string
	Step         int
	Span         Span
	Baseline     string
	BaselineSpan Span
	Requests     int64
	Etag         string
	From         []preview.TrafficTarget // as found under Etag
	To           []Share
}

// Key tells actions apart; equal actions have equal keys.
func (a Action) Key() string {
	parts := []string{string(a.Kind), a.Release}
	switch a.Kind {
	case Build:
		parts = append(parts, fmt.Sprint(a.Attempt))
	case Deploy, TagRevision, UntagRevision, RetireRevision:
		parts = append(parts, a.Revision, a.Tag)
	case Shift:
		parts = append(parts, a.Etag, fmt.Sprint(a.To))
	case Measure:
		parts = append(parts, fmt.Sprint(a.Step), fmt.Sprint(a.Span.From.Unix()), fmt.Sprint(a.Span.To.Unix()))
	case Probe:
		parts = append(parts, fmt.Sprint(a.Step), fmt.Sprint(a.Span.To.Unix()))
	case AlignGateway:
		parts = append(parts, a.Revisions...)
	case ComposeQA, RemoveQA, Verify, Report: // one of each for a release
	}
	return strings.Join(parts, ":")
}
