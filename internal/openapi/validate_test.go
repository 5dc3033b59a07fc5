package openapi

import (
	"bytes"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

// validate lets somebody else's reader read a composition, and checks that both formats say the same.
func validate(t *testing.T, documents []Document, o Options) {
	t.Helper()
	c, content := sameInBothFormats(t, documents, o)
	content = bytes.ReplaceAll(content, []byte("=**}"), []byte("}")) // kin-openapi doesn't know API Gateway's wildcards
	var v3 *openapi3.T
	if c.OpenAPI == OpenAPI2 {
		var v2 openapi2.T
		if err := v2.UnmarshalJSON(content); err != nil {
			t.Fatalf("kin-openapi can't read it: %v\n%s", err, content)
		}
		var err error
		if v3, err = openapi2conv.ToV3(&v2); err != nil {
			t.Fatalf("kin-openapi can't convert it: %v\n%s", err, content)
		}
	} else {
		var err error
		if v3, err = openapi3.NewLoader().LoadFromData(content); err != nil {
			t.Fatalf("kin-openapi can't read it: %v\n%s", err, content)
		}
	}
	// What is beside a reference means nothing in OpenAPI 3.0, and is kept.
	beside := openapi3.AllowExtraSiblingFields("description", "summary", "title", "example", "default", "nullable", "readOnly", "type", "properties")
	err := v3.Validate(t.Context(), openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation(),
		openapi3.DisableSchemaPatternValidation(), beside)
	if err != nil {
		t.Errorf("kin-openapi finds it invalid: %v\n%s", err, content)
	}
}

// sameInBothFormats composes in both formats, reads the results and compares them. It returns the JSON.
func sameInBothFormats(t *testing.T, documents []Document, o Options) (*Composition, []byte) {
	t.Helper()
	contents := map[Format][]byte{}
	trees := map[Format]*tree{}
	var last *Composition
	for _, f := range []Format{YAML, JSON} {
		o.Format = f
		c, err := Compose(documents, o)
		if err != nil {
			t.Fatal(err)
		}
		if contents[f], err = c.Render(); err != nil {
			t.Fatal(err)
		}
		report := &findings{file: "composed." + string(f)}
		if trees[f] = readTree(report.file, contents[f], Limits{DocumentBytes: 1 << 30, Values: 1 << 30}.withDefaults(), report); trees[f] == nil {
			t.Fatalf("the composed document can't be read: %v\n%s", report.problems, contents[f])
		}
		last = c
	}
	if !equal(trees[YAML].root(), trees[JSON].root()) {
		t.Fatalf("the composed document reads differently in the two formats:\n%s\n%s", contents[YAML], contents[JSON])
	}
	return last, contents[JSON]
}
