package openapi

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// itemName is a name in a section of the composed document.
type itemName struct {
	section section
	name    string
}

// nameItems settles the names of definitions, parameters and responses. Services that mean the same by a name share it;
// where they don't, each meaning is named after the first service that has it.
func nameItems(contracts []*contract) {
	owners := map[itemName][]*item{}
	for _, c := range contracts {
		for _, it := range c.items {
			n := itemName{it.section, it.name}
			owners[n] = append(owners[n], it)
		}
	}
	var disputed []*item
	var taken [sectionCount]*names
	for s := range taken {
		taken[s] = newNames(func(name string) string { return name })
	}
	order := slices.SortedFunc(maps.Keys(owners), func(a, b itemName) int {
		return cmp.Or(cmp.Compare(a.section, b.section), cmp.Compare(a.name, b.name))
	})
	for _, n := range order {
		if safeName(n.name) == n.name {
			taken[n.section].used[n.name] = true
		}
		if len(owners[n]) > 1 {
			disputed = append(disputed, owners[n]...)
		}
	}
	classify(disputed)
	for _, n := range order {
		rename(owners[n], taken[n.section])
	}
}

// rename gives the items of one name their final names. Owners are in the order of their services.
func rename(items []*item, taken *names) {
	safe := safeName(items[0].name)
	if !slices.ContainsFunc(items, func(it *item) bool { return it.class != items[0].class }) {
		if safe != items[0].name {
			safe = taken.take(safe)
		}
		for _, it := range items {
			it.final = safe
		}
		return
	}
	byClass := map[int]string{}
	for _, it := range items {
		final, ok := byClass[it.class]
		if !ok {
			final = taken.take(identifier(it.owner.service) + "_" + safe)
			byClass[it.class] = final
			it.owner.warn(it.at, "use one definition, or different names",
				"other services mean something else by %s in %s; it is called %s", quote(it.name), it.section, quote(final))
			if it.owner.isDiscriminated(it) {
				it.owner.warn(it.at, "use different names",
					"the discriminator's value for %s stays the same, though the definition is called %s", quote(it.name), quote(final))
			}
		}
		it.final = final
	}
}

// isDiscriminated tells whether a definition's name is a value in payloads too: its own or its base's discriminator
// asks for it.
func (c *contract) isDiscriminated(it *item) bool {
	if it.section != definitions {
		return false
	}
	if it.node.get("discriminator") != nil {
		return true
	}
	bases := it.node.get("allOf")
	if bases == nil {
		return false
	}
	return slices.ContainsFunc(bases.items, func(base node) bool {
		return c.settled(&base, definitions).get("discriminator") != nil
	})
}

// maxRounds is how often meanings are compared again. Each round looks one reference further; real documents need few.
const maxRounds = 100

// classify finds out which items of one name mean the same: their values are equal, and so is everything that these
// refer to. Recursive definitions are equal as long as nothing tells them apart, so this starts with classes of equal
// text and splits them until they stay as they are (partition refinement). Where that takes too long, nothing is shared.
func classify(items []*item) {
	texts := map[string]int{}
	for _, it := range items {
		var f fingerprint
		f.item(it)
		it.targets = f.targets
		it.class = classOf(texts, string(f.b))
	}
	for range maxRounds {
		if !split(items) {
			return
		}
	}
	for i, it := range items {
		it.class = i
	}
}

// split gives items a different class where their references lead to different classes. It tells whether that has
// made any difference.
func split(items []*item) bool {
	before := map[int]bool{}
	signatures := map[string]int{}
	next := make([]int, len(items))
	var b []byte
	for i, it := range items {
		before[it.class] = true
		b = binary.AppendVarint(b[:0], int64(it.class))
		for _, t := range it.targets {
			b = binary.AppendVarint(b, int64(t.class))
		}
		next[i] = classOf(signatures, string(b))
	}
	for i, it := range items {
		it.class = next[i]
	}
	return len(signatures) > len(before)
}

// classOf gives equal texts equal numbers.
func classOf(known map[string]int, s string) int {
	n, ok := known[s]
	if !ok {
		n = len(known)
		known[s] = n
	}
	return n
}

// A fingerprint is a canonical form of a value: alike for values that differ only in the order of keys, in places, or in how
// references are spelled.
type fingerprint struct {
	b       []byte
	targets []*item
}

func (f *fingerprint) item(it *item) {
	f.text(it.section.String())
	f.text(it.name)
	f.value(it.owner, it.node, it.section.shape())
}

func (f *fingerprint) text(s string) {
	f.b = strconv.AppendInt(f.b, int64(len(s)), 10)
	f.b = append(f.b, ':')
	f.b = append(f.b, s...)
}

func (f *fingerprint) value(c *contract, n *node, s shape) {
	f.b = append(f.b, byte('0'+n.kind))
	f.text(n.text)
	f.b = strconv.AppendInt(f.b, int64(len(n.items)), 10)
	if n.kind == sequence {
		for i := range n.items {
			f.value(c, &n.items[i], s.item())
		}
		return
	}
	for _, i := range sortedKeys(n) {
		v := &n.items[i]
		name := n.keys[i].name
		f.text(name)
		if s != data && name == "$ref" && s.isReference(v) {
			sec, _ := s.section()
			if it := c.references[reference{v.text, sec}]; it != nil {
				f.text(it.section.String())
				f.text(it.name)
				f.targets = append(f.targets, it)
				continue
			}
		}
		f.value(c, v, s.child(name))
	}
}

// sortedKeys are the indexes of a mapping's entries in the order of their keys.
func sortedKeys(n *node) []int {
	order := make([]int, len(n.keys))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(n.keys[a].name, n.keys[b].name) })
	return order
}
