package openapi

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// itemName is a name in a section.
type itemName struct {
	section section
	name    string
}

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
func (c *Composition) nameItems() {
	total := 0
	for _, p := range c.parts {
		p.first = total
		total += len(p.items)
		p.final = make([]string, len(p.items))
	}
	owners := make(map[itemName][]owned, total)
	for _, p := range c.parts {
		for i, it := range p.items {
			n := itemName{it.section, it.name}
			owners[n] = append(owners[n], owned{p, i})
		}
	}
	order := slices.SortedFunc(maps.Keys(owners), func(a, b itemName) int {
		return cmp.Or(cmp.Compare(a.section, b.section), cmp.Compare(a.name, b.name))
	})
	var taken [sectionCount]*names
	for s := range taken {
		taken[s] = newNames(func(name string) string { return name })
	}
	var disputed []owned
	for _, n := range order {
		if safeName(n.name) == n.name {
			taken[n.section].used[n.name] = true
		}
		if len(owners[n]) > 1 {
			disputed = append(disputed, owners[n]...)
		}
	}
	classes := c.classify(disputed, total)
	for _, n := range order {
		c.rename(owners[n], classes, taken[n.section])
	}
	for s := range c.shared {
		slices.SortFunc(c.shared[s], func(a, b sharedItem) int { return strings.Compare(a.name, b.name) })
	}
}

// rename gives the items of one name their final names. Owners are in the order of their services.
func (c *Composition) rename(owners []owned, classes []uint64, taken *names) {
	first := owners[0]
	section := first.item().section
	safe := safeName(first.item().name)
	if !slices.ContainsFunc(owners, func(o owned) bool { return classes[o.number()] != classes[first.number()] }) {
		if safe != first.item().name {
			safe = taken.take(safe)
		}
		for _, o := range owners {
			o.part.final[o.at] = safe
		}
		c.shared[section] = append(c.shared[section], sharedItem{safe, first})
		return
	}
	byClass := map[uint64]string{}
	for _, o := range owners {
		class := classes[o.number()]
		final, ok := byClass[class]
		if !ok {
			final = taken.take(identifier(o.part.document.Service) + "_" + safe)
			byClass[class] = final
			c.shared[section] = append(c.shared[section], sharedItem{final, o})
			c.warnRenamed(o, final)
		}
		o.part.final[o.at] = final
	}
}

func (c *Composition) warnRenamed(o owned, final string) {
	it := o.item()
	c.Warnings = append(c.Warnings, o.part.finding(it.at, RuleName, "use one definition, or different names",
		"other services mean something else by %s in %s; it is called %s", quote(it.name), it.section.in(c.settings.target), quote(final)))
	if it.inherits && c.settings.target == v2 {
		c.Warnings = append(c.Warnings, o.part.finding(it.at, RuleName, "use different names",
			"the discriminator's value for %s stays the same, though the definition is called %s", quote(it.name), quote(final)))
	}
}

// maxRounds is how often meanings are compared again. Each round looks one reference further; real documents need few.
const maxRounds = 100

// classify finds out which items of one name mean the same: what they say is equal, and so is everything that they refer
// to. Recursive items are equal as long as nothing tells them apart, so this starts with classes of equal text and splits
// them until they stay as they are (partition refinement). Where that takes too long, nothing is shared.
func (c *Composition) classify(disputed []owned, total int) []uint64 {
	classes := make([]uint64, total)
	for _, p := range c.parts {
		for i, it := range p.items {
			classes[p.first+i] = it.hash
			if it.links {
				classes[p.first+i] = mix(it.hash, uint64(p.first)) //nolint:gosec // a number of the part's own
			}
		}
	}
	next := make([]uint64, len(disputed))
	distinct := make(map[uint64]struct{}, len(disputed))
	known := 0
	for range maxRounds {
		clear(distinct)
		for i, o := range disputed {
			it := o.item()
			sum := uint64(0)
			for _, t := range it.targets {
				sum += mix(o.part.items[t].named, classes[o.part.first+t]) // in any order
			}
			next[i] = mix(classes[o.number()], sum)
			distinct[next[i]] = struct{}{}
		}
		for i, o := range disputed {
			classes[o.number()] = next[i]
		}
		if len(distinct) == known {
			return classes
		}
		known = len(distinct)
	}
	for i, o := range disputed {
		classes[o.number()] = uint64(i) //nolint:gosec // an index
	}
	return classes
}
