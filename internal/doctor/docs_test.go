package doctor_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/doctor"
)

// TestDocumented holds the table of docs/doctor.md to the checks, in their order; UPDATE=1 writes it.
func TestDocumented(t *testing.T) {
	const page, head = "../../docs/doctor.md", "| check | what it asks | what to do |\n|---|---|---|\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), head)
	if !ok {
		t.Fatal("docs/doctor.md has no table of checks")
	}
	table, after, ok := strings.Cut(rest, "\n## ")
	if !ok {
		t.Fatal("docs/doctor.md ends with the table of checks")
	}
	var want strings.Builder
	seen := map[string]bool{}
	for _, c := range doctor.Checks() {
		if c.Asks == "" || c.Remedy == "" || seen[c.Name] {
			t.Errorf("check %q asks nothing, has no remedy or is there twice", c.Name)
		}
		seen[c.Name] = true
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", c.Name, c.Asks, c.Remedy)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(page, []byte(before+head+want.String()+"\n## "+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), table); diff != "" {
		t.Errorf("docs/doctor.md (-want +got; UPDATE=1 rewrites):\n%s", diff)
	}
}

// TestGroups: each check is in a group that is shown.
func TestGroups(t *testing.T) {
	known := map[string]bool{}
	for _, g := range doctor.Groups {
		known[g] = true
	}
	for _, c := range doctor.Checks() {
		if !known[c.Group] {
			t.Errorf("%s is in group %q, which no report shows", c.Name, c.Group)
		}
	}
}
