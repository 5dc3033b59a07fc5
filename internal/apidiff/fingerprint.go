package apidiff

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A fingerprint is equal for values that say the same, across the documents of a comparison.
type fingerprint [sha256.Size]byte

// A node is a value that something refers to, read as a shape.
type node struct {
	document *document
	pointer  string
	shape    *shape
}

// maxWork bounds how often schemas that refer to each other in circles are looked at. Where it isn't enough, they count as
// different.
const maxWork = 50_000

// fingerprints are computed once per value that is referred to. What a reference is called doesn't count: a value and a
// reference to an equal one have the same fingerprint. Schemas that contain themselves begin as equals and are told apart,
// round by round, by what they are made of, until a round finds no more differences.
type fingerprints struct {
	documented bool // count documentation as well
	sums       map[node]fingerprint
	circular   map[fingerprint]fingerprint // of a circular value written out → of the references to it
}

// newFingerprints computes those of everything that the operations of the documents refer to.
func newFingerprints(s shapes, documented bool, documents ...*document) *fingerprints {
	f := &fingerprints{documented: documented, sums: map[node]fingerprint{}, circular: map[fingerprint]fingerprint{}}
	uses := map[node]map[node]bool{}
	for _, d := range documents {
		var queue []node
		visit := func(n node) { queue = append(queue, n) }
		for _, o := range d.operations {
			f.references(d, o.body, s.operation, visit)
		}
		for len(queue) > 0 {
			n := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			if uses[n] != nil {
				continue
			}
			used := map[node]bool{}
			uses[n] = used
			if value, ok := d.lookup(n.pointer); ok {
				f.references(d, value, n.shape, func(m node) { used[m] = true; queue = append(queue, m) })
			}
		}
	}
	f.solve(uses)
	return f
}

// solve computes the sums: first of what doesn't contain itself, from the leaves up, then of the rest in rounds.
func (f *fingerprints) solve(uses map[node]map[node]bool) {
	users := map[node][]node{}
	open := map[node]int{}
	var ready []node
	for n, used := range uses {
		open[n] = len(used)
		if len(used) == 0 {
			ready = append(ready, n)
		}
		for m := range used {
			users[m] = append(users[m], n)
		}
	}
	for len(ready) > 0 {
		n := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		f.sums[n] = f.target(n)
		delete(open, n)
		for _, user := range users[n] {
			if open[user]--; open[user] == 0 {
				ready = append(ready, user)
			}
		}
	}
	f.solveCircular(open)
}

// solveCircular computes the sums of what contains itself, or what does.
func (f *fingerprints) solveCircular(open map[node]int) {
	for n := range open {
		f.sums[n] = fingerprint{}
	}
	classes, settled := 1, len(open) == 0
	next := make(map[node]fingerprint, len(open))
	for range min(maxWork/max(1, len(open)), len(open)+1) {
		distinct := map[fingerprint]bool{}
		for n := range open {
			next[n] = f.target(n)
			distinct[next[n]] = true
		}
		maps.Copy(f.sums, next)
		if settled = len(distinct) == classes; settled {
			break
		}
		classes = len(distinct)
	}
	if !settled {
		for n := range open {
			sum := f.sums[n]
			f.sums[n] = sha256.Sum256(append(sum[:], n.document.name...))
		}
	}
	circular := map[fingerprint]fingerprint{}
	for n := range open {
		circular[f.target(n)] = f.sums[n]
	}
	f.circular = circular
}

// target is the sum of what a node's pointer leads to.
func (f *fingerprints) target(n node) fingerprint {
	value, ok := n.document.lookup(n.pointer)
	if !ok {
		return sha256.Sum256([]byte("$ref " + n.pointer))
	}
	return sha256.Sum256(f.content(nil, n.document, value, n.shape))
}

// references visits what a value refers to.
func (f *fingerprints) references(d *document, value any, s *shape, visit func(node)) {
	if s == nil {
		return
	}
	if s.section != "" {
		if _, ok := reference(value); ok {
			_, pointer := d.follow(value)
			visit(node{document: d, pointer: pointer, shape: s})
			return
		}
	}
	switch v := value.(type) {
	case []any:
		if s.isList {
			for _, element := range v {
				f.references(d, element, s.items, visit)
			}
		}
	case map[string]any:
		for name, member := range v {
			if r := s.role(name); r == contract || r == documentation && f.documented {
				f.references(d, member, s.member(name), visit)
			}
		}
		for _, pointer := range mapping(v, s) {
			_, pointer := d.follow(map[string]any{"$ref": pointer})
			visit(node{document: d, pointer: pointer, shape: s})
		}
	}
}

// mapping returns what the values of a schema's discriminator stand for. Without a mapping those are the schemas' names.
func mapping(schema map[string]any, s *shape) map[string]string {
	if s.section != "schemas" {
		return nil
	}
	discriminator, ok := schema["discriminator"].(map[string]any)
	if !ok {
		return nil
	}
	targets, mapped := map[string]string{}, map[string]bool{}
	explicit, _ := discriminator["mapping"].(map[string]any)
	for value, target := range explicit {
		if target, ok := target.(string); ok {
			if !strings.HasPrefix(target, "#/") {
				target = "#/components/schemas/" + target
			}
			targets[value], mapped[target] = target, true
		}
	}
	for _, list := range []string{"oneOf", "anyOf"} {
		alternatives, _ := schema[list].([]any)
		for _, alternative := range alternatives {
			if pointer, ok := reference(alternative); ok && !mapped[pointer] {
				name := componentName(pointer)
				if _, taken := targets[name]; !taken {
					targets[name] = pointer
				}
			}
		}
	}
	return targets
}

// of is the fingerprint of a value.
func (f *fingerprints) of(d *document, value any, s *shape) fingerprint {
	if s != nil && s.section != "" {
		if _, ok := reference(value); ok {
			_, pointer := d.follow(value)
			return f.sums[node{document: d, pointer: pointer, shape: s}]
		}
	}
	sum := fingerprint(sha256.Sum256(f.content(nil, d, value, s)))
	if reference, ok := f.circular[sum]; ok {
		return reference
	}
	return sum
}

// content appends a value, in a form in which equal values are equal.
func (f *fingerprints) content(b []byte, d *document, value any, s *shape) []byte {
	switch v := value.(type) {
	case map[string]any:
		return f.object(b, d, v, s)
	case []any:
		return f.list(b, d, v, s)
	}
	return appendLiteral(b, value)
}

// child appends a value within another: one that could be a reference as its fingerprint, all others as they are.
func (f *fingerprints) child(b []byte, d *document, value any, s *shape) []byte {
	if s != nil && s.section != "" {
		sum := f.of(d, value, s)
		return append(append(b, '#'), sum[:]...)
	}
	return f.content(b, d, value, s)
}

func (f *fingerprints) object(b []byte, d *document, v map[string]any, s *shape) []byte {
	b = append(b, '{')
	targets := map[string]string(nil)
	if s != nil {
		targets = mapping(v, s)
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		r := s.role(name)
		if r == ignored || r == documentation && !f.documented || s.absent(name, v[name]) {
			continue
		}
		b = append(strconv.AppendQuote(b, name), ':')
		if name == "discriminator" && targets != nil {
			b = f.discriminator(b, d, v, targets, s)
		} else {
			b = f.child(b, d, v[name], s.member(name))
		}
		b = append(b, ',')
	}
	return append(b, '}')
}

func (f *fingerprints) discriminator(b []byte, d *document, v map[string]any, targets map[string]string, s *shape) []byte {
	discriminator, _ := v["discriminator"].(map[string]any)
	b = append(f.content(append(b, '{'), d, discriminator["propertyName"], nil), ',')
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		b = append(strconv.AppendQuote(b, name), ':')
		b = append(f.child(b, d, map[string]any{"$ref": targets[name]}, s), ',')
	}
	return append(b, '}')
}

func (f *fingerprints) list(b []byte, d *document, v []any, s *shape) []byte {
	var items *shape
	unordered := false
	if s != nil && s.isList {
		items, unordered = s.items, s.unordered
	}
	b = append(b, '[')
	if !unordered {
		for _, element := range v {
			b = append(f.child(b, d, element, items), ',')
		}
		return append(b, ']')
	}
	elements := make([][]byte, len(v))
	for i, element := range v {
		elements[i] = f.child(nil, d, element, items)
	}
	slices.SortFunc(elements, bytes.Compare)
	for _, element := range slices.CompactFunc(elements, bytes.Equal) {
		b = append(append(b, element...), ',')
	}
	return append(b, ']')
}

func appendLiteral(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return strconv.AppendQuote(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return strconv.AppendInt(b, i, 10)
		}
		if !strings.ContainsAny(v.String(), ".eE") {
			return append(b, v...) // too large, and a float would lose digits
		}
		x, err := v.Float64()
		switch {
		case err != nil:
			return append(b, v...)
		case x == math.Trunc(x) && math.Abs(x) < 1<<53: // 1.0 is 1
			return strconv.AppendInt(b, int64(x), 10)
		}
		return strconv.AppendFloat(b, x, 'g', -1, 64)
	}
	return append(b, "null"...)
}
