package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/site"
)

// perform carries actions out, all of them, and returns what they came back with. What people have to mend is a fact;
// the error joins what is temporary.
func (i *Intake) perform(ctx context.Context, s site.Site, w preview.Wanted, actions []preview.Action) (preview.IntakeFacts, error) {
	facts := preview.IntakeFacts{
		Homeless: !w.Homeless.IsZero(), Policy: s.Catalog.Previews.Policy(), Builds: map[string]preview.Build{},
		Revisions: map[string]preview.RevisionFact{}, Failures: map[string]preview.Failure{}, Announced: map[string]string{},
	}
	problems := []error{i.gatherObserved(ctx, s.Key, &facts)}
	for _, a := range actions {
		err := i.one(ctx, s, w, a, &facts)
		var user *preview.UserError
		switch {
		case errors.As(err, &user) && a.Service != "":
			facts.Failures[a.Service] = preview.Failure{Stage: stage(a.Kind), UserError: *user}
		case err != nil:
			problems = append(problems, fmt.Errorf("%s: %w", a.Key(), err))
		}
	}
	return facts, errors.Join(problems...)
}

func stage(kind preview.ActionKind) string {
	if kind == preview.StartBuild {
		return "build"
	}
	return "deploy"
}

func (i *Intake) one(ctx context.Context, s site.Site, w preview.Wanted, a preview.Action, facts *preview.IntakeFacts) error {
	member, _ := w.Member(a.Service)
	switch a.Kind {
	case preview.CancelBuild:
		if a.Generation > 0 {
			return i.cancelUnsure(ctx, s, a, facts)
		}
		err := i.o.Builds.Cancel(ctx, s.Build(a.BuildID))
		if user, ok := errors.AsType[*preview.UserError](err); ok {
			// The same again would be refused again; a build that goes on harms nobody: nothing looks at what it gives.
			i.o.Log.WarnContext(ctx, "cancelling a build", "preview", s.Key.String(), "build_id", a.BuildID, "error", user)
		} else if err != nil && !errors.Is(err, preview.ErrNotFound) {
			return err
		}
		facts.Cancelled = append(facts.Cancelled, a.BuildID)
	case preview.StartBuild:
		request, err := buildRequest(s, w, member, i.o.GitHub.CloneURL(s.Repository))
		if err != nil {
			return err
		}
		build, err := i.o.Builds.Start(ctx, request)
		if err != nil {
			return err
		}
		facts.Builds[a.Service] = build
	case preview.DeployRevision:
		if err := i.deploy(ctx, s, w, member); err != nil {
			return err
		}
		facts.Revisions[a.Service] = preview.RevisionFact{Deployed: true}
	case preview.RevertTag:
		var user *preview.UserError
		if err := i.revert(ctx, s, member); errors.As(err, &user) {
			i.o.Log.WarnContext(ctx, "giving a tag back", "preview", s.Key.String(), "service", a.Service, "error", err)
		} else if err != nil {
			return err
		}
		facts.Reverted = append(facts.Reverted, a.Service)
	case preview.AnnounceRevision:
		err := i.publish(ctx, preview.TopicRevisions, preview.RevisionReady{
			Version: preview.HintVersion, Preview: s.Key.String(), Generation: w.Generation, Service: member.Service,
			Revision: member.Revision, Tag: member.Tag, HeadSHA: member.SHA,
			Change: s.Key.Change(member.SHA),
		})
		if err != nil {
			return err
		}
		facts.Announced[a.Service] = member.Revision
	case preview.AnnouncePreview:
		digest := w.Digest()
		err := i.publish(ctx, preview.TopicPreviews, preview.WantedChanged{
			Version: preview.HintVersion, Preview: s.Key.String(), Generation: w.Generation,
			Change: s.Key.Change(w.HeadSHA),
		})
		if err != nil {
			return err
		}
		facts.Published = digest
	default:
		return fmt.Errorf("unknown action %q", a.Kind)
	}
	return nil
}

// cancelUnsure cancels a build of which it is not known whether it was started.
func (i *Intake) cancelUnsure(ctx context.Context, s site.Site, a preview.Action, facts *preview.IntakeFacts) error {
	build, found, err := i.o.Builds.Find(ctx, preview.BuildRequest{
		Key: s.Key, Generation: a.Generation, Service: a.Service, Project: s.Environment.Project, Region: s.BuildRegion(),
	})
	if err == nil && found && !build.Status.Done() {
		err = i.o.Builds.Cancel(ctx, s.Build(build.ID))
	}
	if user, ok := errors.AsType[*preview.UserError](err); ok {
		i.o.Log.WarnContext(ctx, "cancelling a build", "preview", s.Key.String(), "service", a.Service, "error", user)
	} else if err != nil && !errors.Is(err, preview.ErrNotFound) {
		return err
	}
	facts.Sure = append(facts.Sure, preview.Start{Service: a.Service, Generation: a.Generation})
	return nil
}

func (i *Intake) publish(ctx context.Context, topic string, hint any) error {
	data, err := json.Marshal(hint)
	if err != nil {
		return fmt.Errorf("encoding hint: %w", err)
	}
	return i.o.Publisher.Publish(ctx, topic, data, map[string]string{"version": strconv.Itoa(preview.HintVersion)})
}

// buildRequest says what to build: numbers, SHAs and the operator's words only. What comes from a fork is built as
// somebody else, and pushed elsewhere, where the configuration says so.
func buildRequest(s site.Site, w preview.Wanted, m preview.Member, cloneURL string) (preview.BuildRequest, error) {
	service, err := s.Service(m.Service)
	if err != nil {
		return preview.BuildRequest{}, err
	}
	how := s.Environment.Build
	if s.Declared.Connection == "" && how.SourceBucket == "" && s.Repository.Private {
		return preview.BuildRequest{}, &preview.UserError{
			Summary: "Builds can't read this repository, because it is private",
			Hint: "Ask your operator to set source_bucket in the environment's build block, or to connect the repository " +
				"to Cloud Build.",
		}
	}
	account, images := how.ServiceAccount, how.Images
	if w.Fork {
		account, images = cmp.Or(how.Fork.ServiceAccount, account), cmp.Or(how.Fork.Images, images)
	}
	return preview.BuildRequest{
		Key: s.Key, Generation: m.Generation, Service: m.Service, SHA: m.SHA, Repository: s.Repository,
		Project: s.Environment.Project, Region: s.BuildRegion(), ServiceAccount: account,
		Connection: s.Declared.Connection, SourceBucket: how.SourceBucket, CloneURL: cloneURL, Fork: w.Fork,
		Config: service.Build.Config, Context: service.Build.Context, Dockerfile: service.Build.Dockerfile,
		ComposeTest: service.Build.ComposeTest, Image: images + "/" + service.Name,
		Timeout: how.Timeout, QueueTimeout: how.QueueTimeout,
	}, nil
}

// deploy deploys a member's image as a revision without traffic under the preview's tag.
func (i *Intake) deploy(ctx context.Context, s site.Site, w preview.Wanted, m preview.Member) error {
	d, err := NewDeployment(ctx, i.o.CloudRun, s, w, m)
	if err != nil {
		return err
	}
	return i.o.CloudRun.Deploy(ctx, d)
}

// revert gives the tag back to the revision that it stood on before, so that the link that is still there keeps serving
// it; a service with a tag on a revision that failed would moreover count as failed as a whole.
func (i *Intake) revert(ctx context.Context, s site.Site, m preview.Member) error {
	service, err := s.Service(m.Service)
	if err != nil {
		return err
	}
	owner := labels(s, service, m)
	var good preview.CloudRunRevision
	if m.Good != "" {
		good, err = i.o.CloudRun.Revision(ctx, s.Ref(service), m.Good)
		if err != nil && !errors.Is(err, preview.ErrNotFound) {
			return fmt.Errorf("reading revision %s: %w", m.Good, err)
		}
	}
	if good.Name == "" {
		return i.o.CloudRun.RemoveTag(ctx, s.Ref(service), s.Key.Tag(), map[string]string{
			preview.LabelInstallation: owner[preview.LabelInstallation], preview.LabelPreview: owner[preview.LabelPreview],
		})
	}
	return i.o.CloudRun.Deploy(ctx, preview.Deployment{
		Service: s.Ref(service), Tag: s.Key.Tag(), Revision: m.Good, Image: good.Image, Labels: owner,
	})
}
