package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
)

// parts of GitHub's API that a GitHub App has to do with; the others are left out.
var parts = []string{"apps", "checks", "deployments", "git", "issues", "meta", "pulls", "rate-limit", "repos", "users"}

// openAPI is the part of an OpenAPI 3.0 document that is used (https://spec.openapis.org/oas/v3.0.3).
type openAPI struct {
	OpenAPI    string                                `json:"openapi"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas    map[string]openSchema    `json:"schemas"`
		Parameters map[string]openParameter `json:"parameters"`
		Responses  map[string]openResponse  `json:"responses"`
	} `json:"components"`
}

type openOperation struct {
	OperationID string `json:"operationId"`
	Tags        []string
	Parameters  []openParameter
	RequestBody *struct {
		Required bool
		Content  map[string]openMedia
	}
	Responses map[string]openResponse
}

type openParameter struct {
	Ref      string `json:"$ref"`
	Name, In string
	Required bool
	Slashes  bool `json:"x-multi-segment"`
	Schema   openSchema
}

type openResponse struct {
	Ref     string `json:"$ref"`
	Content map[string]openMedia
}

type openMedia struct{ Schema openSchema }

type openSchema struct {
	Ref                  string `json:"$ref"`
	Type, Format         string
	Pattern              string
	Nullable, ReadOnly   bool
	Enum                 []any
	Minimum, Maximum     *float64
	MinLength, MaxLength int
	MinItems, MaxItems   int
	Properties           map[string]openSchema
	Required             []string
	AdditionalProperties json.RawMessage
	Items                *openSchema
	AllOf, AnyOf, OneOf  []openSchema
}

// fromOpenAPI reduces GitHub's OpenAPI description to the [parts] that are used.
func fromOpenAPI(text []byte) (*conformance.API, error) {
	var d openAPI
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("parsing GitHub's description: %w", err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.0.") {
		return nil, fmt.Errorf("GitHub's description is of OpenAPI %q: this reads 3.0", d.OpenAPI)
	}
	a := &conformance.API{Name: "github", Style: conformance.GitHub, Schemas: map[string]*conformance.Schema{}}
	for _, path := range sorted(d.Paths) {
		for _, method := range sorted(d.Paths[path]) {
			o, err := d.operation(method, path)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			if o != nil {
				a.Operations = append(a.Operations, o)
			}
		}
	}
	for _, o := range a.Operations {
		if err := d.collect(a, o); err != nil {
			return nil, fmt.Errorf("operation %s: %w", o.ID, err)
		}
	}
	return a, nil
}

// operation is nil for what belongs to another part.
func (d *openAPI) operation(method, path string) (*conformance.Operation, error) {
	var from openOperation
	if err := json.Unmarshal(d.Paths[path][method], &from); err != nil {
		return nil, err
	}
	if len(from.Tags) == 0 || !slices.Contains(parts, from.Tags[0]) {
		return nil, nil
	}
	o := &conformance.Operation{ID: from.OperationID, Method: strings.ToUpper(method), Path: path, Responses: map[string]*conformance.Response{}}
	for _, p := range from.Parameters {
		if p.Ref != "" {
			p = d.Components.Parameters[base(p.Ref)]
		}
		schema, err := p.Schema.schema()
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		o.Parameters = append(o.Parameters, conformance.Parameter{
			Name: p.Name, In: p.In, Required: p.Required, Slashes: p.Slashes, Schema: schema,
		})
	}
	if from.RequestBody != nil {
		if media, ok := from.RequestBody.Content["application/json"]; ok {
			var err error
			if o.Request, err = media.Schema.schema(); err != nil {
				return nil, err
			}
			o.NeedsBody = from.RequestBody.Required
		}
	}
	return o, d.responses(o, from)
}

func (d *openAPI) responses(o *conformance.Operation, from openOperation) error {
	for status, r := range from.Responses {
		if r.Ref != "" {
			r = d.Components.Responses[base(r.Ref)]
		}
		to := &conformance.Response{}
		for _, media := range sorted(r.Content) {
			schema, err := r.Content[media].Schema.schema()
			if err != nil {
				return fmt.Errorf("response %s: %w", status, err)
			}
			if media == "application/json" {
				to.Schema = schema
				continue
			}
			if to.Media == nil {
				to.Media = map[string]*conformance.Schema{}
			}
			to.Media[media] = schema
		}
		o.Responses[status] = to
	}
	return nil
}

func base(ref string) string { return path.Base(ref) }

func (s openSchema) schema() (*conformance.Schema, error) {
	to := &conformance.Schema{
		Type: s.Type, Format: s.Format, Pattern: s.Pattern, Nullable: s.Nullable, ReadOnly: s.ReadOnly, Enum: s.Enum,
		Minimum: s.Minimum, Maximum: s.Maximum, MinLength: s.MinLength, MaxLength: s.MaxLength,
		MinItems: s.MinItems, MaxItems: s.MaxItems, Required: s.Required,
	}
	if s.Ref != "" {
		to.Ref = base(s.Ref)
	}
	var err error
	one := func(from openSchema) *conformance.Schema {
		sub, no := from.schema()
		err = errors.Join(err, no)
		return sub
	}
	for key, p := range s.Properties {
		if to.Properties == nil {
			to.Properties = map[string]*conformance.Schema{}
		}
		to.Properties[key] = one(p)
	}
	if s.Items != nil {
		to.Items = one(*s.Items)
	}
	for _, sub := range s.AllOf {
		to.AllOf = append(to.AllOf, one(sub))
	}
	for _, sub := range slices.Concat(s.AnyOf, s.OneOf) {
		to.AnyOf = append(to.AnyOf, one(sub))
	}
	if text := string(s.AdditionalProperties); text == "true" {
		to.Open = true
	} else if text != "" && text != "false" {
		var sub openSchema
		if no := json.Unmarshal(s.AdditionalProperties, &sub); no != nil {
			return nil, no
		}
		to.Additional = one(sub)
	}
	return to, err
}

// collect brings the schemas that an operation refers to into the description.
func (d *openAPI) collect(a *conformance.API, o *conformance.Operation) error {
	list := []*conformance.Schema{o.Request}
	for _, p := range o.Parameters {
		list = append(list, p.Schema)
	}
	for _, r := range o.Responses {
		list = append(list, r.Schema)
		list = slices.AppendSeq(list, maps.Values(r.Media))
	}
	for len(list) > 0 {
		s := list[len(list)-1]
		list = list[:len(list)-1]
		if s == nil {
			continue
		}
		if s.Ref != "" && a.Schemas[s.Ref] == nil {
			from, ok := d.Components.Schemas[s.Ref]
			if !ok {
				return fmt.Errorf("there is no schema %s", s.Ref)
			}
			to, err := from.schema()
			if err != nil {
				return fmt.Errorf("schema %s: %w", s.Ref, err)
			}
			a.Schemas[s.Ref] = to
			list = append(list, to)
		}
		list = append(list, s.Items, s.Additional)
		list = append(list, slices.Concat(s.AllOf, s.AnyOf)...)
		for _, p := range s.Properties {
			list = append(list, p)
		}
	}
	return nil
}
