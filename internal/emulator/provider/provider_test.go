package provider_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log" //nolint:depguard // the plugin SDK writes to it, and the test looks at what
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/emulator/provider"
)

// workspace is a root module that the real Terraform applies with the served provider.
type workspace struct {
	t   *testing.T
	dir string
	env map[string]string
	bin string
}

func newWorkspace(t *testing.T, api *fakeAPI) *workspace {
	t.Helper()
	bin, err := exec.LookPath("terraform")
	if err != nil {
		if strings.Contains(os.Getenv("GANGWAY_REQUIRE"), "terraform") {
			t.Fatal("terraform is required and not in PATH")
		}
		t.Skip("terraform is not in PATH")
	}
	return &workspace{t: t, dir: t.TempDir(), bin: bin, env: map[string]string{
		"GOOGLE_API_GATEWAY_CUSTOM_ENDPOINT": api.URL + "/v1beta/",
		"GOOGLE_OAUTH_ACCESS_TOKEN":          "token-of-a-test",
	}}
}

// run runs a Terraform command with an instance of the provider.
func (w *workspace) run(arguments ...string) (string, error) {
	w.t.Helper()
	served, stop, err := provider.Serve(w.t.Context(), func(name string) string { return w.env[name] })
	if err != nil {
		w.t.Fatal(err)
	}
	defer stop()
	entry, err := json.Marshal(map[string]any{provider.Address: map[string]any{
		"Protocol": served.Protocol, "ProtocolVersion": served.ProtocolVersion, "Pid": served.Pid, "Test": served.Test,
		"Addr": map[string]string{"Network": served.Network, "String": served.Address},
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(w.t.Context(), w.bin, arguments...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "TF_REATTACH_PROVIDERS="+string(entry), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1",
		"TF_INPUT=0", "TF_CLI_ARGS=-no-color", "TF_CLI_CONFIG_FILE="+os.DevNull)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *workspace) must(arguments ...string) string {
	w.t.Helper()
	out, err := w.run(arguments...)
	if err != nil {
		w.t.Fatalf("terraform %v: %v\n%s", arguments, err, out)
	}
	return out
}

// write writes the root module, with init when it is the first.
func (w *workspace) write(hcl string) {
	w.t.Helper()
	path := filepath.Join(w.dir, "main.tf")
	_, err := os.Stat(path)
	if err := os.WriteFile(path, []byte(settings+hcl), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err != nil {
		w.must("init")
	}
}

const settings = `
terraform {
  required_providers {
    google-beta = {
      source  = "hashicorp/google-beta"
      version = "~> 7.45"
    }
  }
}

provider "google-beta" {
  project       = "shop-dev"
  region        = "europe-west1"
  poll_interval = "5ms"
}
`

// shop is an API with a config and a gateway.
func shop(config, document, labels string) string {
	return strings.NewReplacer("CONFIG", config, "CONTENTS", base64.StdEncoding.EncodeToString([]byte(document)), "LABELS", labels).Replace(`
resource "google_api_gateway_api" "shop" {
  provider = google-beta
  api_id   = "shop"
}

resource "google_api_gateway_api_config" "shop" {
  provider      = google-beta
  api           = google_api_gateway_api.shop.api_id
  api_config_id = "CONFIG"
  labels        = { LABELS }

  openapi_documents {
    document {
      path     = "openapi.yaml"
      contents = "CONTENTS"
    }
  }

  gateway_config {
    backend_config {
      google_service_account = "gateway@shop-dev.iam.gserviceaccount.com"
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_api_gateway_gateway" "shop" {
  provider   = google-beta
  gateway_id = "shop-pr-1"
  api_config = google_api_gateway_api_config.shop.id
  labels     = { LABELS }
}

output "hostname" { value = google_api_gateway_gateway.shop.default_hostname }
`)
}

// TestLife follows the REST calls of a stack's whole life; they are those that the real provider makes.
func TestLife(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	api := newFakeAPI(t)
	w := newWorkspace(t, api)

	const provisioned = `"goog-terraform-provisioned":"true"`
	const backend = `"gatewayConfig":{"backendConfig":{"googleServiceAccount":"gateway@shop-dev.iam.gserviceaccount.com"}},`
	expect := func(step string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, api.trace()); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", step, diff)
		}
	}

	w.write(shop("c1", "one", `"gangway" = "local"`))
	out := w.must("apply", "-auto-approve")
	if !strings.Contains(out, `hostname = "gw-abc.ew.gateway.dev"`) {
		t.Errorf("no hostname in\n%s", out)
	}
	expect("create",
		`POST global/apis?apiId=shop {"labels":{`+provisioned+`}}`,
		`GET global/apis/shop`,
		`POST global/apis/shop/configs?apiConfigId=c1 {`+backend+`"labels":{"gangway":"local",`+provisioned+`},"openapiDocuments":[{"document":{"contents":"b25l","path":"openapi.yaml"}}]}`,
		`GET global/apis/shop/configs/c1?view=FULL`,
		`POST europe-west1/gateways?gatewayId=shop-pr-1 {"apiConfig":"projects/shop-dev/locations/global/apis/shop/configs/c1","labels":{"gangway":"local",`+provisioned+`}}`,
		`GET europe-west1/gateways/shop-pr-1`,
	)
	if got := api.header.Get("Authorization"); got != "Bearer token-of-a-test" {
		t.Errorf("Authorization %q", got)
	}
	if got := api.header.Get("User-Agent"); !strings.HasPrefix(got, "Terraform/1.") || !strings.Contains(got, "terraform-provider-google-beta/") {
		t.Errorf("User-Agent %q", got)
	}

	reads := []string{
		`GET global/apis/shop`,
		`GET global/apis/shop/configs/c1?view=FULL`,
		`GET europe-west1/gateways/shop-pr-1`,
	}
	if out, err := w.run("plan", "-detailed-exitcode"); err != nil {
		t.Fatalf("a second plan has changes: %v\n%s", err, out)
	}
	expect("plan without changes", reads...)

	w.write(shop("c2", "two", `"gangway" = "local"`))
	w.must("apply", "-auto-approve")
	expect("another document", append(reads,
		`POST global/apis/shop/configs?apiConfigId=c2 {`+backend+`"labels":{"gangway":"local",`+provisioned+`},"openapiDocuments":[{"document":{"contents":"dHdv","path":"openapi.yaml"}}]}`,
		`GET global/apis/shop/configs/c2?view=FULL`,
		`PATCH europe-west1/gateways/shop-pr-1?updateMask=apiConfig {"apiConfig":"projects/shop-dev/locations/global/apis/shop/configs/c2","labels":{"gangway":"local",`+provisioned+`}}`,
		`GET europe-west1/gateways/shop-pr-1`,
		`DELETE global/apis/shop/configs/c1`,
	)...)

	w.write(shop("c2", "two", `"gangway" = "other"`))
	w.must("apply", "-auto-approve")
	got := strings.Join(api.trace(), "\n")
	for _, want := range []string{
		`PATCH global/apis/shop/configs/c2?updateMask=labels {"labels":{"gangway":"other",` + provisioned + `},"openapiDocuments"`,
		`PATCH europe-west1/gateways/shop-pr-1?updateMask=labels {`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("other labels: %s is not among\n%s", want, got)
		}
	}

	w.must("destroy", "-auto-approve")
	expect("destroy",
		`GET global/apis/shop`, `GET global/apis/shop/configs/c2?view=FULL`, `GET europe-west1/gateways/shop-pr-1`,
		`DELETE europe-west1/gateways/shop-pr-1`, `DELETE global/apis/shop/configs/c2`, `DELETE global/apis/shop`,
	)
	if logged.Len() > 0 {
		t.Errorf("the provider wrote to the process's log:\n%s", logged.String())
	}
}
