package provider_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/provider"
)

// TestFailedOperation: a resource whose creation ends with an error is not in the state, and exists all the same.
func TestFailedOperation(t *testing.T) {
	api := newFakeAPI(t)
	w := newWorkspace(t, api)
	api.failNext["gateways"] = map[string]any{"code": 13, "message": "something broke"}
	w.write(shop("c1", "one", ""))
	out, err := w.run("apply", "-auto-approve")
	if want := "Error waiting to create Gateway: Error waiting for Creating Gateway: Error code 13, message: something broke"; err == nil || !strings.Contains(flat(out), want) {
		t.Errorf("%q is not in\n%s", want, out)
	}
	if out := w.must("state", "list"); strings.Contains(out, "gateway_gateway") || !strings.Contains(out, "api_config") {
		t.Errorf("state:\n%s", out)
	}
	out, err = w.run("apply", "-auto-approve")
	if want := "Error creating Gateway: googleapi: Error 409: Resource 'projects/shop-dev/locations/europe-west1/gateways/shop-pr-1' already exists"; err == nil || !strings.Contains(flat(out), want) {
		t.Errorf("%q is not in\n%s", want, out)
	}

	w.must("import", "google_api_gateway_gateway.shop", "europe-west1/shop-pr-1")
	w.must("apply", "-auto-approve")
	if out, err := w.run("plan", "-detailed-exitcode"); err != nil {
		t.Errorf("a plan after the import has changes:\n%s", out)
	}
}

// TestBusyFarEnd: what is answered with 429 or 503 is repeated; an operation may be unknown for a while.
func TestBusyFarEnd(t *testing.T) {
	api := newFakeAPI(t)
	w := newWorkspace(t, api)
	api.answers["POST apis"] = []int{429}
	api.answers["POST configs"] = []int{503}
	api.answers["GET operations"] = []int{404, 404, 0, 404}
	w.write(shop("c1", "one", ""))
	w.must("apply", "-auto-approve")
	if got := strings.Count(strings.Join(api.trace(), "\n"), "POST"); got != 5 {
		t.Errorf("%d creations, want 3 and 2 repeated", got)
	}
}

// TestGone: what somebody else has deleted leaves the state and is made again.
func TestGone(t *testing.T) {
	api := newFakeAPI(t)
	w := newWorkspace(t, api)
	w.write(shop("c1", "one", ""))
	w.must("apply", "-auto-approve")
	api.mu.Lock()
	delete(api.resources, projectPath+"europe-west1/gateways/shop-pr-1")
	api.mu.Unlock()
	api.trace()
	w.must("apply", "-auto-approve")
	if got := strings.Join(api.trace(), "\n"); !strings.Contains(got, "POST europe-west1/gateways") {
		t.Errorf("not made again:\n%s", got)
	}
	api.mu.Lock()
	clear(api.resources)
	api.mu.Unlock()
	w.must("destroy", "-auto-approve", "-refresh=false")
}

func TestRefusedArguments(t *testing.T) {
	api := newFakeAPI(t)
	w := newWorkspace(t, api)
	const api1 = "\nresource \"google_api_gateway_api\" \"shop\" {\n  provider = google-beta\n  api_id   = \"shop\"\n"
	const config = "\nresource \"google_api_gateway_api_config\" \"shop\" {\n  provider = google-beta\n  api = \"shop\"\n"
	for name, tc := range map[string]struct{ hcl, want string }{
		"no document":     {config + "}\n", "one of `grpc_services,openapi_documents` must be specified"},
		"not base64":      {config + "  openapi_documents {\n    document {\n      path = \"a.yaml\"\n      contents = \"?\"\n    }\n  }\n}\n", "to be a base64 string"},
		"id and prefix":   {config + "  api_config_id = \"a\"\n  api_config_id_prefix = \"b\"\n}\n", "conflicts with"},
		"unknown":         {api1 + "  region = \"europe-west1\"\n}\n", "An argument named \"region\" is not expected here"},
		"unknown gateway": {api1 + "  streaming_mode = \"x\"\n}\n", "is not expected here"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.write(tc.hcl)
			if out, err := w.run("plan"); err == nil || !strings.Contains(flat(out), tc.want) {
				t.Errorf("%q is not in\n%s", tc.want, out)
			}
		})
	}
	w.t = t
	w.write(api1 + "  deletion_policy = \"PREVENT\"\n}\n")
	w.must("apply", "-auto-approve")
	if out, err := w.run("destroy", "-auto-approve"); err == nil || !strings.Contains(flat(out), "cannot destroy") {
		t.Errorf("deletion_policy PREVENT:\n%s", out)
	}
	w.write(api1 + "  deletion_policy = \"ABANDON\"\n}\n")
	w.must("apply", "-auto-approve")
	api.trace()
	w.must("destroy", "-auto-approve")
	if got := strings.Join(api.trace(), "\n"); strings.Contains(got, "DELETE") {
		t.Errorf("deletion_policy ABANDON deletes:\n%s", got)
	}
}

func TestProviderBlock(t *testing.T) {
	api := newFakeAPI(t)
	w := newWorkspace(t, api)
	w.write("\nresource \"google_api_gateway_api\" \"shop\" {\n  provider = google-beta\n  api_id   = \"shop\"\n}\n")
	w.env["GOOGLE_OAUTH_ACCESS_TOKEN"] = ""
	if out, err := w.run("plan"); err == nil || !strings.Contains(flat(out), "no credentials") {
		t.Errorf("without a token:\n%s", out)
	}
	w.env["GOOGLE_OAUTH_ACCESS_TOKEN"] = "t"
	w.env["GOOGLE_API_GATEWAY_CUSTOM_ENDPOINT"] = api.URL
	if out, err := w.run("plan"); err == nil || !strings.Contains(flat(out), "doesn't match regexp") {
		t.Errorf("endpoint without version:\n%s", out)
	}
}

// TestServe: instances are independent, and stopping is safe at any time.
func TestServe(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		served, stop, err := provider.Serve(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if seen[served.Address] {
			t.Errorf("two instances at %s", served.Address)
		}
		seen[served.Address] = true
		stop()
		stop()
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, stop, err := provider.Serve(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	stop()
}

// flat undoes the line breaks and margins of Terraform's messages.
func flat(out string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(out, "│", " ")), " ")
}
