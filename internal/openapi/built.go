package openapi

import "strings"

// A built value is one that is to be written: a tree like those that are read, but with texts from anywhere and with holes
// for what is only known when all documents are. Nodes stand in the order in which they are written: a mapping is followed
// by its members (each a key and a value), a sequence by its items.
type built struct {
	kind kind // text for a hole, too
	hole holeKind
	at   int32 // which item or segment goes into the hole
	span int32
	text string
}

// holeKind is what is to be filled in.
type holeKind uint8

const (
	noHole      holeKind = iota
	toItem               // a reference to an item, by its index in the contract
	pathName             // the name of a parameter of the path, by its place there
	operationID          // the operationId
	backendOf            // the x-google-backend
	linkTo               // the operationId of what a link leads to
	inlineName           // a path parameter that is shared: a reference to it, or written out where its name changes
)

// A builder builds values.
type builder struct{ nodes []built }

func (b *builder) reset() { b.nodes = b.nodes[:0] }

// begin starts a mapping or sequence; end ends it.
func (b *builder) begin(k kind) int {
	b.nodes = append(b.nodes, built{kind: k})
	return len(b.nodes) - 1
}

func (b *builder) end(start int) { b.nodes[start].span = int32(len(b.nodes) - start) } //nolint:gosec // limited by Limits.Values

func (b *builder) scalar(k kind, s string) {
	b.nodes = append(b.nodes, built{kind: k, span: 1, text: s})
}

func (b *builder) key(s string) { b.scalar(name, s) }

func (b *builder) text(s string) { b.scalar(text, s) }

func (b *builder) bool(is bool) {
	if is {
		b.scalar(boolean, "true")
		return
	}
	b.scalar(boolean, "false")
}

func (b *builder) hole(h holeKind, at int) {
	b.nodes = append(b.nodes, built{kind: text, hole: h, at: int32(at), span: 1}) //nolint:gosec // limited by Limits.Values
}

// pair is a member with a string.
func (b *builder) pair(key, s string) {
	b.key(key)
	b.text(s)
}

func (b *builder) texts(list ...string) {
	start := b.begin(sequence)
	for _, s := range list {
		b.text(s)
	}
	b.end(start)
}

// data copies a value as it is.
func (b *builder) data(v value) {
	end := v.i + v.entry().span
	for i := v.i; i < end; i++ {
		e := &v.t.entries[i]
		n := built{kind: e.kind, span: int32(e.span)} //nolint:gosec // limited by Limits.Values
		if e.size > 0 {
			n.text = value{v.t, i}.text()
		}
		b.nodes = append(b.nodes, n)
	}
}

// member copies a member as it is.
func (b *builder) member(key, v value) {
	b.key(key.text())
	b.data(v)
}

// own copies a member of a mapping where there is one.
func (b *builder) own(m value, key string) {
	if v := m.get(key); v.ok() {
		b.key(key)
		b.data(v)
	}
}

// kept is a copy of built values that doesn't hold on to documents.
func kept(nodes []built) []built {
	out := make([]built, len(nodes))
	for i, n := range nodes {
		n.text = strings.Clone(n.text)
		out[i] = n
	}
	return out
}
