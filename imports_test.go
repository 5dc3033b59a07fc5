// Package gangway_test holds the architecture as a table: which package may import what. It is a test of the source, so
// it compiles nothing and can't be fooled by build tags.
package gangway_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gangway-dev/gangway"

// A row says what one package may import. A name that ends in "/" stands for everything below it too; "." in internal
// is everything of this module.
type row struct {
	internal []string // packages of this module, as folders
	foreign  []string // modules or folders of modules of others
	tests    []string // what the package's tests may import beyond the row and testLibraries
}

// testLibraries may be imported by every test.
var testLibraries = []string{
	"github.com/google/go-cmp/", "golang.org/x/tools/txtar", "github.com/rogpeppe/go-internal/",
}

// Groups of rows that are alike.
var (
	google    = []string{"cloud.google.com/go/", "github.com/googleapis/gax-go/", "google.golang.org/", "golang.org/x/oauth2"}
	hcl       = []string{"github.com/hashicorp/hcl/v2/", "github.com/zclconf/go-cty/"}
	emulators = []string{"internal/emulator/", "internal/gateway", "internal/loopback"}
)

// The direction is cmd → use cases and adapters → core → standard library. Adapters never import each other. The
// emulators import nothing of the code under test, and neither does the checker.
var architecture = map[string]row{
	".": {},

	// Commands: they read their configuration and start what app or local puts together.
	"cmd/webhook":    {internal: []string{"internal/app", "internal/telemetry"}},
	"cmd/aggregator": {internal: []string{"internal/app", "internal/telemetry"}},
	"cmd/gangway":    {internal: []string{"."}, foreign: []string{"github.com/spf13/cobra", "github.com/mattn/go-isatty"}},

	// Wiring: the only packages that see adapters and use cases together.
	"internal/app": {
		internal: []string{"."},
		foreign:  []string{"github.com/prometheus/client_golang/", "github.com/sethvargo/go-envconfig", "golang.org/x/sync/"},
	},
	"internal/local": {internal: []string{"."}, foreign: []string{"golang.org/x/sync/", "go.yaml.in/yaml/v3"}},

	// Core: pure. No adapter, no network, no database.
	"internal/preview":             {},
	"internal/preview/previewtest": {internal: []string{"internal/preview"}, foreign: testLibraries},
	"internal/openapi": {
		internal: []string{"internal/preview"},
		foreign:  []string{"github.com/getkin/kin-openapi/", "go.yaml.in/yaml/v3"},
		tests:    []string{"internal/openapi/openapitest", "internal/gateway", "github.com/golang-jwt/jwt/v5"},
	},
	"internal/openapi/openapitest": {foreign: []string{"go.yaml.in/yaml/v3"}},
	"internal/apidiff":             {internal: []string{"internal/openapi"}, foreign: []string{"github.com/getkin/kin-openapi/", "github.com/oasdiff/"}},
	"internal/catalog": {
		internal: []string{"internal/preview"},
		foreign:  slices.Concat(hcl, []string{"github.com/agext/levenshtein", "github.com/bmatcuk/doublestar/v4"}),
	},
	"internal/release": {internal: []string{"internal/preview"}},
	"internal/report":  {internal: []string{"internal/preview"}, tests: []string{"github.com/yuin/goldmark/"}},

	// Use cases: they know the core and each other's vocabulary, and reach the world through ports of their own.
	"internal/site":    {internal: []string{"internal/catalog", "internal/openapi", "internal/preview"}},
	"internal/doctor":  {internal: []string{"internal/catalog", "internal/openapi", "internal/preview", "internal/site"}},
	"internal/setup":   {internal: []string{"internal/catalog", "internal/preview", "internal/telemetry"}, foreign: hcl},
	"internal/compose": {internal: []string{"internal/apidiff", "internal/catalog", "internal/openapi", "internal/site"}},
	"internal/worker":  {internal: []string{"internal/preview"}, tests: []string{"internal/sqlite"}},
	"internal/intake": {
		internal: []string{"internal/catalog", "internal/preview", "internal/site", "internal/telemetry", "internal/worker"},
		foreign:  []string{"golang.org/x/sync/"},
		tests:    []string{"internal/sqlite", "internal/preview/previewtest"},
	},
	"internal/reconcile": {
		internal: []string{
			"internal/apidiff", "internal/catalog", "internal/openapi", "internal/preview", "internal/report", "internal/site",
			"internal/telemetry", "internal/worker",
		},
		foreign: []string{"github.com/prometheus/client_golang/", "golang.org/x/sync/"},
		tests:   []string{"internal/sqlite", "internal/preview/previewtest"},
	},
	"internal/receive": {
		internal: []string{"internal/preview", "internal/telemetry"},
		foreign:  []string{"github.com/prometheus/client_golang/"},
		tests:    []string{"internal/server", "internal/receive/loadtest"},
	},
	"internal/receive/loadtest": {},

	// Adapters: one technology each; none knows another.
	"internal/github": {
		internal: []string{"internal/preview", "internal/report", "internal/telemetry"},
		foreign:  []string{"github.com/google/go-github/v60/", "github.com/golang-jwt/jwt/v5"},
		tests:    emulators,
	},
	"internal/pubsub":        {foreign: google, tests: emulators},
	"internal/cloudbuild":    {internal: []string{"internal/preview", "cloudbuild"}, foreign: append(google, "go.yaml.in/yaml/v3"), tests: emulators},
	"internal/cloudrun":      {internal: []string{"internal/preview", "internal/throttle"}, foreign: google, tests: append(emulators, "internal/release")},
	"internal/apigateway":    {internal: []string{"internal/preview", "internal/throttle"}, foreign: google, tests: emulators},
	"internal/monitoring":    {internal: []string{"internal/preview"}, foreign: google, tests: emulators},
	"internal/lookup":        {internal: []string{"internal/preview"}, foreign: google},
	"internal/secretmanager": {internal: []string{"internal/preview"}, foreign: google, tests: emulators},
	"internal/firestore":     {internal: []string{"internal/preview"}, foreign: google, tests: append(emulators, "internal/preview/previewtest")},
	"internal/terraform": {
		internal: []string{"internal/preview", "terraform"},
		foreign: slices.Concat(hcl, []string{
			"github.com/hashicorp/terraform-exec/", "github.com/hashicorp/terraform-json",
			"github.com/hashicorp/hc-install/", "github.com/hashicorp/go-version", "github.com/prometheus/client_golang/",
			"google.golang.org/api/", "golang.org/x/oauth2", // the bucket of states, beyond what Terraform does there
		}),
		tests: emulators,
	},
	"internal/platform": {internal: []string{"terraform"}, foreign: hcl, tests: google},
	"internal/sqlite": {
		internal: []string{"internal/preview"},
		foreign:  []string{"modernc.org/sqlite/"},
		tests:    []string{"internal/preview/previewtest"},
	},

	// Plumbing that knows nothing of previews.
	"internal/server":    {foreign: []string{"github.com/prometheus/client_golang/"}},
	"internal/telemetry": {},
	"internal/loopback":  {},
	"internal/throttle":  {},
	"internal/gateway": {
		internal: []string{"internal/loopback"},
		foreign:  []string{"github.com/golang-jwt/jwt/v5", "go.yaml.in/yaml/v3", "golang.org/x/sync/"},
	},

	// The far ends. They speak the providers' public APIs and know nothing of the code under test.
	"internal/emulator":            {internal: emulators, foreign: []string{"golang.org/x/sync/"}},
	"internal/emulator/googleapi":  {},
	"internal/emulator/apigateway": {internal: emulators, tests: google},
	"internal/emulator/cloudbuild": {
		internal: append(emulators, "cloudbuild"), foreign: []string{"github.com/google/uuid", "go.yaml.in/yaml/v3"},
		tests: append(google, "examples"),
	},
	"internal/emulator/cloudbuild/docker": {
		internal: emulators,
		foreign: []string{
			"github.com/moby/buildkit/frontend/", "github.com/compose-spec/compose-go/v2/", "github.com/bmatcuk/doublestar/v4",
			"github.com/spf13/pflag", "go.yaml.in/yaml/v3", "mvdan.cc/sh/v3/",
		},
	},
	"internal/emulator/cloudbuild/shell":     {internal: emulators, foreign: []string{"mvdan.cc/sh/v3/"}},
	"internal/emulator/cloudrun":             {internal: emulators, foreign: []string{"github.com/google/uuid"}, tests: google},
	"internal/emulator/conformance":          {},
	"internal/emulator/conformance/generate": {internal: []string{"internal/emulator/conformance"}},
	"internal/emulator/disk":                 {internal: emulators},
	"internal/emulator/logging":              {internal: emulators, tests: google},
	"internal/emulator/github": {
		internal: emulators,
		foreign: []string{
			"github.com/golang-jwt/jwt/v5", "github.com/google/uuid", "github.com/microcosm-cc/bluemonday", "github.com/yuin/goldmark/",
		},
		tests: []string{"github.com/google/go-github/v60/"},
	},
	"internal/emulator/gcloud":            {internal: emulators},
	"internal/emulator/gcloud/gcloudtest": {internal: emulators},
	"internal/emulator/identity":          {internal: emulators, foreign: []string{"github.com/golang-jwt/jwt/v5"}},
	"internal/emulator/image":             {internal: emulators},
	"internal/emulator/process":           {internal: emulators, foreign: []string{"golang.org/x/sys/"}},
	"internal/emulator/iam":               {internal: []string{"internal/emulator/conformance", "internal/emulator/googleapi"}},
	"internal/emulator/iam/iamtest":       {internal: []string{"internal/emulator/conformance", "internal/emulator/iam"}},
	"internal/emulator/provider": {
		internal: emulators,
		foreign:  []string{"github.com/hashicorp/", "google.golang.org/"},
	},
	"internal/emulator/secretmanager": {internal: emulators},
	"internal/emulator/storage":       {internal: emulators, tests: google},
	"internal/emulator/monitoring":    {internal: emulators},
	"internal/emulator/pubsub":        {internal: emulators, foreign: google},
	"internal/checker":                {internal: []string{"internal/loopback"}},

	// What users read: files, embedded.
	"terraform":  {},
	"cloudbuild": {tests: append(google, "internal/cloudbuild", "github.com/moby/buildkit/frontend/")},
	"examples":   {},

	"examples/shop/catalog":       {},
	"examples/shop/catalog/smoke": {},
	"examples/shop/orders":        {},
	"examples/shop/orders/smoke":  {},
	"examples/shop/users":         {},
	"examples/shop/users/smoke":   {},

	// Whole-system tests.
	"test/e2e": {
		internal: []string{"internal/checker", "internal/emulator/", "internal/loopback", "internal/local"},
		foreign:  []string{"golang.org/x/sync/"},
	},
}

// allows tells whether one of the names of a row covers a package or module path.
func allows(names []string, imported string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		below, tree := strings.CutSuffix(name, "/")
		return imported == below || (tree || strings.Contains(name, ".")) && strings.HasPrefix(imported, below+"/")
	})
}

// explain says why a file may not import what it does, or "".
func explain(file, imported string) string {
	folder := path.Dir(file)
	allowed, ok := architecture[folder]
	if !ok {
		return "package has no row in the table of imports_test.go"
	}
	internal, foreign := allowed.internal, allowed.foreign
	if strings.HasSuffix(file, "_test.go") {
		internal = slices.Concat(internal, allowed.tests, []string{folder})
		foreign = slices.Concat(foreign, allowed.tests, testLibraries)
	}
	first, _, _ := strings.Cut(imported, "/")
	own, isOwn := strings.CutPrefix(imported, module+"/")
	switch {
	case isOwn:
		if slices.Contains(internal, ".") || allows(internal, own) {
			return ""
		}
	case !strings.Contains(first, "."): // the standard library
		return ""
	case allows(foreign, imported):
		return ""
	}
	return "may not import " + imported
}

func TestImports(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	err := fs.WalkDir(os.DirFS("."), ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name != "." && (strings.HasPrefix(name, ".") || name == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		seen[path.Dir(file)] = true
		if _, ok := architecture[path.Dir(file)]; !ok {
			t.Errorf("%s: package has no row in the table of imports_test.go", file)
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := explain(file, imported); why != "" {
				t.Errorf("%s: %s", file, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !seen["internal/preview"] {
		t.Error("the walk did not see internal/preview")
	}
}

// The table itself keeps to the direction, so that a careless new row shows.
func TestArchitectureKeepsItsDirection(t *testing.T) {
	t.Parallel()
	farEnds := func(name string) bool {
		return allows(emulators, strings.TrimSuffix(name, "/")) || name == "cloudbuild"
	}
	core := []string{"internal/preview", "internal/openapi", "internal/catalog", "internal/release", "internal/report"}
	adapters := []string{
		"internal/github", "internal/pubsub", "internal/cloudbuild", "internal/cloudrun", "internal/apigateway",
		"internal/firestore", "internal/terraform", "internal/sqlite", "internal/secretmanager", "internal/lookup", "internal/monitoring",
	}
	for folder, r := range architecture {
		for _, name := range r.internal {
			if allows([]string{"internal/emulator/"}, folder) && !farEnds(name) {
				t.Errorf("%s: an emulator may not import %s", folder, name)
			}
			if slices.Contains(core, folder) && !slices.Contains(core, name) {
				t.Errorf("%s: the core may not import %s", folder, name)
			}
			if slices.Contains(adapters, folder) && slices.Contains(adapters, name) {
				t.Errorf("%s: an adapter may not import the adapter %s", folder, name)
			}
		}
		for _, name := range r.foreign {
			only := map[string]string{
				"github.com/google/go-github/": "internal/github", "github.com/hashicorp/terraform-exec/": "internal/terraform",
			}
			for prefix, owner := range only {
				if strings.HasPrefix(name, prefix) && folder != owner {
					t.Errorf("%s: only %s may import %s", folder, owner, name)
				}
			}
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, imported string
		allowed        bool
	}{
		{"internal/preview/state.go", "encoding/json", true},
		{"internal/preview/state.go", "golang.org/x/sync/errgroup", false},
		{"internal/preview/state.go", module + "/internal/sqlite", false},
		{"internal/preview/state_test.go", "github.com/google/go-cmp/cmp", true},
		{"internal/preview/state_test.go", module + "/internal/preview", true},
		{"internal/preview/state_test.go", module + "/internal/preview/previewtest", false},
		{"internal/github/github.go", "github.com/google/go-github/v60/github", true},
		{"internal/intake/intake.go", "github.com/google/go-github/v60/github", false},
		{"internal/cloudrun/run.go", module + "/internal/cloudbuild", false},
		{"internal/cloudrun/run.go", module + "/internal/emulator/cloudrun", false},
		{"internal/cloudrun/run_test.go", module + "/internal/emulator/cloudrun", true},
		{"internal/emulator/github/github.go", module + "/internal/emulator/disk", true},
		{"internal/emulator/github/github.go", module + "/internal/github", false},
		{"internal/emulator/github/github_test.go", module + "/internal/github", false},
		{"internal/app/app.go", module + "/internal/sqlite", true},
		{"internal/unknown/x.go", "fmt", false},
	} {
		if why := explain(c.file, c.imported); (why == "") != c.allowed {
			t.Errorf("explain(%s, %s) = %q, want allowed %v", c.file, c.imported, why, c.allowed)
		}
	}
}
