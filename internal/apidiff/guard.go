package apidiff

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What oasdiff v1.37.0 gets to see at most. Its work doubles with each level of nested alternatives, and grows with the
// third power of the schemas that contain each other and the square of how deep they are nested.
const (
	maxPaths  = 10_000 // ways through a schema's allOf, anyOf, oneOf and not
	maxCircle = 1_000  // references between schemas that contain themselves
	maxDepth  = 300    // objects and lists within each other
)

// A guard keeps from oasdiff what it would not come back from: see the limits, and an array of itself, whose type it
// writes until the stack is full, which can't be recovered from. Few write such schemas on purpose, but a pull request may
// hold anything.
type guard struct {
	schemas map[string]any
	paths   map[string]int
}

// tractable tells what keeps a reduced document from being judged.
func tractable(paths map[string]any, components map[string]map[string]any) error {
	g := &guard{schemas: components["schemas"], paths: map[string]int{}}
	if deeper(paths, maxDepth) || slices.ContainsFunc(slices.Collect(maps.Values(components)), func(c map[string]any) bool {
		return deeper(c, maxDepth)
	}) {
		return errors.New("it is nested too deeply")
	}
	for _, name := range slices.Sorted(maps.Keys(g.schemas)) {
		if g.endless(name) {
			return fmt.Errorf("the schema %q is an array of itself", name)
		}
		if g.named(name) > maxPaths {
			return fmt.Errorf("the schema %q has too many alternatives", name)
		}
	}
	if g.circle() > maxCircle {
		return errors.New("too many schemas contain each other")
	}
	return nil
}

// deeper tells whether a value is nested deeper than that.
func deeper(value any, than int) bool {
	inner := func(v any) bool { return deeper(v, than-1) }
	switch v := value.(type) {
	case map[string]any:
		return than == 0 || slices.ContainsFunc(slices.Collect(maps.Values(v)), inner)
	case []any:
		return than == 0 || slices.ContainsFunc(v, inner)
	}
	return false
}

// endless tells whether a schema's elements, theirs and so on lead back to a schema.
func (g *guard) endless(name string) bool {
	seen := map[string]bool{}
	value := g.schemas[name]
	for {
		if pointer, ok := reference(value); ok {
			name = componentName(pointer)
			if seen[name] || len(seen) > maxChain {
				return true
			}
			seen[name] = true
			value = g.schemas[name]
			continue
		}
		schema, _ := value.(map[string]any)
		if schema["items"] == nil {
			return false
		}
		value = schema["items"]
	}
}

// named counts the ways through a component.
func (g *guard) named(name string) int {
	if n, ok := g.paths[name]; ok {
		return n
	}
	g.paths[name] = 1 // within itself, it is not gone into again
	g.paths[name] = g.count(g.schemas[name])
	return g.paths[name]
}

func (g *guard) count(value any) int {
	if pointer, ok := reference(value); ok {
		return g.named(componentName(pointer))
	}
	schema, _ := value.(map[string]any)
	n := 1
	for _, member := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := schema[member].([]any)
		for _, part := range list {
			n = min(n+g.count(part), maxPaths+1)
		}
	}
	if schema["not"] != nil {
		n = min(n+g.count(schema["not"]), maxPaths+1)
	}
	return n
}

// circle counts the references of schemas that contain themselves, or others that do, to such schemas.
func (g *guard) circle() int {
	uses, users := map[string]map[string]bool{}, map[string][]string{}
	var done []string
	for name, schema := range g.schemas {
		uses[name] = map[string]bool{}
		g.references(schema, uses[name])
		for used := range uses[name] {
			users[used] = append(users[used], name)
		}
		if len(uses[name]) == 0 {
			done = append(done, name)
		}
	}
	for len(done) > 0 {
		name := done[len(done)-1]
		done = done[:len(done)-1]
		delete(uses, name)
		for _, user := range users[name] {
			if delete(uses[user], name); len(uses[user]) == 0 {
				done = append(done, user)
			}
		}
	}
	n := 0
	for _, used := range uses {
		n += len(used)
	}
	return n
}

// references collects the schemas that a value refers to.
func (g *guard) references(value any, used map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		if pointer, ok := reference(v); ok && g.schemas[componentName(pointer)] != nil {
			used[componentName(pointer)] = true
		}
		for _, member := range v {
			g.references(member, used)
		}
	case []any:
		for _, element := range v {
			g.references(element, used)
		}
	}
}

// componentName is the last token of a pointer.
func componentName(pointer string) string {
	return unescape(pointer[strings.LastIndexByte(pointer, '/')+1:])
}
