package report

import (
	"fmt"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Marker is the line of a pull request's comment by which it is found again, whichever gateways its previews are on. It
// proves nothing: the comment's author has to be checked too.
func Marker(k preview.Key) string {
	return fmt.Sprintf("<!-- gangway:preview %d/%d -->", k.Repository, k.PullRequest)
}

// Render says what the pull request should show of one preview. It is a pure function of the state: equal state, equal
// text. The comment is that of a pull request with this preview only; see [RenderComment].
func Render(p Preview) Report {
	v := newView(p)
	if v.state == silent {
		return Report{}
	}
	return Report{
		Comment:    RenderComment([]Preview{p}),
		CheckRun:   v.checkRun(),
		Deployment: v.deployment(),
		Status:     v.status(),
	}
}

// RenderComment is the one comment of a pull request with all of its previews, a section each, in their order. nil: there is
// nothing to say of any of them.
func RenderComment(all []Preview) *Comment {
	var views []view
	for _, p := range all {
		if v := newView(p); v.state != silent {
			views = append(views, v)
		}
	}
	if len(views) == 0 {
		return nil
	}
	const between = "\n\n---\n\n"
	marker := Marker(views[0].Key)
	limit := (maxBody-len(marker)-2)/len(views) - len(between)
	var sections []string
	for _, v := range views {
		sections = append(sections, v.section(limit, len(views) > 1))
	}
	return &Comment{Marker: marker, Body: marker + "\n" + strings.Join(sections, between) + "\n"}
}

// heading is the first thing that is said: an emoji, and the same in words.
func (v view) heading() (emoji, words string) {
	head := commit(v.Wanted.HeadSHA)
	switch v.state {
	case ready:
		return "✅", "Preview is ready · " + head
	case checking:
		return "⏳", "Checking that the preview answers · " + head
	case unhealthy:
		return "⚠️", "Preview is up, but does not answer as expected · " + head
	case updating:
		return "⏳", v.updating(head)
	case building:
		return "⏳", v.building() + " · " + head
	case failed:
		return "❌", "Preview failed · " + head
	case blocked:
		title, _, _ := why(v.Wanted.Block)
		return "⏸️", "No preview: " + title
	case removing:
		return "🧹", "Removing the preview"
	case removed:
		return "🧹", "Preview removed"
	case dropped, silent:
	}
	return "🧹", "No preview any more"
}

func (v view) building() string {
	all := len(v.Wanted.Members)
	if v.queued() && v.Wanted.AwaitsPipeline() {
		return "Waiting for your pipeline to deploy " + plural(all, "service")
	}
	if v.queued() {
		return "Waiting to build " + plural(all, "service")
	}
	if n := v.count(preview.StepWaiting, preview.StepBuilding, ""); n > 0 {
		return fmt.Sprintf("Building %d of %s", n, plural(all, "service"))
	}
	if n := v.count(preview.StepBuilt, preview.StepDeploying); n > 0 {
		return fmt.Sprintf("Starting %d of %s", n, plural(all, "service"))
	}
	return "Opening the gateway"
}

// updating says what the link still serves while something newer is on its way.
func (v view) updating(head string) string {
	if old := v.Observed.Serving.HeadSHA; old != v.Wanted.HeadSHA {
		return "Updating to " + head + " — the link still serves " + commit(old)
	}
	return "Updating " + head + " — the link still serves it as it was before the last change"
}
