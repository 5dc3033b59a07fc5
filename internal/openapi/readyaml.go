package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readYAML reads YAML with positions. The content is valid UTF-8.
func readYAML(content []byte, report *findings) (node, error) {
	document, err := decodeYAML(content)
	if err != nil {
		return node{}, err
	}
	r := &yamlReader{report: report, expanding: map[*yaml.Node]bool{}}
	return r.node(document, 0)
}

// yamlLine finds the place in a message of the YAML package, which has no other form of it.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func decodeYAML(content []byte) (document *yaml.Node, err error) {
	defer func() {
		// The parser panics where it meets a state that its authors thought impossible.
		if r := recover(); r != nil {
			document, err = nil, &syntaxError{message: "not YAML: the parser can't read it"}
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var first, second yaml.Node
	if err := decoder.Decode(&first); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &syntaxError{message: "the document is empty", hint: `it has to start with swagger: "2.0"`}
		}
		return nil, yamlError(err, content)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, &syntaxError{
			at: at(&second), message: "the file holds several YAML documents",
			hint: "keep one document in a file",
		}
	case !errors.Is(err, io.EOF):
		return nil, yamlError(err, content)
	}
	if len(first.Content) != 1 {
		return nil, &syntaxError{message: "the document is empty"}
	}
	return first.Content[0], nil
}

// countsFromZero finds the messages in which the YAML package counts lines from 0: those of its parser. Its scanner's count
// from 1.
var countsFromZero = regexp.MustCompile(`did not find expected (?:key|node content|',' or|'-' indicator|<)`)

func yamlError(err error, content []byte) error {
	message := err.Error()
	found := yamlLine.FindStringSubmatch(message)
	wrong := &syntaxError{message: "not YAML: " + strings.TrimPrefix(message, "yaml: ")}
	if len(found) > 1 && found[1] != "" {
		wrong.message = "not YAML: " + message[len(found[0]):]
		if line, err := strconv.ParseInt(found[1], 10, 32); err == nil {
			wrong.at = position{line: int32(line), column: 1}
		}
	}
	switch {
	case wrong.at.line == 0:
	case countsFromZero.MatchString(message):
		wrong.at.line++
	case strings.Contains(message, "tab character"):
		wrong.at.line = firstTab(content, wrong.at.line)
	}
	return wrong
}

// firstTab is the first line, not before from, that is indented with a tab: the YAML package says where the text begins
// that the tab is in. It is from when there is none.
func firstTab(content []byte, from int32) int32 {
	n := int32(0)
	for line := range bytes.Lines(content) {
		n++
		indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
		if n >= from && bytes.ContainsRune(indent, '\t') {
			return n
		}
	}
	return from
}

func at(n *yaml.Node) position {
	return position{line: int32(n.Line), column: int32(n.Column)} //nolint:gosec // a document has at most 2 MB
}

type yamlReader struct {
	budget    budget
	report    *findings
	expanding map[*yaml.Node]bool // aliases' targets that are being read: one within itself has no end
}

func (r *yamlReader) node(n *yaml.Node, depth int) (node, error) {
	if err := r.budget.spend(at(n), depth); err != nil {
		return node{}, err
	}
	if n.Kind == yaml.AliasNode {
		return r.alias(n, depth)
	}
	if tag := n.ShortTag(); !knownTag(tag) {
		return node{}, &syntaxError{
			at: at(n), message: fmt.Sprintf("the YAML tag %s has no meaning in OpenAPI", quote(tag)),
			hint: "remove the tag",
		}
	}
	switch n.Kind {
	case yaml.MappingNode:
		return r.mapping(n, depth)
	case yaml.SequenceNode:
		list := node{kind: sequence, at: at(n), items: make([]node, 0, len(n.Content))}
		for _, c := range n.Content {
			item, err := r.node(c, depth+1)
			if err != nil {
				return node{}, err
			}
			list.items = append(list.items, item)
		}
		return list, nil
	case yaml.ScalarNode:
		return r.scalar(n)
	default:
		return node{}, &syntaxError{at: at(n), message: "not YAML: an unknown kind of node"}
	}
}

func knownTag(tag string) bool {
	switch tag {
	case "!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge", "":
		return true
	}
	return false
}

// alias reads what an alias stands for, again and again: every use counts against the budget.
func (r *yamlReader) alias(n *yaml.Node, depth int) (node, error) {
	if n.Alias == nil || r.expanding[n.Alias] {
		return node{}, &syntaxError{at: at(n), message: fmt.Sprintf("the alias %s contains itself", quote(n.Value)), hint: "use a $ref instead"}
	}
	r.expanding[n.Alias] = true
	defer delete(r.expanding, n.Alias)
	return r.node(n.Alias, depth)
}

func (r *yamlReader) mapping(n *yaml.Node, depth int) (node, error) {
	m := node{kind: mapping, at: at(n), keys: make([]key, 0, len(n.Content)/2), items: make([]node, 0, len(n.Content)/2)}
	var merged []node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		name := k
		if k.Kind == yaml.AliasNode && k.Alias != nil {
			name = k.Alias
		}
		if name.Kind != yaml.ScalarNode {
			return node{}, &syntaxError{at: at(k), message: "a key that is not a string", hint: "quote it"}
		}
		value, err := r.node(v, depth+1)
		if err != nil {
			return node{}, err
		}
		if name.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		m.keys = append(m.keys, key{name: name.Value, at: at(k)})
		m.items = append(m.items, value)
	}
	uniqueKeys(&m, r.report)
	for i := range merged {
		if err := merge(&m, &merged[i]); err != nil {
			return node{}, err
		}
	}
	return m, nil
}

// merge adds the entries of a merge key's value that the mapping doesn't have itself; of several mappings the first
// counts. See https://yaml.org/type/merge.html.
func merge(m, from *node) error {
	sources := []node{*from}
	if from.kind == sequence {
		sources = from.items
	}
	have := make(map[string]bool, len(m.keys))
	for _, k := range m.keys {
		have[k.name] = true
	}
	for _, source := range sources {
		if source.kind != mapping {
			return &syntaxError{at: source.at, message: "a merge key (<<) takes a mapping or a list of mappings, not " + source.kind.String()}
		}
		for i, k := range source.keys {
			if !have[k.name] {
				have[k.name] = true
				m.keys, m.items = append(m.keys, k), append(m.items, source.items[i])
			}
		}
	}
	return nil
}

func (r *yamlReader) scalar(n *yaml.Node) (node, error) {
	value := node{kind: text, at: at(n), text: n.Value}
	switch n.ShortTag() {
	case "!!null":
		value.kind, value.text = null, ""
	case "!!bool":
		value.kind, value.text = boolean, strings.ToLower(n.Value)
		if value.text != "true" && value.text != "false" {
			return node{}, &syntaxError{at: value.at, message: fmt.Sprintf("%s is not a boolean", quote(n.Value)), hint: "write true or false"}
		}
	case "!!int", "!!float":
		literal, ok := jsonNumber(n.Value)
		if !ok {
			return node{}, &syntaxError{at: value.at, message: fmt.Sprintf("JSON has no number %s", quote(n.Value)), hint: "quote it, or write a finite decimal number"}
		}
		value.kind, value.text = number, literal
	}
	return value, nil
}

// jsonNumber writes a number of YAML as JSON does. A number that JSON writes alike is kept to the digit.
func jsonNumber(s string) (string, bool) {
	if length := numberLength(s); length > 0 && length == len(s) {
		return s, true
	}
	plain := strings.ReplaceAll(s, "_", "")
	if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return strconv.FormatInt(i, 10), true
	}
	if u, err := strconv.ParseUint(plain, 0, 64); err == nil {
		return strconv.FormatUint(u, 10), true
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil {
		return "", false
	}
	literal := strconv.FormatFloat(f, 'g', -1, 64)
	length := numberLength(literal)
	return literal, length > 0 && length == len(literal) // not NaN or Inf
}
