package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/emulator/apigateway"
	runemulator "github.com/gangway-dev/gangway/internal/emulator/cloudrun"
	"github.com/gangway-dev/gangway/internal/emulator/identity"
	"github.com/gangway-dev/gangway/internal/emulator/image"
	"github.com/gangway-dev/gangway/internal/emulator/process"
	eventemulator "github.com/gangway-dev/gangway/internal/emulator/pubsub"
	"github.com/gangway-dev/gangway/internal/pubsub"
)

// revisionRole is set in the processes of revisions, which are this test binary.
const revisionRole = "GANGWAY_TEST_REVISION"

func TestMain(m *testing.M) {
	process.Main()
	if os.Getenv(revisionRole) != "" {
		server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), ReadHeaderTimeout: time.Minute}
		fmt.Println(server.ListenAndServe())
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// images are all this test binary.
type images struct{}

func (images) Get(string) (image.Image, error) {
	return image.Image{Config: image.Config{Entrypoint: []string{os.Args[0]}, Env: []string{revisionRole + "=1"}}, Root: os.TempDir()}, nil
}

const doctorConfig = `installation = "gangway"
repository "acme/shop" {}
environment "development" {
  project = "acme-dev"
  region  = "europe-west1"
  build {
    images          = "europe-west1-docker.pkg.dev/acme-dev/gangway-previews"
    service_account = "gangway-build@acme-dev.iam.gserviceaccount.com"
  }
  gateway "shop" {
    apis                    = ["gangway-previews-1"]
    backend_service_account = "gangway-gateway@acme-dev.iam.gserviceaccount.com"
    service "orders" {
      repository = "acme/shop"
      paths      = ["orders/**"]
      openapi    = "orders/openapi.yaml"
    }
  }
}
`

const doctorDocument = `openapi: 3.0.3
info: {title: Orders, version: "1"}
paths:
  /orders:
    get:
      operationId: listOrders
      responses:
        "200": {description: all}
`

// A doctorWorld is an installation on emulators, made with gangway init.
type doctorWorld struct {
	*initWorld

	run, apis string // URLs
	hook      *httptest.Server
	looks     map[string]string // path → answer, of what no emulator has
}

func newDoctorWorld(t *testing.T) *doctorWorld {
	t.Helper()
	w := &doctorWorld{initWorld: newInitWorld(t)}
	w.hook = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/github/webhook" {
			http.NotFound(rw, r)
			return
		}
		if r.Method != http.MethodPost {
			rw.WriteHeader(http.StatusMethodNotAllowed)
		}
	}))
	t.Cleanup(w.hook.Close)
	w.must(w.initWorld.run(func(address string) { w.confirm(address) }, "--skip-config", "--organization", "acme", "--webhook-url", w.hook.URL+"/github/webhook"))
	_, id, _ := strings.Cut(w.printed(), "is made: id ")
	id, _, _ = strings.Cut(id, ",")
	w.must(os.WriteFile("gangway.hcl", []byte(doctorConfig), 0o600))
	w.startRun()
	w.startGateway()
	w.startEvents()
	w.startLooks()
	script := filepath.Join(w.dir, "terraform")
	w.must(os.WriteFile(script, []byte("#!/bin/sh\necho '{\"terraform_version\":\"1.11.4\"}'\n"), 0o700)) //nolint:gosec // it is run
	for name, value := range map[string]string{
		"GITHUB_APP_ID": id, "GITHUB_API_URL": w.github + "/api/v3/", "GITHUB_APP_KEY": "", "GITHUB_APP_KEY_FILE": "",
		"GANGWAY_ENSURE_TOPICS": "true", "GANGWAY_STORE": filepath.Join(w.dir, "store.db"), "GANGWAY_STATE_BUCKET": "acme-dev-gangway-state",
		"GANGWAY_TERRAFORM": script, "GANGWAY_CONFIG": "gangway.hcl", "GANGWAY_PROJECT": "",
	} {
		t.Setenv(name, value)
	}
	return w
}

func (w *doctorWorld) startRun() {
	w.Helper()
	tokens, err := identity.New(w.TempDir())
	w.must(err)
	far, err := runemulator.New(runemulator.Options{
		Dir: w.TempDir(), Images: images{}, Identity: tokens, EdgePort: func() int { return 8080 }, StartTimeout: time.Minute,
	})
	w.must(err)
	w.Cleanup(far.Close)
	server := httptest.NewServer(far)
	w.Cleanup(server.Close)
	w.run = server.URL + "/v2/projects/acme-dev/locations/europe-west1/services"
	w.Setenv("GANGWAY_CLOUD_RUN_ENDPOINT", server.URL)
	w.call("POST", w.run+"?serviceId=orders", map[string]any{"template": map[string]any{
		"revision": "orders-1", "labels": map[string]any{"commit-sha": strings.Repeat("ab", 20)},
		"containers": []any{map[string]any{"image": "europe-west1-docker.pkg.dev/acme-dev/shop/orders@sha256:" + strings.Repeat("0", 64)}},
	}})
	w.await(func() bool { return w.call("GET", w.run+"/orders", nil)["latestReadyRevision"] != nil })
	w.traffic(map[string]any{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "orders-1", "percent": 100})
	w.invoker("serviceAccount:gangway-gateway@acme-dev.iam.gserviceaccount.com")
}

func (w *doctorWorld) traffic(target map[string]any) {
	w.Helper()
	w.call("PATCH", w.run+"/orders?updateMask=traffic", map[string]any{"traffic": []any{target}})
}

func (w *doctorWorld) invoker(member string) {
	w.Helper()
	w.call("POST", w.run+"/orders:setIamPolicy", map[string]any{"policy": map[string]any{
		"bindings": []any{map[string]any{"role": "roles/run.invoker", "members": []string{member}}},
	}})
}

func (w *doctorWorld) startGateway() {
	w.Helper()
	far, err := apigateway.New(apigateway.Options{Dir: w.TempDir(), PublicURL: "http://gateway.localhost:1"})
	w.must(err)
	server := httptest.NewServer(far)
	w.Cleanup(server.Close)
	w.apis = server.URL + "/v1/projects/acme-dev/locations/global/apis"
	w.Setenv("GANGWAY_API_GATEWAY_ENDPOINT", server.URL)
	w.call("POST", w.apis+"?apiId=gangway-previews-1", map[string]any{})
	w.await(func() bool { return w.call("GET", w.apis+"/gangway-previews-1", nil)["state"] == "ACTIVE" })
}

func (w *doctorWorld) startEvents() {
	w.Helper()
	far, err := eventemulator.Start(w.Context(), "127.0.0.1:0")
	w.must(err)
	w.Cleanup(func() { _ = far.Stop() })
	w.Setenv("PUBSUB_EMULATOR_HOST", far.Endpoint())
	client, err := pubsub.New(w.Context(), pubsub.Options{Project: "acme-dev", Endpoint: far.Endpoint()})
	w.must(err)
	defer func() { _ = client.Close() }()
	for topic, subscription := range map[string]string{
		"pull-requests": "intake-pull-requests", "cloud-builds": "intake-cloud-builds", "revisions": "aggregator-revisions",
		"previews": "aggregator-previews",
	} {
		w.must(client.Ensure(w.Context(), topic, subscription))
	}
}

// startLooks serves what Google's APIs answer that no emulator stands in for.
func (w *doctorWorld) startLooks() {
	w.Helper()
	w.looks = map[string]string{
		"/storage/v1/b/acme-dev-gangway-state":                                            `{"name":"acme-dev-gangway-state","versioning":{"enabled":true},"iamConfiguration":{"publicAccessPrevention":"enforced"}}`,
		"/v1/projects/acme-dev/locations/europe-west1/repositories/gangway-previews":      `{"format":"DOCKER"}`,
		"/v1/projects/-/serviceAccounts/gangway-build@acme-dev.iam.gserviceaccount.com":   `{"email":"gangway-build@acme-dev.iam.gserviceaccount.com"}`,
		"/v1/projects/-/serviceAccounts/gangway-gateway@acme-dev.iam.gserviceaccount.com": `{"email":"gangway-gateway@acme-dev.iam.gserviceaccount.com"}`,
		"/v3/projects/acme-dev:getIamPolicy":                                              `{"bindings":[{"role":"roles/viewer","members":["user:a@example.com"]}]}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		answer, ok := w.looks[r.URL.Path]
		switch {
		case !ok:
			rw.WriteHeader(http.StatusNotFound)
			answer = `{"error":{"code":404,"message":"not found","status":"NOT_FOUND"}}`
		case answer == "":
			rw.WriteHeader(http.StatusForbidden)
			answer = `{"error":{"code":403,"message":"Permission denied","status":"PERMISSION_DENIED"}}`
		}
		_, _ = io.WriteString(rw, answer)
	}))
	w.Cleanup(server.Close)
	w.Setenv("GANGWAY_LOOKUP_ENDPOINT", server.URL)
}

// call calls an emulator as somebody else does.
func (w *doctorWorld) call(method, address string, body any) map[string]any {
	w.Helper()
	data, err := json.Marshal(body)
	w.must(err)
	request, err := http.NewRequestWithContext(w.Context(), method, address, bytes.NewReader(data))
	w.must(err)
	answer, err := http.DefaultClient.Do(request)
	w.must(err)
	defer func() { _ = answer.Body.Close() }()
	data, err = io.ReadAll(answer.Body)
	w.must(err)
	if answer.StatusCode != http.StatusOK {
		w.Fatalf("%s %s: %d %s", method, address, answer.StatusCode, data)
	}
	var o map[string]any
	w.must(json.Unmarshal(data, &o))
	return o
}

func (w *doctorWorld) await(done func() bool) {
	w.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatal("it never became so")
		}
	}
}

// doctor runs the command and returns what is not ok: status, check, subject.
func (w *doctorWorld) doctor(args ...string) ([]string, error) {
	w.Helper()
	c := root()
	c.SetArgs(append([]string{"doctor", "--json"}, args...))
	var out bytes.Buffer
	c.SetOut(&out)
	err := c.ExecuteContext(w.Context())
	if err != nil && !errors.Is(err, errUnwell) {
		w.Fatal(err)
	}
	var report struct {
		Version int
		Results []struct{ Check, Subject, Status, Message, Remedy string }
	}
	w.must(json.Unmarshal(out.Bytes(), &report))
	if report.Version != 1 || len(report.Results) < 30 {
		w.Fatalf("version %d with %d results", report.Version, len(report.Results))
	}
	var all []string
	for _, r := range report.Results {
		if r.Status != "ok" {
			all = append(all, strings.TrimSpace(r.Status+" "+r.Check+" "+r.Subject))
		}
		if r.Status == "failed" && r.Remedy == "" {
			w.Errorf("%s failed without a remedy: %s", r.Check, r.Message)
		}
	}
	return all, err
}

// skippedHere are the checks for which the emulated installation has nothing to look at.
var skippedHere = []string{
	"skipped dead-letters aggregator-previews", "skipped dead-letters aggregator-revisions",
	"skipped dead-letters intake-cloud-builds", "skipped dead-letters intake-pull-requests",
	"skipped dead-letters-waiting aggregator-previews", "skipped dead-letters-waiting aggregator-revisions",
	"skipped dead-letters-waiting intake-cloud-builds", "skipped dead-letters-waiting intake-pull-requests",
}

// found runs the doctor and compares what it finds beyond what is skipped anyway.
func (w *doctorWorld) found(what string, want ...string) {
	w.Helper()
	got, err := w.doctor()
	got = slices.DeleteFunc(got, func(one string) bool {
		return slices.Contains(skippedHere, one) || one == "skipped terraform-lock" || one == "skipped store"
	})
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		w.Errorf("%s (-want +got):\n%s", what, diff)
	}
	failed := slices.ContainsFunc(want, func(one string) bool { return strings.HasPrefix(one, "failed") })
	if failed != (err != nil) {
		w.Errorf("%s: ended with %v", what, err)
	}
}

// TestDoctor looks at a healthy installation on emulators, breaks it here and there, and mends it.
func TestDoctor(t *testing.T) {
	w := newDoctorWorld(t)
	w.found("healthy")

	w.traffic(map[string]any{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100})
	w.found("traffic follows the latest", "failed service-traffic orders")
	c := root()
	c.SetArgs([]string{"pin", "orders"})
	var out bytes.Buffer
	c.SetOut(&out)
	w.must(c.ExecuteContext(t.Context()))
	w.found("pinned")

	w.invoker("user:somebody@example.com")
	w.found("no invoker", "failed service-invoker orders")
	policy := w.looks["/v3/projects/acme-dev:getIamPolicy"]
	w.looks["/v3/projects/acme-dev:getIamPolicy"] = "" // forbidden
	w.found("no invoker, as far as can be told", "warning service-invoker orders")
	w.looks["/v3/projects/acme-dev:getIamPolicy"] = policy
	w.invoker("serviceAccount:gangway-gateway@acme-dev.iam.gserviceaccount.com")

	w.call("DELETE", w.apis+"/gangway-previews-1", nil)
	w.await(func() bool {
		answer, err := http.Get(w.apis + "/gangway-previews-1") //nolint:noctx // a test
		w.must(err)
		return answer.StatusCode == http.StatusNotFound && answer.Body.Close() == nil
	})
	delete(w.looks, "/storage/v1/b/acme-dev-gangway-state")
	w.looks["/v1/projects/-/serviceAccounts/gangway-build@acme-dev.iam.gserviceaccount.com"] = `{"disabled":true}`
	w.hook.Close()
	w.found("much at once", "failed webhook-reachable", "failed state-bucket", "failed apis gangway-previews-1",
		"skipped api-configs gangway-previews-1", "failed accounts gangway-build@acme-dev.iam.gserviceaccount.com")
}
