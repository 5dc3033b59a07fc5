package gateway

import (
	"fmt"
	"slices"
	"strings"
)

// checkReferences reports references that leave the document. They are rejected and never followed: a document must
// not make its reader open files or URLs.
func checkReferences(problems *DocumentError, tree any) {
	refs := externalReferences(nil, tree, "")
	slices.Sort(refs)
	for _, ref := range slices.Compact(refs) {
		problems.add("", fmt.Sprintf("The reference '%s' is external; only references within the document are supported.", ref))
	}
}

// externalReferences appends the external references below tree, which is the value of the field parent.
func externalReferences(refs []string, tree any, parent string) []string {
	visit := func(name string, value any) {
		if ref, isText := value.(string); isText && name == "$ref" && !strings.HasPrefix(ref, "#") {
			refs = append(refs, ref)
		}
		if !isData(parent, name) {
			refs = externalReferences(refs, value, name)
		}
	}
	switch t := tree.(type) {
	case map[string]any:
		for name, value := range t {
			visit(name, value)
		}
	case map[any]any: // as YAML gives it when a key is a number, such as a status
		for name, value := range t {
			visit(fmt.Sprint(name), value)
		}
	case []any:
		for _, item := range t {
			refs = externalReferences(refs, item, parent)
		}
	}
	return refs
}

// isData tells whether the field name of an object that is the value of parent holds data of the API's users or of other
// tools, in which "$ref" has no meaning. Below some fields the names are the author's own, or "default" is a response.
func isData(parent, name string) bool {
	switch parent {
	case "properties", "definitions", "responses", "parameters", "paths", "schemas", "headers", "requestBodies", "callbacks",
		"links", "examples", "$defs", "patternProperties", "dependentSchemas", "securitySchemes", "pathItems":
		return false
	}
	return strings.HasPrefix(name, "x-") || name == "value" || name == "example" || name == "examples" || name == "default" || name == "enum" || name == "const"
}
