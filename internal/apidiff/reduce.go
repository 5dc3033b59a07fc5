package apidiff

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A pair is an operation whose contract changed, with the number that stands for its path.
type pair struct {
	number     int
	base, head *operation
}

// path is what the pair is called in the reduced documents: alike on both sides, and nothing of it is the pull request's.
func (p pair) path() string {
	var path strings.Builder
	path.WriteString("/" + strconv.Itoa(p.number))
	for _, name := range p.head.names {
		path.WriteString("/{" + name + "}")
	}
	return path.String()
}

// pairOf finds the number of a path of the reduced documents.
func pairOf(path string) (int, bool) {
	number, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	n, err := strconv.Atoi(number)
	return n, err == nil
}

// A reducer writes the document that oasdiff gets to see of one side: only the given operations, only their contract, and
// the components in use. Whatever is not ours to compare is not there to be found different.
type reducer struct {
	document   *document
	called     func(node) string // by the other side; "" if it doesn't know
	names      map[node]string   // of the components
	taken      map[string]bool
	components map[string]map[string]any
	queue      []node
}

// reduce writes the reduced documents of both sides.
func (c *comparison) reduce(pairs []pair) (base, head []byte, err error) {
	before := &reducer{document: c.base, called: func(node) string { return "" }, taken: map[string]bool{}}
	base, err = before.render(pairs, func(p pair) *operation { return p.base }, c.shapes.operation)
	if err != nil {
		return nil, nil, err
	}
	aliases := c.aliases(pairs)
	after := &reducer{document: c.head, taken: before.taken}
	after.called = func(n node) string {
		if name := before.names[node{document: c.base, pointer: n.pointer, shape: n.shape}]; name != "" {
			return name
		}
		return before.names[aliases[n]]
	}
	head, err = after.render(pairs, func(p pair) *operation { return p.head }, c.shapes.operation)
	return base, head, err
}

func (r *reducer) render(pairs []pair, of func(pair) *operation, s *shape) ([]byte, error) {
	r.names, r.components = map[node]string{}, map[string]map[string]any{}
	paths := map[string]any{}
	for _, p := range pairs {
		paths[p.path()] = map[string]any{strings.ToLower(p.head.Method): r.value(of(p).body, s)}
	}
	for len(r.queue) > 0 {
		n := r.queue[0]
		r.queue = r.queue[1:]
		value, _ := r.document.lookup(n.pointer)
		if r.components[n.shape.section] == nil {
			r.components[n.shape.section] = map[string]any{}
		}
		r.components[n.shape.section][r.names[n]] = r.value(value, n.shape)
	}
	if err := tractable(paths, r.components); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"openapi": r.document.root["openapi"], "info": map[string]any{"title": "API", "version": "1"},
		"paths": paths, "components": r.components,
	})
}

// value copies a value without its documentation, and with references to the reduced document's components.
func (r *reducer) value(value any, s *shape) any {
	if s == nil {
		return value
	}
	if _, ok := reference(value); ok && s.section != "" {
		target, pointer := r.document.follow(value)
		if target == nil {
			return map[string]any{}
		}
		return map[string]any{"$ref": r.refer(node{document: r.document, pointer: pointer, shape: s})}
	}
	switch v := value.(type) {
	case []any:
		if !s.isList || s.items == nil {
			return v
		}
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = r.value(element, s.items)
		}
		return list
	case map[string]any:
		return r.object(v, s)
	}
	return value
}

func (r *reducer) object(v map[string]any, s *shape) any {
	object := make(map[string]any, len(v))
	for name, member := range v {
		if s.role(name) == contract && !s.absent(name, member) {
			object[name] = r.value(member, s.member(name))
		}
	}
	if s.section == "responses" {
		object["description"] = ""
	}
	if discriminator, ok := v["discriminator"].(map[string]any); ok && s.section == "schemas" {
		mapped := map[string]any{}
		for value, pointer := range mapping(v, s) {
			if target, last := r.document.follow(map[string]any{"$ref": pointer}); target != nil {
				mapped[value] = r.refer(node{document: r.document, pointer: last, shape: s})
			}
		}
		discriminator = maps.Clone(discriminator)
		maps.DeleteFunc(discriminator, func(name string, _ any) bool { return name != "propertyName" })
		if len(mapped) > 0 {
			discriminator["mapping"] = mapped
		}
		object["discriminator"] = discriminator
	}
	return object
}

// refer returns the reference to a component, which it takes into the document.
func (r *reducer) refer(n node) string {
	name, ok := r.names[n]
	if !ok {
		if name = r.called(n); name == "" {
			name = r.fresh(n.pointer)
		}
		r.names[n] = name
		r.queue = append(r.queue, n)
	}
	return "#/components/" + n.shape.section + "/" + name
}

// fresh makes a name, which neither side has yet, out of a pointer.
func (r *reducer) fresh(pointer string) string {
	base := strings.Map(func(c rune) rune {
		if c < 0x80 && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.') {
			return c
		}
		return '_'
	}, componentName(pointer))
	name := base
	for i := 2; r.taken[name]; i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	r.taken[name] = true
	return name
}

// aliases pairs the components of both sides which stand at the same places under different names.
func (c *comparison) aliases(pairs []pair) map[node]node {
	w := &aliasWalk{base: c.base, head: c.head, of: map[node]node{}, seen: map[[2]node]bool{}}
	for _, p := range pairs {
		w.walk(p.base.body, p.head.body, c.shapes.operation)
	}
	return w.of
}

type aliasWalk struct {
	base, head *document
	of         map[node]node // head's → base's
	seen       map[[2]node]bool
}

func (w *aliasWalk) walk(base, head any, s *shape) {
	if s == nil {
		return
	}
	_, baseRefers := reference(base)
	_, headRefers := reference(head)
	if s.section != "" && (baseRefers || headRefers) {
		a, b := node{document: w.base, shape: s}, node{document: w.head, shape: s}
		base, a.pointer = w.base.follow(base)
		head, b.pointer = w.head.follow(head)
		if w.seen[[2]node{a, b}] {
			return
		}
		w.seen[[2]node{a, b}] = true
		if _, known := w.of[b]; !known && baseRefers && headRefers && !w.kept(a.pointer, b.pointer) {
			w.of[b] = a
		}
	}
	w.descend(base, head, s)
}

func (w *aliasWalk) descend(base, head any, s *shape) {
	switch base := base.(type) {
	case map[string]any:
		head, _ := head.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(base)) {
			if s.role(name) == contract && head[name] != nil {
				w.walk(base[name], head[name], s.member(name))
			}
		}
	case []any:
		head, _ := head.([]any)
		if s.isList && len(base) == len(head) {
			for i := range base {
				w.walk(base[i], head[i], s.items)
			}
		}
	}
}

// kept tells whether one of the names is on both sides: then the component was not renamed.
func (w *aliasWalk) kept(base, head string) bool {
	_, inHead := w.head.lookup(base)
	_, inBase := w.base.lookup(head)
	return inHead || inBase
}
