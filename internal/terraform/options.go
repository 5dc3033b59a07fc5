package terraform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Backends.
const (
	BackendLocal = "local" // the state is a file beside the stack
	BackendGCS   = "gcs"   // the state is an object of a bucket on Google Cloud Storage, with Terraform's own lock
)

// A Backend is where states are kept.
type Backend struct {
	Kind   string // BackendLocal (also "") or BackendGCS
	Bucket string // of BackendGCS
	Prefix string // of BackendGCS: before environment/gateway/…
}

// A Reattach is a provider that runs already: one entry of TF_REATTACH_PROVIDERS.
type Reattach struct {
	Protocol        string
	ProtocolVersion int
	Pid             int
	Test            bool
	Network         string // of Address: "unix" or "tcp"
	Address         string
}

// Options configure a [Runner].
type Options struct {
	Dir  string // of the stacks; made if need be
	Exec string // path of terraform; "" looks in PATH and, without a usable one there, fetches a pinned release
	// Backend is where states are kept; the zero value is the local one.
	Backend Backend
	// ServeProvider starts an instance of the provider hashicorp/google-beta in this process, which a few commands in a
	// row use; getenv looks into Env. nil lets Terraform find the provider by itself (registry, mirror).
	ServeProvider func(ctx context.Context, getenv func(string) string) (Reattach, func(), error)
	// ProviderLock is the lock file with the provider's checksums that all stacks start from, where Terraform finds the
	// provider by itself. nil is this build's own; where it carries none, that of the first stack.
	ProviderLock []byte
	// Env is what Terraform and its provider may see of the environment; names that are not on the allow-list (see
	// allowedVariable) are dropped. nil is this process's environment.
	Env map[string]string
	// PollInterval is how often the provider looks at a running operation; 0 leaves it to the provider (10 s).
	PollInterval time.Duration
	// Timeout bounds one run; then Terraform is interrupted. 0 is 25 minutes: longer than the provider's own limit.
	Timeout time.Duration
	// Concurrency is how many Terraform processes may run at once; 0 is 2.
	Concurrency int
	// WaitDelay is how long an interrupted Terraform may take before it is killed; 0 is 8 s, because Cloud Run gives 10.
	WaitDelay time.Duration
	// LockGrace is how long a lock that another instance has left is seen before it is broken. 0 is WaitDelay and 12 s more: one that
	// was frozen notices within a quarter of its lease that this is lost, and interrupts its Terraform.
	LockGrace time.Duration
	Log       *slog.Logger          // nil discards
	Metrics   prometheus.Registerer // nil for none
}

// Defaults of [Options].
const (
	defaultTimeout     = 25 * time.Minute
	defaultConcurrency = 2
	defaultWaitDelay   = 8 * time.Second
)

// pluginCache is the environment variable that names Terraform's plugin cache.
const pluginCache = "TF_PLUGIN_CACHE_DIR"

// complete checks o and fills in the defaults.
func (o Options) complete() (Options, error) {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, errors.New("the folder of the stacks is missing"))
	}
	switch o.Backend.Kind {
	case "", BackendLocal:
		o.Backend = Backend{Kind: BackendLocal}
	case BackendGCS:
		if o.Backend.Bucket == "" {
			errs = append(errs, errors.New(`backend "gcs" needs a bucket`))
		}
		o.Backend.Prefix = strings.Trim(path.Clean("/"+o.Backend.Prefix), "/")
	default:
		errs = append(errs, fmt.Errorf("backend %q is neither %q nor %q", o.Backend.Kind, BackendLocal, BackendGCS))
	}
	if o.PollInterval < 0 || o.Timeout < 0 || o.Concurrency < 0 || o.WaitDelay < 0 {
		errs = append(errs, errors.New("poll interval, timeout, concurrency and wait delay can't be negative"))
	}
	if err := errors.Join(errs...); err != nil {
		return o, fmt.Errorf("terraform options: %w", err)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, fmt.Errorf("terraform options: %w", err)
	}
	o.Dir = dir
	o.Env = allowedEnv(o.Env)
	if o.ServeProvider == nil && o.Env[pluginCache] == "" {
		o.Env[pluginCache] = filepath.Join(dir, ".plugins")
	}
	if o.ProviderLock == nil {
		o.ProviderLock, _ = Lock()
	}
	o.Timeout = orDefault(o.Timeout, defaultTimeout)
	o.WaitDelay = orDefault(o.WaitDelay, defaultWaitDelay)
	o.Concurrency = orDefault(o.Concurrency, defaultConcurrency)
	o.LockGrace = orDefault(o.LockGrace, o.WaitDelay+graceBeyondDelay)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// allowedEnv is the environment of Terraform processes: the allowed part of env, and no calls to HashiCorp's checkpoint.
func allowedEnv(env map[string]string) map[string]string {
	if env == nil {
		env = map[string]string{}
		for _, entry := range os.Environ() {
			name, value, _ := strings.Cut(entry, "=")
			env[name] = value
		}
	}
	out := map[string]string{"CHECKPOINT_DISABLE": "1"}
	for name, value := range env {
		if allowedVariable(name) {
			out[name] = value
		}
	}
	return out
}

// allowedVariable tells whether Terraform may see an environment variable: what it needs to run, to reach Google and its
// registry, and nothing that changes what it does (TF_LOG, TF_CLI_ARGS, TF_VAR_…).
func allowedVariable(name string) bool {
	switch strings.ToUpper(name) {
	case "HOME", "PATH", "TMPDIR", "USER", "LANG", "TF_CLI_CONFIG_FILE", pluginCache,
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR":
		return true
	}
	return strings.HasPrefix(name, "GOOGLE_") || strings.HasPrefix(name, "CLOUDSDK_") || strings.HasPrefix(name, "GCLOUD_") ||
		strings.HasPrefix(name, "GCE_METADATA_")
}
