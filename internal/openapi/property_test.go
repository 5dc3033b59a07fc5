package openapi

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestComposeProperties composes random documents: every operation comes out, once, with the meaning that it has in its own
// document; the order of the documents makes no difference; other readers accept the result.
func TestComposeProperties(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		documents := generate(t, seed, 6, 8)
		c, err := Compose(documents, testOptions())
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		validate(t, c)
		keepsMeaning(t, documents, c)
		distinctIDs(t, c)
		first := rendered(t, c)
		r := rand.New(rand.NewPCG(seed, 0))
		r.Shuffle(len(documents), func(i, j int) { documents[i], documents[j] = documents[j], documents[i] })
		again, err := Compose(documents, testOptions())
		if err != nil {
			t.Fatalf("seed %d, in another order: %v", seed, err)
		}
		if !bytes.Equal(first, rendered(t, again)) {
			t.Fatalf("seed %d: the order of documents makes a difference", seed)
		}
		if diff := cmp.Diff(c.Operations, again.Operations) + cmp.Diff(c.Warnings, again.Warnings); diff != "" {
			t.Fatalf("seed %d: the order of documents makes a difference:\n%s", seed, diff)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestComposeAgain composes what was composed: nothing changes but what Compose adds to names and addresses.
func TestComposeAgain(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		documents := generate(t, seed, 4, 6)
		first, err := Compose(documents, testOptions())
		if err != nil {
			t.Fatal(err)
		}
		d := testDocument("all", rendered(t, first))
		second, err := Compose([]Document{d}, testOptions())
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(second.Operations) != len(first.Operations) {
			t.Fatalf("seed %d: %d operations became %d", seed, len(first.Operations), len(second.Operations))
		}
		keepsMeaning(t, []Document{d}, second)
		d.Content = rendered(t, second)
		third, err := Compose([]Document{d}, testOptions())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(d.Content), string(rendered(t, third))); diff != "" {
			t.Fatalf("seed %d: composing its own output changes it:\n%s", seed, diff)
		}
	}
}

// TestTreeIsNotChanged uses one tree in several compositions.
func TestTreeIsNotChanged(t *testing.T) {
	t.Parallel()
	documents := generate(t, 7, 4, 10)
	want, err := Compose(documents, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	for i := range documents {
		tree, err := Parse(documents[i].File, documents[i].Content)
		if err != nil {
			t.Fatal(err)
		}
		documents[i].Tree, documents[i].Content = tree, nil
	}
	for range 3 {
		t.Run("concurrent", func(t *testing.T) {
			t.Parallel()
			got, err := Compose(documents, testOptions())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(rendered(t, want), rendered(t, got)) {
				t.Error("a composition of parsed documents differs")
			}
		})
	}
}

func rendered(t *testing.T, c *Composition) []byte {
	t.Helper()
	content, err := c.Render(YAML)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func distinctIDs(t *testing.T, c *Composition) {
	t.Helper()
	seen := map[string]bool{}
	for _, op := range c.Operations {
		if seen[folded(op.ID)] {
			t.Errorf("the operationId %s is used twice", op.ID)
		}
		seen[folded(op.ID)] = true
	}
}

// keepsMeaning compares each operation of the composition with the one that it comes from, and counts them.
func keepsMeaning(t *testing.T, documents []Document, c *Composition) {
	t.Helper()
	sources := map[string]*node{}
	count := 0
	for _, d := range documents {
		tree, err := Parse(d.File, d.Content)
		if err != nil {
			t.Fatal(err)
		}
		sources[d.Service] = &tree.root
		for _, item := range tree.root.get("paths").items {
			for _, k := range item.keys {
				if isMethod(k.name) {
					count++
				}
			}
		}
	}
	if len(c.Operations) != count {
		t.Errorf("%d operations went in, %d came out", count, len(c.Operations))
	}
	for _, op := range c.Operations {
		own := sources[op.Service]
		path, item := placed(t, own, op)
		source := meaning(own, path, item, strings.ToLower(op.Method))
		composed := meaning(&c.root, op.Path, c.root.get("paths").get(op.Path), strings.ToLower(op.Method))
		if diff := cmp.Diff(source, composed); diff != "" {
			t.Errorf("%s %s of %s means something else (-own +composed):\n%s", op.Method, op.Path, op.Service, diff)
		}
	}
}

// placed finds the path item at the line that an operation's provenance names.
func placed(t *testing.T, root *node, op Operation) (string, *node) {
	t.Helper()
	paths := root.get("paths")
	for i := range paths.items {
		item := &paths.items[i]
		for _, k := range item.keys {
			if int(k.at.line) == op.Line && int(k.at.column) == op.Column && k.name == strings.ToLower(op.Method) {
				return paths.keys[i].name, item
			}
		}
	}
	t.Fatalf("there is no operation at %s:%d:%d", op.File, op.Line, op.Column)
	return "", nil
}

// meaning writes what callers of an operation can see, with references followed. It is written to the letter of
// OpenAPI, with nothing of the code under test but the tree.
func meaning(root *node, path string, item *node, method string) []string {
	op := item.get(method)
	// Parameters of the path are known by their place in it: their names may change.
	places := map[string]string{}
	for i, segment := range strings.Split(strings.Trim(path, "/"), "/") {
		if strings.HasPrefix(segment, "{") {
			places[strings.Trim(segment, "{}")] = fmt.Sprint("segment from the end ", len(strings.Split(strings.Trim(path, "/"), "/"))-i)
		}
	}
	effective := map[string]string{}
	for _, list := range []*node{item.get("parameters"), op.get("parameters")} {
		if list == nil {
			continue
		}
		for i := range list.items {
			p := &list.items[i]
			if ref := p.str("$ref"); ref != "" {
				p = lookUp(root, pointer(ref))
			}
			name, in := p.str("name"), p.str("in")
			if in == "path" {
				renamed := p.with("name", stringNode(places[name]))
				p, name = &renamed, places[name]
			}
			effective[in+" "+name] = expanded(root, p, 5)
		}
	}
	var lines []string
	for _, k := range sortedStrings(effective) {
		lines = append(lines, "parameter "+k+" "+effective[k])
	}
	lines = append(lines, "responses "+expanded(root, op.get("responses"), 5))
	for _, name := range [...]string{"security", "consumes", "produces"} {
		v := op.get(name)
		if v == nil {
			v = root.get(name)
		}
		if v != nil && len(v.items) > 0 {
			lines = append(lines, name+" "+expanded(root, v, 0))
		}
	}
	return lines
}

func sortedStrings(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	return sorted(keys)
}

// expanded writes a value with its references followed to a depth. The generator uses $ref in data only under example,
// examples and as the name of a property, where its value has no # at its start.
func expanded(root, n *node, depth int) string {
	if ref := n.str("$ref"); strings.HasPrefix(ref, "#") {
		if depth == 0 {
			return "…"
		}
		target := lookUp(root, pointer(ref))
		if target == nil {
			return "dangling " + ref
		}
		return expanded(root, target, depth-1)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d%q", n.kind, n.text)
	if n.kind == mapping {
		for _, i := range sortedKeys(n) {
			fmt.Fprintf(&b, " %q:(%s)", n.keys[i].name, expanded(root, &n.items[i], depth))
		}
		return b.String()
	}
	for i := range n.items {
		fmt.Fprintf(&b, " (%s)", expanded(root, &n.items[i], depth))
	}
	return b.String()
}
