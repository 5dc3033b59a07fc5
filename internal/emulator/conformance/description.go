package conformance

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// Styles of APIs: they differ in errors, and in what is left open by their descriptions.
const (
	Google = "google"
	GitHub = "github"
)

// An API is a published description, reduced to what is checked. It is not changed after it was loaded.
type API struct {
	Name       string             `json:"name"`   // such as run/v2
	Style      string             `json:"style"`  // Google or GitHub
	Source     string             `json:"source"` // where it was read from, with its version
	License    string             `json:"license,omitempty"`
	Parameters []Parameter        `json:"parameters,omitempty"` // of all operations
	Operations []*Operation       `json:"operations"`
	Schemas    map[string]*Schema `json:"schemas"`

	router router
}

// An Operation is one method of an API.
type Operation struct {
	ID         string               `json:"id"`
	Method     string               `json:"method"`
	Path       string               `json:"path"` // /v2/{name}; what a parameter may hold is its pattern
	Parameters []Parameter          `json:"parameters,omitempty"`
	Request    *Schema              `json:"request,omitempty"`
	NeedsBody  bool                 `json:"needs_body,omitempty"`
	Responses  map[string]*Response `json:"responses,omitempty"` // by status; Google describes only 200
}

// A Response is what an operation may answer with one status.
type Response struct {
	Schema *Schema            `json:"schema,omitempty"` // of JSON; nil when there is no body
	Media  map[string]*Schema `json:"media,omitempty"`  // other media types
}

// A Parameter is part of a path or query.
type Parameter struct {
	Name     string  `json:"name"`
	In       string  `json:"in"` // path or query
	Required bool    `json:"required,omitempty"`
	Repeated bool    `json:"repeated,omitempty"`
	Slashes  bool    `json:"slashes,omitempty"` // a path parameter of several segments
	Schema   *Schema `json:"schema"`
}

// A Schema says what a value may be: the part of JSON Schema that the descriptions use.
type Schema struct {
	Ref        string             `json:"ref,omitempty"`
	Type       string             `json:"type,omitempty"` // message: an object that says in @type what it is
	Format     string             `json:"format,omitempty"`
	Pattern    string             `json:"pattern,omitempty"`
	Nullable   bool               `json:"nullable,omitempty"`
	ReadOnly   bool               `json:"read_only,omitempty"`
	Enum       []any              `json:"enum,omitempty"`
	Minimum    *float64           `json:"minimum,omitempty"`
	Maximum    *float64           `json:"maximum,omitempty"`
	MinLength  int                `json:"min_length,omitempty"`
	MaxLength  int                `json:"max_length,omitempty"`
	MinItems   int                `json:"min_items,omitempty"`
	MaxItems   int                `json:"max_items,omitempty"`
	Properties map[string]*Schema `json:"properties,omitempty"`
	Required   []string           `json:"required,omitempty"`
	Open       bool               `json:"open,omitempty"`       // further properties may be anything
	Additional *Schema            `json:"additional,omitempty"` // further properties
	Items      *Schema            `json:"items,omitempty"`
	AllOf      []*Schema          `json:"all_of,omitempty"`
	AnyOf      []*Schema          `json:"any_of,omitempty"` // one or more: the descriptions' oneOf often fit twice
}

//go:embed descriptions
var descriptions embed.FS

// The embedded descriptions. Each is read when it is first asked for, once in a process.
var (
	APIGatewayV1     = embedded("apigateway-v1")
	APIGatewayV1Beta = embedded("apigateway-v1beta")
	CloudBuildV1     = embedded("cloudbuild-v1")
	CloudRunV1       = embedded("run-v1")
	CloudRunV2       = embedded("run-v2")
	GitHubREST       = embedded("github")
	LoggingV2        = embedded("logging-v2")
	MonitoringV3     = embedded("monitoring-v3")
	SecretManagerV1  = embedded("secretmanager-v1")
	StorageV1        = embedded("storage-v1")
)

func embedded(name string) func() *API {
	return sync.OnceValue(func() *API {
		data, err := descriptions.ReadFile("descriptions/" + name + ".json.gz")
		if err != nil {
			panic(err) // a name that is not in the folder is a mistake in the list above
		}
		api, err := Read(bytes.NewReader(data))
		if err != nil {
			panic(fmt.Errorf("the embedded description %s: %w", name, err))
		}
		return api
	})
}

// Read reads a description as [API.Write] writes it.
func Read(r io.Reader) (*API, error) {
	zipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	api := &API{}
	if err := json.NewDecoder(zipped).Decode(api); err != nil {
		return nil, fmt.Errorf("parsing: %w", err)
	}
	if err := api.prepare(); err != nil {
		return nil, err
	}
	return api, nil
}

// Write writes a description so that the same one gives the same bytes.
func (a *API) Write(w io.Writer) error {
	zipped, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(zipped)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(a); err != nil {
		return err
	}
	return zipped.Close()
}

// schema follows references.
func (a *API) schema(s *Schema) *Schema {
	for s != nil && s.Ref != "" {
		s = a.Schemas[s.Ref]
	}
	return s
}
