package cloudbuild

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/emulator/iam/iamtest"
)

func guarded(t *testing.T, access *iam.Access) *Server {
	t.Helper()
	s, err := New(Options{Dir: t.TempDir(), Access: access, Violation: conformance.FailUnlessRefused(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	iamtest.Check(t, func(access *iam.Access) http.Handler { return guarded(t, access) },
		[]*conformance.API{conformance.CloudBuildV1()}, permissions)
}

// Whoever starts a build as an account must be allowed to act as it.
func TestBuildAsksForItsAccount(t *testing.T) {
	t.Parallel()
	for account, want := range map[string]int{"ours@x": 200, "theirs@x": 403} {
		access := iam.New(
			iam.Binding{Account: "a@x", Permissions: []string{"cloudbuild.builds.create"}},
			iam.Binding{Account: "a@x", Permissions: []string{iam.ActAs}, On: []string{"ours@x"}},
		)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/projects/p/locations/l/builds", strings.NewReader(
			`{"steps":[{"name":"ubuntu","args":["true"]}],"serviceAccount":"projects/p/serviceAccounts/`+account+`","options":{"logging":"CLOUD_LOGGING_ONLY"}}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+access.Token("a@x"))
		w := httptest.NewRecorder()
		guarded(t, access).ServeHTTP(w, r)
		if w.Code != want || want == 403 && !strings.Contains(w.Body.String(), iam.ActAs) {
			t.Errorf("%s: %d %s, want %d", account, w.Code, w.Body, want)
		}
	}
}
