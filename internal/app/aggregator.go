package app

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gangway-dev/gangway/internal/apigateway"
	"github.com/gangway-dev/gangway/internal/cloudrun"
	"github.com/gangway-dev/gangway/internal/emulator/provider"
	"github.com/gangway-dev/gangway/internal/loopback"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/reconcile"
	"github.com/gangway-dev/gangway/internal/site"
	"github.com/gangway-dev/gangway/internal/terraform"
	"github.com/gangway-dev/gangway/internal/worker"
)

// probeTimeout bounds one call of a link, redirects and all.
const probeTimeout = 10 * time.Second

// RunAggregator runs cmd/aggregator until ctx is done.
func RunAggregator(ctx context.Context, c Aggregator, log *slog.Logger) error {
	if err := c.Validate(); err != nil {
		return err
	}
	b, err := start(ctx, c.Common, "aggregator", log)
	if err != nil {
		return err
	}
	defer b.close()
	hub, store, err := b.openShared(ctx)
	if err != nil {
		return err
	}
	runs, err := cloudrun.New(ctx, cloudrun.Options{Endpoint: c.Google.CloudRun, Token: c.Google.Token.Reveal(), Log: log})
	if err != nil {
		return err
	}
	b.closers = append(b.closers, runs.Close)
	gateways, err := apigateway.New(ctx, apigateway.Options{Endpoint: c.Google.APIGateway, Token: c.Google.Token.Reveal()})
	if err != nil {
		return err
	}
	b.closers = append(b.closers, gateways.Close)
	runner, err := NewTerraform(c, b.metrics.registry, log)
	if err != nil {
		return err
	}
	b.closers = append(b.closers, runner.Close)
	var pool *worker.Pool
	r := reconcile.New(reconcile.Options{
		Sites: site.New(b.configuration.catalog, hub), GitHub: hub, CloudRun: runs, Terraform: runner, APIGateway: gateways,
		Store: store, Wake: func(key preview.Key) { pool.Wake(key) }, Holder: b.common.Holder, LeaseTTL: c.Pace.Lease, Scheme: c.Scheme,
		HTTP: &http.Client{Transport: loopback.Transport(), Timeout: probeTimeout}, Metrics: b.metrics.registry, Log: log,
	})
	pool = b.pool(store, preview.Aggregator, r.Handle)
	hint := func(ctx context.Context, data []byte) error { return r.Hint(ctx, previewOf(data)) }
	b.parts = append(b.parts, pool.Run,
		func(ctx context.Context) error { return b.events.receive(ctx, aggregatorPreviews, hint) },
		func(ctx context.Context) error { return b.events.receive(ctx, aggregatorRevisions, hint) },
		func(ctx context.Context) error { return r.Sweep(ctx, c.Pace.Sweep) })
	log.InfoContext(ctx, "aggregating", "sweep", c.Pace.Sweep.String())
	return b.run(ctx)
}

// NewTerraform makes the runner of Terraform that c asks for; metrics may be nil.
func NewTerraform(c Aggregator, metrics prometheus.Registerer, log *slog.Logger) (*terraform.Runner, error) {
	o := terraform.Options{
		Dir: c.Stacks, Exec: c.Terraform, PollInterval: c.ProviderPoll, Concurrency: c.Processes,
		Env: c.TerraformEnv, Metrics: metrics, Log: log,
	}
	if c.StateBucket != "" {
		o.Backend = terraform.Backend{Kind: terraform.BackendGCS, Bucket: c.StateBucket, Prefix: c.StatePrefix}
	}
	if c.Provider == "served" {
		o.ServeProvider = func(ctx context.Context, getenv func(string) string) (terraform.Reattach, func(), error) {
			reattach, stop, err := provider.Serve(ctx, getenv)
			return terraform.Reattach(reattach), stop, err
		}
	}
	return terraform.New(o)
}
