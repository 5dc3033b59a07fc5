package openapi

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// readTree reads a YAML or JSON document. The tree is nil when something is wrong, which is in the report then. Content
// that starts like JSON is read as JSON, and as YAML only where that fails and the file's name does not end in .json.
// The tree keeps the content, which nobody may change any more.
func readTree(file string, content []byte, limits Limits, report *findings) *tree {
	t := &tree{file: file}
	before := len(report.problems)
	if err := t.parse(content, limits, report); err != nil {
		wrong, ok := errors.AsType[*syntaxError](err)
		if !ok {
			wrong = &syntaxError{message: err.Error()}
		}
		report.problem(place{file, wrong.line, wrong.column}, wrong.kind(), wrong.hint, "%s", wrong.message)
	}
	if len(report.problems) > before {
		return nil
	}
	return t
}

// syntaxError ends the reading of a document.
type syntaxError struct {
	line, column  uint32
	rule          Rule
	message, hint string
}

func (e *syntaxError) Error() string { return e.message }

func (e *syntaxError) kind() Rule {
	if e.rule == "" {
		return RuleSyntax
	}
	return e.rule
}

const emptyHint = `it has to start with swagger: "2.0" or openapi: 3.0.4`

func (t *tree) parse(content []byte, limits Limits, report *findings) error {
	if len(content) > limits.DocumentBytes {
		return &syntaxError{
			rule: RuleLimit, message: fmt.Sprintf("the document has %d bytes, more than %d", len(content), limits.DocumentBytes),
			hint: "split the service or leave out examples",
		}
	}
	source := unsafe.String(unsafe.SliceData(content), len(content)) //nolint:gosec // content is not changed any more: a copy would cost as much memory as the document
	if line, column, ok := invalidUTF8(source); ok {
		return &syntaxError{line: line, column: column, message: "the document is not UTF-8", hint: "save it as UTF-8"}
	}
	t.source = strings.TrimPrefix(source, "\uFEFF")
	trimmed := strings.TrimLeft(t.source, " \t\r\n")
	if trimmed == "" {
		return &syntaxError{message: "the document is empty", hint: emptyHint}
	}
	isJSON := strings.EqualFold(path.Ext(t.file), ".json")
	if !isJSON && trimmed[0] != '{' {
		return t.readYAML(limits, report)
	}
	attempt := &findings{file: report.file}
	if err := t.readJSON(limits, attempt); err != nil {
		if !isJSON {
			return t.readYAML(limits, report) // a YAML flow mapping looks like JSON at first
		}
		return err
	}
	report.problems = append(report.problems, attempt.problems...)
	report.unreported += attempt.unreported
	return nil
}

func (t *tree) readJSON(limits Limits, report *findings) error {
	r := &jsonReader{
		growing: growing{tree: t, limits: limits, report: report}, s: t.source,
		line: 1, column: 1, ascii: isASCII(t.source),
	}
	r.entries = make([]entry, 0, len(t.source)/16+8)
	err := r.read()
	r.finish()
	return err
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func invalidUTF8(content string) (line, column uint32, ok bool) {
	if utf8.ValidString(content) {
		return 0, 0, false
	}
	line, column = 1, 1
	for i := 0; i < len(content); {
		r, size := utf8.DecodeRuneInString(content[i:])
		switch {
		case r == utf8.RuneError && size <= 1:
			return line, column, true
		case r == '\n':
			line, column = line+1, 1
		default:
			column++
		}
		i += size
	}
	return line, column, true
}

// growing is a tree that a reader is making.
type growing struct {
	*tree
	made   []byte
	limits Limits
	report *findings
	seen   map[string]uint32 // of uniqueKeys, to be used again
}

func (g *growing) finish() { g.tree.made = string(g.made) }

func (g *growing) add(k kind, line, column uint32) (*entry, error) {
	if len(g.entries)+g.limits.usedValues >= g.limits.Values {
		return nil, &syntaxError{
			line: line, column: column, rule: RuleLimit,
			message: fmt.Sprintf("the document has more than %d values", g.limits.Values), hint: "leave out examples or aliases",
		}
	}
	g.entries = append(g.entries, entry{kind: k, span: 1, line: line, column: column})
	return &g.entries[len(g.entries)-1], nil
}

// deeper checks that something may be nested at a depth.
func (g *growing) deeper(depth int, here func() (line, column uint32)) error {
	if depth < g.limits.Depth {
		return nil
	}
	line, column := here()
	return &syntaxError{
		line: line, column: column, rule: RuleLimit,
		message: fmt.Sprintf("the document is nested more than %d levels deep", g.limits.Depth), hint: "use references instead",
	}
}

// close ends the mapping or sequence that starts at an entry.
func (g *growing) close(at int) {
	e := &g.entries[at]
	e.span = uint32(len(g.entries) - at) //nolint:gosec // limited by Limits.Values
	if e.kind == mapping {
		g.uniqueKeys(value{g.tree, uint32(at)}) //nolint:gosec // as above
	}
}

// fewKeys is up to how many entries of a mapping comparing each key with each is the fastest.
const fewKeys = 24

// uniqueKeys reports keys that a mapping has twice.
func (g *growing) uniqueKeys(m value) {
	if m.entry().span < 5 {
		return // at most one key
	}
	if m.entry().span <= fewKeys {
		for k := range m.members() {
			for other := range m.members() {
				if other.i >= k.i {
					break
				}
				if g.keyText(other) == g.keyText(k) {
					g.reportDuplicate(k, g.entries[other.i].line)
					break
				}
			}
		}
		return
	}
	if g.seen == nil {
		g.seen = map[string]uint32{}
	}
	clear(g.seen)
	for k := range m.members() {
		key := g.keyText(k)
		if line, ok := g.seen[key]; ok {
			g.reportDuplicate(k, line)
			continue
		}
		g.seen[key] = k.entry().line
	}
}

// keyText is the text of a key while the tree is still being made.
func (g *growing) keyText(k value) string {
	e := k.entry()
	if !e.made {
		return g.source[e.offset : e.offset+e.size]
	}
	b := g.made[e.offset : e.offset+e.size]
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // made is only appended to
}

func (g *growing) reportDuplicate(k value, line uint32) {
	g.report.problem(k.at(), RuleDuplicateKey, "remove one of them",
		"the key %s is already used at line %d of the same mapping", quote(g.keyText(k)), line)
}
