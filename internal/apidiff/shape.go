package apidiff

import (
	"encoding/json"
	"strings"
)

// A role says what a member of an object is for.
type role int

const (
	contract      role = iota // callers rely on it
	documentation             // people read it
	ignored                   // neither, or looked at elsewhere
)

// A shape says what the members of a kind of object are. The nil shape is data: all of it counts, as it is.
type shape struct {
	section   string            // of the components, for what may be a reference
	isList    bool              // then items is the shape of its elements
	unordered bool              // the list is a set
	items     *shape            // of a list's elements
	roles     map[string]role   // of members that are not contract
	members   map[string]*shape // of members that are not data
	values    *shape            // of all other members
	isMap     bool              // the names of members are the author's own, also those that begin with x-
}

func (s *shape) role(name string) role {
	if s == nil || s.isMap {
		return contract
	}
	if r, ok := s.roles[name]; ok {
		return r
	}
	if strings.HasPrefix(name, "x-") {
		return documentation
	}
	return contract
}

func (s *shape) member(name string) *shape {
	switch {
	case s == nil:
		return nil
	case s.isMap:
		return s.values
	}
	if m, ok := s.members[name]; ok {
		return m
	}
	return s.values
}

// absent tells whether a member says the same as none: the defaults of
// https://spec.openapis.org/oas/v3.0.4.html.
func (s *shape) absent(name string, value any) bool {
	if s == nil || s.isMap {
		return false
	}
	switch v := value.(type) {
	case nil:
		return name != "default" && name != "$ref"
	case bool:
		switch name {
		case "required", "deprecated", "nullable", "readOnly", "writeOnly", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum",
			"allowEmptyValue", "allowReserved":
			return !v
		case "additionalProperties":
			return v
		}
	case json.Number:
		return v == "0" && (name == "minLength" || name == "minItems" || name == "minProperties")
	case []any:
		return len(v) == 0 && (name == "required" || name == "parameters" || name == "tags")
	case map[string]any:
		return len(v) == 0 && (name == "properties" || name == "callbacks" || name == "headers" || name == "encoding" || name == "links")
	}
	return false
}

// shapes are those that a comparison begins with.
type shapes struct{ operation *shape }

func newShapes() shapes {
	listOf := func(items *shape) *shape { return &shape{isList: true, items: items} }
	setOf := func(items *shape) *shape { return &shape{isList: true, unordered: true, items: items} }
	mapOf := func(values *shape) *shape { return &shape{isMap: true, values: values} }
	read := func(more ...string) map[string]role {
		roles := map[string]role{"description": documentation, "summary": documentation, "example": documentation, "examples": documentation}
		for _, name := range more {
			roles[name] = documentation
		}
		return roles
	}

	schema := &shape{section: "schemas", roles: read("title", "externalDocs")}
	schema.members = map[string]*shape{
		"properties": mapOf(schema), "items": schema, "additionalProperties": schema, "not": schema,
		"allOf": setOf(schema), "anyOf": setOf(schema), "oneOf": setOf(schema), "required": setOf(nil), "enum": setOf(nil),
	}
	header := &shape{section: "headers", roles: read()}
	media := &shape{roles: read()}
	encoding := &shape{members: map[string]*shape{"headers": mapOf(header)}}
	media.members = map[string]*shape{"schema": schema, "encoding": mapOf(encoding)}
	header.members = map[string]*shape{"schema": schema, "content": mapOf(media)}
	parameter := &shape{section: "parameters", roles: read(), members: header.members}
	body := &shape{section: "requestBodies", roles: read(), members: map[string]*shape{"content": mapOf(media)}}
	response := &shape{section: "responses", roles: read("links"), members: map[string]*shape{
		"headers": mapOf(header), "content": mapOf(media),
	}}
	callback := &shape{section: "callbacks"}
	operation := &shape{
		roles: map[string]role{
			"tags": documentation, "summary": documentation, "description": documentation, "externalDocs": documentation,
			"operationId": ignored, "security": ignored, "servers": ignored, "x-google-backend": ignored, "x-google-quota": ignored,
		},
		members: map[string]*shape{
			"parameters": setOf(parameter), "requestBody": body, "responses": {values: response}, "callbacks": mapOf(callback), "tags": listOf(nil),
		},
	}
	item := &shape{roles: read("servers"), members: map[string]*shape{"parameters": setOf(parameter)}}
	for _, method := range methods {
		item.members[method] = operation
	}
	callback.values = item
	return shapes{operation: operation}
}
