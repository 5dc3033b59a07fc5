package report

import (
	"slices"

	"github.com/gangway-dev/gangway/internal/preview"
)

// shownEvents is how many events of the timeline are shown: the newest.
const shownEvents = 25

// timeline tells what has happened to the preview lately, the newest first.
func (v view) timeline(p *page) {
	events := preview.Timeline(v.Wanted, v.Observed)
	if len(events) == 0 {
		return
	}
	events = events[max(0, len(events)-shownEvents):]
	p.block("### Timeline")
	p.block("| Time (UTC) | What |\n|---|---|")
	for _, e := range slices.Backward(events) {
		p.line("| " + e.At.UTC().Format("2006-01-02 15:04:05") + " | " + happened(e) + " |")
	}
}

// timelineLink leads to the timeline, which is a part of the check run.
func (v view) timelineLink() string {
	if len(preview.Timeline(v.Wanted, v.Observed)) == 0 {
		return ""
	}
	return link("Timeline", v.docs())
}

// happened is an event in words.
func happened(e preview.Event) string {
	switch e.Kind {
	case preview.EventWanted:
		return wanted(e)
	case preview.EventMember:
		return text(e.Service) + " " + stepWords(preview.Step(e.Detail)) + " · " + commit(e.SHA)
	case preview.EventLive:
		return "The link serves " + commit(e.SHA)
	case preview.EventAnswering:
		return "The link answers"
	case preview.EventFailed:
		return "Failed: " + doing(e.Detail)
	case preview.EventRemoving:
		return "Removing everything"
	case preview.EventRemoved:
		return "Everything is removed"
	}
	return text(string(e.Kind))
}

func wanted(e preview.Event) string {
	switch preview.Intent(e.Detail) {
	case preview.IntentLive:
		return "A preview of " + commit(e.SHA) + " is wanted"
	case preview.IntentIdle:
		return "Nothing that is served is changed by " + commit(e.SHA)
	case preview.IntentBlocked:
		return "A preview of " + commit(e.SHA) + " is prevented"
	case preview.IntentClosed:
		return "The pull request is closed"
	case preview.IntentExpired:
		return "Nobody has pushed for long: the preview expired"
	case preview.IntentUnknown:
	}
	return text(e.Detail)
}

func stepWords(s preview.Step) string {
	switch s {
	case preview.StepWaiting:
		return "waits for its build"
	case preview.StepBuilding:
		return "is being built"
	case preview.StepBuilt:
		return "is built"
	case preview.StepDeploying:
		return "is being deployed"
	case preview.StepReady:
		return "is ready"
	case preview.StepFailed:
		return "failed"
	}
	return text(string(s))
}
