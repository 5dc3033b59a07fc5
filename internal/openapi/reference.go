package openapi

import (
	"net/url"
	"strconv"
	"strings"
)

// An item is a definition, parameter or response that operations share. Each service's is one of its own until names
// are settled.
type item struct {
	owner   *contract
	section section
	name    string // in its own document
	final   string // in the composed one
	node    *node
	at      position
	class   int     // items of one name and class mean the same
	targets []*item // of its references, in a canonical order; only where another service has an item of the name
}

// reference is a $ref as it is written, at a place where values are kept in the section.
type reference struct {
	text    string
	section section
}

// hoist is a value that a reference points at but that is not shared by name: it gets a name.
type hoist struct {
	node    *node
	section section
}

// followReferences resolves every reference of the document, those of values too that become items on the way.
func (c *contract) followReferences() {
	for i := 0; i < len(c.items); i++ { // grows as values are hoisted
		c.scan(c.items[i].node, c.items[i].section.shape())
	}
	for _, it := range c.items {
		c.checkChain(it)
	}
}

// scan checks the kinds of the values below a node and resolves its references.
func (c *contract) scan(n *node, s shape) {
	if s == data {
		return
	}
	if !s.fits(n.kind) {
		if s == schemaObject && n.kind == null {
			return // `schema:` with nothing after it: anything goes
		}
		c.problem(n.at, "", "%s can't be %s", s.name(), n.kind)
		return
	}
	if n.kind == sequence {
		for i := range n.items {
			c.scan(&n.items[i], s.item())
		}
		return
	}
	for i, k := range n.keys {
		v := &n.items[i]
		if k.name == "$ref" && s.isReference(v) {
			c.resolve(v, s)
			continue
		}
		c.scan(v, s.child(k.name))
	}
}

// isReference tells whether the value of the key $ref is a reference here. Properties and headers may have that name.
func (s shape) isReference(v *node) bool {
	switch s {
	case data, schemaMap, headerMap, parameterList:
		return false
	default:
		return v.kind == text || s != schemaObject
	}
}

// resolve finds the item that a $ref means, and reports references that nothing may follow.
func (c *contract) resolve(v *node, s shape) *item {
	sec, ok := s.section()
	if !ok {
		c.problem(v.at, "write it out", "%s can't be a reference", s.name())
		return nil
	}
	if v.kind != text {
		c.problem(v.at, "write $ref: '#/definitions/NAME'", "a reference has to be a string, not %s", v.kind)
		return nil
	}
	ref := reference{v.text, sec}
	if it, ok := c.references[ref]; ok {
		return it
	}
	if !strings.HasPrefix(v.text, "#/") {
		c.problem(v.at, "put what it refers to into this document and write #/"+sec.String()+"/NAME",
			"the reference %s leads out of the document", quote(v.text))
		return nil
	}
	tokens := pointer(v.text)
	if len(tokens) == 2 && tokens[0] == sec.String() {
		if it := c.shared[sec][tokens[1]]; it != nil {
			c.references[ref] = it
			return it
		}
	}
	target := lookUp(c.root, tokens)
	if target == nil {
		c.problem(v.at, "correct the name, or add what it refers to", "the reference %s leads nowhere", quote(v.text))
		return nil
	}
	if !s.fits(target.kind) || target.kind == sequence {
		c.problem(v.at, "refer to "+s.name(), "the reference %s leads to %s, not to %s", quote(v.text), target.kind, s.name())
		return nil
	}
	it := c.hoist(target, sec, tokens)
	c.references[ref] = it
	return it
}

// hoist makes an item of a value in the middle of the document, because its place moves when documents are composed.
func (c *contract) hoist(target *node, sec section, tokens []string) *item {
	place := hoist{target, sec}
	if it := c.hoisted[place]; it != nil {
		return it
	}
	name := c.names[sec].take(identifier(strings.Join(tokens, "_")))
	it := &item{owner: c, section: sec, name: name, final: name, node: target, at: target.at}
	c.shared[sec][name] = it
	c.hoisted[place] = it
	c.items = append(c.items, it)
	return it
}

// pointer splits the fragment of a local reference: a JSON Pointer (RFC 6901, section 6), percent-encoded.
func pointer(ref string) []string {
	fragment := strings.TrimPrefix(ref, "#/")
	tokens := strings.Split(fragment, "/")
	for i, t := range tokens {
		if decoded, err := url.PathUnescape(t); err == nil {
			t = decoded
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return tokens
}

func lookUp(n *node, tokens []string) *node {
	for _, t := range tokens {
		if n.kind == sequence {
			i, err := strconv.Atoi(t)
			if err != nil || i < 0 || i >= len(n.items) {
				return nil
			}
			n = &n.items[i]
			continue
		}
		if n = n.get(t); n == nil {
			return nil
		}
	}
	return n
}

// referenceTo writes a reference to a shared value. Final names have nothing that a JSON Pointer escapes.
func referenceTo(it *item) string {
	return "#/" + it.section.String() + "/" + it.final
}

// maxChain is how many references in a row are followed until there is a value.
const maxChain = 100

// checkChain reports an item that is only a reference to a reference and so on, without an end.
func (c *contract) checkChain(start *item) {
	it := start
	for range maxChain {
		if it = c.indirect(it.node, it.section); it == nil {
			return
		}
	}
	c.problem(start.at, "write out what it is", "%s in %s is nothing but references to references", quote(start.name), start.section)
}

// indirect is the item that a node is only a reference to, nil where it is more.
func (c *contract) indirect(n *node, sec section) *item {
	if n == nil || n.kind != mapping {
		return nil
	}
	v := n.get("$ref")
	if v == nil || v.kind != text {
		return nil
	}
	return c.references[reference{v.text, sec}]
}

// settled follows references from a node to what they mean; nil where they lead nowhere, which is reported elsewhere.
func (c *contract) settled(n *node, sec section) *node {
	for range maxChain {
		if n == nil || n.kind != mapping || n.get("$ref") == nil {
			return n
		}
		it := c.indirect(n, sec)
		if it == nil {
			return nil
		}
		n = it.node
	}
	return nil
}

// rewrite is a value as it is written in the composed document: its references carry the final names. What needs no
// change is shared with the document's own tree.
func (c *contract) rewrite(n *node, s shape) node {
	if s == data || len(n.items) == 0 {
		return *n
	}
	out, changed := *n, false
	for i := range n.items {
		v := &n.items[i]
		var now node
		switch {
		case n.kind == sequence:
			now = c.rewrite(v, s.item())
		case n.keys[i].name == "$ref" && s.isReference(v):
			now = c.rewriteReference(v, s)
		default:
			now = c.rewrite(v, s.child(n.keys[i].name))
		}
		if same(&now, v) {
			continue
		}
		if !changed {
			out.items, changed = append([]node(nil), n.items...), true
		}
		out.items[i] = now
	}
	return out
}

// same tells whether a rewritten value shares everything with the one that it was made from.
func same(a, b *node) bool {
	return a.text == b.text && len(a.items) == len(b.items) && (len(a.items) == 0 || &a.items[0] == &b.items[0])
}

func (c *contract) rewriteReference(v *node, s shape) node {
	sec, _ := s.section()
	it := c.references[reference{v.text, sec}]
	if it == nil {
		return *v
	}
	out := *v
	out.text = referenceTo(it)
	return out
}
