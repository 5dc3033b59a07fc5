package openapitest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// What a document of the corpus has on average. Its sizes are spread as those of real ones: many small, few large.
const (
	corpusOperations  = 20
	corpusDefinitions = 46
	corpusSpread      = 0.95 // standard deviation of the logarithm of sizes
	corpusLargest     = 5.5  // times the average
	contestedNames    = 1750 // that any service gives a meaning of its own
	commonNames       = 300  // that mean the same everywhere
	largeFactor       = 77.0 // times the average: 5 MB
)

// Corpus makes documents in OpenAPI 2.0 as organisations have them, JSON or YAML: 500 have about 35 MB as JSON, 10,000
// operations and 23,000 definitions, 1,500 of whose names have different meanings. They can be composed. It is for
// benchmarks: Generate makes nastier ones.
func Corpus(seed, services int, format string) []Service {
	r := newRand(uint64(seed), math.MaxUint64) //nolint:gosec // any number will do
	shares := make([]float64, services)
	sum := 0.0
	for i := range shares {
		shares[i] = math.Exp(corpusSpread * r.NormFloat64())
		sum += shares[i]
	}
	list := make([]Service, services)
	for i, share := range shares {
		list[i] = corpusService(seed, i, min(share*float64(services)/sum, corpusLargest), format)
	}
	return list
}

// Large makes one document of the corpus' kind with 5 MB of JSON.
func Large(seed int, format string) Service { return corpusService(seed, 0, largeFactor, format) }

func corpusService(seed, i int, share float64, format string) Service {
	c := &corpus{r: newRand(uint64(seed), uint64(i)), seed: uint64(seed), name: fmt.Sprintf("svc%d", i)} //nolint:gosec // as above
	c.chooseNames(max(2, int(math.Round(share*corpusDefinitions))))
	document := c.document(max(1, int(math.Round(share*corpusOperations))))
	s := Service{Name: c.name, File: c.name + "/openapi.json", Version: V20}
	var content []byte
	if format == YAML {
		s.File = c.name + "/openapi.yaml"
		w := &yamlWriter{r: c.r, anchors: map[*object]string{}}
		w.mapping(document, 0)
		content = []byte(w.String())
	} else {
		w := &jsonWriter{r: c.r, indent: "  "}
		w.value(document, 0)
		content = append(w.Bytes(), '\n')
	}
	s.Files = map[string][]byte{s.File: content}
	return s
}

// A corpus makes one document.
type corpus struct {
	r     *rand.Rand
	seed  uint64
	name  string
	names []string // of definitions

	vocabulary []string
}

func (c *corpus) chance(percent int) bool { return c.r.IntN(100) < percent }

func (c *corpus) one(list ...string) string { return list[c.r.IntN(len(list))] }

func corpusWords() []string {
	return strings.Fields("account address amount batch cart catalog category channel charge client code comment contract currency " +
		"customer delivery device discount document event export feature file filter history image import index invoice item job " +
		"label ledger limit line link list location merchant message method model note offer option order owner page parcel partner " +
		"payment period policy price product profile project quote rate reason refund region report request result return review " +
		"role rule schedule segment session shipment shop source stage state status stock store subscription summary supplier tag task " +
		"team template term token total transfer type unit update user value variant vendor version voucher warehouse")
}

func (c *corpus) words(n int) string {
	if c.vocabulary == nil {
		c.vocabulary = corpusWords()
	}
	list := make([]string, n)
	for i := range list {
		list[i] = c.vocabulary[c.r.IntN(len(c.vocabulary))]
	}
	return strings.Join(list, " ")
}

func (c *corpus) sentence() string { return "The " + c.words(3+c.r.IntN(7)) + "." }

// typeName is the n-th of all names of types.
func typeName(n int) string {
	words := corpusWords()
	title := func(i int) string { return strings.ToUpper(words[i][:1]) + words[i][1:] }
	return title(n%len(words)) + title(n/len(words)%len(words))
}

func (c *corpus) chooseNames(n int) {
	taken := map[string]bool{}
	for i := range n {
		var name string
		switch k := c.r.IntN(100); {
		case k < 27:
			name = typeName(c.r.IntN(contestedNames))
		case k < 37:
			name = "Common" + typeName(c.r.IntN(commonNames))
		default:
			name = fmt.Sprintf("%s%s%d", strings.ToUpper(c.name[:1])+c.name[1:], typeName(c.r.IntN(contestedNames)), i)
		}
		if !taken[name] {
			taken[name] = true
			c.names = append(c.names, name)
		}
	}
}

func (c *corpus) document(operations int) *object {
	root := obj("swagger", "2.0",
		"info", obj("title", c.words(2), "description", c.sentence()+"\n\n"+c.sentence(), "version", fmt.Sprintf("1.%d.0", c.r.IntN(40))),
		"host", "api.example.com", "basePath", c.one("/", "/"+c.name), "schemes", []any{"https"},
		"consumes", []any{"application/json"}, "produces", []any{"application/json"})
	prefix := "/" + c.name
	if base := root.vals[3]; base != "/" {
		prefix = ""
	}
	if c.chance(70) {
		root.set("security", []any{obj("firebase", []any{})})
	}
	paths := obj()
	for i := 0; i < operations; {
		item := obj()
		for _, m := range c.r.Perm(5)[:1+c.r.IntN(3)] {
			if i < operations {
				item.set(methods()[m], c.operation(methods()[m], len(paths.keys)))
				i++
			}
		}
		paths.set(fmt.Sprintf("%s/%s-%d/{id}", prefix, c.words(1), len(paths.keys)), item)
	}
	root.set("paths", paths)
	definitions := obj()
	for _, name := range c.names {
		definitions.keys = append(definitions.keys, name)
		definitions.vals = append(definitions.vals, c.definition(name))
	}
	root.set("definitions", definitions)
	root.set("responses", obj("NotFound", obj("description", c.sentence(), "schema", c.ref())))
	root.set("securityDefinitions", obj("firebase", obj("type", "oauth2", "flow", "implicit", "authorizationUrl", "",
		"x-google-issuer", "https://securetoken.google.com/shop", "x-google-jwks_uri", "https://keys.example/jwk", "x-google-audiences", "shop")))
	return root
}

func (c *corpus) ref() *object { return obj("$ref", "#/definitions/"+c.names[c.r.IntN(len(c.names))]) }

func (c *corpus) operation(method string, path int) *object {
	list := []any{obj("name", "id", "in", "path", "description", c.sentence(), "required", true, "type", "string")}
	for n := range c.r.IntN(4) {
		list = append(list, obj("name", fmt.Sprintf("%s%d", c.words(1), n), "in", "query", "description", c.sentence(), "required", false,
			"type", c.one("string", "integer", "boolean")))
	}
	if method == "post" || method == "put" || method == "patch" {
		list = append(list, obj("name", "body", "in", "body", "description", c.sentence(), "required", true, "schema", c.ref()))
	}
	success := obj("description", c.sentence(), "schema", c.ref())
	if c.chance(30) {
		success.set("schema", obj("type", "array", "items", c.ref()))
	}
	o := obj("tags", []any{c.words(1)}, "summary", c.sentence(), "description", c.sentence(),
		"operationId", fmt.Sprintf("%s%s%d", method, typeName(c.r.IntN(400)), path), "parameters", list,
		"responses", obj("200", success, "404", obj("$ref", "#/responses/NotFound"), "default", obj("description", "error", "schema", c.ref())))
	if c.chance(20) {
		o.set("security", []any{obj("firebase", []any{})})
	}
	return o
}

func (c *corpus) definition(name string) *object {
	if strings.HasPrefix(name, "Common") { // the same everywhere, without references
		same := &corpus{r: newRand(c.seed, uint64(len(name))<<8+uint64(name[6])), seed: c.seed, vocabulary: c.vocabulary}
		return same.object(name)
	}
	return c.object(name)
}

func (c *corpus) object(name string) *object {
	properties, required := obj(), []any{}
	for n := range 2 + c.r.IntN(5) {
		key := c.words(1)
		if c.chance(50) {
			key += "_" + c.words(1)
		}
		properties.set(key, c.property())
		if n < 3 && c.chance(50) {
			required = append(required, key)
		}
	}
	o := obj("type", "object", "description", name+": "+c.sentence(), "properties", properties)
	if len(required) > 0 {
		o.set("required", required)
	}
	return o
}

func (c *corpus) property() *object {
	switch n := c.r.IntN(10); {
	case n < 2 && len(c.names) > 0:
		return c.ref()
	case n == 2 && len(c.names) > 0:
		return obj("type", "array", "description", c.sentence(), "items", c.ref())
	case n == 3:
		return obj("type", "string", "enum", []any{c.words(1), c.words(1) + "s", c.words(2)}, "example", c.words(1))
	case n < 6:
		return obj("type", c.one("integer", "number"), "format", c.one("int32", "int64", "double"), "description", c.sentence())
	default:
		return obj("type", "string", "format", c.one("date-time", "uuid", "email"), "description", c.sentence(), "example", c.words(2))
	}
}
