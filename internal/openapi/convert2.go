package openapi

import (
	"slices"
	"strings"
)

// media are media types that operations of OpenAPI 2.0 take or give; none where the document says nothing.
type media struct{ types []string }

func readMedia(v value) media {
	var m media
	for item := range v.items() {
		if item.is(text) {
			m.types = append(m.types, item.text())
		}
	}
	return m
}

// or are the media types, or others where the document says nothing.
func (m media) or(types ...string) []string {
	if len(m.types) == 0 {
		return types
	}
	return m.types
}

// forms are those of the media types that have form fields. A document often names one for all of its operations that has
// none.
func (m media) forms() media {
	var forms media
	for _, t := range m.types {
		name, _, _ := strings.Cut(strings.ToLower(t), ";")
		if name = strings.TrimSpace(name); name == "multipart/form-data" || name == "application/x-www-form-urlencoded" {
			forms.types = append(forms.types, t)
		}
	}
	return forms
}

func (m media) equal(other media) bool { return slices.Equal(m.types, other.types) }

// buildParameter builds a parameter that is not the body. A path parameter may get another name: its place in the path goes
// with it; at is nil elsewhere.
func (c *compiler) buildParameter(v value, at *int) {
	if r := ref(v, parameterObject); r.ok() {
		if c.in == v31 {
			c.checkBeside(v)
		}
		if !c.buildReference(r, parameterObject) {
			c.builder.end(c.builder.begin(mapping))
		}
		return
	}
	if !parameterObject.fits(v.kind()) {
		c.build(v, parameterObject)
		return
	}
	start := c.builder.begin(mapping)
	required := false
	for k, m := range v.members() {
		switch key := k.text(); {
		case key == "name" && at != nil:
			c.builder.key(key)
			c.builder.hole(pathName, *at)
		case key == "required" && v.str("in") == "path":
			required = true
			c.builder.key(key)
			c.builder.bool(true)
		case c.in == v2 && c.target == v30:
			c.convertParameterMember(k, m)
		default:
			c.buildMember(k, m, parameterObject)
		}
	}
	if v.str("in") == "path" && !required {
		c.builder.key("required")
		c.builder.bool(true)
	}
	if c.in == v2 && c.target == v30 {
		c.convertStyle(v)
		c.builder.key("schema")
		c.convertItems(v)
	}
	c.builder.end(start)
}

// convertParameterMember builds what a parameter or header of OpenAPI 2.0 has in common with one of 3.0. The others belong
// to its schema.
func (c *compiler) convertParameterMember(k, m value) {
	shared := []string{"name", "in", "description", "required", "allowEmptyValue", "example", "deprecated"}
	switch key := k.text(); {
	case slices.Contains(shared, key) || strings.HasPrefix(key, "x-"):
		c.builder.member(k, m)
	case key != "collectionFormat" && key != "items" && !slices.Contains(simpleKeywords(), key):
		c.warn(k.at(), RuleExtension, "remove it", "a parameter or header of OpenAPI 2.0 has no field %s; it is left out", quote(key))
	}
}

// convertStyle builds how a list is written: https://spec.openapis.org/oas/v3.0.4.html#style-values.
func (c *compiler) convertStyle(v value) {
	if v.str("type") != "array" {
		return
	}
	style, explode := "simple", false
	in, format := v.str("in"), v.str("collectionFormat")
	inForm := in == "query" || in == "formData" // elsewhere, 3.0 knows only one way
	if inForm {
		style = "form"
	}
	switch {
	case format == "" || format == "csv":
	case format == "multi" && inForm:
		explode = true
	case format == "ssv" && inForm:
		style = "spaceDelimited"
	case format == "pipes" && inForm:
		style = "pipeDelimited"
	default:
		k, _ := v.member("collectionFormat")
		c.loss(k, "OpenAPI 3.0 has no such way to write a list here", "use csv")
	}
	c.builder.pair("style", style)
	c.builder.key("explode")
	c.builder.bool(explode)
}

// convertItems builds the schema of what OpenAPI 2.0 describes without one: a parameter, a header, or the items of either.
func (c *compiler) convertItems(v value) {
	start := c.builder.begin(mapping)
	kind, format := v.str("type"), v.get("format")
	for k, m := range v.members() {
		switch key := k.text(); key {
		case "items":
			c.builder.key(key)
			if r := ref(m, schemaObject); r.ok() || !m.is(mapping) {
				c.buildSchema(m)
				continue
			}
			if inner, f := m.member("collectionFormat"); inner.ok() && f.text() != "csv" {
				c.loss(inner, "OpenAPI 3.0 knows how a list is written, not one within it", "use csv")
			}
			c.convertField(m)
		case "type":
			(&schemaConversion{compiler: c, schema: v}).oneType(kind, !format.ok())
		default:
			if slices.Contains(simpleKeywords(), key) {
				c.builder.member(k, m)
			}
		}
	}
	c.builder.end(start)
}

// simpleKeywords are those of schemas that OpenAPI 2.0 has without one.
func simpleKeywords() []string {
	return []string{
		"type", "format", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern",
		"maxItems", "minItems", "uniqueItems", "enum", "multipleOf",
	}
}

// buildHeader builds a response's header.
func (c *compiler) buildHeader(v value) {
	if c.in != v2 || c.target == v2 || ref(v, headerObject).ok() || !v.is(mapping) {
		c.build(v, headerObject)
		return
	}
	start := c.builder.begin(mapping)
	for k, m := range v.members() {
		c.convertParameterMember(k, m)
	}
	c.convertStyle(v)
	c.builder.key("schema")
	c.convertItems(v)
	c.builder.end(start)
}

// buildRequestBody builds a body: OpenAPI 2.0 has it among the parameters.
func (c *compiler) buildRequestBody(v value, consumes media) {
	if c.in != v2 {
		c.build(v, requestBody)
		return
	}
	if r := ref(v, parameterObject); r.ok() {
		if !c.buildReference(r, parameterObject) {
			c.builder.end(c.builder.begin(mapping))
		}
		return
	}
	start := c.builder.begin(mapping)
	for k, m := range v.members() {
		if key := k.text(); key == "description" || strings.HasPrefix(key, "x-") {
			c.builder.member(k, m)
		}
	}
	if v.required() {
		c.builder.key("required")
		c.builder.bool(true)
	}
	c.buildContent(consumes.or("application/json"), func(string) {
		if schema := v.get("schema"); schema.ok() {
			c.builder.key("schema")
			c.buildSchema(schema)
		}
	})
	c.builder.end(start)
}

// buildContent builds a content, each media type once.
func (c *compiler) buildContent(types []string, members func(mediaType string)) {
	c.builder.key("content")
	start := c.builder.begin(mapping)
	for i, t := range types {
		if slices.Contains(types[:i], t) || c.tooLarge() {
			continue
		}
		c.builder.key(t)
		one := c.builder.begin(mapping)
		members(t)
		c.builder.end(one)
	}
	c.builder.end(start)
}

// buildForm builds a body of form fields, which are parameters in OpenAPI 2.0.
func (c *compiler) buildForm(fields []parameter, consumes media) {
	kind, required := "application/x-www-form-urlencoded", []string(nil)
	for _, f := range fields {
		if f.settled.str("type") == "file" {
			kind = "multipart/form-data"
		}
		if f.settled.required() {
			required = append(required, f.name)
		}
	}
	start := c.builder.begin(mapping)
	if len(required) > 0 {
		c.builder.key("required")
		c.builder.bool(true)
	}
	c.buildContent(consumes.forms().or(kind), func(string) {
		c.builder.key("schema")
		schema := c.builder.begin(mapping)
		c.builder.pair("type", "object")
		if len(required) > 0 {
			c.builder.key("required")
			c.builder.texts(required...)
		}
		c.builder.key("properties")
		properties := c.builder.begin(mapping)
		for _, f := range fields {
			c.builder.key(f.name)
			c.convertField(f.settled)
		}
		c.builder.end(properties)
		c.builder.end(schema)
		c.buildEncoding(fields)
	})
	c.builder.end(start)
}

// convertField builds the schema of a form field or of a list's items, with its description and extensions.
func (c *compiler) convertField(v value) {
	at := len(c.builder.nodes)
	c.convertItems(v)
	for k, m := range v.members() {
		if key := k.text(); key == "description" || key == "example" || strings.HasPrefix(key, "x-") {
			c.builder.member(k, m)
		}
	}
	c.builder.end(at)
}

// buildEncoding builds how lists among form fields are written, where that is not the default.
func (c *compiler) buildEncoding(fields []parameter) {
	start := -1
	for _, f := range fields {
		if f.settled.str("type") != "array" {
			continue
		}
		if start < 0 {
			c.builder.key("encoding")
			start = c.builder.begin(mapping)
		}
		c.builder.key(f.name)
		one := c.builder.begin(mapping)
		c.convertStyle(f.settled)
		c.builder.end(one)
	}
	if start >= 0 {
		c.builder.end(start)
	}
}

// buildResponse builds a response. It has to have a description, even if there is nothing in it.
func (c *compiler) buildResponse(v value, produces media) {
	if ref(v, responseObject).ok() || !v.is(mapping) {
		c.build(v, responseObject)
		return
	}
	start := c.builder.begin(mapping)
	if c.in == v2 && c.target != v2 {
		c.convertResponse(v, produces)
	} else {
		c.buildMembers(v, responseObject)
	}
	if !v.get("description").ok() {
		c.builder.pair("description", "")
	}
	c.builder.end(start)
}

func (c *compiler) convertResponse(v value, produces media) {
	for k, m := range v.members() {
		switch key := k.text(); {
		case key == "description" || strings.HasPrefix(key, "x-"):
			c.builder.member(k, m)
		case key == "headers" && c.want(m, mapping, key):
			c.builder.key(key)
			start := c.builder.begin(mapping)
			for name, header := range m.members() {
				c.builder.key(name.text())
				c.buildHeader(header)
			}
			c.builder.end(start)
		case key != "schema" && key != "examples":
			c.warn(k.at(), RuleExtension, "remove it", "a response of OpenAPI 2.0 has no field %s; it is left out", quote(key))
		}
	}
	schema, given := v.get("schema"), v.get("examples")
	types := produces.or("*/*")
	if !schema.ok() {
		types = nil
	}
	for k := range given.members() {
		if !slices.Contains(types, k.text()) {
			types = append(slices.Clip(types), k.text())
		}
	}
	if len(types) == 0 {
		return
	}
	c.buildContent(types, func(t string) {
		if schema.ok() {
			c.builder.key("schema")
			c.buildSchema(schema)
		}
		if example := given.get(t); example.ok() {
			c.builder.key("example")
			c.builder.data(example)
		}
	})
}
