package openapi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Render writes the composed document in the options' format. Equal compositions are written alike to the byte. The error
// is an [*Error] when the document is larger than it may be.
func (c *Composition) Render() ([]byte, error) {
	a := &assembler{Composition: c, document: newDocumentWriter(c.settings.format, c.size()), backends: map[backendKey]string{}}
	a.root()
	if a.full() {
		return nil, &Error{Findings: []Finding{{
			Rule:    RuleLimit,
			Message: fmt.Sprintf("the composed document has more than %d bytes", c.options.Limits.ResultBytes),
			Hint:    "leave out examples, or make two gateways of it",
		}}}
	}
	return a.document.b, nil
}

// size is about how many bytes the document has.
func (c *Composition) size() int {
	size := 4096
	for _, p := range c.parts {
		for _, op := range p.placed {
			size += int(op.end-op.start) + 24*int(op.lastHole-op.firstHole) + 320
		}
	}
	for s := range c.shared {
		for _, it := range c.shared[s] {
			f := it.item().fragment
			size += int(f.end-f.start) + 40*int(f.lastHole-f.firstHole) + 32
		}
	}
	return min(size, c.options.Limits.ResultBytes+4096)
}

// An assembler writes a composed document out of the parts' fragments.
type assembler struct {
	*Composition
	document *documentWriter
	backends map[backendKey]string // written out for OpenAPI 2.0, by name for 3.0
}

// backendKey is one of the ways in which a service is called.
type backendKey struct {
	part *part
	rule backendRule
}

func (a *assembler) full() bool { return len(a.document.b) > a.options.Limits.ResultBytes }

func (a *assembler) root() {
	d := a.document
	if a.settings.target == v2 {
		d.member("swagger", func(b *builder) { b.text("2.0") })
	} else {
		d.member("openapi", func(b *builder) { b.text(openAPI3) })
	}
	d.member("info", a.info)
	if a.settings.target == v2 {
		d.member("schemes", func(b *builder) { b.texts("https") })
		d.memberUnlessEmpty("x-google-management", a.management2)
	} else {
		d.member("x-google-api-management", a.management3)
	}
	d.memberUnlessEmpty("tags", a.tags)
	used := a.usedSchemes()
	if a.settings.target == v2 && len(used) > 0 {
		d.member("securityDefinitions", func(b *builder) { a.settings.security.build(b, used, v2) })
	}
	a.paths()
	if a.settings.target == v2 {
		a.sections()
	} else if a.hasComponents() || len(used) > 0 {
		d.open("components")
		a.sections()
		if len(used) > 0 {
			d.member("securitySchemes", func(b *builder) { a.settings.security.build(b, used, v30) })
		}
		d.close()
	}
	d.close()
}

func (a *assembler) info(b *builder) {
	start := b.begin(mapping)
	b.pair("title", cmp.Or(a.options.Title, "API"))
	if a.options.Description != "" {
		b.pair("description", a.options.Description)
	}
	b.pair("version", cmp.Or(a.options.Version, "1"))
	b.end(start)
}

func (a *assembler) usedSchemes() map[string]bool {
	used := map[string]bool{}
	for _, p := range a.parts {
		for _, op := range p.placed {
			for _, name := range op.schemes {
				used[name] = true
			}
		}
	}
	return used
}

func (a *assembler) hasComponents() bool {
	return slices.ContainsFunc(a.shared[:], func(list []sharedItem) bool { return len(list) > 0 })
}

func (a *assembler) paths() {
	d := a.document
	if len(a.groups) == 0 {
		d.member("paths", func(b *builder) { b.end(b.begin(mapping)) })
		return
	}
	d.open("paths")
	for _, g := range a.groups {
		if a.full() {
			break
		}
		d.open(g[0].path)
		for _, op := range g {
			d.key(op.method)
			a.copy(op.owner, op.fragment, op)
		}
		a.extras(g)
		d.close()
	}
	d.close()
}

// extras writes the extensions of the path items that a path's operations come from.
func (a *assembler) extras(group []*placed) {
	written := map[string]bool{}
	for _, op := range group {
		for _, i := range op.extras {
			if e := &op.owner.extras[i]; !written[e.key] {
				written[e.key] = true
				a.document.key(e.key)
				a.copy(op.owner, e.fragment, op)
			}
		}
	}
}

func (a *assembler) sections() {
	for _, s := range sections(a.settings.target) {
		if len(a.shared[s]) == 0 {
			continue
		}
		a.document.open(s.in(a.settings.target))
		for _, it := range a.shared[s] {
			if a.full() {
				return
			}
			a.document.key(it.name)
			a.copy(it.part, it.item().fragment, nil)
		}
		a.document.close()
	}
}

// copy writes a fragment with its holes filled in.
func (a *assembler) copy(p *part, f fragment, op *placed) {
	d := a.document
	from := f.start
	for _, h := range p.holes[f.firstHole:f.lastHole] {
		d.b = append(d.b, p.text[from:h.offset]...)
		from = h.offset
		a.fill(p, h, op)
	}
	d.b = append(d.b, p.text[from:f.end]...)
}

func (a *assembler) fill(p *part, h hole, op *placed) {
	d := a.document
	switch h.kind {
	case toItem:
		a.reference(p, int(h.at))
	case pathName:
		d.string(op.names[h.at])
	case operationID:
		d.string(op.id)
	case linkTo:
		d.string(p.linkIDs[p.links[h.at]])
	case backendOf:
		d.raw(a.backend(op))
	case inlineName:
		in := &p.inlined[h.at]
		if op.names[in.segment] != op.operation.names[in.segment] {
			a.copy(p, in.fragment, op)
			return
		}
		if d.format == JSON {
			d.raw(`{"$ref":`)
			a.reference(p, in.item)
			d.raw("}")
			return
		}
		d.raw("$ref: ")
		a.reference(p, in.item)
		d.raw("\n")
	case noHole:
	}
}

// reference writes a reference to a shared value. Final names have nothing that a JSON Pointer escapes.
func (a *assembler) reference(p *part, item int) {
	d := a.document
	d.b = append(d.b, '"')
	d.raw(p.items[item].section.pointer(a.settings.target))
	d.raw(p.final[item])
	d.b = append(d.b, '"')
}

// backend is what stands after x-google-backend and its colon.
func (a *assembler) backend(op *placed) string {
	key := backendKey{op.owner, op.backend}
	if known, ok := a.backends[key]; ok {
		return known
	}
	var b builder
	op.backend.build(&b, op.owner.document.Backend, v2)
	var w writer
	a.settings.format.value(&w, b.nodes, operationDepth+1)
	a.backends[key] = string(w.b)
	return string(w.b)
}

// management3 builds x-google-api-management, and names the backends.
func (a *assembler) management3(b *builder) {
	start := b.begin(mapping)
	b.key("backends")
	list := b.begin(mapping)
	taken := newNames(strings.ToLower)
	for _, p := range a.parts {
		for _, op := range p.placed {
			key := backendKey{p, op.backend}
			if _, known := a.backends[key]; known {
				continue
			}
			name := taken.take(safeName(p.document.Service))
			b.key(name)
			op.backend.build(b, p.document.Backend, v30)
			a.backends[key] = a.settings.format.scalar(name)
		}
	}
	b.end(list)
	if metrics := a.named(metricsOf); len(metrics) > 0 {
		b.key("metrics")
		buildMap(b, metrics)
	}
	if limits := a.named(limitsOf); len(limits) > 0 {
		b.key("quota")
		quota := b.begin(mapping)
		b.key("limits")
		buildMap(b, limits)
		b.end(quota)
	}
	b.end(start)
}

// management2 builds x-google-management.
func (a *assembler) management2(b *builder) {
	start := b.begin(mapping)
	if metrics := a.named(metricsOf); len(metrics) > 0 {
		b.key("metrics")
		buildList(b, metrics)
	}
	if limits := a.named(limitsOf); len(limits) > 0 {
		b.key("quota")
		quota := b.begin(mapping)
		b.key("limits")
		buildList(b, limits)
		b.end(quota)
	}
	b.end(start)
}
