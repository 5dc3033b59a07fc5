package platform

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
)

// An indexPlan is what a Firestore database has beyond its own single-field indexes, in the form of the Firebase CLI.
// https://firebase.google.com/docs/reference/firestore/indexes
type indexPlan struct {
	Indexes []struct {
		CollectionGroup string
		Fields          []struct{ FieldPath, Order string }
	}
	FieldOverrides []struct {
		CollectionGroup, FieldPath string
		TTL                        bool
		Indexes                    []any
	}
}

// lines are the plan as text, in order.
func (p indexPlan) lines(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, index := range p.Indexes {
		line := "index " + index.CollectionGroup
		for _, field := range index.Fields {
			line += " " + field.FieldPath
			if field.Order != "ASCENDING" {
				t.Errorf("%s: store.tf knows ascending fields only", line)
			}
		}
		list = append(list, line)
	}
	for _, override := range p.FieldOverrides {
		line := "unindexed " + override.CollectionGroup + " " + override.FieldPath
		if override.TTL {
			line += " ttl"
		}
		if len(override.Indexes) > 0 {
			t.Errorf("%s has indexes, which store.tf doesn't know", line)
		}
		list = append(list, line)
	}
	slices.Sort(list)
	return list
}

// The database has the indexes that the store asks for.
func TestStoreIndexes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../firestore/indexes.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("there is no store in Firestore to compare with")
	}
	if err != nil {
		t.Fatal(err)
	}
	var want indexPlan
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	c := own(t)
	var got []string
	for _, index := range entries(t, c, "indexes") {
		got = append(got, strings.Join(append([]string{"index", index["collection"]}, strings.Fields(index["fields"])...), " "))
	}
	for _, field := range entries(t, c, "unindexed") {
		line := "unindexed " + field["collection"] + " " + field["field"]
		if field["ttl"] == "true" {
			line += " ttl"
		}
		got = append(got, line)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want.lines(t), got); diff != "" {
		t.Errorf("indexes (-internal/firestore +store.tf):\n%s", diff)
	}
}

// entries are the objects of a literal local value; lists are joined by spaces.
func entries(t *testing.T, c config, local string) []map[string]string {
	t.Helper()
	value, diagnostics := c.locals[local].Value(nil)
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	var list []map[string]string
	for _, object := range value.AsValueMap() {
		entry := map[string]string{}
		for name, attribute := range object.AsValueMap() {
			entry[name] = textOf(attribute)
		}
		list = append(list, entry)
	}
	return list
}

func textOf(v cty.Value) string {
	switch {
	case v.Type() == cty.String:
		return v.AsString()
	case v.Type() == cty.Bool:
		return strconv.FormatBool(v.True())
	default:
		var parts []string
		for _, element := range v.AsValueSlice() {
			parts = append(parts, textOf(element))
		}
		return strings.Join(parts, " ")
	}
}
