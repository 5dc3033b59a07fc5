package secretmanager

import "github.com/gangway-dev/gangway/internal/emulator/iam"

// permissions are those that operations ask for (https://cloud.google.com/secret-manager/docs/access-control).
var permissions = iam.Table{
	"secretmanager.projects.secrets.get":                "secretmanager.secrets.get",
	"secretmanager.projects.secrets.addVersion":         "secretmanager.versions.add",
	"secretmanager.projects.secrets.testIamPermissions": "",
	"secretmanager.projects.secrets.versions.access":    "secretmanager.versions.access",
}
