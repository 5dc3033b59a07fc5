package compose

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/apidiff"
)

// gitIn runs git in a folder, without anybody's settings.
func gitIn(t *testing.T, dir string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "git", append([]string{
		"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main",
	}, args...)...)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func put(t *testing.T, dir, file, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// branched is the shop on a branch: main has changed orders since, and the branch has uncommitted changes.
func branched(t *testing.T) string {
	t.Helper()
	dir := write(t, strings.Replace(shop, "-- .git/HEAD --\n", "", 1))
	gitIn(t, dir, "init", "-q")
	gitIn(t, dir, "add", ".")
	gitIn(t, dir, "commit", "-q", "-m", "one")
	gitIn(t, dir, "checkout", "-q", "-b", "feature")
	gitIn(t, dir, "checkout", "-q", "main")
	put(t, dir, "orders/openapi.yaml", strings.Replace(orders, "paths:\n",
		"paths:\n  /news: {get: {operationId: news, responses: {200: {description: ok}}}}\n", 1))
	gitIn(t, dir, "commit", "-q", "-a", "-m", "two")
	gitIn(t, dir, "checkout", "-q", "feature")
	put(t, dir, "shared/types.yaml", "Order: {type: string}\n")
	put(t, dir, "users.yaml", "")
	if err := os.Mkdir(filepath.Join(dir, "users"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "users/openapi.yaml", strings.ReplaceAll(strings.ReplaceAll(orders, "/orders", "/users"), "list", "users"))
	return dir
}

const orders = `swagger: "2.0"
info: {title: Orders, version: "1"}
paths:
  /orders: {get: {operationId: list, responses: {200: {description: ok, schema: {$ref: "../shared/types.yaml#/Order"}}}}}
`

func TestDiffAgainstABranch(t *testing.T) {
	t.Parallel()
	dir := branched(t)
	d, err := Diff(t.Context(), DiffRequest{Config: filepath.Join(dir, "gangway.hcl"), Root: dir, Against: "main"})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := d.Write(&b, "text"); err != nil {
		t.Fatal(err)
	}
	want := `1 operation added, 1 changed, 1 breaking — GET /orders the response's body "type" changed from "object" to "string" for status "200"
  breaking  orders  GET /orders  changed         orders/openapi.yaml:4:13
            the response's body "type" changed from "object" to "string" for status "200"
  risky     users   GET /users   added           users/openapi.yaml:4:12
            public: anyone may call it

The branch lacks what the other has changed meanwhile:
  risky     orders  GET /news  added           orders/openapi.yaml:4:11
            public: anyone may call it
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if d.Worst() != apidiff.Breaking {
		t.Errorf("the worst is %v", d.Worst())
	}
	for against, want := range map[string]string{
		"absent": "git says", "--upload-pack=x": "git says", "": "",
	} {
		_, err := Diff(t.Context(), DiffRequest{Config: filepath.Join(dir, "gangway.hcl"), Root: dir, Against: against, Base: "absent", Head: "absent"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("against %q: %v", against, err)
		}
	}
}

// A document that was removed has lost all its operations.
func TestDiffOfARemovedDocument(t *testing.T) {
	t.Parallel()
	dir := branched(t)
	if err := os.Remove(filepath.Join(dir, "orders/openapi.yaml")); err != nil {
		t.Fatal(err)
	}
	d, err := Diff(t.Context(), DiffRequest{Config: filepath.Join(dir, "gangway.hcl"), Root: dir, Against: "main"})
	if err != nil || len(d.Changes) != 2 || d.Changes[0].Kind != apidiff.Removed || d.Changes[0].Path != "/orders" {
		t.Errorf("%v, %+v", err, d)
	}
}

func TestDiffOfFiles(t *testing.T) {
	t.Parallel()
	dir := write(t, shop)
	put(t, dir, "other.json", strings.ReplaceAll(strings.ReplaceAll(newJSON(t), `"security": [{"key": []}],`, ``), "/users", "/people"))
	d, err := Diff(t.Context(), DiffRequest{Base: filepath.Join(dir, "new.json"), Head: filepath.Join(dir, "other.json")})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, c := range d.Changes {
		kinds = append(kinds, string(c.Kind)+" "+c.Path)
	}
	if diff := cmp.Diff([]string{"added /people", "removed /users"}, kinds); diff != "" {
		t.Error(diff)
	}
	same, err := Diff(t.Context(), DiffRequest{Base: filepath.Join(dir, "new.json"), Head: filepath.Join(dir, "new.json")})
	var b bytes.Buffer
	if err != nil || same.Write(&b, "json") != nil || b.String() != "{\n  \"changes\": []\n}\n" {
		t.Errorf("%v: %s", err, b.String())
	}
	if err := same.Write(&b, "xml"); err == nil {
		t.Error("written as xml")
	}
}

func newJSON(t *testing.T) string {
	t.Helper()
	_, after, _ := strings.Cut(shop, "-- new.json --\n")
	content, _, ok := strings.Cut(after, "-- bad.yaml --")
	if !ok {
		t.Fatal("the archive has no new.json")
	}
	return content
}

// A branch that mends a document can be compared as far as the others go.
func TestDiffOfAnInvalidPast(t *testing.T) {
	t.Parallel()
	dir := write(t, strings.Replace(shop, "-- .git/HEAD --\n", "", 1))
	put(t, dir, "orders/openapi.yaml", strings.Replace(orders, "../shared/types.yaml#/Order", "..#/Order", 1)) // a folder
	gitIn(t, dir, "init", "-q")
	gitIn(t, dir, "add", ".")
	gitIn(t, dir, "commit", "-q", "-m", "one")
	put(t, dir, "orders/openapi.yaml", orders)
	d, err := Diff(t.Context(), DiffRequest{Config: filepath.Join(dir, "gangway.hcl"), Root: dir, Against: "main"})
	if err != nil || !d.Unknown || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "leads to a folder") {
		t.Errorf("%v, %+v", err, d)
	}
}

// Paths are those of a repository: services of others are told apart.
func TestDiffOfOneRepository(t *testing.T) {
	t.Parallel()
	dir := branched(t)
	config, err := os.ReadFile(filepath.Join(dir, "gangway.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	head, users, _ := strings.Cut(string(config), `service "users" {`)
	users = strings.ReplaceAll(strings.Replace(users, "acme/shop", "acme/users", 1), "users/openapi.yaml", "orders/openapi.yaml")
	put(t, dir, "gangway.hcl", "repository \"acme/users\" {}\n"+head+`service "users" {`+users)
	r := DiffRequest{Config: filepath.Join(dir, "gangway.hcl"), Root: dir, Against: "main"}
	if _, err := Diff(t.Context(), r); err == nil || !strings.Contains(err.Error(), "say with --repository which one this is") {
		t.Errorf("without a repository: %v", err)
	}
	r.Repository = "acme/shop"
	if d, err := Diff(t.Context(), r); err != nil || len(d.Changes) != 1 || d.Changes[0].Service != "orders" {
		t.Errorf("%v, %+v", err, d)
	}
	r.Repository = "acme/other"
	if _, err := Diff(t.Context(), r); err == nil || !strings.Contains(err.Error(), "has no service of it") {
		t.Errorf("another repository: %v", err)
	}
}
