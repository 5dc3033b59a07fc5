package logging

import "github.com/gangway-dev/gangway/internal/emulator/iam"

// permissions are those that operations ask for (https://cloud.google.com/logging/docs/access-control#api-permissions).
var permissions = iam.Table{
	"logging.entries.list":  "logging.logEntries.list",
	"logging.entries.write": "logging.logEntries.create",
}
