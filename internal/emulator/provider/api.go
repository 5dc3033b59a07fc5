package provider

import (
	"errors"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// apiKind is google_api_gateway_api.
func apiKind() *kind {
	return &kind{
		noun: "Api",
		fields: map[string]*schema.Schema{
			"api_id": {Type: schema.TypeString, Required: true, ForceNew: true, Description: "Id of the API in the project."},
			"managed_service": {
				Type: schema.TypeString, Optional: true, Computed: true, ForceNew: true,
				Description: "Name of the managed service that belongs to the API.",
			},
			"create_time": {Type: schema.TypeString, Computed: true, Description: "When it was made (RFC 3339)."},
		},
		parent: func(d *schema.ResourceData) string {
			return "projects/" + text(d, "project") + "/locations/global/apis"
		},
		idArg: "api_id",
		idKey: "apiId",
		body: func(d *schema.ResourceData, _ bool) map[string]any {
			return map[string]any{"managedService": text(d, "managed_service")}
		},
		masked: []maskedField{{"display_name", "displayName"}, {"effective_labels", "labels"}},
		read: func(d *schema.ResourceData, res map[string]any) error {
			return errors.Join(d.Set("managed_service", res["managedService"]), d.Set("create_time", res["createTime"]))
		},
		imports: forms(
			"^projects/(?P<project>[^/]+)/locations/global/apis/(?P<api_id>[^/]+)$",
			"^(?P<project>[^/]+)/(?P<api_id>[^/]+)$",
			"^(?P<api_id>[^/]+)$",
		),
	}
}
