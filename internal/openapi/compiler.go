package openapi

import "strings"

// settings are what contracts depend on beside their documents.
type settings struct {
	target   version // v2 or v30
	format   Format
	security *securityRules
	limits   Limits
}

// A compiler makes a contract of a document.
type compiler struct {
	settings
	*contract
	sources *sources
	root    value
	in      version // of the document

	items      map[itemKey]int
	names      [sectionCount]*names
	references map[referenceKey]value
	queue      []value // of items, by their index
	consumes   media   // the root's
	produces   media
	backend    backendRule    // the root's
	base       string         // in front of all paths, without a slash at its end
	inherited  *[]alternative // the root's security; nil until an operation asks for it

	linksAt         []place            // of the contract's links
	operationNodes  map[itemKey]linked // operations by where they stand; nil until a link asks for them
	operationPlaces map[linked]bool

	named    int           // how many items the document names itself: the first ones
	children map[int][]int // schemas by what they are made of; nil until somebody asks

	builder builder
	writer  writer
	targets []int // of what is being built
	grown   bool  // too much has been written
}

// itemKey is a place in a document whose value is shared.
type itemKey struct {
	tree    *tree
	entry   uint32
	section section
}

// referenceKey is a reference as it is written in a file.
type referenceKey struct {
	tree *tree
	text string
}

// compile understands a document. What is wrong with it is in the contract's findings afterwards; the error is one of
// reading its files.
func compile(d *Document, s settings) (*contract, error) {
	c := &compiler{
		settings: s, contract: &contract{findings: findings{file: d.File}},
		items: map[itemKey]int{}, references: map[referenceKey]value{},
	}
	t := readTree(d.File, d.Content, s.limits, &c.findings)
	if t == nil {
		c.settle()
		return c.contract, nil
	}
	c.root = t.root()
	c.sources = &sources{
		root: t, files: d.Files, limits: s.limits, report: &c.findings, trees: map[string]*tree{}, bytes: len(d.Content),
	}
	c.sources.count(t)
	if c.readVersion() {
		c.writer.b = make([]byte, 0, len(d.Content)+len(d.Content)/8)
		c.readRoot()
		c.readSecurityDefinitions()
		c.readShared()
		c.readPaths()
		c.writeItems()
		c.checkLinks()
	}
	c.contract.piece = piece{c.writer.b, c.writer.holes}
	c.contract.read = c.sources.read
	c.settle()
	return c.contract, c.sources.failed
}

// readVersion finds out what the document is.
func (c *compiler) readVersion() bool {
	if !c.root.is(mapping) {
		c.problem(c.root.at(), RuleVersion, emptyHint, "the document is %s, not an OpenAPI document", c.root.kind())
		return false
	}
	const hint = `write swagger: "2.0", or openapi: 3.0.4 or 3.1.1`
	swagger, openapi := c.root.get("swagger"), c.root.get("openapi")
	switch {
	case openapi.ok() && swagger.ok():
		c.problem(openapi.at(), RuleVersion, hint, `the document has both "swagger" and "openapi"`)
	case openapi.ok():
		c.in = version3(openapi.text())
		if c.in == noVersion {
			c.problem(openapi.at(), RuleVersion, hint, "OpenAPI %s is not supported", quote(openapi.text()))
		}
	case !swagger.ok():
		c.problem(c.root.at(), RuleVersion, hint, `the document has neither "openapi" nor "swagger": it is not an OpenAPI document`)
	case swagger.text() == "2.0" || swagger.text() == "2":
		c.in = v2
	default:
		c.problem(swagger.at(), RuleVersion, hint, "Swagger %s is not supported", quote(swagger.text()))
	}
	c.version = c.in
	if c.target == noVersion {
		c.target = max(c.in, v2)
	}
	if c.target > v2 {
		c.target = v30
	}
	return c.in != noVersion
}

func version3(s string) version {
	switch {
	case s == "3.0" || strings.HasPrefix(s, "3.0."):
		return v30
	case s == "3.1" || strings.HasPrefix(s, "3.1."):
		return v31
	}
	return noVersion
}

// converts tells whether the document is written in another version than its own.
func (c *compiler) converts() bool { return c.in != c.target }

// readRoot checks the root's fields and says which of them are left out.
func (c *compiler) readRoot() {
	for k, v := range c.root.members() {
		switch key := k.text(); key {
		case "x-google-allow", "x-google-endpoints":
			c.readOurs(k, v)
		case "swagger", "openapi", "info", "host", "externalDocs", "x-google-api-name",
			"basePath", "schemes", "servers":
			// Ours, or read where it is needed.
		case "tags":
			c.readTags(v)
		case "consumes", "produces":
			if c.in == v2 && !c.wantStrings(v, key) {
				continue
			}
		case "security":
			c.want(v, sequence, key)
		case "paths", "components", "definitions", "parameters", "responses", "securityDefinitions", "x-google-backend",
			"x-google-management", "x-google-api-management":
			// Checked where it is read.
		case "webhooks":
			c.loss(k, "what is called by others is not the gateway's", "leave it out")
		case "jsonSchemaDialect":
			c.loss(k, "OpenAPI 3.0 has one dialect", "keep to the one of OpenAPI 3.1")
		default:
			c.warn(k.at(), RuleExtension, "put it where it belongs: into a path, an operation or a shared value",
				"the field %s of the whole document is left out", quote(key))
		}
	}
	if c.in == v2 {
		c.wantStringsAt(c.root, "schemes")
		c.consumes, c.produces = readMedia(c.root.get("consumes")), readMedia(c.root.get("produces"))
	}
	if !c.root.get("paths").ok() && c.in != v31 {
		c.problem(c.root.at(), RuleStructure, "add paths, at least an empty mapping", "the document has no paths")
	}
	c.base = c.readBase(c.root, "")
	c.readManagement()
	c.backend = c.readBackend(c.root.get("x-google-backend"), nil)
}

// readOurs says what becomes of fields that decide about the whole gateway: those are not a service's to set.
func (c *compiler) readOurs(k, v value) {
	switch {
	case k.text() == "x-google-allow" && v.text() == "all":
		c.warn(k.at(), RuleExtension, "describe the operations", "%s is left out: what no document describes is not let through", quote(k.text()))
	case k.text() == "x-google-endpoints":
		for e := range v.items() {
			if allow, _ := e.member("allowCors"); allow.ok() && e.get("allowCors").text() == "true" {
				c.warn(allow.at(), RuleExtension, "describe the OPTIONS operations that browsers ask for", "allowCors is left out: it would hold for all services")
			}
		}
	}
}

// want reports a value that is of another kind than it has to be.
func (c *compiler) want(v value, k kind, name string) bool {
	if v.kind() == k {
		return true
	}
	c.problem(v.at(), RuleStructure, "", "%s has to be %s, not %s", quote(name), k, v.kind())
	return false
}

func (c *compiler) wantStrings(v value, name string) bool {
	if !c.want(v, sequence, name) {
		return false
	}
	for item := range v.items() {
		if !c.want(item, text, name+"[]") {
			return false
		}
	}
	return true
}

func (c *compiler) wantStringsAt(m value, key string) {
	if v := m.get(key); v.ok() {
		c.wantStrings(v, key)
	}
}

// shared is the mapping in which the document keeps a section's values.
func (c *compiler) shared(s section) value {
	if c.in == v2 {
		return c.root.get(s.in(v2))
	}
	return c.root.get("components").get(s.in(c.in))
}

// readShared makes items of the document's shared values.
func (c *compiler) readShared() {
	for s := range c.names {
		c.names[s] = newNames(func(name string) string { return name })
	}
	if components := c.root.get("components"); components.ok() && c.in != v2 {
		c.readComponents(components)
	}
	for _, s := range sections(c.in) {
		m := c.shared(s)
		if !m.ok() || !c.want(m, mapping, s.in(c.in)) {
			continue
		}
		for k, v := range m.members() {
			if strings.HasPrefix(k.text(), "x-") && s != schemas && !v.is(mapping) {
				continue // an extension
			}
			if into, ok := c.sectionOf(s, v); ok {
				c.addItem(into, k.text(), k.at(), v)
			}
		}
	}
	c.named = len(c.queue)
}

// readComponents says what of the components is left out.
func (c *compiler) readComponents(components value) {
	if !c.want(components, mapping, "components") {
		return
	}
	for k := range components.members() {
		switch key := k.text(); key {
		case "schemas", "responses", "parameters", "examples", "requestBodies", "headers", "securitySchemes", "links", "callbacks":
		case "pathItems": // written out where they are used
		default:
			c.warn(k.at(), RuleExtension, "put it into the values", "the field %s of the components is left out", quote(key))
		}
	}
}

func (c *compiler) addItem(s section, name string, at place, v value) int {
	index := len(c.contract.items)
	c.items[itemKey{v.t, v.i, s}] = index
	name = strings.Clone(c.names[s].take(name))
	c.contract.items = append(c.contract.items, &item{section: s, name: name, safe: safeName(name), named: hashName(s, name), at: at})
	c.queue = append(c.queue, v)
	return index
}

// writeItems writes the items, among them those that come to light on the way.
func (c *compiler) writeItems() {
	for i := 0; i < len(c.queue); i++ { // grows as values are shared by references into the middle of documents
		it, v := c.contract.items[i], c.queue[i]
		c.builder.reset()
		c.targets = nil
		links := len(c.contract.links)
		c.buildItem(it, v)
		it.links = len(c.contract.links) > links
		it.targets = distinctInts(c.targets)
		it.hash = mix(it.named, c.hash(c.builder.nodes))
		it.fragment = c.write(c.itemDepth())
		c.checkChain(it, v)
	}
}

func (c *compiler) buildItem(it *item, v value) {
	switch it.section {
	case parameters:
		c.buildParameter(v, nil)
	case requestBodies:
		c.buildRequestBody(v, c.consumes)
	case responses:
		c.buildResponse(v, c.produces)
	case headers:
		c.buildHeader(v)
	case schemas:
		it.inherits = c.inherits(v)
		c.buildSchema(v)
	default:
		c.build(v, it.section.shape())
	}
}

// write writes what has been built as a fragment, for a key at the given depth. A document that grows too much while it is
// written (what operations inherit is written with each) is not written to its end.
func (c *compiler) write(depth int) fragment {
	if c.tooLarge() {
		return fragment{}
	}
	start := fragment{start: int32(len(c.writer.b)), firstHole: int32(len(c.writer.holes))} //nolint:gosec // limited by Limits
	c.format.value(&c.writer, c.builder.nodes, depth)
	start.end, start.lastHole = int32(len(c.writer.b)), int32(len(c.writer.holes)) //nolint:gosec // as above
	return start
}

// itemDepth is the depth of an item's key.
func (c *compiler) itemDepth() int {
	if c.target == v2 {
		return 1
	}
	return 2
}

// tooLarge reports a document that would be too large for the composed one by itself.
func (c *compiler) tooLarge() bool {
	if !c.grown && (len(c.writer.b) > c.limits.ResultBytes || len(c.builder.nodes) > c.limits.Values) {
		c.grown = true
		c.problem(place{}, RuleLimit, "leave out examples, or make two gateways of it",
			"the composed document has more than %d bytes", c.limits.ResultBytes)
	}
	return c.grown
}
