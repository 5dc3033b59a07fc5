package openapi

import (
	"strings"
)

// yaml writes a mapping or sequence as a block whose lines start at the depth, anything else on the current line. It ends
// with a line break.
func (w *writer) yaml(n *node, depth int) {
	switch {
	case w.full():
	case n.kind == mapping && len(n.items) > 0:
		for i := range n.items {
			w.indent(depth)
			w.yamlEntry(n.keys[i].name, &n.items[i], depth)
		}
	case n.kind == sequence && len(n.items) > 0:
		for i := range n.items {
			w.indent(depth)
			w.raw("- ")
			w.yamlItem(&n.items[i], depth)
		}
	default:
		w.yamlScalar(n, depth)
		w.raw("\n")
	}
}

// yamlItem writes an entry of a list: the first key of a mapping follows the dash.
func (w *writer) yamlItem(n *node, depth int) {
	if n.kind == mapping && len(n.items) > 0 {
		for i := range n.items {
			if w.full() {
				return
			}
			if i > 0 {
				w.indent(depth + 1)
			}
			w.yamlEntry(n.keys[i].name, &n.items[i], depth+1)
		}
		return
	}
	if n.kind == sequence && len(n.items) > 0 {
		for i := range n.items {
			if i > 0 {
				w.indent(depth + 1)
			}
			w.raw("- ")
			w.yamlItem(&n.items[i], depth+1)
		}
		return
	}
	w.yamlScalar(n, depth)
	w.raw("\n")
}

// maxImplicitKey is how long a key may be without a question mark before it: YAML says 1024 characters.
const maxImplicitKey = 1000

// yamlEntry writes a key and what is under it.
func (w *writer) yamlEntry(name string, n *node, depth int) {
	start := len(w.b)
	w.yamlText(name)
	if len(w.b)-start > maxImplicitKey {
		w.b = append(w.b[:start], "? "...)
		w.yamlText(name)
		w.raw("\n")
		w.indent(depth)
	}
	w.raw(":")
	if len(n.items) > 0 {
		w.raw("\n")
		w.yaml(n, depth+1)
		return
	}
	w.raw(" ")
	w.yamlScalar(n, depth)
	w.raw("\n")
}

func (w *writer) yamlScalar(n *node, depth int) {
	switch n.kind {
	case null:
		w.raw("null")
	case text:
		if isBlock(n.text) {
			w.yamlBlock(n.text, depth+1)
			return
		}
		w.yamlText(n.text)
	case sequence:
		w.raw("[]")
	case mapping:
		w.raw("{}")
	default:
		w.raw(n.text)
	}
}

// yamlText writes a string on one line: as it is where no reader could take it for something else.
func (w *writer) yamlText(s string) {
	if isPlain(s) {
		w.raw(s)
		return
	}
	w.quoted(s)
}

// isPlain tells whether a string may stand in YAML without quotes. It is stricter than YAML, so that readers of YAML 1.1
// and 1.2 agree.
func isPlain(s string) bool {
	if s == "" || len(s) > 400 || isReserved(s) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		switch {
		case letter || c == '/' && (i > 0 || len(s) > 1):
		case i == 0:
			return false
		case c >= '0' && c <= '9' || strings.IndexByte("_-./(){}+=$@;!?'*,%", c) >= 0:
		case c == ' ' || c == ':':
			if i == len(s)-1 || s[i:i+2] == " #" || s[i:i+2] == ": " {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// isReserved tells whether some version of YAML takes the word for something else than a string.
func isReserved(s string) bool {
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return true
	}
	return false
}

// isBlock tells whether a string of several lines may be written as a literal block: it has nothing that has to be
// escaped, no space that an editor could remove, and ends with one line break or none.
func isBlock(s string) bool {
	if !strings.Contains(s, "\n") || s[0] == ' ' || s[0] == '\n' || strings.HasSuffix(s, "\n\n") {
		return false
	}
	for _, r := range s {
		if r != '\n' && r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	for line := range strings.SplitSeq(s, "\n") {
		if strings.HasSuffix(line, " ") {
			return false
		}
	}
	return true
}

func (w *writer) yamlBlock(s string, depth int) {
	body, chomped := strings.CutSuffix(s, "\n")
	w.raw("|")
	if !chomped {
		w.raw("-")
	}
	for line := range strings.SplitSeq(body, "\n") {
		w.raw("\n")
		if line != "" {
			w.indent(depth)
			w.raw(line)
		}
		if w.full() {
			return
		}
	}
}
