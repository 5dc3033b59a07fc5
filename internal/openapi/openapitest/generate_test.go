package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const seeds = 150

func testServices(seed uint64) []Service {
	return Generate(seed, Shape{Services: 3, Operations: 8, Files: true, Format: []string{"", JSON, YAML}[seed%3]})
}

func TestGenerateIsDeterministic(t *testing.T) {
	for seed := range uint64(20) {
		if a, b := testServices(seed), testServices(seed); !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d makes different documents", seed)
		}
	}
}

// TestGeneratedDocuments reads all documents, follows all their references, and counts their operations.
func TestGeneratedDocuments(t *testing.T) {
	for seed := range uint64(seeds) {
		places := map[string]string{}
		for _, s := range testServices(seed) {
			d, err := loadDocument(s.Name, s.File, s.Files)
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, s.Name, err)
			}
			if got := len(d.operations); got != 8 {
				t.Errorf("seed %d: %s has %d operations", seed, s.Name, got)
			}
			d.converted = d.version != v30
			c := &checker{result: d}
			seen := map[*term]bool{}
			for _, o := range d.operations {
				c.walk(o.meaning(), o.String(), seen)
				if other, ok := places[o.key]; ok {
					t.Errorf("seed %d: %s is in %s too", seed, o, other)
				}
				places[o.key] = s.Name
			}
			if len(c.reports) > 0 {
				t.Errorf("seed %d: %s: %q", seed, s.Name, c.reports[:min(3, len(c.reports))])
			}
		}
	}
}

// TestWritersAgree holds the two writers to each other: what is written as YAML and as JSON reads the same.
func TestWritersAgree(t *testing.T) {
	for seed := range uint64(seeds) {
		g := &generator{
			r: newRand(seed, 7), seed: seed, name: "s1", version: []string{V20, V30, V31}[seed%3], yaml: true, prefix: "/s1",
			shape: Shape{Operations: 4, Depth: 3}, ids: map[string]bool{}, cached: map[string]*object{}, root: "a/openapi.yaml", file: "a/openapi.yaml",
		}
		document := g.document()
		y, j := writeYAML(g.r, document, 100), writeJSON(g.r, document)
		fromYAML, err := readFile("a.yaml", y)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, numbered(y))
		}
		fromJSON, err := readFile("a.json", j)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		c := &comparison{assumed: map[pair]bool{}}
		c.compare(dataTerm(fromJSON), dataTerm(fromYAML))
		if len(c.found) > 0 {
			t.Fatalf("seed %d: %q", seed, c.found)
		}
		if bytes.HasPrefix(j, []byte("{")) && !json.Valid(j) {
			t.Errorf("seed %d: not JSON", seed)
		}
	}
}

func numbered(b []byte) string {
	var out strings.Builder
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		fmt.Fprintf(&out, "%4d %s", n, line)
	}
	return out.String()
}

// features are what has to occur, as it is found in the text of a service's files.
func features() map[string]func(version, format, text string) bool {
	yaml := func(parts ...string) func(version, format, text string) bool {
		return func(_, format, text string) bool {
			return format != JSON && slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
		}
	}
	anywhere := func(parts ...string) func(version, format, text string) bool {
		return func(_, _, text string) bool {
			return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
		}
	}
	inJSON := func(parts ...string) func(version, format, text string) bool {
		return func(_, format, text string) bool {
			return format == JSON && slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
		}
	}
	only := func(wanted string, parts ...string) func(version, format, text string) bool {
		return func(version, format, text string) bool {
			return version == wanted && anywhere(parts...)(version, format, text)
		}
	}
	return map[string]func(version, format, text string) bool{
		"anchors": yaml(": &a"), "aliases": yaml(": *a"), "merge": yaml("<<: *a"), "merge a list": yaml("<<: [*a", "<<: [&a"),
		"merge with anchor": yaml("<<: &a"), "comments": yaml(" # "), "comment lines": yaml("\n# ", "\n  # "),
		"CRLF": anywhere("\r\n"), "BOM": anywhere("\ufeff"), "y": yaml(" y: "), "no": yaml(" no: "), "on": yaml(" on: "), "null key": yaml(" null: "),
		"~ key": yaml(" ~: "), "unquoted status": yaml(" 200:"), "huge": anywhere("18446744073709551615"),
		"30 digits": anywhere("123456789012345678901234567890"), "1.0": anywhere(" 1.0"), "-0": anywhere(" -0"),
		"date": yaml(": 2020-01-01"), "literal block": yaml(": |\n", ": |\r\n"), "stripped block": yaml(": |-"), "kept block": yaml(": |+"),
		"folded block": yaml(": >\n", ": >-"), "trailing spaces": yaml("  \n"), "flow in block": yaml(": {type"), "tab": anywhere("tab\there", `tab\there`),
		"emoji": anywhere("🚀"), "U+2028": anywhere("\u2028", `\u2028`), "surrogates": inJSON(`\ud83d\ude80`, `\uD83D\uDE80`),
		"escaped slash": inJSON(`\/`), "texts like others": yaml(`"true"`, `'true'`), "= text": anywhere(`"="`), "<< text": anywhere(`"<<"`),
		"empty key": anywhere(`"": `, `"":`), "long key": anywhere("long long long"), "long key in YAML": yaml("? \"long"),
		"ref in data": anywhere("file:///etc/passwd"), "property $ref": yaml(`'$ref':`, `"$ref": {`), "property x-foo": anywhere("x-foo"),
		"escaped name": only(V20, "D~1e~0f"), "encoded": only(V20, "%C2%AB"), "not encoded": only(V20, "/Page«A»"),
		"reference to a response's schema": anywhere("fixed/get/responses/200"), "reference into a definition": anywhere("Deep/properties/in~1ner", "Deep/properties/in~1ner"),
		"reference into a list": anywhere("Deep/allOf/0"), "tsv": only(V20, "tsv"), "multi": only(V20, "multi"), "file": only(V20, "formData"),
		"basePath": only(V20, "basePath"), "servers": only(V30, "servers"), "x-google-issuer": only(V20, "x-google-issuer"),
		"x-google-auth": only(V31, "x-google-auth"), "mapping": only(V30, "mapping"), "callbacks": only(V30, "onEvent"), "links": only(V30, "operationRef"),
		"encoding": only(V30, "contentType"), "content of a parameter": only(V31, "content"), "null type": only(V31, "null"), "const": only(V31, "const"),
		"examples": only(V31, "examples"), "prefixItems": only(V31, "prefixItems"), "if": only(V31, "then"), "patternProperties": only(V31, "patternProperties"),
		"dependentRequired": only(V31, "dependentRequired"), "contentEncoding": only(V31, "contentEncoding"), "webhooks": only(V31, "webhooks"),
		"pathItems": only(V31, "pathItems"), "$defs": only(V31, "$defs"), "beside a reference": only(V31, "beside a reference"),
		"other file": anywhere("schemas/common.yaml#/"), "file above": anywhere("../shared/common.json#/"), "back to the root": anywhere("../openapi."),
		"same name elsewhere": anywhere("other/common.yaml"), "path item in a file": anywhere("paths/orders.yaml"), "space in a file's name": anywhere("with%20space.yaml"),
		"hexadecimal": yaml(": 0x1F"), "styles": only(V30, "matrix"), "nullable": only(V30, "nullable"),
	}
}

func TestFeaturesOccur(t *testing.T) {
	found := map[string]int{}
	for seed := range uint64(seeds) {
		for _, s := range testServices(seed) {
			for name, content := range s.Files {
				for feature, occurs := range features() {
					if occurs(s.Version, strings.TrimPrefix(path.Ext(name), "."), string(content)) {
						found[feature]++
					}
				}
			}
		}
	}
	for feature := range features() {
		if found[feature] < 2 {
			t.Errorf("%q occurs %d times", feature, found[feature])
		}
	}
}

func TestWriteTo(t *testing.T) {
	dir := t.TempDir()
	for _, s := range testServices(1) {
		if err := s.WriteTo(path.Join(dir, s.Name)); err != nil {
			t.Fatal(err)
		}
	}
}
