package monitoring

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
		return New(Options{Access: access, Violation: conformance.FailUnlessRefused(t)})
	}, []*conformance.API{conformance.MonitoringV3()}, permissions)
}
