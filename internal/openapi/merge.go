package openapi

import (
	"maps"
	"slices"
	"strings"
)

// tags merges the documents' tags by name. Where two describe one differently, the first service's words are kept.
func (a *assembly) tags() node {
	byName := map[string]node{}
	for _, c := range a.contracts {
		list := c.root.get("tags")
		if list == nil || !c.want(list, sequence, "tags") {
			continue
		}
		for i := range list.items {
			tag := &list.items[i]
			if !c.want(tag, mapping, "tags[]") {
				continue
			}
			name := tag.str("name")
			if name == "" {
				c.problem(tag.at, "add name: …", "a tag has no name")
				continue
			}
			before, ok := byName[name]
			if !ok {
				byName[name] = *tag
				continue
			}
			byName[name] = mergeTag(c, before, tag)
		}
	}
	n := node{kind: sequence}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		n.items = append(n.items, byName[name])
	}
	return n
}

func mergeTag(c *contract, before node, tag *node) node {
	for i, k := range tag.keys {
		v := &tag.items[i]
		switch known := before.get(k.name); {
		case known == nil:
			before = before.with(k.name, *v)
		case !equal(known, v):
			c.warn(k.at, "use the same words, or another tag", "the tag %s has another %s in another document; this one is left out",
				quote(tag.str("name")), quote(k.name))
		}
	}
	return before
}

// management merges the documents' x-google-management: metrics and limits by name. Equal names have to mean the same.
func (a *assembly) management() node {
	var metrics, limits namedList
	for _, c := range a.contracts {
		m := c.root.get("x-google-management")
		if m == nil || !c.want(m, mapping, "x-google-management") {
			continue
		}
		for i, k := range m.keys {
			v := &m.items[i]
			switch {
			case k.name == "metrics":
				metrics.merge(c, v, k.name)
			case k.name == "quota" && c.want(v, mapping, k.name):
				if l := v.get("limits"); l != nil {
					limits.merge(c, l, "limits")
				}
			case k.name != "quota":
				c.warn(k.at, "remove it", "x-google-management has no field %s; it is left out", quote(k.name))
			}
		}
	}
	n := node{kind: mapping}
	if len(metrics.byName) > 0 {
		n.add("metrics", metrics.node())
	}
	if len(limits.byName) > 0 {
		quota := node{kind: mapping}
		quota.add("limits", limits.node())
		n.add("quota", quota)
	}
	return n
}

// namedList is a list of mappings with different names.
type namedList struct{ byName map[string]*node }

func (l *namedList) merge(c *contract, list *node, what string) {
	if !c.want(list, sequence, what) {
		return
	}
	if l.byName == nil {
		l.byName = map[string]*node{}
	}
	for i := range list.items {
		entry := &list.items[i]
		name := entry.str("name")
		before := l.byName[name]
		switch {
		case strings.TrimSpace(name) == "":
			c.problem(entry.at, "add name: …", "an entry of %s has no name", quote(what))
		case before != nil && !equal(before, entry):
			c.problem(entry.at, "use another name", "%s %s is defined differently in another place", quote(what), quote(name))
		default:
			l.byName[name] = entry
		}
	}
}

func (l *namedList) node() node {
	n := node{kind: sequence}
	for _, name := range slices.Sorted(maps.Keys(l.byName)) {
		n.items = append(n.items, *l.byName[name])
	}
	return n
}
