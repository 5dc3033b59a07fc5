package openapi

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonReader reads JSON (RFC 8259) with positions. The source is valid UTF-8.
type jsonReader struct {
	growing
	s       string
	i       int
	line    uint32
	start   int // where the line starts, as long as a column is a byte
	ascii   bool
	column  uint32 // of counted, where characters are more than a byte
	counted int
}

func (r *jsonReader) read() error {
	if err := r.value(0); err != nil {
		return err
	}
	r.space()
	if r.i < len(r.s) {
		return r.wrong("there is something after the end of the document")
	}
	return nil
}

func (r *jsonReader) wrong(message string) error {
	line, column := r.here()
	return &syntaxError{line: line, column: column, message: "not JSON: " + message}
}

// unexpected is the error at whatever comes instead of what is wanted.
func (r *jsonReader) unexpected(wanted string) error {
	if r.i >= len(r.s) {
		return r.wrong("the document ends where " + wanted + " should be")
	}
	c, _ := utf8.DecodeRuneInString(r.s[r.i:])
	return r.wrong(fmt.Sprintf("%q where %s should be", c, wanted))
}

// here is the position of the next byte. Columns are counted from the last call on, so a document of one long line
// costs no more than others.
func (r *jsonReader) here() (line, column uint32) {
	if r.ascii {
		return r.line, uint32(r.i - r.start + 1) //nolint:gosec // documents are far smaller than 4 GB
	}
	r.column += uint32(utf8.RuneCountInString(r.s[r.counted:r.i])) //nolint:gosec // as above
	r.counted = r.i
	return r.line, r.column
}

func (r *jsonReader) space() {
	for ; r.i < len(r.s); r.i++ {
		switch r.s[r.i] {
		case ' ', '\t', '\r':
		case '\n':
			r.line++
			r.start, r.column, r.counted = r.i+1, 1, r.i+1
		default:
			return
		}
	}
}

// next tells whether c comes next after space, and skips it.
func (r *jsonReader) next(c byte) bool {
	r.space()
	if r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}

// begin adds an entry at the current place.
func (r *jsonReader) begin(k kind) (*entry, error) {
	line, column := r.here()
	return r.add(k, line, column)
}

func (r *jsonReader) value(depth int) error {
	r.space()
	if r.i >= len(r.s) {
		return r.unexpected("a value")
	}
	switch c := r.s[r.i]; {
	case c == '{':
		return r.composite(mapping, depth, (*jsonReader).members)
	case c == '[':
		return r.composite(sequence, depth, (*jsonReader).items)
	case c == '"':
		e, err := r.begin(text)
		if err != nil {
			return err
		}
		return r.string(e)
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	}
	return r.literal()
}

func (r *jsonReader) literal() error {
	for _, literal := range [...]string{"true", "false", "null"} {
		if len(r.s)-r.i < len(literal) || r.s[r.i:r.i+len(literal)] != literal {
			continue
		}
		e, err := r.begin(boolean)
		if err != nil {
			return err
		}
		if literal == "null" {
			e.kind = null
		} else {
			e.offset, e.size = uint32(r.i), uint32(len(literal)) //nolint:gosec // documents are far smaller than 4 GB
		}
		r.i += len(literal)
		return nil
	}
	return r.unexpected("a value")
}

// composite reads a mapping or a sequence.
func (r *jsonReader) composite(k kind, depth int, content func(r *jsonReader, depth int) error) error {
	if err := r.deeper(depth, r.here); err != nil {
		return err
	}
	at := len(r.entries)
	if _, err := r.begin(k); err != nil {
		return err
	}
	r.i++
	if err := content(r, depth+1); err != nil {
		return err
	}
	r.close(at)
	return nil
}

func (r *jsonReader) members(depth int) error {
	if r.next('}') {
		return nil
	}
	for {
		r.space()
		if r.i >= len(r.s) || r.s[r.i] != '"' {
			return r.unexpected("a key in quotes")
		}
		e, err := r.begin(name)
		if err != nil {
			return err
		}
		if err := r.string(e); err != nil {
			return err
		}
		if !r.next(':') {
			return r.unexpected("a colon")
		}
		if err := r.value(depth); err != nil {
			return err
		}
		if r.next('}') {
			return nil
		}
		if !r.next(',') {
			return r.unexpected("a comma or a closing brace")
		}
	}
}

func (r *jsonReader) items(depth int) error {
	if r.next(']') {
		return nil
	}
	for {
		if err := r.value(depth); err != nil {
			return err
		}
		if r.next(']') {
			return nil
		}
		if !r.next(',') {
			return r.unexpected("a comma or a closing bracket")
		}
	}
}

func (r *jsonReader) number() error {
	length := numberLength(r.s[r.i:])
	if length == 0 {
		return r.wrong("a number that is not one")
	}
	literal := r.s[r.i : r.i+length]
	if !finite(literal) {
		return r.wrong("the number is too large")
	}
	e, err := r.begin(number)
	if err != nil {
		return err
	}
	e.offset, e.size = uint32(r.i), uint32(length) //nolint:gosec // documents are far smaller than 4 GB
	r.i += length
	return nil
}

// finite tells whether a number of JSON is one for other readers too. Those that are short or without an exponent are.
func finite(literal string) bool {
	if len(literal) < 4 {
		return true
	}
	if len(literal) < 300 {
		exponent := false
		for i := range len(literal) {
			exponent = exponent || literal[i]|0x20 == 'e'
		}
		if !exponent {
			return true
		}
	}
	f, err := strconv.ParseFloat(literal, 64)
	return err == nil && !math.IsInf(f, 0)
}

// numberLength is how many bytes at the start of s are a number as JSON writes it, 0 for none.
func numberLength(s string) int {
	start := 0
	if len(s) > 0 && s[0] == '-' {
		start = 1
	}
	i := digits(s, start)
	if i == start || s[start] == '0' && i > start+1 {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		fraction := digits(s, i+1)
		if fraction == i+1 {
			return 0
		}
		i = fraction
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		sign := i + 1
		if sign < len(s) && (s[sign] == '+' || s[sign] == '-') {
			sign++
		}
		exponent := digits(s, sign)
		if exponent == sign {
			return 0
		}
		i = exponent
	}
	return i
}

// digits is the index of the first byte of s from i on that is no digit.
func digits(s string, i int) int {
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}

// string reads a string into the entry. Most strings stand in the source as they are.
func (r *jsonReader) string(e *entry) error {
	r.i++
	start := r.i
	for r.i < len(r.s) {
		switch c := r.s[r.i]; {
		case c == '"':
			e.offset, e.size = uint32(start), uint32(r.i-start) //nolint:gosec // documents are far smaller than 4 GB
			r.i++
			return nil
		case c == '\\':
			return r.escaped(e, start)
		case c < ' ':
			return r.wrong("a control character in a string")
		}
		r.i++
	}
	return r.unexpected("a closing quote")
}

// escaped reads on a string that has an escape sequence at the current place.
func (r *jsonReader) escaped(e *entry, start int) error {
	offset := len(r.made)
	r.made = append(r.made, r.s[start:r.i]...)
	for r.i < len(r.s) {
		switch c := r.s[r.i]; {
		case c == '"':
			r.i++
			e.made, e.offset, e.size = true, uint32(offset), uint32(len(r.made)-offset) //nolint:gosec // as above
			return nil
		case c < ' ':
			return r.wrong("a control character in a string")
		case c != '\\':
			r.made = append(r.made, c)
			r.i++
			continue
		}
		char, length := unescape(r.s[r.i:])
		if length == 0 {
			return r.wrong("an unknown escape sequence in a string")
		}
		r.made = utf8.AppendRune(r.made, char)
		r.i += length
	}
	return r.unexpected("a closing quote")
}

// unescape reads the escape sequence at the start of s; the length is 0 where there is none. Half a surrogate pair
// becomes U+FFFD, as in encoding/json.
func unescape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
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
		return unescapeUnicode(s)
	}
	return 0, 0
}

func unescapeUnicode(s string) (rune, int) {
	first, ok := hex4(s[2:])
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 6
	}
	if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if second, ok := hex4(s[8:]); ok {
			if pair := utf16.DecodeRune(first, second); pair != utf8.RuneError {
				return pair, 12
			}
		}
	}
	return utf8.RuneError, 6
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:4], 16, 16)
	return rune(n), err == nil //nolint:gosec // 16 bits
}
