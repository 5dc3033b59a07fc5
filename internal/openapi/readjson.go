package openapi

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// readJSON reads JSON (RFC 8259) with positions. The content is valid UTF-8.
func readJSON(content []byte, report *findings) (node, error) {
	r := &jsonReader{b: content, line: 1, column: 1, report: report}
	root, err := r.value(0)
	if err != nil {
		return node{}, err
	}
	r.space()
	if r.i < len(r.b) {
		return node{}, r.wrong("there is something after the end of the document")
	}
	return root, nil
}

type jsonReader struct {
	b            []byte
	i            int
	line, column int32 // of counted
	counted      int   // up to here columns have been counted
	budget       budget
	report       *findings
}

func (r *jsonReader) wrong(message string) error {
	return &syntaxError{at: r.here(), message: "not JSON: " + message}
}

// unexpected is the error at whatever comes instead of what is wanted.
func (r *jsonReader) unexpected(wanted string) error {
	if r.i >= len(r.b) {
		return r.wrong("the document ends where " + wanted + " should be")
	}
	c, _ := utf8.DecodeRune(r.b[r.i:])
	return r.wrong(fmt.Sprintf("%q where %s should be", c, wanted))
}

// here is the position of the next byte. Columns are counted from the last call on, so a document of one long line
// costs no more than others.
func (r *jsonReader) here() position {
	r.column += int32(utf8.RuneCount(r.b[r.counted:r.i])) //nolint:gosec // a document has at most 2 MB
	r.counted = r.i
	return position{r.line, r.column}
}

func (r *jsonReader) space() {
	for ; r.i < len(r.b); r.i++ {
		switch r.b[r.i] {
		case ' ', '\t', '\r':
		case '\n':
			r.line, r.column, r.counted = r.line+1, 1, r.i+1
		default:
			return
		}
	}
}

// next tells whether c comes next after space, and skips it.
func (r *jsonReader) next(c byte) bool {
	r.space()
	if r.i < len(r.b) && r.b[r.i] == c {
		r.i++
		return true
	}
	return false
}

func (r *jsonReader) value(depth int) (node, error) {
	r.space()
	at := r.here()
	if err := r.budget.spend(at, depth); err != nil {
		return node{}, err
	}
	if r.i >= len(r.b) {
		return node{}, r.unexpected("a value")
	}
	switch c := r.b[r.i]; {
	case c == '{':
		return r.object(at, depth)
	case c == '[':
		return r.array(at, depth)
	case c == '"':
		s, err := r.string()
		return node{kind: text, at: at, text: s}, err
	case c == '-' || c >= '0' && c <= '9':
		return r.number(at)
	}
	for _, literal := range [...]node{{kind: boolean, text: "true"}, {kind: boolean, text: "false"}, {kind: null, text: "null"}} {
		end := r.i + len(literal.text)
		if end <= len(r.b) && string(r.b[r.i:end]) == literal.text {
			r.i = end
			literal.at = at
			if literal.kind == null {
				literal.text = ""
			}
			return literal, nil
		}
	}
	return node{}, r.unexpected("a value")
}

func (r *jsonReader) object(at position, depth int) (node, error) {
	n := node{kind: mapping, at: at}
	r.i++
	if r.next('}') {
		return n, nil
	}
	for {
		r.space()
		k := key{at: r.here()}
		if r.i >= len(r.b) || r.b[r.i] != '"' {
			return n, r.unexpected("a key in quotes")
		}
		var err error
		if k.name, err = r.string(); err != nil {
			return n, err
		}
		if !r.next(':') {
			return n, r.unexpected("a colon")
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return n, err
		}
		n.keys, n.items = append(n.keys, k), append(n.items, v)
		if r.next('}') {
			uniqueKeys(&n, r.report)
			return n, nil
		}
		if !r.next(',') {
			return n, r.unexpected("a comma or a closing brace")
		}
	}
}

func (r *jsonReader) array(at position, depth int) (node, error) {
	n := node{kind: sequence, at: at}
	r.i++
	if r.next(']') {
		return n, nil
	}
	for {
		v, err := r.value(depth + 1)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, v)
		if r.next(']') {
			return n, nil
		}
		if !r.next(',') {
			return n, r.unexpected("a comma or a closing bracket")
		}
	}
}

func (r *jsonReader) number(at position) (node, error) {
	length := numberLength(r.b[r.i:])
	if length == 0 {
		return node{}, r.wrong("a number that is not one")
	}
	n := node{kind: number, at: at, text: string(r.b[r.i : r.i+length])}
	if _, err := strconv.ParseFloat(n.text, 64); err != nil {
		return node{}, r.wrong("the number is too large")
	}
	r.i += length
	return n, nil
}

// numberLength is how many bytes at the start of b are a number as JSON writes it, 0 for none.
func numberLength[T string | []byte](b T) int {
	start := 0
	if len(b) > 0 && b[0] == '-' {
		start = 1
	}
	i := digits(b, start)
	if i == start || b[start] == '0' && i > start+1 {
		return 0
	}
	if i < len(b) && b[i] == '.' {
		fraction := digits(b, i+1)
		if fraction == i+1 {
			return 0
		}
		i = fraction
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		sign := i + 1
		if sign < len(b) && (b[sign] == '+' || b[sign] == '-') {
			sign++
		}
		exponent := digits(b, sign)
		if exponent == sign {
			return 0
		}
		i = exponent
	}
	return i
}

// digits is the index of the first byte of b from i on that is no digit.
func digits[T string | []byte](b T, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

func (r *jsonReader) string() (string, error) {
	r.i++
	start := r.i
	for r.i < len(r.b) {
		switch c := r.b[r.i]; {
		case c == '"':
			r.i++
			return string(r.b[start : r.i-1]), nil
		case c == '\\':
			return r.escaped(start)
		case c < ' ':
			return "", r.wrong("a control character in a string")
		}
		r.i++
	}
	return "", r.unexpected("a closing quote")
}

// escaped reads on a string that has an escape sequence at the current place.
func (r *jsonReader) escaped(start int) (string, error) {
	out := append([]byte(nil), r.b[start:r.i]...)
	for r.i < len(r.b) {
		switch c := r.b[r.i]; {
		case c == '"':
			r.i++
			return string(out), nil
		case c < ' ':
			return "", r.wrong("a control character in a string")
		case c != '\\':
			out = append(out, c)
			r.i++
			continue
		}
		char, length := unescape(r.b[r.i:])
		if length == 0 {
			return "", r.wrong("an unknown escape sequence in a string")
		}
		out = utf8.AppendRune(out, char)
		r.i += length
	}
	return "", r.unexpected("a closing quote")
}

// unescape reads the escape sequence at the start of b; the length is 0 where there is none. Half a surrogate pair
// becomes U+FFFD, as in encoding/json.
func unescape(b []byte) (rune, int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		first, ok := hex4(b[2:])
		if !ok {
			return 0, 0
		}
		if !utf16.IsSurrogate(first) {
			return first, 6
		}
		if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
			if second, ok := hex4(b[8:]); ok {
				if pair := utf16.DecodeRune(first, second); pair != utf8.RuneError {
					return pair, 12
				}
			}
		}
		return utf8.RuneError, 6
	}
	return 0, 0
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	return rune(n), err == nil //nolint:gosec // 16 bits
}
