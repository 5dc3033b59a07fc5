package openapi

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readYAML reads YAML with positions. The source is valid UTF-8.
func (t *tree) readYAML(limits Limits, report *findings) error {
	if most := 2 * (limits.Values - limits.usedValues); countMarks(t.source, most) > most { // the parser has no limit of its own
		return &syntaxError{
			rule: RuleLimit, message: fmt.Sprintf("the document has more than %d values", limits.Values),
			hint: "leave out examples",
		}
	}
	document, err := decodeYAML(t.source)
	if err != nil {
		return err
	}
	r := &yamlReader{growing: growing{tree: t, limits: limits, report: report}, expanding: map[*yaml.Node]bool{}}
	r.tree.entries = make([]entry, 0, len(t.source)/16+8)
	r.made = make([]byte, 0, len(t.source)/2)
	err = r.node(document, 0)
	t.aliasValues = r.extra
	r.finish()
	return err
}

// countMarks counts the characters that begin or end values, which YAML has at least one of for nearly every value; it
// stops when there are more than most.
func countMarks(s string, most int) int {
	n := 0
	for i := range len(s) {
		switch s[i] {
		case ',', ':', '-', '[', '{', '?', '\n':
			if n++; n > most {
				return n
			}
		}
	}
	return n
}

// yamlLine finds the place in a message of the YAML package, which has no other form of it.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func decodeYAML(content string) (document *yaml.Node, err error) {
	defer func() {
		// The parser panics where it meets a state that its authors thought impossible.
		if r := recover(); r != nil {
			document, err = nil, &syntaxError{message: "not YAML: the parser can't read it"}
		}
	}()
	decoder := yaml.NewDecoder(strings.NewReader(content))
	var first, second yaml.Node
	if err := decoder.Decode(&first); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &syntaxError{message: "the document is empty", hint: emptyHint}
		}
		return nil, yamlError(err, content)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		line, column := at(&second)
		return nil, &syntaxError{
			line: line, column: column, message: "the file holds several YAML documents", hint: "keep one document in a file",
		}
	case !errors.Is(err, io.EOF):
		return nil, yamlError(err, content)
	}
	if len(first.Content) != 1 {
		return nil, &syntaxError{message: "the document is empty", hint: emptyHint}
	}
	return first.Content[0], nil
}

// countsFromZero finds the messages in which the YAML package counts lines from 0: those of its parser. Its scanner's count
// from 1.
var countsFromZero = regexp.MustCompile(`did not find expected (?:key|node content|',' or|'-' indicator|<)`)

func yamlError(err error, content string) error {
	message := err.Error()
	found := yamlLine.FindStringSubmatch(message)
	wrong := &syntaxError{message: "not YAML: " + strings.TrimPrefix(message, "yaml: ")}
	if len(found) > 1 && found[1] != "" {
		wrong.message = "not YAML: " + message[len(found[0]):]
		if line, err := strconv.ParseUint(found[1], 10, 32); err == nil {
			wrong.line, wrong.column = uint32(line), 1
		}
	}
	switch {
	case wrong.line == 0:
	case countsFromZero.MatchString(message):
		wrong.line++
	case strings.Contains(message, "tab character"):
		wrong.line = firstTab(content, wrong.line)
	}
	return wrong
}

// firstTab is the first line, not before from, that is indented with a tab: the YAML package says where the text begins
// that the tab is in. It is from when there is none.
func firstTab(content string, from uint32) uint32 {
	n := uint32(0)
	for line := range strings.Lines(content) {
		n++
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if n >= from && strings.ContainsRune(indent, '\t') {
			return n
		}
	}
	return from
}

func at(n *yaml.Node) (line, column uint32) {
	return uint32(n.Line), uint32(n.Column) //nolint:gosec // documents are far smaller than 4 GB
}

type yamlReader struct {
	growing
	expanding map[*yaml.Node]bool // aliases' targets that are being read: one within itself has no end
	aliases   int                 // aliases and merge keys around what is being read
	extra     int                 // values that they have added
}

func (r *yamlReader) wrong(n *yaml.Node, message, hint string) error {
	line, column := at(n)
	return &syntaxError{line: line, column: column, message: message, hint: hint}
}

// spend counts a value against what aliases may add.
func (r *yamlReader) spend(n *yaml.Node) error {
	if r.aliases == 0 {
		return nil
	}
	if r.extra++; r.extra+r.limits.usedAliasValues <= r.limits.AliasValues {
		return nil
	}
	line, column := at(n)
	return &syntaxError{
		line: line, column: column, rule: RuleLimit,
		message: fmt.Sprintf("aliases and merge keys add more than %d values to the document", r.limits.AliasValues),
		hint:    "use references instead",
	}
}

func (r *yamlReader) node(n *yaml.Node, depth int) error {
	if err := r.spend(n); err != nil {
		return err
	}
	if n.Kind == yaml.AliasNode {
		return r.within(n, func(target *yaml.Node) error { return r.node(target, depth) })
	}
	if tag := n.ShortTag(); !knownTag(tag) {
		return r.wrong(n, fmt.Sprintf("the YAML tag %s has no meaning in OpenAPI", quote(tag)), "remove the tag")
	}
	switch n.Kind {
	case yaml.MappingNode:
		return r.composite(n, mapping, depth, r.mapping)
	case yaml.SequenceNode:
		return r.composite(n, sequence, depth, r.sequence)
	case yaml.ScalarNode:
		return r.scalar(n)
	default:
		return r.wrong(n, "not YAML: an unknown kind of node", "")
	}
}

func knownTag(tag string) bool {
	switch tag {
	case "!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge", "":
		return true
	}
	return false
}

// within works on what an alias stands for, again and again: every use counts against the limit.
func (r *yamlReader) within(n *yaml.Node, work func(target *yaml.Node) error) error {
	if n.Alias == nil || r.expanding[n.Alias] {
		return r.wrong(n, fmt.Sprintf("the alias %s contains itself", quote(n.Value)), "use a $ref instead")
	}
	r.expanding[n.Alias] = true
	r.aliases++
	err := work(n.Alias)
	r.aliases--
	delete(r.expanding, n.Alias)
	return err
}

func (r *yamlReader) composite(n *yaml.Node, k kind, depth int, content func(n *yaml.Node, depth int) error) error {
	line, column := at(n)
	if err := r.deeper(depth, func() (uint32, uint32) { return line, column }); err != nil {
		return err
	}
	start := len(r.entries)
	if _, err := r.add(k, line, column); err != nil {
		return err
	}
	if err := content(n, depth+1); err != nil {
		return err
	}
	r.close(start)
	return nil
}

func (r *yamlReader) sequence(n *yaml.Node, depth int) error {
	for _, c := range n.Content {
		if err := r.node(c, depth); err != nil {
			return err
		}
	}
	return nil
}

func (r *yamlReader) mapping(n *yaml.Node, depth int) error {
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, err := r.keyName(n.Content[i])
		if err != nil {
			return err
		}
		if name.ShortTag() == "!!merge" {
			merged = append(merged, n.Content[i+1])
			continue
		}
		if err := r.member(n.Content[i], name.Value, n.Content[i+1], depth); err != nil {
			return err
		}
	}
	if len(merged) == 0 {
		return nil
	}
	m := merge{r: r, have: map[string]bool{}, depth: depth}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if name, err := r.keyName(n.Content[i]); err == nil && name.ShortTag() != "!!merge" {
			m.have[name.Value] = true
		}
	}
	for _, source := range merged {
		if err := m.source(source); err != nil {
			return err
		}
	}
	return nil
}

// keyName is the scalar that a key is. Keys are strings, whatever YAML makes of them: 200, no and ~ too.
func (r *yamlReader) keyName(k *yaml.Node) (*yaml.Node, error) {
	n := k
	if k.Kind == yaml.AliasNode && k.Alias != nil {
		n = k.Alias
	}
	if n.Kind != yaml.ScalarNode {
		return nil, r.wrong(k, "a key that is not a string", "quote it")
	}
	return n, nil
}

func (r *yamlReader) member(k *yaml.Node, key string, v *yaml.Node, depth int) error {
	line, column := at(k)
	e, err := r.add(name, line, column)
	if err != nil {
		return err
	}
	r.setText(e, key)
	return r.node(v, depth)
}

func (r *yamlReader) setText(e *entry, s string) {
	e.made, e.offset, e.size = true, uint32(len(r.made)), uint32(len(s)) //nolint:gosec // documents are far smaller than 4 GB
	r.made = append(r.made, s...)
}

// A merge adds the entries of merge keys' values that the mapping doesn't have itself; of several mappings the first
// counts. See https://yaml.org/type/merge.html.
type merge struct {
	r     *yamlReader
	have  map[string]bool
	depth int
}

// source adds the members of what stands under a merge key: a mapping or a list of them.
func (m *merge) source(n *yaml.Node) error {
	m.r.aliases++
	defer func() { m.r.aliases-- }()
	if err := m.r.spend(n); err != nil {
		return err
	}
	switch n.Kind {
	case yaml.AliasNode:
		return m.r.within(n, m.source)
	case yaml.SequenceNode:
		for _, c := range n.Content {
			if err := m.source(c); err != nil {
				return err
			}
		}
		return nil
	case yaml.MappingNode:
		return m.mapping(n)
	default:
		return m.r.wrong(n, "a merge key (<<) takes a mapping or a list of mappings", "")
	}
}

func (m *merge) mapping(n *yaml.Node) error {
	var deeper []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, err := m.r.keyName(n.Content[i])
		if err != nil {
			return err
		}
		if name.ShortTag() == "!!merge" {
			deeper = append(deeper, n.Content[i+1])
			continue
		}
		if err := m.r.spend(n); err != nil {
			return err
		}
		if m.have[name.Value] {
			continue
		}
		m.have[name.Value] = true
		if err := m.r.member(n.Content[i], name.Value, n.Content[i+1], m.depth); err != nil {
			return err
		}
	}
	for _, d := range deeper {
		if err := m.source(d); err != nil {
			return err
		}
	}
	return nil
}

func (r *yamlReader) scalar(n *yaml.Node) error {
	k, literal := text, n.Value
	switch n.ShortTag() {
	case "!!null":
		k, literal = null, ""
	case "!!bool":
		k, literal = boolean, strings.ToLower(n.Value)
		if literal != "true" && literal != "false" {
			return r.wrong(n, fmt.Sprintf("%s is not a boolean", quote(n.Value)), "write true or false")
		}
	case "!!int", "!!float":
		plain, ok := jsonNumber(n.Value)
		if !ok {
			return r.wrong(n, fmt.Sprintf("JSON has no number %s", quote(n.Value)), "quote it, or write a finite decimal number")
		}
		k, literal = number, plain
	}
	line, column := at(n)
	e, err := r.add(k, line, column)
	if err != nil {
		return err
	}
	r.setText(e, literal)
	return nil
}

// jsonNumber writes a number of YAML as JSON does. A number that JSON writes alike is kept to the digit.
func jsonNumber(s string) (string, bool) {
	if length := numberLength(s); length > 0 && length == len(s) {
		return s, finite(s)
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
