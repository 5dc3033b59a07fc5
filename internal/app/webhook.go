package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gangway-dev/gangway/internal/cloudbuild"
	"github.com/gangway-dev/gangway/internal/cloudrun"
	"github.com/gangway-dev/gangway/internal/github"
	"github.com/gangway-dev/gangway/internal/intake"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/receive"
	"github.com/gangway-dev/gangway/internal/server"
	"github.com/gangway-dev/gangway/internal/site"
	"github.com/gangway-dev/gangway/internal/worker"
)

// RunWebhook runs cmd/webhook until ctx is done. listener is the public one; nil listens where c says.
func RunWebhook(ctx context.Context, c Webhook, listener net.Listener, log *slog.Logger) error {
	if err := c.Validate(); err != nil {
		return err
	}
	base, err := start(ctx, c.Common, "webhook", log)
	if err != nil {
		return err
	}
	defer base.close()
	if c.Role != "intake" {
		if err := base.receive(ctx, c, listener); err != nil {
			return err
		}
	}
	if c.Role != "receive" {
		if err := base.intake(ctx, c); err != nil {
			return err
		}
	}
	return base.run(ctx)
}

// A base is what both commands are made of. run ends when one part fails or ctx is done.
type base struct {
	common        Common
	log           *slog.Logger
	configuration *configuration
	events        *events
	health        *server.Health
	metrics       *metrics
	parts         []func(context.Context) error
	closers       []func() error
}

// start reads the configuration and connects to Pub/Sub.
func start(ctx context.Context, c Common, name string, log *slog.Logger) (*base, error) {
	if c.Holder == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown"
		}
		c.Holder = fmt.Sprintf("%s@%s-%s", name, host, rand.Text()[:8])
	}
	configuration, err := readConfiguration(c.Config, log)
	if err != nil {
		return nil, err
	}
	b := &base{common: c, log: log, configuration: configuration, health: server.NewHealth(log), metrics: newMetrics()}
	project := c.Project
	if project == "" {
		if environment, ok := configuration.catalog().Environment(configuration.catalog().Previews.Environment); ok {
			project = environment.Project
		}
	}
	b.events, err = openEvents(ctx, c, project, b.metrics, log)
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, b.events.Close)
	b.parts = append(b.parts, configuration.watch)
	if c.Metrics != "off" {
		if err := b.serveMetrics(ctx); err != nil {
			b.close()
			return nil, err
		}
	}
	return b, nil
}

func (b *base) serveMetrics(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", b.common.Metrics)
	if err != nil {
		return fmt.Errorf("listening for metrics: %w", err)
	}
	b.parts = append(b.parts, func(ctx context.Context) error {
		return server.Serve(ctx, listener, server.MetricsHandler(b.metrics.registry, b.health), b.log)
	})
	return nil
}

// run runs all parts.
func (b *base) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, part := range b.parts {
		group.Go(func() error { return part(ctx) })
	}
	return group.Wait()
}

func (b *base) close() {
	for _, closer := range slices.Backward(b.closers) {
		if err := closer(); err != nil {
			b.log.Warn("closing", "error", err)
		}
	}
}

// receive adds the public listener.
func (b *base) receive(ctx context.Context, c Webhook, listener net.Listener) error {
	if listener == nil {
		var err error
		listener, err = new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(c.Host, c.Port))
		if err != nil {
			return fmt.Errorf("listening: %w", err)
		}
	}
	mux := http.NewServeMux()
	mux.Handle(receive.Path, receive.New(receive.Options{
		Secrets: c.secrets(ctx, b.log), Publisher: b.events,
		Metrics: b.metrics.registry, Log: b.log,
	}))
	b.health.Register(mux)
	served := server.Log(b.log, server.Recover(b.log, mux))
	b.parts = append(b.parts, func(ctx context.Context) error { return server.Serve(ctx, listener, served, b.log) })
	b.log.InfoContext(ctx, "receiving", "address", listener.Addr().String())
	return nil
}

// intake adds the role that reads hints.
func (b *base) intake(ctx context.Context, c Webhook) error {
	hub, store, err := b.openShared(ctx)
	if err != nil {
		return err
	}
	builds, err := cloudbuild.New(ctx, b.cloudBuild(hub))
	if err != nil {
		return err
	}
	b.closers = append(b.closers, builds.Close)
	runs, err := cloudrun.New(ctx, cloudrun.Options{Endpoint: c.Google.CloudRun, Token: c.Google.Token.Reveal(), Log: b.log})
	if err != nil {
		return err
	}
	b.closers = append(b.closers, runs.Close)
	var pool *worker.Pool
	in := intake.New(intake.Options{
		Sites: site.New(b.configuration.catalog, hub), GitHub: hub, Builds: builds, CloudRun: runs, Publisher: b.events,
		Store: store, Wake: func(key preview.Key) { pool.Wake(key) }, Log: b.log,
	})
	pool = b.pool(store, preview.Intake, in.Handle)
	b.log.InfoContext(ctx, "taking hints in")
	b.parts = append(b.parts, pool.Run,
		func(ctx context.Context) error { return b.events.receive(ctx, intakePullRequests, in.PullRequestHint) },
		func(ctx context.Context) error {
			return b.events.receive(ctx, intakeCloudBuilds, func(ctx context.Context, data []byte) error {
				ref, err := cloudbuild.ParseNotice(data)
				if err != nil {
					b.log.WarnContext(ctx, "unreadable notice", "topic", preview.TopicCloudBuilds, "bytes", len(data))
					return preview.ErrIgnored
				}
				return in.BuildHint(ctx, ref)
			})
		})
	return nil
}

// cloudBuild is how to reach Cloud Build and what belongs to it: emulators without credentials.
func (b *base) cloudBuild(hub *github.Client) cloudbuild.Options {
	google := b.common.Google
	o := cloudbuild.Options{
		Endpoint: google.CloudBuild, Logging: google.Logging, Storage: google.Storage, Archives: hub, Log: b.log,
	}
	if o.Endpoint != "" {
		o.Token = b.common.Google.Token.Reveal()
		o.HTTPClient = &http.Client{Timeout: time.Minute}
	}
	return o
}

// openShared opens what both use cases work with.
func (b *base) openShared(ctx context.Context) (*github.Client, store, error) {
	settings := b.common.GitHub
	hub, err := github.New(github.Options{
		BaseURL: settings.URL, AppID: settings.AppID, Key: settings.key, WriteInterval: settings.WriteInterval, Log: b.log,
	})
	if err != nil {
		return nil, nil, err
	}
	b.health.Add("github", hub.Ready)
	store, err := b.common.openStore(ctx)
	if err != nil {
		return nil, nil, err
	}
	b.closers = append(b.closers, store.Close)
	b.health.Add("store", store.Ping)
	return hub, store, nil
}

func (b *base) pool(store preview.Store, owner preview.Owner, handle worker.Handler) *worker.Pool {
	return worker.New(worker.Options{
		Store: store, Owner: owner, Handle: b.metrics.watch(owner, handle), Holder: b.common.Holder,
		Concurrency: b.common.Pace.Concurrency, TTL: b.common.Pace.Lease, Poll: b.common.Pace.Poll, Log: b.log,
	})
}
