package openapi

import (
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// ref is the reference that a value of a shape is, none where it is something else.
func ref(v value, s shape) value {
	if r := v.get("$ref"); r.ok() && s.isReference(r) {
		return r
	}
	return value{}
}

// locate finds what a reference leads to. What is wrong with it is reported, once.
func (c *compiler) locate(r value, s shape) value {
	if !r.is(text) {
		c.problem(r.at(), RuleReference, "write $ref: '"+c.example(s)+"'", "a reference has to be a string, not %s", r.kind())
		return value{}
	}
	key := referenceKey{r.t, r.text()}
	if target, known := c.references[key]; known {
		return target
	}
	target := c.follow(r)
	c.references[key] = target
	return target
}

func (c *compiler) example(s shape) string {
	if sec, ok := s.section(); ok {
		return sec.pointer(c.in) + "NAME"
	}
	return "FILE"
}

func (c *compiler) follow(r value) value {
	file, fragment, hasFragment := strings.Cut(r.text(), "#")
	t := r.t
	if file != "" {
		if t = c.sources.open(r.t, file, r.at()); t == nil {
			return value{}
		}
	}
	if !hasFragment || fragment == "" {
		if t == c.sources.root {
			c.problem(r.at(), RuleReference, "name what it refers to", "the reference %s leads to the whole document", quote(r.text()))
			return value{}
		}
		return t.root()
	}
	if !strings.HasPrefix(fragment, "/") {
		c.problem(r.at(), RuleReference, "write a pointer like #/components/schemas/NAME", "the reference %s is not a JSON Pointer", quote(r.text()))
		return value{}
	}
	target := lookUp(t.root(), pointer(fragment))
	if !target.ok() {
		c.problem(r.at(), RuleReference, "correct the name, or add what it refers to", "the reference %s leads nowhere", quote(r.text()))
	}
	return target
}

// pointer splits the fragment of a reference: a JSON Pointer (RFC 6901, section 6), percent-encoded.
func pointer(fragment string) []string {
	tokens := strings.Split(strings.TrimPrefix(fragment, "/"), "/")
	for i, t := range tokens {
		if decoded, err := url.PathUnescape(t); err == nil {
			t = decoded
		}
		if strings.Contains(t, "~") {
			t = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
		}
		tokens[i] = t
	}
	return tokens
}

func lookUp(v value, tokens []string) value {
	for _, t := range tokens {
		if v.is(sequence) {
			v = itemAt(v, t)
		} else {
			v = v.get(t)
		}
		if !v.ok() {
			return value{}
		}
	}
	return v
}

func itemAt(list value, token string) value {
	n, err := strconv.Atoi(token)
	if err != nil || n < 0 {
		return value{}
	}
	for item := range list.items() {
		if n == 0 {
			return item
		}
		n--
	}
	return value{}
}

// resolve finds the item that a reference means; -1 where there is none, which is reported then.
func (c *compiler) resolve(r value, s shape) int {
	sec, ok := s.section()
	if !ok || !slices.Contains(sections(c.in), sec) {
		c.problem(r.at(), RuleReference, "write it out", "%s can't be a reference", s.name())
		return -1
	}
	target := c.locate(r, s)
	if !target.ok() {
		return -1
	}
	if !s.fits(target.kind()) || target.is(sequence) {
		c.problem(r.at(), RuleReference, "refer to "+s.name(), "the reference %s leads to %s, not to %s", quote(r.text()), target.kind(), s.name())
		return -1
	}
	if sec, ok = c.sectionOf(sec, target); !ok {
		return -1 // written out where it is used
	}
	if index, known := c.items[itemKey{target.t, target.i, sec}]; known {
		return index
	}
	return c.addItem(sec, hoistedName(c.sources.root, target.t, r.text()), target.at(), target)
}

// hoistedName makes a name for a value in the middle of the document or in another file: its place moves when documents
// are composed.
func hoistedName(root, t *tree, ref string) string {
	_, fragment, _ := strings.Cut(ref, "#")
	tokens := pointer(fragment)
	if t == root {
		return identifier(strings.Join(tokens, "_"))
	}
	if n := len(tokens); n > 1 && slices.Contains([]string{"components", "definitions", "$defs"}, tokens[0]) {
		return safeName(tokens[n-1])
	}
	base := path.Base(t.file)
	words := []string{strings.TrimSuffix(base, path.Ext(base))}
	if fragment != "" {
		words = append(words, tokens...)
	}
	return safeName(strings.Join(words, "_"))
}

// maxChain is how many references in a row are followed until there is a value.
const maxChain = 100

// settled follows references from a value to what they mean; none where they lead nowhere, which is reported then.
func (c *compiler) settled(v value, s shape) value {
	for range maxChain {
		r := ref(v, s)
		if !r.ok() {
			return v
		}
		if v = c.locate(r, s); !v.ok() {
			return value{}
		}
	}
	return value{}
}

// checkChain reports an item that is only a reference to a reference and so on, without an end.
func (c *compiler) checkChain(it *item, v value) {
	if r := ref(v, it.section.shape()); r.ok() && c.locate(r, it.section.shape()).ok() && !c.settled(v, it.section.shape()).ok() {
		c.problem(it.at, RuleReference, "write out what it is", "%s in %s is nothing but references to references",
			quote(it.name), it.section.in(c.in))
	}
}

// sectionOf is the section of the target that a shared value of a section belongs to; none where the target has no such
// thing to share: form fields, which are parameters only in OpenAPI 2.0.
func (c *compiler) sectionOf(s section, v value) (section, bool) {
	if s != parameters || c.in != v2 || c.target == v2 {
		return s, true
	}
	switch c.settled(v, parameterObject).str("in") {
	case "body":
		return requestBodies, true
	case "formData":
		return s, false
	}
	return s, true
}

// buildReference builds a value that is only a reference, and tells whether it could.
func (c *compiler) buildReference(r value, s shape) bool {
	index := c.resolve(r, s)
	if index < 0 {
		return false
	}
	start := c.builder.begin(mapping)
	c.builder.key("$ref")
	c.toItem(index)
	c.builder.end(start)
	return true
}

// checkBeside reports what stands beside a reference of OpenAPI 3.1, where it replaces what the reference leads to.
func (c *compiler) checkBeside(v value) {
	for k := range v.members() {
		if key := k.text(); key == "summary" || key == "description" {
			c.loss(k, "in OpenAPI 3.0, nothing beside a reference counts", "put it into what is referred to")
		}
	}
}

func (c *compiler) toItem(index int) {
	c.targets = append(c.targets, index)
	c.builder.hole(toItem, index)
}

func distinctInts(list []int) []int {
	slices.Sort(list)
	return slices.Clip(slices.Compact(list))
}

// build builds a value of a shape: as it is, but with references to items, and schemas in the target's version.
func (c *compiler) build(v value, s shape) {
	switch {
	case s == data:
		c.builder.data(v)
	case s == schemaObject:
		c.buildSchema(v)
	case !s.fits(v.kind()):
		c.problem(v.at(), RuleStructure, "", "%s can't be %s", s.name(), v.kind())
		c.builder.data(v)
	case v.is(sequence):
		start := c.builder.begin(sequence)
		for item := range v.items() {
			c.build(item, s.item())
		}
		c.builder.end(start)
	case v.is(mapping):
		if r := ref(v, s); r.ok() && c.in == v31 && s != pathItem {
			c.checkBeside(v)
			if !c.buildReference(r, s) {
				c.builder.end(c.builder.begin(mapping))
			}
			return
		}
		start := c.builder.begin(mapping)
		c.buildMembers(v, s)
		c.builder.end(start)
	default:
		c.builder.data(v)
	}
}

// buildMembers builds the members of a mapping.
func (c *compiler) buildMembers(v value, s shape) {
	for k, m := range v.members() {
		c.buildMember(k, m, s)
	}
}

func (c *compiler) buildMember(k, m value, s shape) {
	key := k.text()
	switch {
	case key == "$ref" && s == pathItem:
		c.problem(k.at(), RuleReference, "write out the path item", "a path item of a callback can't be a reference")
	case key == "$ref" && s.isReference(m):
		index := c.resolve(m, s)
		if index < 0 {
			return
		}
		c.builder.key(key)
		c.toItem(index)
	case s == linkObject && (key == "operationId" || key == "operationRef") && m.is(text):
		c.buildLinked(k, m)
	case s == mappingObject:
		c.builder.key(key)
		c.buildMapped(m)
	default:
		c.builder.key(key)
		c.build(m, s.child(c.in, key))
	}
}

// linked is the operation that a link leads to, by its operationId or its path and method in its document.
type linked struct{ id, path, method string }

// buildLinked builds the operation of a link. Its operationId may change, and so may its place.
func (c *compiler) buildLinked(k, v value) {
	to := linked{id: strings.Clone(v.text())}
	if k.text() == "operationRef" {
		var ok bool
		if to, ok = c.linkedBy(v); !ok {
			c.warn(v.at(), RuleReference, "write the operationId of one of the document's own operations",
				"the link to %s leads out of the document", quote(v.text()))
			c.builder.member(k, v)
			return
		}
	}
	c.builder.key("operationId")
	c.builder.hole(linkTo, len(c.contract.links))
	c.contract.links = append(c.contract.links, to)
	c.linksAt = append(c.linksAt, v.at())
}

// checkLinks reports links that lead to no operation.
func (c *compiler) checkLinks() {
	known := make(map[string]bool, len(c.operations))
	for _, op := range c.operations {
		known[op.id] = true
	}
	for i, to := range c.contract.links {
		if to.id != "" && !known[to.id] {
			c.warn(c.linksAt[i], RuleReference, "correct the operationId", "no operation of the document is called %s", quote(to.id))
		}
	}
}

// linkedBy finds the operation of the document that an operationRef means: by its path, or by its place in the file that
// its path item is kept in.
func (c *compiler) linkedBy(v value) (linked, bool) {
	name, fragment, _ := strings.Cut(v.text(), "#")
	if c.operationNodes == nil {
		c.findOperations()
	}
	t := v.t
	if name != "" {
		file, no := inRepository(v.t, name)
		if t = c.sources.trees[file]; file == c.sources.root.file {
			t = c.sources.root
		}
		if no.text != "" || t == nil {
			return linked{}, false
		}
	}
	tokens := pointer(fragment)
	if t == c.sources.root && len(tokens) == 3 && tokens[0] == "paths" {
		to := linked{path: strings.Clone(tokens[1]), method: strings.Clone(tokens[2])}
		return to, c.operationPlaces[to]
	}
	target := lookUp(t.root(), tokens)
	to, ok := c.operationNodes[itemKey{tree: target.t, entry: target.i}]
	return to, ok
}

// findOperations notes where all operations stand. Of one that several paths share, the first path counts.
func (c *compiler) findOperations() {
	c.operationNodes, c.operationPlaces = map[itemKey]linked{}, map[linked]bool{}
	for k, item := range c.root.get("paths").members() {
		if !strings.HasPrefix(k.text(), "/") {
			continue
		}
		for m, n := range c.settled(item, pathItem).members() {
			if !isMethod(c.in, m.text()) {
				continue
			}
			to := linked{path: strings.Clone(k.text()), method: m.text()}
			c.operationPlaces[to] = true
			at := itemKey{tree: n.t, entry: n.i}
			if _, known := c.operationNodes[at]; !known {
				c.operationNodes[at] = to
			}
		}
	}
}
