package openapi

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"go.yaml.in/yaml/v3"
)

// object is a mapping of a generated document.
type object = map[string]any

// generator makes valid documents from a seed: services whose definitions, parameters, responses and operationIds have
// the same few names and mean the same only sometimes.
type generator struct {
	r       *rand.Rand
	service string
}

// generate makes the documents of several services; every other one is JSON.
func generate(tb testing.TB, seed uint64, services, operations int) []Document {
	tb.Helper()
	documents := make([]Document, 0, services)
	for i := range services {
		g := &generator{r: rand.New(rand.NewPCG(seed, uint64(i))), service: fmt.Sprintf("s%d", i)}
		root := g.document(operations)
		d := testDocument(g.service, nil)
		var err error
		if i%2 == 0 {
			d.File = g.service + "/openapi.json"
			d.Content, err = json.Marshal(root)
		} else {
			d.Content, err = yaml.Marshal(root)
		}
		if err != nil {
			tb.Fatal(err)
		}
		documents = append(documents, d)
	}
	return documents
}

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

func pick[T any](g *generator, list ...T) T { return list[g.r.IntN(len(list))] }

func (g *generator) document(operations int) object {
	root := object{
		"swagger": "2.0", "info": object{"title": g.service, "version": "1"}, "host": "localhost:80",
		"paths": g.paths(operations), "definitions": g.definitions(),
		"parameters": object{
			"limit": object{"name": "limit", "in": "query", "type": pick(g, "integer", "string")},
			"id":    object{"name": "id", "in": "path", "required": true, "type": "string"},
		},
		"responses": object{"Error": object{"description": "wrong", "schema": g.schema(1)}},
	}
	if g.chance(50) {
		root["basePath"] = pick(g, "/", "/v1", "/v1/")
	}
	if g.chance(50) {
		root["security"] = g.security()
	}
	for _, name := range [...]string{"consumes", "produces"} {
		if g.chance(50) {
			root[name] = []string{pick(g, "application/json", "text/plain")}
		}
	}
	if g.chance(30) {
		root["x-google-backend"] = object{"address": "https://old.example/base", "deadline": 30}
	}
	if g.chance(30) {
		root["tags"] = []object{{"name": "t", "description": pick(g, "a", "b")}}
	}
	return root
}

func (g *generator) security() []object {
	return pick(g, []object{}, []object{{"firebase": []string{}}}, []object{{"firebase": []string{}}, {"staff": []string{}}},
		[]object{{"api_key": []string{}, "firebase": []string{}}}, []object{{}, {"api_key": []string{}}})
}

// names of definitions, some of which need to be replaced.
func (g *generator) definitionName() string {
	return pick(g, "A", "B", "C", "D/e~f", "Page«A»", "s1_A", "x_inner_0")
}

func (g *generator) definitions() object {
	all := object{}
	for _, name := range [...]string{"A", "B", "C", "D/e~f", "Page«A»", "s1_A", "x_inner_0"} {
		all[name] = g.schema(2)
	}
	all["Deep"] = object{"type": "object", "properties": object{"in/ner": g.schema(1), "$ref": object{"type": "string"}}}
	return all
}

func (g *generator) schema(depth int) any {
	if depth == 0 || g.chance(20) {
		return object{"type": pick(g, "string", "integer")}
	}
	escaped := map[string]string{"D/e~f": "D~1e~0f", "Page«A»": "Page%C2%ABA%C2%BB"}
	switch g.r.IntN(7) {
	case 0, 1:
		name := g.definitionName()
		if e, ok := escaped[name]; ok {
			name = e
		}
		return object{"type": "object", "properties": object{"next": object{"$ref": "#/definitions/" + name}}}
	case 2:
		return object{"type": "array", "items": g.schema(depth - 1)}
	case 3: // kin-openapi converts no properties below additionalProperties
		return object{"type": "object", "additionalProperties": object{"$ref": "#/definitions/" + pick(g, "A", "B", "C")}, "example": object{"$ref": "file:///data"}}
	case 4:
		return object{"allOf": []any{g.schema(depth - 1), object{"type": "object", "properties": object{"default": g.schema(depth - 1)}}}}
	case 5:
		return object{"type": "object", "properties": object{"deep": object{"$ref": "#/definitions/Deep/properties/in~1ner"}}}
	default:
		return object{"type": "object", "properties": object{"a": g.schema(depth - 1), "b": g.schema(depth - 1)}, "required": []string{"a"}}
	}
}

func (g *generator) paths(operations int) object {
	paths := object{}
	for i := range operations {
		// The method tells services apart on the paths that they share.
		shared := g.service < "s7" && len(g.service) == 2 && g.chance(20)
		method := pick(g, methods(v2)...)
		name := pick(g, "id", "key", "name")
		path := fmt.Sprintf("/%s/p%d/{%s}", g.service, i, name)
		if shared {
			method = methods(v2)[int(g.service[1]-'0')]
			path = fmt.Sprintf("/shared/p%d/{%s}%s", i, name, pick(g, "", "/"))
		}
		paths[path] = g.pathItem(method, name)
	}
	return paths
}

func (g *generator) pathItem(method, name string) object {
	item := object{}
	own := []object{}
	path := object{"name": name, "in": "path", "required": true, "type": "string"}
	if name == "id" && g.chance(50) {
		path = object{"$ref": "#/parameters/id"}
	}
	if g.chance(50) {
		item["parameters"] = []object{path, {"name": "verbose", "in": "query", "type": "string"}}
	} else {
		own = append(own, path)
	}
	if g.chance(30) {
		own = append(own, object{"name": "verbose", "in": "query", "type": "integer"})
	}
	if g.chance(30) {
		own = append(own, object{"$ref": "#/parameters/limit"})
	}
	if method == "post" || method == "put" || method == "patch" {
		own = append(own, object{"name": "body", "in": "body", "schema": g.schema(2)})
	}
	op := object{"parameters": own, "responses": object{
		"200": object{"description": "ok", "schema": g.schema(2), "examples": object{"application/json": object{"$ref": "data"}}},
		"404": object{"$ref": "#/responses/Error"},
	}}
	if g.chance(70) {
		op["operationId"] = pick(g, "list", "get", "read-one", "read_one", "s1_list")
	}
	if g.chance(30) {
		op["security"] = g.security()
	}
	if g.chance(20) {
		op["x-google-backend"] = object{"deadline": 5}
	}
	item[method] = op
	return item
}
