package gateway

import (
	"errors"
	"fmt"
	"strings"
)

// Segments of a template that match more than themselves.
const (
	anySegment  = "*"
	anySegments = "**"
)

// maxSegments bounds the depth of a template, and with it the depth of the search for a route.
const maxSegments = 64

// template is a parsed path template. The grammar is that of google.api.HttpRule
// (https://github.com/googleapis/googleapis/blob/master/google/api/http.proto), of which OpenAPI's is a part.
type template struct {
	segments  []string // each a literal in its escaped form, anySegment or, only as the last, anySegments
	verb      string   // what follows ":" in the last segment
	variables []variable
}

// variable is what the template binds: the segments [from, to), where to = -1 means the rest of the path.
type variable struct {
	name     string
	from, to int
}

// parseTemplate parses path, which begins with a slash.
func parseTemplate(path string) (*template, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, errors.New("it does not begin with '/'")
	}
	t := &template{}
	if path == "/" {
		return t, nil
	}
	if strings.HasSuffix(path, "/") {
		return nil, errors.New("unexpected end of input '/'")
	}
	rest := path[1:]
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.ContainsAny(rest[i:], "/}") {
		rest, t.verb = rest[:i], rest[i+1:]
		if t.verb == "" {
			return nil, errors.New("the verb after ':' is empty")
		}
	}
	for rest != "" || len(t.segments) == 0 {
		var err error
		if rest, err = t.parsePart(rest); err != nil {
			return nil, err
		}
	}
	return t, t.validate()
}

// parsePart reads one segment or one variable from the front of s and returns what follows the next slash.
func (t *template) parsePart(s string) (string, error) {
	if !strings.HasPrefix(s, "{") {
		segment, rest, more := strings.Cut(s, "/")
		if more && rest == "" {
			return "", errors.New("unexpected end of input '/'")
		}
		return rest, t.addSegment(segment)
	}
	inner, rest, closed := strings.Cut(s[1:], "}")
	if !closed {
		return "", errors.New("a '{' is not closed")
	}
	name, pattern, hasPattern := strings.Cut(inner, "=")
	if !hasPattern {
		pattern = anySegment
	}
	if name == "" || strings.ContainsAny(name, "{/*") {
		return "", fmt.Errorf("%q is not the name of a variable", name)
	}
	v := variable{name: name, from: len(t.segments)}
	for segment := range strings.SplitSeq(pattern, "/") {
		if err := t.addSegment(segment); err != nil {
			return "", err
		}
	}
	v.to = len(t.segments)
	if t.segments[v.to-1] == anySegments {
		v.to = -1
	}
	t.variables = append(t.variables, v)
	if rest == "" {
		return "", nil
	}
	if rest[0] != '/' || rest == "/" {
		return "", errors.New("a variable is a part of a segment; only whole segments can be variables")
	}
	return rest[1:], nil
}

func (t *template) addSegment(segment string) error {
	switch {
	case segment == "":
		return errors.New("a segment is empty")
	case len(t.segments) == maxSegments:
		return fmt.Errorf("it has more than %d segments", maxSegments)
	case segment == anySegment, segment == anySegments:
	case strings.ContainsAny(segment, "{}"):
		return errors.New("a variable is a part of a segment; only whole segments can be variables")
	case strings.ContainsAny(segment, "*?#"):
		return fmt.Errorf("the segment %q has a character that is not allowed", segment)
	}
	t.segments = append(t.segments, segment)
	return nil
}

func (t *template) validate() error {
	for i, s := range t.segments {
		if s == anySegments && i != len(t.segments)-1 {
			return errors.New("'**' is not the last segment")
		}
	}
	return nil
}

// bind appends the variables of path, which the template matches, to query as "name=value" in their raw form: what the
// client sent is not encoded again.
func (t *template) bind(query []byte, path string) []byte {
	if t.verb != "" {
		path = strings.TrimSuffix(path, "/")
		path = path[:len(path)-len(t.verb)-1]
	} else {
		path = strings.TrimRight(path, "/")
	}
	for _, v := range t.variables {
		if len(query) > 0 {
			query = append(query, '&')
		}
		query = append(query, v.name...)
		query = append(query, '=')
		query = append(query, segmentsOf(path, v.from, v.to)...)
	}
	return query
}

// segmentsOf returns the segments [from, to) of path with the slashes between them; to = -1 means the rest.
func segmentsOf(path string, from, to int) string {
	start := 0
	for range from {
		next := strings.IndexByte(path[start+1:], '/')
		if next < 0 {
			return ""
		}
		start += 1 + next
	}
	if start >= len(path) {
		return ""
	}
	path = path[start+1:]
	if to < 0 {
		return path
	}
	end := 0
	for i := from; i < to; i++ {
		next := strings.IndexByte(path[end:], '/')
		if next < 0 {
			return path
		}
		end += next + 1
	}
	return path[:end-1]
}
