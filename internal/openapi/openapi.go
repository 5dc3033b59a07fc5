// Package openapi composes one gateway document out of many services' OpenAPI documents: bytes in, bytes out,
// deterministic to the byte, with the origin of every operation. It knows nothing of pull requests, clouds or disks: files
// beside a document are read through the port [Files].
//
// [Compose] takes documents in OpenAPI 2.0, 3.0 and 3.1, YAML and JSON, mixed freely, and writes one document for Google
// API Gateway: in OpenAPI 2.0 when all of them are, else in 3.0. Each document is compiled by itself, on all processors:
// read into a compact tree with positions, checked, and written as pieces of text with holes for what depends on the other
// documents (names, addresses). Composing settles names and conflicts and puts the pieces together. A [Cache] keeps what
// has been compiled, so that composing again after one document has changed costs little more than copying.
//
// Everything that is wrong with any document is reported at once, each with its place, its [Rule] and what to do. The rules
// are in docs/composition.md. What API Gateway accepts:
// https://docs.cloud.google.com/api-gateway/docs/openapi-limitations,
// https://docs.cloud.google.com/api-gateway/docs/oasv2-extensions and
// https://docs.cloud.google.com/api-gateway/docs/oasv3-extensions.
package openapi

// A Document is one service's OpenAPI document and where its operations are to be sent.
type Document struct {
	Service string // the service's name; unique in a composition
	File    string // the document's path in its repository, with slashes
	Content []byte // YAML or JSON in UTF-8. A composition and a cache keep it: nobody may change it any more
	Files   Files  // the other files of the repository; nil when the document may not refer to any
	Backend Backend
	Origin  Origin
}

// Files are the files of one repository at one commit. Compose reads those that a document refers to, each once for a
// document, possibly from several goroutines at once. Their contents may not be changed afterwards.
type Files interface {
	// ReadFile reads a file by its path from the repository's root, with slashes and without dots. The error is
	// [io/fs.ErrNotExist] for a file that isn't there, and [ErrNotRegular] for what is not a regular file, symbolic links
	// among them. Any other error ends the composition with that error.
	ReadFile(path string) ([]byte, error)
}

// FilesFunc reads files by a function.
type FilesFunc func(path string) ([]byte, error)

// ReadFile calls the function.
func (f FilesFunc) ReadFile(path string) ([]byte, error) { return f(path) }

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

// Options say how documents are composed. The zero value composes YAML with what the documents decide.
type Options struct {
	Title         string
	Description   string
	Version       string // info.version; "1" by default
	OpenAPI       Target // the version that is written; by default the documents decide
	Format        Format // YAML by default
	Security      []SecurityDefinition
	RequireAPIKey string // name of an API-key definition that every operation needs in addition; "" for none
	Limits        Limits
	Cache         *Cache // of compiled documents; nil for none
}

// Target is a version of OpenAPI that API Gateway is given.
type Target string

// The targets.
const (
	OpenAPI2 Target = "2.0" // only for documents that are all of this version: nothing is brought down to it
	OpenAPI3 Target = "3.0"
)

// openAPI3 is the patch release of 3.0 that is written.
const openAPI3 = "3.0.4"

// A SecurityDefinition is one of the configuration's. Documents may use it by name and may not define it differently.
type SecurityDefinition struct {
	Name      string
	APIKeyIn  string // "query" or "header": an API key
	KeyName   string
	Issuer    string // a JWT
	JWKSURI   string
	Audiences []string
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
