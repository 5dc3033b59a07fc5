package openapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// BenchmarkCompose composes generated documents, all of them JSON or YAML, from bytes to bytes. The floor is reading the
// same bytes once: into any with encoding/json, or into nodes with yaml.v3. With trees, documents have been parsed before.
func BenchmarkCompose(b *testing.B) {
	for _, services := range []int{10, 100} {
		for _, format := range []Format{JSON, YAML} {
			documents := benchDocuments(b, services, format)
			name := fmt.Sprintf("%d/%s", services, format)
			b.Run(name, func(b *testing.B) { benchCompose(b, documents, format) })
			b.Run(name+"/floor", func(b *testing.B) { benchFloor(b, documents, format) })
			b.Run(name+"/trees", func(b *testing.B) {
				parsed := make([]Document, len(documents))
				for i, d := range documents {
					tree, err := Parse(d.File, d.Content)
					if err != nil {
						b.Fatal(err)
					}
					parsed[i], parsed[i].Tree = d, tree
				}
				benchCompose(b, parsed, format)
			})
		}
	}
}

func benchDocuments(b *testing.B, services int, format Format) []Document {
	b.Helper()
	documents := generate(b, 1, services, 20)
	for i := range documents {
		d := &documents[i]
		var v any
		if err := yaml.Unmarshal(d.Content, &v); err != nil {
			b.Fatal(err)
		}
		var err error
		if format == JSON {
			d.Content, err = json.Marshal(v)
		} else {
			d.Content, err = yaml.Marshal(v)
		}
		if err != nil {
			b.Fatal(err)
		}
		d.File = strings.TrimSuffix(strings.TrimSuffix(d.File, ".json"), ".yaml") + "." + string(format)
	}
	return documents
}

func size(documents []Document) (n int64) {
	for _, d := range documents {
		n += int64(len(d.Content))
	}
	return n
}

func benchCompose(b *testing.B, documents []Document, format Format) {
	b.SetBytes(size(documents))
	b.ReportAllocs()
	for b.Loop() {
		c, err := Compose(documents, testOptions())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Render(format); err != nil {
			b.Fatal(err)
		}
	}
}

func benchFloor(b *testing.B, documents []Document, format Format) {
	b.SetBytes(size(documents))
	b.ReportAllocs()
	for b.Loop() {
		for _, d := range documents {
			var err error
			if format == JSON {
				var v any
				err = json.Unmarshal(d.Content, &v)
			} else {
				var n yaml.Node
				err = yaml.Unmarshal(d.Content, &n)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
