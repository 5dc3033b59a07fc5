package apigateway

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
	return s
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	iamtest.Check(t, func(access *iam.Access) http.Handler { return guarded(t, access) },
		[]*conformance.API{conformance.APIGatewayV1Beta()}, permissions)
}

// A config lets its gateways act as an account: whoever makes it must be allowed to.
func TestConfigAsksForItsAccount(t *testing.T) {
	t.Parallel()
	for account, want := range map[string]int{
		`"gatewayServiceAccount":"ours@x",`: 404, // the API doesn't exist
		`"gatewayConfig":{"backendConfig":{"googleServiceAccount":"projects/-/serviceAccounts/ours@x"}},`: 404,
		`"gatewayServiceAccount":"theirs@x",`: 403,
		``:                                    403, // the project's default account
	} {
		access := iam.New(
			iam.Binding{Account: "a@x", Permissions: []string{"apigateway.apiconfigs.create"}},
			iam.Binding{Account: "a@x", Permissions: []string{iam.ActAs}, On: []string{"ours@x"}},
		)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, apisPath+"/a/configs?apiConfigId=c",
			strings.NewReader(`{`+account+`"openapiDocuments":[]}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+access.Token("a@x"))
		w := httptest.NewRecorder()
		guarded(t, access).ServeHTTP(w, r)
		if w.Code != want || want == 403 && !strings.Contains(w.Body.String(), iam.ActAs) {
			t.Errorf("%q: %d %s, want %d", account, w.Code, w.Body, want)
		}
	}
}
