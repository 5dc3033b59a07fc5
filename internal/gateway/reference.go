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

// externalReferences appends the external references below tree. Where the keys of tree are the author's own names, named is
// the field that holds them, such as "properties"; else it is "".
func externalReferences(refs []string, tree any, named string) []string {
	visit := func(name string, value any) {
		switch {
		case isData(named, name):
		case named != "":
			refs = externalReferences(refs, value, "")
		default:
			if ref, isText := value.(string); isText && name == "$ref" && !strings.HasPrefix(ref, "#") {
				refs = append(refs, ref)
			}
			refs = externalReferences(refs, value, ownNames(name))
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
			refs = externalReferences(refs, item, "")
		}
	}
	return refs
}

// ownNames is the field if its keys are names that the author has chosen.
func ownNames(field string) string {
	switch field {
	case "properties", "definitions", "responses", "parameters", "paths", "schemas", "headers", "requestBodies", "callbacks",
		"links", "$defs", "patternProperties", "dependentSchemas", "securitySchemes", "pathItems":
		return field
	}
	return ""
}

// isData tells whether a field holds data of the API's users or of other tools, in which "$ref" has no meaning.
func isData(named, name string) bool {
	switch named {
	case "":
		return strings.HasPrefix(name, "x-") || slices.Contains([]string{"value", "example", "examples", "default", "enum", "const"}, name)
	case "paths", "responses", "callbacks":
		return strings.HasPrefix(name, "x-")
	}
	return false
}
