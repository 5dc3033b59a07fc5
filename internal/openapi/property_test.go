package openapi

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/openapi/openapitest"
)

// propertySeeds is how many sets of documents the property tests compose; SEEDS overrides it, SEED composes only that one.
const propertySeeds = 80

// eachSeed runs a property test for many seeds.
func eachSeed(t *testing.T, test func(t *testing.T, seed uint64)) {
	t.Helper()
	t.Parallel()
	first, n := 0, propertySeeds
	if s, err := strconv.Atoi(os.Getenv("SEEDS")); err == nil {
		n = s
	}
	if s, err := strconv.Atoi(os.Getenv("SEED")); err == nil {
		first, n = s, 1
	}
	for seed := first; seed < first+n; seed++ {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			test(t, uint64(seed)) //nolint:gosec // not negative
		})
	}
}

// shapeOf varies what a seed's documents are like.
func shapeOf(seed uint64) openapitest.Shape {
	r := rand.New(rand.NewPCG(seed, 1))
	versions := [][]string{nil, {openapitest.V20}, {openapitest.V30}, {openapitest.V31}, {openapitest.V20, openapitest.V30}}
	return openapitest.Shape{
		Services: 1 + r.IntN(5), Operations: 1 + r.IntN(12), Versions: versions[r.IntN(len(versions))],
		Format: []string{"", openapitest.JSON, openapitest.YAML}[r.IntN(3)], Files: r.IntN(2) == 0, Depth: 1 + r.IntN(3),
	}
}

// generated are the documents of services that were made from a seed.
func generated(services []openapitest.Service) []Document {
	documents := make([]Document, 0, len(services))
	for _, s := range services {
		d := testDocument(s.Name, s.Files[s.File])
		d.File = s.File
		d.Files = FilesFunc(func(path string) ([]byte, error) {
			if content, ok := s.Files[path]; ok {
				return content, nil
			}
			return nil, fs.ErrNotExist
		})
		documents = append(documents, d)
	}
	return documents
}

// judged holds a composition to the documents that it is made of.
func judged(t *testing.T, services []openapitest.Service, c *Composition, content []byte) {
	t.Helper()
	var operations []openapitest.Operation
	for _, o := range c.Operations {
		operations = append(operations, openapitest.Operation{Method: o.Method, Path: o.Path, Service: o.Service, File: o.File, Line: o.Line})
	}
	for _, difference := range openapitest.Check(services, content, operations) {
		t.Error(difference)
	}
	if t.Failed() && os.Getenv("SEED") != "" {
		for _, s := range services {
			for name, file := range s.Files {
				t.Logf("%s: %s\n%s", s.Name, name, file)
			}
		}
		t.Logf("composed:\n%s", content)
	}
}

// TestMeaningIsKept composes random sets of documents. Every operation of every document is in the result, once, means the
// same with all references resolved, and is where the provenance says; nothing else is there. The order of the documents
// makes no difference, and neither does the format.
func TestMeaningIsKept(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		services := openapitest.Generate(seed, shapeOf(seed))
		documents := generated(services)
		o := testOptions()
		if seed%4 == 0 {
			o.OpenAPI = OpenAPI3
		}
		c, content := sameInBothFormats(t, documents, o)
		judged(t, services, c, content)
		o.Format = JSON
		rand.New(rand.NewPCG(seed, 2)).Shuffle(len(documents), func(i, j int) { documents[i], documents[j] = documents[j], documents[i] })
		again, err := Compose(documents, o)
		if err != nil {
			t.Fatal(err)
		}
		other, err := again.Render()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(content, other) {
			t.Error("the order of the documents makes a difference")
		}
	})
}

// TestComposingAgain composes what was composed: it means the same, and from then on nothing changes any more.
func TestComposingAgain(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		o := testOptions()
		o.Format = JSON
		once := render(t, generated(openapitest.Generate(seed, shapeOf(seed))), o)
		version := openapitest.V30
		if bytes.Contains(once[:100], []byte(`"swagger"`)) {
			version = openapitest.V20
		}
		all := openapitest.Service{Name: "all", File: "all.json", Files: map[string][]byte{"all.json": once}, Version: version}
		c, err := Compose(generated([]openapitest.Service{all}), o)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := c.Render()
		if err != nil {
			t.Fatal(err)
		}
		judged(t, []openapitest.Service{all}, c, twice)
		all.Files["all.json"] = twice
		if thrice := render(t, generated([]openapitest.Service{all}), o); !bytes.Equal(twice, thrice) {
			t.Errorf("composing again changes the document:\n%s\n%s", twice, thrice)
		}
	})
}

// TestCachedIsTheSame composes with a cache, changes one document after the other, and gets what it gets without a cache.
func TestCachedIsTheSame(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		shape := shapeOf(seed)
		now, then := generated(openapitest.Generate(seed, shape)), generated(openapitest.Generate(seed+1000, shape))
		cached := testOptions()
		cached.Cache = &Cache{}
		for i := range now {
			render(t, now, cached)
			now[i].Content, now[i].File, now[i].Files = then[i].Content, then[i].File, then[i].Files
			if a, b := render(t, now, cached), render(t, now, testOptions()); !bytes.Equal(a, b) {
				t.Fatalf("the cache makes a difference:\n%s\n%s", a, b)
			}
		}
	})
}

func render(t *testing.T, documents []Document, o Options) []byte {
	t.Helper()
	c, err := Compose(documents, o)
	if err != nil {
		t.Fatal(err)
	}
	content, err := c.Render()
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestOthersAccept lets kin-openapi read and validate what was composed.
func TestOthersAccept(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		shape := shapeOf(seed)
		shape.ForKin = true
		validate(t, generated(openapitest.Generate(seed, shape)), testOptions())
	})
}

// filled is a path with something in place of each parameter, which no literal segment is.
func filled(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		switch {
		case strings.HasSuffix(s, "=**}"):
			segments[i] = fmt.Sprintf("some-%d/more/of/it", i)
		case strings.HasPrefix(s, "{"):
			segments[i] = fmt.Sprintf("some-%d", i)
		}
	}
	return strings.Join(segments, "/")
}
