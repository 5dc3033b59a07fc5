package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A build configuration that Cloud Build would refuse is refused when the configuration is read, by file and service.
func TestBuildConfigurationsAreChecked(t *testing.T) {
	t.Parallel()
	const main = `
installation = "acme"
repository "acme/shop" {}
environment "development" {
  project = "acme-dev"
  region  = "europe-west1"
  build {
    images          = "europe-west1-docker.pkg.dev/acme-dev/previews"
    service_account = "build@acme-dev.iam.gserviceaccount.com"
  }
  gateway "shop" {
    apis                    = ["shop-1"]
    backend_service_account = "gateway@acme-dev.iam.gserviceaccount.com"
    service "orders" {
      repository = "acme/shop"
      paths      = ["orders/**"]
      openapi    = "orders/openapi.yaml"
      build { config = "orders-build.yaml" }
    }
  }
}
`
	const steps = "steps: [{name: ubuntu}]\nimages: [\"$_IMAGE:$_SHA\"]\n"
	for name, tt := range map[string]struct{ build, says string }{
		"good":       {steps + "options: {logging: CLOUD_LOGGING_ONLY}", ""},
		"no logging": {steps, "orders-build.yaml, the build configuration of service \"orders\": options.logging is"},
		"no YAML":    {"steps: [", "orders-build.yaml, the build configuration of service \"orders\": reading"},
	} {
		dir := t.TempDir()
		for file, text := range map[string]string{"gangway.hcl": main, "orders-build.yaml": tt.build} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := readConfiguration(filepath.Join(dir, "gangway.hcl"), slog.New(slog.DiscardHandler))
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
}
