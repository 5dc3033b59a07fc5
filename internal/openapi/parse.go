package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// Limits of documents. They keep time and memory in proportion to what a repository may hold; a document beyond them is
// refused with a finding.
const (
	maxDocumentBytes = 2 << 20
	maxOutputBytes   = 8 << 20
	maxDepth         = 100
	maxNodes         = 500_000 // after aliases have been expanded
)

// A Tree is a document that has been read: its values with their places. It is immutable and may be shared between
// compositions and goroutines.
type Tree struct {
	root node
}

// Parse reads a YAML or JSON document. The error is an [*Error] without service names. Aliases and merge keys of YAML are
// expanded; several documents in one file, duplicate keys, custom tags and numbers that JSON doesn't have are refused.
// The file's name is used in findings; it decides about the format only where the content doesn't: content that starts
// like JSON is read as JSON, and as YAML only where that fails and the name does not end in .json.
func Parse(file string, content []byte) (*Tree, error) {
	report := &findings{file: file}
	tree := readTree(content, report)
	if tree == nil {
		return nil, &Error{Findings: report.all()}
	}
	return tree, nil
}

// readTree is nil when something is wrong, which is in the report then.
func readTree(content []byte, report *findings) *Tree {
	root, err := parse(content, report)
	if err != nil {
		wrong, ok := errors.AsType[*syntaxError](err)
		if !ok {
			wrong = &syntaxError{message: err.Error()}
		}
		report.problem(wrong.at, wrong.hint, "%s", wrong.message)
	}
	if len(report.problems) > 0 {
		return nil
	}
	return &Tree{root: root}
}

// syntaxError ends the reading of a document.
type syntaxError struct {
	at            position
	message, hint string
}

func (e *syntaxError) Error() string { return e.message }

func parse(content []byte, report *findings) (node, error) {
	if len(content) > maxDocumentBytes {
		return node{}, &syntaxError{
			message: fmt.Sprintf("the document has %d bytes, more than %d", len(content), maxDocumentBytes),
			hint:    "split the service or leave out examples",
		}
	}
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	if at, ok := invalidUTF8(content); ok {
		return node{}, &syntaxError{at: at, message: "the document is not UTF-8", hint: "save it as UTF-8"}
	}
	trimmed := bytes.TrimLeft(content, " \t\r\n")
	if len(trimmed) == 0 {
		return node{}, &syntaxError{message: "the document is empty", hint: `it has to start with swagger: "2.0"`}
	}
	isJSON := strings.EqualFold(path.Ext(report.file), ".json")
	if !isJSON && trimmed[0] != '{' {
		return readYAML(content, report)
	}
	attempt := &findings{service: report.service, file: report.file}
	root, err := readJSON(content, attempt)
	if err != nil && !isJSON {
		return readYAML(content, report) // a YAML flow mapping looks like JSON at first
	}
	report.problems = append(report.problems, attempt.problems...)
	report.unreported += attempt.unreported
	return root, err
}

func invalidUTF8(content []byte) (position, bool) {
	if utf8.Valid(content) {
		return position{}, false
	}
	at := position{line: 1, column: 1}
	for i := 0; i < len(content); {
		r, size := utf8.DecodeRune(content[i:])
		switch {
		case r == utf8.RuneError && size <= 1:
			return at, true
		case r == '\n':
			at.line, at.column = at.line+1, 1
		default:
			at.column++
		}
		i += size
	}
	return at, true
}

// budget counts what a reader makes.
type budget struct{ nodes int }

func (b *budget) spend(at position, depth int) error {
	b.nodes++
	switch {
	case b.nodes > maxNodes:
		return &syntaxError{at: at, message: fmt.Sprintf("the document has more than %d values", maxNodes), hint: "leave out examples or aliases"}
	case depth > maxDepth:
		return &syntaxError{at: at, message: fmt.Sprintf("the document is nested more than %d levels deep", maxDepth), hint: "use references instead"}
	}
	return nil
}

// uniqueKeys reports keys that a mapping has twice and keeps the first of each.
func uniqueKeys(n *node, report *findings) {
	seen := make(map[string]position, len(n.keys))
	kept := 0
	for i, k := range n.keys {
		if first, ok := seen[k.name]; ok {
			report.problem(k.at, "remove one of them", "the key %s is already used at line %d of the same mapping", quote(k.name), first.line)
			continue
		}
		seen[k.name] = k.at
		n.keys[kept], n.items[kept] = n.keys[i], n.items[i]
		kept++
	}
	n.keys, n.items = n.keys[:kept], n.items[:kept]
}
