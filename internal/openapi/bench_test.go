package openapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/gangway-dev/gangway/internal/openapi/openapitest"
)

// BenchmarkCompose composes generated documents, all of them JSON or YAML, from bytes to bytes. The floor is reading the
// same bytes once: into any with encoding/json, or into nodes with yaml.v3. After one document has changed, the others are
// in the cache.
func BenchmarkCompose(b *testing.B) {
	for _, services := range []int{10, 100, 500} {
		for _, format := range []Format{JSON, YAML} {
			documents := benchDocuments(services, format)
			name := fmt.Sprintf("%d/%s", services, format)
			b.Run(name, func(b *testing.B) { benchCompose(b, documents, format) })
			b.Run(name+"/floor", func(b *testing.B) { benchFloor(b, documents, format) })
			b.Run(name+"/one-changed", func(b *testing.B) { benchOneChanged(b, documents, format) })
		}
	}
}

func benchDocuments(services int, format Format) []Document {
	return generated(openapitest.Corpus(1, services, string(format)))
}

func size(documents []Document) (n int64) {
	for _, d := range documents {
		n += int64(len(d.Content))
	}
	return n
}

func benchOptions(format Format) Options {
	o := testOptions()
	o.Format = format
	o.Limits.ResultBytes = 1 << 30
	return o
}

func composeAndRender(b *testing.B, documents []Document, o Options) {
	b.Helper()
	c, err := Compose(documents, o)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := c.Render(); err != nil {
		b.Fatal(err)
	}
}

func benchCompose(b *testing.B, documents []Document, format Format) {
	b.SetBytes(size(documents))
	b.ReportAllocs()
	for b.Loop() {
		composeAndRender(b, documents, benchOptions(format))
	}
}

func benchOneChanged(b *testing.B, documents []Document, format Format) {
	b.SetBytes(size(documents))
	b.ReportAllocs()
	o := benchOptions(format)
	o.Cache = &Cache{MaxBytes: 4 << 30}
	composeAndRender(b, documents, o)
	original := documents[0].Content
	n := 0
	for b.Loop() {
		n++
		documents[0].Content = append(append([]byte(nil), original...), strings.Repeat("\n", 1+n%1000)...)
		composeAndRender(b, documents, o)
	}
	documents[0].Content = original
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
