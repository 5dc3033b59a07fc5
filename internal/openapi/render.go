package openapi

// Format is how a document is written.
type Format string

// The formats. JSON has one line for each path, operation and shared value.
const (
	JSON Format = "json"
	YAML Format = "yaml"
)

// A hole is a place in written text where something is to be filled in.
type hole struct {
	kind   holeKind
	at     int32 // as in built
	offset int32 // in the text
	indent int32 // of what is written there, in levels
}

// A writer writes built values as text with holes.
type writer struct {
	b     []byte
	holes []hole
}

func (w *writer) raw(s string) { w.b = append(w.b, s...) }

const indentation = "                                                                "

func (w *writer) indent(depth int) {
	for n := 2 * depth; n > 0; n -= len(indentation) {
		w.b = append(w.b, indentation[:min(n, len(indentation))]...)
	}
}

func (w *writer) hole(n *built, depth int) {
	w.holes = append(w.holes, hole{n.hole, n.at, int32(len(w.b)), int32(depth)}) //nolint:gosec // documents are far smaller than 2 GB
}

// plain tells for each byte whether it can stand within quotes as it is.
var plain = func() (table [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

const hexDigits = "0123456789abcdef"

// quoted writes a string in double quotes. The result is the same string in JSON and in YAML: what either doesn't allow
// within quotes is escaped in a way that both know.
func (w *writer) quoted(s string) {
	w.b = append(w.b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		if plain[s[i]] {
			continue
		}
		w.b = append(w.b, s[start:i]...)
		i += w.escaped(s[i:]) - 1
		start = i + 1
	}
	w.b = append(w.b, s[start:]...)
	w.b = append(w.b, '"')
}

// escaped writes the first character of s within quotes and returns its length.
func (w *writer) escaped(s string) int {
	for i, r := range s {
		if i > 0 {
			return i
		}
		switch {
		case r == '"' || r == '\\':
			w.b = append(w.b, '\\', byte(r))
		case r == '\n':
			w.b = append(w.b, '\\', 'n')
		case r == '\t':
			w.b = append(w.b, '\\', 't')
		case r == '\r':
			w.b = append(w.b, '\\', 'r')
		case unprintable(r):
			w.b = append(w.b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		default:
			w.b = append(w.b, string(r)...)
		}
	}
	return len(s)
}

// unprintable tells whether JSON or YAML would not have a character as it is.
func unprintable(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff
}

// json writes the node at an index on one line, and returns the index after it.
func (w *writer) json(nodes []built, i int) int {
	n := &nodes[i]
	if n.hole != noHole {
		w.hole(n, 0)
		return i + 1
	}
	switch n.kind {
	case null:
		w.raw("null")
	case text:
		w.quoted(n.text)
	case sequence:
		w.b = append(w.b, '[')
		end := i + int(n.span)
		for j := i + 1; j < end; {
			if j > i+1 {
				w.b = append(w.b, ',')
			}
			j = w.json(nodes, j)
		}
		w.b = append(w.b, ']')
		return end
	case mapping:
		w.b = append(w.b, '{')
		end := i + int(n.span)
		for j := i + 1; j < end; {
			if j > i+1 {
				w.b = append(w.b, ',')
			}
			w.quoted(nodes[j].text)
			w.b = append(w.b, ':')
			j = w.json(nodes, j+1)
		}
		w.b = append(w.b, '}')
		return end
	default:
		w.raw(n.text)
	}
	return i + 1
}
