package apidiff

import (
	"cmp"
	"strings"
)

// The kinds of segments, from the most exact to the least.
const (
	literal = iota
	single  // {x}: one segment
	rest    // {x=**}: all that follows
)

// A segment is a part of a path template: a literal, or a parameter with its name.
type segment struct {
	text string
	kind int
}

func parsePath(path string) []segment {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if path == "" {
		return nil
	}
	var segments []segment
	for text := range strings.SplitSeq(path, "/") {
		s := segment{text: text}
		if inner, ok := strings.CutPrefix(text, "{"); ok && strings.HasSuffix(inner, "}") {
			name, pattern, _ := strings.Cut(strings.TrimSuffix(inner, "}"), "=")
			s = segment{text: name, kind: single}
			if pattern == "**" {
				s.kind = rest
			}
		}
		segments = append(segments, s)
	}
	return segments
}

// keyOf is the same for operations that are: it leaves out what the path's parameters are called.
func keyOf(method, path string) string {
	var b strings.Builder
	b.WriteString(strings.ToUpper(method))
	for _, s := range parsePath(path) {
		switch s.kind {
		case single:
			b.WriteString("/{}")
		case rest:
			b.WriteString("/{**}")
		default:
			b.WriteString("/" + s.text)
		}
	}
	return b.String()
}

// overlap tells whether some request fits both templates, and which of them gets it: API Gateway prefers, from the left, a
// literal to {x} and that to {x=**}. It is negative for a, positive for b, 0 if the templates are the same.
func overlap(a, b []segment) (winner int, ok bool) {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) {
			return 0, false // {x=**} stands for at least one segment
		}
		if a[i].kind == literal && b[i].kind == literal && a[i].text != b[i].text {
			return 0, false
		}
		if winner == 0 {
			winner = cmp.Compare(a[i].kind, b[i].kind)
		}
		if a[i].kind == rest || b[i].kind == rest {
			return winner, true
		}
	}
	return winner, true
}
