package openapi

import (
	"slices"
	"strings"
)

// An operation is one method of one path, with everything that it inherits in its own document.
type operation struct {
	method, upper string   // as in documents, get, and as in HTTP, GET
	own           string   // the path in its own document
	full          string   // the path with its prefix
	names         []string // of the path's parameters
	template      template
	key, folded   string // of the template; folded is blind to case
	at            place
	id            string // as given; generated where there is none
	foldedID      string
	security      []alternative
	schemes       []string // the definitions that security uses
	hasParameters bool
	backend       backendRule
	extras        []int // of its path item, by their index in the contract
	fragment            // what stands after the method
}

// A parameter of an operation. Its node may be a reference.
type parameter struct {
	node     value
	settled  value // what the node means
	name, in string
}

// pathItemOf is a path item while it is read.
type pathItemOf struct {
	path      string
	item      value
	at        place
	base      string
	template  template
	inherited []parameter
	extras    []int
}

func (c *compiler) readPaths() {
	paths := c.root.get("paths")
	if !paths.ok() || !c.want(paths, mapping, "paths") {
		return
	}
	for k, item := range paths.members() {
		key := k.text()
		switch {
		case c.grown:
			return
		case strings.HasPrefix(key, "x-"):
			c.warn(k.at(), RuleExtension, "put it into the operations", "the field %s of all paths is left out", quote(key))
		case !strings.HasPrefix(key, "/"):
			c.problem(k.at(), RulePath, "write /"+clip(key), "the path %s does not start with a slash", quote(key))
		case c.want(item, mapping, key):
			c.readPathItem(key, k.at(), item)
		}
	}
}

// readPathItem reads a path item, which may stand elsewhere.
func (c *compiler) readPathItem(path string, at place, item value) {
	item = c.settledPathItem(at, item)
	if !item.ok() {
		return
	}
	p := &pathItemOf{path: path, item: item, at: at, base: c.readBase(item, c.base)}
	var ok bool
	if p.template, ok = c.readTemplate(p.base, path, at); !ok {
		return
	}
	if list := item.get("parameters"); list.ok() {
		p.inherited = c.parameterList(list)
	}
	c.readExtras(p)
	for k, v := range item.members() {
		switch key := k.text(); {
		case isMethod(c.in, key):
			if c.want(v, mapping, key) {
				c.readOperation(p, k, v)
			}
		case key == "parameters" || key == "servers" || strings.HasPrefix(key, "x-"):
			// Read where they are needed.
		case (key == "summary" || key == "description") && c.in != v2:
			// Extras.
		default:
			c.problem(k.at(), RuleStructure, "a path item holds "+strings.Join(methods(c.in), ", ")+" and parameters",
				"%s is not a method of OpenAPI", quote(key))
		}
	}
}

// settledPathItem follows a path item's references; none where that can't be done, which is reported then.
func (c *compiler) settledPathItem(at place, item value) value {
	for range maxChain {
		r := item.get("$ref")
		if !r.ok() {
			return item
		}
		target := c.locate(r, pathItem)
		if !target.ok() {
			return value{}
		}
		if !target.is(mapping) {
			c.problem(r.at(), RuleReference, "refer to a path item", "the reference %s leads to %s, not to a path item", quote(r.text()), target.kind())
			return value{}
		}
		for k := range item.members() {
			switch key := k.text(); {
			case key == "$ref":
			case isMethod(c.in, key) || key == "parameters" || key == "servers":
				c.problem(k.at(), RuleReference, "put it into the path item that is referred to", "%s can't be beside a reference", quote(key))
			default:
				c.warn(k.at(), RuleReference, "put it into the path item that is referred to", "%s beside a reference is left out", quote(key))
			}
		}
		item = target
	}
	c.problem(at, RuleReference, "write out the path item", "the path item is nothing but references to references")
	return value{}
}

// readExtras writes what a path item has beside operations.
func (c *compiler) readExtras(p *pathItemOf) {
	for k, v := range p.item.members() {
		key := k.text()
		switch {
		case strings.HasPrefix(key, "x-google-"):
			c.warn(k.at(), RuleExtension, "put it into the operations", "the field %s of a path is left out", quote(key))
		case strings.HasPrefix(key, "x-") || (key == "summary" || key == "description") && c.in != v2 && v.is(text):
			c.builder.reset()
			c.builder.data(v)
			p.extras = append(p.extras, len(c.contract.extras))
			c.contract.extras = append(c.contract.extras, extra{
				key: key, hash: c.hash(c.builder.nodes), at: k.at(), fragment: c.write(2),
			})
		}
	}
}

func (c *compiler) readOperation(p *pathItemOf, k, n value) {
	t := p.template
	if base := c.readBase(n, p.base); base != p.base {
		var ok bool
		if t, ok = c.readTemplate(base, p.path, p.at); !ok {
			return
		}
	}
	op := &operation{
		method: k.text(), upper: strings.ToUpper(k.text()), own: strings.Clone(p.path), full: t.String(), names: t.names(),
		template: t, key: t.key(), at: k.at(), id: n.str("operationId"), extras: p.extras,
	}
	op.folded = strings.ToLower(op.key)
	for _, name := range [...]string{"operationId", "summary", "description"} {
		if v := n.get(name); v.ok() {
			c.want(v, text, name)
		}
	}
	c.wantStringsAt(n, "tags")
	if op.id == "" {
		op.id = identifier(op.method + t.String())
		c.warn(op.at, RuleOperationID, "add an operationId", "the operation has no operationId; it gets %s", quote(op.id))
	}
	op.foldedID = folded(op.id)
	op.security = c.readSecurity(n, op.at)
	op.schemes = schemesOf(op.security)
	op.backend = c.readBackend(n.get("x-google-backend"), &c.backend)
	for key := range n.members() {
		if strings.HasPrefix(key.text(), "x-google-") && key.text() != "x-google-backend" && key.text() != "x-google-quota" {
			c.warn(key.at(), RuleExtension, "remove it", "the field %s of an operation is not known; it is left out", quote(key.text()))
		}
	}
	w := &operationWriter{compiler: c, operation: op, node: n, parameters: c.readParameters(op, p, n)}
	c.readResponses(op, n)
	op.hasParameters = len(t.names()) > 0 || slices.ContainsFunc(w.parameters, func(q parameter) bool {
		return q.settled.required()
	}) || n.get("requestBody").required()
	w.write()
	c.contract.operations = append(c.contract.operations, op)
}

func (c *compiler) readResponses(op *operation, n value) {
	list := n.get("responses")
	const hint = "add responses, for instance 200: {description: …}"
	switch {
	case !list.ok() && c.in == v31:
		c.warn(op.at, RuleStructure, hint, "the operation has no responses; it gets a default one")
		return
	case !list.is(mapping):
		c.problem(op.at, RuleStructure, hint, "the operation has no responses")
		return
	case list.empty():
		c.problem(list.at(), RuleStructure, "add one, for instance 200: {description: …}", "the operation has no responses")
	}
	for k := range list.members() {
		if key := k.text(); !strings.HasPrefix(key, "x-") && key != "default" && !isStatus(c.in, key) {
			c.problem(k.at(), RuleStructure, "write a status like 404, or default", "%s is not an HTTP status", quote(key))
		}
	}
}

func isStatus(v version, s string) bool {
	if len(s) != 3 || s[0] < '1' || s[0] > '5' {
		return false
	}
	if v != v2 && s[1:] == "XX" {
		return true
	}
	return s[1] >= '0' && s[1] <= '9' && s[2] >= '0' && s[2] <= '9'
}

// readParameters joins the path item's parameters with the operation's own, which replace those of the same name and
// place.
func (c *compiler) readParameters(op *operation, p *pathItemOf, n value) []parameter {
	type identity struct{ name, in string }
	own := c.parameterList(n.get("parameters"))
	var all []parameter
	for _, q := range p.inherited {
		if !slices.ContainsFunc(own, func(o parameter) bool { return o.name == q.name && o.in == q.in }) {
			all = append(all, q)
		}
	}
	all = append(all, own...)
	seen := make(map[identity]bool, len(all))
	payloads := map[string]int{}
	for _, q := range all {
		id := identity{q.name, q.in}
		if seen[id] && q.in != "body" {
			c.problem(q.node.at(), RuleParameter, "remove one of them", "the operation has the parameter %s in %s twice", quote(q.name), quote(q.in))
		}
		seen[id] = true
		payloads[q.in]++
	}
	if payloads["body"] > 1 || payloads["body"] > 0 && payloads["formData"] > 0 {
		c.problem(op.at, RuleParameter, "keep one body, or only form parameters", "the operation has more than one body")
	}
	c.checkPathParameters(op, all)
	return all
}

// checkPathParameters makes the path and its parameters agree: what is too many has no place where it could come from.
// What is missing is added when the operation is written.
func (c *compiler) checkPathParameters(op *operation, all []parameter) {
	names := op.template.names()
	declared := map[string]bool{}
	for _, p := range all {
		if p.in != "path" {
			continue
		}
		declared[p.name] = true
		if !slices.Contains(names, p.name) {
			c.problem(p.node.at(), RuleParameter, "add {"+clip(p.name)+"} to the path, or remove the parameter",
				"the path %s has no place for the parameter %s", quote(op.template.String()), quote(p.name))
		}
	}
	for _, name := range names {
		if !declared[name] {
			c.warn(op.at, RuleParameter, "declare it", "the path's parameter %s is not declared; it is taken to be a string", quote(name))
		}
	}
}

func (c *compiler) parameterList(list value) []parameter {
	if !list.ok() || !c.want(list, sequence, "parameters") {
		return nil
	}
	var all []parameter
	for p := range list.items() {
		if !p.is(mapping) {
			c.problem(p.at(), RuleStructure, "", "a parameter can't be %s", p.kind())
			continue
		}
		settled := c.settled(p, parameterObject)
		if !settled.is(mapping) {
			if r := ref(p, parameterObject); r.ok() {
				c.resolve(r, parameterObject) // says what is wrong
			}
			continue
		}
		name, in := settled.str("name"), settled.str("in")
		if c.checkParameter(p.at(), settled, name, in) {
			all = append(all, parameter{p, settled, name, in})
		}
	}
	return all
}

// typeOf is a schema's type; "object" also where it is one of several.
func typeOf(schema value) string {
	types := schema.get("type")
	if !types.is(sequence) {
		return types.text()
	}
	kind := ""
	for t := range types.items() {
		if kind = t.text(); kind == "object" {
			break
		}
	}
	return kind
}

func (c *compiler) checkParameter(at place, n value, name, in string) bool {
	places := "path, query, header, formData or body"
	kind := n.str("type")
	if c.in != v2 {
		places = "path, query, header or cookie"
		kind = typeOf(c.settled(n.get("schema"), schemaObject))
	}
	switch {
	case in == "path" || in == "query" || in == "header" || in == "formData" && c.in == v2 || in == "cookie" && c.in != v2:
		if kind == "object" {
			c.problem(at, RuleParameter, "take it apart, or make it the body",
				"the parameter %s is an object, which API Gateway takes only as a body", quote(name))
		}
	case in == "body" && c.in == v2:
	default:
		c.problem(at, RuleParameter, "write in: "+places, "the parameter %s is in %s", quote(name), quote(in))
		return false
	}
	if name == "" && in != "body" {
		c.problem(at, RuleParameter, "add name: …", "a parameter has no name")
		return false
	}
	return true
}
