package provider

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// configKind is google_api_gateway_api_config. All its content is immutable; the service account is never read back, so
// that a change of it by somebody else goes unnoticed and an imported config is replaced.
func configKind() *kind {
	return &kind{
		noun:    "ApiConfig",
		fields:  configFields(),
		prepare: prepareConfig,
		parent: func(d *schema.ResourceData) string {
			return "projects/" + text(d, "project") + "/locations/global/apis/" + text(d, "api") + "/configs"
		},
		idArg:  "api_config_id",
		idKey:  "apiConfigId",
		view:   "?view=FULL",
		body:   configBody,
		masked: []maskedField{{"display_name", "displayName"}, {"effective_labels", "labels"}},
		read: func(d *schema.ResourceData, res map[string]any) error {
			return errors.Join(
				d.Set("service_config_id", res["serviceConfigId"]),
				d.Set("openapi_documents", flattenDocuments(res["openapiDocuments"])),
				d.Set("managed_service_configs", flattenFiles(res["managedServiceConfigs"])),
			)
		},
		imports: forms(
			"^projects/(?P<project>[^/]+)/locations/global/apis/(?P<api>[^/]+)/configs/(?P<api_config_id>[^/]+)$",
			"^(?P<project>[^/]+)/(?P<api>[^/]+)/(?P<api_config_id>[^/]+)$",
			"^(?P<api>[^/]+)/(?P<api_config_id>[^/]+)$",
		),
	}
}

func configFields() map[string]*schema.Schema {
	either := []string{"openapi_documents", "grpc_services"}
	return map[string]*schema.Schema{
		"api":           {Type: schema.TypeString, Required: true, ForceNew: true, Description: "Id of the API."},
		"api_config_id": {Type: schema.TypeString, Optional: true, Computed: true, ForceNew: true, Description: "Id of the config in the API."},
		"api_config_id_prefix": {
			Type: schema.TypeString, Optional: true, Computed: true, ForceNew: true, ConflictsWith: []string{"api_config_id"},
			Description: "Begin of an id that is made up.",
		},
		"service_config_id": {Type: schema.TypeString, Computed: true, Description: "Id of the service config."},
		"gateway_config": block(1, false, map[string]*schema.Schema{
			"backend_config": block(1, true, map[string]*schema.Schema{
				"google_service_account": {Type: schema.TypeString, Required: true, ForceNew: true, Description: "Account that backends are called as."},
			}),
		}),
		"openapi_documents": exactlyOne(either, block(0, false, map[string]*schema.Schema{
			"document": block(1, true, fileFields()),
		})),
		"grpc_services": exactlyOne(either, block(0, false, map[string]*schema.Schema{
			"file_descriptor_set": block(1, true, fileFields()),
			"source":              block(0, false, fileFields()),
		})),
		"managed_service_configs": requiredWith("grpc_services", block(0, false, fileFields())),
	}
}

func block(most int, required bool, fields map[string]*schema.Schema) *schema.Schema {
	return &schema.Schema{
		Type: schema.TypeList, Required: required, Optional: !required, ForceNew: true, MaxItems: most,
		Elem: &schema.Resource{Schema: fields},
	}
}

func exactlyOne(of []string, s *schema.Schema) *schema.Schema {
	s.ExactlyOneOf = of
	return s
}

func requiredWith(other string, s *schema.Schema) *schema.Schema {
	s.RequiredWith = []string{other}
	return s
}

func fileFields() map[string]*schema.Schema {
	return map[string]*schema.Schema{
		"path":     {Type: schema.TypeString, Required: true, ForceNew: true, Description: "Name of the file, with its extension."},
		"contents": {Type: schema.TypeString, Required: true, ForceNew: true, ValidateFunc: validateBase64, Description: "Content in base64."},
	}
}

func validateBase64(v any, key string) ([]string, []error) {
	s, _ := v.(string)
	if _, err := base64.StdEncoding.DecodeString(s); err != nil {
		return nil, []error{fmt.Errorf("expected %q to be a base64 string", key)}
	}
	return nil, nil
}

// prepareConfig makes up an id where none is given: the prefix, the time and a few random digits.
func prepareConfig(d *schema.ResourceData) error {
	if text(d, "api_config_id") != "" {
		return nil
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails: https://pkg.go.dev/crypto/rand#Read
	id := text(d, "api_config_id_prefix") + time.Now().UTC().Format("20060102150405.0000")
	id = id[:len(id)-5] + id[len(id)-4:] + hex.EncodeToString(random[:])
	return d.Set("api_config_id", id)
}

// configBody has the immutable content only on creation: API Gateway takes no other in a PATCH.
func configBody(d *schema.ResourceData, create bool) map[string]any {
	out := map[string]any{"openapiDocuments": expandDocuments(d.Get("openapi_documents"))}
	out["grpcServices"] = expandServices(d.Get("grpc_services"))
	out["managedServiceConfigs"] = expandFiles(d.Get("managed_service_configs"))
	if !create {
		return out
	}
	if backend := single(single(d.Get("gateway_config"))["backend_config"]); backend != nil {
		out["gatewayConfig"] = map[string]any{"backendConfig": map[string]any{"googleServiceAccount": backend["google_service_account"]}}
	}
	return out
}

func expandDocuments(v any) []any {
	var out []any
	for _, item := range objects(v) {
		out = append(out, map[string]any{"document": expandFile(single(item["document"]))})
	}
	return out
}

func expandServices(v any) []any {
	var out []any
	for _, item := range objects(v) {
		service := map[string]any{"fileDescriptorSet": expandFile(single(item["file_descriptor_set"]))}
		if source := expandFiles(item["source"]); len(source) > 0 {
			service["source"] = source
		}
		out = append(out, service)
	}
	return out
}

func expandFiles(v any) []any {
	var out []any
	for _, item := range objects(v) {
		out = append(out, expandFile(item))
	}
	return out
}

func expandFile(f map[string]any) map[string]any {
	return map[string]any{"path": f["path"], "contents": f["contents"]}
}

func flattenDocuments(v any) []any {
	var out []any
	for _, item := range objects(v) {
		if document, ok := item["document"].(map[string]any); ok {
			out = append(out, map[string]any{"document": []any{expandFile(document)}})
		}
	}
	return out
}

func flattenFiles(v any) []any { return expandFiles(v) }

// objects are the objects of a list; what is no object is skipped.
func objects(v any) []map[string]any {
	list, _ := v.([]any)
	out := make([]map[string]any, 0, len(list))
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// single is the one object of a block; nil without one.
func single(v any) map[string]any {
	if list := objects(v); len(list) > 0 {
		return list[0]
	}
	return nil
}
