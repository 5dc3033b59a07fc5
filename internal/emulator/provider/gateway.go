package provider

import (
	"errors"
	"strings"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// gatewayKind is google_api_gateway_gateway.
func gatewayKind() *kind {
	return &kind{
		noun: "Gateway",
		fields: map[string]*schema.Schema{
			"api_config": {
				Type: schema.TypeString, Required: true, DiffSuppressFunc: sameResource,
				Description: "Resource name of the API config that the gateway serves; changed in place.",
			},
			"gateway_id": {Type: schema.TypeString, Required: true, ForceNew: true, Description: "Id of the gateway in project and region."},
			"region": {
				Type: schema.TypeString, Optional: true, Computed: true, ForceNew: true,
				Description: "Region of the gateway.",
			},
			"default_hostname": {Type: schema.TypeString, Computed: true, Description: "Hostname that API Gateway has given it."},
		},
		plan: []schema.CustomizeDiffFunc{planRegion},
		parent: func(d *schema.ResourceData) string {
			return "projects/" + text(d, "project") + "/locations/" + text(d, "region") + "/gateways"
		},
		idArg: "gateway_id",
		idKey: "gatewayId",
		body: func(d *schema.ResourceData, _ bool) map[string]any {
			return map[string]any{"apiConfig": text(d, "api_config")}
		},
		masked: []maskedField{{"display_name", "displayName"}, {"api_config", "apiConfig"}, {"effective_labels", "labels"}},
		read: func(d *schema.ResourceData, res map[string]any) error {
			return errors.Join(d.Set("api_config", res["apiConfig"]), d.Set("default_hostname", res["defaultHostname"]))
		},
		imports: forms(
			"^projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)/gateways/(?P<gateway_id>[^/]+)$",
			"^(?P<project>[^/]+)/(?P<region>[^/]+)/(?P<gateway_id>[^/]+)$",
			"^(?P<region>[^/]+)/(?P<gateway_id>[^/]+)$",
			"^(?P<gateway_id>[^/]+)$",
		),
	}
}

// sameResource tells whether two spellings name the same config: its id, or its name in full or in part, with or
// without the API's address before it.
func sameResource(_, before, after string, _ *schema.ResourceData) bool {
	return before != "" && after != "" && lastSegment(before) == lastSegment(after)
}

func lastSegment(name string) string {
	return name[strings.LastIndexByte(name, '/')+1:]
}
