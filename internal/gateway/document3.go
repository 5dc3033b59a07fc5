package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// isOpenAPI3 tells whether version is one that is read as a [document3].
func isOpenAPI3(version string) bool {
	return version == "3.0" || version == "3.1" || strings.HasPrefix(version, "3.0.") || strings.HasPrefix(version, "3.1.")
}

// document3 is the part of an OpenAPI 3 document that a gateway needs. It is brought into the form of [document], from which
// routes are made. Google's fields: https://docs.cloud.google.com/api-gateway/docs/oasv3-extensions.
type document3 struct {
	Servers    []server              `yaml:"servers" json:"servers"`
	Management *management           `yaml:"x-google-api-management" json:"x-google-api-management"`
	Old        any                   `yaml:"x-google-management" json:"x-google-management"`
	Allow      any                   `yaml:"x-google-allow" json:"x-google-allow"`
	Backend    any                   `yaml:"x-google-backend" json:"x-google-backend"`
	Security   []map[string][]string `yaml:"security" json:"security"`
	Paths      map[string]pathItem3  `yaml:"paths" json:"paths"`
	Components components            `yaml:"components" json:"components"`
}

type server struct {
	URL       string                    `yaml:"url" json:"url"`
	Variables map[string]serverVariable `yaml:"variables" json:"variables"`
	Endpoint  *endpoint                 `yaml:"x-google-endpoint" json:"x-google-endpoint"`
}

type serverVariable struct {
	Default any `yaml:"default" json:"default"`
}

// management has, besides backends, what the gateway only checks: it enforces no quotas.
type management struct {
	APIName  string              `yaml:"apiName" json:"apiName"`
	Backends map[string]backend3 `yaml:"backends" json:"backends"`
	Metrics  map[string]any      `yaml:"metrics" json:"metrics"`
	Quota    struct {
		Limits map[string]limit `yaml:"limits" json:"limits"`
	} `yaml:"quota" json:"quota"`
}

type limit struct {
	Metric string `yaml:"metric" json:"metric"`
}

type backend3 struct {
	Address         string   `yaml:"address" json:"address"`
	JWTAudience     string   `yaml:"jwtAudience" json:"jwtAudience"`
	DisableAuth     *bool    `yaml:"disableAuth" json:"disableAuth"`
	PathTranslation string   `yaml:"pathTranslation" json:"pathTranslation"`
	Deadline        *float64 `yaml:"deadline" json:"deadline"`
	Protocol        string   `yaml:"protocol" json:"protocol"`
}

type components struct {
	Parameters      map[string]parameter3      `yaml:"parameters" json:"parameters"`
	Schemas         map[string]schemaType      `yaml:"schemas" json:"schemas"`
	SecuritySchemes map[string]securityScheme3 `yaml:"securitySchemes" json:"securitySchemes"`
}

type parameter3 struct {
	Ref    string     `yaml:"$ref" json:"$ref"`
	Name   string     `yaml:"name" json:"name"`
	In     string     `yaml:"in" json:"in"`
	Schema schemaType `yaml:"schema" json:"schema"`
}

// schemaType is what a parameter's schema is: in OpenAPI 3.1 the type may be a list, and the schema a boolean.
type schemaType struct {
	Ref  string
	Type string
}

// UnmarshalJSON takes whatever stands there.
func (s *schemaType) UnmarshalJSON(data []byte) error {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	s.set(v)
	return nil
}

// UnmarshalYAML takes whatever stands there.
func (s *schemaType) UnmarshalYAML(n *yaml.Node) error {
	var v any
	if err := n.Decode(&v); err != nil {
		return err
	}
	s.set(v)
	return nil
}

func (s *schemaType) set(v any) {
	fields, _ := v.(map[string]any)
	s.Ref, _ = fields["$ref"].(string)
	s.Type, _ = fields["type"].(string)
	if list, _ := fields["type"].([]any); slices.Contains(list, any("object")) {
		s.Type = "object"
	}
}

type securityScheme3 struct {
	Type   string `yaml:"type" json:"type"`
	Scheme string `yaml:"scheme" json:"scheme"`
	Name   string `yaml:"name" json:"name"`
	In     string `yaml:"in" json:"in"`
	Auth   *auth3 `yaml:"x-google-auth" json:"x-google-auth"`
}

type auth3 struct {
	Issuer    string         `yaml:"issuer" json:"issuer"`
	JWKSURI   string         `yaml:"jwksUri" json:"jwksUri"`
	Audiences []string       `yaml:"audiences" json:"audiences"`
	Locations []jwtLocation3 `yaml:"jwtLocations" json:"jwtLocations"`
}

type jwtLocation3 struct {
	Header      string `yaml:"header" json:"header"`
	ValuePrefix string `yaml:"valuePrefix" json:"valuePrefix"`
	Query       string `yaml:"query" json:"query"`
}

type pathItem3 struct {
	Get        *operation3  `yaml:"get" json:"get"`
	Put        *operation3  `yaml:"put" json:"put"`
	Post       *operation3  `yaml:"post" json:"post"`
	Delete     *operation3  `yaml:"delete" json:"delete"`
	Options    *operation3  `yaml:"options" json:"options"`
	Head       *operation3  `yaml:"head" json:"head"`
	Patch      *operation3  `yaml:"patch" json:"patch"`
	Trace      *operation3  `yaml:"trace" json:"trace"`
	Parameters []parameter3 `yaml:"parameters" json:"parameters"`
}

type operation3 struct {
	OperationID string                 `yaml:"operationId" json:"operationId"`
	Backend     any                    `yaml:"x-google-backend" json:"x-google-backend"`
	Security    *[]map[string][]string `yaml:"security" json:"security"`
	Parameters  []parameter3           `yaml:"parameters" json:"parameters"`
	Responses   any                    `yaml:"responses" json:"responses"`
}

// converter brings an OpenAPI 3 document into the form of a 2.0 one.
type converter struct {
	from     *document3
	version  string
	problems *DocumentError
}

func (c *converter) document() *document {
	out := &document{OpenAPI: c.version, Security: c.from.Security, Paths: map[string]pathItem{}}
	if c.from.Management == nil {
		c.problems.add("", "The document does not have the required field 'x-google-api-management'.")
		c.from.Management = &management{}
	}
	if c.from.Old != nil {
		c.problems.add("", "x-google-management is for OpenAPI 2.0; OpenAPI 3 has x-google-api-management.")
	}
	if c.from.Allow != nil {
		c.problems.add("", "x-google-allow is not supported in OpenAPI 3.")
	}
	c.checkLimits()
	out.BasePath, out.Endpoints = c.servers()
	out.Backend = c.backend("", c.from.Backend)
	out.SecurityDefinitions = c.securityDefinitions()
	for _, path := range slices.Sorted(maps.Keys(c.from.Paths)) {
		if !strings.HasPrefix(path, "x-") {
			out.Paths[path] = c.pathItem(path, c.from.Paths[path])
		}
	}
	return out
}

func (c *converter) checkLimits() {
	for _, name := range slices.Sorted(maps.Keys(c.from.Management.Quota.Limits)) {
		metric := c.from.Management.Quota.Limits[name].Metric
		if _, ok := c.from.Management.Metrics[metric]; !ok {
			c.problems.add("", fmt.Sprintf("The limit '%s' is for the metric '%s', which x-google-api-management does not have.",
				name, metric))
		}
	}
}

// servers gives the base path and whether preflight requests go to the backends: those of the server that is marked as
// the endpoint, or else the path of the first one. For the latter API Gateway's documentation says that a server without
// mark is ignored (https://docs.cloud.google.com/api-gateway/docs/openapi-v3-limitations): mark one to be sure. The
// host's name has no part in it, so allowCors holds whatever the service is called; that is an assumption.
func (c *converter) servers() (base string, endpoints []endpoint) {
	marked := -1
	for i, s := range c.from.Servers {
		if s.Endpoint == nil {
			continue
		}
		if marked >= 0 {
			c.problems.add("", "More than one server has x-google-endpoint.")
			continue
		}
		marked = i
		endpoints = append(endpoints, endpoint{AllowCORS: s.Endpoint.AllowCORS, here: true})
	}
	if len(c.from.Servers) == 0 {
		return "", endpoints
	}
	s := c.from.Servers[max(marked, 0)]
	address := s.URL
	for name, v := range s.Variables {
		address = strings.ReplaceAll(address, "{"+name+"}", fmt.Sprint(v.Default))
	}
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" || u.Path != "" && !strings.HasPrefix(u.Path, "/") ||
		strings.ContainsAny(u.Path, "{}*") || u.RawQuery != "" || u.Fragment != "" {
		c.problems.add("", fmt.Sprintf("The path of the server '%s' does not begin with '/', or has a variable without a default, "+
			"a query or a fragment.", s.URL))
		return "", endpoints
	}
	return u.EscapedPath(), endpoints
}

// backend finds the backend that x-google-backend names. That the translation which is meant when it names none differs
// between the root and an operation that refer to it, as in OpenAPI 2.0, is an assumption.
func (c *converter) backend(where string, named any) *backendExtension {
	if named == nil {
		return nil
	}
	name, isText := named.(string)
	if !isText {
		c.problems.add(where, "x-google-backend has to be the name of one of the backends of x-google-api-management.")
		return &backendExtension{refused: true}
	}
	b, ok := c.from.Management.Backends[name]
	disableAuth := b.DisableAuth != nil && *b.DisableAuth
	problem := ""
	switch {
	case !ok:
		problem = fmt.Sprintf("There is no backend '%s' in x-google-api-management.", name)
	case b.JWTAudience == "" && b.DisableAuth == nil:
		problem = fmt.Sprintf("The backend '%s' has neither jwtAudience nor disableAuth.", name)
	case b.JWTAudience != "" && disableAuth:
		problem = fmt.Sprintf("The backend '%s' has both jwtAudience and disableAuth; only one is allowed.", name)
	case b.PathTranslation != "" && b.PathTranslation != appendPath && b.PathTranslation != constantAddress:
		problem = fmt.Sprintf("The pathTranslation '%s' of the backend '%s' is neither %s nor %s.",
			b.PathTranslation, name, appendPath, constantAddress)
	}
	if problem != "" {
		c.problems.add(where, problem)
		return &backendExtension{refused: true}
	}
	return &backendExtension{
		Address: b.Address, JWTAudience: b.JWTAudience, DisableAuth: disableAuth, PathTranslation: b.PathTranslation,
		Deadline: b.Deadline, Protocol: b.Protocol,
	}
}

func (c *converter) securityDefinitions() map[string]securityDefinition {
	out := map[string]securityDefinition{}
	for name, s := range c.from.Components.SecuritySchemes {
		d := securityDefinition{Type: s.Type, Name: s.Name, In: s.In}
		switch {
		case s.Type == "apiKey":
		case s.Type == "http" && !strings.EqualFold(s.Scheme, "bearer"):
			d.Type = "basic" // accepted but not usable
		case s.Type == "oauth2" || s.Type == "openIdConnect" || s.Type == "http":
			d.Type = "oauth2"
			if s.Auth != nil {
				d.Issuer, d.JWKSURI, d.Audiences = s.Auth.Issuer, s.Auth.JWKSURI, strings.Join(s.Auth.Audiences, ",")
				for _, l := range s.Auth.Locations {
					d.Locations = append(d.Locations, jwtLocation(l))
				}
			}
		}
		out[name] = d
	}
	return out
}

func (c *converter) pathItem(path string, item pathItem3) pathItem {
	convert := func(method string, op *operation3) *operation {
		if op == nil {
			return nil
		}
		where := fmt.Sprintf("Operation '%s' in path '%s'", method, path)
		if op.Responses == nil && !strings.HasPrefix(c.version, "3.1") {
			c.problems.add(where, "Operation does not have the required 'responses' field.")
		}
		return &operation{
			OperationID: op.OperationID, Backend: c.backend(where, op.Backend), Security: op.Security,
			Parameters: c.parameters(op.Parameters),
		}
	}
	return pathItem{
		Get: convert("get", item.Get), Put: convert("put", item.Put), Post: convert("post", item.Post),
		Delete: convert("delete", item.Delete), Options: convert("options", item.Options), Head: convert("head", item.Head),
		Patch: convert("patch", item.Patch), Trace: convert("trace", item.Trace), Parameters: c.parameters(item.Parameters),
	}
}

// parameters are those of a list, with references followed.
func (c *converter) parameters(list []parameter3) []parameter {
	out := make([]parameter, 0, len(list))
	for _, p := range list {
		for range maxReferences {
			name, isParameter := strings.CutPrefix(p.Ref, "#/components/parameters/")
			if !isParameter {
				break
			}
			p = c.from.Components.Parameters[name]
		}
		schema := p.Schema
		for range maxReferences {
			name, isSchema := strings.CutPrefix(schema.Ref, "#/components/schemas/")
			if !isSchema {
				break
			}
			schema = c.from.Components.Schemas[name]
		}
		out = append(out, parameter{Name: p.Name, In: p.In, Type: schema.Type})
	}
	return out
}

// maxReferences is how many references in a row are followed.
const maxReferences = 20
