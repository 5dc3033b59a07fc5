package apigateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
)

const (
	project  = "demo"
	apisPath = "/v1beta/projects/demo/locations/global/apis"
	gateways = "/v1beta/projects/demo/locations/europe-west1/gateways"
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fixture is a server with a clock of its own.
type fixture struct {
	t     *testing.T
	clock *clock
	o     Options
	s     *Server
}

func newFixture(t *testing.T, change func(*Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: newClock()}
	f.o = Options{Dir: t.TempDir(), Latency: Real(), Now: f.clock.Now, Violation: conformance.FailUnlessRefused(t)}
	if change != nil {
		change(&f.o)
	}
	f.restart()
	return f
}

// restart starts a new server on the same folder, as after a hard kill: nothing was closed.
func (f *fixture) restart() {
	f.t.Helper()
	s, err := New(f.o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.s = s
}

type object map[string]any

// call makes one call and returns the HTTP status and the body.
func (f *fixture) call(method, path string, body any) (int, object) {
	f.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		f.t.Fatal(err)
	}
	if body == nil {
		data = nil
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, bytes.NewReader(data))
	r.Header.Set("Content-Type", "application/json")
	f.s.ServeHTTP(w, r)
	var out object
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		f.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Code, out
}

// do makes a call that must succeed.
func (f *fixture) do(method, path string, body any) object {
	f.t.Helper()
	code, out := f.call(method, path, body)
	if code != http.StatusOK {
		f.t.Fatalf("%s %s: %d %v", method, path, code, out)
	}
	return out
}

// finish waits until the operation op is done and returns it.
func (f *fixture) finish(op object) object {
	f.t.Helper()
	for range 100 {
		if op["done"] == true {
			return op
		}
		f.clock.Advance(10 * time.Second)
		op = f.do("GET", "/v1beta/"+op.str("name"), nil)
	}
	f.t.Fatalf("the operation does not end: %v", op)
	return nil
}

// succeed makes a call that starts an operation, and waits until it has ended well.
func (f *fixture) succeed(method, path string, body any) object {
	f.t.Helper()
	op := f.finish(f.do(method, path, body))
	if op["error"] != nil {
		f.t.Fatalf("%s %s: %v", method, path, op["error"])
	}
	return op
}

func (o object) str(names ...string) string {
	s, _ := o.at(names...).(string)
	return s
}

func (o object) at(names ...string) any {
	var v any = map[string]any(o)
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func document(backend string) string {
	return strings.ReplaceAll(`
swagger: "2.0"
info: {title: shop, version: "1"}
paths:
  /orders/{id}:
    get:
      operationId: getOrder
      x-google-backend: {address: "BACKEND", jwt_audience: "https://orders.example", path_translation: APPEND_PATH_TO_ADDRESS}
      responses: {200: {description: ok}}
`, "BACKEND", backend)
}

func configBody(doc string) object {
	return object{
		"labels":        object{"goog-terraform-provisioned": "true"},
		"gatewayConfig": object{"backendConfig": object{"googleServiceAccount": "gw@demo.iam.gserviceaccount.com"}},
		"openapiDocuments": []any{object{"document": object{
			"path": "openapi.yaml", "contents": base64.StdEncoding.EncodeToString([]byte(doc)),
		}}},
	}
}

// name is a resource's name without the version.
func name(path string) string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return rest
}

// gatewayUp makes an API, a config and a gateway, and returns the gateway.
func (f *fixture) gatewayUp(backend string) object {
	f.t.Helper()
	f.succeed("POST", apisPath+"?apiId=shop", object{})
	f.succeed("POST", apisPath+"/shop/configs?apiConfigId=c1", configBody(document(backend)))
	f.succeed("POST", gateways+"?gatewayId=pr-1", object{"apiConfig": name(apisPath) + "/shop/configs/c1"})
	return f.do("GET", gateways+"/pr-1", nil)
}

// get asks the data plane.
func (f *fixture) get(host, path string) (int, string) {
	f.t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Host = host
	w := httptest.NewRecorder()
	f.s.Front().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// echo is a backend that answers with a text and what it was asked.
func echo(t *testing.T, text string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, text+" "+r.RequestURI+" "+r.Header.Get("Authorization"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}
