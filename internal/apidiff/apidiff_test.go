package apidiff

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	const deleteOrder = `,
      "delete": {
        "security": [{"firebase": []}], "parameters": [{"$ref": "#/components/parameters/id"}], "responses": {"204": {"description": "gone"}}
      }`
	for name, test := range map[string]struct {
		change []string
		want   []string
	}{
		"removed": {[]string{deleteOrder, ""}, []string{"removed DELETE /orders/{id} breaking"}},
		"added": {
			[]string{`"paths": {`, `"paths": {"/new": {"get": {"security": [{"firebase": []}], "responses": {"200": {"description": "ok"}}}},`},
			[]string{"added GET /new harmless"},
		},
		"added in public": {
			[]string{`"paths": {`, `"paths": {"/new": {"get": {"responses": {"200": {"description": "ok"}}}},`},
			[]string{"added GET /new risky; public: anyone may call it (risky)"},
		},
		"opened": {
			[]string{`"security": [{"firebase": []}], "parameters"`, `"security": [], "parameters"`},
			[]string{"opened DELETE /orders/{id} risky; anyone may call it; before, it needed firebase (risky)"},
		},
		"opened for everybody who has nothing": {
			[]string{`[{"firebase": []}], "parameters"`, `[{"firebase": []}, {}], "parameters"`},
			[]string{"opened DELETE /orders/{id} risky; anyone may call it; before, it needed firebase (risky)"},
		},
		"closed": {
			[]string{`"/orders/{id}": {
      "get": {`, `"/orders/{id}": {
      "get": {"security": [{"api_key": []}],`},
			[]string{"authentication GET /orders/{id} breaking; needs api_key; before, anyone could call it (breaking)"},
		},
		"one more way in": {
			[]string{`[{"firebase": []}], "parameters"`, `[{"firebase": []}, {"staff": []}], "parameters"`},
			[]string{"authentication DELETE /orders/{id} risky; needs firebase, or staff; before, firebase (risky)"},
		},
		"one way in less": {
			[]string{`, {"staff": ["write"]}]`, `]`},
			[]string{"authentication POST /orders breaking; needs firebase; before, firebase, or staff (write) (breaking)"},
		},
		"a scope more": {
			[]string{`["write"]`, `["write", "read"]`},
			[]string{"authentication POST /orders breaking; needs firebase, or staff (read, write); before, firebase, or staff (write) (breaking)"},
		},
		"the same ways in another order": {[]string{`[{"firebase": []}, {"staff": ["write"]}]`, `[{"staff": ["write"]}, {"firebase": []}]`}, nil},
		"a higher cost": {
			[]string{`"metricCosts": {"reads": 1}`, `"metricCosts": {"reads": 5}`},
			[]string{"quota GET /orders risky; counts 5 for the metric reads; before, 1 (risky)"},
		},
		"another limit": {
			[]string{`"values": 100`, `"values": 10`},
			[]string{"quota GET /orders risky; the limit reads-limit of the metric reads is 10; before, 100 (risky)"},
		},
		"no cost": {
			[]string{`"x-google-quota": {"metricCosts": {"reads": 1}},`, ``},
			[]string{"quota GET /orders harmless; doesn't count for the metric reads any more (harmless)"},
		},
		"a new parameter that callers need": {
			[]string{`"parameters": [
          {"name": "limit"`, `"parameters": [{"name": "shop", "in": "query", "required": true, "schema": {"type": "string"}},
          {"name": "limit"`},
			[]string{"changed GET /orders breaking; added the new required \"query\" request parameter \"shop\" (breaking)"},
		},
		"a new parameter that callers may give": {
			[]string{`"parameters": [
          {"name": "limit"`, `"parameters": [{"name": "shop", "in": "query", "schema": {"type": "string"}},
          {"name": "limit"`},
			[]string{"changed GET /orders harmless; added the new optional \"query\" request parameter \"shop\" (harmless)"},
		},
		"the order of parameters": {
			[]string{
				`{"name": "limit", "in": "query", "schema": {"type": "integer"}}, {"name": "page", "in": "query", "schema": {"type": "string"}}`,
				`{"name": "page", "in": "query", "schema": {"type": "string"}}, {"name": "limit", "in": "query", "schema": {"type": "integer"}}`,
			}, nil,
		},
		"the path's parameter has another name": {[]string{`{id}`, `{key}`, `"name": "id"`, `"name": "key"`}, nil},
		"a schema has another name":             {[]string{"schemas/Order", "schemas/Purchase", `"Order": {`, `"Purchase": {`}, nil},
		"another operationId":                   {[]string{`"operationId": "list"`, `"operationId": "all"`}, nil},
		"another backend":                       {[]string{"https://orders.example", "https://pr-1---orders.example"}, nil},
		"what stands for a default":             {[]string{`"in": "query", "schema": {"type": "integer"}`, `"in": "query", "required": false, "schema": {"type": "integer", "nullable": false}`}, nil},
		"documentation": {
			[]string{`"summary": "Lists orders"`, `"summary": "Lists all orders"`, `"description": "made"`, `"description": "created"`},
			[]string{
				"documentation GET /orders harmless; summary changed (harmless)",
				"documentation POST /orders harmless; documentation of the responses changed (harmless)",
			},
		},
		"extensions": {
			[]string{`"operationId": "list"`, `"operationId": "list", "x-owner": "me"`},
			[]string{"documentation GET /orders harmless; vendor extensions changed (harmless)"},
		},
		"a lower cost": {
			[]string{`"metricCosts": {"reads": 1}`, `"metricCosts": {"reads": 0.5}`},
			[]string{"quota GET /orders harmless; counts 0.5 for the metric reads; before, 1 (harmless)"},
		},
		"a cost where there was none": {
			[]string{`"x-google-quota": {"metricCosts": {"reads": 1}}`, `"x-google-quota": {"metricCosts": {"reads": 1, "writes": 2}}`},
			[]string{"quota GET /orders risky; counts 2 for the metric writes (risky)"},
		},
		"a higher limit": {
			[]string{`"values": 100`, `"values": 1000`},
			[]string{"quota GET /orders harmless; the limit reads-limit of the metric reads is 1000; before, 100 (harmless)"},
		},
		"a limit that is not a number": {
			[]string{`"values": 100`, `"values": {"STANDARD": 100}`},
			[]string{"quota GET /orders risky; the limit reads-limit of the metric reads is {\"STANDARD\":100}; before, 100 (risky)"},
		},
		"a limit more": {
			[]string{`"limits": {`, `"limits": {"other": {"metric": "reads", "values": 5},`},
			[]string{"quota GET /orders risky; the limit other of the metric reads is new: 5 (risky)"},
		},
		"no limit": {
			[]string{`"reads-limit": {"metric": "reads", "values": 100}`, ``},
			[]string{"quota GET /orders harmless; the limit reads-limit of the metric reads is gone (harmless)"},
		},
		"a limit of a metric that nothing counts for": {
			[]string{`"limits": {`, `"limits": {"other": {"metric": "writes", "values": 5},`}, nil,
		},
		"a way in that is part of another": {
			[]string{`[{"firebase": []}], "parameters"`, `[{"firebase": []}, {"firebase": [], "staff": []}], "parameters"`}, nil,
		},
		"two needs instead of one": {
			[]string{`[{"firebase": []}], "parameters"`, `[{"firebase": [], "key": []}], "parameters"`},
			[]string{"authentication DELETE /orders/{id} breaking; needs firebase and key; before, firebase (breaking)"},
		},
		"deprecated": {
			[]string{`"operationId": "list"`, `"deprecated": true`},
			[]string{"changed GET /orders harmless; endpoint deprecated (harmless)"},
		},
		"a value less that is accepted, and returned": {
			[]string{`["open", "paid"]`, `["open"]`},
			[]string{
				"changed GET /orders harmless; removed the \"paid\" enum value from the \"items/state\" response property for the response status \"200\" (harmless)",
				"changed POST /orders breaking; removed the enum value \"paid\" of the request property \"state\" (breaking)",
				"changed GET /orders/{id} harmless; removed the \"paid\" enum value from the \"state\" response property for the response status \"200\" (harmless)",
			},
		},
		"a header that callers need": {
			[]string{`{"name": "limit", "in": "query"`, `{"name": "X-Shop", "in": "header", "required": true, "schema": {"type": "string"}}, {"name": "limit", "in": "query"`},
			[]string{"changed GET /orders breaking; added the new required \"header\" request parameter \"X-Shop\" (breaking)"},
		},
		"an extension among the responses": {
			[]string{`"204": {"description": "gone"}`, `"204": {"description": "gone"}, "x-note": {"by": "me"}`},
			[]string{"documentation DELETE /orders/{id} harmless; documentation of the responses changed (harmless)"},
		},
		"a date that the library minds": {
			[]string{`"operationId": "list"`, `"x-sunset": "not a date", "deprecated": true`},
			[]string{"changed GET /orders harmless; endpoint deprecated (harmless)"},
		},
		"the path's parameters for all methods": {
			[]string{`"/orders/{id}": {`, `"/orders/{id}": {"parameters": [{"$ref": "#/components/parameters/id"}],`, `
        "parameters": [{"$ref": "#/components/parameters/id"}],`, ``},
			nil,
		},
		"a schema in a cycle": {
			[]string{`"note": {"type": "string"}`, `"note": {"type": "integer"}`},
			[]string{
				"changed GET /orders breaking; the \"items/note\" response's property \"type\" changed from \"string\" to \"integer\" for status \"200\" (breaking)",
				"changed POST /orders breaking; the \"note\" request property \"type\" changed from \"string\" to \"integer\" (breaking)",
				"changed GET /orders/{id} breaking; the \"note\" response's property \"type\" changed from \"string\" to \"integer\" for status \"200\" (breaking)",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := Side{Document: []byte(base)}, replaced(t, test.change...)
			changes, err := Compare("orders", before, after)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, lines(changes)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if same, err := Compare("orders", after, after); err != nil || len(same) > 0 {
				t.Errorf("a document differs from itself: %v, %v", lines(same), err)
			}
		})
	}
}

// What differs only after many characters differs.
func TestFineDifferences(t *testing.T) {
	t.Parallel()
	scope := strings.Repeat("w", maxText)
	for want, sides := range map[string][2]Side{
		"authentication POST /orders": {replaced(t, `["write"]`, `["`+scope+`a"]`), replaced(t, `["write"]`, `["`+scope+`b"]`)},
		"changed GET /orders": {
			replaced(t, `{"type": "integer"}`, `{"type": "integer", "enum": [92233720368547758070]}`),
			replaced(t, `{"type": "integer"}`, `{"type": "integer", "enum": [92233720368547758071]}`),
		},
	} {
		changes, err := Compare("orders", sides[0], sides[1])
		if err != nil || len(changes) != 1 || !strings.HasPrefix(lines(changes)[0], want) || len(changes[0].Details) == 0 {
			t.Errorf("want %s, got %v, %v", want, lines(changes), err)
		}
		for _, c := range changes {
			for _, d := range c.Details {
				if len(d.Text) > 3*maxText || strings.ContainsFunc(d.Text, unicode.IsControl) {
					t.Errorf("the text is not short: %q", d.Text)
				}
			}
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	list, one := Operation{"GET", "/orders"}, Operation{"DELETE", "/orders/{id}"}
	before := Side{Document: []byte(base), Places: map[Operation]Place{one: {"orders.yaml", 20, 5}}}
	after := replaced(t, `"operationId": "list"`, `"deprecated": true`, `"delete"`, `"x-delete"`)
	after.Places = map[Operation]Place{list: {"orders.yaml", 7, 3}}
	changes, err := Compare("orders", before, after)
	if err != nil || len(changes) != 2 {
		t.Fatalf("%v, %v", changes, err)
	}
	if changes[0].Place != after.Places[list] || changes[1].Place != before.Places[one] || changes[0].Service != "orders" {
		t.Errorf("changes are at %v and %v", changes[0].Place, changes[1].Place)
	}
}

func TestCompareRefuses(t *testing.T) {
	t.Parallel()
	for _, document := range []string{"", "[]", "{}", `{"openapi":"3.1.0"}`, `{"swagger":"2.0"}`, base + "x"} {
		good, bad := Side{Document: []byte(base)}, Side{Document: []byte(document)}
		if _, err := Compare("orders", good, bad); err == nil || !strings.Contains(err.Error(), `"orders": reading the head: `) {
			t.Errorf("%.20s: error is %v", document, err)
		}
		if _, err := Compare("orders", bad, good); err == nil || !strings.Contains(err.Error(), `"orders": reading the base: `) {
			t.Errorf("%.20s: error is %v", document, err)
		}
		if _, err := Behind("orders", good, good, bad); err == nil {
			t.Errorf("%.20s is taken for what is live", document)
		}
		if _, err := Operations(bad); err == nil {
			t.Errorf("%.20s has operations", document)
		}
	}
}

func TestOperations(t *testing.T) {
	t.Parallel()
	got, err := Operations(Side{Document: []byte(base)})
	want := []Operation{{"GET", "/orders"}, {"POST", "/orders"}, {"DELETE", "/orders/{id}"}, {"GET", "/orders/{id}"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v; -want +got:\n%s", err, diff)
	}
	added := []Change{{Kind: Added, Method: "GET", Path: "/a"}, {Kind: Removed, Method: "GET", Path: "/b"}, {Kind: Opened, Method: "GET", Path: "/c"}}
	if diff := cmp.Diff([]Operation{{"GET", "/a"}}, AddedOperations(added)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSeverityAsText(t *testing.T) {
	t.Parallel()
	var s Severity
	if text, _ := json.Marshal(Risky); string(text) != `"risky"` || json.Unmarshal(text, &s) != nil || s != Risky {
		t.Errorf("%s is read as %v", text, s)
	}
	if err := s.UnmarshalText([]byte("bad")); err == nil {
		t.Error("any severity is read")
	}
}

// A scheme is what it asks callers for, not its name.
func TestAnotherKeyUnderTheSameName(t *testing.T) {
	t.Parallel()
	key := func(in string) Side {
		return replaced(t, `"components": {`, `"components": {"securitySchemes": {"firebase": {"type": "apiKey", "in": "`+in+`", "name": "k"}},`)
	}
	changes, err := Compare("orders", key("query"), key("header"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"authentication GET /orders breaking; needs another key or token under the name that it had: firebase (breaking)",
		"authentication POST /orders breaking; needs another key or token under the name that it had: firebase, or staff (write) (breaking)",
		"authentication DELETE /orders/{id} breaking; needs another key or token under the name that it had: firebase (breaking)",
	}
	if diff := cmp.Diff(want, lines(changes)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
