package openapitest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	plainText = regexp.MustCompile(`^[A-Za-z_]([A-Za-z0-9_./ -]*[A-Za-z0-9_./-])?$`)
	plainPath = regexp.MustCompile(`^/[A-Za-z0-9/{}_.~%-]*$`)
	plainRef  = regexp.MustCompile(`^[A-Za-z.][A-Za-z0-9_./-]*#[A-Za-z0-9_./~%-]*$`)
	// oddKey are keys that YAML makes something else of than a text. Keys of documents are texts all the same.
	oddKey = regexp.MustCompile(`^(y|n|no|on|off|yes|null|~|true|False|=|[0-9]+|1\.0|0x1F|1e3|2020-01-01)$`)
)

// isPlain tells whether a text needs no quotes to be one.
func isPlain(s string) bool {
	switch strings.ToLower(s) {
	case "true", "false", "null":
		return false
	}
	return plainText.MatchString(s) || plainRef.MatchString(s)
}

func (w *yamlWriter) key(s string, inFlow bool) {
	switch {
	case oddKey.MatchString(s) && w.r.IntN(3) > 0:
		w.WriteString(s)
	case (isPlain(s) || !inFlow && plainPath.MatchString(s)) && w.r.IntN(10) > 0:
		w.WriteString(s)
	case isPrintable(s) && w.r.IntN(2) == 0:
		w.WriteString("'" + strings.ReplaceAll(s, "'", "''") + "'")
	default:
		w.quoted(s)
	}
}

func (w *yamlWriter) scalar(s string) {
	switch {
	case isPlain(s) && w.r.IntN(4) > 0:
		w.WriteString(s)
	case isPrintable(s) && w.r.IntN(2) == 0:
		w.WriteString("'" + strings.ReplaceAll(s, "'", "''") + "'")
	default:
		w.quoted(s)
	}
}

// isPrintable tells whether a text can be written on a line as it is.
func isPrintable(s string) bool { return !strings.ContainsFunc(s, needsEscape) }

func needsEscape(r rune) bool {
	return r < ' ' && r != '\t' || r >= 0x7f && r <= 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff
}

func (w *yamlWriter) quoted(s string) {
	odd := w.chance(10)
	w.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.WriteByte('\\')
			w.WriteRune(r)
		case r == '\n':
			w.WriteString(`\n`)
		case r == '\t' && w.r.IntN(2) == 0:
			w.WriteString(`\t`)
		case needsEscape(r) || odd && r > 0x7e:
			if r > 0xffff {
				fmt.Fprintf(w, `\U%08x`, r)
			} else {
				fmt.Fprintf(w, `\u%04x`, r)
			}
		default:
			w.WriteRune(r)
		}
	}
	w.WriteByte('"')
}

// blockScalar writes a text of several lines as it is (|) or folded (>), if that can be done and chance wants it.
func (w *yamlWriter) blockScalar(s string, indent int) bool {
	if !strings.Contains(s, "\n") || w.r.IntN(5) == 0 {
		return false
	}
	body := strings.TrimRight(s, "\n")
	lines := strings.Split(body, "\n")
	odd := func(line string) bool { return line != "" && (line[0] == ' ' || line[0] == '\t') }
	if body == "" || lines[0] == "" || odd(lines[0]) || !isPrintable(strings.ReplaceAll(body, "\n", "")) {
		return false
	}
	tail, keep := "-", len(s)-len(body)
	switch {
	case keep == 1:
		tail = ""
	case keep > 1:
		tail = "+"
	}
	style := "|"
	if !slices.ContainsFunc(lines, func(line string) bool { return line == "" || odd(line) }) && w.r.IntN(2) == 0 {
		style = ">"
	}
	w.WriteString(" " + style + tail + "\n")
	for i, line := range lines {
		if style == ">" && i > 0 {
			w.WriteByte('\n')
		}
		if line != "" {
			w.spaces(max(indent, 1))
			if style == ">" {
				line = w.folded(line, indent)
			}
		}
		w.WriteString(line + "\n")
	}
	for range keep - 1 {
		w.WriteByte('\n')
	}
	w.keeps = tail == "+"
	return true
}

// folded breaks a line between two words.
func (w *yamlWriter) folded(line string, indent int) string {
	for i := len(line) / 2; i+1 < len(line); i++ {
		if i > 0 && line[i] == ' ' && !strings.ContainsRune(" \t", rune(line[i-1])) && !strings.ContainsRune(" \t", rune(line[i+1])) {
			return line[:i] + "\n" + strings.Repeat(" ", max(indent, 1)) + line[i+1:]
		}
	}
	return line
}
