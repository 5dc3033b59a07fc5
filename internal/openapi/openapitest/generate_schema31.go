package openapitest

// What only OpenAPI 3.1 has: https://spec.openapis.org/oas/v3.1.1.html#schema-object.

func (g *generator) scalarSchema31() *object {
	switch g.r.IntN(8) {
	case 0:
		return g.described(obj("type", []any{"string", "null"}, "enum", []any{"a", nil}))
	case 1:
		return g.described(obj("type", pick(g, []any{"string", "integer"}, []any{"array", "null", "number"}, []any{"string"}), "title", g.prose()))
	case 2:
		return g.described(obj("const", g.data(1)))
	case 3:
		return g.described(obj("type", "string", "examples", []any{g.oddText(), g.data(1)}))
	case 4:
		o := obj("type", "number", pick(g, "exclusiveMinimum", "exclusiveMaximum"), number("5"))
		if g.chance(50) {
			o.set(pick(g, "minimum", "maximum"), number(pick(g, "3", "5.0", "7")))
		}
		return o
	case 5:
		return g.described(obj("type", "string", "contentEncoding", pick(g, "base64", "quoted-printable")))
	case 6:
		return g.described(obj("type", "string", "contentMediaType", pick(g, "application/octet-stream", "image/png")))
	default:
		return obj("type", pick[any](g, "null", []any{"null"}))
	}
}

func (g *generator) schema31(depth int) any {
	switch g.r.IntN(7) {
	case 0:
		return g.chance(50) // a boolean
	case 1:
		return obj("type", "array", "prefixItems", []any{g.schema(depth), g.schema(depth)}, "items", g.chance(50))
	case 2:
		return obj("type", "array", "contains", g.schema(depth), "minContains", number("1"), "unevaluatedItems", false)
	case 3, 4:
		o := obj("$ref", g.pointer("schemas", pick(g, "Named", "Timed", "Id")), "description", "beside a reference")
		if g.chance(50) {
			o.set("properties", obj("beside", g.schema(depth)))
		}
		if g.chance(30) {
			o.set("allOf", []any{g.baseRef()})
		}
		return g.extend(o)
	case 5:
		return obj("$ref", g.pointer("schemas", pick(g, g.names...)), "$comment", "says nothing")
	default:
		return obj("type", []any{"object", "null"}, "properties", obj("maybe", g.schema(depth)), "readOnly", true)
	}
}

// extend31 adds keywords that OpenAPI 3.0 does not have.
func (g *generator) extend31(o *object, depth int) {
	switch g.r.IntN(7) {
	case 0:
		o.set("if", obj("required", []any{"a"}))
		o.set("then", g.schema(depth))
		o.set("else", false)
	case 1:
		o.set("patternProperties", obj("^x-", g.schema(depth), "^no$", true))
	case 2:
		o.set("dependentRequired", obj("a", []any{"b", "c"}))
		o.set("dependentSchemas", obj("a", g.schema(depth)))
	case 3:
		o.set("$defs", obj("local", g.schema(depth)))
		o.set("$comment", "not for readers")
	case 4:
		o.set("propertyNames", obj("pattern", "^[a-z]"))
		o.set("unevaluatedProperties", g.schema(depth))
	case 5:
		o.set("examples", []any{g.data(2), g.data(1)})
	default:
		o.set("$schema", "https://spec.openapis.org/oas/3.1/dialect/base")
		o.set("deprecated", true)
	}
}
