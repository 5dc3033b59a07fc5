package preview

import (
	"slices"
	"time"
)

// redeployAfter is how long after a refused deployment it is tried again.
const redeployAfter = 5 * time.Minute

// tagVisible is how long after a deployment the tag may still be missing from what Cloud Run answers.
const tagVisible = 5 * time.Second

// startTimeout is how long after a deployment Cloud Run may leave open whether the revision starts. Its own limits are
// shorter: https://cloud.google.com/run/docs/configuring/healthchecks
const startTimeout = 20 * time.Minute

// settleTimeout is how long a revision that is ready is held back while Cloud Run reconciles its service: with several
// previews on it, that may never end. The tag's URL and the revision's readiness were read all the same.
const settleTimeout = time.Minute

// The failure of a build is told at once, and again with the failing step's log, which Cloud Logging has seconds later:
// the log is looked for during logWait, until after logSettled it is what it was the time before.
const (
	logWait    = time.Minute
	logSettled = 10 * time.Second
)

// advance moves one member on as far as the facts allow.
func (w *Wanted) advance(i int, f IntakeFacts, now time.Time) {
	m := &w.Members[i]
	if slices.Contains(f.Reverted, m.Service) {
		m.Standing = m.Good
	}
	if failure, ok := f.Failures[m.Service]; ok && m.Step != StepReady {
		m.fail(failure, now)
		return
	}
	if m.Step == StepFailed && m.Image != "" && m.Failure.Stage == "deploy" && f.Pull != nil && now.Sub(m.Failure.At) > redeployAfter {
		m.Step, m.Failure, m.DeployedAt = StepBuilt, nil, time.Time{} // what stood in the way may have been mended
	}
	if build, ok := f.Builds[m.Service]; ok && build.Generation == m.Generation && build.SHA == m.SHA {
		w.observeBuild(m, build, now)
	}
	m.observeLog(f.Logs[m.Service], now)
	if r, ok := f.Revisions[m.Service]; ok {
		m.observeRevision(r, now)
	}
}

// observeBuild takes in what Cloud Build says of the member's build.
func (w *Wanted) observeBuild(m *Member, b Build, now time.Time) {
	if m.Step != StepWaiting && m.Step != StepBuilding {
		return
	}
	m.Step = StepBuilding
	m.BuildID, m.LogURL = b.ID, b.LogURL
	m.BuildStart = firstTime(m.BuildStart, b.Started, b.Created, now)
	if !b.Status.Done() {
		return
	}
	m.BuildEnd = firstTime(b.Finished, now)
	if b.Status == BuildSucceeded {
		if b.Digest == "" || b.Image == "" {
			m.fail(Failure{Stage: "build", UserError: UserError{
				Summary: "The build of " + m.Service + " succeeded but pushed no image",
				Hint:    "The build configuration has to list the image under `images`, so that its digest is in the build's results.",
			}}, now)
			return
		}
		m.Image = b.Image + "@" + b.Digest
		m.Step = StepBuilt
		return
	}
	if (b.Status == BuildBroken || b.Status == BuildExpired) && m.Retries < maxRebuilds {
		w.Generation++ // a build is found by its generation: another try is another one
		w.Changed = now
		*m = Member{
			Service: m.Service, CloudRun: m.CloudRun, SHA: m.SHA, Source: m.Source, Generation: w.Generation, Step: StepWaiting,
			Retries: m.Retries + 1, Again: b.Status, Good: m.Good, Standing: m.Standing,
		}
		return
	}
	m.fail(Failure{Stage: "build", UserError: buildError(m.Service, b)}, now)
	if b.Status.Logged() {
		m.LogUntil = now.Add(logWait)
	}
}

// WantsLog tells whether the log of the step that failed is still to be read.
func (m Member) WantsLog(now time.Time) bool {
	return m.Step == StepFailed && m.Failure != nil && m.BuildID != "" && now.Before(m.LogUntil)
}

// observeLog puts the log of the step that failed in the place of what Cloud Build said of it.
func (m *Member) observeLog(log string, now time.Time) {
	if log == "" || !m.WantsLog(now) {
		return
	}
	if m.Failure.Detail == log {
		if now.Sub(m.Failure.At) > logSettled {
			m.LogUntil = time.Time{}
		}
		return
	}
	failure := *m.Failure
	failure.Detail = log
	m.Failure = &failure
}

// buildError says how a build ended, and what to do.
func buildError(service string, b Build) UserError {
	e := UserError{Detail: b.Reason}
	switch b.Status {
	case BuildTimedOut:
		e.Summary = "The build of " + service + " took longer than it may"
		e.Hint = "Make it faster, or ask your operator to raise the build's timeout."
	case BuildCancelled:
		e.Summary = "The build of " + service + " was cancelled"
		e.Hint = "Push a commit to build it again."
	case BuildExpired:
		e.Summary = "The build of " + service + " waited for a free builder for too long"
		e.Hint = "Push a commit to try again; if it goes on, ask your operator to look at Cloud Build's quota."
	case BuildBroken:
		e.Summary = "Cloud Build could not run the build of " + service
		e.Hint = "It was tried several times; push a commit to try again."
	default:
		e.Summary = "The build of " + service + " failed"
		e.Hint = "Mend what the log shows and push."
	}
	if b.Step != "" {
		e.Summary += " in step " + b.Step
	}
	return e
}

// observeRevision takes in what Cloud Run says of the member's revision.
func (m *Member) observeRevision(r RevisionFact, now time.Time) {
	if m.Pipeline && r.Commit == m.SHA && r.Revision != m.Revision && r.Image != "" {
		m.found(r)
		return
	}
	switch m.Step {
	case StepDeploying:
		if r.Deployed {
			m.DeployedAt = now
			return
		}
		if r.Revision != m.Revision {
			if now.Sub(m.DeployedAt) > tagVisible {
				m.DeployedAt = time.Time{} // somebody moved or removed our tag: set it again
			}
			return
		}
		m.DeployedAt = firstTime(m.DeployedAt, now)
		m.settle(r, now)
	case StepReady:
		if r.Revision != m.Revision {
			m.Step = StepDeploying // the tag or the revision is gone: Cloud Run deletes the oldest beyond its limits
			m.DeployedAt = time.Time{}
		}
	default: // nothing of it stands under the tag yet
	}
}

// found takes in what the team's pipeline has deployed: it is used once all members are there, as what we build is.
func (m *Member) found(r RevisionFact) {
	if m.Step == StepFailed || m.Step == StepBuilt && m.Found == r.Revision {
		return
	}
	m.Step, m.Image, m.Found, m.Revision = StepBuilt, r.Image, r.Revision, ""
	m.DeployedAt = time.Time{}
}

// settle ends a deployment when Cloud Run has decided.
func (m *Member) settle(r RevisionFact, now time.Time) {
	switch {
	case r.Readiness == ReadinessReady && r.URL != "" && (!r.Reconciling || now.Sub(m.DeployedAt) > settleTimeout):
		m.Step = StepReady
		m.URL, m.Audience = r.URL, r.Audience
	case r.Readiness == ReadinessFailed:
		m.fail(Failure{Stage: "revision", UserError: UserError{
			Summary: "The revision of " + m.Service + " does not start",
			Detail:  r.Message,
			Hint:    "The container has to listen on the port that the environment variable PORT names; see its log.",
		}}, now)
	case now.Sub(m.DeployedAt) > startTimeout:
		m.fail(Failure{Stage: "deploy", UserError: UserError{
			Summary: "Cloud Run does not say whether the revision of " + m.Service + " starts",
			Hint:    "It is tried again. If this stays, ask your operator to look at the service in Cloud Run's console.",
		}}, now)
	}
}

func (m *Member) fail(f Failure, now time.Time) {
	f.At = now
	m.Step = StepFailed
	m.Failure = &f
}

// firstTime is the first time that is set.
func firstTime(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}
