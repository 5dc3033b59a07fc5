package gateway

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// matches is ESPv2's rule for one template, written as it writes it: a regular expression.
func matches(t *template, path string) bool {
	var b strings.Builder
	b.WriteString("^")
	for _, s := range t.segments {
		switch s {
		case anySegment:
			b.WriteString(`/[^/]+`)
		case anySegments:
			b.WriteString(`/.*`)
		default:
			b.WriteString("/" + regexp.QuoteMeta(s))
		}
	}
	if t.verb != "" {
		b.WriteString(regexp.QuoteMeta(":" + t.verb))
	}
	b.WriteString(`/?$`)
	return regexp.MustCompile(b.String()).MatchString(path)
}

// The trie finds a route exactly if one of the templates matches by itself.
func FuzzRouter(f *testing.F) {
	f.Add("/a/{x} /a/b/c /a/{y=**} /{z}:go /", "/a/b/c/d")
	f.Add("/{a}/b /{a}/{b}/c /x/y", "/x/b/")
	f.Add("/{a=b/*}/{c=**}:v", "/b/1/2/3:v/")
	f.Add("/**", "//")
	f.Fuzz(func(t *testing.T, templates, path string) {
		// A regular expression can't say what is not UTF-8, and its "." is no line break.
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "\n\r") || !utf8.ValidString(templates+path) {
			return
		}
		r, want := newRouter(), false
		for text := range strings.FieldsSeq(templates) {
			parsed, err := parseTemplate(text)
			if err != nil {
				continue
			}
			r.add(&route{method: "GET", path: text, template: parsed})
			if matches(parsed, path) {
				want = true
				parsed.bind(nil, path)
			}
		}
		found := r.find(path, "GET")
		if (found != nil) != want {
			t.Fatalf("templates %q, path %q: found %v, want %v", templates, path, found, want)
		}
		if found != nil && r.find(path, "") == nil {
			t.Fatalf("templates %q, path %q: found only with a method", templates, path)
		}
	})
}

func FuzzPrepare(f *testing.F) {
	for _, s := range []string{"/a/../b", "/%2e%2E/%4a//x", "/a/./", `/\..\`, "/%5Z%", "/.../..a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !strings.HasPrefix(path, "/") {
			return
		}
		got := PathPolicy{}.prepare(path)
		if !strings.HasPrefix(got, "/") || strings.Contains(got, "//") {
			t.Fatalf("%q becomes %q", path, got)
		}
		for segment := range strings.SplitSeq(got, "/") {
			if segment == ".." || segment == "." {
				t.Fatalf("%q becomes %q", path, got)
			}
		}
	})
}

func TestJoinBase(t *testing.T) {
	for _, tt := range [][3]string{
		{"", "/a", "/a"}, {"/", "/a", "/a"}, {"/v1", "/a", "/v1/a"}, {"/v1/", "/a", "/v1/a"}, {"/v1", "/", "/v1"}, {"", "/", "/"},
	} {
		if got := joinBase(tt[0], tt[1]); got != tt[2] {
			t.Errorf("joinBase(%q, %q) = %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
}
