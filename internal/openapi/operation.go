package openapi

import (
	"strings"
)

// An operation is one method of one path, with everything that it inherits in its own document.
type operation struct {
	owner      *contract
	method     string // as in the document: get
	template   template
	node       *node
	item       *node // the path item
	at         position
	parameters []parameter
	security   []alternative
	backend    backendRule
	id         string // as given; generated where there is none
}

// A parameter of an operation. Its node may be a reference.
type parameter struct {
	node     *node
	settled  *node // what the node means
	name, in string
}

func (c *contract) readPaths() {
	paths := c.root.get("paths")
	if paths == nil || paths.kind != mapping {
		return
	}
	for i, k := range paths.keys {
		item := &paths.items[i]
		switch {
		case strings.HasPrefix(k.name, "x-"):
			c.warn(k.at, "put it into the operations", "the field %s of all paths is left out", quote(k.name))
		case !strings.HasPrefix(k.name, "/"):
			c.problem(k.at, "write /"+clip(k.name), "the path %s does not start with a slash", quote(k.name))
		case c.want(item, mapping, k.name):
			if t, ok := c.readTemplate(k.name, k.at); ok {
				c.readPathItem(t, item)
			}
		}
	}
}

func (c *contract) readPathItem(t template, item *node) {
	shared := item.get("parameters")
	if shared != nil {
		c.scan(shared, parameterList)
	}
	for i, k := range item.keys {
		v := &item.items[i]
		switch {
		case k.name == "parameters" || strings.HasPrefix(k.name, "x-"):
			// Read where they are needed.
		case k.name == "$ref":
			c.problem(k.at, "write out the path item", "a path item can't be a reference")
		case !isMethod(k.name):
			c.problem(k.at, "a path item holds "+strings.Join(methods(), ", ")+" and parameters",
				"%s is not a method of OpenAPI 2.0", quote(k.name))
		case c.want(v, mapping, k.name):
			c.scan(v, operationObject)
			c.readOperation(&operation{owner: c, method: k.name, template: t, node: v, item: item, at: k.at})
		}
	}
}

func (c *contract) readOperation(op *operation) {
	n := op.node
	for _, name := range [...]string{"operationId", "summary", "description"} {
		if v := n.get(name); v != nil {
			c.want(v, text, name)
		}
	}
	for _, name := range [...]string{"tags", "consumes", "produces", "schemes"} {
		if v := n.get(name); v != nil {
			c.wantStrings(v, name)
		}
	}
	op.id = n.str("operationId")
	if op.id == "" {
		op.id = identifier(op.method + op.template.String())
		c.warn(op.at, "add an operationId", "the operation has no operationId; it gets %s", quote(op.id))
	}
	op.security = c.readSecurity(n, op.at)
	op.backend = c.readBackend(n.get("x-google-backend"), &c.backend)
	c.readParameters(op)
	c.readResponses(op)
	for _, k := range n.keys {
		if strings.HasPrefix(k.name, "x-google-") && k.name != "x-google-backend" && k.name != "x-google-quota" {
			c.warn(k.at, "remove it", "the field %s of an operation is not known; it is left out", quote(k.name))
		}
	}
	c.operations = append(c.operations, op)
}

func (c *contract) readResponses(op *operation) {
	n := op.node.get("responses")
	if n == nil || n.kind != mapping {
		c.problem(op.at, "add responses, for instance 200: {description: …}", "the operation has no responses")
		return
	}
	for _, k := range n.keys {
		if !strings.HasPrefix(k.name, "x-") && k.name != "default" && !isStatus(k.name) {
			c.problem(k.at, "write a status like 404, or default", "%s is not an HTTP status", quote(k.name))
		}
	}
	if len(n.keys) == 0 {
		c.problem(n.at, "add one, for instance 200: {description: …}", "the operation has no responses")
	}
}

func isStatus(s string) bool {
	if len(s) != 3 || s[0] < '1' || s[0] > '5' {
		return false
	}
	return s[1] >= '0' && s[1] <= '9' && s[2] >= '0' && s[2] <= '9'
}

// readParameters joins the path item's parameters with the operation's own, which replace those of the same name and
// place.
func (c *contract) readParameters(op *operation) {
	inherited := c.parameterList(op.item.get("parameters"))
	own := c.parameterList(op.node.get("parameters"))
	type identity struct{ name, in string }
	replaced := make(map[identity]bool, len(own))
	for _, p := range own {
		replaced[identity{p.name, p.in}] = true
	}
	for _, p := range inherited {
		if !replaced[identity{p.name, p.in}] {
			op.parameters = append(op.parameters, p)
		}
	}
	op.parameters = append(op.parameters, own...)

	seen := make(map[identity]bool, len(op.parameters))
	payloads := map[string]int{}
	for _, p := range op.parameters {
		id := identity{p.name, p.in}
		if seen[id] && p.in != "body" {
			c.problem(p.node.at, "remove one of them", "the operation has the parameter %s in %s twice", quote(p.name), quote(p.in))
		}
		seen[id] = true
		payloads[p.in]++
	}
	if payloads["body"] > 1 || payloads["body"] > 0 && payloads["formData"] > 0 {
		c.problem(op.at, "keep one body, or only form parameters", "the operation has more than one body")
	}
	c.checkPathParameters(op)
}

// checkPathParameters makes the path and its parameters agree: what is missing is a string, what is too many has no
// place where it could come from.
func (c *contract) checkPathParameters(op *operation) {
	declared := map[string]bool{}
	names := map[string]bool{}
	for _, name := range op.template.names() {
		names[name] = true
	}
	for _, p := range op.parameters {
		if p.in != "path" {
			continue
		}
		declared[p.name] = true
		if !names[p.name] {
			c.problem(p.node.at, "add {"+clip(p.name)+"} to the path, or remove the parameter",
				"the path %s has no place for the parameter %s", quote(op.template.String()), quote(p.name))
		}
	}
	for _, name := range op.template.names() {
		if !declared[name] {
			c.warn(op.at, "declare it", "the path's parameter %s is not declared; it is taken to be a string", quote(name))
			n := node{kind: mapping}
			n.add("name", stringNode(name))
			n.add("in", stringNode("path"))
			n.add("required", trueNode())
			n.add("type", stringNode("string"))
			op.parameters = append(op.parameters, parameter{node: &n, settled: &n, name: name, in: "path"})
		}
	}
}

func (c *contract) parameterList(n *node) []parameter {
	if n == nil || n.kind != sequence {
		return nil
	}
	list := make([]parameter, 0, len(n.items))
	for i := range n.items {
		p := &n.items[i]
		settled := c.settled(p, parameters)
		if settled == nil || settled.kind != mapping {
			continue // reported by scan
		}
		name, in := settled.str("name"), settled.str("in")
		if c.checkParameter(p.at, settled, name, in) {
			list = append(list, parameter{p, settled, name, in})
		}
	}
	return list
}

func (c *contract) checkParameter(at position, n *node, name, in string) bool {
	switch in {
	case "path", "query", "header", "formData":
		if n.str("type") == "object" {
			c.problem(at, "take it apart, or make it the body", "the parameter %s is an object, which only a body can be", quote(name))
		}
	case "body":
	default:
		c.problem(at, "write in: path, query, header, formData or body", "the parameter %s is in %s", quote(name), quote(in))
		return false
	}
	if name == "" && in != "body" {
		c.problem(at, "add name: …", "a parameter has no name")
		return false
	}
	return true
}

// hasParameters tells whether the operation can't be called with its path alone.
func (op *operation) hasParameters() bool {
	for _, p := range op.parameters {
		if p.in == "path" || p.settled.isTrue("required") {
			return true
		}
	}
	return false
}
