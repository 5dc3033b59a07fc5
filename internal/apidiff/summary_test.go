package apidiff

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		changes       []Change
		counts, worst string
		line          string
		want          Summary
	}{
		{},
		{changes: []Change{{Kind: Documentation, Path: "/a"}}},
		{
			changes: []Change{{Kind: Added, Method: "GET", Path: "/a"}}, counts: "1 operation added", worst: "is new",
			line: "1 operation added — GET /a is new", want: Summary{Added: 1},
		},
		{
			changes: []Change{
				{Kind: Changed, Path: "/b", Severity: Risky, Details: []Detail{{"a field may be null", Risky}}},
				{Kind: Added, Method: "GET", Path: "/a", Severity: Risky, Details: []Detail{{"public: anyone may call it", Risky}}},
			},
			counts: "1 operation added, 1 changed", worst: "is new and open to the public",
			line: "1 operation added, 1 changed — GET /a is new and open to the public", want: Summary{Added: 1, Changed: 1, Opened: 1},
		},
		{
			changes: []Change{
				{Kind: Added, Path: "/a"},
				{Kind: Added, Path: "/b"},
				{Kind: Changed, Path: "/c"},
				{Kind: Quota, Path: "/c", Severity: Risky},
				{Kind: Opened, Path: "/d", Severity: Risky},
				{Kind: Changed, Path: "/e", Severity: Breaking, Details: []Detail{{"a field is gone", Breaking}}},
				{Kind: Removed, Method: "DELETE", Path: "/f/{id}", Severity: Breaking},
			},
			counts: "2 operations added, 1 removed, 3 changed", worst: "is gone",
			line: "2 operations added, 1 removed, 3 changed, ⚠ 2 breaking — DELETE /f/{id} is gone",
			want: Summary{Added: 2, Removed: 1, Changed: 3, Opened: 1, Breaking: 2},
		},
		{
			changes: []Change{{Kind: Changed, Method: "GET", Path: "/e", Details: []Detail{{"a field is new", Harmless}}}, {Kind: Changed, Path: "/g"}},
			counts:  "2 operations changed", worst: "a field is new", line: "2 operations changed — GET /e a field is new", want: Summary{Changed: 2},
		},
		{
			changes: []Change{{Kind: Opened, Method: "GET", Path: "/e\n# x", Severity: Risky}}, counts: "1 operation changed", worst: "is open to the public now",
			line: "1 operation changed — GET /e # x is open to the public now",
			want: Summary{Changed: 1, Opened: 1},
		},
	} {
		got := Summarize(test.changes)
		if got.Counts() != test.counts {
			t.Errorf("counts %q, want %q", got.Counts(), test.counts)
		}
		if got.Line() != test.line {
			t.Errorf("line %q, want %q", got.Line(), test.line)
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
