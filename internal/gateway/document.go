package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"go.yaml.in/yaml/v3"
)

// maxDocument is the size limit of a document in bytes: API Gateway takes up to 10 MB.
const maxDocument = 10 << 20

// document is the part of an OpenAPI 2.0 document that a gateway needs, and the form into which OpenAPI 3 is brought.
type document struct {
	Swagger             string                        `yaml:"swagger" json:"swagger"`
	OpenAPI             string                        `yaml:"openapi" json:"openapi"`
	Host                *string                       `yaml:"host" json:"host"`
	BasePath            string                        `yaml:"basePath" json:"basePath"`
	Allow               string                        `yaml:"x-google-allow" json:"x-google-allow"`
	Backend             *backendExtension             `yaml:"x-google-backend" json:"x-google-backend"`
	Endpoints           []endpoint                    `yaml:"x-google-endpoints" json:"x-google-endpoints"`
	Security            []map[string][]string         `yaml:"security" json:"security"`
	SecurityDefinitions map[string]securityDefinition `yaml:"securityDefinitions" json:"securityDefinitions"`
	Paths               map[string]pathItem           `yaml:"paths" json:"paths"`
}

type endpoint struct {
	Name      string `yaml:"name" json:"name"`
	AllowCORS bool   `yaml:"allowCors" json:"allowCors"`
	here      bool   // it is this gateway, whatever its name
}

type backendExtension struct {
	Address         string   `yaml:"address" json:"address"`
	JWTAudience     string   `yaml:"jwt_audience" json:"jwt_audience"`
	DisableAuth     bool     `yaml:"disable_auth" json:"disable_auth"`
	PathTranslation string   `yaml:"path_translation" json:"path_translation"`
	Deadline        *float64 `yaml:"deadline" json:"deadline"`
	Protocol        string   `yaml:"protocol" json:"protocol"`
	refused         bool     // it is not usable, and the reason is among the problems already
}

type securityDefinition struct {
	Type      string        `yaml:"type" json:"type"`
	Name      string        `yaml:"name" json:"name"`
	In        string        `yaml:"in" json:"in"`
	Issuer    string        `yaml:"x-google-issuer" json:"x-google-issuer"`
	JWKSURI   string        `yaml:"x-google-jwks_uri" json:"x-google-jwks_uri"`
	Audiences string        `yaml:"x-google-audiences" json:"x-google-audiences"`
	Locations []jwtLocation `yaml:"x-google-jwt-locations" json:"x-google-jwt-locations"`
}

type jwtLocation struct {
	Header      string `yaml:"header" json:"header"`
	ValuePrefix string `yaml:"value_prefix" json:"value_prefix"`
	Query       string `yaml:"query" json:"query"`
}

type pathItem struct {
	Get        *operation  `yaml:"get" json:"get"`
	Put        *operation  `yaml:"put" json:"put"`
	Post       *operation  `yaml:"post" json:"post"`
	Delete     *operation  `yaml:"delete" json:"delete"`
	Options    *operation  `yaml:"options" json:"options"`
	Head       *operation  `yaml:"head" json:"head"`
	Patch      *operation  `yaml:"patch" json:"patch"`
	Trace      *operation  `yaml:"-" json:"-"` // only in OpenAPI 3
	Parameters []parameter `yaml:"parameters" json:"parameters"`
}

// operations yields the operations in a fixed order, each with its method in lower case as the document writes it.
func (p pathItem) operations() iter.Seq2[string, *operation] {
	return func(yield func(string, *operation) bool) {
		for _, o := range []struct {
			method string
			op     *operation
		}{
			{"delete", p.Delete},
			{"get", p.Get},
			{"head", p.Head},
			{"options", p.Options},
			{"patch", p.Patch},
			{"post", p.Post},
			{"put", p.Put},
			{"trace", p.Trace},
		} {
			if o.op != nil && !yield(o.method, o.op) {
				return
			}
		}
	}
}

type operation struct {
	OperationID string                 `yaml:"operationId" json:"operationId"`
	Backend     *backendExtension      `yaml:"x-google-backend" json:"x-google-backend"`
	Security    *[]map[string][]string `yaml:"security" json:"security"`
	Parameters  []parameter            `yaml:"parameters" json:"parameters"`
}

type parameter struct {
	Name string `yaml:"name" json:"name"`
	In   string `yaml:"in" json:"in"`
	Type string `yaml:"type" json:"type"`
}

// parse reads data, and returns besides the typed document the plain tree that the search for references walks. What only
// OpenAPI 3 has is checked on the way.
func parse(data []byte, problems *DocumentError) (*document, any, error) {
	if len(data) > maxDocument {
		return nil, nil, fmt.Errorf("the document has %d bytes, at most %d are allowed", len(data), maxDocument)
	}
	unmarshal := yaml.Unmarshal
	// JSON is read as JSON: YAML readers reject some of its string escapes.
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && json.Valid(data) {
		unmarshal = json.Unmarshal
	}
	var tree any
	if err := unmarshal(data, &tree); err != nil {
		return nil, nil, err
	}
	if _, isObject := tree.(map[string]any); !isObject {
		return nil, nil, errors.New("the document is not an object")
	}
	// The tree would not do: YAML takes the version 3.0 without quotes for the number 3.
	var head struct {
		OpenAPI string `yaml:"openapi" json:"openapi"`
	}
	if err := unmarshal(data, &head); err != nil {
		return nil, nil, err
	}
	if isOpenAPI3(head.OpenAPI) {
		from := &document3{}
		if err := unmarshal(data, from); err != nil {
			return nil, nil, err
		}
		c := &converter{from: from, version: head.OpenAPI, problems: problems}
		return c.document(), tree, nil
	}
	doc := &document{}
	if err := unmarshal(data, doc); err != nil {
		return nil, nil, err
	}
	return doc, tree, nil
}
