package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/site"
)

// gather reads the truth that a decision about w needs. The pull request is read when the row has been marked since it
// was read last: a look that only polls a build or a revision doesn't ask GitHub. unread is why it could not be read: a
// fact that is missing, which keeps nothing else from going on.
func (i *Intake) gather(
	ctx context.Context, s site.Site, w *preview.Wanted, marks int64,
) (facts preview.IntakeFacts, unread, err error) {
	facts = preview.IntakeFacts{Policy: s.Catalog.Previews.Policy()}
	marked := marks != w.Read.Marks || w.Intent == preview.IntentUnknown
	if marked {
		if unread = i.gatherPull(ctx, s, w, &facts); unread == nil {
			w.Read.Marks = marks
		}
	}
	if err := i.gatherObserved(ctx, s.Key, &facts); err != nil {
		return facts, unread, err
	}
	if err := i.gatherOthers(ctx, s, *w, &facts); err != nil {
		return facts, unread, err
	}
	i.gatherRoom(ctx, s, *w, &facts)
	facts.Failures = map[string]preview.Failure{}
	if err := i.gatherBuilds(ctx, s, *w, &facts); err != nil {
		return facts, unread, err
	}
	i.gatherLogs(ctx, s, *w, &facts)
	return facts, unread, i.gatherRevisions(ctx, s, *w, marked, &facts)
}

// gatherPull reads the pull request and which services it changes. A 404 is no evidence that it was closed: it is an
// error, to be tried again.
func (i *Intake) gatherPull(ctx context.Context, s site.Site, w *preview.Wanted, facts *preview.IntakeFacts) error {
	pull, err := i.o.GitHub.PullRequest(ctx, s.Repository, s.Key.PullRequest)
	if err != nil {
		return fmt.Errorf("reading pull request: %w", err)
	}
	if label, ok := facts.Policy.Approving(pull); ok {
		approval, err := i.o.GitHub.Approval(ctx, s.Repository, pull.Number, label)
		if err != nil {
			return fmt.Errorf("reading who approved the commit: %w", err)
		}
		facts.Approval = &approval
	}
	facts.Changed, facts.AllChanged = w.Read.Changed, w.AllChanged
	of := filesOf(pull, s)
	if !pull.Open || of == w.Read.FilesOf {
		facts.Pull = &pull
		return nil
	}
	files, err := i.o.GitHub.Files(ctx, s.Repository, pull.Number)
	if err != nil {
		return fmt.Errorf("reading changed files: %w", err)
	}
	facts.Pull = &pull
	facts.AllChanged = !files.Complete
	facts.Changed = nil
	for _, name := range s.Gateway.Changed(s.Declared.Name, files) {
		if service, ok := s.Gateway.Service(name); ok {
			facts.Changed = append(facts.Changed, preview.Target{
				Service: name, CloudRun: service.CloudRun, Pipeline: service.Build.Pipeline,
			})
		}
	}
	i.gatherSources(ctx, s, pull, facts.Changed)
	w.Read.FilesOf, w.Read.Changed = of, facts.Changed
	return nil
}

// gatherSources finds out what the changed services are made of, so that what a push leaves alone is not built again. It is not
// worth waiting for: where that can't be read, everything is built.
func (i *Intake) gatherSources(ctx context.Context, s site.Site, pull preview.PullRequest, changed []preview.Target) {
	if len(changed) == 0 {
		return
	}
	tree, err := i.o.GitHub.Tree(ctx, s.Repository, pull.HeadSHA)
	if err != nil {
		i.o.Log.WarnContext(ctx, "reading the files of a commit: all changed services are built", "preview", s.Key.String(), "error", err)
		return
	}
	for n := range changed {
		service, ok := s.Gateway.Service(changed[n].Service)
		if !ok || service.Build.Pipeline {
			continue
		}
		// A revision that calls another member has its address.
		var called []string
		for _, c := range service.Calls {
			if slices.ContainsFunc(changed, func(t preview.Target) bool { return t.Service == c.Service }) {
				called = append(called, fmt.Sprintf("%+v", c))
			}
		}
		changed[n].Source = service.Source(tree, append(called, fmt.Sprintf("%+v", service.Preview))...)
	}
}

// filesOf names what a list of changed services belongs to.
func filesOf(p preview.PullRequest, s site.Site) string {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, p.HeadSHA, p.BaseRef, p.BaseSHA, p.ChangedFiles)
	for n := range s.Gateway.Services {
		service := &s.Gateway.Services[n]
		_, _ = fmt.Fprintf(h, "%q %q %q %q\n", service.Name, service.CloudRun, service.Repository, service.Paths)
		if service.Build.Pipeline {
			_, _ = fmt.Fprintln(h, "pipeline")
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// gatherObserved reads what the aggregator's row tells: how far it has taken in what an earlier life of the preview left,
// and whether the documents of what is built go together.
func (i *Intake) gatherObserved(ctx context.Context, key preview.Key, facts *preview.IntakeFacts) error {
	row, err := i.o.Store.Load(ctx, key, preview.Aggregator)
	if err != nil {
		return err
	}
	observed, err := preview.DecodeObserved(row.Body)
	facts.Removed, facts.Accepted = observed.Removed, observed.Accepted
	return err
}

// gatherOthers counts the live previews beside this one, where a limit asks for it.
func (i *Intake) gatherOthers(ctx context.Context, s site.Site, w preview.Wanted, facts *preview.IntakeFacts) error {
	if facts.Policy.Limit == 0 || facts.Pull == nil || w.Intent == preview.IntentLive {
		return nil
	}
	rows, err := i.o.Store.List(ctx, preview.Intake)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Key == s.Key || row.Key.Environment != s.Key.Environment || row.Key.Gateway != s.Key.Gateway {
			continue
		}
		if other, err := preview.DecodeWanted(row.Body); err == nil && other.Intent == preview.IntentLive {
			facts.Others++
		}
	}
	return nil
}

// buildVisible is how long after its start a build may be unknown to some of Cloud Build.
const buildVisible = 5 * time.Minute

// gatherBuilds reads the builds that are under way.
func (i *Intake) gatherBuilds(ctx context.Context, s site.Site, w preview.Wanted, facts *preview.IntakeFacts) error {
	facts.Builds = map[string]preview.Build{}
	for _, m := range w.Members {
		if m.Step != preview.StepBuilding {
			continue
		}
		build, err := i.o.Builds.Get(ctx, s.Build(m.BuildID))
		if errors.Is(err, preview.ErrNotFound) && time.Since(m.BuildStart) > buildVisible {
			facts.Failures[m.Service] = preview.Failure{Stage: "build", UserError: preview.UserError{
				Summary: "Cloud Build does not know the build of " + m.Service + " any more",
				Hint:    "Push a commit to build it again.",
			}}
			continue
		}
		if err != nil {
			return fmt.Errorf("reading build of %s: %w", m.Service, err)
		}
		facts.Builds[m.Service] = build
	}
	return nil
}

// gatherLogs reads why steps failed. A log that can't be read holds nothing up: the failure is told without it.
func (i *Intake) gatherLogs(ctx context.Context, s site.Site, w preview.Wanted, facts *preview.IntakeFacts) {
	facts.Logs = map[string]string{}
	for _, m := range w.Members {
		if !m.WantsLog(time.Now()) && !facts.Builds[m.Service].Status.Logged() {
			continue
		}
		log, err := i.o.Builds.Log(ctx, s.Build(m.BuildID))
		if err != nil {
			i.o.Log.WarnContext(ctx, "reading a build's log", "preview", s.Key.String(), "service", m.Service,
				"build_id", m.BuildID, "error", err)
			continue
		}
		facts.Logs[m.Service] = log
	}
}

// gatherRevisions reads what stands under the tag of the members that are deployed. Those that were ready are looked at
// again when the row was marked, so that a tag that has vanished is found by the sweep.
func (i *Intake) gatherRevisions(ctx context.Context, s site.Site, w preview.Wanted, marked bool, facts *preview.IntakeFacts) error {
	facts.Revisions = map[string]preview.RevisionFact{}
	for _, m := range w.Members {
		deploying := m.Step == preview.StepDeploying && !m.DeployedAt.IsZero()
		awaited := m.Pipeline && m.Step == preview.StepWaiting
		if !deploying && !awaited && (m.Step != preview.StepReady || !marked) {
			continue
		}
		service, err := s.Service(m.Service)
		if user, ok := errors.AsType[*preview.UserError](err); ok {
			facts.Failures[m.Service] = preview.Failure{Stage: "deploy", UserError: *user}
			continue
		}
		fact, err := i.revision(ctx, s, service, m)
		if err != nil {
			return err
		}
		facts.Revisions[m.Service] = fact
	}
	return nil
}

// revision reads what Cloud Run says of a member.
func (i *Intake) revision(
	ctx context.Context, s site.Site, declared *catalog.Service, m preview.Member,
) (preview.RevisionFact, error) {
	ref := s.Ref(declared)
	service, err := i.o.CloudRun.Service(ctx, ref)
	if errors.Is(err, preview.ErrNotFound) {
		return preview.RevisionFact{}, nil // nothing stands under the tag; the next deployment says why
	}
	if err != nil {
		return preview.RevisionFact{}, fmt.Errorf("reading service %s: %w", ref.Name, err)
	}
	target, ok := service.Tagged(s.Key.Tag())
	if !ok {
		return preview.RevisionFact{}, nil
	}
	fact := preview.RevisionFact{
		Revision: target.Revision, URL: target.URL, Audience: service.URL, Reconciling: service.Reconciling,
	}
	if target.Revision != m.Revision && !m.Pipeline {
		return fact, nil
	}
	revision, err := i.o.CloudRun.Revision(ctx, ref, target.Revision)
	switch {
	case errors.Is(err, preview.ErrNotFound) && m.Step == preview.StepReady:
		return preview.RevisionFact{}, nil // it was there: Cloud Run deletes the oldest beyond its limit
	case errors.Is(err, preview.ErrNotFound):
		fact.Readiness = preview.ReadinessPending
		return fact, nil
	}
	if err != nil {
		return preview.RevisionFact{}, fmt.Errorf("reading revision %s: %w", target.Revision, err)
	}
	if m.Pipeline && isMember(revision.Labels, s, m.Service) {
		fact.Image, fact.Commit = revision.Image, revision.Labels[preview.LabelCommit]
	}
	fact.Readiness, fact.Message = revision.Readiness, revision.Message
	return fact, nil
}
