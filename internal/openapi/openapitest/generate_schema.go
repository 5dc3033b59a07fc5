package openapitest

import "path"

// schema is any schema, or a reference to one.
func (g *generator) schema(depth int) any {
	switch n := g.r.IntN(20); {
	case depth <= 0 && n < 12, n < 5:
		return g.scalarSchema()
	case depth <= 0, n < 12:
		return g.schemaRef()
	case n < 14:
		return g.described(obj("type", "array", "items", g.schema(depth-1), "uniqueItems", g.chance(50), "maxItems", number("100")))
	case n < 18:
		return g.objectSchema(depth - 1)
	case n == 18 && g.v31():
		return g.schema31(depth - 1)
	case n == 18 && g.odd(100):
		return obj() // anything
	default:
		return g.composedSchema(depth - 1)
	}
}

// schemaRef is a reference to a schema, wherever it is.
func (g *generator) schemaRef() *object {
	if g.common {
		return g.ref("schemas", pick(g, g.names...))
	}
	var ref string
	switch n := g.r.IntN(10); {
	case n == 0:
		tokens := append(g.section("schemas"), "Deep")
		tokens = append(tokens, pick(g, []string{"properties", "in/ner"}, []string{"properties", "$ref"}, []string{"allOf", "0"},
			[]string{"properties", "~"}, []string{"allOf", "0", "properties", "listed"})...)
		ref = g.pointerTo(g.root, tokens...)
	case n == 1:
		tokens := []string{"paths", g.prefix + "/fixed", "get", "responses", "200"}
		if !g.v2() {
			tokens = append(tokens, "content", "application/json")
		}
		ref = g.pointerTo(g.root, append(tokens, "schema")...)
	case n < 5 && g.split:
		ref = g.foreignSchema()
	case n == 5:
		ref = g.pointer("schemas", pick(g, g.families()...))
	default:
		ref = g.pointer("schemas", pick(g, g.names...))
	}
	o := obj("$ref", ref)
	if g.odd(10) && !g.v31() {
		o.set(pick(g, "description", "x-beside", "type"), "nothing that counts")
	}
	return o
}

func (g *generator) families() []string {
	if g.v2() {
		return []string{"Animal", "Lion", "Named", "Timed", "Id"}
	}
	return []string{"Pet", "Cat", "Dog", "Form", "Circle", "Named", "Timed", "Id"}
}

// baseRef is a reference to a schema that is made of no others, so that others can be made of it.
func (g *generator) baseRef() *object { return g.ref("schemas", pick(g, "Named", "Timed")) }

func (g *generator) scalarSchema() *object {
	if g.v31() && g.chance(20) {
		return g.scalarSchema31()
	}
	var o *object
	switch g.r.IntN(6) {
	case 0:
		o = obj("type", "boolean")
	case 1:
		o = obj("type", pick(g, "integer", "number"), pick(g, "minimum", "maximum"), number(pick(g, "0", "-0", "1.0", "18446744073709551615", "123456789012345678901234567890")))
		if !g.v31() && g.chance(50) {
			o.set("exclusive"+map[string]string{"minimum": "Minimum", "maximum": "Maximum"}[o.keys[1]], g.chance(70))
		}
	case 2:
		o = obj("type", "integer", "format", pick(g, "int32", "int64"), "default", g.anyNumber())
	case 3:
		o = obj("type", "string", "enum", []any{"no", "yes", g.oddText(), g.oddText()})
	case 4:
		o = obj("type", "string", "pattern", pick(g, `^[a-z]+\d{2,}$`, `^\S+@\S+$`, "^$"), "maxLength", number("255"))
	default:
		o = obj("type", "string", "format", pick(g, "date", "date-time", "uuid", "byte", "binary", "own"))
		if g.chance(30) {
			o.set("example", literal{"2020-01-01", `"2020-01-01"`})
		}
	}
	if g.odd(8) && g.yaml && !g.common {
		return g.mergedSchema()
	}
	if g.version == V30 && g.chance(20) {
		o.set("nullable", g.chance(70))
	}
	return g.described(o)
}

// mergedSchema is a text with members that it merges, and one of them replaced.
func (g *generator) mergedSchema() *object {
	o := obj()
	switch g.r.IntN(3) {
	case 0:
		o.set("maxLength", number("20"))
		o.merge = []*object{g.base("limited")}
	case 1:
		o.set("description", "its own")
		o.merge = []*object{g.base("text")}
	default:
		o.set("minLength", number("1"))
		o.merge = []*object{g.base("text"), g.base("limited"), g.base("described")}
	}
	return o
}

// objectSchema is a schema of an object, never a reference.
func (g *generator) objectSchema(depth int) *object {
	o := obj("type", "object")
	properties := g.properties(depth)
	if len(properties.keys) > 0 || g.chance(30) {
		o.set("properties", properties)
	}
	if len(properties.keys) > 0 && g.chance(60) {
		required := []any{}
		for _, i := range g.r.Perm(len(properties.keys))[:1+g.r.IntN(len(properties.keys))] {
			required = append(required, properties.keys[i])
		}
		o.set("required", required)
	}
	if g.chance(20) {
		more := g.schema(depth - 1)
		if g.shape.ForKin && g.v2() { // it converts references there, and nothing below
			more = g.ref("schemas", "A")
		}
		o.set("additionalProperties", pick[any](g, true, false, more, obj()))
	}
	if g.chance(12) {
		o.set("allOf", []any{g.baseRef(), obj("properties", obj("more", g.schema(depth-1)))})
	}
	if g.odd(15) {
		o.set(pick(g, "example", "default", "x-example"), g.data(2))
	}
	if g.odd(6) {
		o.set("enum", []any{g.data(1), nil, obj("$ref", "#/definitions/B")})
	}
	if g.odd(6) {
		o.set("xml", obj("name", "o", "wrapped", true, "x-y", g.data(1)))
		o.set("externalDocs", obj("url", "https://x.example"))
	}
	if g.version == V30 && g.chance(10) {
		o.set("nullable", true)
	}
	if g.v31() && g.chance(15) {
		g.extend31(o, depth)
	}
	if g.chance(20) {
		o.set("title", g.oddText())
	}
	return g.described(o)
}

func (g *generator) properties(depth int) *object {
	properties := obj()
	for range g.r.IntN(5) {
		name := pick(g, "id", "name", "items", "created_at", "size", "owner", "tags", "total")
		if g.odd(20) {
			name = pick(g, oddNames()...)
		}
		if g.odd(1) {
			name = longName()
		}
		properties.set(name, g.schema(depth))
	}
	return properties
}

// composedSchema is a schema made of others.
func (g *generator) composedSchema(depth int) *object {
	inline := func() *object { return obj("type", "object", "properties", obj("part", g.schema(depth-1))) }
	if g.v2() || g.chance(40) {
		return g.described(obj("allOf", []any{g.baseRef(), inline()}))
	}
	switch g.r.IntN(3) {
	case 0:
		return g.described(obj("oneOf", []any{inline(), g.schemaRefToLeaf(), g.scalarSchema()}))
	case 1:
		return g.described(obj("anyOf", []any{g.schemaRefToLeaf(), inline()}))
	default:
		return g.described(obj("not", inline()))
	}
}

func (g *generator) schemaRefToLeaf() *object {
	return g.ref("schemas", pick(g, "Named", "Timed", "Id"))
}

// foreignSchema is a reference to a schema in another file.
func (g *generator) foreignSchema() string {
	dir := path.Dir(g.root)
	switch g.r.IntN(5) {
	case 0:
		return g.pointerTo(path.Join(dir, "schemas/common.yaml"), pick(g, "Money", "Item", "A"))
	case 1:
		return g.pointerTo(path.Join(dir, "other/common.yaml"), pick(g, "Money", "Item"))
	case 2:
		return g.pointerTo(path.Join(dir, "schemas/with space.yaml"))
	case 3:
		return g.pointerTo(path.Join(dir, "schemas/single.json"))
	default:
		return g.pointerTo("shared/common.json", append(g.section("schemas"), pick(g, "Money", "Link/ed"))...)
	}
}

// makeFiles makes the files that the document may refer to. They refer to each other and back to the document.
func (g *generator) makeFiles() {
	dir := path.Dir(g.root)
	within := func(file string, content func() any) {
		g.file = file
		g.files[file] = content()
		g.file = g.root
	}
	for _, folder := range [...]string{"schemas", "other"} {
		within(path.Join(dir, folder, "common.yaml"), func() any {
			return obj("Money", g.objectSchema(2), "Item", g.objectSchema(2), "A", obj("$ref", g.pointerTo("shared/common.json", append(g.section("schemas"), "Money")...)))
		})
	}
	within(path.Join(dir, "schemas/with space.yaml"), func() any { return g.objectSchema(2) })
	within(path.Join(dir, "schemas/single.json"), func() any { return g.objectSchema(2) })
	within("shared/common.json", func() any {
		schemas := obj("Money", g.objectSchema(2), "Link/ed", g.objectSchema(1))
		if g.v2() {
			return obj("definitions", schemas)
		}
		return obj("components", obj("schemas", schemas))
	})
	within(path.Join(dir, "parts.yaml"), func() any {
		parts := obj("size", g.parameter("query", "size"), "Failed", g.response(true), "Both", g.ref("responses", "Error"))
		if !g.v2() {
			parts.set("Body", g.body(true))
			parts.set("Seen", g.header(true))
		}
		return parts
	})
	within(path.Join(dir, "paths/orders.yaml"), func() any { return g.foreignItem("orders") })
	within(path.Join(dir, "paths/all.yaml"), func() any { return obj("/x", g.foreignItem("all"), "again", obj("$ref", "#/~1x")) })
}
