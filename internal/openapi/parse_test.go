package openapi

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

const minimal = "swagger: \"2.0\"\npaths:\n  /a:\n    get:\n      operationId: a\n      responses: {200: {description: ok}}\n"

func TestParseEncodings(t *testing.T) {
	t.Parallel()
	want, err := parsed("openapi.yaml", minimal)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"byte order mark":  "\ufeff" + minimal,
		"CRLF":             strings.ReplaceAll(minimal, "\n", "\r\n"),
		"JSON as YAML":     `{"swagger":"2.0","paths":{"/a":{"get":{"operationId":"a","responses":{"200":{"description":"ok"}}}}}}`,
		"JSON with a mark": "\ufeff" + `{"swagger":"2.0","paths":{"/a":{"get":{"operationId":"a","responses":{"200":{"description":"ok"}}}}}}`,
		"flow mapping":     `{swagger: "2.0",paths: {/a: {get: {operationId: a,responses: {200: {description: ok}}}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parsed("openapi.yaml", content)
			if err != nil {
				t.Fatal(err)
			}
			if !equal(got.root(), want.root()) {
				t.Errorf("got %+v", got.entries)
			}
		})
	}
}

func TestParseJSONPositions(t *testing.T) {
	t.Parallel()
	tree, err := parsed("x.json", "{\"é\": 1,\n  \"a\": [true,\r\n\t\"x\"]}")
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	for i := range tree.entries {
		places = append(places, strings.TrimPrefix(value{tree, uint32(i)}.at().String(), "x.json:")) //nolint:gosec // few
	}
	got := strings.Join(places, " ")
	if want := "1:1 1:2 1:7 2:3 2:8 2:9 3:2"; got != want {
		t.Errorf("positions are %s, want %s", got, want)
	}
}

// TestParseLimits gives documents that are too large in every way, or made to take long. All are refused, at once.
func TestParseLimits(t *testing.T) {
	t.Parallel()
	laughs := "a0: &a0 [x]\n"
	for i := range 30 {
		laughs += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	merges := "m0: &m0 {k0: 0, l0: 0}\n"
	for i := range 30 {
		merges += fmt.Sprintf("m%d: &m%d {x: *m%d, y: *m%d, <<: *m%d}\n", i+1, i+1, i, i, i)
	}
	for name, test := range map[string]struct{ file, content, want string }{
		"bytes":             {"x.yaml", "a: " + strings.Repeat("x", 10<<20), "bytes"},
		"depth of JSON":     {"x.json", strings.Repeat("[", 1_000_000), "nested more than 100"},
		"depth of YAML":     {"x.yaml", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested more than 100"},
		"endless YAML":      {"x.yaml", strings.Repeat("[", 1_000_000), "not YAML"},
		"blocks of YAML":    {"x.yaml", strings.Repeat("- ", 5000), "nested more than 100"},
		"values of JSON":    {"x.json", "[" + strings.Repeat("0,", 2_100_000) + "0]", "more than 2000000 values"},
		"values of YAML":    {"x.yaml", "[" + strings.Repeat("0,", 4_100_000) + "0]", "more than 2000000 values"},
		"billion laughs":    {"x.yaml", laughs, "add more than 500000 values"},
		"billion merges":    {"x.yaml", merges, "add more than 500000 values"},
		"not UTF-8":         {"x.yaml", "a: b\nc: \xff", "not UTF-8"},
		"UTF-16":            {"x.yaml", "\xff\xfea\x00:\x00", "not UTF-8"},
		"number too large":  {"x.json", `{"a": 1e999}`, "too large"},
		"control character": {"x.json", "{\"a\": \"\x01\"}", "control character"},
		"trailing text":     {"x.json", "{} {}", "after the end"},
		"bad escape":        {"x.json", `{"a": "\x"}`, "escape sequence"},
		"bad literal":       {"x.json", `{"a": nul}`, "where a value should be"},
		"bad number":        {"x.json", `{"a": 01}`, "a number that is not one"},
		"cut off":           {"x.json", `{"a": "b`, "ends where a closing quote should be"},
		"only space":        {"x.json", " \n", "empty"},
		"only a comment":    {"x.yaml", "# nothing", "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := parsed(test.file, test.content)
			wrong, ok := errors.AsType[*Error](err)
			if !ok || len(wrong.Findings) != 1 || !strings.Contains(wrong.Error(), test.want) {
				t.Errorf("error is %v, want one finding with %q", err, test.want)
			}
			if took := time.Since(start); took > 2*time.Minute {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestComposeLimits composes what is small to read and large to write.
func TestComposeLimits(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("swagger: \"2.0\"\nconsumes: [" + strings.Repeat("application/json,", 10_000) + "]\npaths:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "  /p%d: {get: {operationId: o%d, responses: {200: {description: ok}}}}\n", i, i)
	}
	for _, f := range []Format{JSON, YAML} {
		o := testOptions()
		o.Format = f
		_, err := Compose([]Document{testDocument("a", []byte(b.String()))}, o)
		if err == nil || !strings.Contains(err.Error(), "more than 10000000 bytes") {
			t.Errorf("composing as %s: %v", f, err)
		}
	}
	o := testOptions()
	o.Limits.ResultBytes = 500
	c, err := Compose([]Document{testDocument("a", []byte(minimal)), testDocument("b", []byte(strings.ReplaceAll(minimal, "/a", "/b")))}, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Render(); err == nil || !strings.Contains(err.Error(), "more than 500 bytes") {
		t.Errorf("rendering: %v", err)
	}
	if _, err := Compose(nil, Options{Format: "xml"}); err == nil {
		t.Error("XML is not a format")
	}
}

// TestComposeHostile composes documents that are made to take long.
func TestComposeHostile(t *testing.T) {
	t.Parallel()
	chain := func(last string) []byte {
		var b strings.Builder
		b.WriteString("{\"swagger\":\"2.0\",\"paths\":{},\"definitions\":{")
		for i := range 5_000 {
			fmt.Fprintf(&b, `"d%d":{"not":{"$ref":"#/definitions/d%d"}},`, i, i+1)
		}
		b.WriteString(`"d5000":` + last + "}}")
		return []byte(b.String())
	}
	var alike strings.Builder
	alike.WriteString("{\"swagger\":\"2.0\",\"paths\":{")
	for i := range 5_000 {
		fmt.Fprintf(&alike, `"/%s":{"get":{"responses":{"200":{}}}},`, strings.Repeat("-", i%50)+fmt.Sprintf("%%%x", i))
	}
	alike.WriteString(`"/":{}}}`)
	for name, documents := range map[string][]Document{
		"a long chain of differences": {testDocument("a", chain(`{"type":"string"}`)), testDocument("b", chain(`{"type":"object"}`))},
		"similar operations":          {testDocument("a", []byte(alike.String()))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			if _, err := Compose(documents, testOptions()); err != nil {
				t.Fatal(err.Error()[:min(len(err.Error()), 500)])
			}
			if took := time.Since(start); took > 2*time.Minute {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestFindingsAreLimited(t *testing.T) {
	t.Parallel()
	content := "swagger: \"2.0\"\npaths:\n" + strings.Repeat("  x: 1\n", 1)
	for i := range 1000 {
		content += fmt.Sprintf("  p%d: {}\n", i)
	}
	_, err := Compose([]Document{testDocument("a", []byte(content))}, Options{})
	wrong, ok := errors.AsType[*Error](err)
	if !ok || len(wrong.Findings) != maxFindings+1 {
		t.Fatalf("error is %T", err)
	}
	if last := wrong.Findings[maxFindings].Message; last != "801 further problems are not listed" {
		t.Errorf("the last finding is %q", last)
	}
}

func TestWarningsAreLimited(t *testing.T) {
	t.Parallel()
	content := "swagger: \"2.0\"\npaths:\n"
	for i := range 250 {
		content += fmt.Sprintf("  /p%d: {get: {responses: {200: {description: ok}}}}\n", i)
	}
	c, err := Compose([]Document{testDocument("a", []byte(content))}, Options{})
	if err != nil || len(c.Warnings) != maxFindings+1 {
		t.Fatalf("%v, %d warnings", err, len(c.Warnings))
	}
	if last := c.Warnings[maxFindings].Message; last != "50 further warnings are not listed" {
		t.Errorf("the last warning is %q", last)
	}
}

// TestFilesAreNotReadBeyondTheLimit: what a document may not have is not looked at.
func TestFilesAreNotReadBeyondTheLimit(t *testing.T) {
	t.Parallel()
	content := "openapi: 3.0.4\ncomponents:\n  schemas:\n"
	for i := range 50 {
		content += fmt.Sprintf("    S%d: {$ref: 'f%d.yaml'}\n", i, i)
	}
	d := testDocument("a", []byte(content+"paths: {}\n"))
	reads := 0
	d.Files = FilesFunc(func(string) ([]byte, error) {
		reads++
		return []byte("type: object # " + strings.Repeat("x", 4000)), nil
	})
	_, err := Compose([]Document{d}, Options{Limits: Limits{DocumentBytes: 10_000}})
	if err == nil || !strings.Contains(err.Error(), "more than 10000 bytes") || reads > 4 {
		t.Errorf("after %d reads: %v", reads, err)
	}
}

// TestComposeCaller is about what is wrong with the caller's part.
func TestComposeCaller(t *testing.T) {
	t.Parallel()
	good := testDocument("a", []byte(minimal))
	with := func(change func(*Document, *Options)) ([]Document, Options) {
		d, o := good, testOptions()
		change(&d, &o)
		return []Document{d}, o
	}
	for name, test := range map[string]struct {
		change func(*Document, *Options)
		want   string
	}{
		"no address":        {func(d *Document, _ *Options) { d.Backend.Address = "" }, "not an http or https URL"},
		"address with path": {func(d *Document, _ *Options) { d.Backend.Address += "/x" }, "more than scheme and host"},
		"no audience":       {func(d *Document, _ *Options) { d.Backend.Audience = "" }, "no audience"},
		"no service":        {func(d *Document, _ *Options) { d.Service = "" }, "empty or used twice"},
		"unknown key":       {func(_ *Document, o *Options) { o.RequireAPIKey = "firebase" }, "not one of the API keys"},
		"two definitions":   {func(_ *Document, o *Options) { o.Security = append(o.Security, o.Security[0]) }, "two security definitions"},
		"no kind":           {func(_ *Document, o *Options) { o.Security = []SecurityDefinition{{Name: "x"}} }, "either an API key or a JWT"},
		"no key name":       {func(_ *Document, o *Options) { o.Security = []SecurityDefinition{{Name: "x", APIKeyIn: "body"}} }, "needs a name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Compose(with(test.change))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
	if _, err := Compose([]Document{good, good}, testOptions()); err == nil || !strings.Contains(err.Error(), "used twice") {
		t.Errorf("the same service twice: %v", err)
	}
	if c, err := Compose(nil, Options{}); err != nil || len(c.Operations) != 0 {
		t.Errorf("nothing at all: %v", err)
	}
}
