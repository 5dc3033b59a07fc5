// Package site finds where a preview lives as the configuration says now, and knows the numeric ids of the configured
// repositories. Both use cases share it.
package site

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/preview"
)

// ErrNotConfigured says that the configuration knows no such place.
var ErrNotConfigured = errors.New("not configured")

// GitHub is what is asked of GitHub here.
type GitHub interface {
	Repository(ctx context.Context, fullName string) (preview.Repository, error)
}

// A Site is where a preview lives, as the configuration says now.
type Site struct {
	Key         preview.Key
	Catalog     *catalog.Catalog
	Environment *catalog.Environment
	Gateway     *catalog.Gateway
	Repository  preview.Repository  // as GitHub says
	Declared    *catalog.Repository // as the configuration says
}

// Service returns a service of the gateway; a *[preview.UserError] says that it is not there any more.
func (s Site) Service(name string) (*catalog.Service, error) {
	service, ok := s.Gateway.Service(name)
	if !ok {
		return nil, &preview.UserError{
			Summary: fmt.Sprintf("The service %s is not in the configuration any more", name),
			Hint:    "Ask your operator, or push a commit so that the services are looked at again.",
		}
	}
	return service, nil
}

// Ref names a service's Cloud Run service.
func (s Site) Ref(service *catalog.Service) preview.ServiceRef {
	return preview.ServiceRef{Project: s.Environment.Project, Region: s.Environment.Region, Name: service.CloudRun}
}

// Build names a build.
func (s Site) Build(id string) preview.BuildRef {
	return preview.BuildRef{Project: s.Environment.Project, Region: s.BuildRegion(), ID: id}
}

// BuildRegion is where images are built.
func (s Site) BuildRegion() string {
	if s.Environment.Build.Region != "" {
		return s.Environment.Build.Region
	}
	return s.Environment.Region
}

// A Finder finds sites. It is safe for concurrent use.
type Finder struct {
	catalog func() *catalog.Catalog
	github  GitHub

	mu    sync.Mutex
	known map[string]knownRepository // by the name in the configuration
}

type knownRepository struct {
	repository preview.Repository
	read       time.Time
}

// New makes a finder; c returns the newest valid configuration.
func New(c func() *catalog.Catalog, github GitHub) *Finder {
	return &Finder{catalog: c, github: github, known: map[string]knownRepository{}}
}

// Catalog is the newest valid configuration.
func (f *Finder) Catalog() *catalog.Catalog { return f.catalog() }

// Find finds where key lives. [ErrNotConfigured]: nowhere.
func (f *Finder) Find(ctx context.Context, key preview.Key) (Site, error) {
	repository, declared, err := f.ByID(ctx, key.Repository)
	if err != nil {
		return Site{}, err
	}
	return f.place(key, repository, declared)
}

// FindKnown is [Finder.Find] for a repository that GitHub has told of before; it asks nobody.
func (f *Finder) FindKnown(key preview.Key, repository preview.Repository) (Site, error) {
	for _, name := range []string{repository.Declared, repository.FullName()} { // it may have been renamed
		if declared, ok := f.catalog().Repository(name); ok {
			return f.place(key, repository, declared)
		}
	}
	return Site{}, fmt.Errorf("repository %q: %w", repository.FullName(), ErrNotConfigured)
}

// FindFormer is where a preview lived whose gateway or repository has left the configuration: enough to take it in. The
// gateway has no services, and all API shards of the environment. [ErrNotConfigured]: the environment has left too, and with it
// the knowledge of where anything is.
func (f *Finder) FindFormer(key preview.Key, repository preview.Repository) (Site, error) {
	c := f.catalog()
	environment, ok := c.Environment(key.Environment)
	if !ok {
		return Site{}, fmt.Errorf("environment %q: %w", key.Environment, ErrNotConfigured)
	}
	gateway := catalog.Gateway{Name: key.Gateway}
	for n := range environment.Gateways {
		gateway.APIs = append(gateway.APIs, environment.Gateways[n].APIs...)
	}
	slices.Sort(gateway.APIs)
	gateway.APIs = slices.Compact(gateway.APIs)
	return Site{
		Key: key, Catalog: c, Environment: environment, Gateway: &gateway, Repository: repository,
		Declared: &catalog.Repository{Name: repository.FullName()},
	}, nil
}

func (f *Finder) place(key preview.Key, repository preview.Repository, declared *catalog.Repository) (Site, error) {
	c := f.catalog()
	environment, ok := c.Environment(key.Environment)
	if !ok {
		return Site{}, fmt.Errorf("environment %q: %w", key.Environment, ErrNotConfigured)
	}
	gateway, ok := environment.Gateway(key.Gateway)
	if !ok {
		return Site{}, fmt.Errorf("gateway %q: %w", key.Gateway, ErrNotConfigured)
	}
	return Site{
		Key: key, Catalog: c, Environment: environment, Gateway: gateway, Repository: repository, Declared: declared,
	}, nil
}

// Keys are the previews that a pull request of a repository may have.
func Keys(c *catalog.Catalog, declared *catalog.Repository, repository int64, number int) []preview.Key {
	var list []preview.Key
	for _, g := range c.GatewaysOf(declared.Name) {
		list = append(list, preview.Key{
			Environment: c.Previews.Environment, Gateway: g.Name, Repository: repository, PullRequest: number,
		})
	}
	return list
}

// Siblings are all previews that the pull request may have, on one gateway each, in the order in which its comment shows them.
// The first one's worker writes the comment. It is empty when the repository has left the configuration.
func (s Site) Siblings() []preview.Key {
	return Keys(s.Catalog, s.Declared, s.Key.Repository, s.Key.PullRequest)
}

// How long an answer of GitHub's counts: for ever so far as the id is concerned, but a repository may be renamed, or
// transferred to another installation.
const (
	repositoryFresh = 10 * time.Minute
	repositoryRetry = time.Minute // for an id that is not among the known ones
)

// ByID finds the configured repository with that id. [ErrNotConfigured]: there is none. [preview.ErrNotFound]: it is none
// of those that the App can see, but it can't see all. Messages name a repository by
// its id, which can't be taken over by renaming another one.
func (f *Finder) ByID(ctx context.Context, id int64) (preview.Repository, *catalog.Repository, error) {
	c := f.catalog()
	var problem error
	for _, limit := range []time.Duration{repositoryFresh, repositoryRetry} {
		for n := range c.Repositories {
			repository, err := f.read(ctx, c.Repositories[n].Name, limit)
			if err != nil {
				if problem == nil || !errors.Is(err, preview.ErrNotFound) {
					problem = err
				}
				continue
			}
			if repository.ID == id {
				return repository, &c.Repositories[n], nil
			}
		}
	}
	if problem != nil {
		return preview.Repository{}, nil, problem
	}
	return preview.Repository{}, nil, fmt.Errorf("repository %d: %w", id, ErrNotConfigured)
}

// ByName reads a configured repository; the answer may be some minutes old.
func (f *Finder) ByName(ctx context.Context, name string) (preview.Repository, error) {
	return f.read(ctx, name, repositoryFresh)
}

// read asks GitHub unless it has answered not longer ago than fresh.
func (f *Finder) read(ctx context.Context, name string, fresh time.Duration) (preview.Repository, error) {
	f.mu.Lock()
	known, ok := f.known[name]
	f.mu.Unlock()
	if ok && time.Since(known.read) < fresh {
		return known.repository, nil
	}
	repository, err := f.github.Repository(ctx, name)
	if err != nil {
		if ok && !errors.Is(err, preview.ErrNotFound) {
			return known.repository, nil // an old answer is better than none
		}
		return preview.Repository{}, fmt.Errorf("reading repository %s: %w", name, err)
	}
	repository.Declared = name
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[name] = knownRepository{repository: repository, read: time.Now()}
	return repository, nil
}
