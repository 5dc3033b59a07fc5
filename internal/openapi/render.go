package openapi

import "fmt"

// Render writes the composed document. Equal compositions are written alike to the byte. The error is an [*Error] when
// the document is larger than API Gateway should be given.
func (c *Composition) Render(f Format) ([]byte, error) {
	w := &writer{}
	switch f {
	case JSON:
		w.json(&c.root, 0)
		w.raw("\n")
	case YAML:
		w.yaml(&c.root, 0)
	default:
		return nil, fmt.Errorf("rendering the composed document: unknown format %q", f)
	}
	if w.full() {
		return nil, tooLarge()
	}
	return w.b, nil
}

// A writer collects text. Once it has more than may be written, it takes no more.
type writer struct{ b []byte }

func (w *writer) full() bool { return len(w.b) > maxOutputBytes }

func (w *writer) raw(s string) { w.b = append(w.b, s...) }

func (w *writer) indent(depth int) {
	for range depth {
		w.b = append(w.b, ' ', ' ')
	}
}

const hexDigits = "0123456789abcdef"

// quoted writes a string in double quotes. The result is the same string in JSON and in YAML: what either doesn't allow
// within quotes is escaped in a way that both know.
func (w *writer) quoted(s string) {
	w.b = append(w.b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.b = append(w.b, '\\', byte(r))
		case r == '\n':
			w.b = append(w.b, '\\', 'n')
		case r == '\t':
			w.b = append(w.b, '\\', 't')
		case r == '\r':
			w.b = append(w.b, '\\', 'r')
		case r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff:
			w.b = append(w.b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		default:
			w.b = append(w.b, string(r)...)
		}
	}
	w.b = append(w.b, '"')
}

func (w *writer) json(n *node, depth int) {
	switch {
	case w.full():
	case n.kind == null:
		w.raw("null")
	case n.kind == text:
		w.quoted(n.text)
	case n.kind == sequence:
		w.jsonItems(n, "[", "]", depth)
	case n.kind == mapping:
		w.jsonItems(n, "{", "}", depth)
	default:
		w.raw(n.text)
	}
}

func (w *writer) jsonItems(n *node, open, end string, depth int) {
	w.raw(open)
	for i := range n.items {
		if i > 0 {
			w.raw(",")
		}
		w.raw("\n")
		w.indent(depth + 1)
		if n.kind == mapping {
			w.quoted(n.keys[i].name)
			w.raw(": ")
		}
		w.json(&n.items[i], depth+1)
		if w.full() {
			return
		}
	}
	if len(n.items) > 0 {
		w.raw("\n")
		w.indent(depth)
	}
	w.raw(end)
}
