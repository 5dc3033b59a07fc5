package provider

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"time"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// defaultEndpoint is API Gateway's own.
const defaultEndpoint = "https://apigateway.googleapis.com/v1beta/"

// defaultPollInterval is how often an operation is looked at.
const defaultPollInterval = 10 * time.Second

// endpointPattern is what the real provider asks of a custom endpoint.
var endpointPattern = regexp.MustCompile(`.*/[^/]+/$`)

// Environment variables that stand in for arguments of the provider block, the first that is set wins:
// https://registry.terraform.io/providers/hashicorp/google-beta/latest/docs/guides/provider_reference
const (
	envEndpoint = "GOOGLE_API_GATEWAY_CUSTOM_ENDPOINT"
	envToken    = "GOOGLE_OAUTH_ACCESS_TOKEN" //nolint:gosec // the variable's name, not a credential
)

func projectVariables() []string {
	return []string{"GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"}
}

func regionVariables() []string {
	return []string{"GOOGLE_REGION", "GCLOUD_REGION", "CLOUDSDK_COMPUTE_REGION"}
}

// newProvider is one instance. Calls that outlive their Terraform process end with ctx.
func newProvider(ctx context.Context, getenv func(string) string) *schema.Provider {
	if getenv == nil {
		getenv = os.Getenv
	}
	p := &schema.Provider{
		Schema: providerSchema(),
		ResourcesMap: map[string]*schema.Resource{
			"google_api_gateway_api":        apiKind().resource(),
			"google_api_gateway_api_config": configKind().resource(),
			"google_api_gateway_gateway":    gatewayKind().resource(),
		},
	}
	p.ConfigureContextFunc = func(_ context.Context, d *schema.ResourceData) (any, diag.Diagnostics) {
		s, err := newSettings(d, getenv)
		if err != nil {
			return nil, diag.FromErr(err)
		}
		s.userAgent = fmt.Sprintf("Terraform/%s (+https://www.terraform.io) terraform-provider-google-beta/7.45.0", p.TerraformVersion)
		return &client{settings: s, lifetime: ctx, http: &http.Client{Timeout: s.requestTimeout}}, nil
	}
	return p
}

// providerSchema has the arguments of the real provider block that make sense without Google's credentials. Another one
// is refused by Terraform as unsupported.
func providerSchema() map[string]*schema.Schema {
	text := func(description string) *schema.Schema {
		return &schema.Schema{Type: schema.TypeString, Optional: true, Description: description}
	}
	s := map[string]*schema.Schema{
		"project":          text("Project of resources that name none."),
		"region":           text("Region of resources that name none."),
		"zone":             text("Not used by API Gateway."),
		"access_token":     text("Bearer token of every call."),
		"poll_interval":    text("How often a running operation is looked at, as a Go duration."),
		"request_timeout":  text("Limit of one request, as a Go duration."),
		"billing_project":  text("Project that is charged for the calls; sent only with user_project_override."),
		"request_reason":   text("Sent as X-Goog-Request-Reason."),
		"universe_domain":  text("Not used with a custom endpoint."),
		"deletion_policy":  text("DELETE, PREVENT or ABANDON, for resources that give none."),
		"default_labels":   {Type: schema.TypeMap, Optional: true, Elem: &schema.Schema{Type: schema.TypeString}},
		attributionSetting: {Type: schema.TypeBool, Optional: true},
		strategySetting:    text("CREATION_ONLY or PROACTIVE."),
	}
	s["user_project_override"] = &schema.Schema{Type: schema.TypeBool, Optional: true}
	s["api_gateway_custom_endpoint"] = text("Base URL of API Gateway's REST API with its version, for example http://127.0.0.1:8080/v1beta/.")
	s["api_gateway_custom_endpoint"].ValidateFunc = validateEndpoint
	return s
}

func validateEndpoint(v any, key string) ([]string, []error) {
	// An empty value is one that is unset by way of a variable.
	if s, _ := v.(string); s != "" && !endpointPattern.MatchString(s) {
		return nil, []error{fmt.Errorf("%q (%q) doesn't match regexp %q", key, s, endpointPattern)}
	}
	return nil, nil
}
