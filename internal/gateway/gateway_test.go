package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func routingDocument(backend string) string {
	return strings.ReplaceAll(`
swagger: "2.0"
info: {title: routing, version: "1"}
basePath: /v1
x-google-backend: {address: "BACKEND", disable_auth: true}
paths:
  /: {get: {operationId: root}}
  /a/b: {post: {operationId: exact, x-google-backend: {address: "BACKEND/exact", disable_auth: true}}}
  /a/{x}:
    get: {operationId: one, x-google-backend: {address: "BACKEND/one", disable_auth: true}}
  /a/{x}/c: {get: {operationId: deep, x-google-backend: {address: "BACKEND/deep", disable_auth: true}}}
  /a/b/d: {get: {operationId: deepExact, x-google-backend: {address: "BACKEND/deepExact", disable_auth: true}}}
  /a/{rest=**}: {get: {operationId: many, x-google-backend: {address: "BACKEND/many", disable_auth: true}}}
  /items/{id}:archive: {post: {operationId: verb, x-google-backend: {address: "BACKEND/verb", disable_auth: true}}}
  /items/{id}: {post: {operationId: item, x-google-backend: {address: "BACKEND/item", disable_auth: true}}}
`, "BACKEND", backend)
}

func TestRouting(t *testing.T) {
	server := newBackendServer(t)
	testRouting(t, newGateway(t, routingDocument(server.URL), Options{}))
}

// testRouting sends requests to a gateway that serves routingDocument, in whatever version of OpenAPI.
func testRouting(t *testing.T, g *Gateway) {
	t.Helper()
	for _, tt := range []struct{ method, path, want string }{
		{"GET", "/v1", "/v1"},
		{"GET", "/v1/", "/v1/"},
		{"GET", "/", `{"code":404,"message":"The current request is not defined by this API."}`},
		{"POST", "/v1/a/b", "/exact"},
		{"GET", "/v1/a/b", "/one?x=b"}, // the exact path has no GET
		{"GET", "/v1/a/b/c", "/deep?x=b"},
		{"GET", "/v1/a/b/d", "/deepExact"},
		{"GET", "/v1/a/b/e", "/many?rest=b/e"},
		{"GET", "/v1/a/", "/many?rest="},
		{"GET", "/v1/a", `{"code":404,"message":"The current request is not defined by this API."}`},
		{"DELETE", "/v1/a/b", `{"code":405,"message":"The current request is matched to the defined url template \"/v1/a/b\" but its http method is not allowed"}`},
		{"HEAD", "/v1/a/z/c", `{"code":405,"message":"The current request is matched to the defined url template \"/v1/a/{x}/c\" but its http method is not allowed"}`},
		{"POST", "/v1/items/7:archive", "/verb?id=7"},
		{"POST", "/v1/items/7:other", "/item?id=7:other"},
		{"POST", "/v1/items/7", "/item?id=7"},
		{"GET", "/v1/" + strings.Repeat("a", 9000), `{"code":400,"message":"Path is too long, max allowed size is 8192."}`},
	} {
		got := send(t, g, request(tt.method, tt.path))
		body := got.body
		if got.status == 200 {
			body = got.seen(t).RequestURI
		} else if got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: Content-Type is %q", tt.method, tt.path, got.header.Get("Content-Type"))
		}
		if body != tt.want {
			t.Errorf("%s %.40s: %s, want %s", tt.method, tt.path, body, tt.want)
		}
	}
}

func TestFragmentIsRefused(t *testing.T) {
	g := newGateway(t, routingDocument("http://127.0.0.1:1"), Options{})
	r := request("GET", "/v1/a/b")
	r.RequestURI = "/v1/a/b#c"
	if got := send(t, g, r); got.body != `{"code":400,"message":"Path cannot contain fragment identifier (#)"}` {
		t.Errorf("got %s", got.body)
	}
}

func TestForwarding(t *testing.T) {
	server := newBackendServer(t)
	document := strings.ReplaceAll(`
swagger: "2.0"
info: {title: forwarding, version: "1"}
x-google-backend: {address: "BACKEND/base"}
paths:
  /default: {post: {operationId: a}}
  /audience: {post: {operationId: b, x-google-backend: {address: "BACKEND/b", jwt_audience: "https://svc.example"}}}
  /plain: {post: {operationId: c, x-google-backend: {address: "BACKEND/c", disable_auth: true}}}
`, "BACKEND", server.URL)
	g := newGateway(t, document, Options{IDToken: func(_ context.Context, audience string) (string, error) { return "for " + audience, nil }})
	for path, want := range map[string]string{"/default": "Bearer for " + server.URL + "/base", "/audience": "Bearer for https://svc.example"} {
		got := send(t, g, request("POST", path, "Authorization: Bearer own", "X-Forwarded-Authorization: spoofed")).seen(t)
		if got.Header.Get("Authorization") != want || got.Header.Get("X-Forwarded-Authorization") != "Bearer own" {
			t.Errorf("%s: the backend saw %v", path, got.Header)
		}
		if got = send(t, g, request("POST", path, "X-Forwarded-Authorization: spoofed")).seen(t); got.Header.Get("X-Forwarded-Authorization") != "" {
			t.Errorf("%s: the backend saw %v", path, got.Header)
		}
	}
	r := httptest.NewRequest("POST", "http://shop.example/plain?a=1&b=%20", strings.NewReader("hello"))
	for name, value := range map[string]string{
		"Authorization": "Bearer own", "Connection": "X-Hop, Upgrade", "X-Hop": "1", "Upgrade": "websocket",
		"X-Forwarded-For": "10.0.0.1", "Keep-Alive": "1", "X-Kept": "yes", "Accept-Encoding": "br",
	} {
		r.Header.Set(name, value)
	}
	got := send(t, g, r).seen(t)
	header := http.Header{
		"Authorization": {"Bearer own"}, "X-Kept": {"yes"}, "Accept-Encoding": {"br"}, "Content-Length": {"5"},
		"X-Forwarded-For": {"10.0.0.1, 192.0.2.1"}, "X-Forwarded-Host": {"shop.example"}, "X-Forwarded-Proto": {"http"},
	}
	want := seen{"POST", "/c?a=1&b=%20", strings.TrimPrefix(server.URL, "http://"), header, "hello"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the backend saw (-want +got):\n%s", diff)
	}
}

func TestIDTokens(t *testing.T) {
	server := newBackendServer(t)
	document := strings.Replace(routingDocument(server.URL), ", disable_auth: true}\npaths", ", jwt_audience: aud}\npaths", 1)
	var calls atomic.Int64
	var fails atomic.Bool
	now := time.Now()
	g := newGateway(t, document, Options{Now: func() time.Time { return now }, IDToken: func(context.Context, string) (string, error) {
		if fails.Load() {
			return "", errors.New("no signer")
		}
		return fmt.Sprint("token-", calls.Add(1)), nil
	}})
	for range 3 {
		if got := send(t, g, request("GET", "/v1")).seen(t).Header.Get("Authorization"); got != "Bearer token-1" {
			t.Errorf("the backend got %q", got)
		}
	}
	now = now.Add(tokenLifetime)
	if got := send(t, g, request("GET", "/v1")).seen(t).Header.Get("Authorization"); got != "Bearer token-2" {
		t.Errorf("after its time the backend got %q", got)
	}
	now = now.Add(tokenLifetime)
	fails.Store(true)
	if got := send(t, g, request("GET", "/v1")); got.status != 500 || got.body != `{"code":500,"message":"Token not found for audience: aud"}` {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestBackendFailures(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(release)
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer broken.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	document := fmt.Sprintf(`
swagger: "2.0"
info: {title: failures, version: "1"}
paths:
  /slow: {get: {operationId: a, x-google-backend: {address: %q, deadline: 0.01}}}
  /broken: {get: {operationId: b, x-google-backend: {address: %q}}}
  /closed: {get: {operationId: c, x-google-backend: {address: %q}}}
`, slow.URL, broken.URL, closed.URL)
	g := newGateway(t, document, Options{})
	for path, want := range map[string]string{
		"/slow":   `{"code":504,"message":"upstream request timeout"}`,
		"/broken": `{"code":503,"message":"upstream connect error or disconnect/reset before headers. reset reason: connection termination"}`,
		"/closed": `{"code":503,"message":"upstream connect error or disconnect/reset before headers. reset reason: remote connection failure"}`,
	} {
		if got := send(t, g, request("GET", path)); got.body != want {
			t.Errorf("%s: %s, want %s", path, got.body, want)
		}
	}
}

func TestBodyIsLimited(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	g := newGateway(t, routingDocument(server.URL), Options{})
	r := httptest.NewRequest("POST", "/v1/a/b", io.LimitReader(zeros{}, maxBody+1))
	if got := send(t, g, r); got.status != 413 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestAllowAll(t *testing.T) {
	server := newBackendServer(t)
	document := strings.Replace(routingDocument(server.URL), "basePath: /v1", "basePath: /v1\nx-google-allow: all", 1)
	g := newGateway(t, document, Options{})
	if got := send(t, g, request("GET", "/v1/not/in/the/document?q=1")).seen(t).RequestURI; got != "/v1/not/in/the/document?q=1" {
		t.Errorf("the backend saw %s", got)
	}
	if got := send(t, g, request("GET", "/v10/x")); got.status != 404 {
		t.Errorf("outside the base path: %d", got.status)
	}
}

func TestCORS(t *testing.T) {
	server := newBackendServer(t)
	known := newIssuer(t)
	document := authDocument(server.URL, known.URL) + "x-google-endpoints: [{name: shop.example, allowCors: true}]\n"
	for service, want := range map[string]int{"shop.example": 200, "other.example": 405} {
		g := newGateway(t, document, Options{ServiceName: service})
		if got := send(t, g, request("OPTIONS", "/user", "Origin: https://a.example")); got.status != want {
			t.Errorf("a preflight request at %s: %d %s", service, got.status, got.body)
		}
	}
}

func TestMethodOverride(t *testing.T) {
	server := newBackendServer(t)
	g := newGateway(t, routingDocument(server.URL), Options{})
	if got := send(t, g, request("DELETE", "/v1/a/b", "X-HTTP-Method-Override: POST")).seen(t); got.Method != "POST" {
		t.Errorf("the backend saw %s", got.Method)
	}
}
