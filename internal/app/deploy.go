package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/cloudrun"
	"github.com/gangway-dev/gangway/internal/intake"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/pubsub"
	"github.com/gangway-dev/gangway/internal/site"
)

// DeployRequest asks for a revision of a pull request that a pipeline of the team's own has built.
type DeployRequest struct {
	Config      string // the configuration file
	Gateway     string // in the previews' environment; "" is the only one that has the service
	Service     string // its name in the configuration
	Repository  int64  // GitHub's numeric id
	PullRequest int
	Commit      string // the head that the image was built from, in full
	Image       string // by digest
	Build       string // what the pipeline calls its run, for the label; may be empty
	Publish     bool   // tell Gangway, once the revision is ready
	Wait        time.Duration
}

var (
	imageByDigest = regexp.MustCompile(`^[^\s@]+@sha256:[0-9a-f]{64}$`)
	fullSHA       = regexp.MustCompile(`^[0-9a-f]{40}$`)
	labelValue    = regexp.MustCompile(`^[a-z0-9_-]{0,63}$`)
)

// validate reports everything that is wrong at once.
func (r DeployRequest) validate() error {
	var list []error
	if r.Repository <= 0 {
		list = append(list, errors.New("--repository-id is missing: GitHub's numeric id of the repository, as in $GITHUB_REPOSITORY_ID"))
	}
	if r.PullRequest <= 0 {
		list = append(list, errors.New("--pull-request is missing: its number"))
	}
	if !imageByDigest.MatchString(r.Image) {
		list = append(list, fmt.Errorf("--image is %q: want REPOSITORY@sha256:DIGEST, because a tag may move", r.Image))
	}
	if !fullSHA.MatchString(r.Commit) {
		list = append(list, fmt.Errorf("--commit is %q: want the pull request's head SHA, 40 hexadecimal digits", r.Commit))
	}
	if !labelValue.MatchString(r.Build) {
		list = append(list, fmt.Errorf("--build is %q: want up to 63 lower-case letters, digits, - and _", r.Build))
	}
	return errors.Join(list...)
}

// Deploy deploys an image as a revision without traffic under the pull request's tag, waits until it is ready, and publishes
// that. It returns what to tell the pipeline. Whether the pull request has a preview, and what becomes of it, is Gangway's
// to decide as ever: it reads all of it again.
func Deploy(ctx context.Context, r DeployRequest, log *slog.Logger) (string, error) {
	if err := r.validate(); err != nil {
		return "", err
	}
	c, err := catalog.Load(r.Config)
	if err != nil {
		return "", err
	}
	place, err := r.place(c)
	if err != nil {
		return "", err
	}
	runs, err := cloudrun.New(ctx, cloudrun.Options{
		Endpoint: os.Getenv("GANGWAY_CLOUD_RUN_ENDPOINT"), Token: os.Getenv("GANGWAY_EMULATOR_TOKEN"), Log: log,
	})
	if err != nil {
		return "", err
	}
	defer runs.Close()
	service, err := place.Service(r.Service)
	if err != nil {
		return "", err
	}
	member := preview.Member{
		Service: r.Service, CloudRun: service.CloudRun, SHA: r.Commit, Image: r.Image, BuildID: r.Build, Tag: place.Key.Tag(),
		Revision: place.Key.RevisionName(service.CloudRun, r.Commit, r.Image+" pipeline"),
	}
	others, err := members(ctx, runs, place, service)
	if err != nil {
		return "", err
	}
	d, err := intake.NewDeployment(ctx, runs, place, others, member)
	if err != nil {
		return "", hinted(err)
	}
	if err := runs.Deploy(ctx, d); err != nil {
		return "", hinted(fmt.Errorf("deploying %s: %w", r.Service, err))
	}
	url, err := awaitRevision(ctx, runs, d, r.Wait)
	if err != nil {
		return "", err
	}
	told := fmt.Sprintf("revision %s is ready, without traffic, at %s\n", d.Revision, url)
	if !service.Build.Pipeline {
		told += fmt.Sprintf("note: service %s has no `pipeline = true` in its `build` block, so Gangway builds and deploys it too\n", r.Service)
	}
	if !r.Publish {
		return told, nil
	}
	return told + "published on topic " + preview.TopicRevisions + "\n", publishReady(ctx, place, member, log)
}

// place finds where the preview lives.
func (r DeployRequest) place(c *catalog.Catalog) (site.Site, error) {
	environment, ok := c.Environment(c.Previews.Environment)
	if !ok {
		return site.Site{}, fmt.Errorf("the configuration has no environment %q", c.Previews.Environment)
	}
	var names []string
	for n := range environment.Gateways {
		gateway := &environment.Gateways[n]
		service, ok := gateway.Service(r.Service)
		if r.Gateway != "" && gateway.Name != r.Gateway {
			continue
		}
		for m := range gateway.Services {
			names = append(names, gateway.Services[m].Name)
		}
		if !ok {
			continue
		}
		declared, ok := c.Repository(service.Repository)
		if !ok {
			return site.Site{}, fmt.Errorf("the configuration has no repository %q", service.Repository)
		}
		return site.Site{
			Key: preview.Key{
				Environment: environment.Name, Gateway: gateway.Name, Repository: r.Repository, PullRequest: r.PullRequest,
			},
			Catalog: c, Environment: environment, Gateway: gateway, Repository: preview.Repository{ID: r.Repository}, Declared: declared,
		}, nil
	}
	return site.Site{}, fmt.Errorf("environment %s has no service %q; it has %s", environment.Name, r.Service, strings.Join(names, ", "))
}

// members are the services called by service whose tag is this preview's already: the revision is told of those at their
// tag, and of all others in the environment.
func members(ctx context.Context, runs *cloudrun.Client, place site.Site, service *catalog.Service) (preview.Wanted, error) {
	var w preview.Wanted
	for _, call := range service.Calls {
		callee, err := place.Service(call.Service)
		if err != nil {
			return w, err
		}
		state, err := runs.Service(ctx, place.Ref(callee))
		if errors.Is(err, preview.ErrNotFound) {
			continue // told of by whoever needs it
		}
		if err != nil {
			return w, err
		}
		target, ok := state.Tagged(place.Key.Tag())
		if !ok {
			continue
		}
		revision, err := runs.Revision(ctx, place.Ref(callee), target.Revision)
		if err != nil && !errors.Is(err, preview.ErrNotFound) {
			return w, err
		}
		if revision.Labels[preview.LabelPreview] == place.Key.Hash() {
			w.Members = append(w.Members, preview.Member{Service: call.Service})
		}
	}
	return w, nil
}

// awaitRevision waits until the revision can serve and its tag's URL is in force.
func awaitRevision(ctx context.Context, runs *cloudrun.Client, d preview.Deployment, limit time.Duration) (url string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("revision %s is not ready after %s", d.Revision, limit))
	defer cancel()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		revision, err := runs.Revision(ctx, d.Service, d.Revision)
		if err != nil && !errors.Is(err, preview.ErrNotFound) {
			return "", errors.Join(err, context.Cause(ctx))
		}
		if revision.Readiness == preview.ReadinessFailed {
			return "", fmt.Errorf("revision %s does not start: %s", d.Revision, revision.Message)
		}
		service, err := runs.Service(ctx, d.Service)
		if err != nil {
			return "", errors.Join(err, context.Cause(ctx))
		}
		target, ok := service.Tagged(d.Tag)
		switch {
		case !ok || target.Revision != d.Revision:
			return "", fmt.Errorf("the tag %s of %s was moved to revision %q meanwhile", d.Tag, d.Service.Name, target.Revision)
		case revision.Readiness == preview.ReadinessReady && target.URL != "" && !service.Reconciling:
			return target.URL, nil
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// publishReady says on Pub/Sub that the revision is ready.
func publishReady(ctx context.Context, place site.Site, m preview.Member, log *slog.Logger) error {
	project := os.Getenv("GANGWAY_PROJECT")
	if project == "" {
		project = place.Environment.Project
	}
	client, err := pubsub.New(ctx, pubsub.Options{
		Project: project, Endpoint: os.Getenv("PUBSUB_EMULATOR_HOST"), Token: os.Getenv("GANGWAY_EMULATOR_TOKEN"), Log: log,
	})
	if err != nil {
		return err
	}
	data, err := json.Marshal(preview.RevisionReady{
		Version: preview.HintVersion, Preview: place.Key.String(), Service: m.Service, Revision: m.Revision, Tag: m.Tag, HeadSHA: m.SHA,
		Change: place.Key.Change(m.SHA),
	})
	if err == nil {
		err = client.Publish(ctx, preview.TopicRevisions, data, map[string]string{"version": strconv.Itoa(preview.HintVersion)})
	}
	return errors.Join(err, client.Close())
}

// hinted adds what to do to an error that has such a hint.
func hinted(err error) error {
	if user, ok := errors.AsType[*preview.UserError](err); ok && user.Hint != "" {
		return fmt.Errorf("%w\n%s", err, user.Hint)
	}
	return err
}
