package doctor

import (
	"context"
	"errors"
	"slices"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Limits of API Gateway: https://docs.cloud.google.com/api-gateway/docs/quotas
const (
	maxConfigs  = 100 // of an API
	maxGateways = 50  // of a region
	maxAPIs     = 50  // of a project
)

func stateChecks() []Check {
	const group = "state"
	return []Check{
		{
			Name: "state-bucket", Group: group, Asks: "whether the bucket of Terraform's states is there and keeps former versions", run: stateBucket,
			Remedy: "Apply terraform/platform: the bucket has to keep versions (gcloud storage buckets update gs://BUCKET --versioning), so that a damaged state can be restored.",
		},
		{
			Name: "store", Group: group, Asks: "whether the store can be read", run: store,
			Remedy: "Correct GANGWAY_STORE (terraform output store), or apply terraform/platform, which makes the database.",
		},
	}
}

func stateBucket(ctx context.Context, e *exam) {
	switch {
	case e.world.StateBucket == "":
		e.skip("GANGWAY_STATE_BUCKET isn't set: Terraform's state stays beside the stacks")
		return
	case e.world.Bucket == nil:
		e.absent("Bucket")
		return
	}
	b, err := e.world.Bucket(ctx, e.world.StateBucket)
	switch {
	case errors.Is(err, preview.ErrNotFound):
		e.fail("", "there is no bucket %s", e.world.StateBucket)
	case err != nil:
		e.unread(err)
	case !b.Versioned:
		e.fail("", "%s keeps no former versions", e.world.StateBucket)
	case b.Public:
		e.warn("gcloud storage buckets update gs://"+e.world.StateBucket+" --public-access-prevention", "nothing prevents objects of %s from being public", e.world.StateBucket)
	default:
		e.ok("%s keeps former versions", e.world.StateBucket)
	}
}

func store(ctx context.Context, e *exam) {
	if e.world.Store == nil {
		e.absent("Store")
		return
	}
	if err := e.world.Store(ctx); err != nil {
		if e.world.Denied != nil && e.world.Denied(err) {
			e.unread(err)
			return
		}
		e.fail("", "%v", err)
		return
	}
	e.ok("answers")
}

func gatewayChecks() []Check {
	const group = "gateways"
	return []Check{
		{
			Name: "apis", Group: group, Asks: "whether the API shards are there and ACTIVE", of: shards, one: shard,
			Remedy: "Apply terraform/platform (api_shards), or correct apis in the configuration.",
		},
		{
			Name: "api-configs", Group: group, Asks: "how many of 100 configs each API shard has", of: shards, one: configs,
			Remedy: "Add a shard (api_shards in terraform/platform, apis in the configuration), or delete configs that no gateway uses.",
		},
		{
			Name: "api-count", Group: group, Asks: "how many of 50 APIs the project has", run: apiCount,
			Remedy: "Delete APIs that nobody needs, or ask Google for more. Previews need no more than the shards.",
		},
		{
			Name: "api-gateways", Group: group, Asks: "how many of 50 gateways the region has", run: gateways,
			Remedy: "Delete gateways that nobody needs, lower limit in previews, or ask Google for more.",
		},
	}
}

// shards are the APIs of all gateways, each once.
func shards(e *exam) []subject {
	var all []subject
	for _, g := range e.environment().Gateways {
		for _, api := range g.APIs {
			if !slices.ContainsFunc(all, func(s subject) bool { return s.name == api }) {
				all = append(all, subject{name: api})
			}
		}
	}
	return all
}

func shard(ctx context.Context, e *exam, s subject) {
	if e.world.Gateways == nil {
		e.absent("Gateways")
		return
	}
	state, err := e.world.Gateways.API(ctx, e.environment().Project, s.name)
	switch {
	case errors.Is(err, preview.ErrNotFound):
		e.fail("", "there is no such API in project %s", e.environment().Project)
	case err != nil:
		e.unread(err)
	case state != "ACTIVE":
		e.fail("Wait if it is being made; delete it and apply terraform/platform if it failed.", "it is %s", state)
	default:
		e.ok("%s", state)
	}
}

func configs(ctx context.Context, e *exam, s subject) {
	if e.world.Gateways == nil {
		e.absent("Gateways")
		return
	}
	n, err := e.world.Gateways.CountConfigs(ctx, e.environment().Project, s.name)
	switch {
	case errors.Is(err, preview.ErrNotFound):
		e.skip("there is no such API: see apis")
	case err != nil:
		e.unread(err)
	default:
		e.full(n, maxConfigs, "configs")
	}
}

// askable tells whether API Gateway can be asked about the environment; else it has said why not.
func askable(e *exam) bool {
	switch {
	case e.catalog == nil:
		e.skip("the configuration can't be read")
	case e.world.Gateways == nil:
		e.absent("Gateways")
	default:
		return true
	}
	return false
}

func apiCount(ctx context.Context, e *exam) {
	if !askable(e) {
		return
	}
	n, err := e.world.Gateways.CountAPIs(ctx, e.environment().Project)
	if err != nil {
		e.unread(err)
		return
	}
	e.full(n, maxAPIs, "APIs in "+e.environment().Project)
}

func gateways(ctx context.Context, e *exam) {
	if !askable(e) {
		return
	}
	environment := e.environment()
	n, err := e.world.Gateways.CountGateways(ctx, environment.Project, environment.Region)
	if err != nil {
		e.unread(err)
		return
	}
	e.full(n, maxGateways, "gateways in "+environment.Region)
}

func buildChecks() []Check {
	const group = "builds"
	return []Check{
		{
			Name: "accounts", Group: group, Asks: "whether the service accounts that the configuration names are there and enabled", of: accounts, one: account,
			Remedy: "Apply terraform/platform, or correct the e-mail address in the configuration.",
		},
		{
			Name: "images", Group: group, Asks: "whether the image repository is there", of: images, one: image,
			Remedy: "Apply terraform/platform, or correct images in the configuration (terraform output images).",
		},
		{
			Name: "source-bucket", Group: group, Asks: "whether the bucket that builds get their sources by is there, if one is configured", of: sources, one: source,
			Remedy: "Apply terraform/platform, or correct source_bucket in the configuration (terraform output sources_bucket).",
		},
	}
}

// accounts are those of builds, gateways and revisions, each once.
func accounts(e *exam) []subject {
	environment := e.environment()
	emails := []string{environment.Build.ServiceAccount, environment.Build.Fork.ServiceAccount}
	for _, g := range environment.Gateways {
		emails = append(emails, g.BackendServiceAccount)
		for _, s := range g.Services {
			emails = append(emails, s.Preview.ServiceAccount)
		}
	}
	return each(emails)
}

// images are the repositories of images, that of forks too.
func images(e *exam) []subject {
	b := e.environment().Build
	return each([]string{b.Images, b.Fork.Images})
}

// sources is the bucket that builds get their sources by, if there is one.
func sources(e *exam) []subject { return each([]string{e.environment().Build.SourceBucket}) }

func source(ctx context.Context, e *exam, s subject) {
	if e.world.Bucket == nil {
		e.absent("Bucket")
		return
	}
	b, err := e.world.Bucket(ctx, s.name)
	switch {
	case errors.Is(err, preview.ErrNotFound):
		e.fail("", "there is no such bucket")
	case err != nil:
		e.unread(err)
	case b.Public:
		e.warn("gcloud storage buckets update gs://"+s.name+" --public-access-prevention", "nothing prevents its objects, which are source code, from being public")
	default:
		e.ok("there")
	}
}

// each makes subjects of names, each once.
func each(names []string) []subject {
	var all []subject
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if name != "" {
			all = append(all, subject{name: name})
		}
	}
	return all
}

func account(ctx context.Context, e *exam, s subject) {
	if e.world.IAM == nil {
		e.absent("IAM")
		return
	}
	enabled, err := e.world.IAM.Account(ctx, s.name)
	switch {
	case errors.Is(err, preview.ErrNotFound):
		e.fail("", "there is no such account")
	case err != nil:
		e.unread(err)
	case !enabled:
		e.fail("gcloud iam service-accounts enable "+s.name, "it is disabled")
	default:
		e.ok("there and enabled; who may act as it was not looked at")
	}
}

func image(ctx context.Context, e *exam, s subject) {
	if e.world.Images == nil {
		e.absent("Images")
		return
	}
	err := e.world.Images(ctx, s.name)
	switch {
	case errors.Is(err, preview.ErrNotFound):
		e.fail("", "there is no such repository")
	case err != nil:
		e.unread(err)
	default:
		e.ok("there")
	}
}
