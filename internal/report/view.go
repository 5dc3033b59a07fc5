package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A state is what the report is about: each has one heading.
type state int

const (
	silent    state = iota // say nothing
	building               // the first gateway is on its way
	updating               // another one is, while the old one stays up
	ready                  // the gateway serves the head
	checking               // it does, but the link was not called yet
	unhealthy              // it does, but the link does not answer as it should
	failed                 // the head can't be served
	blocked                // not eligible
	removing               // a gateway is being taken down
	removed                // nothing is left
	dropped                // closed before there was a gateway
)

// A failure is one reason why the head can't be served.
type failure struct {
	*preview.Failure
	service string // "" for the gateway's
	log     string
}

// A view is a preview with what all parts of its report need to know.
type view struct {
	Preview
	state    state
	failures []failure
}

// newView decides what there is to say. Green is only for what the gateway serves of the very head and generation.
func newView(p Preview) view {
	v := view{Preview: p}
	switch p.Wanted.Intent {
	case preview.IntentLive:
		v.failures = failures(p)
		v.state = v.live()
	case preview.IntentBlocked:
		v.state = blocked
	case preview.IntentIdle, preview.IntentClosed, preview.IntentExpired:
		v.state = v.gone()
	case preview.IntentUnknown: // nothing was decided yet: silent
	}
	return v
}

func (v view) live() state {
	o, w := v.Observed, v.Wanted
	current := o.Phase == preview.PhaseLive && o.Serving != nil &&
		o.Serving.HeadSHA == w.HeadSHA && o.Serving.Generation == w.Generation && v.count(preview.StepFailed) == 0
	switch {
	case current && o.Serving.Probe == "":
		return ready
	case current && o.Serving.Probe == notCalled:
		return checking
	case current:
		return unhealthy
	case len(v.failures) > 0:
		return failed
	case v.serves():
		return updating
	}
	return building
}

// notCalled is what package preview writes into Serving.Probe until the link was called.
const notCalled = "not called yet"

// gone is the state of a preview that should not be there (any more). Where nothing was ever said, there is nothing to
// take back.
func (v view) gone() state {
	o, w := v.Observed, v.Wanted
	switch {
	case !o.Report.Commented:
		return silent
	case w.Down > o.Removed:
		return removing
	case o.Phase == preview.PhaseNone:
		return dropped
	case o.Phase == preview.PhaseRemoved:
		return removed
	}
	return removing
}

// failures are the members' and the gateway's, as far as they are about what is wanted now.
func failures(p Preview) []failure {
	var all []failure
	for _, m := range p.Wanted.Members {
		if m.Step == preview.StepFailed {
			f := m.Failure
			if f == nil {
				f = &preview.Failure{Stage: "build", UserError: preview.UserError{Summary: "no reason was given"}}
			}
			all = append(all, failure{Failure: f, service: m.Service, log: m.LogURL})
		}
	}
	// The gateway's failure stays in the row until an apply succeeds: one from before the last change is of no interest.
	if f := p.Observed.Failure; f != nil && p.Wanted.Built() && !f.At.Before(p.Wanted.Changed) {
		all = append(all, failure{Failure: f})
	}
	return all
}

// serves tells whether a gateway serves something, whatever that is.
func (v view) serves() bool {
	s := v.Observed.Serving
	return s != nil && s.URL != "" && (v.Observed.Phase == preview.PhaseLive || v.Observed.Phase == preview.PhaseApplying)
}

// link is what a person opens: the page of the gateway, or the API's documentation where no page can be opened without
// filling something in; "" while nothing is served.
func (v view) link() string {
	switch s := v.Observed.Serving; {
	case !v.serves():
		return ""
	case s.Open == "":
		return cmp.Or(v.docs(), s.URL)
	case strings.HasPrefix(s.Open, "/"):
		return strings.TrimRight(s.URL, "/") + s.Open
	default:
		return strings.TrimRight(s.URL, "/") + "/" + s.Open
	}
}

// count is how many members are at one of the steps.
func (v view) count(steps ...preview.Step) int {
	n := 0
	for _, m := range v.Wanted.Members {
		if slices.Contains(steps, m.Step) {
			n++
		}
	}
	return n
}

// queued tells whether nothing has begun.
func (v view) queued() bool {
	return v.count(preview.StepWaiting, "") == len(v.Wanted.Members)
}
