package apidiff

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the library can't read is compared all the same.
func TestUnjudged(t *testing.T) {
	t.Parallel()
	broken := replaced(t, `"note": {"type": "string"}`, `"note": {"type": 7}`)
	changes, err := Compare("orders", Side{Document: []byte(base)}, broken)
	if !errors.Is(err, ErrUnjudged) {
		t.Errorf("error is %v", err)
	}
	want := []string{
		"changed GET /orders risky; the responses changed (risky)",
		"changed POST /orders risky; the request body changed (risky)",
		"changed GET /orders/{id} risky; the responses changed (risky)",
	}
	if diff := cmp.Diff(want, lines(changes)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// One schema that the library can't read leaves the other operations judged.
func TestUnjudgedInPart(t *testing.T) {
	t.Parallel()
	half := replaced(t,
		`{"name": "limit", "in": "query", "schema": {"type": "integer"}}, `, ``,
		`"204": {"description": "gone"}`, `"204": {"description": "gone", "content": {"text/plain": {"schema": {"type": 7}}}}`)
	changes, err := Compare("orders", Side{Document: []byte(base)}, half)
	if !errors.Is(err, ErrUnjudged) {
		t.Errorf("error is %v", err)
	}
	want := []string{
		"changed GET /orders risky; deleted the \"query\" request parameter \"limit\" (risky)",
		"changed DELETE /orders/{id} risky; the responses changed (risky)",
	}
	if diff := cmp.Diff(want, lines(changes)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What the library doesn't come back from is kept from it: without the guard, each of these ends the process or runs for
// hours.
func TestGuard(t *testing.T) {
	t.Parallel()
	const order = "#/components/schemas/Order"
	for name, test := range map[string]struct{ schema, why string }{
		"an array of itself":     {`{"type": "array", "items": {"$ref": "` + order + `"}}`, "an array of itself"},
		"an array of such":       {`{"type": "array", "items": {"type": "array", "items": {"$ref": "` + order + `"}}}`, "an array of itself"},
		"alternatives that fork": {forks(30), "too many alternatives"},
		"deeply nested":          {strings.Repeat(`{"properties":{"x":`, 1000) + `{}` + strings.Repeat(`}}`, 1000), "nested too deeply"},
		"all contain all":        {dense(60), "contain each other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			side := func(more string) Side {
				return Side{Document: []byte(`{"openapi": "3.0.4", "paths": {"/orders": {"post": {
					"requestBody": {"content": {"application/json": {"schema": {"$ref": "` + order + `"}}}}` + more + `, "responses": {}
				}}}, "components": {"schemas": {"Order": ` + test.schema + `}}}`)}
			}
			changes, err := Compare("orders", side(""), side(`, "deprecated": true`))
			if !errors.Is(err, ErrUnjudged) || !strings.Contains(err.Error(), test.why) {
				t.Errorf("error is %v", err)
			}
			if diff := cmp.Diff([]string{"changed POST /orders risky; the operation changed (risky)"}, lines(changes)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// forks are alternatives whose ways double with each of n levels, to be put in as the schema Order and more.
func forks(n int) string {
	var b strings.Builder
	b.WriteString(`{"oneOf": [{"$ref": "#/components/schemas/A0"}, {"$ref": "#/components/schemas/B0"}]}`)
	for i := range n {
		for _, side := range []string{"A", "B"} {
			fmt.Fprintf(&b, `, "%s%d": {"oneOf": [{"$ref": "#/components/schemas/A%d"}, {"$ref": "#/components/schemas/B%d"}]}`, side, i, i+1, i+1)
		}
	}
	fmt.Fprintf(&b, `, "A%d": {"type": "string"}, "B%d": {"type": "integer"}`, n, n)
	return b.String()
}

// dense are n schemas that all have all as properties.
func dense(n int) string {
	var properties []string
	for i := range n {
		properties = append(properties, fmt.Sprintf(`"p%d": {"$ref": "#/components/schemas/S%d"}`, i, i))
	}
	schema := `{"properties": {` + strings.Join(properties, ", ") + `}}`
	all := schema
	for i := range n {
		all += fmt.Sprintf(`, "S%d": %s`, i, schema)
	}
	return all
}

// Schemas that contain themselves as they do in practice are judged.
func TestCirclesAreJudged(t *testing.T) {
	t.Parallel()
	const ref = `{"$ref": "#/components/schemas/Order"}`
	for name, schema := range map[string]string{
		"a tree":                 `{"properties": {"children": {"type": "array", "items": ` + ref + `}, "x": %s}}`,
		"a map":                  `{"additionalProperties": ` + ref + `, "properties": {"x": %s}}`,
		"a kind of itself":       `{"properties": {"x": %s}, "oneOf": [{"$ref": "#/components/schemas/Kind"}]}, "Kind": {"allOf": [` + ref + `]}`,
		"an expression":          `{"oneOf": [{"$ref": "#/components/schemas/Kind"}, %s]}, "Kind": {"properties": {"left": ` + ref + `, "right": ` + ref + `}}`,
		"what refers in circles": ref + `, "Kind": %s`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			side := func(kind string) Side {
				_, order, _ := strings.Cut(base, `"Order": `)
				return replaced(t, order, fmt.Sprintf(schema, `{"type": "`+kind+`"}`)+`}}}`)
			}
			changes, err := Compare("orders", side("string"), side("integer"))
			if err != nil {
				t.Error(err)
			}
			if strings.HasPrefix(name, "what") {
				if len(changes) > 0 {
					t.Errorf("got %v", lines(changes))
				}
				return
			}
			if len(changes) != 3 || changes[1].Operation().String() != "POST /orders" || changes[1].Severity != Breaking {
				t.Errorf("got %v", lines(changes))
			}
		})
	}
}

// What is hidden deep in a circle of schemas is not taken for no change, however long the circle is.
func TestLongCircle(t *testing.T) {
	t.Parallel()
	ring := func(n int, last string) Side {
		var b strings.Builder
		b.WriteString(`{"openapi":"3.0.4","paths":{"/a":{"get":{"responses":{"200":{"description":"","content":{"application/json":{"schema":` +
			`{"$ref":"#/components/schemas/S0"}}}}}}}},"components":{"schemas":{`)
		for i := range n {
			kind := "string"
			if i == n-1 {
				kind = last
			}
			fmt.Fprintf(&b, `"S%d":{"properties":{"v":{"type":"%s"},"n":{"$ref":"#/components/schemas/S%d"}}},`, i, kind, (i+1)%n)
		}
		b.WriteString(`"Z":{}}}}`)
		return Side{Document: []byte(b.String())}
	}
	for _, n := range []int{10, 100, 3000} {
		changes, err := Compare("s", ring(n, "string"), ring(n, "integer"))
		if err != nil && !errors.Is(err, ErrUnjudged) || len(changes) != 1 || changes[0].Kind != Changed || changes[0].Severity == Harmless {
			t.Errorf("%d schemas: %v, %v", n, lines(changes), err)
		}
	}
}
