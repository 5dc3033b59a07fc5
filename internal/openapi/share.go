package openapi

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// An owned item is one of a part's items.
type owned struct {
	part *part
	at   int // in the part
}

func (o owned) item() *item { return o.part.items[o.at] }

// number is the item's number among all of the composition.
func (o owned) number() int { return o.part.first + o.at }

// A sharedItem is one that is written, by its name in the composed document.
type sharedItem struct {
	name string
	owned
}

// nameItems settles the names of what operations share. Services that mean the same by a name share it; where they don't,
// each meaning is named after the first service that has it. Of items that mean the same, the first service's is written.
//
// The result are warnings about names that mattered.
func (c *Composition) nameItems() []Finding {
	n := newNaming(c.parts)
	classes := c.classify(n)
	var replaced [][]owned // names that can't stay as they are
	for owners := range n.groups() {
		first := owners[0]
		it := first.item()
		if it.safe != it.name || disputed(owners, classes) {
			replaced = append(replaced, owners)
			continue
		}
		for _, o := range owners {
			o.part.final[o.at] = it.name
		}
		c.shared[it.section] = append(c.shared[it.section], sharedItem{it.name, first})
	}
	slices.SortFunc(replaced, func(a, b []owned) int {
		x, y := a[0].item(), b[0].item()
		return cmp.Or(cmp.Compare(x.section, y.section), strings.Compare(x.name, y.name))
	})
	var warnings []Finding
	for _, owners := range replaced {
		warnings = c.rename(warnings, owners, classes, n)
	}
	for s := range c.shared {
		slices.SortFunc(c.shared[s], func(a, b sharedItem) int { return strings.Compare(a.name, b.name) })
	}
	return warnings
}

// rename gives the items of one name other names, one for each meaning, and appends warnings about that. Owners are in the
// order of their services.
func (c *Composition) rename(warnings []Finding, owners []owned, classes []uint64, n *naming) []Finding {
	first := owners[0]
	section, safe := first.item().section, first.item().safe
	several := disputed(owners, classes)
	for i, o := range owners {
		class := classes[o.number()]
		same := slices.IndexFunc(owners[:i], func(other owned) bool { return classes[other.number()] == class })
		if same >= 0 {
			o.part.final[o.at] = owners[same].part.final[owners[same].at]
			continue
		}
		final := safe
		if several {
			final = o.part.prefix() + safe
		}
		final = n.take(section, final)
		o.part.final[o.at] = final
		c.shared[section] = append(c.shared[section], sharedItem{final, o})
		if several {
			warnings = c.warnRenamed(warnings, o, final)
		}
	}
	return warnings
}

// disputed tells whether items of one name have different meanings.
func disputed(owners []owned, classes []uint64) bool {
	return slices.ContainsFunc(owners, func(o owned) bool { return classes[o.number()] != classes[owners[0].number()] })
}

// prefix is what stands in front of the names of the part's service.
func (p *part) prefix() string {
	if p.service == "" {
		p.service = identifier(p.document.Service) + "_"
	}
	return p.service
}

// warnRenamed warns where a name is more than a name: in OpenAPI 2.0, a discriminator's values are names of definitions, and
// nothing can map them.
func (c *Composition) warnRenamed(warnings []Finding, o owned, final string) []Finding {
	it := o.item()
	if !it.inherits || c.settings.target != v2 {
		return warnings
	}
	return append(warnings, o.part.finding(it.at, RuleName, "use different names, or OpenAPI 3, which has mappings",
		"other services mean something else by %s in %s; the discriminator's value for it stays the same, though the definition is called %s",
		quote(it.name), it.section.in(c.settings.target), quote(final)))
}

// naming is all items by their names.
type naming struct {
	items  []owned  // those of one name together, in the order of services
	hashes []uint64 // of the items' sections and names
	taken  [sectionCount]*names
}

// newNaming collects the items of all parts. Their order is that of hashes, and has to make no difference.
func newNaming(parts []*part) *naming {
	total := 0
	for _, p := range parts {
		p.first = total
		total += len(p.items)
		p.final = make([]string, len(p.items))
	}
	type hashed struct {
		hash uint64
		owned
	}
	all := make([]hashed, 0, total)
	for _, p := range parts {
		for i, it := range p.items {
			all = append(all, hashed{it.named, owned{p, i}})
		}
	}
	slices.SortFunc(all, func(a, b hashed) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return cmp.Compare(a.number(), b.number())
	})
	n := &naming{items: make([]owned, total), hashes: make([]uint64, total)}
	for i, h := range all {
		n.items[i], n.hashes[i] = h.owned, h.hash
	}
	return n
}

// groups yields the items of each name.
func (n *naming) groups() iter.Seq[[]owned] {
	return func(yield func([]owned) bool) {
		for from := 0; from < len(n.items); {
			to := from + 1
			for to < len(n.items) && n.hashes[to] == n.hashes[from] {
				to++
			}
			if !yield(n.items[from:to:to]) {
				return
			}
			from = to
		}
	}
}

// take is a name that no item has, neither before nor after it is renamed.
func (n *naming) take(s section, name string) string {
	if n.taken[s] == nil {
		n.taken[s] = newNames(func(name string) string { return name })
		n.taken[s].also = func(name string) bool { return n.has(s, name) }
	}
	return n.taken[s].take(name)
}

// has tells whether an item has the name in its document.
func (n *naming) has(s section, name string) bool {
	_, found := slices.BinarySearch(n.hashes, hashName(s, name))
	return found
}

// maxRounds is how often meanings are compared again. Each round looks one reference further; real documents need few.
const maxRounds = 100

// classify finds out which items of one name mean the same: what they say is equal, and so is everything that they refer
// to. Recursive items are equal as long as nothing tells them apart, so this starts with classes of equal text and splits
// them until they stay as they are (partition refinement). Where that takes too long, nothing is shared.
func (c *Composition) classify(n *naming) []uint64 {
	classes := make([]uint64, len(n.items))
	for _, p := range c.parts {
		for i, it := range p.items {
			classes[p.first+i] = it.hash
			if it.links {
				classes[p.first+i] = mix(it.hash, uint64(p.first)) //nolint:gosec // a number of the part's own
			}
		}
	}
	var several []owned
	for owners := range n.groups() {
		if len(owners) > 1 {
			several = append(several, owners...)
		}
	}
	next := make([]uint64, len(several))
	distinct := make(map[uint64]struct{}, len(several))
	known := 0
	for range maxRounds {
		clear(distinct)
		for i, o := range several {
			it := o.item()
			sum := uint64(0)
			for _, t := range it.targets {
				sum += mix(o.part.items[t].named, classes[o.part.first+t]) // in any order
			}
			next[i] = mix(classes[o.number()], sum)
			distinct[next[i]] = struct{}{}
		}
		for i, o := range several {
			classes[o.number()] = next[i]
		}
		if len(distinct) == known {
			return classes
		}
		known = len(distinct)
	}
	for i, o := range several {
		classes[o.number()] = uint64(i) //nolint:gosec // an index
	}
	return classes
}
