package apidiff

import (
	"encoding/json"
	"strings"
	"testing"
)

// base is what the tests change.
const base = `{
  "openapi": "3.0.4", "info": {"title": "Orders", "version": "1"},
  "x-google-api-management": {
    "backends": {"orders": {"address": "https://orders.example", "jwtAudience": "https://orders.example"}},
    "metrics": {"reads": {"displayName": "Reads"}}, "quota": {"limits": {"reads-limit": {"metric": "reads", "values": 100}}}
  },
  "paths": {
    "/orders": {
      "get": {
        "operationId": "list", "summary": "Lists orders", "x-google-backend": "orders", "x-google-quota": {"metricCosts": {"reads": 1}},
        "security": [{"firebase": []}],
        "parameters": [
          {"name": "limit", "in": "query", "schema": {"type": "integer"}}, {"name": "page", "in": "query", "schema": {"type": "string"}}
        ],
        "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}}}}}}
      },
      "post": {
        "security": [{"firebase": []}, {"staff": ["write"]}],
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}},
        "responses": {"201": {"description": "made"}}
      }
    },
    "/orders/{id}": {
      "get": {
        "parameters": [{"$ref": "#/components/parameters/id"}],
        "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}}
      },
      "delete": {
        "security": [{"firebase": []}], "parameters": [{"$ref": "#/components/parameters/id"}], "responses": {"204": {"description": "gone"}}
      }
    }
  },
  "components": {
    "parameters": {"id": {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}},
    "schemas": {
      "Order": {
        "type": "object", "required": ["id", "state"],
        "properties": {
          "id": {"type": "string"}, "state": {"type": "string", "enum": ["open", "paid"]},
          "parent": {"$ref": "#/components/schemas/Order"}, "note": {"type": "string"}
        }
      }
    }
  }
}`

// replaced is base with one text in place of another, which has to be there.
func replaced(t *testing.T, pairs ...string) Side {
	t.Helper()
	s := base
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(s, pairs[i]) {
			t.Fatalf("the document has no %s", pairs[i])
		}
		s = strings.ReplaceAll(s, pairs[i], pairs[i+1])
	}
	if !json.Valid([]byte(s)) {
		t.Fatalf("not JSON any more:\n%s", s)
	}
	return Side{Document: []byte(s)}
}

// lines are changes in short.
func lines(changes []Change) []string {
	var list []string
	for _, c := range changes {
		line := string(c.Kind) + " " + c.Operation().String() + " " + c.Severity.String()
		for _, d := range c.Details {
			line += "; " + d.Text + " (" + d.Severity.String() + ")"
		}
		list = append(list, line)
	}
	return list
}
