package app

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const pinConfig = `
installation = "test"
repository "acme/shop" {}
environment "development" {
  project = "acme-dev"
  region  = "europe-west1"
  build {
    images          = "europe-west1-docker.pkg.dev/acme-dev/previews"
    service_account = "build@acme-dev.iam.gserviceaccount.com"
  }
  gateway "shop" {
    apis                    = ["shop-previews-1"]
    backend_service_account = "gateway@acme-dev.iam.gserviceaccount.com"
    service "orders" {
      repository = "acme/shop"
      paths      = ["orders/**"]
      openapi    = "orders/openapi.yaml"
      cloud_run  = "shop-orders"
    }
  }
}
`

// The service's traffic is written anew with the latest revision by name, under the etag that was read.
func TestPin(t *testing.T) {
	config := filepath.Join(t.TempDir(), "gangway.hcl")
	if err := os.WriteFile(config, []byte(pinConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	const name = "projects/acme-dev/locations/europe-west1/services/shop-orders"
	latest := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		traffic := `{"type":"TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST","percent":100}`
		if !latest {
			traffic = `{"type":"TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION","revision":"shop-orders-00007-abc","percent":100}`
		}
		switch {
		case r.URL.Path != "/v2/"+name:
			w.WriteHeader(http.StatusNotFound)
		case r.Method == http.MethodPatch:
			if got := r.URL.Query().Get("updateMask"); got != "traffic" {
				t.Errorf("updateMask = %q", got)
			}
			latest = false
			_, _ = w.Write([]byte(`{"name":"projects/acme-dev/locations/europe-west1/operations/1","done":true,"response":{"@type":"type.googleapis.com/google.cloud.run.v2.Service"}}`))
		default:
			_, _ = w.Write([]byte(`{"name":"` + name + `","etag":"\"1\"","traffic":[` + traffic + `],
				"latestReadyRevision":"` + name + `/revisions/shop-orders-00007-abc"}`))
		}
	}))
	defer server.Close()
	t.Setenv("GANGWAY_CLOUD_RUN_ENDPOINT", server.URL)
	log := slog.New(slog.DiscardHandler)
	for _, c := range []struct{ environment, service, want, err string }{
		{service: "orders", want: "shop-orders serves shop-orders-00007-abc by name now"},
		{service: "orders", want: "nothing to do"},
		{service: "order", err: `no service "order"; it has orders`},
		{environment: "production", service: "orders", err: `no environment "production"`},
	} {
		told, err := Pin(t.Context(), config, c.environment, c.service, log)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("Pin(%q, %q) = %v; want an error with %q", c.environment, c.service, err, c.err)
			}
		case err != nil:
			t.Errorf("Pin(%q) = %v", c.service, err)
		case c.want != "nothing to do" && !holds(told,
			"gcloud run services update-traffic shop-orders --to-tags=next=100 --region=europe-west1 --project=acme-dev",
			"ignore_changes = [traffic]", "- revisionName: shop-orders-00007-abc", "no_traffic: true"):
			t.Errorf("Pin(%q) lacks a way of deploying:\n%s", c.service, told)
		case !strings.Contains(told, c.want):
			t.Errorf("Pin(%q) = %q; want %q in it", c.service, told, c.want)
		}
	}
}

func holds(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}
