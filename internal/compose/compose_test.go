package compose

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

const shop = `
-- .git/HEAD --
-- gangway.hcl --
installation = "acme"
repository "acme/shop" {}
environment "development" {
  project = "acme-dev"
  region  = "europe-west1"
  build {
    images          = "europe-west1-docker.pkg.dev/acme-dev/previews"
    service_account = "preview-build@acme-dev.iam.gserviceaccount.com"
  }
  gateway "shop" {
    title                   = "Shop"
    apis                    = ["shop-1"]
    backend_service_account = "gateway@acme-dev.iam.gserviceaccount.com"
    service "orders" {
      repository = "acme/shop"
      paths      = ["orders/**"]
      openapi    = "orders/openapi.yaml"
    }
    service "users" {
      repository = "acme/shop"
      paths      = ["users/**"]
      openapi    = "users/openapi.yaml"
    }
  }
}
-- orders/openapi.yaml --
swagger: "2.0"
info: {title: Orders, version: "1"}
paths:
  /orders: {get: {operationId: list, responses: {200: {description: ok, schema: {$ref: "../shared/types.yaml#/Order"}}}}}
-- shared/types.yaml --
Order: {type: object}
-- new.json --
{"swagger": "2.0", "info": {"title": "U", "version": "1"},
 "securityDefinitions": {"key": {"type": "apiKey", "name": "key", "in": "query"}},
 "paths": {"/users": {"get": {"operationId": "users", "security": [{"key": []}], "responses": {"200": {"description": "ok"}}}}}}
-- bad.yaml --
swagger: "2.0"
paths:
  users: {get: {responses: {}}}
`

// write writes an archive below a new folder.
func write(t *testing.T, archive string) string {
	t.Helper()
	dir := t.TempDir()
	if err := txtar.Write(txtar.Parse([]byte(archive)), dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestComposeByConfiguration(t *testing.T) {
	t.Parallel()
	dir := write(t, shop)
	result, err := Run(Request{
		Config: filepath.Join(dir, "gangway.hcl"), Root: dir, Format: "yaml",
		Overrides: []string{"orders=https://pr-7---orders-x.a.run.app"},
	})
	if err != nil || len(result.Problems) > 0 {
		t.Fatalf("%v, %v", err, result)
	}
	want := `swagger: "2.0"
info:
  title: Shop
  version: "1"
schemes:
  - https
paths:
  /orders:
    get:
      operationId: list
      responses:
        "200":
          description: ok
          schema:
            $ref: "#/definitions/types_Order"
      x-google-backend:
        address: https://pr-7---orders-x.a.run.app
        jwt_audience: https://orders-x.a.run.app
        path_translation: APPEND_PATH_TO_ADDRESS
definitions:
  types_Order:
    type: object
`
	if diff := cmp.Diff(want, string(result.Document)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"users"}, result.WithoutFile); diff != "" || len(result.Invented) > 0 {
		t.Errorf("without a document: %v; invented %v", result.WithoutFile, result.Invented)
	}
	content, err := result.Provenance()
	if err != nil {
		t.Fatal(err)
	}
	want = `[
  {
    "method": "GET",
    "path": "/orders",
    "operation_id": "list",
    "service": "orders",
    "override": true,
    "file": "orders/openapi.yaml",
    "line": 4,
    "column": 13,
    "public": true
  }
]
`
	if diff := cmp.Diff(want, string(content)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Without a configuration, documents are named one by one, and their own security definitions count.
func TestComposeByFiles(t *testing.T) {
	t.Parallel()
	dir := write(t, shop)
	result, err := Run(Request{
		Title: "All", Format: "json", OpenAPI: "3.0",
		Documents: []string{"orders=" + filepath.Join(dir, "orders/openapi.yaml"), "users=" + filepath.Join(dir, "new.json")},
		Backends:  []string{"users=https://users.example"},
	})
	if err != nil || len(result.Problems) > 0 {
		t.Fatalf("%v, %v", err, result)
	}
	var document struct {
		OpenAPI string
		Info    struct{ Title string }
		Paths   map[string]map[string]struct{ Security []map[string][]string }
	}
	if err := json.Unmarshal(result.Document, &document); err != nil {
		t.Fatal(err)
	}
	if document.OpenAPI != "3.0.4" || document.Info.Title != "All" || len(document.Paths) != 2 ||
		document.Paths["/users"]["get"].Security[0]["key"] == nil || !strings.Contains(string(result.Document), "https://users.example") {
		t.Errorf("composed %s", result.Document)
	}
	if diff := cmp.Diff([]string{"orders"}, result.Invented); diff != "" {
		t.Error(diff)
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	dir := write(t, shop)
	result, err := Run(Request{Format: "yaml", Documents: []string{"users=" + filepath.Join(dir, "bad.yaml")}})
	if err != nil || result.Document != nil || len(result.Problems) == 0 {
		t.Fatalf("%v, %+v", err, result)
	}
	var text, asJSON, sarif bytes.Buffer
	for format, b := range map[string]*bytes.Buffer{"text": &text, "json": &asJSON, "sarif": &sarif} {
		if err := result.WriteFindings(b, format); err != nil {
			t.Fatal(err)
		}
	}
	const want = "error: users: bad.yaml:3:3: the path \"users\" does not start with a slash (write /users) [path]\n1 problem, 0 warnings\n"
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var list []map[string]any
	if err := json.Unmarshal(asJSON.Bytes(), &list); err != nil || list[0]["rule"] != "path" || list[0]["line"] != 3.0 || list[0]["level"] != "error" {
		t.Errorf("%v: %s", err, asJSON.String())
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				Level     string
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(sarif.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	r := log.Runs[0].Results[0]
	if log.Version != "2.1.0" || r.RuleID != "path" || r.Level != "error" || log.Runs[0].Tool.Driver.Rules[0].ID != "path" ||
		r.Locations[0].PhysicalLocation.ArtifactLocation.URI != "bad.yaml" || r.Locations[0].PhysicalLocation.Region.StartLine != 3 {
		t.Errorf("%s", sarif.String())
	}
	if err := result.WriteFindings(&text, "xml"); err == nil || !strings.Contains(err.Error(), "want text, json or sarif") {
		t.Errorf("findings as xml: %v", err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	dir := write(t, shop)
	for limit, want := range map[string]string{
		"result-bytes=100": "more than 100 bytes", "depth=3": "nested", "values=5": "values", "files=1": "", "document-bytes=50": "more than 50",
	} {
		result, err := Run(Request{Documents: []string{"a=" + filepath.Join(dir, "orders/openapi.yaml")}, Format: "yaml", Limits: []string{limit}})
		if err != nil || (want == "") != (len(result.Problems) == 0) || want != "" && !strings.Contains(result.Problems[0].Message, want) {
			t.Errorf("%s: %v, %v", limit, err, result)
		}
	}
}

func TestComposeRefuses(t *testing.T) {
	t.Parallel()
	dir := write(t, shop)
	config := filepath.Join(dir, "gangway.hcl")
	for want, r := range map[string]Request{
		"none of the documents is below":                              {Config: config, Root: filepath.Join(dir, "shared"), Format: "yaml"},
		`which the gateway does not have: it has orders, users`:       {Config: config, Root: dir, Format: "yaml", Overrides: []string{"payments=https://x.example"}},
		`environment development has no gateway "other"; it has shop`: {Config: config, Gateway: "other", Format: "yaml"},
		`has no environment "production"`:                             {Config: config, Environment: "production", Format: "yaml"},
		"the document of a is missing":                                {Documents: []string{"a=" + filepath.Join(dir, "absent")}, Format: "yaml"},
		"not a regular file":                                          {Documents: []string{"a=" + filepath.Join(dir, "orders")}, Format: "yaml"},
	} {
		if _, err := Run(r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %q", r, err, want)
		}
	}
}

// Links are not followed, and nothing outside of the repository is read.
func TestFilesStayInTheRepository(t *testing.T) {
	t.Parallel()
	dir := write(t, shop)
	secret := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(secret, []byte("Secret: {type: string}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "link.yaml")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	for ref, want := range map[string]string{
		"link.yaml#/Secret": "not a regular file", filepath.ToSlash(secret) + "#/Secret": "is an absolute path", "../x.yaml": "leads out of the repository",
		"absent.yaml": "there is no file",
	} {
		document := "openapi: 3.0.4\npaths: {/a: {get: {responses: {200: {description: ok, content: {a/b: {schema: {$ref: '" + ref + "'}}}}}}}}\n"
		file := filepath.Join(dir, "document.yaml")
		if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		result, err := Run(Request{Documents: []string{"a=" + file}, Format: "yaml"})
		if err != nil || len(result.Problems) == 0 || !strings.Contains(result.Problems[0].String(), want) {
			t.Errorf("%s: %v, %v", ref, err, result)
		}
	}
}
