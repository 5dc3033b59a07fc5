package gateway

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

var (
	backendIn2 = regexp.MustCompile(`x-google-backend: (\{[^}]*\})`)
	tokensIn2  = regexp.MustCompile(`x-google-issuer: ([^,}]*)(.*)\}`)
)

// inOpenAPI3 writes a document of OpenAPI 2.0 for tests as one of 3.0: its backends get names.
func inOpenAPI3(document string) string {
	backends := "x-google-api-management:\n  backends:\n"
	n := 0
	names := strings.NewReplacer("disable_auth", "disableAuth", "jwt_audience", "jwtAudience", "path_translation", "pathTranslation")
	document = backendIn2.ReplaceAllStringFunc(document, func(b string) string {
		n++
		backends += fmt.Sprintf("    b%d: %s\n", n, names.Replace(strings.TrimPrefix(b, "x-google-backend: ")))
		return fmt.Sprintf("x-google-backend: b%d", n)
	})
	var lines []string
	definitions := false
	for line := range strings.SplitSeq(document, "\n") {
		definitions = definitions && strings.HasPrefix(line, "  ")
		if definitions {
			line = "  " + tokensIn2.ReplaceAllStringFunc(line, authIn3)
		}
		if line == "securityDefinitions:" {
			line, definitions = "components:\n  securitySchemes:", true
		}
		lines = append(lines, line)
	}
	document = strings.Join(lines, "\n")
	document = strings.Replace(document, `swagger: "2.0"`, "openapi: 3.0.4", 1)
	document = strings.Replace(document, "basePath: /v1", `servers: [{url: "https://x.example/{v}", variables: {v: {default: v1}}}]`, 1)
	return strings.ReplaceAll(document, "{operationId:", "{responses: {default: {description: ok}}, operationId:") + backends
}

// authIn3 writes the extensions of a security definition as x-google-auth.
func authIn3(fields string) string {
	fields = strings.NewReplacer("x-google-issuer", "issuer", "x-google-jwks_uri", "jwksUri").Replace(fields)
	fields, audiences, found := strings.Cut(strings.TrimSuffix(fields, "}"), ", x-google-audiences: ")
	if found {
		fields += ", audiences: [" + strings.Trim(audiences, `"`) + "]"
	}
	return "x-google-auth: {" + fields + "}}"
}

// inBothVersions are a document of OpenAPI 2.0 and the same in 3.0, by the version.
func inBothVersions(document string) map[string]string {
	return map[string]string{"2.0": document, "3.0": inOpenAPI3(document)}
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
	backend := func(fields string) string {
		return `{"openapi":"3.0.4","x-google-api-management":{"backends":{"b":{` + fields +
			`}}},"paths":{"/a":{"get":{"operationId":"a","responses":{},"x-google-backend":"b"}}}}`
	}
	scheme := func(fields string) string {
		return head + `"components":{"securitySchemes":{"s":{` + fields +
			`}}},"security":[{"s":[]}],"paths":{"/a":{"get":{"operationId":"a","responses":{}}}}}`
	}
	nullable := strings.Replace(op(`,"parameters":[{"name":"q","in":"query","schema":{"type":["object","null"]}}]`), "3.0.4", "3.1.0", 1)
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
		backend(`"address":"http://b","jwtAudience":"a","disableAuth":true`):                                   "both jwtAudience and disableAuth",
		backend(`"address":"http://b","disableAuth":true,"pathTranslation":"X"`):                               "pathTranslation 'X' of the backend 'b'",
		backend(`"address":"grpc://b","disableAuth":true`):                                                     "gRPC",
		backend(`"disableAuth":true`):                                                                          "no address",
		`{"openapi":"3.0.4","x-google-api-management":{"metrics":[]}}`:                                         "cannot unmarshal",
		`{"openapi":"3.0.4","x-google-api-management":{"quota":{"limits":{"l":{"metric":"m"}}}},"paths":{}}`:   "limit 'l' is for the metric 'm'",
		head + `"servers":[{"url":"localhost:80/v1"}],"paths":{}}`:                                             "does not begin with '/'",
		head + `"servers":[{"url":"/{v}"}],"paths":{"/a":{"get":{"operationId":"a","responses":{}}}}}`:         "variable without a default",
		head + `"paths":{"/a/{b}.json":{"get":{"operationId":"a","responses":{}}}}}`:                           "only whole segments",
		op(`},"put":{"operationId":"a","responses":{}`):                                                        "duplicate 'operationId' 'a'",
		scheme(`"type":"apiKey","in":"cookie","name":"k"`):                                                     "Security definition 's': An API key needs",
		scheme(`"type":"mutualTLS"`):                                                                           "'mutualTLS' is not supported",
		scheme(`"type":"http","scheme":"basic"`):                                                               "'s' does not exist or is not usable",
		scheme(`"type":"http","scheme":"bearer"`):                                                              "'s' does not exist or is not usable",
		scheme(`"type":"oauth2","x-google-auth":{"issuer":"i","jwksUri":"ftp://k"}`):                           "jwksUri in OpenAPI 3) is not an http",
		scheme(`"type":"openIdConnect","x-google-auth":{"issuer":"http://i","jwtLocations":[{}]}`):             "jwtLocations in OpenAPI 3) needs either",
		"openapi: 3.0\nx-google-allow: all\nx-google-api-management: {}":                                       "x-google-allow is not supported",
		"openapi: 3.10.0": "OpenAPI \"3.10.0\" is not served",
		op(`,"x-google-backend":{"address":"http://b"}`):                           "has to be the name",
		op(`,"security":[{"none":[]}]`):                                            "security definition 'none' does not exist",
		op(`,"parameters":[{"name":"q","in":"query","schema":{"type":"object"}}]`): "parameter 'q'",
		op(`,"parameters":[{"$ref":"#/components/parameters/Q"}]},"put":{"operationId":"b","responses":{}}}},"components":{"parameters":{"Q":{"name":"q","in":"query","schema":{"$ref":"#/components/schemas/S"}}},"schemas":{"S":{"type":"object"}}},"x":{"y":{"z":{`): "parameter 'q'",
		nullable: "parameter 'q'",
		op(`,"requestBody":{"content":{"a/b":{"schema":{"$ref":"other.yaml"}}}}`): "reference 'other.yaml' is external",
	} {
		_, err := New([]byte(document), Options{})
		problem, ok := errors.AsType[*DocumentError](err)
		if !ok || !strings.Contains(problem.Error(), want) {
			t.Errorf("%s\n gives %v,\n want %s", document, err, want)
		}
	}
}

func TestEachProblemOfABackendIsToldOnce(t *testing.T) {
	const document = `
openapi: 3.0.4
x-google-backend: none
x-google-api-management: {backends: {b: {address: "http://b.example", disableAuth: true}}}
paths:
  /a: {get: {operationId: a, responses: {}}}
  /b: {get: {operationId: b, responses: {}, x-google-backend: other}}
`
	_, err := New([]byte(document), Options{})
	got, _ := errors.AsType[*DocumentError](err)
	want := &DocumentError{Problems: []Problem{
		{Message: "There is no backend 'none' in x-google-api-management."},
		{Location: "Operation 'get' in path '/b'", Message: "There is no backend 'other' in x-google-api-management."},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUsableDocumentsOfOpenAPI3(t *testing.T) {
	const management = "x-google-api-management: {apiName: shop, backends: {b: {address: 'http://b.example', disableAuth: false}}," +
		" metrics: {m: {displayName: M}}, quota: {limits: {l: {metric: m, values: 10}}}}\nx-google-backend: b\n"
	for _, document := range []string{
		"openapi: 3.0\n" + management + "paths: {/a: {get: {operationId: a, responses: {200: {description: ok}}}}}",
		"openapi: 3.1.1\n" + management + "paths: {/a: {get: {operationId: a, parameters: [{name: q, in: query, schema: true}]}}}",
		"openapi: 3.1.1\n" + management + "paths: {x-note: {}, /a: {get: {operationId: a, x-ms: {$ref: 'file:///x'}}}}",
		"openapi: 3.0.4\n" + management + "paths: {/a: {get: {operationId: a, responses: {}, parameters: [{$ref: '#/components/parameters/p'}]}}}\n" +
			"components: {parameters: {p: {$ref: '#/components/parameters/p'}}}",
	} {
		if _, err := New([]byte(document), Options{}); err != nil {
			t.Errorf("%s\n gives %v", document, err)
		}
	}
}

// A name that a document can give is not taken for the gateway itself.
func TestEndpointsOfOtherServicesAllowNothing(t *testing.T) {
	g := newGateway(t, routingDocument("http://b.example")+"x-google-endpoints: [{name: \"\\0\", allowCors: true}]\n",
		Options{ServiceName: "shop.example"})
	if _, no := g.route("/v1", "OPTIONS"); no == nil || no.status != 405 {
		t.Errorf("a preflight request gets %v", no)
	}
}
