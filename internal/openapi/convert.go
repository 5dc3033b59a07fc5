package openapi

import "strings"

// loss reports what the target's version can't say.
func (c *compiler) loss(k value, why, hint string) {
	c.warn(k.at(), RuleConversion, hint, "%s is left out: %s", quote(k.text()), why)
}

const notIn30 = "OpenAPI 3.0 has no such keyword"

// convertSchema builds a schema of OpenAPI 2.0 or 3.1 as one of 3.0.
func (c *compiler) convertSchema(v value) {
	if r := ref(v, schemaObject); r.ok() {
		c.convertSchemaReference(v, r)
		return
	}
	start := c.builder.begin(mapping)
	c.convertMembers(v, value{})
	c.builder.end(start)
}

// convertSchemaReference builds a reference. What stands beside it means something only in OpenAPI 3.1, where it is one of
// several conditions.
func (c *compiler) convertSchemaReference(v, r value) {
	alone := true
	for k := range v.members() {
		key := k.text()
		alone = alone && (key == "$ref" || key == "$defs" || key == "definitions" || key == "$comment")
	}
	if c.in == v2 || alone {
		if !c.buildReference(r, schemaObject) {
			c.builder.end(c.builder.begin(mapping))
		}
		return
	}
	start := c.builder.begin(mapping)
	c.convertMembers(v, r)
	c.builder.end(start)
}

// convertMembers builds a schema's keywords; a reference becomes one of allOf.
func (c *compiler) convertMembers(v, reference value) {
	s := &schemaConversion{compiler: c, schema: v, reference: reference}
	for k, m := range v.members() {
		s.member(k, m)
	}
	s.rest()
}

// A schemaConversion is what is known of one schema while its keywords are converted.
type schemaConversion struct {
	*compiler
	schema    value
	reference value // that stands beside the keywords
	types     []string
	nullable  bool
	hasType   bool
	anyOf     bool // there is an anyOf already
	allOf     bool // allOf has been built
}

func (s *schemaConversion) member(k, m value) {
	key := k.text()
	if strings.HasPrefix(key, "x-") {
		s.builder.member(k, m)
		return
	}
	switch key {
	case "type":
		s.readType(m)
		if len(s.types) == 1 {
			s.oneType(s.types[0], !s.schema.get("format").ok())
		}
	case "allOf":
		s.buildAllOf(m)
	case "anyOf":
		s.anyOf = true
		s.buildMember(k, m, schemaObject)
	case "items":
		s.items(k, m)
	case "discriminator":
		if !m.is(text) && !m.is(mapping) {
			s.want(m, mapping, key)
			return
		}
		s.builder.key(key)
		s.buildDiscriminator(s.schema, m)
	case "exclusiveMinimum", "exclusiveMaximum":
		s.exclusive(k, m)
	case "minimum", "maximum":
		if exclusive := s.schema.get("exclusiveM" + key[1:]); !exclusive.is(number) {
			s.builder.member(k, m)
		}
	case "const":
		if s.schema.get("enum").ok() {
			s.loss(k, "there is an enum beside it", "keep one of them")
			return
		}
		s.builder.key("enum")
		start := s.builder.begin(sequence)
		s.builder.data(m)
		s.builder.end(start)
	case "enum", "example":
		s.builder.member(k, m)
	case "examples":
		s.examples(k, m)
	case "additionalProperties":
		s.additionalProperties(k, m)
	default:
		s.keyword(k, m)
	}
}

// keyword builds what is the same in all versions, and what has no equal.
func (s *schemaConversion) keyword(k, m value) {
	switch key := k.text(); key {
	case "$ref":
		if s.isDataKey(m) {
			s.builder.member(k, m)
		}
	case "title", "multipleOf", "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxProperties",
		"minProperties", "required", "description", "default", "readOnly", "writeOnly", "xml", "externalDocs", "deprecated",
		"oneOf", "not", "properties":
		s.buildMember(k, m, schemaObject)
	case "format":
		s.builder.member(k, m)
	case "nullable":
		if s.in == v31 {
			s.loss(k, "OpenAPI 3.1 has no such keyword", `write type: [TYPE, "null"]`)
			return
		}
		s.nullable = s.nullable || m.is(boolean) && m.text() == "true"
	case "contentEncoding":
		s.contentEncoding(k, m)
	case "contentMediaType":
		s.contentMediaType(k, m)
	case "$defs", "definitions", "$schema", "$id", "id", "$comment", "$anchor", "$vocabulary", "$dynamicAnchor":
		// What is defined here is found by references; the others say nothing of values.
	default:
		s.loss(k, notIn30, "say it in words, or in another way")
	}
}

// isDataKey tells whether a member named $ref is no reference here.
func (s *schemaConversion) isDataKey(m value) bool { return !schemaObject.isReference(m) }

// readType reads a type or, as in JSON Schema, a list of them.
func (s *schemaConversion) readType(m value) {
	s.hasType = true
	if m.is(sequence) {
		for item := range m.items() {
			s.addType(item)
		}
		return
	}
	s.addType(m)
}

func (s *schemaConversion) addType(m value) {
	if !m.is(text) {
		s.problem(m.at(), RuleStructure, "write a type's name", "a type can't be %s", m.kind())
		return
	}
	if m.text() == "null" {
		s.nullable = true
		return
	}
	s.types = append(s.types, m.text())
}

// buildAllOf builds allOf, with the reference that stands beside the keywords.
func (s *schemaConversion) buildAllOf(m value) {
	s.allOf = true
	s.builder.key("allOf")
	start := s.builder.begin(sequence)
	if s.reference.ok() {
		s.buildReference(s.reference, schemaObject)
	}
	if m.ok() && s.want(m, sequence, "allOf") {
		for item := range m.items() {
			s.buildSchema(item)
		}
	}
	s.builder.end(start)
}

// items builds the schema of a list's items. Tuples are lost: OpenAPI 3.0 has one schema for all items.
func (s *schemaConversion) items(k, m value) {
	s.builder.key("items")
	if m.is(sequence) {
		s.loss(k, "OpenAPI 3.0 has one schema for all items of a list", "write one schema, with anyOf")
		s.builder.end(s.builder.begin(mapping))
		return
	}
	s.buildSchema(m)
}

// exclusive builds a bound. As a number, it is a bound of its own; with another one beside it, the stricter is kept.
func (s *schemaConversion) exclusive(k, m value) {
	key := k.text()
	if !m.is(number) {
		s.builder.member(k, m)
		return
	}
	plain := "m" + strings.TrimPrefix(key, "exclusiveM")
	bound, isExclusive := m, true
	if other := s.schema.get(plain); other.is(number) && stricter(plain == "minimum", other.text(), m.text()) {
		bound, isExclusive = other, false
	}
	s.builder.key(plain)
	s.builder.data(bound)
	if isExclusive {
		s.builder.key(key)
		s.builder.bool(true)
	}
}

// examples keeps the first of a schema's examples.
func (s *schemaConversion) examples(k, m value) {
	count := 0
	for item := range m.items() {
		if count++; count == 1 && !s.schema.get("example").ok() {
			s.builder.key("example")
			s.builder.data(item)
		}
	}
	if count != 1 || s.schema.get("example").ok() {
		s.loss(k, "OpenAPI 3.0 has one example in a schema", "keep one")
	}
}

func (s *schemaConversion) additionalProperties(k, m value) {
	s.builder.key(k.text())
	if m.is(boolean) {
		s.builder.data(m)
		return
	}
	s.buildSchema(m)
}

func (s *schemaConversion) contentEncoding(k, m value) {
	if m.text() == "base64" && !s.schema.get("format").ok() {
		s.builder.pair("format", "byte")
		return
	}
	s.loss(k, "OpenAPI 3.0 knows only base64, as format: byte", "say it in words")
}

func (s *schemaConversion) contentMediaType(k, m value) {
	if m.text() == "application/octet-stream" && !s.schema.get("format").ok() && !s.schema.get("contentEncoding").ok() {
		s.builder.pair("format", "binary")
		return
	}
	s.loss(k, notIn30, "say it in words")
}

// rest builds what depends on several keywords.
func (s *schemaConversion) rest() {
	if s.reference.ok() && !s.allOf {
		s.buildAllOf(value{})
	}
	switch {
	case len(s.types) > 1 && s.anyOf:
		at, _ := s.schema.member("type")
		s.loss(at, "OpenAPI 3.0 has one type for a schema, and anyOf is taken", "write the types into the alternatives")
	case len(s.types) > 1:
		s.alternatives()
		return
	case s.hasType && s.nullable && len(s.types) == 0: // only null
		if !s.schema.get("enum").ok() && !s.schema.get("const").ok() {
			s.builder.key("enum")
			start := s.builder.begin(sequence)
			s.builder.scalar(null, "")
			s.builder.end(start)
		}
	}
	if s.nullable {
		s.builder.key("nullable")
		s.builder.bool(true)
	}
}

// oneType builds a type and what it can't be without.
func (s *schemaConversion) oneType(t string, formatIsFree bool) {
	if t == "file" {
		s.builder.pair("type", "string")
		if formatIsFree {
			s.builder.pair("format", "binary")
		}
		return
	}
	s.builder.pair("type", t)
	if t == "array" && !s.schema.get("items").ok() {
		s.builder.key("items")
		s.builder.end(s.builder.begin(mapping))
	}
}

// alternatives builds several types as schemas of one type each.
func (s *schemaConversion) alternatives() {
	s.builder.key("anyOf")
	list := s.builder.begin(sequence)
	for _, t := range s.types {
		start := s.builder.begin(mapping)
		s.oneType(t, true)
		if s.nullable {
			s.builder.key("nullable")
			s.builder.bool(true)
		}
		s.builder.end(start)
	}
	s.builder.end(list)
}
