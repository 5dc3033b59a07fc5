package doctor

import (
	"context"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/preview"
)

// A World is all that is looked at. What is nil can't be asked, for the reason that Absent has under its field's name.
type World struct {
	Configuration func() (*catalog.Catalog, error)
	GitHub        GitHub
	GitHubError   error  // why there is no GitHub: the App's id or key is missing, or is none
	Repositories  Source // reads documents
	CloudRun      CloudRun
	IAM           IAM
	PubSub        PubSub
	Waiting       func(ctx context.Context, project, subscription string) (n int64, seen bool, err error)
	Bucket        func(ctx context.Context, name string) (Bucket, error)
	Images        func(ctx context.Context, repository string) error
	Store         func(ctx context.Context) error // nil: Absent says why
	Gateways      Gateways
	Reach         func(ctx context.Context, url string) (status int, err error) // a GET, without following redirects
	Terraform     func(ctx context.Context) (version string, err error)         // preview.ErrNotFound: none in PATH
	Lock          func() (content []byte, found bool)                           // of Terraform's providers

	Absent      map[string]string
	GoogleError error // why Google Cloud can't be asked at all: there are no credentials

	PubSubProject string            // "" is that of the previews' environment
	Topics        map[string]string // topic → its subscription
	MadeTopics    bool              // the commands make topics themselves: no dead letters
	StateBucket   string            // "" keeps Terraform's state on disk

	Required Required
	Denied   func(error) bool // want of a permission

	Deadline time.Duration // of one check
	Now      func() time.Time
}

// Required is what the App needs.
type Required struct {
	Permissions map[string]string
	Events      []string
}

// GitHub is what the App may ask.
type GitHub interface {
	App(ctx context.Context) (App, error)
	Hook(ctx context.Context) (Hook, error)
	DeliveriesSince(ctx context.Context, since time.Time) (Deliveries, error)
	Installation(ctx context.Context, repository string) (Installation, error)
}

// An App is how GitHub has the App registered.
type App struct {
	Slug, Name, Owner string
	Organization      bool
	Page              string
	Permissions       map[string]string
	Events            []string
	Date              time.Time // GitHub's clock
}

// A Hook is the App's webhook.
type Hook struct {
	URL         string
	JSON        bool
	InsecureSSL bool
	Secret      bool
}

// Deliveries is how deliveries went.
type Deliveries struct {
	Attempts, Failed int
	LastFailure      string
	LastFailed       time.Time
}

// An Installation is the App on a repository.
type Installation struct {
	ID          int64
	Suspended   bool
	Permissions map[string]string
	Page        string
}

// Source reads repositories.
type Source interface {
	Repository(ctx context.Context, fullName string) (preview.Repository, error)
	BranchHead(ctx context.Context, repo preview.Repository, branch string) (string, error)
	Content(ctx context.Context, repo preview.Repository, file, sha string) ([]byte, error)
}

// CloudRun reads services.
type CloudRun interface {
	Look(ctx context.Context, ref preview.ServiceRef) (Look, error)
	Looks(ctx context.Context, project, region string) ([]Look, error)
	CountRevisions(ctx context.Context, ref preview.ServiceRef) (int, error)
	Labels(ctx context.Context, ref preview.ServiceRef, revision string) (map[string]string, error)
	Roles(ctx context.Context, ref preview.ServiceRef) (map[string][]string, error)
}

// A Look is a service.
type Look struct {
	Ref     preview.ServiceRef
	Labels  map[string]string
	Ingress string
	Follows bool
	Live    string
	Tags    []string
}

// IAM reads accounts and roles.
type IAM interface {
	Account(ctx context.Context, email string) (enabled bool, err error)
	RolePermissions(ctx context.Context, role string) ([]string, error)
	ProjectRoles(ctx context.Context, project string) (map[string][]string, error)
}

// PubSub reads topics and subscriptions.
type PubSub interface {
	Topic(ctx context.Context, project, name string) (subscriptions []string, err error)
	Subscription(ctx context.Context, project, name string) (Subscription, error)
}

// A Subscription is as Pub/Sub has it. Topics are named without their project.
type Subscription struct {
	Topic      string
	Expires    time.Duration // without a reader; 0 is never
	DeadLetter string        // topic; "" for none
}

// Gateways reads API Gateway.
type Gateways interface {
	API(ctx context.Context, project, api string) (state string, err error)
	CountConfigs(ctx context.Context, project, api string) (int, error)
	CountAPIs(ctx context.Context, project string) (int, error)
	CountGateways(ctx context.Context, project, region string) (int, error)
}

// A Bucket is a bucket of Cloud Storage.
type Bucket struct {
	Versioned bool
	Public    bool
}

// known is what several checks need. What is asked of others is asked once.
type known struct {
	world      World
	catalog    *catalog.Catalog // nil: catalogErr
	catalogErr error

	base  context.Context //nolint:containedctx // of answers that checks share: no check's own
	app   func() (App, error)
	mu    sync.Mutex
	looks map[preview.ServiceRef]func() (Look, error)
}

func newKnown(ctx context.Context, w World) *known {
	k := &known{world: w, base: ctx, looks: map[preview.ServiceRef]func() (Look, error){}}
	k.catalog, k.catalogErr = w.Configuration()
	k.app = sync.OnceValues(func() (App, error) {
		ctx, cancel := context.WithTimeout(ctx, w.Deadline)
		defer cancel()
		return w.GitHub.App(ctx)
	})
	return k
}

// look reads a service once.
func (k *known) look(ref preview.ServiceRef) (Look, error) {
	k.mu.Lock()
	ask := k.looks[ref]
	if ask == nil {
		ask = sync.OnceValues(func() (Look, error) {
			ctx, cancel := context.WithTimeout(k.base, k.world.Deadline)
			defer cancel()
			return k.world.CloudRun.Look(ctx, ref)
		})
		k.looks[ref] = ask
	}
	k.mu.Unlock()
	return ask()
}

// absent says that a part of the world is not there to be asked.
func (e *exam) absent(field string) {
	why := e.world.Absent[field]
	if why == "" {
		why = "there is nobody to ask"
	}
	e.skip("%s", why)
}
