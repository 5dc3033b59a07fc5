// Package openapi composes one gateway document out of many services' OpenAPI documents: bytes in, bytes out,
// deterministic to the byte, with the origin of every operation. It knows nothing of pull requests, clouds or files.
//
// [Parse] reads one document into a tree with positions, [Compose] merges documents for Google API Gateway, and
// [Composition.Render] writes the result. Composition does not mind the order in which documents are given, and reports
// everything that is wrong with any of them at once. Trees are never changed after they have been read, so they can be
// kept and shared between goroutines.
//
// The rules of what API Gateway accepts: https://docs.cloud.google.com/api-gateway/docs/openapi-limitations and
// https://docs.cloud.google.com/api-gateway/docs/oasv2-extensions.
package openapi

// A Document is one service's OpenAPI document and where its operations are to be sent.
type Document struct {
	Service string // the service's name; unique in a composition
	File    string // path for positions in messages
	Content []byte // YAML or JSON in UTF-8; not looked at when Tree is set
	Tree    *Tree  // Content, parsed before: saves parsing it again
	Backend Backend
	Origin  Origin
}

// A Backend is where a service's operations are sent.
type Backend struct {
	Address  string // URL without path: a tag URL or the service's own
	Audience string // of the ID token: the service's own URL, also under a tag
}

// Origin tells where a document and its revision come from. It is carried through to every operation.
type Origin struct {
	Override bool   // an override, not the baseline
	Revision string // Cloud Run's name of it
	Commit   string
	Assumed  bool // the commit is not known to be the revision's
}

// Options are what the configuration says of the composed document.
type Options struct {
	Title         string
	Version       string // info.version; "1" by default
	Security      []SecurityDefinition
	RequireAPIKey string // name of an API-key definition that every operation needs in addition; "" for none
}

// A SecurityDefinition is one of the configuration's. Documents may use it by name and may not define it differently.
type SecurityDefinition struct {
	Name      string
	APIKeyIn  string // "query" or "header": an API key
	KeyName   string
	Issuer    string // a JWT
	JWKSURI   string
	Audiences []string
}

// Format is how a document is written.
type Format string

// The formats.
const (
	JSON Format = "json"
	YAML Format = "yaml"
)

// A Composition is the gateway document before it is rendered. It is safe for concurrent use as long as nobody changes
// its fields.
type Composition struct {
	root       node
	Operations []Operation // in the order of path and method
	Warnings   []Finding   // what was repaired or left out, in the order of service and place
}

// An Operation is one operation of the composed document and where it comes from.
type Operation struct {
	Method, Path, ID, Service string // the method as in HTTP (GET); the path and ID as in the composed document
	File                      string
	Line, Column              int
	Origin                    Origin
	Public                    bool // needs neither token nor key
	HasParameters             bool // some parameter or path segment has to be filled in
}
