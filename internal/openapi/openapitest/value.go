package openapitest

import (
	"math/rand/v2"
	"slices"
)

// An object is a mapping of a generated document. Values are *object, []any, string, number, literal, bool and nil.
type object struct {
	keys   []string
	vals   []any
	merge  []*object // in YAML written as merge keys; of several members the first counts, and the object's own before it
	anchor bool      // in YAML written once, then as an alias
}

// A number is one as JSON writes it.
type number string

// A literal is a scalar that YAML can write without quotes and JSON can't write like that.
type literal struct{ yaml, json string }

// obj makes an object of keys and values in turn.
func obj(members ...any) *object {
	o := &object{}
	for i := 0; i+1 < len(members); i += 2 {
		key, _ := members[i].(string)
		o.set(key, members[i+1])
	}
	return o
}

func (o *object) set(key string, v any) {
	if i := slices.Index(o.keys, key); i >= 0 {
		o.vals[i] = v
		return
	}
	o.keys, o.vals = append(o.keys, key), append(o.vals, v)
}

func (o *object) has(key string) bool { return slices.Contains(o.keys, key) }

// flat is the object with what it merges.
func (o *object) flat() *object {
	if len(o.merge) == 0 {
		return o
	}
	all := &object{keys: slices.Clone(o.keys), vals: slices.Clone(o.vals)}
	for _, m := range o.merge {
		f := m.flat()
		for i, key := range f.keys {
			if !all.has(key) {
				all.set(key, f.vals[i])
			}
		}
	}
	return all
}

// shuffled is the same with the members in another order.
func shuffled(r *rand.Rand, v any) any {
	switch v := v.(type) {
	case *object:
		o := &object{merge: v.merge, anchor: v.anchor}
		for _, i := range r.Perm(len(v.keys)) {
			o.set(v.keys[i], shuffled(r, v.vals[i]))
		}
		return o
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = shuffled(r, item)
		}
		return list
	default:
		return v
	}
}

// size is how many values there are, up to most.
func size(v any, most int) int {
	n := 1
	switch v := v.(type) {
	case *object:
		f := v.flat()
		for _, kid := range f.vals {
			if n += size(kid, most); n > most {
				return n
			}
		}
	case []any:
		for _, kid := range v {
			if n += size(kid, most); n > most {
				return n
			}
		}
	}
	return n
}
