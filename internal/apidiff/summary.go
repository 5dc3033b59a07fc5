package apidiff

import (
	"fmt"
	"strings"
)

// A Summary counts the operations that changes are about. An operation with several changes counts once for each of Added,
// Removed and Changed that it has.
type Summary struct {
	Added, Removed, Changed int
	Opened                  int // to the public, also those that are new
	Breaking                int // changes that break callers
	Worst                   *Change
}

// Summarize counts changes. Changed documentation is not counted.
func Summarize(changes []Change) Summary {
	var s Summary
	changed := map[string]bool{}
	for i := range changes {
		c := &changes[i]
		switch c.Kind {
		case Added:
			s.Added++
		case Removed:
			s.Removed++
		case Documentation:
			continue
		case Changed, Opened, Authentication, Quota:
			changed[c.Service+" "+keyOf(c.Method, c.Path)] = true
		case Shadowing:
		}
		if c.opens() {
			s.Opened++
		}
		if c.Severity == Breaking {
			s.Breaking++
		}
		if s.Worst == nil || rank(*c) > rank(*s.Worst) {
			s.Worst = c
		}
	}
	s.Changed = len(changed)
	return s
}

// opens tells whether a change makes an operation public. Of one that is added, nothing else is risky.
func (c Change) opens() bool {
	return c.Kind == Opened || c.Kind == Added && c.Severity > Harmless
}

// rank orders changes by how much they have to stand out.
func rank(c Change) int {
	n := 10 * int(c.Severity)
	if c.Kind == Removed || c.opens() {
		n += 5
	}
	return n
}

// Counts says in words how many operations changed, for example "2 operations added, 1 changed"; "" for none.
func (s Summary) Counts() string {
	var parts []string
	noun := " operation"
	for _, part := range [...]struct {
		n    int
		verb string
	}{{s.Added, "added"}, {s.Removed, "removed"}, {s.Changed, "changed"}} {
		if part.n == 0 {
			continue
		}
		if noun != "" && part.n > 1 {
			noun += "s"
		}
		parts = append(parts, fmt.Sprintf("%d%s %s", part.n, noun, part.verb))
		noun = ""
	}
	return strings.Join(parts, ", ")
}

// Line is the summary in one line, for example "2 operations added, 1 removed, ⚠ 1 breaking — DELETE /orders/{id} is gone";
// "" if nothing changed. For writing its parts in different ways there are Counts, Breaking, Worst and its Phrase.
func (s Summary) Line() string {
	line := s.Counts()
	if s.Breaking > 0 {
		line += fmt.Sprintf(", ⚠ %d breaking", s.Breaking)
	}
	if s.Worst != nil {
		line += " — " + clean(s.Worst.Operation().String()) + " " + s.Worst.Phrase()
	}
	return strings.TrimPrefix(line, ", ")
}

// Phrase says in a few words what a change is about, to stand after its operation: "is gone".
func (c Change) Phrase() string {
	switch {
	case c.Kind == Removed:
		return "is gone"
	case c.Kind == Opened:
		return "is open to the public now"
	case c.opens():
		return "is new and open to the public"
	case c.Kind == Added:
		return "is new"
	case len(c.Details) > 0:
		return c.Details[0].Text
	}
	return "changed"
}
