package openapi

import (
	"strings"
)

// A template is a path of the composed document in its segments.
type template []segment

// A segment is a literal or a parameter. A parameter stands for a whole segment: API Gateway knows no others.
type segment struct {
	text     string // of a literal, or the parameter's name
	variable bool
	pattern  string // "", "=*" or "=**"
}

func (t template) String() string {
	if len(t) == 0 {
		return "/"
	}
	var b strings.Builder
	for _, s := range t {
		b.WriteByte('/')
		if s.variable {
			b.WriteString("{" + s.text + s.pattern + "}")
		} else {
			b.WriteString(s.text)
		}
	}
	return b.String()
}

// key is the template without its parameters' names: what API Gateway tells paths apart by.
func (t template) key() string {
	var b strings.Builder
	for _, s := range t {
		b.WriteByte('/')
		switch {
		case s.variable && s.pattern == "=**":
			b.WriteString("{**}")
		case s.variable:
			b.WriteString("{*}")
		default:
			b.WriteString(s.text)
		}
	}
	return b.String()
}

// names are the parameters, in the order of the path.
func (t template) names() []string {
	var names []string
	for _, s := range t {
		if s.variable {
			names = append(names, s.text)
		}
	}
	return names
}

// readTemplate reads a path, with the base path of its document in front. What API Gateway has no way to route is reported.
func (c *contract) readTemplate(base, path string, at place) (template, bool) {
	full := base + path
	if len(full) > 1 && strings.HasSuffix(full, "/") {
		full = strings.TrimSuffix(full, "/")
		if path != "/" {
			c.warn(at, RulePath, "remove the slash", "the path %s is written without the slash at its end, which API Gateway refuses", quote(path))
		}
	}
	if full == "/" || full == "" {
		return template{}, true
	}
	segments := strings.Split(full[1:], "/")
	t := make(template, 0, len(segments))
	seen := map[string]bool{}
	for i, text := range segments {
		s, problem, hint := readSegment(text, i == len(segments)-1)
		if problem == "" && s.variable && seen[s.text] {
			problem, hint = "has the parameter "+quote(s.text)+" twice", "give them different names"
		}
		if problem != "" {
			c.problem(at, RulePath, hint, "the path %s %s", quote(path), problem)
			return nil, false
		}
		if s.variable {
			seen[s.text] = true
		}
		t = append(t, s)
	}
	return t, true
}

// readSegment reads one segment of a path; problem says what is wrong with it.
func readSegment(text string, last bool) (s segment, problem, hint string) {
	switch {
	case text == "":
		return s, "has an empty segment", "remove the doubled slash"
	case text == "." || text == "..":
		return s, "has a segment that clients resolve before they send it", "write the path that is meant"
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`?#\"<>^|`+"`", r) }):
		return s, "has a character that a path can't have", "percent-encode it; queries are parameters"
	}
	if !strings.ContainsAny(text, "{}") {
		if strings.Contains(text, "*") {
			return s, "has a wildcard", "write a parameter: {name}, or {name=**} at the end"
		}
		return segment{text: text}, "", ""
	}
	name, pattern, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}"), "=")
	if text[0] != '{' || text[len(text)-1] != '}' || strings.ContainsAny(name+pattern, "{}") {
		return s, "has a parameter that is only a part of a segment, which API Gateway does not support",
			"make the parameter the whole of a segment"
	}
	s = segment{text: name, variable: true}
	switch {
	case name == "":
		return s, "has a parameter without a name", "write {name}"
	case text != "{"+name+"}" && pattern != "*" && pattern != "**":
		return s, "has a parameter with a pattern that API Gateway does not support", "write {name}"
	case pattern == "**" && !last:
		return s, "has a wildcard for several segments before its end", "move it to the end, or write {name}"
	case pattern == "**":
		s.pattern = "=**"
	}
	return s, "", ""
}
