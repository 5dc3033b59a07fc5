package catalog

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
)

// An Error is everything that is wrong with a configuration, in the order of the file. Each diagnostic has a subject
// and, in its detail, what to do.
type Error struct {
	Diagnostics hcl.Diagnostics
	source      []byte
}

// Error prints every diagnostic with its place as file:line:column, the source line, and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	for i, d := range e.Diagnostics {
		if i > 0 {
			b.WriteString("\n\n")
		}
		e.print(&b, d)
	}
	return b.String()
}

// Unwrap gives the diagnostics to errors.As.
func (e *Error) Unwrap() error { return e.Diagnostics }

func (e *Error) print(b *strings.Builder, d *hcl.Diagnostic) {
	if d.Subject == nil {
		fmt.Fprintf(b, "%s\n  %s", d.Summary, d.Detail)
		return
	}
	at := *d.Subject
	fmt.Fprintf(b, "%s:%d:%d: %s\n", at.Filename, at.Start.Line, at.Start.Column, d.Summary)
	if before, marked, after, ok := e.snippet(at); ok {
		number := fmt.Sprintf("%4d", at.Start.Line)
		fmt.Fprintf(b, "%s | %s%s%s\n", number, printable(before), printable(marked), printable(after))
		fmt.Fprintf(b, "%s | %s%s\n", strings.Repeat(" ", len(number)), blank(before),
			strings.Repeat("^", max(1, len([]rune(marked)))))
	}
	b.WriteString("  " + strings.ReplaceAll(d.Detail, "\n", "\n  "))
}

// snippet is the source line of a range: what is before it, itself as far as it is on that line, and the rest.
func (e *Error) snippet(at hcl.Range) (before, marked, after string, ok bool) {
	start, end := at.Start.Byte, at.End.Byte
	if start < 0 || start > len(e.source) || end < start {
		return "", "", "", false
	}
	from := bytes.LastIndexByte(e.source[:start], '\n') + 1
	to := len(e.source)
	if i := bytes.IndexByte(e.source[start:], '\n'); i >= 0 {
		to = start + i
	}
	end = min(end, to)
	return string(e.source[from:start]), string(e.source[start:end]),
		strings.TrimRight(string(e.source[end:to]), "\r"), true
}

// printable keeps a source line from moving the terminal's cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// blank is the room that s takes, so that what follows it is under what follows s.
func blank(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, s)
}

// newError sorts the diagnostics by their places, so that the same file gives the same text.
func newError(diags hcl.Diagnostics, source []byte) *Error {
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		if a.Subject == nil || b.Subject == nil {
			return 0
		}
		return cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte)
	})
	return &Error{Diagnostics: diags, source: source}
}
