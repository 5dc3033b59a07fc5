package openapitest

import (
	"hash/fnv"
	"net/url"
	"path"
	"strings"
)

// plainNames are names of shared schemas that all services have, with bodies that are the same only sometimes.
func plainNames() []string { return []string{"A", "B", "C", "Error", "user", "User"} }

// nameSchemas chooses the names of shared schemas.
func (g *generator) nameSchemas() {
	g.names = append(plainNames(), "dot.ted", "with-dash", "s1_A", "x_inner_0", "Tree", "Left", "Right", "Alias", "AliasAlias", "Deep", "x-thing")
	if g.v2() {
		g.names = append(g.names, "D/e~f", "Page«A»", "a b", "per%cent", "~1", "%41", "List<A>", "🚀")
	}
}

// anchors are values that others merge.
func (g *generator) anchors() *object {
	all := obj()
	for _, key := range [...]string{"text", "limited", "described", "ok"} {
		all.set(key, g.base(key))
	}
	return all
}

// base is a value to be merged into others; in YAML it is an anchor.
func (g *generator) base(key string) *object {
	file := g.file
	if known := g.cached[file+key]; known != nil {
		return known
	}
	o := map[string]*object{
		"text":      obj("type", "string", "description", "merged"),
		"limited":   obj("maxLength", number("10"), "type", "string", "x-limited", true),
		"described": obj("description", "from the merged", "x-merged", obj("$ref", "#/definitions/A")),
		"ok":        obj("description", "ok", "x-merged", []any{nil, number("1.0")}),
	}[key]
	o.anchor = true
	g.cached[file+key] = o
	return o
}

// setShared adds the document's maps of shared values.
func (g *generator) setShared(root *object) {
	parameters := g.sharedParameters()
	responses := obj("Error", g.response(true), "NotFound", g.response(true), "Again", g.ref("responses", "Error"))
	schemas := g.sharedSchemas()
	if g.v2() {
		root.set("parameters", parameters)
		root.set("responses", responses)
		root.set("definitions", schemas)
		root.set("securityDefinitions", g.securityDefinitions())
		return
	}
	c := g.extend(obj("schemas", schemas, "parameters", parameters, "responses", responses, "securitySchemes", g.securityDefinitions()))
	c.set("requestBodies", obj("Payload", g.body(true), "Again", g.ref("requestBodies", "Payload")))
	c.set("headers", obj("RateLimit", g.header(true), "x-rate", g.ref("headers", "RateLimit")))
	c.set("examples", obj("one", g.exampleObject(), "two", g.exampleObject()))
	c.set("links", obj("next", g.link()))
	c.set("callbacks", obj("onEvent", g.callback()))
	if g.v31() {
		c.set("pathItems", obj("Item", obj("get", g.plainOperation("item"))))
	}
	root.set("components", c)
}

func (g *generator) sharedParameters() *object {
	all := obj("limit", g.parameter("query", "limit"), "id", g.pathParameter("id"), "again", g.ref("parameters", "limit"))
	if g.v2() {
		all.set("Payload", g.bodyParameter())
		all.set("field", g.formField("field"))
	}
	return all
}

// sharedSchemas are the document's shared schemas, in any order.
func (g *generator) sharedSchemas() *object {
	all := obj()
	for _, name := range g.names {
		all.set(name, g.sharedSchema(name))
	}
	all.set("Id", obj("type", pick(g, "string", "integer")))
	all.set("Named", g.described(obj("type", "object", "properties", obj("name", obj("type", "string"), "more", g.schema(1)))))
	all.set("Timed", obj("type", "object", "properties", obj("at", obj("type", "string", "format", "date-time", "example", literal{"2020-01-01", `"2020-01-01"`}))))
	g.discriminated(all)
	if g.chance(50) {
		s, _ := g.shuffleTop(all, false).(*object)
		return s
	}
	return all
}

func (g *generator) sharedSchema(name string) any {
	switch name {
	case "Tree":
		return obj("type", "object", "properties", obj("children", obj("type", "array", "items", g.ref("schemas", "Tree")), "value", g.schema(1)))
	case "Left":
		return obj("type", "object", "additionalProperties", g.ref("schemas", "Right"))
	case "Right":
		return obj("type", "array", "items", obj("type", "object", "properties", obj("left", g.ref("schemas", "Left"))))
	case "Alias":
		return g.ref("schemas", "A")
	case "AliasAlias":
		return g.ref("schemas", "Alias")
	case "Deep":
		return obj("type", "object", "properties", obj("in/ner", g.objectSchema(1), "$ref", obj("type", "string"),
			"~", obj("type", "object", "properties", obj("back", g.ref("schemas", "Deep")))),
			"allOf", []any{obj("type", "object", "properties", obj("listed", g.objectSchema(1)))})
	}
	for _, plain := range plainNames() {
		if name == plain && g.chance(70) {
			return g.commonSchema(name)
		}
	}
	return g.objectSchema(g.shape.Depth)
}

// commonSchema is a schema that other services have too, but for the order of its members, or with one small difference.
func (g *generator) commonSchema(name string) any {
	h := fnv.New64a()
	h.Write([]byte(name + g.version[:1]))
	own := g.r
	g.r, g.common = newRand(g.seed, h.Sum64()), true
	s := g.objectSchema(2)
	g.r, g.common = own, false
	s, _ = shuffled(g.r, s).(*object)
	switch {
	case g.chance(20):
		s.set("description", "as "+g.name+" sees it")
	case g.chance(10):
		s.set("x-nothing", nil)
	}
	return s
}

// discriminated adds schemas that are told apart by a property: heirs of a base, and alternatives. In OpenAPI 2.0 their
// names are values of the property, so no other service has them with another meaning.
func (g *generator) discriminated(all *object) {
	kind := obj("type", "object", "required", []any{"kind"}, "properties", obj("kind", obj("type", "string")))
	if g.v2() {
		all.set("Animal", obj("type", "object", "discriminator", "kind", "required", []any{"kind"}, "properties", obj("kind", obj("type", "string"))))
		all.set("Lion", obj("allOf", []any{g.ref("schemas", "Animal"), obj("type", "object", "properties", obj("mane", obj("type", "boolean")))}))
		pet := "Pet" + strings.ToUpper(g.name)
		all.set(pet, obj("type", "object", "discriminator", "no", "required", []any{"no"}, "properties", obj("no", obj("type", "string"), "b", g.schema(1))))
		all.set("Cat"+strings.ToUpper(g.name), obj("allOf", []any{g.ref("schemas", pet), g.objectSchema(1)}))
		all.set("Kitten"+strings.ToUpper(g.name), obj("allOf", []any{g.ref("schemas", "Cat"+strings.ToUpper(g.name)), g.objectSchema(1)}))
		return
	}
	mapping := func(value, name string) any {
		d := g.extend(obj("propertyName", "kind"))
		if !g.v31() { // only 3.1 has extensions here
			d = obj("propertyName", "kind")
		}
		switch g.r.IntN(4) {
		case 0:
			d.set("mapping", obj(value, name))
		case 1:
			d.set("mapping", obj(value, g.pointer("schemas", name)))
		case 2:
			d.set("mapping", obj(value, g.pointer("schemas", name), "other", name, "no", pick(g, name, g.pointer("schemas", name))))
		}
		return d
	}
	pet := kind.flat()
	pet, _ = shuffled(g.r, pet).(*object)
	pet.set("discriminator", mapping("cat", "Cat"))
	all.set("Pet", pet)
	all.set("Cat", obj("allOf", []any{g.ref("schemas", "Pet"), g.objectSchema(1)}))
	all.set("Dog", obj("allOf", []any{g.ref("schemas", "Pet"), obj("type", "object", "properties", obj("friend", g.ref("schemas", "Pet")))}))
	all.set("Circle", shuffled(g.r, kind))
	all.set("Square", obj("type", "object", "required", []any{"kind"}, "properties", obj("kind", obj("type", "string"), "side", g.schema(1))))
	all.set("Form", obj(pick(g, "oneOf", "anyOf"), []any{g.ref("schemas", "Circle"), g.ref("schemas", "Square")}, "discriminator", mapping("round", "Circle")))
}

// section is where shared values are.
func (g *generator) section(section string) []string {
	switch {
	case !g.v2():
		return []string{"components", section}
	case section == "schemas":
		return []string{"definitions"}
	default:
		return []string{section}
	}
}

func (g *generator) ref(section, name string) *object { return obj("$ref", g.pointer(section, name)) }

// pointer is a reference to a shared value of the root document.
func (g *generator) pointer(section, name string) string {
	return g.pointerTo(g.root, append(g.section(section), name)...)
}

// pointerTo is a reference to a place in a file, as seen from the file that is being made.
func (g *generator) pointerTo(file string, tokens ...string) string {
	var b strings.Builder
	if file != g.file || len(tokens) == 0 && g.chance(70) {
		b.WriteString(g.relative(file))
		if len(tokens) == 0 {
			return b.String()
		}
	}
	b.WriteByte('#')
	for _, t := range tokens {
		b.WriteByte('/')
		t = strings.ReplaceAll(strings.ReplaceAll(t, "~", "~0"), "/", "~1")
		if g.chance(50) {
			b.WriteString(strings.NewReplacer("%7E", "~").Replace(url.PathEscape(t)))
		} else { // as people write it: only what would mean something else is encoded
			b.WriteString(strings.NewReplacer("%", "%25", "#", "%23", " ", "%20").Replace(t))
		}
	}
	return b.String()
}

// relative is a file's path as seen from the file that is being made.
func (g *generator) relative(to string) string {
	a, b := strings.Split(path.Dir(g.file), "/"), strings.Split(to, "/")
	if a[0] == "." {
		a = nil
	}
	for len(a) > 0 && len(b) > 1 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for i := range b {
		b[i] = url.PathEscape(b[i])
	}
	rel := strings.Repeat("../", len(a)) + strings.Join(b, "/")
	if len(a) == 0 && g.chance(30) {
		rel = "./" + rel
	}
	return rel
}
