package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// Errors of scan.
var (
	errMalformed = errors.New("body is not one JSON value")
	errDepth     = errors.New("body is nested too deeply")
)

const (
	// maxDepth is far beyond GitHub's payloads, whose depth is below 20.
	maxDepth = 200
	// maxField bounds the strings that are read; no field of interest is longer.
	maxField = 1 << 10
)

// fields are what is read of a payload. A field that is missing or of another type has its zero value.
type fields struct {
	action       string
	number       int64
	installation int64  // installation.id
	repository   int64  // repository.id
	fullName     string // repository.full_name
	headSHA      string // pull_request.head.sha
}

// scan reads the fields of a payload. It accepts exactly what encoding/json does up to maxDepth (the last of duplicate
// keys counts, invalid UTF-8 is replaced), but compares keys exactly. It exists because decoding into structs takes
// several times as long as the signature, for six small fields in 24 kB; the fuzz test holds it to encoding/json.
func scan(body []byte) (fields, error) {
	s := scanner{b: body}
	s.space()
	if s.peek() == '{' {
		s.object(1, s.top)
	} else {
		s.value(0)
	}
	s.space()
	if s.err == nil && s.i != len(s.b) {
		s.err = errMalformed
	}
	if s.err != nil {
		return fields{}, s.err
	}
	return s.fields, nil
}

// A scanner stands at b[i]. After an error nothing moves any more: peek gives 0 and every loop ends.
type scanner struct {
	b      []byte
	i      int
	err    error
	fields fields
}

// top is called at the values of the payload itself.
func (s *scanner) top(key []byte) {
	switch string(key) {
	case "action":
		s.fields.action = s.text(1)
	case "number":
		s.fields.number = s.integer(1)
	case "installation":
		s.fields.installation = 0
		s.inner(2, s.installation)
	case "repository":
		s.fields.repository, s.fields.fullName = 0, ""
		s.inner(2, s.repository)
	case "pull_request":
		s.fields.headSHA = ""
		s.inner(2, s.pullRequest)
	default:
		s.value(1)
	}
}

func (s *scanner) installation(key []byte) {
	if string(key) == "id" {
		s.fields.installation = s.integer(2)
		return
	}
	s.value(2)
}

func (s *scanner) repository(key []byte) {
	switch string(key) {
	case "id":
		s.fields.repository = s.integer(2)
	case "full_name":
		s.fields.fullName = s.text(2)
	default:
		s.value(2)
	}
}

func (s *scanner) pullRequest(key []byte) {
	if string(key) == "head" {
		s.fields.headSHA = ""
		s.inner(3, s.head)
		return
	}
	s.value(2)
}

func (s *scanner) head(key []byte) {
	if string(key) == "sha" {
		s.fields.headSHA = s.text(3)
		return
	}
	s.value(3)
}

// inner scans an object at depth with member, or skips a value of another type.
func (s *scanner) inner(depth int, member func(key []byte)) {
	if s.peek() == '{' {
		s.object(depth, member)
		return
	}
	s.value(depth - 1)
}

func (s *scanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	s.i = len(s.b)
}

// peek is the byte at hand, or 0, which no JSON text holds, at the end.
func (s *scanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// take steps over c or fails.
func (s *scanner) take(c byte) {
	if s.peek() != c {
		s.fail(errMalformed)
		return
	}
	s.i++
}

// object scans an object whose members are at depth; member is called at each value and has to step over it.
func (s *scanner) object(depth int, member func(key []byte)) {
	if depth > maxDepth {
		s.fail(errDepth)
		return
	}
	s.take('{')
	s.space()
	if s.peek() == '}' {
		s.i++
		return
	}
	for s.err == nil {
		key := s.key()
		s.space()
		s.take(':')
		s.space()
		if s.err != nil {
			return
		}
		member(key)
		if s.more('}') {
			return
		}
	}
}

// array scans an array whose elements are at depth.
func (s *scanner) array(depth int) {
	if depth > maxDepth {
		s.fail(errDepth)
		return
	}
	s.take('[')
	s.space()
	if s.peek() == ']' {
		s.i++
		return
	}
	for s.err == nil {
		s.value(depth)
		if s.more(']') {
			return
		}
	}
}

// more steps over what follows an element: a comma, or else the end, and then it tells that it was the end.
func (s *scanner) more(end byte) (ended bool) {
	s.space()
	if s.peek() == end {
		s.i++
		return true
	}
	s.take(',')
	s.space()
	return false
}

// value steps over a value that is itself at depth.
func (s *scanner) value(depth int) {
	switch s.peek() {
	case '{':
		s.object(depth+1, func([]byte) { s.value(depth + 1) })
	case '[':
		s.array(depth + 1)
	case '"':
		s.str()
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
}

func (s *scanner) literal(word string) {
	if !bytes.HasPrefix(s.b[s.i:], []byte(word)) {
		s.fail(errMalformed)
		return
	}
	s.i += len(word)
}

// key reads an object's key; one with escapes is unescaped.
func (s *scanner) key() []byte {
	raw := s.str()
	if len(raw) < 2 || len(raw) > maxField {
		return nil
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	return []byte(unquote(raw))
}

// text reads a value that should be a string; "" if it is something else, or too long to be of use.
func (s *scanner) text(depth int) string {
	if s.peek() != '"' {
		s.value(depth)
		return ""
	}
	raw := s.str()
	if len(raw) < 2 || len(raw) > maxField {
		return ""
	}
	return unquote(raw)
}

// unquote reads a string token that str has accepted.
func unquote(raw []byte) string {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return ""
	}
	return text
}

// integer reads a value that should be a whole number; 0 if it is something else, or beyond 64 bits.
func (s *scanner) integer(depth int) int64 {
	if c := s.peek(); c != '-' && (c < '0' || c > '9') {
		s.value(depth)
		return 0
	}
	start := s.i
	s.number()
	if s.err != nil {
		return 0
	}
	n, err := strconv.ParseInt(string(s.b[start:s.i]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// number steps over a number: https://www.rfc-editor.org/rfc/rfc8259#section-6
func (s *scanner) number() {
	if s.peek() == '-' {
		s.i++
	}
	if s.peek() == '0' {
		s.i++
	} else {
		s.digits()
	}
	if s.peek() == '.' {
		s.i++
		s.digits()
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.i++
		if c := s.peek(); c == '+' || c == '-' {
			s.i++
		}
		s.digits()
	}
}

// digits steps over one digit or more.
func (s *scanner) digits() {
	start := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
		s.i++
	}
	if s.i == start {
		s.fail(errMalformed)
	}
}

// str steps over a string and returns it with its quotes; nil after an error.
func (s *scanner) str() []byte {
	start := s.i
	s.take('"')
	b, i := s.b, s.i
	for i < len(b) {
		c := b[i]
		if c != '"' && c != '\\' && c >= ' ' {
			i++
			continue
		}
		if c == '"' {
			s.i = i + 1
			return b[start:s.i]
		}
		n := 0
		if c == '\\' {
			n = escape(b[i:])
		}
		if n == 0 {
			break
		}
		i += n
	}
	s.fail(errMalformed)
	return nil
}

// escape is the length of the escape sequence at the beginning of b; 0 when it is not one.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		const length = len(`\u0000`)
		if len(b) < length {
			return 0
		}
		for _, c := range b[2:length] {
			if !hexDigit(c) && (c < 'A' || c > 'F') {
				return 0
			}
		}
		return length
	}
	return 0
}

// hexDigit tells whether c is a digit of lower-case hexadecimal.
func hexDigit(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
