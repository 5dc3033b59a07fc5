package apigateway

import "github.com/gangway-dev/gangway/internal/emulator/iam"

// permissions are those that operations ask for
// (https://docs.cloud.google.com/api-gateway/docs/api-access-overview). The service's own names are used: configs are apiconfigs.
var permissions = permissionTable()

func permissionTable() iam.Table {
	const all = "apigateway.projects.locations."
	t := iam.Table{
		all + "get":               "apigateway.locations.get",
		all + "list":              "apigateway.locations.list",
		all + "operations.cancel": "apigateway.operations.cancel",
		all + "operations.delete": "apigateway.operations.delete",
		all + "operations.get":    "apigateway.operations.get",
		all + "operations.list":   "apigateway.operations.list",
	}
	for collection, name := range map[string]string{"apis": "apis", "apis.configs": "apiconfigs", "gateways": "gateways"} {
		for method, verb := range map[string]string{
			"create": "create", "delete": "delete", "get": "get", "list": "list", "patch": "update",
			"getIamPolicy": "getIamPolicy", "setIamPolicy": "setIamPolicy",
		} {
			t[all+collection+"."+method] = "apigateway." + name + "." + verb
		}
		t[all+collection+".testIamPermissions"] = ""
	}
	return t
}

// mayActAs asks whether the caller may let gateways act as the account that a config names
// (https://docs.cloud.google.com/api-gateway/docs/configure-dev-env#configuring_a_service_account).
func (c *call) mayActAs(config *apiConfig) *status {
	named := *config
	named.Name = c.name // its project has the default account
	if err := c.caller.Require(iam.ActAs, serviceAccount(&named)); err != nil {
		return failf(codePermissionDenied, "%s", err)
	}
	return nil
}
