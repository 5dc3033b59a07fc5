package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gangway-dev/gangway/internal/preview"
)

// How long builds may take and wait when the configuration doesn't say, and at most (Cloud Build's own limit).
const (
	defaultTimeout      = 20 * time.Minute
	defaultQueueTimeout = 30 * time.Minute
	maxBuild            = 24 * time.Hour
)

// An environmentReader reads one environment and what is in it.
type environmentReader struct {
	*parser
	catalog  *Catalog
	name     string
	previews bool   // previews live in it
	cloudRun claims // Cloud Run services of the environment
}

func (p *parser) environment(b *hclsyntax.Block, c *Catalog, seen claims) Environment {
	s := p.scope(b)
	name := s.label(isName)
	seen.claim(p, name.value, name.at, "Environment %q is declared twice", "Put the content of both blocks into one.")
	r := environmentReader{parser: p, catalog: c, name: name.value, cloudRun: claims{}}
	r.previews = name.value != "" && name.value == p.previews
	e := Environment{
		Name:    name.value,
		Project: s.requiredText("project", "acme-dev", isProject).value,
		Region:  s.requiredText("region", "europe-west1", isRegion).value,
	}
	e.Build = r.buildDefaults(s, e)
	seen = claims{}
	for _, g := range s.blocks("gateway", "shop") {
		e.Gateways = append(e.Gateways, r.gateway(g, seen))
	}
	if r.previews && len(e.Gateways) == 0 {
		p.wrong(s.header, `Add to it: gateway "shop" { … }. Previews live in this environment.`, "No gateway in %s", s)
	}
	s.finish()
	return e
}

func (r environmentReader) buildDefaults(s *scope, e Environment) BuildDefaults {
	d := BuildDefaults{Region: e.Region, Timeout: defaultTimeout, QueueTimeout: defaultQueueTimeout}
	inner, ok := s.only("build")
	if !ok {
		if _, miswritten := s.body.Attributes["build"]; r.previews && !miswritten {
			r.wrong(s.header, "Add to it: build { images = \"…\", service_account = \"…\" } on lines of their own. "+
				"Previews live in this environment.", "No build block in %s", s)
		}
		return d
	}
	d.Region = cmp.Or(inner.text("region", isRegion).value, d.Region)
	d.Images = inner.requiredText("images", "europe-west1-docker.pkg.dev/acme-dev/previews", isImages).value
	d.ServiceAccount = inner.requiredText("service_account", "preview-build@acme-dev.iam.gserviceaccount.com", isEmail).value
	d.SourceBucket = inner.text("source_bucket", isBucket).value
	d.Fork = r.forkBuild(inner, d)
	d.Timeout = inner.duration("timeout", d.Timeout, time.Second, maxBuild)
	d.QueueTimeout = inner.duration("queue_timeout", d.QueueTimeout, time.Second, maxBuild)
	inner.finish()
	return d
}

// forkBuild reads what is different for builds of pull requests from forks. Whoever may push to an image repository may
// write a cache there that others read, so one of the two alone would keep nothing apart.
func (r environmentReader) forkBuild(s *scope, d BuildDefaults) ForkBuild {
	inner, ok := s.only("fork")
	if !ok {
		return ForkBuild{}
	}
	images := inner.requiredText("images", "europe-west1-docker.pkg.dev/acme-dev/fork-previews", isImages)
	account := inner.requiredText("service_account", "fork-build@acme-dev.iam.gserviceaccount.com", isEmail)
	if images.value != "" && registry(images.value) == registry(d.Images) {
		r.wrong(images.at, "Take a repository of its own: rights are given on one as a whole, and the account of forks "+
			"must have none where the others push to and read their caches from.", "The images of forks go to the repository of all the others")
	}
	if account.value != "" && account.value == d.ServiceAccount {
		r.wrong(account.at, "Take another account, which may push to the fork's image repository only.",
			"Builds of forks run as the account of all the others")
	}
	inner.finish()
	return ForkBuild{ServiceAccount: account.value, Images: images.value}
}

// registry is the part of an image repository that has rights of its own: on Artifact Registry host, project and
// repository. https://cloud.google.com/artifact-registry/docs/docker/names
func registry(images string) string {
	parts := strings.SplitN(images, "/", 4)
	if strings.HasSuffix(parts[0], "-docker.pkg.dev") && len(parts) > 3 {
		parts = parts[:3]
	}
	return strings.Join(parts, "/")
}

func (r environmentReader) gateway(b *hclsyntax.Block, seen claims) Gateway {
	s := r.scope(b)
	name := s.label(isName)
	seen.claim(r.parser, name.value, name.at, "Gateway %q is declared twice", "Put the content of both blocks into one.")
	if r.previews {
		r.gatewayLength(name)
	}
	g := Gateway{
		Name:                  name.value,
		Title:                 cmp.Or(s.text("title", nil).value, name.value),
		OpenAPI:               s.text("openapi", isDocumentVersion).value,
		APIs:                  r.apis(s),
		BackendServiceAccount: s.requiredText("backend_service_account", "gateway@acme-dev.iam.gserviceaccount.com", isEmail).value,
		URL:                   strings.TrimRight(s.text("url", isURL).value, "/"),
	}
	g.Security = r.security(s)
	services := s.blocks("service", "orders")
	names := make([]string, 0, len(services))
	for _, inner := range services {
		names = append(names, inner.Labels[0])
	}
	claimed := claims{}
	for _, inner := range services {
		g.Services = append(g.Services, r.service(inner, names, claimed))
	}
	slices.SortStableFunc(g.Services, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	if len(services) == 0 {
		r.wrong(s.header, `Add to it: service "orders" { … }.`, "No service in %s", s)
	}
	if _, ok := g.APIKey(); !ok && r.previews && r.access == AccessAPIKey {
		r.wrong(s.header, `Add to it: security "api_key" { api_key { … } }, or set access = "baseline" in previews.`,
			"No API-key security in %s, but previews ask for a key", s)
	}
	s.finish()
	return g
}

// apis are the shards. Only previews need them.
func (r environmentReader) apis(s *scope) []string {
	var list []text
	if _, there := s.body.Attributes["apis"]; there || r.previews {
		list = s.requiredTexts("apis", "previews-1", isAPI)
	} else {
		list, _, _ = s.texts("apis", isAPI)
	}
	return values(list)
}

func values(list []text) []string {
	var all []string
	for _, t := range list {
		if t.value != "" {
			all = append(all, t.value)
		}
	}
	return all
}

// longest is the key of a gateway's preview with the longest names that the checks allow for.
func longest(gateway string) preview.Key {
	number := 1
	for range preview.MaxPullRequestDigits - 1 {
		number *= 10
	}
	return preview.Key{Gateway: gateway, PullRequest: number}
}

// gatewayLength checks that the gateways of previews can be named after this one.
func (r environmentReader) gatewayLength(name text) {
	id := longest(name.value).GatewayID()
	if over := len(id) - preview.MaxGatewayID; name.value != "" && over > 0 {
		r.wrong(name.at, fmt.Sprintf("Shorten it to %d characters: a preview's gateway is called like %q, and API Gateway "+
			"allows %d.", len(name.value)-over, id, preview.MaxGatewayID), "Gateway name %q is too long", name.value)
	}
}
