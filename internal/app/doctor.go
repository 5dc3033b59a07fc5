package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/sethvargo/go-envconfig"

	"github.com/gangway-dev/gangway/internal/apigateway"
	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/cloudrun"
	"github.com/gangway-dev/gangway/internal/doctor"
	"github.com/gangway-dev/gangway/internal/github"
	"github.com/gangway-dev/gangway/internal/lookup"
	"github.com/gangway-dev/gangway/internal/loopback"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/pubsub"
	"github.com/gangway-dev/gangway/internal/secretmanager"
	"github.com/gangway-dev/gangway/internal/telemetry"
	"github.com/gangway-dev/gangway/internal/terraform"
)

// Doctor is what `gangway doctor` takes. What is empty comes from the environment, as for the commands.
type Doctor struct {
	Config      string
	AppID       int64
	StateBucket string
	Store       string
	Deadline    time.Duration // of one check
}

// A clinic holds what the checks ask, and closes it.
type clinic struct {
	settings Aggregator
	catalog  *catalog.Catalog
	world    doctor.World
	closers  []io.Closer
}

// Examine makes all checks.
func (d Doctor) Examine(ctx context.Context) (doctor.Report, error) {
	c := clinic{}
	if err := envconfig.Process(ctx, &c.settings); err != nil {
		return doctor.Report{}, fmt.Errorf("reading settings from the environment: %w", err)
	}
	d.override(&c.settings)
	defer func() {
		for _, closer := range c.closers {
			_ = closer.Close()
		}
	}()
	parsed, err := load(c.settings.Config)
	c.catalog = parsed
	c.world = doctor.World{
		Configuration: func() (*catalog.Catalog, error) { return parsed, err },
		Absent:        map[string]string{}, Topics: topics, MadeTopics: c.settings.Ensure, PubSubProject: c.settings.Project,
		StateBucket: c.settings.StateBucket, Deadline: d.Deadline, Denied: lookup.Denied, Reach: reach, Lock: terraform.Lock,
		Required: doctor.Required{Permissions: github.RequiredPermissions(), Events: github.RequiredEvents()},
		Terraform: func(ctx context.Context) (string, error) {
			return terraform.Version(ctx, c.settings.Terraform)
		},
	}
	opening, cancel := context.WithTimeout(ctx, max(d.Deadline, time.Second))
	defer cancel()
	c.openGitHub(opening)
	c.openGoogle(ctx)
	c.openLookup(ctx)
	c.openStore()
	return doctor.Run(ctx, c.world), nil
}

func (d Doctor) override(s *Aggregator) {
	for _, one := range []struct {
		to   *string
		from string
	}{{&s.Config, d.Config}, {&s.StateBucket, d.StateBucket}, {&s.Store, d.Store}} {
		if one.from != "" {
			*one.to = one.from
		}
	}
	if d.AppID != 0 {
		s.GitHub.AppID = d.AppID
	}
}

// local tells whether emulators stand in for Google Cloud.
func (c *clinic) local() bool {
	g := c.settings.Google
	return g.CloudRun != "" || g.CloudBuild != "" || g.APIGateway != "" || g.PubSub != ""
}

// openGitHub connects as the App, with the key of the environment or of Secret Manager.
func (c *clinic) openGitHub(ctx context.Context) {
	settings := c.settings.GitHub
	if settings.AppID <= 0 {
		c.world.GitHubError = errors.New("GITHUB_APP_ID is missing")
		return
	}
	if settings.Key == "" && settings.KeyFile == "" {
		key, err := c.storedKey(ctx)
		if err != nil {
			c.world.GitHubError = fmt.Errorf("neither GITHUB_APP_KEY_FILE nor GITHUB_APP_KEY is set, and %w", err)
			return
		}
		settings.Key = key
	}
	hub, err := github.New(github.Options{BaseURL: settings.URL, AppID: settings.AppID, Key: settings.key, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		c.world.GitHubError = err
		return
	}
	c.world.GitHub, c.world.Repositories = hubView{hub}, hub
}

// storedKey is the App's key where terraform/platform has it.
func (c *clinic) storedKey(ctx context.Context) (telemetry.Secret, error) {
	if c.catalog == nil {
		return "", errors.New("without a configuration its secret isn't known either")
	}
	secrets, err := secretmanager.New(ctx, secretmanager.Options{Endpoint: os.Getenv("GANGWAY_SECRET_MANAGER_ENDPOINT")})
	if err != nil {
		return "", err
	}
	c.closers = append(c.closers, secrets)
	key, err := secrets.Latest(ctx, c.catalog.PreviewEnvironment().Project, c.catalog.Installation+"-github-app-key")
	return telemetry.Secret(key), err
}

// openGoogle connects to what the commands use.
func (c *clinic) openGoogle(ctx context.Context) {
	g := c.settings.Google
	if runs, err := cloudrun.New(ctx, cloudrun.Options{Endpoint: g.CloudRun}); err != nil {
		c.noGoogle("CloudRun", err)
	} else {
		c.world.CloudRun, c.closers = runView{runs}, append(c.closers, runs)
	}
	if gateways, err := apigateway.New(ctx, apigateway.Options{Endpoint: g.APIGateway}); err != nil {
		c.noGoogle("Gateways", err)
	} else {
		c.world.Gateways, c.closers = gatewayView{gateways}, append(c.closers, gateways)
	}
	project := c.settings.Project
	if project == "" && c.catalog != nil {
		project = c.catalog.PreviewEnvironment().Project
	}
	if project == "" {
		c.world.Absent["PubSub"] = "no project is known"
		return
	}
	events, err := pubsub.New(ctx, pubsub.Options{Project: project, Endpoint: g.PubSub, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		c.noGoogle("PubSub", err)
		return
	}
	c.world.PubSub, c.closers = eventView{events}, append(c.closers, events)
}

// noGoogle remembers why Google Cloud can't be asked.
func (c *clinic) noGoogle(field string, err error) {
	c.world.GoogleError = err
	c.world.Absent[field] = "there are no credentials: see google-credentials"
}

// openLookup connects to what only the checks use. Emulators have none of it, unless somebody stands in.
func (c *clinic) openLookup(ctx context.Context) {
	endpoint := os.Getenv("GANGWAY_LOOKUP_ENDPOINT")
	fields := []string{"IAM", "Bucket", "Images", "Waiting"}
	if endpoint == "" && c.local() {
		for _, field := range fields {
			c.world.Absent[field] = "the local cloud has no such thing"
		}
		return
	}
	looks, err := lookup.New(ctx, lookup.Options{Endpoint: endpoint})
	if err != nil {
		for _, field := range fields {
			c.noGoogle(field, err)
		}
		return
	}
	c.world.IAM, c.world.Images = looks, looks.Images
	c.world.Bucket = func(ctx context.Context, name string) (doctor.Bucket, error) {
		b, err := looks.Bucket(ctx, name)
		return doctor.Bucket(b), err
	}
	c.world.Waiting = func(ctx context.Context, project, subscription string) (int64, bool, error) {
		return looks.Waiting(ctx, project, subscription, time.Now())
	}
}

// openStore connects to the store, without making one.
func (c *clinic) openStore() {
	if missing(c.settings.Store) {
		c.world.Absent["Store"] = "there is no file " + c.settings.Store + " on this machine; the commands make it when they start"
		return
	}
	c.world.Store = func(ctx context.Context) error {
		s, err := openExisting(ctx, c.settings.Store)
		if err != nil {
			return err
		}
		return errors.Join(s.Ping(ctx), s.Close())
	}
}

// reach makes a GET. The answer's text doesn't matter, and neither does where it redirects to.
func reach(ctx context.Context, address string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	client := &http.Client{
		Transport: loopback.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	if err != nil {
		if wrong, ok := errors.AsType[*url.Error](err); ok {
			err = wrong.Err // the address is said anyway
		}
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// The views put adapters' answers into the words of package doctor.
type (
	hubView     struct{ *github.Client }
	runView     struct{ client *cloudrun.Client }
	eventView   struct{ client *pubsub.Client }
	gatewayView struct{ client *apigateway.Client }
)

func (v hubView) App(ctx context.Context) (doctor.App, error) {
	app, err := v.Client.App(ctx)
	return doctor.App(app), err
}

func (v hubView) Hook(ctx context.Context) (doctor.Hook, error) {
	hook, err := v.Client.Hook(ctx)
	return doctor.Hook(hook), err
}

func (v hubView) DeliveriesSince(ctx context.Context, since time.Time) (doctor.Deliveries, error) {
	d, err := v.Client.DeliveriesSince(ctx, since)
	return doctor.Deliveries(d), err
}

func (v hubView) Installation(ctx context.Context, repository string) (doctor.Installation, error) {
	i, err := v.Client.Installation(ctx, repository)
	return doctor.Installation(i), err
}

func (v runView) Look(ctx context.Context, ref preview.ServiceRef) (doctor.Look, error) {
	look, err := v.client.Look(ctx, ref)
	return doctor.Look(look), err
}

func (v runView) Looks(ctx context.Context, project, region string) ([]doctor.Look, error) {
	looks, err := v.client.Looks(ctx, project, region)
	all := make([]doctor.Look, 0, len(looks))
	for _, look := range looks {
		all = append(all, doctor.Look(look))
	}
	return all, err
}

func (v runView) CountRevisions(ctx context.Context, ref preview.ServiceRef) (int, error) {
	all, err := v.client.Revisions(ctx, ref)
	return len(all), err
}

func (v runView) Labels(ctx context.Context, ref preview.ServiceRef, revision string) (map[string]string, error) {
	r, err := v.client.Revision(ctx, ref, revision)
	return r.Labels, err
}

func (v runView) Roles(ctx context.Context, ref preview.ServiceRef) (map[string][]string, error) {
	return v.client.Roles(ctx, ref)
}

func (v eventView) Topic(ctx context.Context, project, name string) ([]string, error) {
	subscriptions, found, err := v.client.Subscriptions(ctx, project, name)
	if err == nil && !found {
		err = preview.ErrNotFound
	}
	return subscriptions, err
}

func (v eventView) Subscription(ctx context.Context, project, name string) (doctor.Subscription, error) {
	s, found, err := v.client.Subscription(ctx, project, name)
	if err == nil && !found {
		err = preview.ErrNotFound
	}
	return doctor.Subscription(s), err
}

func (v gatewayView) API(ctx context.Context, project, api string) (string, error) {
	return v.client.API(ctx, project, api)
}

func (v gatewayView) CountAPIs(ctx context.Context, project string) (int, error) {
	return v.client.CountAPIs(ctx, project)
}

func (v gatewayView) CountConfigs(ctx context.Context, project, api string) (int, error) {
	all, err := v.client.Configs(ctx, project, api, nil)
	return len(all), err
}

func (v gatewayView) CountGateways(ctx context.Context, project, region string) (int, error) {
	all, err := v.client.Gateways(ctx, project, region, nil)
	return len(all), err
}
