package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
)

// document is the part of a discovery document that is used
// (https://developers.google.com/discovery/v1/reference/apis).
type document struct {
	Revision    string
	ServicePath string
	Parameters  map[string]discovered
	Schemas     map[string]discovered
	Resources   map[string]resource
	Methods     map[string]method
}

type resource struct {
	Methods   map[string]method
	Resources map[string]resource
}

type method struct {
	ID, HTTPMethod, Path string
	Parameters           map[string]discovered
	Request, Response    *discovered
}

// discovered is a schema, a property or a parameter.
type discovered struct {
	Ref                  string `json:"$ref"`
	Type, Format         string
	Description, Pattern string
	Location             string
	Required, Repeated   bool
	ReadOnly             bool
	Enum                 []any
	Properties           map[string]discovered
	AdditionalProperties *discovered
	Items                *discovered
}

const googleModule = "google.golang.org/api"

// fromModule reduces the discovery document of an API, such as run/v2, in the release of the module google.golang.org/api
// that this module uses.
func fromModule(ctx context.Context, name string) (*conformance.API, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}} {{.Dir}}", googleModule)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	version, dir, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	if err != nil || !ok || dir == "" {
		return nil, fmt.Errorf("finding module %s (go mod download %s): %w", googleModule, googleModule, err)
	}
	service, _, _ := strings.Cut(name, "/")
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name), service+"-api.json"))
	if err != nil {
		return nil, fmt.Errorf("reading the description of %s: %w", name, err)
	}
	api, err := fromDiscovery(name, text)
	if err != nil {
		return nil, err
	}
	api.Source = googleModule + " " + version + " " + name + ", " + api.Source
	return api, nil
}

// fromDiscovery reduces a discovery document.
func fromDiscovery(name string, text []byte) (*conformance.API, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("parsing the description of %s: %w", name, err)
	}
	a := &conformance.API{
		Name: name, Style: conformance.Google, Source: "revision " + d.Revision, Schemas: map[string]*conformance.Schema{},
		License: "The discovery documents are part of " + googleModule + ", Copyright Google LLC, BSD-3-Clause.",
	}
	for _, key := range sorted(d.Parameters) {
		a.Parameters = append(a.Parameters, d.Parameters[key].parameter(key))
	}
	for _, key := range sorted(d.Schemas) {
		a.Schemas[key] = d.Schemas[key].schema()
	}
	addMethods(a, d.ServicePath, resource{Methods: d.Methods, Resources: d.Resources})
	return a, nil
}

func addMethods(a *conformance.API, base string, r resource) {
	for _, key := range sorted(r.Methods) {
		m := r.Methods[key]
		o := &conformance.Operation{
			ID: m.ID, Method: m.HTTPMethod, Path: "/" + base + strings.ReplaceAll(m.Path, "{+", "{"),
			Responses: map[string]*conformance.Response{"200": {}},
		}
		for _, name := range sorted(m.Parameters) {
			o.Parameters = append(o.Parameters, m.Parameters[name].parameter(name))
		}
		if m.Request != nil {
			o.Request = m.Request.schema()
		}
		if m.Response != nil {
			o.Responses["200"].Schema = m.Response.schema()
		}
		a.Operations = append(a.Operations, o)
	}
	for _, key := range sorted(r.Resources) {
		addMethods(a, base, r.Resources[key])
	}
}

func (d discovered) parameter(name string) conformance.Parameter {
	p := conformance.Parameter{Name: name, In: d.Location, Repeated: d.Repeated, Schema: d.schema(), Required: d.Required || d.required()}
	p.Schema.Required = nil
	return p
}

// required tells what discovery documents say in words only. A Cloud Build id that is required may be in the path
// instead, where the description says so by itself.
func (d discovered) required() bool {
	return strings.HasPrefix(d.Description, "Required. Identifier") ||
		strings.HasPrefix(d.Description, "Required.") && d.Location != "query"
}

func (d discovered) schema() *conformance.Schema {
	s := &conformance.Schema{
		Ref: d.Ref, Type: d.Type, Format: d.Format, Pattern: d.Pattern, Enum: d.Enum,
		ReadOnly: d.ReadOnly || strings.HasPrefix(d.Description, "Output only."),
	}
	switch {
	case d.Type == "any":
		s.Type = ""
	case d.Type == "object" && d.AdditionalProperties != nil && strings.Contains(d.AdditionalProperties.Description, "@type"):
		s.Type, s.Open = "message", true
		return s
	}
	for _, key := range sorted(d.Properties) {
		if s.Properties == nil {
			s.Properties = map[string]*conformance.Schema{}
		}
		s.Properties[key] = d.Properties[key].schema()
		if d.Properties[key].required() {
			s.Required = append(s.Required, key)
		}
	}
	if d.AdditionalProperties != nil {
		s.Additional = d.AdditionalProperties.schema()
	}
	if d.Items != nil {
		s.Items = d.Items.schema()
	}
	return s
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
