// Package local runs everything on one machine: the far ends on loopback, the shop as the environment, and the very code
// of the webhook and the aggregator between them.
package local

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gangway-dev/gangway/internal/app"
	"github.com/gangway-dev/gangway/internal/checker"
	"github.com/gangway-dev/gangway/internal/emulator"
	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/emulator/storage"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

// What the local cloud is made of.
const (
	Repository  = "acme/shop"
	Environment = "development"
	Gateway     = "shop"
	Project     = "acme-dev"
	Region      = "europe-west1"

	appID          = 4711
	images         = Region + "-docker.pkg.dev/" + Project + "/shop"
	buildAccount   = "preview-build@" + Project + ".iam.gserviceaccount.com"
	gatewayAccount = "shop-gateway@" + Project + ".iam.gserviceaccount.com"
	runAccount     = "shop@" + Project + ".iam.gserviceaccount.com"
	otherAccount   = "somebody@" + Project + ".iam.gserviceaccount.com" // which services may run as too: runtime_accounts of terraform/platform
	installation   = "local"                                            // as in the configuration
	storeFile      = "store.db"
	stateBucket    = Project + "-gangway-state"
	statePrefix    = "gangway"
	sourceBucket   = Project + "-gangway-sources"
)

// Options are what `gangway local` takes.
type Options struct {
	Dir      string           // all state
	Latency  emulator.Latency // of the far ends
	Provider string           // "served" or "registry"; see cmd/aggregator
	// PubSub and Firestore are as in [emulator.Options]; with Firestore, the store is there and not in a file.
	PubSub, Firestore string
	Out               io.Writer    // progress, for people
	Live              bool         // Out is a terminal: a line may be written again
	Log               *slog.Logger // of the commands and far ends

	buckets     bool                                      // keep Terraform's states and the sources of builds in buckets
	quota       int                                       // of GitHub, in requests per hour; 0 is GitHub's own
	violation   func(conformance.Violation)               // see emulator.Options
	permissions func(part string, list []string) []string // changes what a part may do; nil leaves it
	configure   func(text string) string                  // changes the configuration before it is written; nil leaves it
}

// A Local is a running local cloud with the environment and Gangway in it.
type Local struct {
	*emulator.Cloud

	o       Options
	out     *progress
	api     *rest
	gateway string            // URL of the environment's own gateway
	hook    string            // URL of the webhook
	access  *iam.Access       // nil: nobody asks for permissions
	tokens  map[string]string // of the parts of Gangway
	group   *errgroup.Group
	cancel  context.CancelFunc

	environment *checker.Traffic // of the environment, when this run began
}

// Start brings the local cloud up: the far ends, the environment, Gangway. What an earlier run left in the folder is taken
// over.
func Start(ctx context.Context, o Options) (*Local, error) {
	access, err := access(o.permissions)
	if err != nil {
		return nil, err
	}
	l, err := emulate(ctx, o, access)
	if err != nil {
		return nil, err
	}
	if err := l.seedOrClose(ctx); err != nil {
		return nil, err
	}
	for _, part := range append(parts, pipeline) {
		l.tokens[part] = access.Token(accountOf(part))
	}
	if err := l.readEnvironment(ctx); err != nil {
		l.Close()
		return nil, fmt.Errorf("looking at the environment: %w", err)
	}
	if err := l.startGangway(ctx); err != nil {
		l.Close()
		return nil, fmt.Errorf("starting Gangway: %w", err)
	}
	return l, nil
}

// Emulate brings only the far ends up, with the shop as an environment if that is wanted.
func Emulate(ctx context.Context, o Options, shop bool) (*Local, error) {
	l, err := emulate(ctx, o, nil)
	if err == nil && shop {
		err = l.seedOrClose(ctx)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// emulate starts the far ends. They ask nobody for permissions without access.
func emulate(ctx context.Context, o Options, access *iam.Access) (*Local, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("finding folder: %w", err)
	}
	o.Dir = dir
	cloud, err := emulator.Start(ctx, emulator.Options{
		Dir: filepath.Join(dir, "cloud"), Latency: o.Latency, AppID: appID, Project: Project,
		Quota: o.quota, PubSub: o.PubSub, Firestore: o.Firestore, Secrets: secrets(), Log: o.Log,
		Buckets:   []storage.Bucket{{Name: stateBucket, Versions: true}, {Name: sourceBucket}},
		Violation: o.violation, Access: access,
	})
	if err != nil {
		return nil, err
	}
	return &Local{
		Cloud: cloud, o: o, out: newProgress(o.Out, o.Live), api: newREST(), access: access, tokens: map[string]string{},
	}, nil
}

func (l *Local) seedOrClose(ctx context.Context) error {
	if err := l.seed(ctx); err != nil {
		l.Close()
		return fmt.Errorf("setting the environment up: %w", err)
	}
	return nil
}

// secrets are the ids of those that an installation has: of the shop's configuration, and of the name that commands take
// when they are given none.
func secrets() []string {
	var ids []string
	for _, name := range []string{installation, "gangway"} {
		ids = append(ids, name+"-github-app-key", name+"-webhook-secrets")
	}
	return ids
}

// EnvFile is everything that Gangway's commands need to know, for a shell.
func (l *Local) EnvFile() string {
	if _, err := os.Stat(l.configurationFile()); err != nil {
		return l.Endpoints.EnvFile() // no environment was set up: the configuration is the user's
	}
	return l.Endpoints.EnvFile() + emulator.Export("GANGWAY_CONFIG", l.configurationFile())
}

// Close stops everything; the state stays.
func (l *Local) Close() {
	if l.cancel != nil {
		l.cancel()
		if err := l.group.Wait(); err != nil {
			l.o.Log.Error("stopping", "error", err)
		}
	}
	l.Cloud.Close()
}

//go:embed gangway.hcl.tmpl
var configurationText string

// configurationFile is where the configuration is written.
func (l *Local) configurationFile() string { return filepath.Join(l.o.Dir, "gangway.hcl") }

// writeConfiguration writes the operator's part: everything that Gangway knows of the shop.
func (l *Local) writeConfiguration() error {
	var text bytes.Buffer
	sources := ""
	if l.o.buckets {
		sources = sourceBucket
	}
	err := template.Must(template.New("gangway.hcl").Parse(configurationText)).Execute(&text, map[string]string{
		"Repository": Repository, "Environment": Environment, "Project": Project, "Region": Region, "Images": images,
		"BuildAccount": buildAccount, "GatewayAccount": gatewayAccount, "GatewayURL": l.gateway,
		"Identity": l.Endpoints.Identity, "Installation": installation, "Sources": sources,
	})
	if err != nil {
		return err
	}
	content := text.String()
	if l.o.configure != nil {
		content = l.o.configure(content)
	}
	return os.WriteFile(l.configurationFile(), []byte(content), 0o600)
}

// common are the settings of both commands: the endpoints, and a pace for one person who watches.
func (l *Local) common(name string) app.Common {
	return app.Common{
		Config: l.configurationFile(), Store: l.store(), Holder: name, Project: Project,
		Metrics: "off",
		GitHub:  app.GitHub{URL: l.Endpoints.GitHub + "/api/v3/", AppID: appID, KeyFile: l.AppKeyFile, WriteInterval: time.Millisecond},
		Google: app.Google{
			CloudRun: l.Endpoints.CloudRun, CloudBuild: l.Endpoints.CloudBuild, Logging: l.Endpoints.Logging, Storage: l.Endpoints.Storage,
			APIGateway: l.Endpoints.APIGateway, PubSub: l.Endpoints.PubSub, Firestore: l.Firestore,
			Token: telemetry.Secret(l.token(name)),
		},
		Pace: app.Pace{Poll: 50 * time.Millisecond, Sweep: 5 * time.Second, Lease: 5 * time.Second, Concurrency: 16},
	}
}

// store is GANGWAY_STORE.
func (l *Local) store() string {
	if l.Firestore != "" {
		return "firestore://" + Project
	}
	return filepath.Join(l.o.Dir, storeFile)
}

// aggregator are the settings of the aggregator.
func (l *Local) aggregator() app.Aggregator {
	a := app.Aggregator{
		Common: l.common("aggregator"), Stacks: l.stacks(), Provider: l.o.Provider,
		ProviderPoll: l.providerPoll(), Processes: 2, TerraformEnv: l.environ(l.token("aggregator")), Scheme: "http",
	}
	if l.o.buckets {
		a.StateBucket, a.StatePrefix = stateBucket, statePrefix
	}
	return a
}

// environ is this process's environment with the endpoints and a token for them.
func (l *Local) environ(token string) map[string]string {
	env := map[string]string{}
	for _, line := range append(os.Environ(), l.Env()...) {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	env["GOOGLE_OAUTH_ACCESS_TOKEN"] = token
	return env
}

func (l *Local) providerPoll() time.Duration {
	if l.o.Latency == emulator.Real {
		return 0
	}
	return 20 * time.Millisecond
}

// startGangway runs both commands in this process, the webhook's roles apart as on Google Cloud, and tells GitHub where
// the webhook is.
func (l *Local) startGangway(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	owner := l.common("owner")
	if err := app.EnsureTopics(ctx, Project, owner.Google, l.o.Log); err != nil {
		return err
	}
	ctx, l.cancel = context.WithCancel(ctx)
	l.group, ctx = errgroup.WithContext(ctx)
	for _, role := range []string{"receive", "intake"} {
		webhook := app.Webhook{Common: l.common(role), Role: role, SecretsFile: l.SecretFile}
		l.group.Go(func() error {
			return app.RunWebhook(ctx, webhook, listener, l.o.Log.With("command", "webhook", "role", role))
		})
	}
	l.group.Go(func() error { return app.RunAggregator(ctx, l.aggregator(), l.o.Log.With("command", "aggregator")) })
	l.hook = "http://" + listener.Addr().String()
	if err := l.api.await(ctx, l.hook+"/readyz"); err != nil {
		l.cancel()
		return errors.Join(l.group.Wait(), err) // why a command stopped says more than that nothing answers
	}
	return l.DeliverTo(l.hook + "/github/webhook")
}

// DeliverTo tells GitHub where the App's webhook is.
func (l *Local) DeliverTo(url string) error {
	secret, err := os.ReadFile(l.SecretFile)
	if err != nil {
		return fmt.Errorf("reading the webhook's secret: %w", err)
	}
	l.Cloud.GitHub.SetWebhook(github.Webhook{URL: url, Secret: strings.TrimSpace(string(secret))})
	return nil
}

// Wait waits until ctx is done or one of Gangway's commands fails.
func (l *Local) Wait(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- l.group.Wait() }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("gangway stopped: %w", err)
	}
}

// LogFile is where the log of everything goes.
func LogFile(dir string) string { return filepath.Join(dir, "gangway.log") }
