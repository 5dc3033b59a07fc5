package report

import (
	"fmt"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// maxDescription is GitHub's limit of a deployment's and a status's description, in characters.
const maxDescription = 140

// Task is the task of a preview's deployments, by which they are told from those of other pull requests.
func Task(k preview.Key) string { return fmt.Sprintf("preview-pr-%d", k.PullRequest) }

// Purpose begins the description of a preview's deployments: it tells those of several gateways apart.
func Purpose(k preview.Key) string {
	return fmt.Sprintf("Preview on the gateway %s of %s", k.Gateway, k.Environment)
}

// deployment is the deployment of the wanted generation; nil when none is wanted.
func (v view) deployment() *Deployment {
	switch v.state {
	case building, updating, checking, ready, unhealthy, failed:
	case silent, blocked, removing, removed, dropped:
		return nil
	}
	return &Deployment{
		SHA:         v.Wanted.HeadSHA,
		Environment: "preview",
		Task:        Task(v.Key),
		Description: describe(fmt.Sprintf("%s, generation %d", Purpose(v.Key), v.Wanted.Generation)),
	}
}

// status is how that deployment is, or the end of the one that was there before.
func (v view) status() *DeploymentStatus {
	_, words := v.heading()
	s := &DeploymentStatus{Description: describe(words)}
	switch v.state {
	case ready, unhealthy:
		s.State, s.EnvironmentURL = "success", address(v.link())
	case failed:
		s.State, s.LogURL = "failure", v.log()
	case building, updating, checking:
		s.State = "in_progress"
		if v.state != checking && v.queued() {
			s.State = "queued"
		}
	case silent, blocked, removing, removed, dropped:
		if r := v.Observed.Report; r.DeploymentID == 0 && r.DeploymentGen == 0 {
			return nil
		}
		s.State = "inactive"
	}
	return s
}

// describe is a description: plain text.
func describe(s string) string {
	s = clean(strings.ReplaceAll(s, "`", ""))
	if r := []rune(s); len(r) > maxDescription {
		return string(r[:maxDescription-1]) + "…"
	}
	return s
}
