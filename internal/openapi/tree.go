package openapi

import "iter"

// kind is what a value is: JSON's kinds of values.
type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	sequence
	mapping
	name // of a mapping's member; stands before the member's value
)

// String is the kind's name in messages.
func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "a list", "a mapping", "a key"}[k]
}

// place is where something stands in a file. Line and column count from 1, columns in characters; they are 0 where there
// is nothing to point at but the file.
type place struct {
	file         string
	line, column uint32
}

// An entry is one value of a tree or one key. Entries hold no pointers, so that large documents cost the garbage collector
// nothing.
type entry struct {
	kind         kind
	made         bool   // the text stands in tree.made instead of tree.source
	offset, size uint32 // of the text, in bytes
	span         uint32 // how many entries the value takes, with all that is below it
	line, column uint32
}

// A tree is a document that has been read, as its values in the order of the document: a mapping is followed by its members
// (each a key and a value), a sequence by its items. It belongs to whoever compiles the document, and is not safe for
// concurrent use.
type tree struct {
	file        string
	source      string // where most texts stand as they are
	made        string // texts that the source spells differently
	entries     []entry
	aliasValues int                          // how many of the entries are there because of aliases and merge keys
	wide        map[uint32]map[string]uint32 // large mappings by key, where somebody has looked for one
}

// A value is one value of a tree. The zero value is none.
type value struct {
	t *tree
	i uint32
}

func (t *tree) root() value { return value{t, 0} }

func (v value) ok() bool { return v.t != nil }

func (v value) entry() *entry { return &v.t.entries[v.i] }

// kind is what the value is, null where there is none.
func (v value) kind() kind {
	if v.t == nil {
		return null
	}
	return v.t.entries[v.i].kind
}

func (v value) is(k kind) bool { return v.t != nil && v.t.entries[v.i].kind == k }

// text is a string's value, a number as JSON writes it, or true or false.
func (v value) text() string {
	if v.t == nil {
		return ""
	}
	e := &v.t.entries[v.i]
	if e.made {
		return v.t.made[e.offset : e.offset+e.size]
	}
	return v.t.source[e.offset : e.offset+e.size]
}

func (v value) at() place {
	if v.t == nil {
		return place{}
	}
	e := &v.t.entries[v.i]
	return place{v.t.file, e.line, e.column}
}

// members yields the keys of a mapping with their values, in the document's order.
func (v value) members() iter.Seq2[value, value] {
	return func(yield func(key, member value) bool) {
		if !v.is(mapping) {
			return
		}
		end := v.i + v.entry().span
		for i := v.i + 1; i < end; {
			member := value{v.t, i + 1}
			if !yield(value{v.t, i}, member) {
				return
			}
			i += 1 + member.entry().span
		}
	}
}

// items yields the items of a sequence.
func (v value) items() iter.Seq[value] {
	return func(yield func(value) bool) {
		if !v.is(sequence) {
			return
		}
		end := v.i + v.entry().span
		for i := v.i + 1; i < end; {
			item := value{v.t, i}
			if !yield(item) {
				return
			}
			i += item.entry().span
		}
	}
}

// empty tells whether a mapping or sequence has nothing in it. Other values are empty, too.
func (v value) empty() bool { return v.t == nil || v.entry().span == 1 }

// wideFrom is the number of entries from which a mapping gets an index when it is searched.
const wideFrom = 256

// get is the value under a key of a mapping; none where there is no such key.
func (v value) get(key string) value {
	_, member := v.member(key)
	return member
}

// member is a key of a mapping and its value.
func (v value) member(key string) (at, member value) {
	if !v.is(mapping) {
		return value{}, value{}
	}
	if v.entry().span >= wideFrom {
		if i, ok := v.index()[key]; ok {
			return value{v.t, i}, value{v.t, i + 1}
		}
		return value{}, value{}
	}
	end := v.i + v.entry().span
	for i := v.i + 1; i < end; {
		k := value{v.t, i}
		if k.text() == key {
			return k, value{v.t, i + 1}
		}
		i += 1 + v.t.entries[i+1].span
	}
	return value{}, value{}
}

func (v value) index() map[string]uint32 {
	if known := v.t.wide[v.i]; known != nil {
		return known
	}
	if v.t.wide == nil {
		v.t.wide = map[uint32]map[string]uint32{}
	}
	index := map[string]uint32{}
	for k := range v.members() {
		index[k.text()] = k.i
	}
	v.t.wide[v.i] = index
	return index
}

// str is the text of a string under a key, "" where there is no string.
func (v value) str(key string) string {
	if m := v.get(key); m.is(text) {
		return m.text()
	}
	return ""
}

// required tells whether the value says of itself that it is.
func (v value) required() bool {
	m := v.get("required")
	return m.is(boolean) && m.text() == "true"
}
