package openapi

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Render writes the composed document in the options' format. Equal compositions are written alike to the byte. The error
// is an [*Error] when the document is larger than it may be.
func (c *Composition) Render() ([]byte, error) {
	a := &assembler{Composition: c, document: newDocumentWriter(c.settings.format, c.size())}
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
	for _, g := range c.groups {
		size += groupSize(g)
	}
	for s := range c.shared {
		for _, it := range c.shared[s] {
			size += it.size()
		}
	}
	return min(size, c.options.Limits.ResultBytes+4096)
}

// groupSize is about how many bytes the operations of a path have.
func groupSize(group []*placed) int {
	size := 0
	for _, op := range group {
		size += op.fragment.size() + 320
	}
	return size
}

func (it sharedItem) size() int { return it.item().fragment.size() + 48 }

func (f fragment) size() int { return int(f.end-f.start) + 32*int(f.lastHole-f.firstHole) }

// An assembler writes a composed document out of the parts' fragments.
type assembler struct {
	*Composition
	document *documentWriter
}

// backendKey is one of the ways in which a service is called.
type backendKey struct {
	part *part
	rule backendRule
}

type namedRule struct {
	name string
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
	a.each(len(a.groups), func(i int) int { return groupSize(a.groups[i]) }, func(part *assembler, i int) {
		g := a.groups[i]
		part.document.open(g[0].path)
		for _, op := range g {
			part.document.key(op.method)
			part.copy(op.owner, op.fragment, op)
		}
		part.extras(g)
		part.document.close()
	})
	d.close()
}

// minimumShare is how many bytes are worth a goroutine.
const minimumShare = 256 << 10

// each writes n members of the current mapping, each processor a share of them. All write into the document's own memory,
// each where its share is expected to begin; then the gaps are closed.
func (a *assembler) each(n int, size func(i int) int, write func(part *assembler, i int)) {
	total := 0
	for i := range n {
		total += size(i)
	}
	shares := max(1, min(runtime.GOMAXPROCS(0), total/minimumShare))
	parts := make([]*documentWriter, shares)
	d := a.document
	d.b = slices.Grow(d.b, total)
	start, at, next := len(d.b), len(d.b), 0
	var writers sync.WaitGroup
	for k := range parts {
		first, bytes := next, 0
		for next < n && (bytes < total/shares || k == shares-1) {
			bytes += size(next)
			next++
		}
		part := &assembler{Composition: a.Composition, document: d.share(at, bytes, k == 0)}
		parts[k] = part.document
		at += bytes
		last := next
		writers.Go(func() {
			for i := first; i < last && !part.full(); i++ {
				write(part, i)
			}
		})
	}
	writers.Wait()
	d.join(start, parts)
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
		list := a.shared[s]
		a.each(len(list), func(i int) int { return list[i].size() }, func(part *assembler, i int) {
			part.document.key(list[i].name)
			part.copy(list[i].part, list[i].item().fragment, nil)
		})
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
		d.raw(op.backendText)
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

// nameBackends settles what stands after each operation's x-google-backend and its colon: in OpenAPI 2.0 all of it, in 3.0
// the name of one of the backends.
func (c *Composition) nameBackends() {
	taken := newNames(strings.ToLower)
	written := map[backendKey]string{}
	for _, p := range c.parts {
		for i, op := range p.placed {
			key := backendKey{p, op.backend}
			if i > 0 && op.backend == p.placed[i-1].backend {
				op.backendText = p.placed[i-1].backendText
				continue
			}
			text, known := written[key]
			if !known {
				text = c.nameBackend(p, op, taken)
				written[key] = text
			}
			op.backendText = text
		}
	}
}

func (c *Composition) nameBackend(p *part, op *placed, taken *names) string {
	if c.settings.target == v2 {
		var b builder
		op.backend.build(&b, p.document.Backend, v2)
		var w writer
		c.settings.format.value(&w, b.nodes, operationDepth+1)
		return string(w.b)
	}
	name := taken.take(safeName(p.document.Service))
	c.backends = append(c.backends, namedRule{name, p, op.backend})
	return c.settings.format.scalar(name)
}

// management3 builds x-google-api-management.
func (a *assembler) management3(b *builder) {
	start := b.begin(mapping)
	b.key("backends")
	list := b.begin(mapping)
	for _, n := range a.backends {
		b.key(n.name)
		n.rule.build(b, n.part.document.Backend, v30)
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
