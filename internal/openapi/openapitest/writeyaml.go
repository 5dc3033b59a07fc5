package openapitest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A yamlWriter writes YAML as people do: every style there is, comments, anchors, aliases and merge keys.
type yamlWriter struct {
	strings.Builder
	r       *rand.Rand
	nasty   int // percent
	anchors map[*object]string
	keeps   bool // the last scalar keeps the blank lines that follow it
}

const (
	flowSize   = 14   // values that stand on one line
	longestKey = 1000 // of a key on one line: YAML allows 1024 characters
)

func (w *yamlWriter) chance(percent int) bool { return w.r.IntN(100) < percent*w.nasty/100 }

func (w *yamlWriter) spaces(n int) { w.WriteString(strings.Repeat(" ", n)) }

// newline ends a line that may have a comment.
func (w *yamlWriter) newline() {
	if w.chance(5) {
		w.WriteString(" # " + w.remark())
	}
	w.WriteByte('\n')
}

func (w *yamlWriter) remark() string {
	return []string{
		"TODO", `no: "quotes' {[`, "x: y # z", "größer ≥ 🚀", "- not an item", "&not *an <<: anchor", "\ttab", "",
	}[w.r.IntN(8)]
}

// between writes what may stand between two entries.
func (w *yamlWriter) between(indent int) {
	if w.chance(6) {
		w.spaces(indent)
		w.WriteString("# " + w.remark() + "\n")
	}
	if !w.keeps && w.chance(4) {
		w.WriteByte('\n')
	}
}

// value writes what stands behind a key or a dash, with the end of the line. Entries within it are indented by at least
// indent.
func (w *yamlWriter) value(v any, indent int) {
	w.keeps = false
	if o, ok := v.(*object); ok && o.anchor {
		if name, known := w.anchors[o]; known {
			w.WriteString(" *" + name)
			w.newline()
			return
		}
		w.WriteString(" " + w.anchor(o))
	}
	switch v := v.(type) {
	case *object:
		if w.isFlow(v) {
			w.WriteByte(' ')
			w.braces(v)
			w.newline()
			return
		}
		w.newline()
		w.mapping(v, indent)
	case []any:
		if w.isFlow(v) {
			w.WriteByte(' ')
			w.flow(v)
			w.newline()
			return
		}
		w.newline()
		for _, item := range v {
			w.between(indent)
			w.spaces(indent)
			w.WriteByte('-')
			w.item(item, indent)
		}
	case string:
		if w.blockScalar(v, indent) {
			return
		}
		w.WriteByte(' ')
		w.flow(v)
		w.newline()
	default:
		w.WriteByte(' ')
		w.flow(v)
		w.newline()
	}
}

// item writes what stands behind a dash; a mapping may begin on its line.
func (w *yamlWriter) item(v any, indent int) {
	o, ok := v.(*object)
	if !ok || o.anchor || len(o.merge) > 0 || len(o.keys) == 0 || len(o.keys[0]) > longestKey || w.isFlow(o) {
		w.value(v, indent+2)
		return
	}
	w.WriteByte(' ')
	w.entry(o.keys[0], o.vals[0], indent+2)
	for i, key := range o.keys[1:] {
		w.between(indent + 2)
		w.spaces(indent + 2)
		w.entry(key, o.vals[i+1], indent+2)
	}
}

func (w *yamlWriter) mapping(o *object, indent int) {
	merge := -1 // where the merge key stands
	if len(o.merge) > 0 {
		merge = w.r.IntN(len(o.keys) + 1)
	}
	for i := 0; i <= len(o.keys); i++ {
		if i == merge {
			w.spaces(indent)
			w.mergeKey(o)
			w.WriteByte('\n')
		}
		if i == len(o.keys) {
			break
		}
		w.between(indent)
		w.spaces(indent)
		w.entry(o.keys[i], o.vals[i], indent)
	}
}

func (w *yamlWriter) mergeKey(o *object) {
	w.WriteString("<<: ")
	if len(o.merge) == 1 && w.r.IntN(4) > 0 {
		w.flow(o.merge[0])
		return
	}
	w.WriteByte('[')
	for i, m := range o.merge {
		if i > 0 {
			w.WriteString(", ")
		}
		w.flow(m)
	}
	w.WriteByte(']')
}

func (w *yamlWriter) entry(key string, v any, indent int) {
	if len(key) > longestKey {
		w.WriteString("? ")
		w.quoted(key)
		w.WriteByte('\n')
		w.spaces(indent)
		w.WriteByte(':')
	} else {
		w.key(key, false)
		w.WriteByte(':')
	}
	within := indent + 2
	if _, ok := v.([]any); ok && w.r.IntN(2) == 0 {
		within = indent // dashes may stand below the key
	}
	w.value(v, within)
}

func (w *yamlWriter) anchor(o *object) string {
	name := fmt.Sprintf("a%d", len(w.anchors))
	w.anchors[o] = name
	return "&" + name
}

// isFlow decides whether a composite is written on one line.
func (w *yamlWriter) isFlow(v any) bool {
	switch v := v.(type) {
	case *object:
		if len(v.keys) == 0 && len(v.merge) == 0 {
			return true
		}
	case []any:
		if len(v) == 0 {
			return true
		}
	}
	return w.r.IntN(100) < 12+w.nasty/5 && size(v, flowSize) <= flowSize && !hasLongKey(v)
}

func hasLongKey(v any) bool {
	switch v := v.(type) {
	case *object:
		return slices.ContainsFunc(v.flat().keys, func(key string) bool { return len(key) > longestKey }) ||
			slices.ContainsFunc(v.flat().vals, hasLongKey)
	case []any:
		return slices.ContainsFunc(v, hasLongKey)
	}
	return false
}

// flow writes a value on the line.
func (w *yamlWriter) flow(v any) {
	switch v := v.(type) {
	case nil:
		w.WriteString([]string{"null", "~", "Null", "NULL"}[w.r.IntN(4)])
	case bool:
		s := fmt.Sprint(v)
		w.WriteString([]string{s, s, strings.ToUpper(s), strings.ToUpper(s[:1]) + s[1:]}[w.r.IntN(4)])
	case number:
		w.WriteString(string(v))
	case literal:
		w.WriteString(v.yaml)
	case string:
		w.scalar(v)
	case []any:
		w.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				w.WriteString(", ")
			}
			w.flow(item)
		}
		w.WriteByte(']')
	case *object:
		w.flowMapping(v)
	default:
		panic(fmt.Sprintf("openapitest: a document can't hold %T", v))
	}
}

func (w *yamlWriter) flowMapping(o *object) {
	if o.anchor {
		if name, known := w.anchors[o]; known {
			w.WriteString("*" + name)
			return
		}
		w.WriteString(w.anchor(o) + " ")
	}
	w.braces(o)
}

func (w *yamlWriter) braces(o *object) {
	w.WriteByte('{')
	if len(o.merge) > 0 {
		w.mergeKey(o)
	}
	for i, key := range o.keys {
		if i > 0 || len(o.merge) > 0 {
			w.WriteString(", ")
		}
		w.key(key, true)
		w.WriteString(": ")
		w.flow(o.vals[i])
	}
	w.WriteByte('}')
}

// writeYAML writes a document.
func writeYAML(r *rand.Rand, v any, nasty int) []byte {
	w := &yamlWriter{r: r, nasty: nasty, anchors: map[*object]string{}}
	if w.chance(30) {
		w.WriteString("# " + w.remark() + "\n")
	}
	if w.chance(30) {
		w.WriteString("---\n")
	}
	if o, ok := v.(*object); ok {
		w.mapping(o, 0)
	} else {
		w.flow(v)
		w.WriteByte('\n')
	}
	return finish(r, w.String())
}
