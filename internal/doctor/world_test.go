package doctor_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/doctor"
	"github.com/gangway-dev/gangway/internal/preview"
)

const configuration = `
installation = "acme"
repository "acme/shop" {}
environment "development" {
  project = "acme-dev"
  region  = "europe-west1"
  build {
    images          = "europe-west1-docker.pkg.dev/acme-dev/acme-previews"
    service_account = "acme-build@acme-dev.iam.gserviceaccount.com"
    source_bucket   = "acme-dev-acme-sources"
  }
  gateway "shop" {
    apis                    = ["acme-previews-1", "acme-previews-2"]
    backend_service_account = "acme-gateway@acme-dev.iam.gserviceaccount.com"
    service "orders" {
      repository = "acme/shop"
      paths      = ["orders/**"]
      openapi    = "orders/openapi.yaml"
      preview {
        service_account = "acme-preview@acme-dev.iam.gserviceaccount.com"
      }
    }
    service "users" {
      repository = "acme/shop"
      paths      = ["users/**"]
      openapi    = "users/openapi.yaml"
    }
  }
}
`

const document = `openapi: 3.0.3
info: {title: %[1]s, version: "1"}
paths:
  /%[1]s:
    get:
      operationId: list%[1]s
      responses:
        "200": {description: all}
`

// errDenied is what a fake says to whoever lacks a permission.
var errDenied = errors.New("permission denied: some.thing.get")

var now = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// A fake is everything that is looked at, in data.
type fake struct {
	config       string
	google       error
	app          doctor.App
	hook         doctor.Hook
	deliveries   doctor.Deliveries
	installation doctor.Installation
	files        map[string]string
	looks        map[string]doctor.Look
	revisions    int
	labels       map[string]string
	roles        map[string][]string
	project      map[string][]string
	permissions  map[string][]string
	accounts     map[string]bool
	topics       map[string][]string
	subs         map[string]doctor.Subscription
	waiting      int64
	bucket       doctor.Bucket
	apis         map[string]string
	configs      int
	gateways     int
	allAPIs      int
	sources      doctor.Bucket
	status       int
	version      string
	lock         string

	fails map[string]error  // what is asked → what it answers
	names map[string]string // service → another name on Cloud Run than its own
}

// rename gives a service another name on Cloud Run, which the configuration's own reader may have refused.
func (f *fake) rename(service, name string) {
	f.names = map[string]string{service: name}
	f.looks[name] = f.looks[service]
	delete(f.looks, service)
}

func (f *fake) configuration() (*catalog.Catalog, error) {
	c, err := catalog.Parse("gangway.hcl", []byte(f.config), nil)
	if err != nil {
		return nil, err
	}
	for service, name := range f.names {
		s, _ := c.Environments[0].Gateways[0].Service(service)
		s.CloudRun = name
	}
	return c, nil
}

// healthy is an installation as terraform/platform and gangway init make it.
func healthy() *fake {
	f := &fake{
		config: configuration,
		app: doctor.App{
			Slug: "gangway-acme", Name: "Gangway acme", Owner: "acme", Organization: true, Page: "https://github.com/apps/gangway-acme",
			Permissions: map[string]string{"metadata": "read", "contents": "read", "pull_requests": "write"},
			Events:      []string{"pull_request"}, Date: now,
		},
		hook:       doctor.Hook{URL: "https://hook.example.com/github/webhook", JSON: true, Secret: true},
		deliveries: doctor.Deliveries{Attempts: 12},
		files:      map[string]string{}, looks: map[string]doctor.Look{}, revisions: 17,
		labels:      map[string]string{"commit-sha": strings.Repeat("ab", 20)},
		roles:       map[string][]string{"projects/acme-dev/roles/acme_gateway_services": {"serviceAccount:acme-gateway@acme-dev.iam.gserviceaccount.com"}},
		project:     map[string][]string{},
		permissions: map[string][]string{"projects/acme-dev/roles/acme_gateway_services": {"run.routes.invoke"}, "roles/viewer": {"run.services.get"}},
		accounts:    map[string]bool{}, topics: map[string][]string{}, subs: map[string]doctor.Subscription{},
		bucket: doctor.Bucket{Versioned: true}, apis: map[string]string{"acme-previews-1": "ACTIVE", "acme-previews-2": "ACTIVE"},
		configs: 3, gateways: 4, allAPIs: 5, sources: doctor.Bucket{}, status: 405, version: "1.11.4",
		lock:  "provider \"registry.terraform.io/hashicorp/google-beta\" {\n  hashes = [\"h1:abc=\"]\n}\n",
		fails: map[string]error{},
	}
	f.installation = doctor.Installation{ID: 1, Permissions: maps.Clone(f.app.Permissions), Page: "https://github.com/organizations/acme/settings/installations/1"}
	for _, name := range []string{"orders", "users"} {
		f.files[name+"/openapi.yaml"] = fmt.Sprintf(document, name)
		f.looks[name] = doctor.Look{Ingress: "all", Live: name + "-00001-abc", Tags: []string{"pr-1"}}
	}
	for _, name := range []string{"build", "gateway", "preview"} {
		f.accounts["acme-"+name+"@acme-dev.iam.gserviceaccount.com"] = true
	}
	for topic, name := range topics {
		f.topics[topic] = []string{name}
		f.topics[name+"-dead-letter"] = []string{name + "-dead-letter"}
		f.subs[name] = doctor.Subscription{Topic: topic, DeadLetter: name + "-dead-letter"}
	}
	return f
}

var topics = map[string]string{"pull-requests": "intake-pull-requests", "previews": "aggregator-previews"}

func (f *fake) world() doctor.World {
	return doctor.World{
		Configuration: f.configuration,
		GitHub:        f, Repositories: f, CloudRun: f, IAM: f, PubSub: f, Gateways: f,
		Waiting: func(context.Context, string, string) (int64, bool, error) { return f.waiting, true, f.fails["waiting"] },
		Bucket: func(_ context.Context, name string) (doctor.Bucket, error) {
			if name == "acme-dev-acme-sources" {
				return f.sources, f.fails["sources"]
			}
			return f.bucket, f.fails["bucket"]
		},
		Images: func(context.Context, string) error { return f.fails["images"] },
		Store:  func(context.Context) error { return f.fails["store"] },
		Reach:  func(context.Context, string) (int, error) { return f.status, f.fails["reach"] },
		Terraform: func(context.Context) (string, error) {
			return f.version, f.fails["terraform"]
		},
		Lock:   func() ([]byte, bool) { return []byte(f.lock), f.lock != "" },
		Topics: topics, StateBucket: "acme-dev-acme-state",
		Required: doctor.Required{
			Permissions: map[string]string{"metadata": "read", "contents": "read", "pull_requests": "write"}, Events: []string{"pull_request"},
		},
		Denied: func(err error) bool { return errors.Is(err, errDenied) },
		Absent: map[string]string{}, GoogleError: f.google, Now: func() time.Time { return now },
	}
}

func (f *fake) App(context.Context) (doctor.App, error)   { return f.app, f.fails["app"] }
func (f *fake) Hook(context.Context) (doctor.Hook, error) { return f.hook, f.fails["hook"] }
func (f *fake) DeliveriesSince(context.Context, time.Time) (doctor.Deliveries, error) {
	return f.deliveries, f.fails["deliveries"]
}

func (f *fake) Installation(context.Context, string) (doctor.Installation, error) {
	return f.installation, f.fails["installation"]
}

func (f *fake) Repository(_ context.Context, name string) (preview.Repository, error) {
	owner, name, _ := strings.Cut(name, "/")
	return preview.Repository{ID: 1, Owner: owner, Name: name, DefaultBranch: "main"}, f.fails["repository"]
}

func (f *fake) BranchHead(context.Context, preview.Repository, string) (string, error) {
	return strings.Repeat("c", 40), nil
}

func (f *fake) Content(_ context.Context, _ preview.Repository, file, _ string) ([]byte, error) {
	if text, ok := f.files[file]; ok {
		return []byte(text), nil
	}
	return nil, preview.ErrNotFound
}

func (f *fake) Look(_ context.Context, ref preview.ServiceRef) (doctor.Look, error) {
	look, ok := f.looks[ref.Name]
	if !ok {
		return look, preview.ErrNotFound
	}
	return look, f.fails["look"]
}

func (f *fake) Looks(context.Context, string, string) ([]doctor.Look, error) {
	return slices.Collect(maps.Values(f.looks)), f.fails["looks"]
}

func (f *fake) CountRevisions(context.Context, preview.ServiceRef) (int, error) {
	return f.revisions, f.fails["revisions"]
}

func (f *fake) Labels(context.Context, preview.ServiceRef, string) (map[string]string, error) {
	return f.labels, f.fails["labels"]
}

func (f *fake) Roles(context.Context, preview.ServiceRef) (map[string][]string, error) {
	return f.roles, f.fails["roles"]
}

func (f *fake) Account(_ context.Context, email string) (bool, error) {
	enabled, ok := f.accounts[email]
	if !ok {
		return false, preview.ErrNotFound
	}
	return enabled, f.fails["account"]
}

func (f *fake) RolePermissions(_ context.Context, role string) ([]string, error) {
	return f.permissions[role], f.fails["role"]
}

func (f *fake) ProjectRoles(context.Context, string) (map[string][]string, error) {
	return f.project, f.fails["project"]
}

func (f *fake) Topic(_ context.Context, _, name string) ([]string, error) {
	subscriptions, ok := f.topics[name]
	if !ok {
		return nil, preview.ErrNotFound
	}
	return subscriptions, f.fails["topic"]
}

func (f *fake) Subscription(_ context.Context, _, name string) (doctor.Subscription, error) {
	s, ok := f.subs[name]
	if !ok {
		return s, preview.ErrNotFound
	}
	return s, f.fails["subscription"]
}

func (f *fake) API(_ context.Context, _, api string) (string, error) {
	state, ok := f.apis[api]
	if !ok {
		return "", preview.ErrNotFound
	}
	return state, f.fails["api"]
}

func (f *fake) CountConfigs(_ context.Context, _, api string) (int, error) {
	if _, ok := f.apis[api]; !ok {
		return 0, preview.ErrNotFound
	}
	return f.configs, f.fails["configs"]
}

func (f *fake) CountAPIs(context.Context, string) (int, error) { return f.allAPIs, f.fails["allAPIs"] }

func (f *fake) CountGateways(context.Context, string, string) (int, error) {
	return f.gateways, f.fails["gateways"]
}

// findings are the results of a status, one a line: check, subject, status.
func findings(report doctor.Report, statuses ...doctor.Status) []string {
	var all []string
	for _, r := range report.Results {
		if slices.Contains(statuses, r.Status) {
			all = append(all, strings.TrimSpace(strings.Join([]string{string(r.Status), r.Check, r.Subject}, " ")))
		}
	}
	return all
}

func run(t *testing.T, w doctor.World) doctor.Report {
	t.Helper()
	return doctor.Run(t.Context(), w)
}
