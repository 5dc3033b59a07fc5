package openapi

import "strings"

// yamlValue writes what stands after a key of the given depth and its colon, up to the end of the last line, and returns
// the index after it.
func (w *writer) yamlValue(nodes []built, i, depth int) int {
	n := &nodes[i]
	switch {
	case n.hole == backendOf:
		w.hole(n, depth) // what is filled in may have lines of its own
		return i + 1
	case n.span > 1 && n.kind == mapping:
		w.b = append(w.b, '\n')
		return w.yamlMembers(nodes, i, depth+1, true)
	case n.span > 1 && n.kind == sequence:
		w.b = append(w.b, '\n')
		return w.yamlItems(nodes, i, depth+1, true)
	}
	w.b = append(w.b, ' ')
	w.yamlScalar(n, depth)
	w.b = append(w.b, '\n')
	return i + 1
}

// yamlMembers writes the members of a mapping, each on lines of its own. The first may follow something on its line.
func (w *writer) yamlMembers(nodes []built, i, depth int, indentFirst bool) int {
	end := i + int(nodes[i].span)
	for j := i + 1; j < end; {
		if j > i+1 || indentFirst {
			w.indent(depth)
		}
		w.yamlKey(nodes[j].text, depth)
		j = w.yamlValue(nodes, j+1, depth)
	}
	return end
}

// yamlItems writes the items of a list.
func (w *writer) yamlItems(nodes []built, i, depth int, indentFirst bool) int {
	end := i + int(nodes[i].span)
	for j := i + 1; j < end; {
		if j > i+1 || indentFirst {
			w.indent(depth)
		}
		w.b = append(w.b, '-', ' ')
		j = w.yamlItem(nodes, j, depth)
	}
	return end
}

// yamlItem writes an item after its dash at the given depth: the first key of a mapping follows the dash.
func (w *writer) yamlItem(nodes []built, i, depth int) int {
	n := &nodes[i]
	switch {
	case n.hole == inlineName:
		w.hole(n, depth)
		return i + 1
	case n.span > 1 && n.kind == mapping:
		return w.yamlMembers(nodes, i, depth+1, false)
	case n.span > 1 && n.kind == sequence:
		return w.yamlItems(nodes, i, depth+1, false)
	}
	w.yamlScalar(n, depth)
	w.b = append(w.b, '\n')
	return i + 1
}

// maxImplicitKey is how long a key may be without a question mark before it: YAML says 1024 characters.
const maxImplicitKey = 1000

// yamlKey writes a key and its colon.
func (w *writer) yamlKey(key string, depth int) {
	start := len(w.b)
	w.yamlText(key)
	if len(w.b)-start > maxImplicitKey {
		w.b = append(w.b[:start], "? "...)
		w.yamlText(key)
		w.b = append(w.b, '\n')
		w.indent(depth)
	}
	w.b = append(w.b, ':')
}

func (w *writer) yamlScalar(n *built, depth int) {
	if n.hole != noHole {
		w.hole(n, depth)
		return
	}
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

// bare tells for each byte how it may stand in YAML without quotes.
var bare = func() (table [256]bareness) {
	for c := range table {
		switch {
		case c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			table[c] = anywhere
		case c >= '0' && c <= '9' || strings.IndexByte("_-.(){}+=@;!?'*,%", byte(c)) >= 0:
			table[c] = inside
		case c == '/' || c == ' ' || c == ':':
			table[c] = depends
		}
	}
	return table
}()

type bareness uint8

const (
	never    bareness = iota
	anywhere          // also at the start
	inside            // not at the start
	depends           // on what stands beside it
)

// isPlain tells whether a string may stand in YAML without quotes. It is stricter than YAML, so that readers of YAML 1.1
// and 1.2 agree.
func isPlain(s string) bool {
	if s == "" || len(s) > 400 || isReserved(s) {
		return false
	}
	for i := range len(s) {
		switch bare[s[i]] {
		case never:
			return false
		case inside:
			if i == 0 {
				return false
			}
		case depends:
			if s[i] == '/' && len(s) > 1 {
				continue
			}
			if i == 0 || i == len(s)-1 || s[i+1] == '#' && s[i] == ' ' || s[i+1] == ' ' && s[i] == ':' {
				return false
			}
		case anywhere:
		}
	}
	return true
}

// isReserved tells whether some version of YAML takes the word for something else than a string.
func isReserved(s string) bool {
	if len(s) > 5 {
		return false
	}
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return true
	}
	return false
}

// isBlock tells whether a string is better written as a block of lines, and can be: a block has no escapes.
func isBlock(s string) bool {
	if !strings.Contains(s, "\n") || s[0] == ' ' || s[0] == '\n' || strings.HasSuffix(s, "\n\n") {
		return false
	}
	for _, r := range s {
		if r != '\n' && unprintable(r) {
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
	}
}
