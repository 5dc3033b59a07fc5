package report

import (
	"fmt"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Marker is the line of a preview's comment by which it is found again. It proves nothing: the comment's author has to
// be checked too.
func Marker(k preview.Key) string {
	return fmt.Sprintf("<!-- gangway:preview %d/%d %s -->", k.Repository, k.PullRequest, k.Gateway)
}

// Render says what the pull request should show. It is a pure function of the state: equal state, equal text.
func Render(p Preview) Report {
	v := newView(p)
	if v.state == silent {
		return Report{}
	}
	return Report{
		Comment:    &Comment{Marker: Marker(p.Key), Body: v.comment()},
		CheckRun:   v.checkRun(),
		Deployment: v.deployment(),
		Status:     v.status(),
	}
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
