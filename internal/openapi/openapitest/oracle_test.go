package openapitest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// Three services, and what they become together.

const oldService = `swagger: "2.0"
info: {title: old, version: "1"}
basePath: /old/
security: [{firebase: []}]
consumes: [application/json]
definitions:
  Pet:
    type: object
    discriminator: kind
    required: [kind, no]
    properties:
      kind: {type: string}
      no: {type: integer, minimum: 3, exclusiveMinimum: true}
      next: {$ref: '#/definitions/Pet'}
    example: {$ref: '#/definitions/Nothing'}
  Cat:
    allOf: [{$ref: '#/definitions/Pet'}, {properties: {lives: {type: integer, maximum: 18446744073709551616}}}]
  Error: {type: object, properties: {code: {type: integer}}}
responses:
  Error: {description: wrong, schema: {$ref: '#/definitions/Error'}}
paths:
  /pets/{id}/:
    parameters:
      - {name: id, in: path, required: true, type: string}
      - {name: verbose, in: query, type: boolean}
    get:
      tags: [pets]
      summary: "on"
      parameters:
        - {name: verbose, in: query, type: array, items: {type: string, x-item: 1}, collectionFormat: pipes}
      responses:
        200: {description: ok, schema: {$ref: '#/definitions/Pet'}, headers: {x-rate: {type: integer}}}
        default: {$ref: '#/responses/Error'}
    put:
      security: []
      produces: [application/json]
      parameters:
        - {name: body, in: body, required: true, schema: {$ref: '#/definitions/Cat'}}
      responses:
        204: {description: done}
        default: {$ref: '#/responses/Error'}
  /upload:
    post:
      consumes: []
      security: [{staff: [], api_key: []}]
      parameters:
        - {name: file, in: formData, type: file, required: true}
        - {name: tags, in: formData, type: array, items: {type: string}, collectionFormat: multi}
      responses:
        200: {description: ok, schema: {type: file}, examples: {text/plain: abc}}
`

const newService = `openapi: 3.1.0
info: {title: new, version: "1"}
servers: [{url: https://x.example/new}]
paths:
  /things/{key}:
    get:
      operationId: get
      x-kept: {no: 1.0}
      security: [{firebase: []}, {staff: []}]
      parameters:
        - {name: since, in: query, schema: {type: [string, "null"]}}
      responses:
        "200":
          description: ok
          content:
            application/json:
              schema: {$ref: '#/components/schemas/Error', description: beside}
          links:
            self: {operationId: get, parameters: {key: $response.body#/key}}
    delete: {}
components:
  schemas:
    Error:
      type: [string, integer, "null"]
      examples: [a, b]
      if: {const: 1}
`

const plainService = `{"openapi": "3.0.3", "info": {"title": "plain", "version": "1"},
"paths": {
 "/old/pets/{name}": {
  "post": {
   "requestBody": {"content": {"application/json": {"schema": {"oneOf": [{"$ref": "#/components/schemas/A"}], "discriminator": {"propertyName": "k"}}}}},
   "responses": {"200": {"description": "ok"}}}}},
"components": {"schemas": {"A": {"type": "object", "nullable": true, "properties": {"no": {"$ref": "#/components/schemas/A"}}}}}}`

const together = `{
"openapi": "3.0.4", "info": {"title": "all", "version": "1"},
"paths": {
 "/old/pets/{id}": {
  "get": {"operationId": "a", "tags": ["pets"], "summary": "on", "security": [{"firebase": []}],
   "parameters": [
    {"name": "verbose", "in": "query", "style": "pipeDelimited", "explode": false, "schema": {"type": "array", "items": {"type": "string", "x-item": 1}}},
    {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
   "responses": {
    "200": {"description": "ok", "headers": {"x-rate": {"schema": {"type": "integer"}}}, "content": {"*/*": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
    "default": {"$ref": "#/components/responses/Error"}}},
  "put": {"operationId": "b",
   "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}, {"name": "verbose", "in": "query", "schema": {"type": "boolean"}}],
   "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Cat"}}}},
   "responses": {"204": {"description": "done"},
    "default": {"description": "wrong", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/old_Error"}}}}}},
  "post": {"operationId": "c",
   "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
   "requestBody": {"content": {"application/json": {"schema": {"oneOf": [{"$ref": "#/components/schemas/plain_A"}],
    "discriminator": {"propertyName": "k", "mapping": {"A": "#/components/schemas/plain_A"}}}}}},
   "responses": {"200": {"description": "ok"}}}},
 "/old/upload": {
  "post": {"operationId": "d", "security": [{"api_key": [], "staff": []}],
   "requestBody": {"required": true, "content": {"multipart/form-data": {
    "schema": {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}, "tags": {"type": "array", "items": {"type": "string"}}}},
    "encoding": {"tags": {"style": "form", "explode": true}}}}},
   "responses": {"200": {"description": "ok", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}},
    "text/plain": {"schema": {"type": "string", "format": "binary"}, "example": "abc"}}}}}},
 "/new/things/{key}": {
  "get": {"operationId": "new_get", "x-kept": {"no": 1}, "security": [{"staff": []}, {"firebase": []}],
   "parameters": [{"name": "since", "in": "query", "schema": {"type": "string", "nullable": true}}, {"name": "key", "in": "path", "required": true, "schema": {"type": "string"}}],
   "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"allOf": [{"$ref": "#/components/schemas/Error"}], "description": "beside"}}},
    "links": {"self": {"operationId": "new_get", "parameters": {"key": "$response.body#/key"}}}}}},
  "delete": {"operationId": "e", "parameters": [{"name": "key", "in": "path", "required": true, "schema": {"type": "string"}}],
   "responses": {"default": {"description": ""}}}}},
"components": {
 "responses": {"Error": {"description": "wrong", "content": {"*/*": {"schema": {"$ref": "#/components/schemas/old_Error"}}}}},
 "schemas": {
  "Pet": {"type": "object", "discriminator": {"propertyName": "kind", "mapping": {"Cat": "#/components/schemas/Cat"}}, "required": ["no", "kind"],
   "properties": {"kind": {"type": "string"}, "no": {"type": "integer", "minimum": 3.0, "exclusiveMinimum": true}, "next": {"$ref": "#/components/schemas/Pet"}},
   "example": {"$ref": "#/definitions/Nothing"}},
  "Cat": {"allOf": [{"$ref": "#/components/schemas/Pet"}, {"properties": {"lives": {"type": "integer", "maximum": 18446744073709551616}}}]},
  "Error": {"anyOf": [{"type": "string", "nullable": true}, {"type": "integer", "nullable": true}], "example": "a"},
  "old_Error": {"type": "object", "properties": {"code": {"type": "integer"}}},
  "plain_A": {"type": "object", "nullable": true, "properties": {"no": {"$ref": "#/components/schemas/plain_A"}}}},
 "securitySchemes": {"firebase": {"type": "http", "scheme": "bearer"}, "staff": {"type": "http", "scheme": "bearer"}, "api_key": {"type": "apiKey", "name": "key", "in": "query"}}}}`

func threeServices() []Service {
	return []Service{
		{Name: "old", File: "old.yaml", Files: map[string][]byte{"old.yaml": []byte(oldService)}, Version: V20},
		{Name: "new", File: "new.yaml", Files: map[string][]byte{"new.yaml": []byte(newService)}, Version: V31},
		{Name: "plain", File: "plain.json", Files: map[string][]byte{"plain.json": []byte(plainService)}, Version: V30},
	}
}

func threeOrigins() []Operation {
	return []Operation{
		{"GET", "/old/pets/{id}", "old", "old.yaml", 26},
		{"PUT", "/old/pets/{id}", "old", "old.yaml", 34},
		{"POST", "/old/pets/{id}", "plain", "plain.json", 4},
		{"POST", "/old/upload", "old", "old.yaml", 43},
		{"GET", "/new/things/{key}", "new", "new.yaml", 6},
		{"DELETE", "/new/things/{key}", "new", "new.yaml", 20},
	}
}

func TestCheckAcceptsACorrectComposition(t *testing.T) {
	for _, report := range Check(threeServices(), []byte(together), threeOrigins()) {
		t.Error(report)
	}
}

// TestCheckFindsMutations changes one thing after the other in the correct composition.
func TestCheckFindsMutations(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"a response is dropped":             {`"204": {"description": "done"},`, ``, `"204" is lost`},
		"a response is invented":            {`"204": {"description": "done"},`, `"204": {"description": "done"}, "500": {"description": ""},`, `"500" is invented`},
		"a schema behind a reference":       {`"old_Error": {"type": "object"`, `"old_Error": {"type": "string"`, `became "string"`},
		"another schema of the same name":   {`"*/*": {"schema": {"$ref": "#/components/schemas/old_Error"}}`, `"*/*": {"schema": {"$ref": "#/components/schemas/Error"}}`, "is lost"},
		"a deep difference":                 {`"maximum": 18446744073709551616`, `"maximum": 18446744073709551615`, "18446744073709551615e0"},
		"a recursion that ends":             {`"next": {"$ref": "#/components/schemas/Pet"}`, `"next": {"type": "object"}`, "is lost"},
		"security of another kind":          {`"summary": "on", "security": [{"firebase": []}]`, `"summary": "on", "security": [{"staff": []}]`, "became (staff)"},
		"security is lost":                  {`"summary": "on", "security": [{"firebase": []}],`, `"summary": "on",`, "became public"},
		"security is invented":              {`"operationId": "b",`, `"operationId": "b", "security": [{"firebase": []}],`, "public became (firebase)"},
		"and becomes or":                    {`[{"api_key": [], "staff": []}]`, `[{"api_key": []}, {"staff": []}]`, "became (api_key) or (staff)"},
		"a security scheme is missing":      {`"api_key": {"type": "apiKey", "name": "key", "in": "query"}`, `"x": {"type": "apiKey", "name": "key", "in": "query"}`, `asks for "api_key"`},
		"a parameter is lost":               {`, {"name": "verbose", "in": "query", "schema": {"type": "boolean"}}]`, `]`, `"query verbose" is lost`},
		"the path item's parameter":         {`"style": "pipeDelimited", "explode": false,`, ``, `became "form"`},
		"an undeclared parameter":           {`"operationId": "e", "parameters": [{"name": "key", "in": "path", "required": true, "schema": {"type": "string"}}]`, `"operationId": "e", "parameters": [{"name": "key", "in": "path", "required": true, "schema": {"type": "integer"}}]`, `became "integer"`},
		"a parameter of another path":       {`"operationId": "e", "parameters": [{"name": "key"`, `"operationId": "e", "parameters": [{"name": "kez"`, "no parameter kez"},
		"an extension of items":             {`"items": {"type": "string", "x-item": 1}`, `"items": {"type": "string"}`, `"x-item" is lost`},
		"no becomes false":                  {`"nullable": true, "properties": {"no"`, `"nullable": true, "properties": {"false"`, `"no" is lost`},
		"on becomes true":                   {`"summary": "on"`, `"summary": true`, "became true"},
		"a required property":               {`"required": ["no", "kind"]`, `"required": ["kind"]`, "became the names"},
		"data that looks like a reference":  {`"$ref": "#/definitions/Nothing"`, `"$ref": "#/components/schemas/Nothing"`, "components/schemas/Nothing"},
		"a discriminator's mapping":         {`"mapping": {"A": "#/components/schemas/plain_A"}`, `"mapping": {"A": "#/components/schemas/Pet"}`, "mapping"},
		"an implicit mapping":               {`, "mapping": {"A": "#/components/schemas/plain_A"}`, ``, `"plain_A" is invented`},
		"an exclusive bound":                {`"minimum": 3.0, "exclusiveMinimum": true`, `"minimum": 3.0`, `"exclusiveMinimum" is lost`},
		"nullable of an alternative":        {`{"type": "integer", "nullable": true}`, `{"type": "integer"}`, `"nullable" is lost`},
		"nullable":                          {`"schema": {"type": "string", "nullable": true}`, `"schema": {"type": "string"}`, `"nullable" is lost`},
		"what stands beside a reference":    {`, "description": "beside"`, ``, `"description" is lost`},
		"a keyword of 3.1":                  {`"example": "a"}`, `"example": "a", "if": {"enum": [1]}}`, `"if" is invented`},
		"a header":                          {`"headers": {"x-rate": {"schema": {"type": "integer"}}}, `, ``, `"headers" is lost`},
		"a media type":                      {`"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Cat"}}}`, `"content": {"text/plain": {"schema": {"$ref": "#/components/schemas/Cat"}}}`, `"application/json" is lost`},
		"a body that need not be":           {`"requestBody": {"required": true, "content": {"application/json"`, `"requestBody": {"content": {"application/json"`, `"required" is lost`},
		"a body is lost":                    {`"requestBody": {"content": {"application/json"`, `"x-requestBody": {"content": {"application/json"`, `"body" is lost`},
		"a form field's kind":               {`"file": {"type": "string", "format": "binary"}`, `"file": {"type": "string"}`, `"format" is lost`},
		"how a form's list is written":      {`"explode": true}}}}`, `"explode": false}}}}`, `"encoding" is invented`},
		"an example":                        {`"example": "abc"`, `"example": "abd"`, `became "abd"`},
		"tags":                              {`"tags": ["pets"], `, ``, `"tags" is lost`},
		"an extension":                      {`"x-kept": {"no": 1}`, `"x-kept": {"no": 2}`, "the number 2e0"},
		"a link to another operation":       {`"self": {"operationId": "new_get"`, `"self": {"operationId": "e"`, "DELETE /new/things/{}"},
		"an operation is lost":              {`"delete": {"operationId": "e"`, `"x-delete": {"operationId": "e"`, "is lost"},
		"an operation is invented":          {`"delete": {"operationId": "e"`, `"patch": {"operationId": "f", "responses": {}}, "delete": {"operationId": "e"`, "PATCH /new/things/{} is invented"},
		"an operation moves":                {`"/old/upload": {`, `"/upload": {`, "POST /upload is invented"},
		"an operationId is missing":         {`"delete": {"operationId": "e",`, `"delete": {`, "has no operationId"},
		"an operationId is there twice":     {`"operationId": "e"`, `"operationId": "d"`, `the same operationId "d"`},
		"a reference leads nowhere":         {`"plain_A": {"type"`, `"plain_B": {"type"`, "leads nowhere"},
		"a path parameter that need not be": {`"operationId": "e", "parameters": [{"name": "key", "in": "path", "required": true,`, `"operationId": "e", "parameters": [{"name": "key", "in": "path",`, `"required" is lost`},
		"a description is missing":          {`"default": {"description": ""}`, `"default": {}`, `"description" is lost`},
		"not JSON":                          {`"paths": {`, `"paths": {,`, "reading JSON"},
		"a key is there twice":              {`"paths": {`, `"paths": {}, "paths": {`, "stands there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Count(together, c.old) == 0 {
				t.Fatalf("there is no %s", c.old)
			}
			reports := Check(threeServices(), []byte(strings.Replace(together, c.old, c.new, 1)), threeOrigins())
			if !slices.ContainsFunc(reports, func(r string) bool { return strings.Contains(r, c.want) }) {
				t.Errorf("no report contains %s: %q", c.want, reports)
			}
		})
	}
}

func TestCheckFindsWrongProvenance(t *testing.T) {
	for name, change := range map[string]func([]Operation) []Operation{
		"missing":         func(l []Operation) []Operation { return l[1:] },
		"twice":           func(l []Operation) []Operation { return append(l, l[0]) },
		"another service": func(l []Operation) []Operation { l[0].Service = "new"; return l },
		"another line":    func(l []Operation) []Operation { l[2].Line++; return l },
		"another file":    func(l []Operation) []Operation { l[4].File = "x.yaml"; return l },
		"another name":    func(l []Operation) []Operation { l[5].Path = "/new/things/{id}"; return l },
		"invented": func(l []Operation) []Operation {
			return append(l, Operation{Method: "GET", Path: "/x", Service: "old", File: "old.yaml", Line: 1})
		},
	} {
		if len(Check(threeServices(), []byte(together), change(threeOrigins()))) == 0 {
			t.Errorf("%s: nothing is reported", name)
		}
	}
}

// TestCheckComparesOpenAPI2 holds a document to itself: whatever is generated means what it means.
func TestCheckComparesOpenAPI2(t *testing.T) {
	for seed := range uint64(30) {
		for _, version := range []string{V20, V30} {
			s := Generate(seed, Shape{Services: 1, Operations: 6, Versions: []string{version}, Format: JSON})[0]
			d, err := loadDocument(s.Name, s.File, s.Files)
			if err != nil {
				t.Fatal(err)
			}
			var origins []Operation
			for _, o := range d.operations {
				origins = append(origins, Operation{o.method, o.path, s.Name, o.file, o.line})
			}
			content := []byte(strings.TrimPrefix(string(s.Files[s.File]), "\ufeff"))
			for _, report := range Check([]Service{s}, content, origins) {
				// Some have no operationId, and some declare not all of the path's parameters.
				if !strings.Contains(report, "operationId") && !strings.Contains(report, `"path, parameter`) {
					t.Errorf("seed %d: %s", seed, report)
				}
			}
			if !json.Valid(content) {
				t.Errorf("seed %d: not JSON", seed)
			}
		}
	}
}

func TestCanonicalNumber(t *testing.T) {
	for _, group := range [][]string{
		{"1", "1.0", "10e-1", "0.1E+1", "+1", "1.", "0x1", "0b1", "0o1"},
		{"0", "-0", "0.0", "0e5"},
		{"1000", "1e3", "1_000"},
		{"-.5", "-0.5"},
		{"123456789012345678901234567890", "12345678901234567890123456789e1"},
		{"18446744073709551615"},
		{"18446744073709551616"},
	} {
		for _, literal := range group {
			if got, want := canonicalYAMLNumber(literal), canonicalYAMLNumber(group[0]); got != want {
				t.Errorf("%s is %s, and %s is %s", literal, got, group[0], want)
			}
		}
	}
}
