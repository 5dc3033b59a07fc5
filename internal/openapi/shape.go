package openapi

import "strings"

// A version of OpenAPI, as far as documents are read differently.
type version uint8

const (
	noVersion version = iota
	v2                // https://spec.openapis.org/oas/v2.0.html
	v30               // https://spec.openapis.org/oas/v3.0.4.html
	v31               // https://spec.openapis.org/oas/v3.1.1.html
)

// A shape says what a place in a document holds, and so which values below it are references and which are only data
// that may look like references (examples, defaults, extensions).
type shape uint8

const (
	data shape = iota // copied as it is
	pathItem
	operationObject
	parameterList
	parameterObject
	requestBody
	contentMap
	mediaType
	encodingMap
	encodingObject
	responseMap
	responseObject
	headerMap
	headerObject
	exampleMap
	exampleObject
	linkMap
	linkObject
	callbackMap
	callbackObject
	schemaObject // or a list of them, as under allOf
	schemaMap
	discriminatorObject
	mappingObject // of a discriminator
)

// name is the shape in messages.
func (s shape) name() string {
	return [...]string{
		"data", "a path item", "an operation", "a list of parameters", "a parameter", "a request body",
		"media types", "a media type", "encodings", "an encoding", "responses", "a response", "headers", "a header",
		"examples", "an example", "links", "a link", "callbacks", "a callback", "a schema", "schemas", "a discriminator",
		"a discriminator's mapping",
	}[s]
}

// child is the shape of what is under a key of a mapping.
func (s shape) child(v version, key string) shape {
	if items, ok := s.members(); ok {
		if strings.HasPrefix(key, "x-") && s.extensible() {
			return data
		}
		return items
	}
	if strings.HasPrefix(key, "x-") {
		return data
	}
	if s == schemaObject {
		return schemaChild(v, key)
	}
	return fieldShape(s, v, key)
}

// members is the shape of everything in a map from names of the document's choice.
func (s shape) members() (shape, bool) {
	switch s {
	case schemaMap:
		return schemaObject, true
	case headerMap:
		return headerObject, true
	case contentMap:
		return mediaType, true
	case encodingMap:
		return encodingObject, true
	case exampleMap:
		return exampleObject, true
	case linkMap:
		return linkObject, true
	case callbackMap:
		return callbackObject, true
	case responseMap:
		return responseObject, true
	case callbackObject:
		return pathItem, true
	default:
		return data, false
	}
}

// extensible tells whether a map may have extensions among its members.
func (s shape) extensible() bool { return s == responseMap || s == callbackObject }

func fieldShape(s shape, v version, key string) shape {
	if v == v2 {
		return fieldShape2(s, key)
	}
	switch s {
	case pathItem:
		if key == "parameters" {
			return parameterList
		}
		if isMethod(v, key) {
			return operationObject
		}
	case operationObject:
		switch key {
		case "parameters":
			return parameterList
		case "requestBody":
			return requestBody
		case "responses":
			return responseMap
		case "callbacks":
			return callbackMap
		}
	case parameterObject, headerObject, mediaType:
		return carrierField(s, key)
	case requestBody:
		if key == "content" {
			return contentMap
		}
	case encodingObject:
		if key == "headers" {
			return headerMap
		}
	case responseObject:
		switch key {
		case "headers":
			return headerMap
		case "content":
			return contentMap
		case "links":
			return linkMap
		}
	case discriminatorObject:
		if key == "mapping" {
			return mappingObject
		}
	default: // data, and lists, which have no keys
	}
	return data
}

// carrierField is the shape of a field of what carries a schema, in OpenAPI 3.
func carrierField(s shape, key string) shape {
	switch key {
	case "schema":
		return schemaObject
	case "examples":
		return exampleMap
	case "content":
		if s != mediaType {
			return contentMap
		}
	case "encoding":
		if s == mediaType {
			return encodingMap
		}
	}
	return data
}

func fieldShape2(s shape, key string) shape {
	switch s {
	case pathItem:
		if key == "parameters" {
			return parameterList
		}
		if isMethod(v2, key) {
			return operationObject
		}
	case operationObject:
		switch key {
		case "parameters":
			return parameterList
		case "responses":
			return responseMap
		}
	case responseObject:
		switch key {
		case "schema":
			return schemaObject
		case "headers":
			return headerMap
		}
	case parameterObject:
		if key == "schema" || key == "items" {
			return schemaObject
		}
	case headerObject:
		if key == "items" {
			return schemaObject
		}
	default: // data, and lists, which have no keys
	}
	return data
}

// schemaChild knows OpenAPI's keywords and those of JSON Schema that are found in documents of every version.
func schemaChild(v version, key string) shape {
	switch key {
	case "items", "additionalProperties", "additionalItems", "allOf", "anyOf", "oneOf", "not", "contains",
		"propertyNames", "if", "then", "else", "prefixItems", "unevaluatedProperties", "unevaluatedItems", "contentSchema":
		return schemaObject
	case "properties", "patternProperties", "definitions", "$defs", "dependencies", "dependentSchemas":
		return schemaMap
	case "discriminator":
		if v != v2 {
			return discriminatorObject
		}
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
	case requestBody:
		return requestBodies, true
	case responseObject:
		return responses, true
	case headerObject:
		return headers, true
	case exampleObject:
		return examples, true
	case linkObject:
		return links, true
	case callbackObject:
		return callbacks, true
	case schemaObject:
		return schemas, true
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
	case exampleObject:
		return k != null
	default:
		return k == mapping
	}
}

// isReference tells whether a member $ref makes a reference of a value of the shape. Properties and headers may have that
// name.
func (s shape) isReference(v value) bool {
	if _, open := s.members(); open && s != callbackObject {
		return false
	}
	switch s {
	case data, parameterList, discriminatorObject, mappingObject:
		return false
	default:
		return v.is(text) || s != schemaObject
	}
}

// section is one of the document's maps of shared values.
type section uint8

const (
	parameters section = iota
	requestBodies
	responses
	headers
	examples
	links
	callbacks
	schemas
	sectionCount
)

// in is the section's name in a version.
func (s section) in(v version) string {
	if v == v2 && s == schemas {
		return "definitions"
	}
	return [...]string{
		"parameters", "requestBodies", "responses", "headers", "examples", "links", "callbacks", "schemas",
	}[s]
}

// pointer is what references to the section start with.
func (s section) pointer(v version) string {
	if v == v2 {
		return "#/" + s.in(v) + "/"
	}
	return "#/components/" + s.in(v) + "/"
}

func (s section) shape() shape {
	return [...]shape{
		parameterObject, requestBody, responseObject, headerObject, exampleObject, linkObject, callbackObject, schemaObject,
	}[s]
}

// sections are those that a version has.
func sections(v version) []section {
	if v == v2 {
		return []section{parameters, responses, schemas}
	}
	return []section{parameters, requestBodies, responses, headers, examples, links, callbacks, schemas}
}

// methods of a path item, in the order in which they are written.
func methods(v version) []string {
	all := []string{"get", "head", "post", "put", "patch", "delete", "options", "trace"}
	if v == v2 {
		return all[:7]
	}
	return all
}

func isMethod(v version, name string) bool {
	switch name {
	case "get", "head", "post", "put", "patch", "delete", "options":
		return true
	}
	return name == "trace" && v != v2
}
