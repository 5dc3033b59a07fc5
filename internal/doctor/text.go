package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// colours are those of the statuses on a terminal.
var colours = map[Status]string{OK: "\x1b[32m", Warning: "\x1b[33m", Failed: "\x1b[31m", Skipped: "\x1b[2m"}

const plain = "\x1b[0m"

// Text writes the report for people: a line a result, in groups, with what to do below what isn't well.
func (r Report) Text(w io.Writer, colour bool) error {
	var b strings.Builder
	check, of := r.widths()
	for _, group := range Groups {
		mine := slices.DeleteFunc(slices.Clone(r.Results), func(one Result) bool { return one.Group != group })
		if len(mine) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s\n", strings.ToUpper(group[:1])+group[1:])
		for _, one := range mine {
			status := fmt.Sprintf("%-7s", one.Status)
			if colour {
				status = colours[one.Status] + status + plain
			}
			fmt.Fprintf(&b, "  %s  %-*s  %-*s  %s\n", status, check, one.Check, of, one.Subject, indented(one.Message, 4))
			if one.Remedy != "" {
				fmt.Fprintf(&b, "           → %s\n", indented(one.Remedy, 13))
			}
		}
		b.WriteByte('\n')
	}
	warnings := "warnings"
	if r.Count(Warning) == 1 {
		warnings = "warning"
	}
	fmt.Fprintf(&b, "%d ok, %d %s, %d failed, %d skipped\n", r.Count(OK), r.Count(Warning), warnings, r.Count(Failed), r.Count(Skipped))
	_, err := io.WriteString(w, b.String())
	return err
}

// maxSubject is how much room a subject gets: e-mail addresses would push everything away.
const maxSubject = 24

func (r Report) widths() (check, of int) {
	for _, one := range r.Results {
		check = max(check, len(one.Check))
		if len(one.Subject) <= maxSubject {
			of = max(of, len(one.Subject))
		}
	}
	return check, of
}

// indented puts the further lines of a text below its first. What could move a terminal's cursor is left out.
func indented(text string, by int) string {
	text = strings.Map(func(c rune) rune {
		if c == '\n' || c == '\t' {
			return c
		}
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return -1
		}
		return c
	}, strings.TrimRight(text, "\n"))
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", by))
}

// JSON writes the report for programs. Fields are added, never renamed.
func (r Report) JSON(w io.Writer) error {
	summary := map[Status]int{}
	for _, s := range []Status{OK, Warning, Failed, Skipped} {
		summary[s] = r.Count(s)
	}
	results := r.Results
	if results == nil {
		results = []Result{}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"version": 1, "summary": summary, "results": results})
}
