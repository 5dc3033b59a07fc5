package cloudrun

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/emulator/iam/iamtest"
	"github.com/gangway-dev/gangway/internal/emulator/image"
)

type noImages struct{}

func (noImages) Get(string) (image.Image, error) { return image.Image{}, image.ErrNotFound }

type noIdentity struct{}

func (noIdentity) IDToken(string, string) (string, error) { return "", nil }
func (noIdentity) Verify(string, string) (string, error)  { return "", nil }

func guarded(t *testing.T, access *iam.Access) *Server {
	t.Helper()
	s, err := New(Options{
		Dir: t.TempDir(), Images: noImages{}, Identity: noIdentity{}, EdgePort: func() int { return 1 }, Access: access,
		Violation: conformance.FailUnlessRefused(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	iamtest.Check(t, func(access *iam.Access) http.Handler { return guarded(t, access) },
		[]*conformance.API{conformance.CloudRunV2(), conformance.CloudRunV1()}, permissions)
}

// A change of a service asks for its account, and a new revision for its image.
func TestDeployAsksForAccountAndImage(t *testing.T) {
	t.Parallel()
	const services = "/v2/projects/p/locations/l/services"
	access := iam.New(
		iam.Binding{Account: "deployer@x", Permissions: []string{"run.services.create", "run.services.update"}},
		iam.Binding{Account: "deployer@x", Permissions: []string{iam.ActAs}, On: []string{"ours@x"}},
		iam.Binding{Account: "deployer@x", Permissions: []string{readImage}, On: []string{"repositories/ours"}},
		iam.Binding{Account: "tagger@x", Permissions: []string{"run.services.update", iam.ActAs}},
	)
	s := guarded(t, access)
	do := func(method, path, account, body string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+access.Token(account))
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	template := func(account, repository string) string {
		return `{"template":{"serviceAccount":"` + account + `","containers":[{"image":"l-docker.pkg.dev/p/` + repository + `/x@sha256:` +
			strings.Repeat("a", 64) + `"}]}}`
	}
	for _, c := range []struct {
		name, method, path, account, body string
		want                              int
		lacks                             string
	}{
		{"another account", "POST", services + "?serviceId=s", "deployer@x", template("theirs@x", "ours"), 403, iam.ActAs},
		{"another repository", "POST", services + "?serviceId=s", "deployer@x", template("ours@x", "theirs"), 403, readImage},
		{"both ours", "POST", services + "?serviceId=s", "deployer@x", template("ours@x", "ours"), 200, ""},
		{"no new revision", "PATCH", services + "/s?updateMask=labels", "tagger@x", `{"labels":{"a":"b"}}`, 200, ""},
		{"a new revision without the image", "PATCH", services + "/s", "tagger@x", template("ours@x", "theirs"), 403, readImage},
	} {
		status, body := do(c.method, c.path, c.account, c.body)
		if status != c.want || !strings.Contains(body, c.lacks) {
			t.Errorf("%s: %d %s, want %d %s", c.name, status, body, c.want, c.lacks)
		}
	}
}
