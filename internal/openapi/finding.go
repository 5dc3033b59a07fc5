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
	Rule          Rule
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

func (f Finding) place() string { return place{f.File, uint32(f.Line), uint32(f.Column)}.String() } //nolint:gosec // made from uint32

// String is the place as editors and compilers write it.
func (p place) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.column)
}

// An Error holds everything that prevents a composition: all findings of all documents at once, in the order of service
// and place. Warnings are those that were found on the way; they prevent nothing.
type Error struct{ Findings, Warnings []Finding }

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
	file       string // where a finding without a place belongs
	problems   []Finding
	warnings   []Finding
	unreported int // problems
	unwarned   int // warnings
}

// problem reports what prevents the composition.
func (f *findings) problem(at place, rule Rule, hint, format string, args ...any) {
	if len(f.problems) >= maxFindings {
		f.unreported++
		return
	}
	f.problems = append(f.problems, f.finding(at, rule, hint, fmt.Sprintf(format, args...)))
}

// warn reports what was repaired or left out.
func (f *findings) warn(at place, rule Rule, hint, format string, args ...any) {
	if len(f.warnings) >= maxFindings {
		f.unwarned++
		return
	}
	f.warnings = append(f.warnings, f.finding(at, rule, hint, fmt.Sprintf(format, args...)))
}

func (f *findings) finding(at place, rule Rule, hint, message string) Finding {
	return Finding{
		Rule: rule, File: cmp.Or(at.file, f.file), Line: int(at.line), Column: int(at.column),
		Message: message, Hint: hint,
	}
}

// settle sorts what was found, and adds a last problem and a last warning that count those that are left out.
func (f *findings) settle() {
	sortFindings(f.problems)
	sortFindings(f.warnings)
	if f.unreported > 0 {
		rest := f.finding(place{}, RuleTooMany, "", fmt.Sprintf("%d further problems are not listed", f.unreported))
		f.problems, f.unreported = append(f.problems, rest), 0
	}
	if f.unwarned > 0 {
		rest := f.finding(place{}, RuleTooMany, "", fmt.Sprintf("%d further warnings are not listed", f.unwarned))
		f.warnings, f.unwarned = append(f.warnings, rest), 0
	}
}

func sortFindings(list []Finding) { slices.SortFunc(list, compareFindings) }

// compareFindings is a total order: by service, place and what is said.
func compareFindings(a, b Finding) int {
	if order := strings.Compare(a.Service, b.Service); order != 0 {
		return order
	}
	if order := cmp.Or(cmp.Compare(a.last(), b.last()), strings.Compare(a.File, b.File)); order != 0 {
		return order
	}
	if order := cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)); order != 0 {
		return order
	}
	return cmp.Or(strings.Compare(a.Message, b.Message), strings.Compare(string(a.Rule), string(b.Rule)), strings.Compare(a.Hint, b.Hint))
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
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return strconv.Quote(s)
		}
	}
	return `"` + s + `"`
}

// clip keeps a text that goes into a hint short.
func clip(s string) string {
	q := quote(s)
	return q[1 : len(q)-1]
}

// last is 1 for the finding that counts those that are not listed.
func (f Finding) last() int {
	if f.Rule == RuleTooMany {
		return 1
	}
	return 0
}
