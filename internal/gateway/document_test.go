package gateway

import (
	"errors"
	"strings"
	"testing"
)

func TestDocumentProblems(t *testing.T) {
	const head = `{"swagger":"2.0","x-google-backend":{"address":"http://b.example"},`
	op := func(extra string) string {
		return head + `"paths":{"/a":{"get":{"operationId":"a"` + extra + `}}}}`
	}
	backend := func(fields string) string { return op(`,"x-google-backend":{` + fields + `}`) }
	for document, want := range map[string]string{
		"":                                  "not an object",
		"[]":                                "not an object",
		"a: [":                              "did not find expected",
		"{\"a\":":                           "did not find",
		`{"a":1}`:                           "'swagger'",
		`openapi: 3.2.0`:                    "OpenAPI \"3.2.0\" is not served",
		head + `"paths":{}}`:                "has no paths",
		head + `"paths":{"/a":{"get":{}}}}`: "Operation 'get' in path '/a': Operation does not have the required 'operationId' field.",
		head + `"paths":{"/a":{"get":{"operationId":"x"},"put":{"operationId":"x"}}}}`:            "duplicate 'operationId' 'x'",
		head + `"paths":{"/a/":{"get":{"operationId":"x"}}}}`:                                     "http: In path template '/a/': unexpected end of input '/'",
		head + `"paths":{"a":{"get":{"operationId":"x"}}}}`:                                       "does not begin with '/'",
		head + `"paths":{"/a/{b}.json":{"get":{"operationId":"x"}}}}`:                             "only whole segments",
		head + `"paths":{"/a/x{b}":{"get":{"operationId":"x"}}}}`:                                 "only whole segments",
		head + `"paths":{"/a/{b":{"get":{"operationId":"x"}}}}`:                                   "is not closed",
		head + `"paths":{"/a/{}":{"get":{"operationId":"x"}}}}`:                                   "is not the name",
		head + `"paths":{"/a//b":{"get":{"operationId":"x"}}}}`:                                   "segment is empty",
		head + `"paths":{"/{a=**}/b":{"get":{"operationId":"x"}}}}`:                               "'**' is not the last",
		head + `"paths":{"/{a}":{"get":{"operationId":"x"}},"/{b}":{"get":{"operationId":"y"}}}}`: "matches the same requests as '/{a}'",
		head + `"host":"","paths":{"/a":{"get":{"operationId":"a"}}}}`:                            "'host' is empty",
		head + `"host":"a:80","paths":{"/a":{"get":{"operationId":"a"}}}}`:                        "custom ports",
		head + `"basePath":"v1","paths":{"/a":{"get":{"operationId":"a"}}}}`:                      "'basePath'",
		head + `"x-google-allow":"some","paths":{"/a":{"get":{"operationId":"a"}}}}`:              "x-google-allow",
		`{"swagger":"2.0","paths":{"/a":{"get":{"operationId":"a"}}}}`:                            "no x-google-backend",
		backend(``):                             "no address",
		backend(`"address":"b.example"`):        "not an http or https URL",
		backend(`"address":"grpc://b.example"`): "gRPC",
		backend(`"address":"http://b/?q"`):      "query",
		backend(`"address":"http://b","jwt_audience":"a","disable_auth":true`):     "both jwt_audience and disable_auth",
		backend(`"address":"http://b","path_translation":"X"`):                     "path_translation",
		backend(`"address":"http://b","protocol":"h3"`):                            "protocol",
		op(`,"security":[{"none":[]}]`):                                            "security definition 'none' does not exist",
		op(`,"parameters":[{"in":"query","name":"q","type":"object"}]`):            "parameter 'q'",
		op(`,"responses":{"default":{"schema":{"$ref":"http://evil.example/x"}}}`): "reference 'http://evil.example/x' is external",
	} {
		_, err := New([]byte(document), Options{})
		problem, ok := errors.AsType[*DocumentError](err)
		if !ok || !strings.Contains(problem.Error(), want) {
			t.Errorf("%s\n gives %v,\n want %s", document, err, want)
		}
	}
}

func TestUsableDocuments(t *testing.T) {
	for _, document := range []string{
		"{\"swagger\":\"2.0\",\"info\":{\"title\":\"\\ud83d\\ude00\"},\n\t\"paths\":{\"/a\":{\"get\":{\"operationId\":\"a\",\"x-google-backend\":{\"address\":\"http://b\"}}}}}",
		"swagger: 2.0\nx-google-backend: {address: 'http://b'}\npaths:\n  x-note: {}\n  /a: {parameters: [{$ref: '#/parameters/p'}], get: {operationId: a, responses: {200: {examples: {a: {$ref: 'file:///x'}}}}}}\n",
	} {
		if _, err := New([]byte(document), Options{}); err != nil {
			t.Errorf("%s\n gives %v", document, err)
		}
	}
}

func FuzzNew(f *testing.F) {
	f.Add([]byte(translationDocument))
	f.Add([]byte(authDocument("http://b.example", "http://i.example")))
	f.Add([]byte(routingDocument("http://b.example")))
	f.Add([]byte(inOpenAPI3(authDocument("http://b.example", "http://i.example"))))
	f.Add([]byte(`{"swagger":"2.0","paths":{"/{a=b/**}:c":{"get":null}},"securityDefinitions":{"a":{}}}`))
	f.Add([]byte("a: &a [*a]\nswagger: '2.0'"))
	f.Fuzz(func(t *testing.T, document []byte) {
		g, err := New(document, Options{})
		if (g == nil) != (err != nil) {
			t.Fatal("got a gateway and an error, or neither")
		}
		if g != nil {
			g.route("/a/b", "GET")
		}
	})
}
