package openapitest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A term is a node of the graph of what an operation means, the same for all versions. What recursion can lead to is made
// when it is looked at.
type term struct {
	label string
	keys  []string // of a mapping, sorted
	kids  []*term
	grow  func() *term // nil when it is there
}

// anything is equal to every term: it stands for what can't be said in the composed document's version.
const anything = "anything"

func leaf(format string, args ...any) *term { return &term{label: fmt.Sprintf(format, args...)} }

func listTerm(kids ...*term) *term { return &term{label: "a list", kids: kids} }

func mapTerm(fields map[string]*term) *term {
	t := &term{label: "a mapping", keys: slices.Sorted(maps.Keys(fields))}
	for _, key := range t.keys {
		t.kids = append(t.kids, fields[key])
	}
	return t
}

var trueTerm = &term{label: "true"}

func (t *term) settle() {
	if t.grow == nil {
		return
	}
	made := t.grow()
	t.label, t.keys, t.kids, t.grow = made.label, made.keys, made.kids, nil
}

// dataTerm is a value in which nothing is a reference.
func dataTerm(n *node) *term {
	switch n.kind {
	case mapNode:
		fields := make(map[string]*term, len(n.keys))
		for i, key := range n.keys {
			fields[key] = dataTerm(n.kids[i])
		}
		return mapTerm(fields)
	case listNode:
		t := listTerm()
		for _, kid := range n.kids {
			t.kids = append(t.kids, dataTerm(kid))
		}
		return t
	case textNode:
		return leaf("%q", n.text)
	case numberNode:
		return leaf("the number %s", n.text)
	case boolNode:
		return &term{label: n.text}
	default:
		return leaf("null")
	}
}

// A pair is assumed to be equal while what is below it is compared: graphs are equal if no path leads to a difference.
type pair struct{ a, b *term }

// A comparison finds differences between two graphs.
type comparison struct {
	equal   map[pair]bool // found before
	assumed map[pair]bool
	at      []string
	found   []string
}

const (
	mostDifferences = 5
	longestLabel    = 120
)

// compare compares a document's term with the composed one's.
func (c *comparison) compare(want, got *term) {
	if len(c.found) >= mostDifferences {
		return
	}
	if want.grow != nil || got.grow != nil || len(want.kids) > 0 {
		p := pair{want, got}
		if c.equal[p] || c.assumed[p] {
			return
		}
		c.assumed[p] = true
	}
	want.settle()
	got.settle()
	switch {
	case want.label == anything || got.label == anything:
		return
	case want.label != got.label:
		c.differ("%s became %s", short(want.label), short(got.label))
		return
	case want.keys != nil || got.keys != nil:
		c.compareKeys(want, got)
		return
	case len(want.kids) != len(got.kids):
		c.differ("%d entries became %d", len(want.kids), len(got.kids))
		return
	}
	for i := range want.kids {
		c.below(fmt.Sprint(i), want.kids[i], got.kids[i])
	}
}

func (c *comparison) compareKeys(want, got *term) {
	i, j := 0, 0
	for i < len(want.keys) || j < len(got.keys) {
		switch {
		case j == len(got.keys) || i < len(want.keys) && want.keys[i] < got.keys[j]:
			c.differ("%s is lost", short(fmt.Sprintf("%q", want.keys[i])))
			i++
		case i == len(want.keys) || want.keys[i] > got.keys[j]:
			c.differ("%s is invented", short(fmt.Sprintf("%q", got.keys[j])))
			j++
		default:
			c.below(want.keys[i], want.kids[i], got.kids[j])
			i++
			j++
		}
	}
}

func (c *comparison) below(key string, want, got *term) {
	c.at = append(c.at, key)
	c.compare(want, got)
	c.at = c.at[:len(c.at)-1]
}

func (c *comparison) differ(format string, args ...any) {
	if len(c.found) < mostDifferences {
		parts := make([]string, len(c.at))
		for i, part := range c.at {
			parts[i] = short(part)
		}
		c.found = append(c.found, strings.Join(parts, " › ")+": "+fmt.Sprintf(format, args...))
	}
}

func short(s string) string {
	if len(s) <= longestLabel {
		return s
	}
	return strings.ToValidUTF8(s[:longestLabel], "") + "…"
}
