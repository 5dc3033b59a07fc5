package openapi

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
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

// FuzzParse reads anything, and writes what it has read so that it is read alike.
func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	for _, s := range []string{"[[[[", "a: &a [*a]", "{\"a\":1e999}", "\ufeff{}", "- - - ? : - &x *x", "!!int x", "\"\\ud800\"", "a: 1\r\nb: |\r\n  x\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, file := range []string{"x.yaml", "x.json"} {
			tree, err := Parse(file, content)
			if err != nil {
				if wrong, ok := errors.AsType[*Error](err); !ok || len(wrong.Findings) == 0 || wrong.Error() == "" {
					t.Fatalf("an error without findings: %v", err)
				}
				continue
			}
			sameInBothFormats(t, &Composition{root: tree.root})
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
		tree, err := Parse("x.json", content)
		if err != nil {
			return
		}
		var want any
		if err := json.Unmarshal(content, &want); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		written, err := (&Composition{root: tree.root}).Render(JSON)
		if err != nil {
			return
		}
		var got any
		if err := json.Unmarshal(written, &got); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		if string(a) != string(b) {
			t.Errorf("read %s\nwant %s", b, a)
		}
	})
}

// FuzzCompose composes any two documents. Whatever comes out is read alike in both formats, its operations are the
// documents', their IDs are distinct, and the order of the documents makes no difference.
func FuzzCompose(f *testing.F) {
	all := seeds(f)
	for i, s := range all {
		f.Add(s, all[(i+1)%len(all)], i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, a, b []byte, requireKey bool) {
		o := testOptions()
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
		first, err := c.Render(YAML)
		if err != nil {
			return // too large
		}
		second, err := other.Render(YAML)
		if err != nil || string(first) != string(second) {
			t.Fatalf("the order makes a difference: %v", err)
		}
		sameInBothFormats(t, c)
		distinctIDs(t, c)
		for _, op := range c.Operations {
			if requireKey && op.Public {
				t.Errorf("%s %s is public", op.Method, op.Path)
			}
		}
		// Its own output is a document too.
		if _, err := Compose([]Document{testDocument("all", first)}, o); err != nil {
			t.Errorf("what was composed can't be composed: %v\n%s", err, first)
		}
	})
}
