package apidiff

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func TestBehind(t *testing.T) {
	t.Parallel()
	mergeBase := Side{Document: []byte(base)}
	head := replaced(t, `"operationId": "list"`, `"operationId": "list", "deprecated": true`)
	live := replaced(t, `"paths": {`, `"paths": {"/new": {"get": {"responses": {"200": {"description": "ok"}}}},`, `"Lists orders"`, `"All orders"`)
	changes, err := Behind("orders", mergeBase, head, live)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"added GET /new risky; public: anyone may call it (risky)"}
	if diff := cmp.Diff(want, lines(changes)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, sides := range map[string][3]Side{
		"live is the merge base":   {mergeBase, head, mergeBase},
		"live is the head":         {mergeBase, live, live},
		"the head has the same by": {mergeBase, replaced(t, `"paths": {`, `"paths": {"/new": {"get": {"responses": {"200": {"description": "!"}}}},`), live},
	} {
		if changes, err := Behind("orders", sides[0], sides[1], sides[2]); err != nil || len(changes) > 0 {
			t.Errorf("%s: behind by %v, %v", name, lines(changes), err)
		}
	}
	// The merge base is why: against live, the branch seems to remove what others have added.
	if changes, err := Compare("orders", live, head); err != nil || !strings.HasPrefix(strings.Join(lines(changes), "\n"), "removed GET /new") {
		t.Errorf("%v, %v", lines(changes), err)
	}
}

func TestShadowed(t *testing.T) {
	t.Parallel()
	added := []Operation{{"GET", "/users/me"}, {"GET", "/{kind}/{id}"}, {"POST", "/users/me"}, {"GET", "/a/{rest=**}"}, {"GET", "/users"}}
	others := map[string][]Operation{
		"users":  {{"GET", "/users/{id}"}, {"GET", "/a/b/c"}, {"DELETE", "/users/me"}},
		"orders": {{"GET", "/users/{x}"}},
	}
	want := []string{
		"shadowing GET /a/{rest=**} risky; some requests for it go to GET /a/b/c of the service users (risky)",
		"shadowing GET /users/me breaking; takes requests from GET /users/{id} of the service users (breaking)",
		"shadowing GET /{kind}/{id} risky; some requests for it go to GET /users/{id} of the service users (risky)",
	}
	if diff := cmp.Diff(want, lines(Shadowed("orders", Side{}, added, others))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		changes       []Change
		counts, worst string
		want          Summary
	}{
		{},
		{changes: []Change{{Kind: Documentation, Path: "/a"}}},
		{
			changes: []Change{{Kind: Added, Path: "/a"}}, counts: "1 operation added", worst: "is new", want: Summary{Added: 1},
		},
		{
			changes: []Change{
				{Kind: Added, Path: "/a"},
				{Kind: Added, Path: "/b"},
				{Kind: Changed, Path: "/c"},
				{Kind: Quota, Path: "/c", Severity: Risky},
				{Kind: Opened, Path: "/d", Severity: Risky},
				{Kind: Changed, Path: "/e", Severity: Breaking, Details: []Detail{{"a field is gone", Breaking}}},
				{Kind: Removed, Path: "/f", Severity: Breaking},
			},
			counts: "2 operations added, 1 removed, 3 changed", worst: "is gone",
			want: Summary{Added: 2, Removed: 1, Changed: 3, Opened: 1, Breaking: 2},
		},
		{
			changes: []Change{{Kind: Changed, Path: "/e", Details: []Detail{{"a field is new", Harmless}}}, {Kind: Changed, Path: "/g"}},
			counts:  "2 operations changed", worst: "a field is new", want: Summary{Changed: 2},
		},
		{
			changes: []Change{{Kind: Opened, Path: "/e", Severity: Risky}}, counts: "1 operation changed", worst: "is open to the public now",
			want: Summary{Changed: 1, Opened: 1},
		},
	} {
		got := Summarize(test.changes)
		if got.Counts() != test.counts {
			t.Errorf("counts %q, want %q", got.Counts(), test.counts)
		}
		if (got.Worst == nil) != (test.worst == "") || got.Worst != nil && got.Worst.Phrase() != test.worst {
			t.Errorf("worst is %v, want %q", got.Worst, test.worst)
		}
		got.Worst = nil
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestCompareRefuses(t *testing.T) {
	t.Parallel()
	for _, document := range []string{"", "[]", "{}", `{"openapi":"3.1.0"}`, `{"swagger":"2.0"}`, base + "x"} {
		_, err := Compare("orders", Side{Document: []byte(base)}, Side{Document: []byte(document)})
		if err == nil || !strings.Contains(err.Error(), `"orders"`) {
			t.Errorf("%.20s: error is %v", document, err)
		}
	}
}

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

// FuzzCompare compares anything with anything: a document doesn't differ from itself, and what is added one way is removed
// the other way.
func FuzzCompare(f *testing.F) {
	f.Add([]byte(base), []byte(strings.ReplaceAll(base, `"note": {"type": "string"}`, `"note": {"$ref": "#/components/schemas/Order"}`)))
	f.Add([]byte(base), []byte(strings.ReplaceAll(base, `"firebase": []`, ``)))
	f.Add([]byte(`{"openapi":"3.0.4","paths":{"/{a}/{b=**}":{"parameters":[{"$ref":"#/paths/~1{a}~1{b=**}/parameters/0"}],"get":{}}}}`), []byte(base))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, y := Side{Document: a}, Side{Document: b}
		changes, err := Compare("s", x, y)
		if err != nil && !errors.Is(err, ErrUnjudged) {
			return
		}
		again, _ := Compare("s", x, y)
		if diff := cmp.Diff(changes, again); diff != "" {
			t.Fatalf("comparing again differs:\n%s", diff)
		}
		if same, err := Compare("s", x, Side{Document: append(slices.Clip(b), ' ')}); err == nil && len(same) != len(changes) {
			t.Errorf("a space makes a difference: %v", lines(same))
		}
		if same, _ := Compare("s", x, Side{Document: append(slices.Clip(a), ' ')}); len(same) > 0 {
			t.Errorf("a document differs from itself: %v", lines(same))
		}
		back, _ := Compare("s", y, x)
		var added, removed []string
		for _, c := range changes {
			if c.Kind == Added {
				added = append(added, c.Operation().String())
			}
		}
		for _, c := range back {
			if c.Kind == Removed {
				removed = append(removed, c.Operation().String())
			}
		}
		if diff := cmp.Diff(added, removed); diff != "" {
			t.Errorf("added one way isn't removed the other way:\n%s", diff)
		}
	})
}
