package openapi

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Finding is something to say about a place in a document. Line and Column count from 1 (columns in characters); they
// are 0 where there is no place to point at. Message and Hint may quote names from the document, Go-quoted and cut.
type Finding struct {
	Service, File string
	Line, Column  int
	Message       string
	Hint          string // what to do
}

// String is the finding on one line, in the form that editors and compilers use for places.
func (f Finding) String() string {
	var b strings.Builder
	if f.Service != "" {
		fmt.Fprintf(&b, "%s: ", f.Service)
	}
	if f.File != "" {
		b.WriteString(f.place())
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	if f.Hint != "" {
		fmt.Fprintf(&b, " (%s)", f.Hint)
	}
	return b.String()
}

func (f Finding) place() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// An Error holds everything that prevents a composition: all findings of all documents at once, in the order of service
// and place.
type Error struct{ Findings []Finding }

// Error lists the findings, one a line.
func (e *Error) Error() string {
	if len(e.Findings) == 1 {
		return e.Findings[0].String()
	}
	lines := make([]string, 0, len(e.Findings)+1)
	lines = append(lines, fmt.Sprintf("%d problems in OpenAPI documents:", len(e.Findings)))
	for _, f := range e.Findings {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// maxFindings is how many findings (and as many warnings) of one document are reported; a document that is wrong
// throughout is not helped by more.
const maxFindings = 200

// findings collects what is to be said of one document.
type findings struct {
	service, file string
	problems      []Finding
	warnings      []Finding
	unreported    int
}

// problem reports what prevents the composition.
func (f *findings) problem(at position, hint, format string, args ...any) {
	if len(f.problems) >= maxFindings {
		f.unreported++
		return
	}
	f.problems = append(f.problems, f.finding(at, hint, fmt.Sprintf(format, args...)))
}

// warn reports what was repaired or left out.
func (f *findings) warn(at position, hint, format string, args ...any) {
	if len(f.warnings) < maxFindings {
		f.warnings = append(f.warnings, f.finding(at, hint, fmt.Sprintf(format, args...)))
	}
}

func (f *findings) finding(at position, hint, message string) Finding {
	return Finding{
		Service: f.service, File: f.file, Line: int(at.line), Column: int(at.column),
		Message: message, Hint: hint,
	}
}

// all is the problems, sorted by place, with a last one that counts those that are left out.
func (f *findings) all() []Finding {
	sortFindings(f.problems)
	if f.unreported == 0 {
		return f.problems
	}
	rest := f.finding(position{}, "", fmt.Sprintf("%d further problems are not listed", f.unreported))
	return append(slices.Clip(f.problems), rest)
}

func sortFindings(list []Finding) {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Service, b.Service), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Message, b.Message),
		)
	})
}

// quote makes a name from a document fit for a message: on one line and not too long.
func quote(s string) string {
	const most = 120
	if len(s) > most {
		cut := most
		for cut > 0 && s[cut]&0xC0 == 0x80 { // not within a character
			cut--
		}
		s = s[:cut] + "…"
	}
	return strconv.Quote(s)
}
