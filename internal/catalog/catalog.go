// Package catalog is the operator's configuration: environments, gateways, services and policies. It reads HCL with
// precise diagnostics and holds no secrets, only names of where they are. It is read from a file of the deployment,
// never from a pull request.
package catalog

import (
	"strings"
	"time"
)

// A Catalog is a valid configuration. It is not changed after [Parse] has returned it.
type Catalog struct {
	Installation string // distinguishes installations that share a project; a DNS label of at most 20 characters
	Repositories []Repository
	Environments []Environment
	Previews     Previews
}

// A Repository is a GitHub repository that services live in.
type Repository struct {
	Name       string // owner/name
	Connection string // Cloud Build's repository resource (projects/*/locations/*/connections/*/repositories/*); "" builds from the source bucket or the clone URL
}

// An Environment is a project and a region with gateways.
type Environment struct {
	Name     string
	Project  string
	Region   string
	Build    BuildDefaults
	Gateways []Gateway
}

// BuildDefaults say how the images of an environment's previews are built.
type BuildDefaults struct {
	Region         string // of Cloud Build; "" is the environment's region
	ServiceAccount string // e-mail: may push to the image repository and write logs, nothing else
	Images         string // image repository, europe-west1-docker.pkg.dev/acme-dev/previews
	SourceBucket   string // bucket that builds get their sources by, where a repository is not connected; "" builds from the clone URL
	Fork           ForkBuild
	Timeout        time.Duration
	QueueTimeout   time.Duration
}

// ForkBuild says what is different for builds of pull requests from forks; the zero value: nothing but the cache.
type ForkBuild struct {
	ServiceAccount string // e-mail
	Images         string // image repository
}

// A Gateway is a named set of services behind one API gateway.
type Gateway struct {
	Name                  string
	Title                 string   // of the composed document
	OpenAPI               string   // the composed document's version, "2.0" or "3.0"; "": 2.0 when all services' documents are, else 3.0
	APIs                  []string // API shards that previews share
	BackendServiceAccount string   // e-mail of the account with which the gateway calls the services
	URL                   string   // of the environment's own gateway, "" when it isn't known
	Security              []SecurityDefinition
	Services              []Service // in the order of their names
}

// A SecurityDefinition is a way in which a gateway's callers identify themselves. Exactly one of JWT and APIKey is set.
type SecurityDefinition struct {
	Name   string
	JWT    *JWT
	APIKey *APIKey
}

// JWT is a token that API Gateway verifies. A `firebase` block of the configuration is one too.
type JWT struct {
	Issuer    string
	JWKSURI   string
	Audiences []string
}

// APIKey is a key in a query parameter or header.
type APIKey struct {
	In   string // "query" or "header"
	Name string // "key" or "x-api-key"
}

// A Service is a Cloud Run service, its place in a repository and its OpenAPI document.
type Service struct {
	Name        string
	Repository  string   // owner/name of one of the repositories
	Paths       []string // globs (doublestar) over the repository's paths: what changes the service
	OpenAPI     string   // path in the repository
	CloudRun    string   // the Cloud Run service's name; by default Name
	CommitLabel string   // label of a revision that holds the commit it was built from
	Build       Build
	Calls       []Call
	Preview     PreviewSettings
}

// Build says how a service's image is built.
type Build struct {
	Config      []byte // Cloud Build configuration; empty: Gangway's own cloudbuild/preview.yaml
	ConfigFile  string // where Config was read from, for messages
	Context     string // directory in the repository; by default the directory of OpenAPI
	Dockerfile  string // path in the repository; by default Context/Dockerfile
	ComposeTest string // path in the repository of a compose file whose service "test" must exit with 0; "" for none
	Pipeline    bool   // the team's own pipeline builds and deploys it, with `gangway deploy`: nothing is built here
}

// A Call says that a service calls another one, and how it learns where that one is.
type Call struct {
	Service     string // another service of the same gateway
	URLEnv      string // environment variable for its address
	AudienceEnv string // environment variable for the audience of the ID token
}

// PreviewSettings are what a preview's revision is given differently from the live revision.
type PreviewSettings struct {
	ServiceAccount string
	Env            map[string]string
	Secrets        map[string]Secret // environment variable → secret
}

// A Secret refers to Secret Manager.
type Secret struct {
	Name    string
	Version string // "latest" by default
}

// ForkPolicy says what becomes of pull requests from forks.
type ForkPolicy string

// Forks are never built unless somebody with write permission says so for the very commit that they saw.
const (
	ForksNever    ForkPolicy = "never"
	ForksApproved ForkPolicy = "approved" // carries the approval label, set after the head was pushed
)

// Access says who may call a preview.
type Access string

// Baseline access is what the services' documents say; api_key asks for a key on every operation in addition.
const (
	AccessBaseline Access = "baseline"
	AccessAPIKey   Access = "api_key"
)

// Previews is the policy for previews.
type Previews struct {
	Environment  string // in which they live
	Drafts       bool   // build drafts too
	Forks        ForkPolicy
	Bots         []string      // logins of bots that are built; others are blocked
	RequireLabel string        // only pull requests that carry it; "" for all
	ExcludeLabel string        // never pull requests that carry it; "" for none
	ExpireAfter  time.Duration // without a push; 0 is never
	Limit        int           // live previews in a gateway at most; 0 is no limit
	Open         string        // path that the link opens; "" to choose one
	Probe        string        // path that is called before the link is posted; "" is Open
	Access       Access
}

// Repository returns the repository of that owner/name; GitHub's names don't distinguish case.
func (c *Catalog) Repository(name string) (*Repository, bool) {
	for i := range c.Repositories {
		if strings.EqualFold(c.Repositories[i].Name, name) {
			return &c.Repositories[i], true
		}
	}
	return nil, false
}

// PreviewEnvironment is the environment in which previews live. A catalog that [Parse] returned has one.
func (c *Catalog) PreviewEnvironment() *Environment {
	e, _ := c.Environment(c.Previews.Environment)
	return e
}

// Environment returns the environment of that name.
func (c *Catalog) Environment(name string) (*Environment, bool) {
	for i := range c.Environments {
		if c.Environments[i].Name == name {
			return &c.Environments[i], true
		}
	}
	return nil, false
}

// Gateway returns an environment's gateway of that name.
func (e *Environment) Gateway(name string) (*Gateway, bool) {
	for i := range e.Gateways {
		if e.Gateways[i].Name == name {
			return &e.Gateways[i], true
		}
	}
	return nil, false
}

// Service returns a gateway's service of that name.
func (g *Gateway) Service(name string) (*Service, bool) {
	for i := range g.Services {
		if g.Services[i].Name == name {
			return &g.Services[i], true
		}
	}
	return nil, false
}
