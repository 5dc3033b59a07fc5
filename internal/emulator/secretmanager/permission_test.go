package secretmanager

import (
	"net/http"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/emulator/iam/iamtest"
)

func TestPermissions(t *testing.T) {
	t.Parallel()
	iamtest.Check(t, func(access *iam.Access) http.Handler {
		s, err := New(Options{Dir: t.TempDir(), Access: access, Violation: conformance.FailUnlessRefused(t)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}, []*conformance.API{conformance.SecretManagerV1()}, permissions)
}
