package apidiff

import (
	"fmt"
	"strings"
	"testing"
)

// generated is a document with n resources of two operations and a schema each; kind is the type of a field of all.
func generated(n int, kind string) Side {
	var paths, schemas []string
	for i := range n {
		ref := fmt.Sprintf(`{"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S%d"}}}, "description": "r"}`, i)
		paths = append(paths, fmt.Sprintf(`"/r%[1]d/{id}": {
			"get": {"security": [{"token": []}], "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
				"responses": {"200": %[2]s}},
			"put": {"parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
				"requestBody": %[2]s, "responses": {"200": %[2]s}}
		}`, i, ref))
		schemas = append(schemas, fmt.Sprintf(`"S%d": {"type": "object", "properties": {
			"id": {"type": "string"}, "field": {"type": %q}, "next": {"$ref": "#/components/schemas/S%d"}
		}}`, i, kind, (i/8*8+(i+1)%8)%n)) // in circles of eight
	}
	return Side{Document: []byte(`{"openapi": "3.0.4", "info": {"title": "t", "version": "1"}, "paths": {` + strings.Join(paths, ",") +
		`}, "components": {"schemas": {` + strings.Join(schemas, ",") + `}}}`)}
}

func BenchmarkCompare(b *testing.B) {
	before := generated(100, "string")
	spaced := Side{Document: append([]byte(" "), before.Document...)}
	for name, after := range map[string]Side{"nothing changed": spaced, "all changed": generated(100, "integer")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				changes, err := Compare("s", before, after)
				if err != nil || (len(changes) == 200) != (name == "all changed") {
					b.Fatalf("%d changes, %v", len(changes), err)
				}
			}
		})
	}
}
