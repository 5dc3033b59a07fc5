// Package emulator is the far ends of Gangway on loopback: GitHub, Cloud Build, Cloud Run, API Gateway, Cloud Logging,
// Cloud Monitoring, Cloud Storage, Pub/Sub and whoever issues tokens. Each speaks its provider's own REST API and knows nothing of Gangway; this package starts them
// together and tells where they are.
package emulator

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/apigateway"
	"github.com/gangway-dev/gangway/internal/emulator/cloudbuild"
	"github.com/gangway-dev/gangway/internal/emulator/cloudrun"
	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/disk"
	"github.com/gangway-dev/gangway/internal/emulator/gcloud"
	"github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/emulator/identity"
	"github.com/gangway-dev/gangway/internal/emulator/image"
	"github.com/gangway-dev/gangway/internal/emulator/logging"
	"github.com/gangway-dev/gangway/internal/emulator/monitoring"
	"github.com/gangway-dev/gangway/internal/emulator/pubsub"
	"github.com/gangway-dev/gangway/internal/emulator/secretmanager"
	"github.com/gangway-dev/gangway/internal/emulator/storage"
)

// Latency is how long the far ends take.
type Latency string

// Fast is as fast as it goes; real is what Google Cloud was measured to take.
const (
	Fast Latency = "fast"
	Real Latency = "real"
)

// Google stands for an emulator that comes with the Google Cloud CLI.
const Google = "google"

// Options set a local cloud up.
type Options struct {
	Dir     string // all state; kept over restarts
	Latency Latency
	AppID   int64            // of the GitHub App
	Project string           // whose Pub/Sub gets Cloud Build's notices
	Quota   int              // of GitHub, in requests per installation and hour; 0 is GitHub's own
	Secrets []string         // of Project in Secret Manager, without a version until somebody adds one
	Buckets []storage.Bucket // of Cloud Storage
	GoCache string           // of builds; "" is a folder of the user's cache that all local clouds share
	// PubSub and Firestore are [Google] for an emulator of the Google Cloud CLI's that is started and stopped with the
	// cloud, or host:port of one that runs already. "" is the in-memory Pub/Sub, and no Firestore.
	PubSub, Firestore string

	Log *slog.Logger
	// Violation gets what is asked of the far ends, or answered by them, otherwise than the providers' descriptions have
	// it; nil logs it as an error.
	Violation func(conformance.Violation)
	Access    *iam.Access // who may do what on Google Cloud; nil lets everybody do everything
}

// A Cloud is all far ends together.
type Cloud struct {
	Endpoints

	GitHub     *github.Server
	CloudRun   *cloudrun.Server
	CloudBuild *cloudbuild.Server
	APIGateway *apigateway.Server
	Logging    *logging.Server
	Monitoring *monitoring.Server
	PubSub     *pubsub.Server
	Secrets    *secretmanager.Server
	Storage    *storage.Server
	Identity   *identity.Issuer
	Images     *image.Store

	log       *slog.Logger
	lock      func()
	firestore *gcloud.Server // nil where it is none of ours
	servers   []*http.Server
	wg        sync.WaitGroup
}

// ports keeps the ports over restarts, so that links stay good.
type ports struct {
	GitHub, CloudBuild, CloudRun, APIGateway, Logging, Edge, Identity, PubSub, SecretManager, Storage, Monitoring, Firestore int
}

// Start starts all far ends. A folder has one cloud at a time.
func Start(ctx context.Context, o Options) (_ *Cloud, err error) {
	unlock, err := disk.Lock(filepath.Join(o.Dir, "lock"))
	if err != nil {
		return nil, err
	}
	c := &Cloud{log: o.Log, lock: unlock}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	listeners, err := c.listen(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := c.keys(o); err != nil {
		return nil, err
	}
	if err := c.make(o, listeners); err != nil {
		return nil, err
	}
	c.serve(listeners.github, c.GitHub)
	c.serve(listeners.cloudBuild, c.CloudBuild)
	c.serve(listeners.cloudRun, c.CloudRun)
	c.serve(listeners.apiGateway, c.APIGateway)
	c.serve(listeners.secretManager, c.Secrets)
	c.serve(listeners.storage, c.Storage)
	c.serve(listeners.logging, c.Logging)
	c.serve(listeners.monitoring, c.Monitoring)
	c.serve(listeners.identity, c.Identity.Handler())
	c.serve(listeners.edge, http.HandlerFunc(c.edge))
	return c, nil
}

// make makes the servers; none of them is reachable yet.
func (c *Cloud) make(o Options, l listeners) (err error) {
	at := func(listener net.Listener) string { return "http://" + listener.Addr().String() }
	c.Endpoints.GitHub, c.Endpoints.CloudBuild, c.Endpoints.CloudRun = at(l.github), at(l.cloudBuild), at(l.cloudRun)
	c.Endpoints.APIGateway, c.Endpoints.Identity, c.Endpoints.PubSub = at(l.apiGateway), at(l.identity), l.pubsub
	c.Edge, c.SecretManager = at(l.edge), at(l.secretManager)
	c.Endpoints.Logging, c.Endpoints.Storage, c.Endpoints.Monitoring = at(l.logging), at(l.storage), at(l.monitoring)
	c.Project = o.Project
	edgePort := portOf(l.edge)
	if o.Violation == nil {
		o.Violation = conformance.Log(o.Log)
	}
	if c.Images, err = image.Open(filepath.Join(o.Dir, "images")); err != nil {
		return err
	}
	if c.Identity, err = identity.New(filepath.Join(o.Dir, "identity")); err != nil {
		return err
	}
	c.Secrets, err = secretmanager.New(secretmanager.Options{
		Dir: filepath.Join(o.Dir, "secretmanager"), Project: o.Project, Secrets: o.Secrets, Violation: o.Violation, Access: o.Access,
	})
	if err != nil {
		return err
	}
	c.Storage, err = storage.New(storage.Options{
		Dir: filepath.Join(o.Dir, "storage"), Buckets: o.Buckets, Violation: o.Violation, Access: o.Access,
	})
	if err != nil {
		return err
	}
	public, err := publicKey(c.AppKeyFile)
	if err != nil {
		return err
	}
	c.GitHub, err = github.New(github.Options{
		Dir: filepath.Join(o.Dir, "github"), URL: c.Endpoints.GitHub, AppID: o.AppID, PublicKey: public,
		RateLimit: o.Quota, Log: o.Log, Violation: o.Violation,
	})
	if err != nil {
		return err
	}
	run := cloudrun.Options{
		Dir: filepath.Join(o.Dir, "cloudrun"), Images: c.Images, Identity: c.Identity,
		Served:   func(r cloudrun.Served) { c.Monitoring.Count(monitoring.Request(r)) },
		EdgePort: func() int { return edgePort }, Logger: o.Log, Violation: o.Violation, Access: o.Access,
	}
	gateway := apigateway.Options{
		Dir: filepath.Join(o.Dir, "apigateway"), PublicURL: fmt.Sprintf("http://gateway.localhost:%d", edgePort), Log: o.Log,
		Latency: apigateway.Fast(), Violation: o.Violation, Access: o.Access,
		Gateway: apigateway.GatewayOptions{
			IDToken: func(_ context.Context, email, audience string) (string, error) {
				return c.Identity.IDToken(email, audience)
			},
			APIKey: func(_, key string) bool { return key == LocalAPIKey },
		},
	}
	logs := logging.Options{Violation: o.Violation, Access: o.Access}
	metrics := monitoring.Options{Violation: o.Violation, Access: o.Access}
	if o.Latency == Real {
		logs.Lag, metrics.Period, metrics.Lag = logging.RealLag, monitoring.RealPeriod, monitoring.RealLag
	}
	c.Logging, c.Monitoring = logging.New(logs), monitoring.New(metrics)
	build := cloudbuild.Options{
		Logged: c.logged, Object: c.Storage.Open, StoreLog: c.Storage.Put,
		GoCache: goCacheOf(o),
		Dir:     filepath.Join(o.Dir, "cloudbuild"), URL: c.Endpoints.CloudBuild, Images: c.Images, Log: o.Log, Violation: o.Violation, Access: o.Access,
		Publish: func(ctx context.Context, data []byte, attributes map[string]string) error {
			return c.PubSub.Publish(ctx, o.Project, "cloud-builds", data, attributes)
		},
	}
	if o.Latency == Real {
		run.Latency, gateway.Latency, build.Latency = cloudrun.RealLatency(), apigateway.Real(), cloudbuild.RealLatency()
	}
	if c.CloudRun, err = cloudrun.New(run); err != nil {
		return err
	}
	if c.APIGateway, err = apigateway.New(gateway); err != nil {
		return err
	}
	c.CloudBuild, err = cloudbuild.New(build)
	return err
}

// goCacheOf is where builds keep what Go has compiled; "" where there is no such place.
func goCacheOf(o Options) string {
	if o.GoCache != "" {
		return o.GoCache
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(base, "gangway", "go-build")
}

// logged takes a line of a build's log into Cloud Logging.
func (c *Cloud) logged(l cloudbuild.LogLine) {
	c.Logging.Write(logging.Entry{
		LogName: "projects/" + l.Project + "/logs/cloudbuild", Severity: "INFO", TextPayload: l.Text,
		Resource: logging.Resource{Type: "build", Labels: map[string]string{
			"project_id": l.Project, "build_id": l.Build, "build_trigger_id": "",
		}},
		Labels: map[string]string{"build_step": l.Step, "build_tags": strings.Join(l.Tags, ";")},
	})
}

// LocalAPIKey is the one API key that the emulated gateways know.
const LocalAPIKey = "local-api-key" //nolint:gosec // it opens nothing but emulators

// serve serves one far end until Close.
func (c *Cloud) serve(l net.Listener, h http.Handler) {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
	}
	c.servers = append(c.servers, server)
	c.wg.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			c.log.Error("serving", "address", l.Addr().String(), "error", err)
		}
	})
}

// edge is the front of all data planes: the host says whose. It is a forward proxy too (an absolute request target is
// served by its host), so that programs whose resolver doesn't know names below localhost reach them with HTTP_PROXY. gcloud
// reaches the APIs through it.
func (c *Cloud) edge(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	switch api := apiOf(host); {
	case api == "run":
		c.CloudRun.ServeHTTP(w, r)
	case api == "cloudbuild":
		c.CloudBuild.ServeHTTP(w, r)
	case api == "apigateway":
		c.APIGateway.ServeHTTP(w, r)
	case c.CloudRun.Owns(r.Host):
		c.CloudRun.Front().ServeHTTP(w, r)
	case c.APIGateway.Owns(r.Host):
		c.APIGateway.Front().ServeHTTP(w, r)
	default:
		http.Error(w, fmt.Sprintf("nothing of the local cloud is called %q", strings.ToValidUTF8(host, "?")), http.StatusNotFound)
	}
}

// apiDomain is what googleapis.com is on Google Cloud.
const apiDomain = ".googleapis.localhost"

// apiOf is the API that a host is of, with or without a region before it (europe-west1-run.googleapis.localhost is run's), or
// "". gcloud puts the region before whatever its endpoint for Cloud Run is, so that an address can't be one.
func apiOf(host string) string {
	name, ok := strings.CutSuffix(host, apiDomain)
	if !ok {
		return ""
	}
	return name[strings.LastIndexByte(name, '-')+1:]
}

// Close stops everything, processes of builds and revisions included. State stays.
func (c *Cloud) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, server := range c.servers {
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}
	c.wg.Wait()
	if c.CloudBuild != nil {
		c.CloudBuild.Close()
	}
	if c.CloudRun != nil {
		c.CloudRun.Close()
	}
	if c.GitHub != nil {
		_ = c.GitHub.Close()
	}
	if c.PubSub != nil {
		_ = c.PubSub.Stop()
	}
	if c.firestore != nil {
		c.firestore.Stop()
	}
	if c.lock != nil {
		c.lock()
	}
}

// keys makes the App's private key and the webhook's secret once.
func (c *Cloud) keys(o Options) error {
	c.AppID = o.AppID
	c.AppKeyFile = filepath.Join(o.Dir, "app-key.pem")
	c.SecretFile = filepath.Join(o.Dir, "webhook-secret")
	err := once(c.AppKeyFile, func() ([]byte, error) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), nil
	})
	if err != nil {
		return err
	}
	return once(c.SecretFile, func() ([]byte, error) { return []byte(rand.Text()), nil })
}

// once writes a file that does not exist yet.
func once(path string, content func() ([]byte, error)) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := content()
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

func publicKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", path)
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), nil
}
