package apidiff

import "github.com/gangway-dev/gangway/internal/openapi"

// SideOf is a document by itself, composed as it would be for a gateway in OpenAPI 3.0. The error is [openapi.Compose]'s.
func SideOf(d openapi.Document, o openapi.Options) (Side, error) {
	o.OpenAPI, o.Format = openapi.OpenAPI3, openapi.JSON
	o.RequireAPIKey = "" // the previews' own: it would hide that an operation is opened
	composition, err := openapi.Compose([]openapi.Document{d}, o)
	if err != nil {
		return Side{}, err
	}
	side := Side{Places: make(map[Operation]Place, len(composition.Operations))}
	for _, op := range composition.Operations {
		side.Places[Operation{Method: op.Method, Path: op.Path}] = Place{File: op.File, Line: op.Line, Column: op.Column}
	}
	side.Document, err = composition.Render()
	return side, err
}

// Nothing is the side on which there is no document: it has no operations.
func Nothing() Side { return Side{Document: []byte(`{"openapi":"3.0.4","paths":{}}`)} }
