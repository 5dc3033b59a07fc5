// Package openapitest makes OpenAPI documents from a seed, as nasty as those found in the wild, and judges whether a
// composition of such documents says the same as they do.
//
// It knows nothing of the code under test: [Check] reads both sides by itself, resolves references, and compares what every
// operation means, in a form that is the same for OpenAPI 2.0, 3.0 and 3.1. See https://spec.openapis.org/oas/v2.0.html,
// https://spec.openapis.org/oas/v3.0.4.html and https://spec.openapis.org/oas/v3.1.1.html.
package openapitest

import (
	"fmt"
	"os"
	"path/filepath"
)

// A Service is one service's document with the files that it refers to.
type Service struct {
	Name    string            // unique among the services
	File    string            // path of the document in its repository
	Files   map[string][]byte // contents by path in the repository, with slashes; the document is one of them
	Version string            // "2.0", "3.0" or "3.1"
}

// An Operation is one operation of a composed document and where it comes from.
type Operation struct {
	Method  string // as in HTTP: GET
	Path    string // in the composed document
	Service string
	File    string // in which the method's key stands
	Line    int    // of the method's key, from 1
}

// WriteTo writes the service's files below a directory.
func (s Service) WriteTo(dir string) error {
	for name, content := range s.Files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("making a folder for %s: %w", name, err)
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}
