package apidiff

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzCompare compares anything with anything: a document doesn't differ from itself, and what is added one way is removed
// the other way.
func FuzzCompare(f *testing.F) {
	f.Add([]byte(base), []byte(strings.ReplaceAll(base, `"note": {"type": "string"}`, `"note": {"$ref": "#/components/schemas/Order"}`)))
	f.Add([]byte(base), []byte(strings.ReplaceAll(base, `"firebase": []`, ``)))
	f.Add([]byte(`{"openapi":"3.0.4","paths":{"/{a}/{b=**}":{"parameters":[{"$ref":"#/paths/~1{a}~1{b=**}/parameters/0"}],"get":{}}}}`), []byte(base))
	list := strings.Replace(base, `"type": "object", "required"`, `"type": "array", "items": {"$ref": "#/components/schemas/Order"}, "required"`, 1)
	f.Add([]byte(base), []byte(list))
	f.Add([]byte(list), []byte(strings.ReplaceAll(list, `"type": "string"`, `"type": "integer"`)))
	f.Add([]byte(`{"openapi":"3.0.0","paths":{"/{a}":{"get":{"deprecated":true}},"/{b}":{"get":{}}}}`), []byte(`{"openapi":"3.0.0","paths":{"/{c}":{"get":{}}}}`))
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
		if line := Summarize(changes).Line(); strings.ContainsAny(line, "\r\n") {
			t.Errorf("the line is more than one: %q", line)
		}
		if late, err := Behind("s", x, x, y); err == nil && len(late) > len(changes) {
			t.Errorf("more is behind than changed: %v", lines(late))
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
