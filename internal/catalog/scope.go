package catalog

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A scope reads one block. What it was asked for is what the block may hold: finish reports everything else.
type scope struct {
	p          *parser
	block      *hclsyntax.Block // nil for the file itself
	body       *hclsyntax.Body
	header     hcl.Range
	kind       string // the block's type
	attributes []string
	kinds      []string
}

func (p *parser) scope(b *hclsyntax.Block) *scope {
	return &scope{p: p, block: b, body: b.Body, header: b.DefRange(), kind: b.Type}
}

// String is how messages call the block: service "orders".
func (s *scope) String() string {
	if s.block == nil {
		return "the file"
	}
	if len(s.block.Labels) == 0 {
		return s.kind
	}
	return fmt.Sprintf("%s %q", s.kind, s.block.Labels[0])
}

// label is the block's only label.
func (s *scope) label(valid rule) text {
	t := text{value: s.block.Labels[0], at: s.block.LabelRanges[0], set: true}
	return s.check(t, s.kind+" name", valid)
}

// check holds a text to a rule; a text that breaks it is reported and becomes "".
func (s *scope) check(t text, what string, valid rule) text {
	if valid == nil {
		return t
	}
	if remedy := valid(t.value); remedy != "" {
		s.p.wrong(t.at, remedy, "Invalid %s %q", what, t.value)
		t.value, t.bad = "", true
	}
	return t
}

// attribute is an attribute that the block may have.
func (s *scope) attribute(name string) (*hclsyntax.Attribute, bool) {
	s.attributes = append(s.attributes, name)
	if s.p.known != nil {
		s.p.known(s.kind, name)
	}
	a, ok := s.body.Attributes[name]
	return a, ok
}

// missing reports that a required attribute isn't there.
func (s *scope) missing(name, example string) {
	if slices.ContainsFunc(s.body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == name }) {
		return // finish says that it is no block
	}
	s.p.wrong(s.header, fmt.Sprintf("Add to %s, for example: %s = %s", s, name, example), "Missing %q", name)
}

func (s *scope) text(name string, valid rule) text {
	a, ok := s.attribute(name)
	if !ok {
		return text{}
	}
	t, ok := s.p.literalText(a.Expr)
	if !ok {
		return text{at: t.at, set: true, bad: true}
	}
	return s.check(t, name, valid)
}

func (s *scope) requiredText(name, example string, valid rule) text {
	t := s.text(name, valid)
	if !t.set {
		s.missing(name, fmt.Sprintf("%q", example))
	}
	return t
}

// texts reads a list of texts. set tells whether the attribute is there at all.
func (s *scope) texts(name string, valid rule) (list []text, at hcl.Range, set bool) {
	a, ok := s.attribute(name)
	if !ok {
		return nil, hcl.Range{}, false
	}
	elements, ok := s.p.list(a.Expr)
	if !ok {
		return nil, a.Expr.Range(), true
	}
	seen := claims{}
	for _, e := range elements {
		t, ok := s.p.literalText(e)
		if !ok {
			continue
		}
		t = s.check(t, "element of "+name, valid)
		seen.claim(s.p, t.value, t.at, "%q is in the list twice", "Remove one of the two.")
		list = append(list, t)
	}
	return list, a.Expr.Range(), true
}

// requiredTexts reads a list of texts that must not be empty.
func (s *scope) requiredTexts(name, example string, valid rule) []text {
	list, at, set := s.texts(name, valid)
	if !set {
		s.missing(name, fmt.Sprintf("[%q]", example))
	} else if elements := s.body.Attributes[name].Expr; len(list) == 0 && isEmptyList(elements) {
		s.p.wrong(at, fmt.Sprintf("Name at least one, for example: %s = [%q]", name, example), "%q is empty", name)
	}
	return list
}

func (s *scope) truth(name string, otherwise bool) bool {
	a, ok := s.attribute(name)
	if !ok {
		return otherwise
	}
	value, ok := s.p.literalBool(a.Expr)
	if !ok {
		return otherwise
	}
	return value
}

// count reads a whole number from 0 to most.
func (s *scope) count(name string, most int) int {
	a, ok := s.attribute(name)
	if !ok {
		return 0
	}
	n, ok := s.p.literalInt(a.Expr)
	if ok && (n < 0 || n > most) {
		s.p.wrong(a.Expr.Range(), fmt.Sprintf("Write a number from 0 to %d.", most), "%q is out of range", name)
	}
	return n
}

// duration reads a Go duration from least to most; most 0 is no upper bound.
func (s *scope) duration(name string, otherwise, least, most time.Duration) time.Duration {
	t := s.text(name, nil)
	if !t.set || t.bad {
		return otherwise
	}
	d, err := time.ParseDuration(t.value)
	switch {
	case err != nil:
		s.p.wrong(t.at, `Write hours, minutes or seconds, for example "72h", "20m" or "1h30m".`,
			"Invalid duration %q for %q", t.value, name)
		return otherwise
	case d < least || most > 0 && d > most:
		remedy := fmt.Sprintf("Write %s or more.", least)
		if most > 0 {
			remedy = fmt.Sprintf("Write something from %s to %s.", least, most)
		}
		s.p.wrong(t.at, remedy, "%q is out of range", name)
	}
	return d
}

// blocks are the block's inner blocks of a type, each with one label.
func (s *scope) blocks(kind, example string) []*hclsyntax.Block {
	s.allow(kind)
	var found []*hclsyntax.Block
	for _, b := range s.body.Blocks {
		switch {
		case b.Type != kind:
		case len(b.Labels) != 1:
			s.p.wrong(b.DefRange(), fmt.Sprintf("Write: %s %q { … }", kind, example),
				"A %q block has exactly one name", kind)
		default:
			found = append(found, b)
		}
	}
	return found
}

// only is the block's one inner block of a type without labels; ok is false when there is none.
func (s *scope) only(kind string) (*scope, bool) {
	s.allow(kind)
	var first *hclsyntax.Block
	for _, b := range s.body.Blocks {
		switch {
		case b.Type != kind:
		case first != nil:
			s.p.wrong(b.DefRange(), fmt.Sprintf("The first is at line %d. Put the content of both into one.",
				first.DefRange().Start.Line), "A second %q block in %s", kind, s)
		case len(b.Labels) > 0:
			s.p.wrong(b.LabelRanges[0], fmt.Sprintf("Write: %s { … }", kind), "A %q block has no name", kind)
			first = b
		default:
			first = b
		}
	}
	if first == nil {
		return nil, false
	}
	return s.p.scope(first), true
}

func (s *scope) allow(kind string) {
	s.kinds = append(s.kinds, kind)
	if s.p.known != nil {
		s.p.known(s.kind, kind)
	}
}

// finish reports what the block may not hold.
func (s *scope) finish() {
	for name, a := range s.body.Attributes {
		switch {
		case slices.Contains(s.attributes, name):
		case slices.Contains(s.kinds, name):
			s.p.wrong(a.NameRange, fmt.Sprintf("Write %s { … } without the equals sign.", name), "%q is a block", name)
		default:
			s.p.wrong(a.NameRange, s.suggest(name), "Unknown attribute %q in %s", name, s)
		}
	}
	for _, b := range s.body.Blocks {
		switch {
		case slices.Contains(s.kinds, b.Type):
		case slices.Contains(s.attributes, b.Type):
			s.p.wrong(b.TypeRange, fmt.Sprintf("Write %s = …, with an equals sign.", b.Type), "%q is an attribute", b.Type)
		default:
			s.p.wrong(b.TypeRange, s.suggest(b.Type), "Unknown block %q in %s", b.Type, s)
		}
	}
}

// suggest says what was perhaps meant, or else what is allowed.
func (s *scope) suggest(name string) string {
	allowed := slices.Concat(s.attributes, s.kinds)
	slices.Sort(allowed)
	best, distance := "", 3
	for _, a := range allowed {
		if d := levenshtein.Distance(name, a, nil); d < distance && d < len(a) {
			best, distance = a, d
		}
	}
	if best != "" {
		return fmt.Sprintf("Did you mean %q?", best)
	}
	return "Allowed here: " + strings.Join(allowed, ", ") + "."
}
