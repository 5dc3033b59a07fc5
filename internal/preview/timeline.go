package preview

import (
	"cmp"
	"slices"
	"time"
)

// maxTimeline is how many events a row keeps: the newest.
const maxTimeline = 40

// An EventKind says what happened. It is one of ours; nothing of a pull request is in it.
type EventKind string

// The kinds of events. Those about a member carry its service.
const (
	EventWanted    EventKind = "wanted"    // a generation began: Detail is its [Intent], SHA the head
	EventMember    EventKind = "member"    // a member has come to another step: Detail is the [Step]
	EventLive      EventKind = "live"      // the gateway serves what is wanted
	EventAnswering EventKind = "answering" // the probe had an answer
	EventFailed    EventKind = "failed"    // somebody has to mend something: Detail is [Failure.Stage]
	EventRemoving  EventKind = "removing"  // taking in was begun
	EventRemoved   EventKind = "removed"   // nothing is left
)

// An Event is one step of a preview's life, for people who look back.
type Event struct {
	At         time.Time `json:"at"`
	Kind       EventKind `json:"kind"`
	Generation int64     `json:"generation,omitempty"`
	Service    string    `json:"service,omitempty"`
	SHA        string    `json:"sha,omitempty"`
	Detail     string    `json:"detail,omitempty"`
}

// Timeline is what has happened to a preview lately, the oldest first.
func Timeline(w Wanted, o Observed) []Event {
	return slices.SortedStableFunc(slices.Values(slices.Concat(w.Timeline, o.Timeline)), func(a, b Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Generation, b.Generation))
	})
}

// appendEvent returns events with e behind them, the oldest left out where there are too many. events stays as it is.
func appendEvent(events []Event, e Event) []Event {
	events = append(slices.Clone(events), e)
	return events[max(0, len(events)-maxTimeline):]
}

// remember notes what has changed since before.
func (w *Wanted) remember(before Wanted, now time.Time) {
	note := func(e Event) {
		e.At, e.Generation = now, w.Generation
		w.Timeline = appendEvent(w.Timeline, e)
	}
	if w.Generation != before.Generation {
		note(Event{Kind: EventWanted, Detail: string(w.Intent), SHA: w.HeadSHA})
	}
	for _, m := range w.Members {
		old, _ := before.Member(m.Service)
		if m.Step != old.Step || m.Step == StepBuilding && m.BuildID != old.BuildID {
			note(Event{Kind: EventMember, Service: m.Service, SHA: m.SHA, Detail: string(m.Step)})
		}
	}
}

// remember notes what has changed since before.
func (o *Observed) remember(before Observed, w Wanted, now time.Time) {
	note := func(e Event) {
		e.At, e.Generation = now, w.Generation
		o.Timeline = appendEvent(o.Timeline, e)
	}
	served := func(o Observed) Serving {
		if o.Serving == nil {
			return Serving{}
		}
		return *o.Serving
	}
	switch is, was := served(*o), served(before); {
	case o.Phase == PhaseLive && is.Generation != was.Generation:
		note(Event{Kind: EventLive, SHA: is.HeadSHA})
	case o.Phase == PhaseLive && is.Probe == "" && was.Probe != "":
		note(Event{Kind: EventAnswering, SHA: is.HeadSHA})
	}
	if o.Failure != nil && (before.Failure == nil || o.Failure.At.After(before.Failure.At)) {
		note(Event{Kind: EventFailed, Detail: o.Failure.Stage})
	}
	if o.Phase == before.Phase {
		return
	}
	switch o.Phase {
	case PhaseRemoving:
		note(Event{Kind: EventRemoving})
	case PhaseRemoved:
		note(Event{Kind: EventRemoved})
	case PhaseNone, PhaseApplying, PhaseLive: // that an apply begins is told by what it does
	}
}
