package cloudbuild

import (
	"net/http"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

// permissions are those that operations ask for (https://cloud.google.com/build/docs/iam-roles-permissions#permissions).
var permissions = iam.Table{
	"cloudbuild.projects.builds.create":            "cloudbuild.builds.create",
	"cloudbuild.projects.builds.get":               "cloudbuild.builds.get",
	"cloudbuild.projects.builds.list":              "cloudbuild.builds.list",
	"cloudbuild.projects.builds.cancel":            "cloudbuild.builds.update",
	"cloudbuild.projects.builds.retry":             "cloudbuild.builds.create",
	"cloudbuild.projects.locations.builds.create":  "cloudbuild.builds.create",
	"cloudbuild.projects.locations.builds.get":     "cloudbuild.builds.get",
	"cloudbuild.projects.locations.builds.list":    "cloudbuild.builds.list",
	"cloudbuild.projects.locations.builds.cancel":  "cloudbuild.builds.update",
	"cloudbuild.projects.locations.builds.retry":   "cloudbuild.builds.create",
	"cloudbuild.operations.get":                    "cloudbuild.operations.get",
	"cloudbuild.projects.locations.operations.get": "cloudbuild.operations.get",
}

// mayActAs asks whether the caller may start builds as a service account; a build that names none runs as the
// project's default (https://cloud.google.com/build/docs/securing-builds/configure-user-specified-service-accounts).
func mayActAs(r *http.Request, account string) error {
	if account == "" {
		return nil
	}
	if err := iam.CallerOf(r.Context()).Require(iam.ActAs, iam.AccountName(account)); err != nil {
		return googleapi.NewError(http.StatusForbidden, "PERMISSION_DENIED", err.Error())
	}
	return nil
}
