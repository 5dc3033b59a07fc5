package platform

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestPermissions(t *testing.T) {
	t.Parallel()
	got, err := Permissions()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"aggregator", "build", "gateway", "intake", "preview", "receive"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
	for account, list := range got {
		if len(list) == 0 || !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
			t.Errorf("%s: %q is empty, unsorted or has doubles", account, list)
		}
	}
	if diff := cmp.Diff([]string{
		"pubsub.topics.publish", "secretmanager.versions.access", "storage.objects.get", "storage.objects.list",
	}, got["receive"]); diff != "" {
		t.Errorf("receive (-want +got):\n%s", diff)
	}
}

func TestByKind(t *testing.T) {
	t.Parallel()
	kinds, err := ByKind()
	if err != nil {
		t.Fatal(err)
	}
	flat, err := Permissions()
	if err != nil {
		t.Fatal(err)
	}
	for account, list := range flat {
		var all []string
		for _, part := range kinds[account] {
			all = append(all, part...)
		}
		slices.Sort(all)
		if diff := cmp.Diff(list, slices.Compact(all)); diff != "" {
			t.Errorf("%s: the parts are not the whole (-whole +parts):\n%s", account, diff)
		}
	}
	if _, ok := kinds["release"]; !ok {
		t.Errorf("release is missing in %q", slices.Sorted(maps.Keys(kinds)))
	}
}

// What is not literal can't be told without Terraform, and is refused.
func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ source, want string }{
		"no file":         {"", "reading the platform's roles"},
		"not HCL":         {"locals {", "reading the platform's roles"},
		"no such local":   {"locals {\n  other = {}\n}\n", "there is no local.permissions"},
		"not literal":     {"locals {\n  permissions = { intake = { topics = [var.x] } }\n}\n", "has to be literal"},
		"not an object":   {"locals {\n  permissions = [\"a\"]\n}\n", "accounts is not an object"},
		"a list of kinds": {"locals {\n  permissions = { intake = [\"a\"] }\n}\n", "intake is not an object"},
		"no list":         {"locals {\n  permissions = { intake = { topics = \"a\" } }\n}\n", "intake.topics is not a list"},
		"no name":         {"locals {\n  permissions = { intake = { topics = [1] } }\n}\n", "intake.topics holds something else"},
		"null":            {"locals {\n  permissions = { intake = { topics = [null] } }\n}\n", "intake.topics holds something else"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := fstest.MapFS{}
			if c.source != "" {
				files[rolesFile] = &fstest.MapFile{Data: []byte(c.source)}
			}
			_, err := read(files, rolesName)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("read = %v, want an error with %q", err, c.want)
			}
		})
	}
}
