package openapi

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// assembly writes the composed document's tree.
type assembly struct {
	options   Options
	rules     *securityRules
	contracts []*contract
	groups    [][]*operation // by path, in order
}

func (a *assembly) root() node {
	n := node{kind: mapping}
	n.add("swagger", stringNode("2.0"))
	n.add("info", a.info())
	n.add("schemes", stringsNode("https"))
	if m := a.management(); len(m.items) > 0 {
		n.add("x-google-management", m)
	}
	if tags := a.tags(); len(tags.items) > 0 {
		n.add("tags", tags)
	}
	if security := a.rules.node(slices.Concat(a.groups...)); len(security.items) > 0 {
		n.add("securityDefinitions", security)
	}
	paths := node{kind: mapping}
	for _, g := range a.groups {
		paths.add(g[0].template.String(), pathItemNode(g))
	}
	n.add("paths", paths)
	for s := range sectionCount {
		if shared := a.shared(s); len(shared.items) > 0 {
			n.add(s.String(), shared)
		}
	}
	return n
}

func (a *assembly) info() node {
	n := node{kind: mapping}
	n.add("title", stringNode(cmp.Or(a.options.Title, "API")))
	n.add("version", stringNode(cmp.Or(a.options.Version, "1")))
	return n
}

// shared writes a section in the order of names. Of items that mean the same, the first service's is written.
func (a *assembly) shared(s section) node {
	first := map[string]*item{}
	for _, c := range a.contracts {
		for _, it := range c.items {
			if it.section == s && first[it.final] == nil {
				first[it.final] = it
			}
		}
	}
	n := node{kind: mapping}
	for _, name := range slices.Sorted(maps.Keys(first)) {
		it := first[name]
		value := it.owner.rewrite(it.node, s.shape())
		if s == responses {
			value = described(value)
		}
		n.add(name, value)
	}
	return n
}

// pathItemNode writes the operations of a path, and the extensions of the path items that they come from.
func pathItemNode(group []*operation) node {
	n := node{kind: mapping}
	for _, op := range group {
		n.add(op.method, op.write())
	}
	for i, op := range group {
		if slices.ContainsFunc(group[:i], func(other *operation) bool { return other.item == op.item }) {
			continue
		}
		for j, k := range op.item.keys {
			v := &op.item.items[j]
			switch {
			case !strings.HasPrefix(k.name, "x-"):
			case strings.HasPrefix(k.name, "x-google-"):
				op.owner.warn(k.at, "put it into the operations", "the field %s of a path is left out", quote(k.name))
			case n.get(k.name) == nil:
				n.add(k.name, *v)
			case !equal(n.get(k.name), v):
				op.owner.warn(k.at, "put it into the operations",
					"another service gives the path another %s; this one is left out", quote(k.name))
			}
		}
	}
	return n
}

// write writes an operation: first what a reader wants to know, then what it takes and gives, then the gateway's own.
func (op *operation) write() node {
	n := node{kind: mapping, keys: make([]key, 0, 16), items: make([]node, 0, 16)}
	own := func(name string) {
		if v := op.node.get(name); v != nil {
			n.add(name, *v)
		}
	}
	inherit := func(name string) {
		if v := cmp.Or(op.node.get(name), op.owner.root.get(name)); v != nil {
			n.add(name, *v)
		}
	}
	own("tags")
	own("summary")
	own("description")
	own("externalDocs")
	n.add("operationId", stringNode(op.id))
	own("deprecated")
	inherit("schemes")
	inherit("consumes")
	inherit("produces")
	if len(op.security) > 0 {
		n.add("security", securityNode(op.security))
	}
	if len(op.parameters) > 0 {
		n.add("parameters", op.writeParameters())
	}
	n.add("responses", op.writeResponses())
	n.add("x-google-backend", op.backend.node(op.owner.document.Backend))
	own("x-google-quota")
	for i, k := range op.node.keys {
		if n.get(k.name) == nil && k.name != "security" && k.name != "parameters" && !strings.HasPrefix(k.name, "x-google-") {
			n.add(k.name, op.node.items[i])
		}
	}
	return n
}

func (op *operation) writeParameters() node {
	list := node{kind: sequence}
	for _, p := range op.parameters {
		n := op.owner.rewrite(p.node, parameterObject)
		if p.in == "path" && p.node.get("$ref") == nil && !p.node.isTrue("required") {
			n = n.with("required", trueNode())
		}
		list.items = append(list.items, n)
	}
	return list
}

func (op *operation) writeResponses() node {
	n := op.owner.rewrite(op.node.get("responses"), responseMap)
	for i := range n.items {
		if now := described(n.items[i]); !same(&now, &n.items[i]) && !strings.HasPrefix(n.keys[i].name, "x-") {
			n = n.copied()
			n.items[i] = now
		}
	}
	return n
}

// described is a response with a description, which it has to have, even if there is nothing in it.
func described(n node) node {
	if n.kind != mapping || n.get("$ref") != nil || n.get("description") != nil {
		return n
	}
	return n.with("description", stringNode(""))
}
