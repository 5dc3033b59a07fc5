package terraform_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	emulator "github.com/gangway-dev/gangway/internal/emulator/apigateway"
	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/provider"
	"github.com/gangway-dev/gangway/internal/emulator/storage"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/terraform"
)

// cloud is an emulated API Gateway with a Runner that is pointed at it.
type cloud struct {
	*terraform.Runner
	t       *testing.T
	url     string
	options terraform.Options
	logs    *syncBuffer
	pid     string // file with the id of the last Terraform process

	bucket *storage.Server // with the backend "gcs"

	mu    sync.Mutex
	calls []string
}

const token = "token-that-must-not-be-told"

func newCloud(t *testing.T, latency emulator.Latency) *cloud {
	t.Helper()
	return newCloudOn(t, terraform.BackendLocal, latency)
}

// newCloudOn keeps the states in a backend.
func newCloudOn(t *testing.T, backend string, latency emulator.Latency) *cloud {
	t.Helper()
	bin, err := exec.LookPath("terraform")
	if err != nil {
		if strings.Contains(os.Getenv("GANGWAY_REQUIRE"), "terraform") {
			t.Fatal("terraform is required and not in PATH")
		}
		t.Skip("terraform is not in PATH")
	}
	pid := filepath.Join(t.TempDir(), "pid")
	server, err := emulator.New(emulator.Options{Dir: t.TempDir(), Latency: latency, Violation: conformance.Fail(t)})
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{t: t, logs: &syncBuffer{}, pid: pid}
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		if !strings.Contains(r.URL.Path, "/operations/") {
			c.calls = append(c.calls, r.Method+" "+r.URL.Path)
		}
		c.mu.Unlock()
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(listener.Close)
	c.url = listener.URL
	c.options = terraform.Options{
		Dir: t.TempDir(), Exec: withPid(t, bin, pid), PollInterval: 5 * time.Millisecond,
		Env: map[string]string{
			"HOME": t.TempDir(), "PATH": os.Getenv("PATH"), "TF_LOG": "trace",
			"GOOGLE_API_GATEWAY_CUSTOM_ENDPOINT": c.url + "/v1beta/", "GOOGLE_OAUTH_ACCESS_TOKEN": token,
		},
		ServeProvider: serveProvider,
		Log:           slog.New(slog.NewTextHandler(c.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if backend == terraform.BackendGCS {
		c.useBucket()
	}
	c.start()
	return c
}

// withPid is an executable that becomes terraform and notes its process id.
func withPid(t *testing.T, bin, file string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "terraform")
	script := fmt.Sprintf("#!/bin/sh\necho $$ >%q\nexec %q \"$@\"\n", file, bin)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// serveProvider is what connects the two packages outside tests, too.
func serveProvider(ctx context.Context, getenv func(string) string) (terraform.Reattach, func(), error) {
	served, stop, err := provider.Serve(ctx, getenv)
	return terraform.Reattach(served), stop, err
}

// start makes a new Runner on the same folder, as after a restart.
func (c *cloud) start() {
	c.t.Helper()
	runner, err := terraform.New(c.options)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = runner.Close() })
	c.Runner = runner
}

func (c *cloud) shards(ids ...string) {
	c.t.Helper()
	if err := c.ApplyAPIs(c.t.Context(), "development", "shop-dev", "europe-west1", ids); err != nil {
		c.t.Fatal(err)
	}
}

// trace returns the calls that changed something since the last trace.
func (c *cloud) trace() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, call := range c.calls {
		if !strings.HasPrefix(call, "GET ") {
			out = append(out, strings.Replace(call, "/v1beta/projects/shop-dev/locations/", "", 1))
		}
	}
	c.calls = nil
	return out
}

// stack is a preview's stack with a document that says version.
func stack(version string) preview.Stack {
	key := preview.Key{Environment: "development", Gateway: "shop", Repository: 81, PullRequest: 42}
	document := []byte(fmt.Sprintf(document, version))
	const account = "gateway@shop-dev.iam.gserviceaccount.com"
	return preview.Stack{
		Key: key, Project: "shop-dev", Region: "europe-west1", API: "gangway-1",
		GatewayID: key.GatewayID(), ConfigID: key.ConfigID(document, account), BackendServiceAccount: account,
		Labels:   map[string]string{preview.LabelInstallation: "local", preview.LabelPreview: key.Hash()},
		Document: document,
	}
}

const document = `swagger: "2.0"
info: {title: "${shop} %%{preview}", version: "%s"}
x-google-backend: {address: "http://localhost:1", path_translation: APPEND_PATH_TO_ADDRESS, disable_auth: true}
paths:
  /orders:
    get: {operationId: listOrders, responses: {"200": {description: ok}}}
`

func TestLife(t *testing.T) {
	for _, backend := range []string{terraform.BackendLocal, terraform.BackendGCS} {
		t.Run(backend, func(t *testing.T) { life(t, newCloudOn(t, backend, emulator.Fast())) })
	}
}

func life(t *testing.T, c *cloud) {
	c.shards("gangway-1", "gangway-2")
	c.trace()
	first := stack("1")
	var events []preview.StackEvent
	observe := func(e preview.StackEvent) { events = append(events, e) }

	begin := time.Now()
	out, err := c.Apply(t.Context(), first, observe)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("cold: %v of which Terraform %v", time.Since(begin), out.Took)
	if !out.Changed || !strings.HasPrefix(out.Hostname, first.GatewayID+"-") {
		t.Errorf("outputs %+v", out)
	}
	want := []preview.StackEvent{
		{Resource: "api_config", Action: "create"},
		{Resource: "api_config", Action: "create", Done: true},
		{Resource: "gateway", Action: "create"},
		{Resource: "gateway", Action: "create", Done: true},
	}
	if diff := cmp.Diff(want, events, cmpopts.IgnoreFields(preview.StackEvent{}, "At")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if held, err := c.State(t.Context(), first); err != nil || !cmp.Equal(held, preview.StackState{ConfigIDs: []string{first.ConfigID}, GatewayID: first.GatewayID}) {
		t.Errorf("state %+v, %v", held, err)
	}
	c.trace()

	begin = time.Now()
	out, err = c.Apply(t.Context(), first, nil)
	t.Logf("warm, no change: %v of which Terraform %v", time.Since(begin), out.Took)
	if err != nil || out.Changed || out.Hostname == "" {
		t.Errorf("applying again: %+v, %v", out, err)
	}
	second := stack("2")
	begin = time.Now()
	out, err = c.Apply(t.Context(), second, nil)
	t.Logf("warm, other document: %v of which Terraform %v", time.Since(begin), out.Took)
	if err != nil || !out.Changed {
		t.Errorf("another document: %+v, %v", out, err)
	}
	wantCalls := []string{
		"POST global/apis/gangway-1/configs", "PATCH europe-west1/gateways/" + second.GatewayID, "DELETE global/apis/gangway-1/configs/" + first.ConfigID,
	}
	if diff := cmp.Diff(wantCalls, c.trace()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if keys, err := c.Stacks(t.Context()); err != nil || !cmp.Equal(keys, []preview.Key{first.Key}) {
		t.Errorf("stacks %v, %v", keys, err)
	}

	// After a restart, in another process, without the work folder, and with a bucket on another machine.
	if err := os.RemoveAll(filepath.Join(c.options.Dir, "development", "shop", "81-42", "work")); err != nil {
		t.Fatal(err)
	}
	if c.bucket != nil {
		c.options.Dir = t.TempDir()
	}
	c.start()
	begin = time.Now()
	if err := c.Destroy(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	t.Logf("destroy: %v", time.Since(begin))
	wantCalls = []string{"DELETE europe-west1/gateways/" + second.GatewayID, "DELETE global/apis/gangway-1/configs/" + second.ConfigID}
	if diff := cmp.Diff(wantCalls, c.trace()); diff != "" {
		t.Errorf("calls of destroy (-want +got):\n%s", diff)
	}
	if err := c.Destroy(t.Context(), second); err != nil {
		t.Errorf("destroying again: %v", err)
	}
	if keys, err := c.Stacks(t.Context()); err != nil || len(keys) > 0 {
		t.Errorf("stacks after destroy: %v, %v", keys, err)
	}
	if strings.Contains(c.logs.String(), token) {
		t.Error("the token is in the log")
	}
}

// TestAPIsTakenOver loses the state of the API shards, as a kill can.
func TestAPIsTakenOver(t *testing.T) {
	c := newCloud(t, emulator.Fast())
	c.shards("gangway-1", "gangway-2")
	if err := os.RemoveAll(filepath.Join(c.options.Dir, "development")); err != nil {
		t.Fatal(err)
	}
	c.trace()
	c.shards("gangway-1", "gangway-2", "gangway-3")
	c.shards("gangway-1", "gangway-2", "gangway-3")
	for _, call := range c.trace() {
		if strings.HasPrefix(call, "DELETE") {
			t.Errorf("call %s", call)
		}
	}
	if err := c.ApplyAPIs(t.Context(), "development", "shop-dev", "europe-west1", nil); err == nil {
		t.Error("no ids: no error")
	}
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
