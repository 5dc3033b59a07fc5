package openapitest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf16"
)

// A jsonWriter writes JSON as many programs do: with any indentation, and with escapes that need not be.
type jsonWriter struct {
	bytes.Buffer
	r      *rand.Rand
	indent string // "" for none
	odd    int    // percent of texts with needless escapes
}

func (w *jsonWriter) line(depth int) {
	if w.indent != "" {
		w.WriteByte('\n')
		for range depth {
			w.WriteString(w.indent)
		}
	}
}

func (w *jsonWriter) value(v any, depth int) {
	switch v := v.(type) {
	case nil:
		w.WriteString("null")
	case bool:
		fmt.Fprint(w, v)
	case number:
		w.WriteString(string(v))
	case literal:
		w.WriteString(v.json)
	case string:
		w.text(v)
	case []any:
		w.WriteByte('[')
		for i, item := range v {
			w.separate(i, depth)
			w.value(item, depth+1)
		}
		w.end(len(v), ']', depth)
	case *object:
		w.WriteByte('{')
		f := v.flat()
		for i, key := range f.keys {
			w.separate(i, depth)
			w.text(key)
			w.WriteByte(':')
			if w.indent != "" {
				w.WriteByte(' ')
			}
			w.value(f.vals[i], depth+1)
		}
		w.end(len(f.keys), '}', depth)
	default:
		panic(fmt.Sprintf("openapitest: a document can't hold %T", v))
	}
}

func (w *jsonWriter) separate(i, depth int) {
	if i > 0 {
		w.WriteByte(',')
	}
	w.line(depth + 1)
}

func (w *jsonWriter) end(n int, closing byte, depth int) {
	if n > 0 {
		w.line(depth)
	}
	w.WriteByte(closing)
}

func (w *jsonWriter) text(s string) {
	odd := w.odd > 0 && w.r.IntN(100) < w.odd
	w.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.WriteByte('\\')
			w.WriteRune(r)
		case r == '\n':
			w.WriteString(`\n`)
		case r == '\t':
			w.WriteString(`\t`)
		case odd && r == '/':
			w.WriteString(`\/`)
		case r < ' ' || odd && (r > 0x7e || w.r.IntN(20) == 0):
			w.escape(r)
		default:
			w.WriteRune(r)
		}
	}
	w.WriteByte('"')
}

func (w *jsonWriter) escape(r rune) {
	format := `\u%04x`
	if w.r != nil && w.r.IntN(2) == 0 {
		format = `\u%04X`
	}
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		fmt.Fprintf(w, format+format, high, low)
		return
	}
	fmt.Fprintf(w, format, r)
}

// writeJSON writes a document with the habits of one author.
func writeJSON(r *rand.Rand, v any) []byte {
	w := &jsonWriter{r: r, indent: []string{"  ", "  ", "\t", "    ", ""}[r.IntN(5)], odd: []int{0, 10}[r.IntN(2)]}
	w.value(v, 0)
	if r.IntN(2) == 0 {
		w.WriteByte('\n')
	}
	return finish(r, w.String())
}

// finish gives a file the line ends and the first bytes that some editors write.
func finish(r *rand.Rand, content string) []byte {
	if r.IntN(4) == 0 {
		content = strings.ReplaceAll(content, "\n", "\r\n")
	}
	if r.IntN(6) == 0 {
		content = "\uFEFF" + content
	}
	return []byte(content)
}
