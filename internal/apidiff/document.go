package apidiff

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A document is one side, decoded.
type document struct {
	name       string // "base" or "head"
	root       map[string]any
	operations map[string]*operation // by keyOf
}

// An operation is one of a document's.
type operation struct {
	Operation
	body  map[string]any // its parameters are those of the path as well
	names []string       // of the path's parameters, in their order
	place Place
}

// maxChain is how many references in a row are followed.
const maxChain = 100

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

func readDocument(name string, side Side) (*document, error) {
	d := &document{name: name, operations: map[string]*operation{}}
	decoder := json.NewDecoder(bytes.NewReader(side.Document))
	decoder.UseNumber() // large integers keep their digits
	if err := decoder.Decode(&d.root); err != nil {
		return nil, fmt.Errorf("the document is not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the document is more than one JSON value")
	}
	if version, _ := d.root["openapi"].(string); version != "3.0" && !strings.HasPrefix(version, "3.0.") {
		return nil, fmt.Errorf("the document is not OpenAPI 3.0: its version is %q", version)
	}
	paths, _ := d.root["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) { // of templates that are equal, which composing refuses, the last counts
		if item, ok := paths[path].(map[string]any); ok && strings.HasPrefix(path, "/") {
			d.readPath(path, item, side.Places)
		}
	}
	return d, nil
}

func (d *document) readPath(path string, item map[string]any, places map[Operation]Place) {
	shared, _ := item["parameters"].([]any)
	for _, method := range methods {
		body, ok := item[method].(map[string]any)
		if !ok {
			continue
		}
		o := &operation{Operation: Operation{Method: strings.ToUpper(method), Path: path}, body: maps.Clone(body)}
		o.place = places[o.Operation]
		if len(shared) > 0 {
			o.body["parameters"] = d.inherit(shared, body["parameters"])
		}
		for _, s := range parsePath(path) {
			if s.kind != literal {
				o.names = append(o.names, s.text)
			}
		}
		d.operations[keyOf(o.Method, path)] = o
	}
}

// inherit are an operation's parameters and those of its path that it doesn't replace.
func (d *document) inherit(shared []any, own any) []any {
	list, _ := own.([]any)
	list = slices.Clone(list)
	for _, p := range shared {
		if !slices.ContainsFunc(list, func(q any) bool { return d.identity(p) == d.identity(q) }) {
			list = append(list, p)
		}
	}
	return list
}

// identity is what tells parameters of an operation apart.
func (d *document) identity(parameter any) [2]string {
	target, _ := d.follow(parameter)
	p, _ := target.(map[string]any)
	in, _ := p["in"].(string)
	name, _ := p["name"].(string)
	return [2]string{in, name}
}

// rename gives the parameters of the path other names, those of the same operation on the other side.
func (d *document) rename(o *operation, names []string) {
	if slices.Equal(o.names, names) || len(o.names) != len(names) {
		return
	}
	list, _ := o.body["parameters"].([]any)
	renamed := make([]any, len(list))
	for i, p := range list {
		renamed[i] = p
		id := d.identity(p)
		if at := slices.Index(o.names, id[1]); id[0] == "path" && at >= 0 {
			target, _ := d.follow(p)
			parameter := maps.Clone(target.(map[string]any)) //nolint:forcetypeassert // identity has found its name
			parameter["name"] = names[at]
			renamed[i] = parameter
		}
	}
	o.body["parameters"] = renamed
	o.names = names
}

// reference is the pointer of a value that is a reference.
func reference(value any) (string, bool) {
	object, ok := value.(map[string]any)
	if !ok {
		return "", false
	}
	pointer, ok := object["$ref"].(string)
	return pointer, ok
}

// follow is what a value means after all references, and the last one's pointer; nil where it leads nowhere.
func (d *document) follow(value any) (target any, pointer string) {
	for range maxChain {
		next, ok := reference(value)
		if !ok {
			return value, pointer
		}
		pointer = next
		if value, ok = d.lookup(pointer); !ok {
			return nil, pointer
		}
	}
	return nil, pointer
}

// lookup finds what a reference within the document leads to.
func (d *document) lookup(pointer string) (any, bool) {
	rest, ok := strings.CutPrefix(pointer, "#/")
	if !ok {
		return nil, false
	}
	var value any = d.root
	for token := range strings.SplitSeq(rest, "/") {
		switch v := value.(type) {
		case map[string]any:
			if value, ok = v[unescape(token)]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, true
}

// unescape is a token of a JSON Pointer as it is meant (RFC 6901, section 4).
func unescape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// escape is a name as a token of a JSON Pointer.
func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
