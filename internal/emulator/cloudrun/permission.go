package cloudrun

import (
	"net/http"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

// permissions are those that operations ask for (https://cloud.google.com/run/docs/reference/iam/permissions). What
// [Server.mayDeploy] asks for comes on top.
var permissions = iam.Table{
	"run.projects.locations.services.create":             "run.services.create",
	"run.projects.locations.services.delete":             "run.services.delete",
	"run.projects.locations.services.get":                "run.services.get",
	"run.projects.locations.services.getIamPolicy":       "run.services.getIamPolicy",
	"run.projects.locations.services.list":               "run.services.list",
	"run.projects.locations.services.patch":              "run.services.update",
	"run.projects.locations.services.setIamPolicy":       "run.services.setIamPolicy",
	"run.projects.locations.services.testIamPermissions": "",
	"run.projects.locations.services.revisions.delete":   "run.revisions.delete",
	"run.projects.locations.services.revisions.get":      "run.revisions.get",
	"run.projects.locations.services.revisions.list":     "run.revisions.list",
	"run.projects.locations.operations.delete":           "run.operations.delete",
	"run.projects.locations.operations.get":              "run.operations.get",
	"run.projects.locations.operations.list":             "run.operations.list",
	"run.projects.locations.operations.wait":             "run.operations.get",
	"run.projects.locations.list":                        "run.locations.list",
	"run.namespaces.services.create":                     "run.services.create",
	"run.namespaces.services.delete":                     "run.services.delete",
	"run.namespaces.services.get":                        "run.services.get",
	"run.namespaces.services.list":                       "run.services.list",
	"run.namespaces.services.replaceService":             "run.services.update",
	"run.namespaces.revisions.delete":                    "run.revisions.delete",
	"run.namespaces.revisions.get":                       "run.revisions.get",
	"run.namespaces.revisions.list":                      "run.revisions.list",
}

const readImage = "artifactregistry.repositories.downloadArtifacts"

// mayDeploy asks for what a change of a service needs besides: to act as the account that its template names, and to
// read the images of a new revision
// (https://cloud.google.com/run/docs/reference/iam/roles#additional-configuration).
func (c call) mayDeploy(v *service, r *revision) *apiError {
	caller := iam.CallerOf(c.Context())
	template := child(v.Spec, "template")
	if err := caller.Require(iam.ActAs, text(template, "serviceAccount")); err != nil {
		return &apiError{http.StatusForbidden, "PERMISSION_DENIED", err.Error()}
	}
	if r == nil {
		return nil
	}
	for _, container := range list(template, "containers") {
		repository, ok := repositoryOf(text(container, "image"))
		if !ok {
			continue
		}
		if err := caller.Require(readImage, repository); err != nil {
			return &apiError{http.StatusForbidden, "PERMISSION_DENIED", err.Error()}
		}
	}
	return nil
}

// repositoryOf is the Artifact Registry repository that an image is in; false for an image of another registry
// (https://cloud.google.com/artifact-registry/docs/docker/names).
func repositoryOf(image string) (string, bool) {
	part := strings.Split(image, "/")
	location, ok := strings.CutSuffix(part[0], "-docker.pkg.dev")
	if !ok || len(part) < 4 {
		return "", false
	}
	return "projects/" + part[1] + "/locations/" + location + "/repositories/" + part[2], true
}
