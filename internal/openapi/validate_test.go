package openapi

import (
	"bytes"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

// validate lets somebody else's reader read a composition, and checks that both formats say the same.
func validate(t *testing.T, c *Composition) {
	t.Helper()
	content, err := c.Render(JSON)
	if err != nil {
		t.Fatal(err)
	}
	sameInBothFormats(t, c)
	var v2 openapi2.T
	content = bytes.ReplaceAll(content, []byte("=**}"), []byte("}")) // kin-openapi doesn't know API Gateway's wildcards
	if err := v2.UnmarshalJSON(content); err != nil {
		t.Fatalf("kin-openapi can't read it: %v\n%s", err, content)
	}
	v3, err := openapi2conv.ToV3(&v2)
	if err != nil {
		t.Fatalf("kin-openapi can't convert it: %v\n%s", err, content)
	}
	if err := v3.Validate(t.Context(), openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation()); err != nil {
		t.Errorf("kin-openapi finds it invalid: %v\n%s", err, content)
	}
}

// sameInBothFormats parses what was rendered.
func sameInBothFormats(t *testing.T, c *Composition) {
	t.Helper()
	for _, f := range []Format{JSON, YAML} {
		content, err := c.Render(f)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > maxDocumentBytes {
			continue // what aliases have grown to can't be read again
		}
		report := &findings{file: "composed." + string(f)}
		tree := readTree(content, report)
		if tree == nil {
			t.Fatalf("the composed document can't be read: %v\n%s", report.all(), content)
		}
		if !equal(&tree.root, &c.root) {
			t.Fatalf("the composed document reads differently as %s:\n%s", f, content)
		}
	}
}
