package apigateway_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/apigateway"
	emulator "github.com/gangway-dev/gangway/internal/emulator/apigateway"
	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/preview"
)

// far is an emulated API Gateway and a client of it.
type far struct {
	*apigateway.Client
	t   *testing.T
	url string
}

func newFar(t *testing.T) *far {
	t.Helper()
	server, err := emulator.New(emulator.Options{Dir: t.TempDir(), Latency: emulator.Latency{Delete: 5 * time.Millisecond}, Violation: conformance.Fail(t)})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	return &far{t: t, url: listener.URL, Client: newClient(t, apigateway.Options{Endpoint: listener.URL + "/", PollInterval: time.Millisecond})}
}

func newClient(t *testing.T, o apigateway.Options) *apigateway.Client {
	t.Helper()
	client, err := apigateway.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// post makes a resource by the REST API.
func (f *far) post(path string, body map[string]any) {
	f.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		f.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.url+path, strings.NewReader(string(data)))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		f.t.Fatalf("%s: %s", path, res.Status)
	}
}

const global = "/v1/projects/shop-dev/locations/global/apis"

func (f *far) config(id string, labels map[string]string) {
	f.t.Helper()
	const document = `swagger: "2.0"
info: {title: shop, version: "1"}
x-google-backend: {address: "http://localhost:1", path_translation: APPEND_PATH_TO_ADDRESS, disable_auth: true}
paths:
  /a:
    get: {operationId: a, responses: {"200": {description: ok}}}
`
	f.post(global+"/shard/configs?apiConfigId="+id, map[string]any{
		"labels": labels, "openapiDocuments": []any{map[string]any{"document": map[string]string{"path": "openapi.yaml", "contents": base64.StdEncoding.EncodeToString([]byte(document))}}},
	})
}

func TestListAndDelete(t *testing.T) {
	f := newFar(t)
	ours := map[string]string{"gangway": "local", "gangway-preview": "a"}
	f.post(global+"?apiId=shard", map[string]any{})
	f.config("c2", ours)
	f.config("c1", ours)
	f.config("foreign", map[string]string{"gangway": "other"})
	f.post("/v1/projects/shop-dev/locations/europe-west1/gateways?gatewayId=g1", map[string]any{
		"apiConfig": "projects/shop-dev/locations/global/apis/shard/configs/c1", "labels": ours,
	})

	configs, err := f.Configs(t.Context(), "shop-dev", "shard", map[string]string{"gangway": "local"})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range configs {
		ids = append(ids, c.ID)
		if c.API != "shard" || c.State != preview.APIStateActive || c.Created.IsZero() || !cmp.Equal(c.Labels, ours) {
			t.Errorf("config %+v", c)
		}
	}
	if diff := cmp.Diff([]string{"c1", "c2"}, ids); diff != "" {
		t.Errorf("configs (-want +got):\n%s", diff)
	}
	gateways, err := f.Gateways(t.Context(), "shop-dev", "europe-west1", ours)
	if err != nil || len(gateways) != 1 {
		t.Fatalf("gateways %+v, %v", gateways, err)
	}
	one, err := f.Gateway(t.Context(), "shop-dev", "europe-west1", "g1")
	if err != nil || !cmp.Equal(one, gateways[0]) {
		t.Errorf("gateway %+v, %v", one, err)
	}
	if one.API != "shard" || one.ConfigID != "c1" || one.State != preview.APIStateActive || one.Hostname == "" || strings.Contains(one.Hostname, "/") {
		t.Errorf("gateway %+v", one)
	}

	if err := f.DeleteConfig(t.Context(), "shop-dev", "shard", "c1"); !errors.Is(err, preview.ErrConflict) {
		t.Errorf("a config in use: %v", err)
	}
	for _, step := range []struct {
		name string
		do   func() error
		want error
	}{
		{"gateway", func() error { return f.DeleteGateway(t.Context(), "shop-dev", "europe-west1", "g1") }, nil},
		{"config", func() error { return f.DeleteConfig(t.Context(), "shop-dev", "shard", "c1") }, nil},
		{"config again", func() error { return f.DeleteConfig(t.Context(), "shop-dev", "shard", "c1") }, preview.ErrNotFound},
		{"gateway again", func() error { return f.DeleteGateway(t.Context(), "shop-dev", "europe-west1", "g1") }, preview.ErrNotFound},
		{"read gateway", func() error { _, err := f.Gateway(t.Context(), "shop-dev", "europe-west1", "g1"); return err }, preview.ErrNotFound},
		{"configs of no API", func() error { _, err := f.Configs(t.Context(), "shop-dev", "none", nil); return err }, preview.ErrNotFound},
	} {
		if err := step.do(); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, err, step.want)
		}
	}
}

// TestAnswers gives the client what an emulator never says.
func TestAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		is     error
	}{
		"unreachable":  {200, `{"gateways": [], "unreachableLocations": ["projects/p/locations/r"]}`, nil},
		"forbidden":    {403, `{"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}}`, nil},
		"not found":    {404, `{"error": {"code": 404, "message": "no", "status": "NOT_FOUND"}}`, preview.ErrNotFound},
		"no JSON":      {200, `<html>`, nil},
		"another's":    {409, `{"error": {"code": 409, "message": "busy", "status": "ABORTED"}}`, preview.ErrConflict},
		"broken proxy": {502, `bad gateway`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("Authorization"); got != "Bearer t" {
					t.Errorf("Authorization %q", got)
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			}))
			defer listener.Close()
			client := newClient(t, apigateway.Options{Endpoint: listener.URL, Token: "t"})
			got, err := client.Gateways(t.Context(), "p", "r", nil)
			if err == nil {
				t.Fatalf("no error, but %v", got)
			}
			for _, sentinel := range []error{preview.ErrNotFound, preview.ErrConflict} {
				if errors.Is(err, sentinel) != errors.Is(tc.is, sentinel) {
					t.Errorf("errors.Is(%v, %v) is wrong", err, sentinel)
				}
			}
		})
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			cancel()
		}
		_, _ = w.Write([]byte(`{"name": "projects/p/locations/r/operations/o", "done": false}`))
	}))
	defer listener.Close()
	client := newClient(t, apigateway.Options{Endpoint: listener.URL})
	if err := client.DeleteGateway(ctx, "p", "r", "g"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
