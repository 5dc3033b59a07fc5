package gateway

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// inOpenAPI3 writes a document of OpenAPI 2.0 for tests as one of 3.0: its backends get names.
func inOpenAPI3(document string) string {
	backends := "x-google-api-management:\n  backends:\n"
	n := 0
	document = regexp.MustCompile(`x-google-backend: \{(address: "[^"]*"), disable_auth: true\}`).ReplaceAllStringFunc(document, func(b string) string {
		n++
		name := "b" + strings.Repeat("i", n)
		fields := strings.TrimSuffix(strings.TrimPrefix(b, "x-google-backend: {"), ", disable_auth: true}")
		backends += "    " + name + ": {" + fields + ", disableAuth: true}\n"
		return "x-google-backend: " + name
	})
	document = strings.Replace(document, `swagger: "2.0"`, "openapi: 3.0.4", 1)
	document = strings.Replace(document, "basePath: /v1", `servers: [{url: "https://x.example/{v}", variables: {v: {default: v1}}}]`, 1)
	return strings.ReplaceAll(document, "{operationId:", "{responses: {default: {description: ok}}, operationId:") + backends
}

func TestRoutingOfOpenAPI3(t *testing.T) {
	server := newBackendServer(t)
	testRouting(t, newGateway(t, inOpenAPI3(routingDocument(server.URL)), Options{}))
}

func TestTokensOfOpenAPI3(t *testing.T) {
	issuer := newIssuer(t)
	server := newBackendServer(t)
	g := newGateway(t, `
openapi: 3.1.0
x-google-api-management: {backends: {b: {address: "`+server.URL+`", jwtAudience: "https://svc.example"}}}
x-google-backend: b
components:
  securitySchemes:
    user: {type: http, scheme: bearer, x-google-auth: {issuer: "`+issuer.URL+`", jwksUri: "`+issuer.URL+`/keys", audiences: [shop]}}
    key: {type: apiKey, in: header, name: x-api-key}
security: [{user: []}]
paths:
  /me: {get: {operationId: me}}
  /open: {trace: {operationId: open, security: []}}
  /keyed: {get: {operationId: keyed, security: [{key: []}]}}
`, Options{APIKey: func(key string) bool { return key == "secret" }, IDToken: func(_ context.Context, audience string) (string, error) {
		return "for " + audience, nil
	}})
	for _, tt := range []struct {
		method, path, header string
		status               int
	}{
		{"GET", "/me", "", 401},
		{"GET", "/me", "Authorization: Bearer " + issuer.token(t, nil), 200},
		{"GET", "/me", "Authorization: Bearer " + issuer.token(t, jwt.MapClaims{"aud": "other"}), 403},
		{"TRACE", "/open", "", 200},
		{"GET", "/keyed", "", 401},
		{"GET", "/keyed", "x-api-key: secret", 200},
	} {
		var headers []string
		if tt.header != "" {
			headers = append(headers, tt.header)
		}
		if got := send(t, g, request(tt.method, tt.path, headers...)); got.status != tt.status {
			t.Errorf("%s %s with %.30q: %d %s, want %d", tt.method, tt.path, tt.header, got.status, got.body, tt.status)
		}
	}
}

func TestCORSOfOpenAPI3(t *testing.T) {
	server := newBackendServer(t)
	g := newGateway(t, `
openapi: 3.0.4
servers: [{url: /v1}, {url: "https://api.example/v2", x-google-endpoint: {allowCors: true}}]
x-google-api-management: {backends: {b: {address: "`+server.URL+`", disableAuth: true}}}
x-google-backend: b
paths: {/a: {get: {operationId: a, responses: {default: {description: ok}}}}}
`, Options{})
	if got := send(t, g, request("OPTIONS", "/v2/a")); got.status != 200 {
		t.Errorf("a preflight request gets %d %s", got.status, got.body)
	}
	if got := send(t, g, request("GET", "/v1/a")); got.status != 404 {
		t.Errorf("the path of another server gets %d", got.status)
	}
}

func TestProblemsOfOpenAPI3(t *testing.T) {
	const management = `"x-google-api-management":{"backends":{"b":{"address":"http://b.example","disableAuth":true},"none":{"address":"http://b.example"}}},`
	const head = `{"openapi":"3.0.4","x-google-backend":"b",` + management
	op := func(extra string) string {
		return head + `"paths":{"/a":{"get":{"operationId":"a","responses":{}` + extra + `}}}}`
	}
	for document, want := range map[string]string{
		`{"openapi":"3.0.4","paths":{"/a":{"get":{"operationId":"a","responses":{}}}}}`:                        "required field 'x-google-api-management'",
		head + `"paths":{"/a":{"get":{"operationId":"a"}}}}`:                                                   "Operation 'get' in path '/a': Operation does not have the required 'responses' field",
		head + `"paths":{"/a":{"get":{"responses":{}}}}}`:                                                      "required 'operationId'",
		head + `"x-google-allow":"all","paths":{}}`:                                                            "x-google-allow is not supported",
		head + `"x-google-management":{},"paths":{}}`:                                                          "x-google-management is for OpenAPI 2.0",
		head + `"servers":[{"url":"v1"}],"paths":{}}`:                                                          "does not begin with '/'",
		head + `"servers":[{"url":"/","x-google-endpoint":{}},{"url":"/","x-google-endpoint":{}}],"paths":{}}`: "More than one server",
		`{"openapi":"3.0.4",` + management + `"paths":{"/a":{"get":{"operationId":"a","responses":{}}}}}`:      "no x-google-backend",
		op(`,"x-google-backend":"c"`):                                                                          "no backend 'c'",
		op(`,"x-google-backend":"none"`):                                                                       "neither jwtAudience nor disableAuth",
		op(`,"x-google-backend":{"address":"http://b"}`):                                                       "has to be the name",
		op(`,"security":[{"none":[]}]`):                                                                        "security definition 'none' does not exist",
		op(`,"parameters":[{"name":"q","in":"query","schema":{"type":"object"}}]`):                             "parameter 'q'",
		op(`,"parameters":[{"$ref":"#/components/parameters/Q"}]},"put":{"operationId":"b","responses":{}}}},"components":{"parameters":{"Q":{"name":"q","in":"query","schema":{"$ref":"#/components/schemas/S"}}},"schemas":{"S":{"type":"object"}}},"x":{"y":{"z":{`): "parameter 'q'",
		op(`,"requestBody":{"content":{"a/b":{"schema":{"$ref":"other.yaml"}}}}`): "reference 'other.yaml' is external",
	} {
		_, err := New([]byte(document), Options{})
		problem, ok := errors.AsType[*DocumentError](err)
		if !ok || !strings.Contains(problem.Error(), want) {
			t.Errorf("%s\n gives %v,\n want %s", document, err, want)
		}
	}
}
