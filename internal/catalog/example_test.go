package catalog

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

const exampleFile = "../../gangway.example.hcl"

func readExample(t *testing.T) string {
	t.Helper()
	src, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

func TestExampleLoads(t *testing.T) {
	c, err := Load(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	if c.Previews.Environment != "development" || c.Previews.ExpireAfter != 72*time.Hour || c.Previews.Limit != 30 {
		t.Errorf("previews = %+v", c.Previews)
	}
	g, ok := c.PreviewEnvironment().Gateway("shop")
	if !ok {
		t.Fatal("no gateway shop")
	}
	got, _ := g.Service("orders")
	want := &Service{
		Name: "orders", Repository: "acme/shop", Paths: []string{"orders/**", "go.mod", "go.sum"},
		OpenAPI: "orders/openapi.yaml", CloudRun: "orders", CommitLabel: "commit-sha",
		Build: Build{Context: ".", Dockerfile: "orders/Dockerfile", ComposeTest: "orders/compose.test.yaml"},
		Calls: []Call{{Service: "catalog", URLEnv: "CATALOG_URL", AudienceEnv: "CATALOG_AUDIENCE"}},
		Preview: PreviewSettings{
			ServiceAccount: "orders-preview@acme-dev.iam.gserviceaccount.com",
			Env:            map[string]string{"STAGE": "preview"},
			Secrets:        map[string]Secret{"DB_PASSWORD": {Name: "orders-preview-db-password", Version: "latest"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	if got := g.Security[0].JWT; got.Issuer != "https://securetoken.google.com/acme-dev" || got.Audiences[0] != "acme-dev" {
		t.Errorf("firebase = %+v", got)
	}
}

// TestExampleIsComplete holds the example to the parser: every name that any block may hold is in it, active or
// commented out.
func TestExampleIsComplete(t *testing.T) {
	src := readExample(t)
	file, diags := hclsyntax.ParseConfig([]byte(src), exampleFile, hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	names := map[string]string{}
	p := &parser{known: func(block, name string) { names[name] = block }}
	p.catalog(file.Body.(*hclsyntax.Body))
	if p.diags.HasErrors() || len(names) < 40 {
		t.Fatalf("%d names, %v", len(names), p.diags)
	}
	for name, block := range names {
		if !regexp.MustCompile(`(?m)^\s*(# )?` + name + `(\s+=| "[^"]+" \{| \{)`).MatchString(src) {
			t.Errorf("the example doesn't show %q of %s", name, block)
		}
	}
}

// TestExampleUncommented checks that what is commented out is valid too, and that where it is called a default, it is.
func TestExampleUncommented(t *testing.T) {
	src := regexp.MustCompile(`(?m)^(\s*)# ([a-z_]+\s+= )`).ReplaceAllString(readExample(t), "$1$2")
	if strings.Contains(src, "# access") {
		t.Fatal("nothing was uncommented")
	}
	files := fstest.MapFS{"orders-build.yaml": {Data: []byte("steps: []\n")}}
	all, err := Parse("gangway.hcl", []byte(src), files)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Load(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	// These are examples, not defaults.
	plain.Repositories[0].Connection = all.Repositories[0].Connection
	plain.Previews.RequireLabel, plain.Previews.ExcludeLabel = "preview", "no-preview"
	plain.Previews.Open, plain.Previews.Probe = "/products", "/products"
	plain.Environments[0].Build.SourceBucket = "acme-dev-gangway-sources"
	plain.Environments[0].Gateways[0].OpenAPI = "3.0"
	orders, _ := plain.Environments[0].Gateways[0].Service("orders")
	orders.Build.Config, orders.Build.ConfigFile = []byte("steps: []\n"), "orders-build.yaml"
	if diff := cmp.Diff(all, plain); diff != "" {
		t.Errorf("uncommented is not the default (-uncommented +plain):\n%s", diff)
	}
}
