package openapi

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"
)

// seeds are the documents of the golden files.
func seeds(f *testing.F) [][]byte {
	f.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	var all [][]byte
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range txtar.Parse(content).Files {
			all = append(all, part.Data)
		}
	}
	return all
}

// fuzzLimits keep what is fuzzed small, so that there are many runs.
var fuzzLimits = Limits{Values: 50_000, AliasValues: 20_000, ResultBytes: 1 << 20}

// written is a value in a format, as it is.
func written(v value, f Format) []byte {
	var b builder
	b.data(v)
	if f == JSON {
		var w writer
		w.json(b.nodes, 0)
		return w.b
	}
	var w writer
	switch n := &b.nodes[0]; {
	case n.span > 1 && n.kind == mapping:
		w.yamlMembers(b.nodes, 0, 0, true)
	case n.span > 1 && n.kind == sequence:
		w.yamlItems(b.nodes, 0, 0, true)
	default:
		w.yamlScalar(n, 0)
		w.raw("\n")
	}
	return w.b
}

// FuzzParse reads anything, and writes what it has read so that it is read alike.
func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	for _, s := range []string{
		"[[[[", "a: &a [*a]", "{\"a\":1e999}", "\ufeff{}", "- - - ? : - &x *x", "!!int x", "\"\\ud800\"",
		"a: 1\r\nb: |\r\n  x\r\n", "a: &a {b: 1}\nc: {<<: [*a, {d: 2}], b: 3}", "? {a: b}\n: c", "a: 0x1F\nb: 0o17\nc: 1_000\nd: .5\ne: 2020-01-01",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, file := range []string{"x.yaml", "x.json"} {
			report := &findings{file: file}
			tree := readTree(file, content, fuzzLimits.withDefaults(), report)
			if tree == nil {
				if len(report.problems) == 0 || (&Error{Findings: report.problems}).Error() == "" {
					t.Fatal("refused without a problem")
				}
				continue
			}
			for _, format := range []Format{JSON, YAML} {
				text := written(tree.root(), format)
				again, err := parsed("written."+string(format), string(text))
				if err != nil {
					t.Fatalf("what was written as %s can't be read: %v\n%s", format, err, text)
				}
				if !equal(again.root(), tree.root()) {
					t.Fatalf("reads differently as %s:\n%s", format, text)
				}
			}
		}
	})
}

// FuzzParseJSON compares the reader of JSON with encoding/json: both accept the same, apart from our limits and duplicate
// keys, and read the same.
func FuzzParseJSON(f *testing.F) {
	for _, s := range seeds(f) {
		var v any
		if yaml.Unmarshal(s, &v) == nil {
			if content, err := json.Marshal(v); err == nil {
				f.Add(content)
			}
		}
	}
	f.Add([]byte(`{"a": "\ud83d\ude00\u0000\/", "b": [-0, 1E+2, true, null, {}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		tree, err := parsed("x.json", string(content))
		if err != nil {
			return
		}
		var want, got any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(string(content), "\ufeff")), &want); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if err := json.Unmarshal(written(tree.root(), JSON), &got); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		if string(a) != string(b) {
			t.Errorf("read %s\nwant %s", b, a)
		}
	})
}

// FuzzRender writes any text as a key and as a value.
func FuzzRender(f *testing.F) {
	for _, s := range []string{
		"", " ", "no", "~", "<<", "=", "1", "1.0", "-", "- a", "a: b", "a #b", "#", "\t", "a\nb", "a\n\nb\n", "a \nb", "\u2028", "\ufeff",
		"\U0001F600", "a\r\nb", "{a}", "[a]", "/a", "/", "&a", "*a", "!a", "%a", "@a", "`a", "|", ">", "'a", "\"a", strings.Repeat("x", 1100), "\x7f",
		"\u0085", "null", "0x1", "2020-01-01", "a:", ":a", "? a",
	} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, key, v string) {
		key, v = strings.ToValidUTF8(key, "?"), strings.ToValidUTF8(v, "?")
		var b builder
		root := b.begin(mapping)
		b.pair(key, v)
		b.key(key + "2")
		list := b.begin(sequence)
		b.texts(v, "")
		b.text(v)
		b.end(list)
		b.end(root)
		for _, format := range []Format{JSON, YAML} {
			var w writer
			if format == JSON {
				w.json(b.nodes, 0)
			} else {
				w.yamlMembers(b.nodes, 0, 0, true)
			}
			tree, err := parsed("x."+string(format), string(w.b))
			if err != nil {
				t.Fatalf("%v\n%s", err, w.b)
			}
			at, got := tree.root().member(key)
			second := tree.root().get(key + "2")
			if !at.ok() || got.kind() != text || got.text() != v || itemAt(second, "1").text() != v || itemAt(itemAt(second, "0"), "0").text() != v {
				t.Fatalf("%q: %q is written as\n%s", key, v, w.b)
			}
		}
	})
}

// FuzzCompose composes any two documents. Whatever comes out reads alike in both formats, its operations are the documents',
// their IDs are distinct, the order of the documents makes no difference, and the result can be composed again.
func FuzzCompose(f *testing.F) {
	all := seeds(f)
	for i, s := range all {
		f.Add(s, all[(i+1)%len(all)], i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, a, b []byte, requireKey bool) {
		o := testOptions()
		o.Limits = fuzzLimits
		if requireKey {
			o.RequireAPIKey = "api_key"
		}
		documents := []Document{testDocument("a", a), testDocument("b", b)}
		c, err := Compose(documents, o)
		other, otherErr := Compose([]Document{documents[1], documents[0]}, o)
		if err != nil {
			if otherErr == nil || err.Error() != otherErr.Error() {
				t.Fatalf("the order makes a difference: %v\nand\n%v", err, otherErr)
			}
			return
		}
		if otherErr != nil {
			t.Fatalf("the order makes a difference: %v", otherErr)
		}
		first, err := c.Render()
		if err != nil {
			return // too large
		}
		second, err := other.Render()
		if err != nil || string(first) != string(second) {
			t.Fatalf("the order makes a difference: %v", err)
		}
		distinctIDs(t, c)
		provenance(t, documents, c)
		for _, op := range c.Operations {
			if requireKey && op.Public {
				t.Errorf("%s %s is public", op.Method, op.Path)
			}
		}
		o.Format = JSON
		if c, err = Compose(documents, o); err != nil {
			t.Fatal(err)
		}
		asJSON, err := c.Render()
		if err != nil {
			return
		}
		x, errX := parsed("x.yaml", string(first))
		y, errY := parsed("x.json", string(asJSON))
		if errX != nil || errY != nil || !equal(x.root(), y.root()) {
			t.Fatalf("reads differently in the two formats: %v, %v\n%s\n%s", errX, errY, first, asJSON)
		}
		// Its own output is a document too.
		if _, err := Compose([]Document{testDocument("all", first)}, o); err != nil {
			t.Errorf("what was composed can't be composed: %v\n%s", err, first)
		}
	})
}

// distinctIDs checks that operationIds can be told apart.
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

// provenance checks that each operation is where it is said to be.
func provenance(t *testing.T, documents []Document, c *Composition) {
	t.Helper()
	for _, op := range c.Operations {
		for _, d := range documents {
			if d.Service != op.Service || d.File != op.File {
				continue
			}
			tree, err := parsed(d.File, string(d.Content))
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for i := range tree.entries {
				e := &tree.entries[i]
				if e.kind == name && int(e.line) == op.Line && int(e.column) == op.Column {
					found = found || (value{tree, uint32(i)}).text() == strings.ToLower(op.Method) //nolint:gosec // an index
				}
			}
			if !found {
				t.Errorf("%s %s is not at %s:%d:%d", op.Method, op.Path, op.File, op.Line, op.Column)
			}
		}
	}
}

// FuzzProvenance looks up where the operations of any document are said to be, also when they stand in another file.
func FuzzProvenance(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s, []byte("get: {operationId: other, responses: {200: {description: ok}}}"))
	}
	f.Add([]byte("openapi: 3.0.0\npaths:\n  /a:\n    $ref: other.yaml"), []byte("get: {operationId: other, responses: {200: {description: ok}}}"))
	f.Fuzz(func(t *testing.T, content, other []byte) {
		o := testOptions()
		o.Limits = fuzzLimits
		d := testDocument("a", content)
		d.Files = oneFile(other)
		c, err := Compose([]Document{d}, o)
		if err != nil {
			return
		}
		second := d
		second.File, second.Content = "a/other.yaml", other
		provenance(t, []Document{d, second}, c)
	})
}

// oneFile is a repository with one file beside the document.
type oneFile []byte

func (f oneFile) ReadFile(path string) ([]byte, error) {
	if path == "a/other.yaml" {
		return f, nil
	}
	return nil, fs.ErrNotExist
}

// FuzzReferences composes a document with another file that it may refer to, and follows any reference.
func FuzzReferences(f *testing.F) {
	const other = "A: {$ref: '#/B'}\nB: {type: object, properties: {a: {$ref: 'openapi.yaml#/components/schemas/X'}}}\n"
	for _, r := range []string{
		"other.yaml#/A", "#/components/schemas/Y", "other.yaml", "./other.yaml#/B/properties/a", "../a/other.yaml#/A", "../../x", "/etc/passwd",
		"https://x.example/y", "#/paths/~1a/get/responses/200", "#", "", "other.yaml#", "other.yaml#B", "%6fther.yaml#/%41", "a/b/../../other.yaml#/A", "#/components/schemas/X/allOf/0",
	} {
		f.Add(r, []byte(other))
	}
	f.Fuzz(func(t *testing.T, r string, content []byte) {
		quoted, err := json.Marshal(r)
		if err != nil {
			return
		}
		d := testDocument("a", []byte(`{"openapi":"3.0.4","paths":{"/a":{"get":{"responses":{"200":{"description":"","content":{"a/b":{"schema":{"$ref":`+
			string(quoted)+`}}}}}}}},"components":{"schemas":{"X":{"allOf":[{"$ref":"#/components/schemas/Y"}]},"Y":{"type":"string"}}}}`))
		d.Files = oneFile(content)
		o := testOptions()
		o.Limits = fuzzLimits
		c, err := Compose([]Document{d}, o)
		if err != nil {
			return
		}
		out, err := c.Render()
		if err != nil {
			t.Fatal(err)
		}
		tree, err := parsed("x.yaml", string(out))
		if err != nil {
			t.Fatal(err)
		}
		for i := range tree.entries {
			v := value{tree, uint32(i)} //nolint:gosec // an index
			if r := v.get("$ref"); r.is(text) && strings.HasPrefix(r.text(), "#/components/") && !lookUp(tree.root(), pointer(r.text()[1:])).ok() {
				t.Errorf("the reference %q leads nowhere:\n%s", r.text(), out)
			}
		}
	})
}

// FuzzConvert brings any document to OpenAPI 3.0, and what comes out once more: nothing is left to convert then.
func FuzzConvert(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		o := testOptions()
		o.Limits, o.OpenAPI, o.Format = fuzzLimits, OpenAPI3, JSON
		c, err := Compose([]Document{testDocument("a", content)}, o)
		if err != nil {
			return
		}
		once, err := c.Render()
		if err != nil {
			return
		}
		again, err := Compose([]Document{testDocument("a", once)}, o)
		if err != nil {
			t.Fatalf("what was converted can't be composed: %v\n%s", err, once)
		}
		twice, err := again.Render()
		if err != nil {
			return
		}
		if string(once) != string(twice) {
			t.Errorf("composing its own output changes it:\n%s\n%s", once, twice)
		}
	})
}

// FuzzNames makes names of anything: they are allowed, and different from each other.
func FuzzNames(f *testing.F) {
	f.Add("a", "A", "a_2")
	f.Add("Page«A»", "Page A", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		taken := newNames(func(name string) string { return name })
		seen := map[string]bool{}
		for _, s := range []string{a, b, c, a, b, c} {
			made := taken.take(safeName(s))
			if seen[made] {
				t.Errorf("the name %q is given twice", made)
			}
			seen[made] = true
			if made == "" || strings.Trim(made, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
				t.Errorf("the name %q of %q is not allowed", made, s)
			}
		}
		if id := identifier(a); id == "" || strings.ContainsAny(id, "/.-$ ") {
			t.Errorf("the identifier %q of %q is not allowed", id, a)
		}
	})
}

var errBroken = errors.New("the disk is broken")

// TestFilesFail ends a composition with the error of the files.
func TestFilesFail(t *testing.T) {
	t.Parallel()
	d := testDocument("a", []byte("openapi: 3.0.0\npaths: {/a: {$ref: x.yaml}}"))
	d.Files = FilesFunc(func(string) ([]byte, error) { return nil, errBroken })
	if _, err := Compose([]Document{d}, testOptions()); !errors.Is(err, errBroken) {
		t.Errorf("error is %v, want that of the files", err)
	}
}
