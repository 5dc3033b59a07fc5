package provider

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// The label that marks what Terraform has made, and the settings that govern it.
const (
	attributionLabel   = "goog-terraform-provisioned"
	attributionSetting = "add_terraform_attribution_label"
	strategySetting    = "terraform_attribution_label_addition_strategy"
	creationOnly       = "CREATION_ONLY"
	proactive          = "PROACTIVE"
)

// settings are the provider block with what its environment adds.
type settings struct {
	endpoint       string // ends in a slash
	token          string
	project        string
	region         string
	billingProject string // "" unless it is to be sent
	requestReason  string
	pollInterval   time.Duration
	requestTimeout time.Duration
	deletionPolicy string
	defaultLabels  map[string]string
	attribution    bool
	strategy       string
	userAgent      string
}

var errNoToken = errors.New("no credentials: set access_token in the provider block or GOOGLE_OAUTH_ACCESS_TOKEN (any value " +
	"does for an emulator)")

func newSettings(d *schema.ResourceData, getenv func(string) string) (settings, error) {
	s := settings{
		endpoint:       first(text(d, "api_gateway_custom_endpoint"), getenv(envEndpoint), defaultEndpoint),
		token:          first(text(d, "access_token"), getenv(envToken)),
		project:        first(append([]string{text(d, "project")}, lookup(getenv, projectVariables())...)...),
		region:         first(append([]string{text(d, "region")}, lookup(getenv, regionVariables())...)...),
		requestReason:  first(text(d, "request_reason"), getenv("CLOUDSDK_CORE_REQUEST_REASON")),
		deletionPolicy: text(d, "deletion_policy"),
		strategy:       first(text(d, strategySetting), creationOnly),
		defaultLabels:  stringMap(d.Get("default_labels")),
		attribution:    true,
	}
	if raw := d.GetRawConfig(); !raw.IsNull() {
		if v := raw.GetAttr(attributionSetting); v.IsKnown() && !v.IsNull() {
			s.attribution = v.True()
		}
	}
	if override, _ := d.Get("user_project_override").(bool); override {
		s.billingProject = first(text(d, "billing_project"), getenv("GOOGLE_BILLING_PROJECT"))
	}
	if !endpointPattern.MatchString(s.endpoint) {
		return settings{}, fmt.Errorf("%s (%q) doesn't match regexp %q", envEndpoint, s.endpoint, endpointPattern)
	}
	if s.token == "" {
		return settings{}, errNoToken
	}
	if s.strategy != creationOnly && s.strategy != proactive {
		return settings{}, fmt.Errorf("%s must be %s or %s, not %q", strategySetting, creationOnly, proactive, s.strategy)
	}
	var err error
	if s.pollInterval, err = duration(d, "poll_interval", defaultPollInterval); err != nil {
		return settings{}, err
	}
	if s.requestTimeout, err = duration(d, "request_timeout", 2*time.Minute); err != nil {
		return settings{}, err
	}
	return s, nil
}

func duration(d *schema.ResourceData, key string, otherwise time.Duration) (time.Duration, error) {
	s := text(d, key)
	if s == "" {
		return otherwise, nil
	}
	v, err := time.ParseDuration(s)
	if err != nil || v <= 0 {
		return 0, fmt.Errorf("%s: %q is no positive duration", key, s)
	}
	return v, nil
}

func text(d *schema.ResourceData, key string) string {
	s, _ := d.Get(key).(string)
	return s
}

func lookup(getenv func(string) string, names []string) []string {
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = getenv(name)
	}
	return values
}

// first is the first of values that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func stringMap(v any) map[string]string {
	in, _ := v.(map[string]any)
	out := make(map[string]string, len(in))
	for k, v := range in {
		out[k], _ = v.(string)
	}
	return out
}
