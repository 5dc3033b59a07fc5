// Package report turns a preview into what people see on the pull request: one comment, one check run, one deployment.
// Data in, text out; nothing here talks to GitHub.
package report

import (
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A Preview is all that a report says something about.
type Preview struct {
	Key      preview.Key
	Wanted   preview.Wanted
	Observed preview.Observed
	Usual    time.Duration // how long it usually takes from push to link; 0 when there is no history
	Expire   time.Duration // how long after the last push it is removed; 0 is never
}

// A Comment is the one comment on the pull request. Marker is the line by which it is found again.
type Comment struct {
	Marker string
	Body   string // Markdown, with the marker; at most 65,536 characters
}

// A CheckRun is the check "gangway / GATEWAY" on the head commit.
// https://docs.github.com/en/rest/checks/runs
type CheckRun struct {
	Name        string
	HeadSHA     string
	ExternalID  string
	DetailsURL  string
	Status      string // queued, in_progress, completed
	Conclusion  string // success, failure, neutral; "" until completed
	Title       string
	Summary     string
	Annotations []Annotation
}

// An Annotation points at a place in a file of the pull request.
type Annotation struct {
	Path    string
	Line    int
	Level   string // notice, warning, failure
	Title   string
	Message string
}

// A Deployment is GitHub's deployment of one generation.
// https://docs.github.com/en/rest/deployments/deployments
type Deployment struct {
	SHA         string
	Environment string // "preview"
	Task        string // "preview-pr-42"
	Description string // at most 140 characters
}

// A DeploymentStatus says how a deployment is.
// https://docs.github.com/en/rest/deployments/statuses
type DeploymentStatus struct {
	State          string // queued, in_progress, success, failure, error, inactive
	EnvironmentURL string
	LogURL         string
	Description    string // at most 140 characters
}

// A Report is what the pull request should show. A nil part says: leave alone what is there.
type Report struct {
	Comment    *Comment
	CheckRun   *CheckRun
	Deployment *Deployment
	Status     *DeploymentStatus // of the wanted generation's deployment, or of the stored one when Deployment is nil
}
