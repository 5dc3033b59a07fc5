package terraform

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Names in generated root modules.
const (
	rootFile     = "main.tf"
	documentFile = "document.yaml"
	// gatewayAddress is the gateway's address in the state; module preview gives it.
	gatewayAddress = "module.preview.google_api_gateway_gateway.preview"
)

// providerAddress is the address of the provider, as a served one is announced under.
const providerAddress = "registry.terraform.io/hashicorp/google-beta"

// A root is what is to be written as a stack's root module.
type root struct {
	module   string               // folder in terraform/modules; "" for an empty stack
	inputs   map[string]cty.Value // of the module
	outputs  []string             // of the module that the root passes on
	imports  map[string]string    // address → id
	document []byte               // nil for none
	project  string               // of the provider block; "" for none
	region   string
	poll     time.Duration
	backend  []backendSetting
}

// A backendSetting is an argument of the backend block.
type backendSetting struct{ name, value string }

// previewRoot is the root module of a preview's stack.
func previewRoot(s preview.Stack) root {
	out := root{
		module: "preview", project: s.Project, region: s.Region, document: s.Document, outputs: []string{"hostname", "config_id"},
		inputs: map[string]cty.Value{
			"project":                 cty.StringVal(s.Project),
			"region":                  cty.StringVal(s.Region),
			"api":                     cty.StringVal(s.API),
			"gateway_id":              cty.StringVal(s.GatewayID),
			"config_id":               cty.StringVal(s.ConfigID),
			"document_file":           cty.StringVal("./" + documentFile),
			"backend_service_account": cty.StringVal(s.BackendServiceAccount),
			"labels":                  stringMap(s.Labels),
		},
	}
	if s.AdoptGateway {
		out.imports = map[string]string{gatewayAddress: path.Join("projects", s.Project, "locations", s.Region, "gateways", s.GatewayID)}
	}
	return out
}

// apisRoot is the root module of an environment's API shards.
func apisRoot(project, region string, ids []string, labels map[string]string) root {
	list := make([]cty.Value, len(ids))
	for i, id := range ids {
		list[i] = cty.StringVal(id)
	}
	return root{
		module: "gateway-apis", project: project, region: region,
		inputs: map[string]cty.Value{
			"project": cty.StringVal(project),
			"api_ids": cty.ListVal(list),
			"labels":  stringMap(labels),
		},
	}
}

func stringMap(m map[string]string) cty.Value {
	if len(m) == 0 {
		return cty.MapValEmpty(cty.String)
	}
	out := make(map[string]cty.Value, len(m))
	for k, v := range m {
		out[k] = cty.StringVal(v)
	}
	return cty.MapVal(out)
}

// render is the root module as HCL. Equal roots give equal bytes.
func (m root) render(backend string) []byte {
	file := hclwrite.NewEmptyFile()
	body := file.Body()

	settings := body.AppendNewBlock("terraform", nil).Body()
	settings.SetAttributeValue("required_version", cty.StringVal(">= 1.9"))
	providers := settings.AppendNewBlock("required_providers", nil).Body()
	providers.SetAttributeValue("google-beta", cty.ObjectVal(map[string]cty.Value{
		"source": cty.StringVal("hashicorp/google-beta"), "version": cty.StringVal("~> 7.45"),
	}))
	state := settings.AppendNewBlock("backend", []string{backend}).Body()
	for _, s := range m.backend {
		state.SetAttributeValue(s.name, cty.StringVal(s.value))
	}

	provider := body.AppendNewBlock("provider", []string{"google-beta"}).Body()
	for _, s := range []backendSetting{{"project", m.project}, {"region", m.region}} {
		if s.value != "" {
			provider.SetAttributeValue(s.name, cty.StringVal(s.value))
		}
	}
	if m.poll > 0 {
		provider.SetAttributeValue("poll_interval", cty.StringVal(m.poll.String()))
	}
	if m.module != "" {
		m.renderModule(body)
	}
	return file.Bytes()
}

func (m root) renderModule(body *hclwrite.Body) {
	module := body.AppendNewBlock("module", []string{m.module}).Body()
	module.SetAttributeValue("source", cty.StringVal("./modules/"+m.module))
	for _, name := range slices.Sorted(maps.Keys(m.inputs)) {
		module.SetAttributeValue(name, m.inputs[name])
	}
	for _, address := range slices.Sorted(maps.Keys(m.imports)) {
		block := body.AppendNewBlock("import", nil).Body()
		block.SetAttributeTraversal("to", traversal(address))
		block.SetAttributeValue("id", cty.StringVal(m.imports[address]))
	}
	for _, name := range m.outputs {
		block := body.AppendNewBlock("output", []string{name}).Body()
		block.SetAttributeTraversal("value", traversal(strings.Join([]string{"module", m.module, name}, ".")))
	}
}
