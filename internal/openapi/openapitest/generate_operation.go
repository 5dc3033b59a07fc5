package openapitest

import (
	"fmt"
	"path"
)

// paths are the service's operations. The first one never changes its place, so that references can lead into it.
func (g *generator) paths() *object {
	paths := obj(g.prefix+"/fixed", obj("get", g.fixedOperation()))
	made := 1
	for i := 1; made < g.shape.Operations; i++ {
		free := g.shape.Operations - made
		switch n := g.r.IntN(20); {
		case n < 4 && (g.shared || !g.v2()) && i < 100:
			paths.set(g.sharedItem(i))
			made++
		case n == 4 && g.split && !paths.has(g.prefix+"/orders") && free >= 1:
			paths.set(g.prefix+"/orders", obj("$ref", g.pointerTo(path.Join(path.Dir(g.root), "paths/orders.yaml"))))
			made++
		case n == 5 && g.split && !paths.has(g.prefix+"/all"):
			paths.set(g.prefix+"/all", obj("$ref", g.pointerTo(path.Join(path.Dir(g.root), "paths/all.yaml"), pick(g, "/x", "again"))))
			made++
		case n == 6 && g.v31() && !paths.has(g.prefix+"/item"):
			paths.set(g.prefix+"/item", g.ref("pathItems", "Item"))
			made++
		default:
			item, count := g.ownItem(i, free)
			paths.set(g.ownPath(i), item)
			made += count
		}
	}
	if g.odd(20) {
		paths.set("x-paths", g.data(2))
	}
	return paths
}

// methods are those of OpenAPI 2.0.
func methods() []string { return []string{"get", "post", "put", "patch", "delete", "head", "options"} }

// pathNames are the names of path parameters; one for a path.
func (g *generator) pathName(i int) string {
	return []string{"id", "key", "no", "item_id"}[(i+g.index)%4]
}

func (g *generator) ownPath(i int) string {
	p := fmt.Sprintf("%s/p%d", g.prefix, i)
	switch i % 5 {
	case 0:
		return p + "/"
	case 1:
		return p + "/{" + g.pathName(i) + "}"
	case 2:
		return p + "/caf%C3%A9/{" + g.pathName(i) + "}/sub/{other}"
	case 3:
		return p + "/{" + g.pathName(i) + "}/"
	default:
		return p
	}
}

// parametersOf are the names of the path's parameters.
func (g *generator) parametersOf(i int) []string {
	return map[int][]string{1: {g.pathName(i)}, 2: {g.pathName(i), "other"}, 3: {g.pathName(i)}}[i%5]
}

func (g *generator) ownItem(i, most int) (item *object, count int) {
	item = obj()
	inherited := g.inherited(item, g.parametersOf(i))
	all := methods()
	if !g.v2() && g.chance(10) {
		all = append(all, "trace")
	}
	for _, m := range g.r.Perm(len(all))[:min(most, 1+g.r.IntN(3))] {
		item.set(all[m], g.operation(all[m], i, g.parametersOf(i), inherited))
		count++
	}
	if g.odd(15) {
		item.set("x-item", g.data(1))
	}
	return item, count
}

// sharedItem is a path that other services have too, with other methods and other names.
func (g *generator) sharedItem(i int) (path string, item *object) {
	group, number := g.index/len(methods()), g.index%len(methods())
	name := g.pathName(i)
	method := methods()[(number+i)%len(methods())]
	item = obj()
	if !g.shared {
		item.set("servers", g.servers("/"))
	}
	inherited := g.inherited(item, []string{name})
	item.set(method, g.operation(method, i, []string{name}, inherited))
	return fmt.Sprintf("/shared%d/p%d/{%s}%s", group, i, name, pick(g, "", "", "/")), item
}

// inherited gives a path item parameters for all its operations, and tells whether the path's are among them.
func (g *generator) inherited(item *object, names []string) bool {
	if g.chance(50) {
		return false
	}
	list := []any{obj("name", "verbose", "in", "query", "description", "the path's", g.typeKey(), g.simpleType("boolean"))}
	if g.v2() {
		list[0] = obj("name", "verbose", "in", "query", "description", "the path's", "type", "boolean")
	}
	for _, name := range names {
		list = append(list, g.pathParameterOrRef(name))
	}
	item.set("parameters", list)
	return true
}

func (g *generator) typeKey() string {
	if g.v2() {
		return "type"
	}
	return "schema"
}

func (g *generator) simpleType(t string) any {
	if g.v2() {
		return t
	}
	return obj("type", t)
}

func (g *generator) pathParameterOrRef(name string) any {
	if name == "id" && g.chance(50) {
		return g.ref("parameters", "id")
	}
	return g.pathParameter(name)
}

// operation is any operation.
func (g *generator) operation(method string, i int, names []string, inherited bool) *object {
	o := obj()
	if id := g.operationID(i); id != "" {
		o.set("operationId", id)
	}
	for _, key := range [...]string{"summary", "description"} {
		if g.chance(50) {
			o.set(key, g.prose())
		}
	}
	if g.chance(40) {
		o.set("tags", []any{"t", g.name})
	}
	if g.chance(10) {
		o.set("deprecated", g.chance(50))
	}
	if g.chance(40) {
		o.set("security", g.security())
	}
	if g.v2() {
		g.setMedia(o)
	}
	if g.odd(10) {
		o.set("externalDocs", obj("url", "https://x.example", "x-foo", g.data(1)))
	}
	g.setParameters(o, method, names, inherited)
	responses := g.responses()
	if !g.v31() || g.chance(90) {
		o.set("responses", responses)
	}
	if !g.v2() && g.chance(10) {
		o.set("callbacks", obj("onEvent", g.ref("callbacks", "onEvent"), "x-named", g.callback()))
	}
	if !g.v2() && g.chance(5) && g.prefix != "" {
		o.set("servers", g.servers(pick(g, "/", "/"+g.name+"/v2")))
	}
	return g.extend(o)
}

func (g *generator) setParameters(o *object, method string, names []string, inherited bool) {
	list := []any{}
	for _, name := range names {
		if !inherited && g.chance(90) || inherited && g.chance(10) {
			list = append(list, g.pathParameterOrRef(name))
		}
	}
	if inherited && g.chance(50) { // instead of the path item's
		list = append(list, g.parameter("query", "verbose"))
	}
	if g.chance(30) {
		list = append(list, g.ref("parameters", pick(g, "limit", "again")))
	}
	if g.split && g.chance(20) {
		list = append(list, obj("$ref", g.pointerTo(path.Join(path.Dir(g.root), "parts.yaml"), "size")))
	}
	if g.chance(15) {
		list = append(list, g.middleParameter())
	}
	for n := range g.r.IntN(3) {
		in := pick(g, "query", "header")
		if !g.v2() {
			in = pick(g, "query", "header", "cookie")
		}
		name := fmt.Sprintf("%s%d", pick(g, "q", "no", "X-Odd ", "filter[a]"), n)
		list = append(list, g.parameter(in, name))
	}
	if method == "post" || method == "put" || method == "patch" {
		list = g.setBody(o, list)
	}
	if len(list) > 0 || g.chance(20) {
		g.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		o.set("parameters", list)
	}
}

// middleParameter refers to a parameter in the middle of the document.
func (g *generator) middleParameter() *object {
	return obj("$ref", g.pointerTo(g.root, "paths", g.prefix+"/fixed", "get", "parameters", "0"))
}

// fixedOperation is the one that references lead into.
func (g *generator) fixedOperation() *object {
	response := obj("description", "fixed")
	if g.v2() {
		response.set("schema", g.objectSchema(2))
	} else {
		response.set("content", obj("application/json", obj("schema", g.objectSchema(2))))
	}
	g.ids["getFixed"] = true
	return g.extend(obj("operationId", "getFixed", "parameters", []any{g.parameter("query", "fixed")}, "responses", obj("200", response,
		"default", g.response(true))))
}

// plainOperation has nothing but responses and a parameter.
func (g *generator) plainOperation(summary string) *object {
	return g.extend(obj("summary", summary, "parameters", []any{g.parameter("query", "plain")}, "responses", obj("200", g.response(true), "default", g.ref("responses", "Error"))))
}

// foreignItem is a path item in another file.
func (g *generator) foreignItem(name string) *object {
	return obj("get", g.plainOperation(name), "parameters", []any{g.parameter("header", "X-Item")})
}
