package gateway

import (
	"net/http"
	"strings"
	"testing"
)

// The operations of ESPv2's test of path translation
// (https://github.com/GoogleCloudPlatform/esp-v2/blob/master/tests/env/testdata/fake_echo_service_config_for_dynamic_routing.go),
// as an OpenAPI document.
const translationDocument = `
swagger: "2.0"
info: {title: translation, version: "1"}
x-google-backend: {address: "BACKEND", disable_auth: true}
paths:
  /pet/{pet_id}/num/{number}: {get: {operationId: a, x-google-backend: {address: "BACKEND/dynamicrouting/getpetbyid", disable_auth: true}}}
  /shelves/{SHELF}/books/info/{BOOK}: {get: {operationId: b, x-google-backend: {address: "BACKEND/dynamicrouting/bookinfo", path_translation: CONSTANT_ADDRESS, disable_auth: true}}}
  /shelves/{SHELF.i_d}/books/id/{BOOK.id}: {get: {operationId: b2, x-google-backend: {address: "BACKEND/dynamicrouting/bookid", disable_auth: true}}}
  /shelves: {get: {operationId: c, x-google-backend: {address: "BACKEND/dynamicrouting/shelves", disable_auth: true}}}
  /empty_path: {post: {operationId: d, x-google-backend: {address: "BACKEND", path_translation: CONSTANT_ADDRESS, disable_auth: true}}}
  /wildcard/a/*/b/{name=*}/c/**: {get: {operationId: e, x-google-backend: {address: "BACKEND/dynamicrouting/const_wildcard", disable_auth: true}}}
  /field_path/{s_1=a/*/b/*}/{s_2=x/**}:upload: {get: {operationId: f, x-google-backend: {address: "BACKEND/dynamicrouting/const_wildcard", disable_auth: true}}}
  /allow-all/exact-match: {post: {operationId: g, x-google-backend: {address: "BACKEND/dynamicrouting/const_wildcard", disable_auth: true}}}
  /allow-all/{single_wildcard=*}: {post: {operationId: h, x-google-backend: {address: "BACKEND/dynamicrouting/const_wildcard", disable_auth: true}}}
  /allow-all/{double_wildcard=**}: {post: {operationId: i, x-google-backend: {address: "BACKEND/dynamicrouting/const_wildcard", disable_auth: true}}}
  /searchpet: {get: {operationId: j, x-google-backend: {address: "BACKEND/dynamicrouting/searchpet", path_translation: APPEND_PATH_TO_ADDRESS, disable_auth: true}}}
  /searchdog: {get: {operationId: k, x-google-backend: {address: "BACKEND/dynamicrouting/searchdogs/", path_translation: APPEND_PATH_TO_ADDRESS, disable_auth: true}}}
  /pets/{category}/year/{no}: {get: {operationId: l, x-google-backend: {address: "BACKEND/dynamicrouting/listpet", path_translation: APPEND_PATH_TO_ADDRESS, disable_auth: true}}}
  /searchroot: {get: {operationId: m, x-google-backend: {address: "BACKEND/", path_translation: APPEND_PATH_TO_ADDRESS, disable_auth: true}}}
  /searchbare: {get: {operationId: n}}
  /echo/{id}/path: {get: {operationId: o, x-google-backend: {address: "BACKEND/prefix", path_translation: APPEND_PATH_TO_ADDRESS, disable_auth: true}}}
`

type translation struct {
	method, request string
	want            string // the backend's RequestURI, or a status
}

func checkTranslations(t *testing.T, policy PathPolicy, table []translation) {
	t.Helper()
	server := newBackendServer(t)
	for version, document := range inBothVersions(strings.ReplaceAll(translationDocument, "BACKEND", server.URL)) {
		t.Run(version, func(t *testing.T) { translate(t, newGateway(t, document, Options{Paths: policy}), table) })
	}
}

func translate(t *testing.T, g *Gateway, table []translation) {
	t.Helper()
	for _, row := range table {
		t.Run(strings.ReplaceAll(row.request, "/", "|"), func(t *testing.T) {
			got := send(t, g, request(row.method, row.request))
			if !strings.HasPrefix(row.want, "/") {
				if want := row.want; want != http.StatusText(got.status) {
					t.Fatalf("status %d: %s, want %s", got.status, got.body, want)
				}
				return
			}
			if uri := got.seen(t).RequestURI; uri != row.want {
				t.Errorf("the backend saw %s, want %s", uri, row.want)
			}
		})
	}
}

// ESPv2's TestDynamicRouting: neither normalised nor merged.
func TestTranslationOfRawPaths(t *testing.T) {
	checkTranslations(t, PathPolicy{KeepDotSegments: true, KeepSlashes: true}, append(commonTranslations(), []translation{
		{"POST", "/empty_path//", "Not Found"},
		{"GET", "/shelves/123/books/info/987//", "Not Found"},
		{"GET", "/echo/123/path//", "Not Found"},
		{"GET", "/echo/123/../123/path/", "Not Found"},
		{"GET", "/echo/%4A/path/", "/prefix/echo/%4A/path/"},
		{"GET", "/echo/%4a/path/", "/prefix/echo/%4a/path/"},
		{"POST", "/allow-all/should-match/double-wildcard///", "/dynamicrouting/const_wildcard?double_wildcard=should-match/double-wildcard"},
	}...))
}

// ESPv2's TestDynamicRoutingPathPreprocessing: the defaults.
func TestTranslationOfPreparedPaths(t *testing.T) {
	checkTranslations(t, PathPolicy{}, append(commonTranslations(), []translation{
		{"POST", "/empty_path//", "/"},
		{"GET", "/shelves/123/books/info/987//", "/dynamicrouting/bookinfo?SHELF=123&BOOK=987"},
		{"GET", "/echo/123/path//", "/prefix/echo/123/path/"},
		{"GET", "/echo/123/../123/path/", "/prefix/echo/123/path/"},
		{"GET", "/echo/123/%2e%2E/123/./path/", "/prefix/echo/123/path/"},
		{"GET", "/echo/%4A/path/", "/prefix/echo/J/path/"},
		{"GET", "/echo/%4a/path/", "/prefix/echo/J/path/"},
		{"GET", "/echo/123/PATH/", "Not Found"},
		{"GET", "/echo/123/path/?param1=%4A/../test", "/prefix/echo/123/path/?param1=%4A/../test"},
		{"GET", "/../../searchpet", "/dynamicrouting/searchpet/searchpet"},
	}...))
}

// ESPv2's TestDynamicRoutingEscapeSlashes.
func TestTranslationOfEscapedSlashes(t *testing.T) {
	checkTranslations(t, PathPolicy{RedirectEscapedSlashes: true}, []translation{
		{"GET", "/echo/123%2Fpath/", "Temporary Redirect"},
		{"GET", "/echo/123/path/?param1=%4A/../test", "/prefix/echo/123/path/?param1=%4A/../test"},
	})
	g := newGateway(t, strings.ReplaceAll(translationDocument, "BACKEND", "http://127.0.0.1:1"),
		Options{Paths: PathPolicy{RedirectEscapedSlashes: true}})
	got := send(t, g, request("GET", "/echo/123%2Fpath/?a=b"))
	if got.body != `{"code":307,"message":""}` || got.header.Get("Location") != "/echo/123/path/?a=b" ||
		got.header.Get("WWW-Authenticate") != "" {
		t.Errorf("got %+v", got)
	}
}

// commonTranslations are the rows that hold with and without preparation.
func commonTranslations() []translation {
	return []translation{
		{"GET", "/pet/123/num/987", "/dynamicrouting/getpetbyid?pet_id=123&number=987"},
		{"GET", "/pet/123/num/987/", "/dynamicrouting/getpetbyid?pet_id=123&number=987"},
		{"GET", "/pet/a%20b/num/9%3B8", "/dynamicrouting/getpetbyid?pet_id=a%20b&number=9%3B8"},
		{"GET", "/pet/31/num/565?lang=US&zone=us-west1", "/dynamicrouting/getpetbyid?lang=US&zone=us-west1&pet_id=31&number=565"},
		{"GET", "/pet/a%20b/num/9%3B8?lang=U%20S&zone=us%3Bwest", "/dynamicrouting/getpetbyid?lang=U%20S&zone=us%3Bwest&pet_id=a%20b&number=9%3B8"},
		{"GET", "/shelves/123/books/info/987", "/dynamicrouting/bookinfo?SHELF=123&BOOK=987"},
		{"GET", "/shelves/123/books/info/987/", "/dynamicrouting/bookinfo?SHELF=123&BOOK=987"},
		{"GET", "/shelves/221/books/id/2019", "/dynamicrouting/bookid?SHELF.i_d=221&BOOK.id=2019"},
		{"GET", "/shelves", "/dynamicrouting/shelves"},
		{"GET", "/shelves?q=story", "/dynamicrouting/shelves?q=story"},
		{"GET", "/shelves?q=story%3Bbooks", "/dynamicrouting/shelves?q=story%3Bbooks"},
		{"POST", "/empty_path", "/"},
		{"POST", "/empty_path/", "/"},
		{"GET", "/wildcard/a/1/b/2/c/3", "/dynamicrouting/const_wildcard?name=2"},
		{"GET", "/wildcard/a/1/b/2/c/3/4/5?key=value", "/dynamicrouting/const_wildcard?key=value&name=2"},
		{"GET", "/wildcard/a/1/b/2/c/", "/dynamicrouting/const_wildcard?name=2"},
		{"GET", "/wildcard/a/1/b/2/c", "Not Found"},
		{"GET", "/wildcard/a/b/2/c/", "Not Found"},
		{"GET", "/wildcard/a/1/2/3/b/4/c/", "Not Found"},
		{"GET", "/field_path/a/1/b/2/x/9/8/7:upload", "/dynamicrouting/const_wildcard?s_1=a/1/b/2&s_2=x/9/8/7"},
		{"GET", "/field_path/a/1/b/2/x/9/8/7/:upload", "/dynamicrouting/const_wildcard?s_1=a/1/b/2&s_2=x/9/8/7/"},
		{"GET", "/field_path/a/1/b/2/x/9/8/7:other", "Not Found"},
		{"GET", "/field_path/a/1/wrong/2/x/9/8/7:upload", "Not Found"},
		{"POST", "/allow-all/exact-match", "/dynamicrouting/const_wildcard"},
		{"POST", "/allow-all/one", "/dynamicrouting/const_wildcard?single_wildcard=one"},
		{"POST", "/allow-all/one/", "/dynamicrouting/const_wildcard?single_wildcard=one"},
		{"POST", "/allow-all/one/two", "/dynamicrouting/const_wildcard?double_wildcard=one/two"},
		{"POST", "/allow-all/one/two/", "/dynamicrouting/const_wildcard?double_wildcard=one/two"},
		{"GET", "/searchpet", "/dynamicrouting/searchpet/searchpet"},
		{"GET", "/searchpet/?timezone=PST&lang=US", "/dynamicrouting/searchpet/searchpet/?timezone=PST&lang=US"},
		{"GET", "/searchdog", "/dynamicrouting/searchdogs/searchdog"},
		{"GET", "/searchdog?timezone=U%20C%3BT", "/dynamicrouting/searchdogs/searchdog?timezone=U%20C%3BT"},
		{"GET", "/searchdogs", "Not Found"},
		{"GET", "/pets/cat/year/2018/", "/dynamicrouting/listpet/pets/cat/year/2018/"},
		{"GET", "/pets/c%20t/year/2018%3B2019", "/dynamicrouting/listpet/pets/c%20t/year/2018%3B2019"},
		{"GET", "/searchroot?zone=us-central1&lang=en", "/searchroot?zone=us-central1&lang=en"},
		{"GET", "/searchbare", "/searchbare"},
		{"GET", "/echo/123/path", "/prefix/echo/123/path"},
		{"GET", "/echo/123/path/", "/prefix/echo/123/path/"},
		{"GET", "/echo/12%2F3/path/", "/prefix/echo/12%2F3/path/"},
		{"GET", "/allow-all/one", "Method Not Allowed"},
	}
}
