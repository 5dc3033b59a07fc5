package github

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRequiredPermissions: the App asks for what its tokens are given, neither more nor less.
func TestRequiredPermissions(t *testing.T) {
	want := map[string]string{}
	for _, s := range []scope{scopeMetadata, scopeRead, scopeComment, scopeCheckRun, scopeDeployment} {
		for name, level := range permissionsOf(s.permissions()) {
			if want[name] != "write" {
				maps.Copy(want, map[string]string{name: level})
			}
		}
	}
	if diff := cmp.Diff(want, RequiredPermissions()); diff != "" {
		t.Errorf("what tokens ask for, and what the App has (-want +got):\n%s", diff)
	}
}
