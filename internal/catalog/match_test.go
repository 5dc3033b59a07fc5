package catalog

import (
	"path"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
)

func TestTouched(t *testing.T) {
	s := &Service{Paths: []string{"orders/**", "go.{mod,sum}", "lib/*/api.go"}}
	for path, want := range map[string]bool{
		"orders":               true,
		"orders/main.go":       true,
		"orders/a/b/c.go":      true,
		"go.mod":               true,
		"go.sum":               true,
		"lib/x/api.go":         true,
		"lib/x/y/api.go":       false,
		"Orders/main.go":       false,
		"services/orders/a.go": false,
		"go.work":              false,
		"":                     false,
		"../orders/main.go":    false,
		"orders/[":             true,
		"orders/\x00\xff":      true,
		"docs/orders/**":       false,
	} {
		if got := s.Touched([]string{"README.md", path}); got != want {
			t.Errorf("Touched(%q) = %t, want %t", path, got, want)
		}
	}
	if s.Touched(nil) {
		t.Error("touched by nothing")
	}
}

func shop() *Catalog {
	service := func(name, repository string) Service {
		return Service{Name: name, Repository: repository, Paths: []string{name + "/**", "go.mod"}}
	}
	return &Catalog{
		Repositories: []Repository{{Name: "acme/shop"}, {Name: "acme/users"}},
		Previews:     Previews{Environment: "development"},
		Environments: []Environment{
			{Name: "production", Gateways: []Gateway{{Name: "live", Services: []Service{service("orders", "acme/shop")}}}},
			{Name: "development", Gateways: []Gateway{
				{Name: "admin", Services: []Service{service("staff", "acme/users")}},
				{Name: "shop", Services: []Service{
					service("catalog", "acme/shop"), service("orders", "acme/shop"), service("users", "acme/users"),
				}},
			}},
		},
	}
}

func TestChanged(t *testing.T) {
	g := &shop().Environments[1].Gateways[1]
	tests := map[string]struct {
		repository string
		files      preview.Files
		want       []string
	}{
		"one":             {"acme/shop", preview.Files{Paths: []string{"orders/a.go"}, Complete: true}, []string{"orders"}},
		"shared":          {"acme/shop", preview.Files{Paths: []string{"go.mod"}, Complete: true}, []string{"catalog", "orders"}},
		"none":            {"acme/shop", preview.Files{Paths: []string{"README.md"}, Complete: true}, nil},
		"incomplete":      {"acme/shop", preview.Files{Paths: []string{"README.md"}}, []string{"catalog", "orders"}},
		"other case":      {"ACME/Users", preview.Files{Paths: []string{"users/a"}, Complete: true}, []string{"users"}},
		"not theirs":      {"acme/users", preview.Files{Paths: []string{"orders/a"}, Complete: true}, nil},
		"other incomplet": {"acme/nothing", preview.Files{}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, g.Changed(tt.repository, tt.files)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestGatewaysOf(t *testing.T) {
	c := shop()
	for repository, want := range map[string][]string{
		"acme/shop": {"shop"}, "acme/users": {"admin", "shop"}, "Acme/Shop": {"shop"}, "acme/none": nil,
	} {
		var got []string
		for _, g := range c.GatewaysOf(repository) {
			got = append(got, g.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("GatewaysOf(%q) (-want +got):\n%s", repository, diff)
		}
	}
	if got := (&Catalog{}).GatewaysOf("acme/shop"); got != nil {
		t.Errorf("an empty catalog has %v", got)
	}
	if r, ok := c.Repository("ACME/shop"); !ok || r.Name != "acme/shop" {
		t.Errorf("Repository = %v, %t", r, ok)
	}
}

// A source changes with the files that change the service, its document, and how it is built; with nothing else.
func TestSource(t *testing.T) {
	g := &shop().Environments[1].Gateways[1]
	service, _ := g.Service("orders")
	tree := preview.Tree{Complete: true, Entries: []preview.TreeEntry{
		{Path: "README.md", Mode: "100644", SHA: "1"}, {Path: "go.mod", Mode: "100644", SHA: "2"}, {Path: "orders/a.go", Mode: "100644", SHA: "3"},
	}}
	with := func(n int, e preview.TreeEntry) preview.Tree {
		changed := preview.Tree{Complete: true, Entries: slices.Clone(tree.Entries)}
		changed.Entries[n] = e
		return changed
	}
	source := service.Source(tree)
	if len(source) != 40 || source != service.Source(with(0, preview.TreeEntry{Path: "README.md", Mode: "100644", SHA: "9"})) {
		t.Errorf("source %q changes with a file of nobody's", source)
	}
	other := *service
	other.Build.Dockerfile = "another"
	for what, got := range map[string]string{
		"content":    service.Source(with(2, preview.TreeEntry{Path: "orders/a.go", Mode: "100644", SHA: "9"})),
		"mode":       service.Source(with(2, preview.TreeEntry{Path: "orders/a.go", Mode: "100755", SHA: "3"})),
		"name":       service.Source(with(2, preview.TreeEntry{Path: "orders/b.go", Mode: "100644", SHA: "3"})),
		"shared":     service.Source(with(1, preview.TreeEntry{Path: "go.mod", Mode: "100644", SHA: "9"})),
		"Dockerfile": service.Source(with(0, preview.TreeEntry{Path: service.Build.Dockerfile, Mode: "100644", SHA: "1"})),
		"ignored":    service.Source(with(0, preview.TreeEntry{Path: path.Join(service.Build.Context, ".dockerignore"), Mode: "100644", SHA: "1"})),
		"build":      other.Source(tree), "context": service.Source(tree, "x"), "document": service.Source(with(0, preview.TreeEntry{Path: service.OpenAPI, Mode: "100644", SHA: "1"})),
	} {
		if got == source || len(got) != 40 {
			t.Errorf("%s: %q", what, got)
		}
	}
	if got := service.Source(preview.Tree{Entries: tree.Entries}); got != "" {
		t.Errorf("an incomplete tree has the source %q", got)
	}
}
