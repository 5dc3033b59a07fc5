package openapitest

import "path"

// pathParameter is a parameter of a path.
func (g *generator) pathParameter(name string) *object {
	o := obj("name", name, "in", "path", "required", true)
	if g.v2() {
		o.set("type", pick(g, "string", "integer"))
		return g.described(o)
	}
	o.set("schema", pick(g, obj("type", "string"), obj("type", "integer", "format", "int64"), g.ref("schemas", "Id")))
	if g.chance(10) {
		o.set("style", pick(g, "simple", "label", "matrix"))
	}
	return g.described(o)
}

// parameter is a parameter that is no body.
func (g *generator) parameter(in, name string) *object {
	o := obj("name", name, "in", in)
	if g.chance(30) {
		o.set("required", g.chance(50))
	}
	if g.v2() {
		g.setSimple(o, in)
		if in == "query" && g.chance(10) {
			o.set("allowEmptyValue", true)
		}
		return g.described(o)
	}
	if g.chance(12) {
		o.set("content", obj("application/json", obj("schema", pick[any](g, obj("type", "string"), g.ref("schemas", "Id")))))
		return g.described(o)
	}
	schema := pick[any](g, g.scalarSchema(), g.scalarSchema(), obj("type", "array", "items", g.scalarSchema()), g.ref("schemas", "Id"))
	o.set("schema", schema)
	if in == "query" && g.chance(30) {
		o.set("style", pick(g, "form", "spaceDelimited", "pipeDelimited"))
		o.set("explode", g.chance(50))
	}
	if g.chance(20) {
		o.set("explode", g.chance(50))
	}
	switch {
	case g.odd(12):
		o.set("example", g.data(1))
	case g.odd(15):
		o.set("examples", g.examples())
	}
	return g.described(o)
}

// setSimple describes a parameter or header of OpenAPI 2.0.
func (g *generator) setSimple(o *object, in string) {
	switch g.r.IntN(5) {
	case 0:
		items := obj("type", "string")
		if g.chance(20) && !g.shape.ForKin {
			items = obj("type", "array", "collectionFormat", "pipes", "items", obj("type", "integer"))
		}
		o.set("type", "array")
		o.set("items", g.extend(items))
		format := pick(g, "", "csv", "ssv", "tsv", "pipes", "multi", "multi")
		if format == "multi" && in != "query" && in != "formData" {
			format = "csv"
		}
		if g.shape.ForKin && in == "header" {
			format = "" // it knows lists with commas there
		}
		if format != "" {
			o.set("collectionFormat", format)
		}
	case 1:
		o.set("type", "string")
		o.set("enum", []any{"no", g.oddText(), "2020-01-01"})
		o.set("default", "no")
	case 2:
		o.set("type", "integer")
		o.set("maximum", number("18446744073709551615"))
		o.set("exclusiveMaximum", g.chance(50))
		o.set("default", g.anyNumber())
	default:
		o.set("type", pick(g, "string", "number", "boolean"))
	}
}

func (g *generator) bodyParameter() *object {
	o := obj("name", pick(g, "body", "payload"), "in", "body", "schema", g.schema(2))
	if g.chance(50) {
		o.set("required", true)
	}
	return g.described(o)
}

func (g *generator) formField(name string) *object {
	o := obj("name", name, "in", "formData")
	if g.chance(40) {
		o.set("required", g.chance(70))
	}
	g.setSimple(o, "formData")
	return g.described(o)
}

// setBody gives an operation a body; in OpenAPI 2.0 it is among the parameters.
func (g *generator) setBody(o *object, list []any) []any {
	if g.chance(20) {
		return list
	}
	if !g.v2() {
		switch {
		case g.chance(25):
			o.set("requestBody", g.ref("requestBodies", pick(g, "Payload", "Again")))
		case g.split && g.chance(20):
			o.set("requestBody", obj("$ref", g.pointerTo(path.Join(path.Dir(g.root), "parts.yaml"), "Body")))
		default:
			o.set("requestBody", g.body(false))
		}
		return list
	}
	switch {
	case g.chance(25):
		return append(list, g.ref("parameters", "Payload"))
	case g.chance(50):
		return append(list, g.bodyParameter())
	}
	list = append(list, g.formField("a b"), g.formField("no"))
	if g.chance(30) {
		list = append(list, g.ref("parameters", "field"))
	}
	if g.chance(40) {
		list = append(list, g.extend(obj("name", "upload", "in", "formData", "type", "file", "description", "a file")))
		o.set("consumes", []any{"multipart/form-data"})
		if g.chance(30) {
			o.set("consumes", []any{"multipart/form-data", "application/x-www-form-urlencoded"})
		}
	} else if o.has("consumes") {
		o.set("consumes", []any{"application/x-www-form-urlencoded"})
	}
	return list
}

// body is a request body of OpenAPI 3. What is shared does not refer to what is shared, or it could go in circles.
func (g *generator) body(shared bool) *object {
	o := obj("content", g.content(shared))
	if g.chance(50) {
		o.set("required", g.chance(80))
	}
	if g.odd(15) {
		part := obj("schema", obj("type", "string"))
		if !g.shape.ForKin { // it resolves no references there
			part = g.header(true)
		}
		form := obj("type", "object", "properties", obj("file", obj("type", "string", "format", "binary"), "list", obj("type", "array", "items", obj("type", "string"))))
		content, _ := o.vals[0].(*object)
		content.set("multipart/form-data", obj("schema", form, "encoding", obj(
			"file", g.extend(obj("contentType", "image/png, image/*", "headers", obj("x-part", part))),
			"list", pick(g, obj("style", "spaceDelimited", "explode", false), obj("explode", false), obj("contentType", "text/plain")))))
	}
	return g.described(o)
}

func (g *generator) content(shared bool) *object {
	content := obj()
	types := []string{"application/json", "application/xml", "text/plain; charset=utf-8", "*/*", "application/vnd.x+json", "x-own/type"}
	for _, i := range g.r.Perm(len(types))[:1+g.r.IntN(2)] {
		m := obj("schema", g.schema(2))
		switch {
		case g.odd(20):
			m.set("example", g.data(2))
		case g.odd(20) && !shared:
			m.set("examples", g.examples())
		}
		content.set(types[i], g.extend(m))
	}
	return content
}

func (g *generator) examples() *object {
	return obj("first", g.ref("examples", pick(g, "one", "two")), "x-second", g.exampleObject())
}

func (g *generator) exampleObject() *object {
	if g.chance(20) {
		return obj("externalValue", "https://x.example/e.json", "summary", g.prose())
	}
	value := g.data(3)
	if value == nil && g.shape.ForKin {
		value = "null" // it takes null for nothing
	}
	return g.extend(obj("summary", g.prose(), "value", value))
}

func (g *generator) header(shared bool) *object {
	o := obj()
	if g.v2() {
		g.setSimple(o, "header")
		return g.described(o)
	}
	if !shared && g.chance(40) {
		return g.ref("headers", pick(g, "RateLimit", "x-rate"))
	}
	if !shared && g.split && g.chance(30) {
		return obj("$ref", g.pointerTo(path.Join(path.Dir(g.root), "parts.yaml"), "Seen"))
	}
	o.set("schema", pick[any](g, g.scalarSchema(), g.ref("schemas", "Id")))
	return g.described(o)
}

// link leads to the operation that every service has.
func (g *generator) link() *object {
	o := obj("operationId", "getFixed")
	if g.chance(30) {
		o = obj("operationRef", g.pointerTo(g.root, "paths", g.prefix+"/fixed", "get"))
	}
	o.set("parameters", obj("fixed", "$response.body#/id"))
	return g.described(o)
}

func (g *generator) callback() *object {
	operation := obj("requestBody", g.body(true), "responses", obj("200", g.response(true)), "x-callback", g.data(1))
	return g.extend(obj("{$request.body#/url}", obj("post", operation), "https://x.example/{$request.query.no}", obj("put", g.plainOperation("called back"))))
}

func (g *generator) responses() *object {
	list := obj("200", g.response(false))
	for range g.r.IntN(3) {
		list.set(pick(g, "201", "204", "400", "404", "default", "500"), g.anyResponse())
	}
	if !g.v2() && g.chance(15) {
		list.set(pick(g, "4XX", "5XX"), g.anyResponse())
	}
	if g.odd(12) {
		list.set("x-responses", g.data(2))
	}
	return list
}

func (g *generator) anyResponse() *object {
	switch {
	case g.chance(40):
		return g.ref("responses", pick(g, "Error", "NotFound", "Again"))
	case g.split && g.chance(20):
		return obj("$ref", g.pointerTo(path.Join(path.Dir(g.root), "parts.yaml"), pick(g, "Failed", "Both")))
	case g.chance(10):
		return obj("$ref", g.pointerTo(g.root, "paths", g.prefix+"/fixed", "get", "responses", "default"))
	}
	return g.response(false)
}

// response is a response, never a reference.
func (g *generator) response(shared bool) *object {
	o := obj()
	if g.yaml && g.odd(15) {
		o.merge = []*object{g.base("ok")}
		if g.chance(50) {
			o.set("description", "its own")
		}
	} else {
		o.set("description", g.prose())
	}
	if g.chance(30) {
		o.set("headers", obj(pick(g, "X-Rate", "x-lower", "ETag"), g.header(shared)))
	}
	switch {
	case g.chance(25):
	case g.v2():
		o.set("schema", g.schema(2))
		if g.chance(5) {
			o.set("schema", obj("type", "file"))
		}
		if g.odd(20) {
			o.set("examples", obj("application/json", g.data(2), "text/csv", "a,b\n1,2\n"))
		}
	default:
		o.set("content", g.content(shared))
	}
	if !g.v2() && g.chance(15) {
		o.set("links", obj("next", g.link()))
		if !shared && g.chance(50) {
			o.set("links", obj("x-next", g.ref("links", "next")))
		}
	}
	return g.extend(o)
}
