// Package app wires the commands: it reads their settings from the environment, makes the adapters in the order in which
// they need each other, and runs them until it is told to stop. It decides nothing.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/gangway-dev/gangway/internal/telemetry"
)

// Settings are read from the environment variables that their env tags name. The help tags are what --help says of them.

// Common are the settings that both commands need.
type Common struct {
	Config  string `env:"GANGWAY_CONFIG, default=gangway.hcl" help:"the configuration file; it is read again when it changes"`
	Store   string `env:"GANGWAY_STORE, default=.gangway/store.db" help:"an SQLite file that the commands of one host share, or firestore://PROJECT[/DATABASE] for instances anywhere"`
	Holder  string `env:"GANGWAY_INSTANCE" help:"names this instance in leases; made up when empty"`
	Project string `env:"GANGWAY_PROJECT" help:"project whose Pub/Sub is used; when empty, that of the previews' environment. When it is set, log records of one change are one trace in Cloud Logging"`
	Ensure  bool   `env:"GANGWAY_ENSURE_TOPICS, default=false" help:"create missing topics and subscriptions: for the local cloud"`
	Metrics string `env:"GANGWAY_METRICS_ADDR, default=:9090" help:"address that serves /metrics, /livez and /readyz; off serves none. Two commands on one host need two"`

	GitHub GitHub `help:"GitHub"`
	Google Google `help:"Google Cloud; without an endpoint the real one, with Application Default Credentials"`
	Pace   Pace   `help:"Pace"`
	Log    Log    `help:"Log, on standard error"`
}

// Log says how to log.
type Log struct {
	Format string     `env:"GANGWAY_LOG_FORMAT, default=json" help:"json for Cloud Logging, text for a terminal"`
	Level  slog.Level `env:"GANGWAY_LOG_LEVEL, default=INFO" help:"DEBUG, INFO, WARN or ERROR"`
}

// GitHub says how to reach GitHub, and as which App. One of Key and KeyFile is needed.
type GitHub struct {
	AppID   int64            `env:"GITHUB_APP_ID" help:"required: the App's numeric id, from its settings page"`
	KeyFile string           `env:"GITHUB_APP_KEY_FILE" help:"required, or GITHUB_APP_KEY: file with the App's private key (PEM); read again each time it is used, so that it can be rotated"`
	Key     telemetry.Secret `env:"GITHUB_APP_KEY" help:"the App's private key (PEM) itself"`
	URL     string           `env:"GITHUB_API_URL" help:"the REST API; when empty, https://api.github.com/"`
	// WriteInterval is per process: it has to be longer where several write.
	WriteInterval time.Duration `env:"GITHUB_WRITE_INTERVAL, default=1s" help:"least time between two writes to one organisation; GitHub asks for 1s, times the number of aggregators"`
}

// Google says where Google Cloud is. Empty endpoints are the real ones, with Application Default Credentials; with an
// endpoint no credentials are used.
type Google struct {
	CloudRun   string `env:"GANGWAY_CLOUD_RUN_ENDPOINT" help:"Cloud Run, as http://127.0.0.1:8080"`
	CloudBuild string `env:"GANGWAY_CLOUD_BUILD_ENDPOINT" help:"Cloud Build"`
	APIGateway string `env:"GANGWAY_API_GATEWAY_ENDPOINT" help:"API Gateway"`
	Logging    string `env:"GANGWAY_LOGGING_ENDPOINT" help:"Cloud Logging, for the logs of builds; without it and with one for Cloud Build none are read"`
	Storage    string `env:"GANGWAY_STORAGE_ENDPOINT" help:"Cloud Storage, for the sources of builds"`
	Firestore  string `env:"FIRESTORE_EMULATOR_HOST" help:"Firestore's emulator, as 127.0.0.1:8080, where GANGWAY_STORE is a database"`
	PubSub     string `env:"PUBSUB_EMULATOR_HOST" help:"Pub/Sub's emulator, as 127.0.0.1:8085"`

	Token telemetry.Secret `env:"GANGWAY_EMULATOR_TOKEN" help:"access token for these endpoints; none when empty"`
}

// Pace says how often things are looked at.
type Pace struct {
	Poll        time.Duration `env:"GANGWAY_POLL_INTERVAL, default=1s" help:"how often the store is asked for previews that are due"`
	Sweep       time.Duration `env:"GANGWAY_SWEEP_INTERVAL, default=5m" help:"how often the aggregator looks at everything"`
	Lease       time.Duration `env:"GANGWAY_LEASE, default=30s" help:"how long a preview of a dead instance is left alone"`
	Concurrency int           `env:"GANGWAY_CONCURRENCY, default=8" help:"previews that one instance works on at once"`
}

// Webhook are the settings of cmd/webhook. One of Secrets and SecretsFile is needed to receive.
type Webhook struct {
	Role        string             `env:"GANGWAY_ROLE, default=all" help:"receive (takes deliveries in), intake (works on them) or all; --role goes before"`
	Port        string             `env:"PORT, default=8080" help:"port for GitHub's deliveries, /livez and /readyz (role receive)"`
	Host        string             `env:"GANGWAY_HOST" help:"address that it listens on; when empty, all"`
	SecretsFile string             `env:"GITHUB_WEBHOOK_SECRETS_FILE" help:"required, or GITHUB_WEBHOOK_SECRETS (role receive): file with the App's webhook secrets, one a line; all are valid, and it is read again, so that they can be rotated without a restart"`
	Secrets     []telemetry.Secret `env:"GITHUB_WEBHOOK_SECRETS" help:"the App's webhook secrets themselves, separated by commas; all are valid at once"`
	Common
}

// Aggregator are the settings of cmd/aggregator.
type Aggregator struct {
	Stacks       string            `env:"GANGWAY_STACKS, default=.gangway/stacks" help:"folder of Terraform's stacks, one for each preview"`
	StateBucket  string            `env:"GANGWAY_STATE_BUCKET" help:"Cloud Storage bucket for Terraform's state; when empty, it stays beside the stacks"`
	StatePrefix  string            `env:"GANGWAY_STATE_PREFIX, default=gangway" help:"what the state's objects in the bucket begin with"`
	Provider     string            `env:"GANGWAY_PROVIDER, default=registry" help:"Terraform's google-beta provider: registry (what Terraform finds) or served (by this process, for the local cloud)"`
	ProviderPoll time.Duration     `env:"GANGWAY_PROVIDER_POLL, default=0s" help:"pause between looks at a running operation; 0s is the provider's own"`
	Terraform    string            `env:"GANGWAY_TERRAFORM" help:"the terraform binary; when empty, that in PATH, else one is fetched"`
	Processes    int               `env:"GANGWAY_TERRAFORM_PROCESSES, default=4" help:"Terraform processes at once; each may take 300 MB, and mostly waits for Google Cloud"`
	TerraformEnv map[string]string // what Terraform may see of the environment; nil is the process's own
	Scheme       string            `env:"GANGWAY_LINK_SCHEME, default=https" help:"of previews' links: https or http"`
	Common
}

// problems collects what is wrong with settings.
func (c Common) problems() []error {
	var list []error
	if c.GitHub.AppID <= 0 {
		list = append(list, errors.New("GITHUB_APP_ID is missing: the App's numeric id, from its settings page"))
	}
	if c.GitHub.Key == "" && c.GitHub.KeyFile == "" {
		list = append(list, errors.New("GITHUB_APP_KEY_FILE is missing: the file with the App's private key (PEM)"))
	}
	if _, _, _, err := parseStore(c.Store); err != nil {
		list = append(list, err)
	}
	for name, pace := range map[string]time.Duration{
		"GANGWAY_POLL_INTERVAL": c.Pace.Poll, "GANGWAY_SWEEP_INTERVAL": c.Pace.Sweep, "GANGWAY_LEASE": c.Pace.Lease,
	} {
		if pace < time.Millisecond {
			list = append(list, fmt.Errorf("%s is %s: want a time such as 5s", name, pace))
		}
	}
	if c.Pace.Concurrency < 1 {
		list = append(list, fmt.Errorf("GANGWAY_CONCURRENCY is %d: want at least 1", c.Pace.Concurrency))
	}
	return list
}

// Validate reports everything that is wrong at once.
func (c Webhook) Validate() error {
	var list []error
	switch c.Role {
	case "receive":
	case "intake", "all":
		list = c.problems()
	default:
		list = append(list, fmt.Errorf("GANGWAY_ROLE is %q: want receive, intake or all", c.Role))
	}
	if c.Role != "intake" && len(c.Secrets) == 0 && c.SecretsFile == "" {
		list = append(list, errors.New("GITHUB_WEBHOOK_SECRETS is missing: the secret that is set in the App's webhook settings"))
	}
	return errors.Join(list...)
}

// Validate reports everything that is wrong at once.
func (c Aggregator) Validate() error {
	list := c.problems()
	if c.Provider != "registry" && c.Provider != "served" {
		list = append(list, fmt.Errorf("GANGWAY_PROVIDER is %q: want registry or served", c.Provider))
	}
	if c.Scheme != "https" && c.Scheme != "http" {
		list = append(list, fmt.Errorf("GANGWAY_LINK_SCHEME is %q: want https or http", c.Scheme))
	}
	return errors.Join(list...)
}

func (g GitHub) key() ([]byte, error) {
	if g.Key != "" {
		return []byte(g.Key.Reveal()), nil
	}
	key, err := os.ReadFile(g.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the App's private key: %w", err)
	}
	return key, nil
}

// secrets returns what tells the webhook secrets that are valid now. Those of the file can be rotated without a restart.
func (c Webhook) secrets(ctx context.Context, log *slog.Logger) func() []telemetry.Secret {
	if c.SecretsFile == "" {
		return func() []telemetry.Secret { return c.Secrets }
	}
	file := newMounted(c.SecretsFile, log)
	return func() []telemetry.Secret { return slices.Concat(c.Secrets, file.secrets(ctx)) }
}
