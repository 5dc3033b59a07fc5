package openapi

import (
	"strings"
)

// A contract is one service's document while it is composed: the parts of its tree that Compose works with.
type contract struct {
	document *Document
	root     *node
	base     string // basePath without a slash at its end
	backend  backendRule
	security *securityRules
	// inherited is the security of operations that have none of their own; nil until one asks for it.
	inherited *[]alternative

	shared     [sectionCount]map[string]*item
	items      []*item // all of them, hoisted ones too, in the order of discovery
	references map[reference]*item
	hoisted    map[hoist]*item
	names      [sectionCount]*names // of items
	operations []*operation

	findings
}

// read understands a document. What is wrong with it is in the contract's findings afterwards.
func read(d *Document, security *securityRules) *contract {
	c := &contract{
		document: d, security: security, base: "",
		references: map[reference]*item{}, hoisted: map[hoist]*item{},
		findings: findings{service: d.Service, file: d.File},
	}
	if !c.parse() || !c.checkVersion() {
		return c
	}
	c.checkBackend()
	c.readRoot()
	c.readShared()
	c.readSecurityDefinitions()
	c.readPaths()
	c.followReferences()
	return c
}

func (c *contract) parse() bool {
	tree := c.document.Tree
	if tree == nil {
		if tree = readTree(c.document.Content, &c.findings); tree == nil {
			return false
		}
	}
	c.root = &tree.root
	if c.root.kind != mapping {
		c.problem(c.root.at, `it has to start with swagger: "2.0"`, "the document is %s, not an OpenAPI document", c.root.kind)
		return false
	}
	return true
}

func (c *contract) checkVersion() bool {
	const hint = `only OpenAPI 2.0 is composed: swagger: "2.0"`
	if v := c.root.get("openapi"); v != nil {
		c.problem(v.at, hint, "OpenAPI %s is not supported", quote(v.text))
		return false
	}
	v := c.root.get("swagger")
	switch {
	case v == nil:
		c.problem(c.root.at, hint, `the document has no "swagger" field: it is not an OpenAPI document`)
		return false
	case v.text != "2.0" && v.text != "2":
		c.problem(v.at, hint, "Swagger %s is not supported", quote(v.text))
		return false
	}
	return true
}

// readRoot checks the root's fields and says which of them are left out.
func (c *contract) readRoot() {
	for i, k := range c.root.keys {
		v := &c.root.items[i]
		switch k.name {
		case "swagger", "info", "host", "tags", "externalDocs", "x-google-backend", "x-google-management",
			"x-google-allow", "x-google-endpoints", "x-google-api-name":
			// Ours, or read where it is needed.
		case "basePath":
			c.readBasePath(v)
		case "consumes", "produces", "schemes":
			c.wantStrings(v, k.name)
		case "security":
			c.want(v, sequence, k.name)
		case "paths", "definitions", "parameters", "responses", "securityDefinitions":
			c.want(v, mapping, k.name)
		default:
			c.warn(k.at, "put it where it belongs: into a path, an operation or a definition",
				"the field %s of the whole document is left out", quote(k.name))
		}
	}
	if c.root.get("paths") == nil {
		c.problem(c.root.at, "add paths, at least an empty mapping", "the document has no paths")
	}
	c.backend = c.readBackend(c.root.get("x-google-backend"), nil)
}

func (c *contract) readBasePath(v *node) {
	if !c.want(v, text, "basePath") {
		return
	}
	if v.text != "" && !strings.HasPrefix(v.text, "/") {
		c.problem(v.at, "write /"+clip(v.text), "basePath %s does not start with a slash", quote(v.text))
		return
	}
	c.base = strings.TrimRight(v.text, "/")
	if strings.ContainsAny(c.base, "{}") {
		c.problem(v.at, "put the parameter into the paths", "basePath %s contains a parameter", quote(v.text))
		c.base = ""
	}
}

// clip keeps a text that goes into a hint short.
func clip(s string) string {
	q := quote(s)
	return q[1 : len(q)-1]
}

// want reports a value that is of another kind than it has to be.
func (c *contract) want(v *node, k kind, name string) bool {
	if v.kind == k {
		return true
	}
	c.problem(v.at, "", "%s has to be %s, not %s", quote(name), k, v.kind)
	return false
}

func (c *contract) wantStrings(v *node, name string) bool {
	if !c.want(v, sequence, name) {
		return false
	}
	for i := range v.items {
		if !c.want(&v.items[i], text, name+"[]") {
			return false
		}
	}
	return true
}

// readShared collects the definitions, parameters and responses.
func (c *contract) readShared() {
	for s := range sectionCount {
		c.shared[s] = map[string]*item{}
		c.names[s] = newNames(func(name string) string { return name })
		n := c.root.get(s.String())
		if n == nil || n.kind != mapping {
			continue
		}
		for i, k := range n.keys {
			if strings.HasPrefix(k.name, "x-") && s != definitions && n.items[i].kind != mapping {
				continue // an extension
			}
			shared := &item{owner: c, section: s, name: k.name, final: k.name, node: &n.items[i], at: k.at}
			c.shared[s][c.names[s].take(k.name)] = shared
			c.items = append(c.items, shared)
		}
	}
}
