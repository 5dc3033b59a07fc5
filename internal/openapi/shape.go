package openapi

import "strings"

// A shape says what a place in a document holds, and so which values below it are references and which are only data
// that may look like references (examples, defaults, extensions).
type shape uint8

const (
	data shape = iota // copied as it is
	pathItem
	operationObject
	parameterList
	parameterObject
	responseMap
	responseObject
	headerMap
	headerObject
	schemaObject // or a list of them, as under allOf
	schemaMap
)

// name is the shape in messages.
func (s shape) name() string {
	return [...]string{
		"data", "a path item", "an operation", "a list of parameters", "a parameter", "responses", "a response",
		"headers", "a header", "a schema", "schemas",
	}[s]
}

// child is the shape of what is under a key of a mapping.
func (s shape) child(name string) shape {
	switch s {
	case schemaMap:
		return schemaObject
	case headerMap:
		return headerObject
	default: // the others may have extensions
	}
	if strings.HasPrefix(name, "x-") {
		return data
	}
	switch s {
	case pathItem:
		if name == "parameters" {
			return parameterList
		}
		if isMethod(name) {
			return operationObject
		}
	case operationObject:
		switch name {
		case "parameters":
			return parameterList
		case "responses":
			return responseMap
		}
	case responseMap:
		return responseObject
	case responseObject:
		switch name {
		case "schema":
			return schemaObject
		case "headers":
			return headerMap
		}
	case parameterObject:
		if name == "schema" || name == "items" {
			return schemaObject
		}
	case headerObject:
		if name == "items" {
			return schemaObject
		}
	case schemaObject:
		return schemaChild(name)
	default: // data, and lists, which have no keys
	}
	return data
}

// schemaChild knows OpenAPI 2.0's keywords and those of JSON Schema that are found in documents nevertheless.
func schemaChild(name string) shape {
	switch name {
	case "items", "additionalProperties", "additionalItems", "allOf", "anyOf", "oneOf", "not", "contains",
		"propertyNames", "if", "then", "else":
		return schemaObject
	case "properties", "patternProperties", "definitions", "$defs", "dependencies":
		return schemaMap
	}
	return data
}

// item is the shape of the entries of a list.
func (s shape) item() shape {
	switch s {
	case parameterList:
		return parameterObject
	case schemaObject:
		return schemaObject
	default: // only these may be lists
		return data
	}
}

// section is where values of the shape are shared between operations.
func (s shape) section() (section, bool) {
	switch s {
	case parameterObject:
		return parameters, true
	case responseObject:
		return responses, true
	case schemaObject:
		return definitions, true
	default: // not shared
		return 0, false
	}
}

// fits tells whether a value's kind is right for its shape.
func (s shape) fits(k kind) bool {
	switch s {
	case data:
		return true
	case parameterList:
		return k == sequence
	case schemaObject: // additionalProperties: false, allOf: […], dependencies: {a: [b]}
		return k == mapping || k == sequence || k == boolean
	default:
		return k == mapping
	}
}

// section is one of the root's maps of shared values.
type section uint8

const (
	parameters section = iota
	responses
	definitions
	sectionCount
)

func (s section) String() string { return [...]string{"parameters", "responses", "definitions"}[s] }

func (s section) shape() shape {
	return [...]shape{parameterObject, responseObject, schemaObject}[s]
}

// methods of a path item, in the order in which they are written.
func methods() []string {
	return []string{"get", "head", "post", "put", "patch", "delete", "options"}
}

func isMethod(name string) bool {
	switch name {
	case "get", "head", "post", "put", "patch", "delete", "options":
		return true
	}
	return false
}
