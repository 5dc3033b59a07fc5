package openapi

// kind is what a node is: JSON's kinds of values.
type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	sequence
	mapping
)

// String is the kind's name in messages.
func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "a list", "a mapping"}[k]
}

// position is a place in a document; both count from 1, columns in characters. The zero position is no place: that of
// a node that Compose made.
type position struct{ line, column int32 }

// A node is a value of a document with its place. Nodes that a reader made are never changed: they are shared by all
// compositions that use the document.
type node struct {
	kind  kind
	at    position
	text  string // boolean: true or false; number: as JSON writes it; text: its value
	keys  []key  // of a mapping, one for each item, in the document's order
	items []node // of a sequence or a mapping
}

// A key of a mapping. Keys are strings, whatever YAML makes of them: 200, no and ~ too.
type key struct {
	name string
	at   position
}

// get is the value under a key of a mapping, nil where there is none. It looks at every key, so large mappings that
// are searched often (definitions) have an index of their own.
func (n *node) get(name string) *node {
	if i := n.index(name); i >= 0 {
		return &n.items[i]
	}
	return nil
}

// index is where a key of a mapping is, -1 where there is none.
func (n *node) index(name string) int {
	if n == nil || n.kind != mapping {
		return -1
	}
	for i := range n.keys {
		if n.keys[i].name == name {
			return i
		}
	}
	return -1
}

// str is the text of a string under a key, "" where there is no string.
func (n *node) str(name string) string {
	if v := n.get(name); v != nil && v.kind == text {
		return v.text
	}
	return ""
}

// isTrue tells whether the boolean true is under a key.
func (n *node) isTrue(name string) bool {
	v := n.get(name)
	return v != nil && v.kind == boolean && v.text == "true"
}

// add appends an entry to a mapping that Compose is making.
func (n *node) add(name string, value node) {
	n.keys = append(n.keys, key{name: name})
	n.items = append(n.items, value)
}

// copied is a mapping or sequence with slices of its own, so that entries can be exchanged.
func (n *node) copied() node {
	c := *n
	c.keys = append([]key(nil), n.keys...)
	c.items = append([]node(nil), n.items...)
	return c
}

// with is a copy of a mapping with one entry set.
func (n *node) with(name string, value node) node {
	c := n.copied()
	if i := c.index(name); i >= 0 {
		c.items[i] = value
		return c
	}
	c.add(name, value)
	return c
}

func stringNode(s string) node { return node{kind: text, text: s} }

func stringsNode(list ...string) node {
	n := node{kind: sequence}
	for _, s := range list {
		n.items = append(n.items, stringNode(s))
	}
	return n
}

func trueNode() node { return node{kind: boolean, text: "true"} }

// equal tells whether two values are the same apart from their places and the order of keys. Keys of either are
// distinct; the depth of nodes is limited by their reader.
func equal(a, b *node) bool {
	if a.kind != b.kind || a.text != b.text || len(a.items) != len(b.items) {
		return false
	}
	if a.kind != mapping {
		for i := range a.items {
			if !equal(&a.items[i], &b.items[i]) {
				return false
			}
		}
		return true
	}
	index := make(map[string]*node, len(b.items))
	for i := range b.items {
		index[b.keys[i].name] = &b.items[i]
	}
	for i := range a.items {
		other := index[a.keys[i].name]
		if other == nil || !equal(&a.items[i], other) {
			return false
		}
	}
	return true
}
