package apidiff

import (
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "",
		"\ta \nb\u2028c\r":                   "a b c",
		"a\u202eb\x00c\uFFFD":                "abc",
		strings.Repeat("a", maxText):         strings.Repeat("a", maxText),
		strings.Repeat("a", maxText) + "b":   strings.Repeat("a", maxText) + "…",
		"a" + strings.Repeat("é", maxText/2): "a" + strings.Repeat("é", maxText/2-1) + "…",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
