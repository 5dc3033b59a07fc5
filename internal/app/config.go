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
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/telemetry"
)

// Common are the settings that both commands need.
type Common struct {
	Config  string `env:"GANGWAY_CONFIG, default=gangway.hcl"`      // the configuration file; it is read again when it changes
	Store   string `env:"GANGWAY_STORE, default=.gangway/store.db"` // SQLite file, shared by the commands of one host
	Holder  string `env:"GANGWAY_INSTANCE"`                         // names this instance in leases; made up when empty
	Project string `env:"GANGWAY_PROJECT"`                          // the project whose Pub/Sub is used; by default the previews' environment's
	Ensure  bool   `env:"GANGWAY_ENSURE_TOPICS"`                    // create missing topics and subscriptions: for the local cloud
	Metrics string `env:"GANGWAY_METRICS_ADDR, default=:9090"`      // listens with /metrics, /livez and /readyz; "off" for none

	GitHub GitHub
	Google Google
	Pace   Pace
	Log    Log
}

// Log says how to log.
type Log struct {
	Format string     `env:"GANGWAY_LOG_FORMAT"`              // "json" (default) for Cloud Logging, "text" for a terminal
	Level  slog.Level `env:"GANGWAY_LOG_LEVEL, default=INFO"` // DEBUG, INFO, WARN, ERROR
}

// GitHub says how to reach GitHub, and as which App.
type GitHub struct {
	URL     string           `env:"GITHUB_API_URL"`      // "" is https://api.github.com/
	AppID   int64            `env:"GITHUB_APP_ID"`       //
	Key     telemetry.Secret `env:"GITHUB_APP_KEY"`      // PEM
	KeyFile string           `env:"GITHUB_APP_KEY_FILE"` // file with the PEM, instead
}

// Google says where Google Cloud is. Empty endpoints are the real ones, with Application Default Credentials; with an
// endpoint no credentials are used.
type Google struct {
	CloudRun   string `env:"GANGWAY_CLOUD_RUN_ENDPOINT"`
	CloudBuild string `env:"GANGWAY_CLOUD_BUILD_ENDPOINT"`
	APIGateway string `env:"GANGWAY_API_GATEWAY_ENDPOINT"`
	PubSub     string `env:"PUBSUB_EMULATOR_HOST"`
}

// Pace says how often things are looked at.
type Pace struct {
	Poll        time.Duration `env:"GANGWAY_POLL_INTERVAL, default=5s"`  // the store, for rows that are due
	Sweep       time.Duration `env:"GANGWAY_SWEEP_INTERVAL, default=5m"` // everything
	Lease       time.Duration `env:"GANGWAY_LEASE, default=30s"`         // how long a row of a dead instance is left alone
	Concurrency int           `env:"GANGWAY_CONCURRENCY, default=8"`     // previews that one instance works on at once
}

// Webhook are the settings of cmd/webhook.
type Webhook struct {
	Common
	Role        string             `env:"GANGWAY_ROLE, default=all"`   // "receive", "intake" or "all"
	Port        string             `env:"PORT, default=8080"`          // of the public listener (role receive)
	Host        string             `env:"GANGWAY_HOST"`                // it listens on; "" is all
	Secrets     []telemetry.Secret `env:"GITHUB_WEBHOOK_SECRETS"`      // all are valid at once, so that they can be rotated
	SecretsFile string             `env:"GITHUB_WEBHOOK_SECRETS_FILE"` // one a line, instead; read again for each delivery
}

// Aggregator are the settings of cmd/aggregator.
type Aggregator struct {
	Common
	Stacks       string            `env:"GANGWAY_STACKS, default=.gangway/stacks"` // folder of Terraform's stacks
	StateBucket  string            `env:"GANGWAY_STATE_BUCKET"`                    // "" keeps state beside the stacks
	StatePrefix  string            `env:"GANGWAY_STATE_PREFIX, default=gangway"`
	Provider     string            `env:"GANGWAY_PROVIDER, default=registry"`     // "registry", or "served" by this process
	ProviderPoll time.Duration     `env:"GANGWAY_PROVIDER_POLL"`                  // between looks at a running operation; 0 is the provider's 10 s
	Terraform    string            `env:"GANGWAY_TERRAFORM"`                      // path of the binary; "" looks in PATH, else fetches
	Processes    int               `env:"GANGWAY_TERRAFORM_PROCESSES, default=2"` // at once
	TerraformEnv map[string]string // what Terraform may see of the environment; nil is the process's own
	Scheme       string            `env:"GANGWAY_LINK_SCHEME, default=https"` // of previews' links
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

// secrets returns the webhook secrets that are valid now. The file is read each time, so that secrets can be rotated
// without a restart; while it can't be read, only those of the environment are valid.
func (c Webhook) secrets(ctx context.Context, log *slog.Logger) []telemetry.Secret {
	list := slices.Clone(c.Secrets)
	if c.SecretsFile == "" {
		return list
	}
	text, err := os.ReadFile(c.SecretsFile)
	if err != nil {
		log.ErrorContext(ctx, "reading webhook secrets", "error", err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, telemetry.Secret(line))
		}
	}
	return list
}
