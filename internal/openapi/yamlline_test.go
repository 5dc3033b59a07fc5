package openapi

import (
	"errors"
	"testing"
)

// The YAML package's own lines are those where something began, and are counted from 0 now and then.
func TestYAMLErrorsSayTheLine(t *testing.T) {
	for _, c := range []struct {
		what, content string
		line          uint32
	}{
		{"a tab", "a: 1\nb:\n  c: 2\n\t- {\n", 4},
		{"a tab in a text of several lines", "a: 1\nb:\n  c: words\n  more\n\t words\n", 5},
		{"a mapping in a mapping", "a: 1\n  b: 2\n", 2},
		{"a list in a mapping", "a: 1\n- b\n", 2},
		{"one brace too many", "a: 1\nb: {x: 1}}\n", 2},
		{"an open bracket", "a: 1\nb: [\nc: 2\n", 2},
	} {
		t.Run(c.what, func(t *testing.T) {
			_, err := decodeYAML(c.content)
			var wrong *syntaxError
			if !errors.As(err, &wrong) || wrong.line != c.line {
				t.Errorf("%v (%+v), want line %d", err, wrong, c.line)
			}
		})
	}
}
