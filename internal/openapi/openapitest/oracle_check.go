package openapitest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Check compares a composed document, JSON in OpenAPI 2.0 or 3.0, with the documents that it is made of. It answers what
// differs, in words; nothing if every operation of every document is in the composed one exactly once, with its provenance,
// and means the same, and if there is nothing else.
//
// Operations may have other operationIds, paths other names of parameters, and shared values other names or places.
// A document that becomes one of OpenAPI 3.0 may lose keywords that 3.0 has no equal of, and only those (see lost).
func Check(services []Service, composed []byte, provenance []Operation) []string {
	const file = "composed.json"
	result, err := loadDocument("", file, map[string][]byte{file: composed})
	if err != nil {
		return []string{"the composed document: " + err.Error()}
	}
	result.composed = true
	c := &checker{result: result, byKey: map[string]*operation{}, equal: map[pair]bool{}}
	if result.version == v31 {
		c.report("the composed document is of OpenAPI 3.1")
	}
	for _, o := range result.operations {
		if c.byKey[o.key] != nil {
			c.report("%s %s is in the composed document twice", o.method, o.path)
		}
		c.byKey[o.key] = o
	}
	c.checkResult()
	left := maps.Clone(c.byKey)
	origin := c.readProvenance(provenance)
	for _, s := range services {
		d, err := loadDocument(s.Name, s.File, s.Files)
		if err != nil {
			c.report("the document of %s: %s", s.Name, err)
			continue
		}
		if result.version == v2 && d.version != v2 {
			c.report("the document of %s is of OpenAPI %s, and the composed one of 2.0", s.Name, d.version)
		}
		d.converted = d.version != result.version
		for _, o := range d.operations {
			delete(left, o.key)
			c.checkOperation(o, origin[o.key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(left)) {
		c.report("%s is invented", key)
	}
	return c.reports
}

type checker struct {
	result  *document
	byKey   map[string]*operation
	equal   map[pair]bool
	reports []string
}

func (c *checker) report(format string, args ...any) {
	c.reports = append(c.reports, fmt.Sprintf(format, args...))
}

// readProvenance is the provenance by method and path.
func (c *checker) readProvenance(list []Operation) map[string]Operation {
	byKey := make(map[string]Operation, len(list))
	for _, p := range list {
		o := &operation{method: p.Method}
		o.setPath(p.Path)
		if _, ok := byKey[o.key]; ok {
			c.report("the provenance has %s %s twice", p.Method, p.Path)
		}
		byKey[o.key] = p
		if r := c.byKey[o.key]; r == nil || r.path != p.Path {
			c.report("the provenance has %s %s, which is not in the composed document", p.Method, p.Path)
		}
	}
	return byKey
}

func (c *checker) checkOperation(o *operation, origin Operation) {
	r := c.byKey[o.key]
	if r == nil {
		c.report("%s is lost", o)
		return
	}
	if origin.Service != o.document.service || origin.File != o.file || origin.Line != o.line {
		c.report("%s: the provenance has %s, %s:%d", o, origin.Service, origin.File, origin.Line)
	}
	compare := &comparison{equal: c.equal, assumed: map[pair]bool{}}
	compare.compare(o.meaning(), r.meaning())
	if len(compare.found) == 0 {
		maps.Copy(c.equal, compare.assumed)
	}
	for _, difference := range compare.found {
		c.report("%s: %s", o, difference)
	}
}

// checkResult checks what has to hold for the composed document alone: operationIds are there and different, security
// definitions too, and shared schemas have no references that lead nowhere.
func (c *checker) checkResult() {
	ids := map[string]*operation{}
	for _, o := range c.result.operations {
		switch other := ids[o.id]; {
		case o.id == "":
			c.report("%s %s has no operationId in the composed document", o.method, o.path)
		case other != nil:
			c.report("%s %s and %s %s have the same operationId %q", o.method, o.path, other.method, other.path, o.id)
		}
		ids[o.id] = o
	}
	definitions := c.result.section("securityDefinitions", "securitySchemes")
	for _, o := range c.result.operations {
		list := o.node.get("security")
		if list == nil {
			list = c.result.root.get("security")
		}
		for _, item := range list.items() {
			for _, name := range item.keys {
				if definitions.get(name) == nil {
					c.report("%s %s asks for %q, which the composed document does not define", o.method, o.path, name)
				}
			}
		}
	}
	shared := c.result.section("definitions", "schemas")
	if shared == nil {
		return
	}
	seen := map[*term]bool{}
	for i, name := range shared.keys {
		c.walk(c.result.schema(shared.kids[i]), "the shared schema "+name, seen)
	}
}

func (c *checker) walk(t *term, where string, seen map[*term]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	t.settle()
	if rest, ok := strings.CutPrefix(t.label, brokenLabel); ok {
		c.report("%s: %s", where, rest)
	}
	for _, kid := range t.kids {
		c.walk(kid, where, seen)
	}
}
