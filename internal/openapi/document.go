package openapi

import "slices"

// A documentWriter writes the outer structure of a document: mappings in mappings, with values that are built or copied
// in.
type documentWriter struct {
	writer
	format  Format
	depth   int
	first   bool // nothing has been written yet in the current mapping
	builder builder

	reserved int // of a share: the bytes that it may write in place
}

func newDocumentWriter(f Format, size int) *documentWriter {
	d := &documentWriter{format: f, first: true}
	d.b = make([]byte, 0, size)
	if f == JSON {
		d.raw("{")
	}
	return d
}

// share is a writer of members for the mapping that d is in. It writes into d's memory from an offset on, as long as its
// bytes are enough.
func (d *documentWriter) share(at, bytes int, first bool) *documentWriter {
	next := &documentWriter{format: d.format, depth: d.depth, first: d.first && first, reserved: bytes}
	next.b = d.b[at : at : at+bytes]
	return next
}

// join puts what shares have written behind the first start bytes, without gaps.
func (d *documentWriter) join(start int, shares []*documentWriter) {
	d.first = false
	out := d.b[:start]
	if slices.ContainsFunc(shares, func(s *documentWriter) bool { return cap(s.b) > s.reserved }) {
		out = slices.Clone(out) // a share that has moved may be longer than its place: nothing may be overwritten
	}
	for _, s := range shares {
		out = append(out, s.b...)
	}
	d.b = out
}

// key writes a key and its colon; what stands after it has to follow.
func (d *documentWriter) key(key string) {
	if d.format == YAML {
		d.indent(d.depth)
		d.yamlKey(key, d.depth)
		return
	}
	if !d.first {
		d.raw(",")
	}
	d.first = false
	d.raw("\n")
	d.indent(d.depth)
	d.quoted(key)
	d.raw(":")
}

// open starts a mapping that has something in it; close ends it, and the last one the document.
func (d *documentWriter) open(key string) {
	d.key(key)
	d.depth++
	if d.format == YAML {
		d.raw("\n")
		return
	}
	d.raw("{")
	d.first = true
}

func (d *documentWriter) close() {
	d.depth--
	if d.format == YAML {
		return
	}
	d.raw("}")
	d.first = false
	if d.depth < 0 {
		d.raw("\n")
	}
}

// member writes a value that is built for it.
func (d *documentWriter) member(key string, build func(*builder)) {
	d.builder.reset()
	build(&d.builder)
	d.key(key)
	d.format.value(&d.writer, d.builder.nodes, d.depth)
}

func (d *documentWriter) memberUnlessEmpty(key string, build func(*builder)) {
	d.builder.reset()
	build(&d.builder)
	if len(d.builder.nodes) > 1 {
		d.key(key)
		d.format.value(&d.writer, d.builder.nodes, d.depth)
	}
}

// string writes a string where one is expected within a fragment.
func (d *documentWriter) string(s string) { d.format.fill(&d.writer, s) }

// value writes what stands after a key of the given depth and its colon, with the line break at its end for YAML.
func (f Format) value(w *writer, nodes []built, depth int) {
	if f == JSON {
		w.json(nodes, 0)
		return
	}
	w.yamlValue(nodes, 0, depth)
}

// fill writes a string on the current line.
func (f Format) fill(w *writer, s string) {
	if f == JSON {
		w.quoted(s)
		return
	}
	w.yamlText(s)
}

// scalar is what stands after a key and its colon for a string.
func (f Format) scalar(s string) string {
	var w writer
	f.value(&w, []built{{kind: text, span: 1, text: s}}, 0)
	return string(w.b)
}
