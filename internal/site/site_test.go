package site_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/site"
)

var errDown = errors.New("does not answer")

// A hub is GitHub: repositories by name, or why they can't be read.
type hub struct {
	ids   map[string]int64
	fail  map[string]error
	calls int
}

func (h *hub) Repository(_ context.Context, name string) (preview.Repository, error) {
	h.calls++
	if err := h.fail[name]; err != nil {
		return preview.Repository{}, err
	}
	id, ok := h.ids[name]
	if !ok {
		return preview.Repository{}, preview.ErrNotFound
	}
	return preview.Repository{ID: id, Owner: "acme", Name: name[len("acme/"):]}, nil
}

func shop() *catalog.Catalog {
	return &catalog.Catalog{
		Repositories: []catalog.Repository{{Name: "acme/shop"}, {Name: "acme/users"}},
		Previews:     catalog.Previews{Environment: "development"},
		Environments: []catalog.Environment{
			{Name: "development", Project: "p", Region: "r", Gateways: []catalog.Gateway{
				{Name: "admin", Services: []catalog.Service{{Name: "users", Repository: "acme/users"}}},
				{Name: "shop", Services: []catalog.Service{{Name: "orders", Repository: "acme/shop"}, {Name: "profiles", Repository: "acme/users"}}},
			}},
		},
	}
}

func key(repository int64) preview.Key {
	return preview.Key{Environment: "development", Gateway: "shop", Repository: repository, PullRequest: 42}
}

func TestFind(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		key  preview.Key
		fail map[string]error
		want error
	}{
		"known":                          {key: key(7)},
		"another repository":             {key: key(9), want: site.ErrNotConfigured},
		"no such gateway":                {key: preview.Key{Environment: "development", Gateway: "x", Repository: 7, PullRequest: 1}, want: site.ErrNotConfigured},
		"no such environment":            {key: preview.Key{Environment: "x", Gateway: "shop", Repository: 7, PullRequest: 1}, want: site.ErrNotConfigured},
		"known, another one is away":     {key: key(7), fail: map[string]error{"acme/users": preview.ErrNotFound}},
		"unknown, one can't be seen":     {key: key(9), fail: map[string]error{"acme/users": preview.ErrNotFound}, want: preview.ErrNotFound},
		"unknown, one does not answer":   {key: key(9), fail: map[string]error{"acme/shop": errDown}, want: errDown},
		"unknown, neither can be read":   {key: key(9), fail: map[string]error{"acme/shop": errDown, "acme/users": preview.ErrNotFound}, want: errDown},
		"unknown, in the opposite order": {key: key(9), fail: map[string]error{"acme/shop": preview.ErrNotFound, "acme/users": errDown}, want: errDown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := site.New(shop, &hub{ids: map[string]int64{"acme/shop": 7, "acme/users": 8}, fail: tt.fail})
			got, err := f.Find(t.Context(), tt.key)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err == nil && (got.Repository.Declared != "acme/shop" || got.Repository.Renamed() || got.Repository.ID != tt.key.Repository || got.Declared.Name != "acme/shop" || got.Gateway.Name != "shop") {
				t.Errorf("found %+v", got)
			}
		})
	}
}

// An old answer is better than none, but not than "there is none": a repository may have been renamed.
func TestAnswersAreKept(t *testing.T) {
	t.Parallel()
	h := &hub{ids: map[string]int64{"acme/shop": 7, "acme/users": 8}}
	f := site.New(shop, h)
	for range 3 {
		if _, err := f.Find(t.Context(), key(7)); err != nil {
			t.Fatal(err)
		}
	}
	if h.calls != 1 {
		t.Errorf("GitHub was asked %d times, want once", h.calls)
	}
}

func TestFindKnown(t *testing.T) {
	t.Parallel()
	h := &hub{}
	f := site.New(shop, h)
	place, err := f.FindKnown(key(7), preview.Repository{ID: 7, Owner: "acme", Name: "shop"})
	if err != nil || place.Environment.Project != "p" || h.calls != 0 {
		t.Errorf("%+v, %v, %d calls", place, err, h.calls)
	}
	renamed := preview.Repository{ID: 7, Owner: "acme", Name: "store", Declared: "acme/shop"}
	if place, err := f.FindKnown(key(7), renamed); err != nil || place.Declared.Name != "acme/shop" || place.Repository.Name != "store" {
		t.Errorf("a repository that was renamed: %+v, %v", place, err)
	}
	renamed = preview.Repository{ID: 7, Owner: "acme", Name: "shop", Declared: "acme/former"}
	if place, err := f.FindKnown(key(7), renamed); err != nil || place.Declared.Name != "acme/shop" {
		t.Errorf("a repository whose new name the configuration has since: %+v, %v", place, err)
	}
	if _, err := f.FindKnown(key(7), preview.Repository{ID: 7, Owner: "acme", Name: "gone"}); !errors.Is(err, site.ErrNotConfigured) {
		t.Errorf("a repository that has left the configuration: %v", err)
	}
}

// What has left the configuration can be taken in as long as the environment is there.
func TestFindFormer(t *testing.T) {
	t.Parallel()
	c := shop()
	c.Environments[0].Gateways[0].APIs, c.Environments[0].Gateways[1].APIs = []string{"b", "a"}, []string{"b"}
	f := site.New(func() *catalog.Catalog { return c }, &hub{})
	former := preview.Key{Environment: "development", Gateway: "gone", Repository: 9, PullRequest: 1}
	repository := preview.Repository{ID: 9, Owner: "acme", Name: "gone"}
	got, err := f.FindFormer(former, repository)
	if err != nil || got.Environment.Project != "p" || got.Gateway.Name != "gone" || len(got.Gateway.Services) > 0 ||
		!slices.Equal(got.Gateway.APIs, []string{"a", "b"}) || got.Repository != repository || got.Declared.Name != "acme/gone" {
		t.Errorf("%+v, %v", got, err)
	}
	former.Environment = "staging"
	if _, err := f.FindFormer(former, repository); !errors.Is(err, site.ErrNotConfigured) {
		t.Errorf("in an environment that is gone: %v", err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	c := shop()
	for n, want := range []int{1, 2} { // acme/shop has services on one gateway, acme/users on two
		keys := site.Keys(c, &c.Repositories[n], 7, 42)
		if len(keys) != want {
			t.Errorf("%s: %v, want %d", c.Repositories[n].Name, keys, want)
		}
		for _, k := range keys {
			if !k.Valid() || k.Environment != "development" || k.PullRequest != 42 {
				t.Errorf("key %v", k)
			}
		}
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	f := site.New(shop, &hub{ids: map[string]int64{"acme/shop": 7}})
	place, err := f.Find(t.Context(), key(7))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := place.Service("orders"); err != nil {
		t.Error(err)
	}
	if _, ok := errors.AsType[*preview.UserError](func() error { _, err := place.Service("gone"); return err }()); !ok {
		t.Error("a service that has left the configuration is nothing that people are told of")
	}
	if place.BuildRegion() != "r" || place.Build("b") != (preview.BuildRef{Project: "p", Region: "r", ID: "b"}) {
		t.Errorf("built in %s, %v", place.BuildRegion(), place.Build("b"))
	}
}
