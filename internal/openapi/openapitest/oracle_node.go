package openapitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

type kind uint8

const (
	nullNode kind = iota
	boolNode
	numberNode
	textNode
	listNode
	mapNode
)

func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a text", "a list", "a mapping"}[k]
}

// A node is a value of a document. Keys are what stands there: the key no is "no", 200 is "200".
type node struct {
	kind  kind
	text  string // of a scalar; of a number in the form that equal numbers share
	file  string
	keys  []string // of a mapping
	lines []int    // of the keys
	kids  []*node  // of a mapping or list
	index map[string]int
}

// get is the member of a mapping, nil for none.
func (n *node) get(key string) *node {
	if n == nil || n.kind != mapNode {
		return nil
	}
	if i, ok := n.index[key]; ok {
		return n.kids[i]
	}
	return nil
}

// str is the member's text, "" for none.
func (n *node) str(key string) string {
	if m := n.get(key); m != nil && m.kind == textNode {
		return m.text
	}
	return ""
}

func (n *node) isTrue() bool { return n != nil && n.kind == boolNode && n.text == "true" }

// items are the entries of a list; none for anything else.
func (n *node) items() []*node {
	if n == nil || n.kind != listNode {
		return nil
	}
	return n.kids
}

func (n *node) add(key string, line int, kid *node) error {
	if _, ok := n.index[key]; ok {
		return fmt.Errorf("line %d: the key %q stands there twice", line, key)
	}
	if n.index == nil {
		n.index = map[string]int{}
	}
	n.index[key] = len(n.kids)
	n.keys, n.lines, n.kids = append(n.keys, key), append(n.lines, line), append(n.kids, kid)
	return nil
}

// only is the mapping with some of its members.
func (n *node) only(want func(key string) bool) *node {
	part := &node{kind: mapNode, file: n.file}
	for i, key := range n.keys {
		if want(key) {
			_ = part.add(key, n.lines[i], n.kids[i]) // no key twice
		}
	}
	return part
}

// readFile reads a file as its name says: JSON or YAML.
func readFile(name string, content []byte) (*node, error) {
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	if path.Ext(name) == ".json" {
		return readJSON(name, content)
	}
	return readYAML(name, content)
}

// A jsonReader reads JSON with the lines of its keys.
type jsonReader struct {
	file    string
	content []byte
	decoder *json.Decoder
	line    int
	counted int // bytes, for line
}

func readJSON(file string, content []byte) (*node, error) {
	r := &jsonReader{file: file, content: content, decoder: json.NewDecoder(bytes.NewReader(content)), line: 1}
	r.decoder.UseNumber()
	n, err := r.value()
	if err != nil {
		return nil, err
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after the document")
	}
	return n, nil
}

func (r *jsonReader) value() (*node, error) {
	token, err := r.decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	switch t := token.(type) {
	case nil:
		return &node{kind: nullNode, file: r.file}, nil
	case bool:
		return &node{kind: boolNode, text: fmt.Sprint(t), file: r.file}, nil
	case json.Number:
		return &node{kind: numberNode, text: canonicalNumber(t.String()), file: r.file}, nil
	case string:
		return &node{kind: textNode, text: t, file: r.file}, nil
	case json.Delim:
		return r.composite(t)
	}
	return nil, fmt.Errorf("reading JSON: unexpected %v", token)
}

func (r *jsonReader) composite(open json.Delim) (*node, error) {
	n := &node{kind: listNode, file: r.file}
	if open == '{' {
		n.kind = mapNode
	}
	for r.decoder.More() {
		if n.kind == listNode {
			kid, err := r.value()
			if err != nil {
				return nil, err
			}
			n.kids = append(n.kids, kid)
			continue
		}
		token, err := r.decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("reading JSON: %w", err)
		}
		key, _ := token.(string)
		line := r.lineAt(int(r.decoder.InputOffset()))
		kid, err := r.value()
		if err != nil {
			return nil, err
		}
		if err := n.add(key, line, kid); err != nil {
			return nil, err
		}
	}
	if _, err := r.decoder.Token(); err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	return n, nil
}

func (r *jsonReader) lineAt(offset int) int {
	r.line += bytes.Count(r.content[r.counted:offset], []byte("\n"))
	r.counted = offset
	return r.line
}

// A yamlReader makes nodes of the YAML package's.
type yamlReader struct {
	file string
	made map[*yaml.Node]*node // of what aliases stand for
}

func readYAML(file string, content []byte) (*node, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("reading YAML: %w", err)
	}
	if len(document.Content) != 1 {
		return nil, errors.New("the document is empty")
	}
	r := &yamlReader{file: file, made: map[*yaml.Node]*node{}}
	return r.value(document.Content[0])
}

func (r *yamlReader) value(y *yaml.Node) (*node, error) {
	switch y.Kind {
	case yaml.AliasNode:
		n, ok := r.made[y.Alias]
		if !ok {
			return nil, fmt.Errorf("line %d: the alias contains itself", y.Line)
		}
		use := *n // two places, even if they hold the same
		return &use, nil
	case yaml.MappingNode:
		return r.anchored(y, r.mapping)
	case yaml.SequenceNode:
		return r.anchored(y, r.list)
	case yaml.ScalarNode:
		n := &node{file: r.file}
		n.kind, n.text = scalarOf(y)
		r.made[y] = n
		return n, nil
	default:
		return nil, fmt.Errorf("line %d: an unknown kind of YAML", y.Line)
	}
}

func (r *yamlReader) anchored(y *yaml.Node, make func(*yaml.Node) (*node, error)) (*node, error) {
	n, err := make(y)
	if err == nil && y.Anchor != "" {
		r.made[y] = n
	}
	return n, err
}

func (r *yamlReader) list(y *yaml.Node) (*node, error) {
	n := &node{kind: listNode, file: r.file}
	for _, item := range y.Content {
		kid, err := r.value(item)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, kid)
	}
	return n, nil
}

// mapping reads a mapping. Its own members come before those of merge keys, wherever it has them:
// https://yaml.org/type/merge.html.
func (r *yamlReader) mapping(y *yaml.Node) (*node, error) {
	n := &node{kind: mapNode, file: r.file}
	var merged []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			return nil, fmt.Errorf("line %d: a key that is not a scalar", key.Line)
		case key.ShortTag() == "!!merge":
			merged = append(merged, y.Content[i+1])
			continue
		}
		kid, err := r.value(y.Content[i+1])
		if err != nil {
			return nil, err
		}
		if err := n.add(key.Value, y.Content[i].Line, kid); err != nil {
			return nil, err
		}
	}
	for _, m := range merged {
		if err := r.merge(n, m); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// merge adds the members of a mapping, or of a list of mappings, that are not there yet.
func (r *yamlReader) merge(n *node, y *yaml.Node) error {
	from, err := r.value(y)
	if err != nil {
		return err
	}
	sources := []*node{from}
	if from.kind == listNode {
		sources = from.kids
	}
	for _, source := range sources {
		if source.kind != mapNode {
			return fmt.Errorf("line %d: a merge key takes mappings", y.Line)
		}
		for i, key := range source.keys {
			if _, ok := n.index[key]; !ok {
				_ = n.add(key, source.lines[i], source.kids[i]) // it is not there
			}
		}
	}
	return nil
}

func scalarOf(y *yaml.Node) (kind, string) {
	switch y.ShortTag() {
	case "!!null":
		return nullNode, ""
	case "!!bool":
		return boolNode, strings.ToLower(y.Value)
	case "!!int", "!!float":
		return numberNode, canonicalYAMLNumber(y.Value)
	default: // dates too
		return textNode, y.Value
	}
}
