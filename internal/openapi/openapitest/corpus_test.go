package openapitest

import (
	"reflect"
	"testing"
)

func TestCorpus(t *testing.T) {
	services := Corpus(1, 500, JSON)
	bytes, operations, definitions := 0, 0, 0
	smallest, largest := 1<<30, 0
	bodies := map[string][]*term{}
	for _, s := range services {
		n := len(s.Files[s.File])
		bytes, smallest, largest = bytes+n, min(smallest, n), max(largest, n)
		d, err := loadDocument(s.Name, s.File, s.Files)
		if err != nil {
			t.Fatal(err)
		}
		operations += len(d.operations)
		all := d.root.get("definitions")
		definitions += len(all.keys)
		for i, name := range all.keys {
			bodies[name] = append(bodies[name], dataTerm(all.kids[i]))
		}
	}
	contested := 0
	for _, list := range bodies {
		for _, other := range list[1:] {
			if !reflect.DeepEqual(list[0], other) {
				contested++
				break
			}
		}
	}
	for _, c := range []struct {
		what           string
		got, low, high int
	}{
		{"bytes", bytes, 33_000_000, 37_000_000},
		{"operations", operations, 9_500, 10_500},
		{"definitions", definitions, 22_000, 24_000},
		{"contested names", contested, 1_400, 1_600},
		{"bytes of the smallest", smallest, 1_500, 6_000},
		{"bytes of the largest", largest, 250_000, 420_000},
		{"bytes of the large one", len(Large(1, JSON).Files["svc0/openapi.json"]), 4_800_000, 5_500_000},
	} {
		if c.got < c.low || c.got > c.high {
			t.Errorf("%s: %d, wanted %d to %d", c.what, c.got, c.low, c.high)
		}
	}
}

func TestCorpusInYAML(t *testing.T) {
	y, j := Corpus(3, 4, YAML), Corpus(3, 4, JSON)
	for i := range y {
		a, err := readFile(y[i].File, y[i].Files[y[i].File])
		if err != nil {
			t.Fatal(err)
		}
		b, err := readFile(j[i].File, j[i].Files[j[i].File])
		if err != nil {
			t.Fatal(err)
		}
		c := &comparison{assumed: map[pair]bool{}}
		if c.compare(dataTerm(a), dataTerm(b)); len(c.found) > 0 {
			t.Errorf("%q", c.found)
		}
	}
}

func BenchmarkCorpus(b *testing.B) {
	for b.Loop() {
		Corpus(1, 500, JSON)
	}
}
