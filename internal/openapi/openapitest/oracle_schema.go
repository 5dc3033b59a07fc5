package openapitest

import (
	"slices"
	"strings"
)

// lost are the keywords of schemas that OpenAPI 3.0 has no equal of, and those that say nothing of values. Documents of
// other versions lose them when they become one of 3.0.
var lost = []string{
	"if", "then", "else", "patternProperties", "prefixItems", "additionalItems", "dependentRequired", "dependentSchemas",
	"dependencies", "unevaluatedProperties", "unevaluatedItems", "contains", "minContains", "maxContains", "propertyNames",
	"contentSchema", "collectionFormat",
	"$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$anchor", "$id", "id", "$schema", "$vocabulary",
	"$comment", "$defs", "definitions",
}

// silent may stand beside a reference without making it one of several conditions.
var silent = []string{"$ref", "$defs", "definitions", "$comment"}

// isReference tells whether a schema is a reference and nothing else.
func (d *document) isReference(n *node) bool {
	if ref := n.get("$ref"); ref == nil || ref.kind != textNode {
		return false
	}
	return d.version != v31 || !slices.ContainsFunc(n.keys, func(key string) bool { return !slices.Contains(silent, key) })
}

func (d *document) settleSchema(n *node) (*node, error) {
	for range longestChain {
		if !d.isReference(n) {
			return n, nil
		}
		var err error
		if n, err = d.follow(n, n.str("$ref")); err != nil {
			return nil, err
		}
	}
	return d.settle(n)
}

func emptySchema() *term { return mapTerm(nil) }

// schema is what a schema means.
func (d *document) schema(n *node) *term {
	n, err := d.settleSchema(n)
	if err != nil {
		return broken(err)
	}
	switch {
	case n.kind == boolNode && n.text == "true":
		return emptySchema()
	case n.kind == boolNode:
		return mapTerm(map[string]*term{"not": emptySchema()})
	case n.kind != mapNode:
		return dataTerm(n)
	}
	if t, ok := d.terms[n]; ok {
		return t
	}
	t := &term{grow: func() *term { return mapTerm(d.schemaFields(n)) }}
	d.terms[n] = t
	return t
}

func (d *document) schemas(n *node) *term {
	t := listTerm()
	for _, item := range n.items() {
		t.kids = append(t.kids, d.schema(item))
	}
	return t
}

func (d *document) schemaMap(n *node) *term {
	fields := map[string]*term{}
	if n.kind != mapNode {
		return dataTerm(n)
	}
	for i, name := range n.keys {
		switch kid := n.kids[i]; kid.kind {
		case listNode: // dependencies
			fields[name] = dataTerm(kid)
		default:
			fields[name] = d.schema(kid)
		}
	}
	return mapTerm(fields)
}

// schemaFields are the keywords of a schema that is no reference, in the canonical form.
func (d *document) schemaFields(n *node) map[string]*term {
	s := &schemaFields{document: d, n: n, out: map[string]*term{}}
	for i, key := range n.keys {
		s.keyword(key, n.kids[i])
	}
	s.types()
	s.bound("minimum", "exclusiveMinimum", func(a, b string) bool { return lessNumber(b, a) })
	s.bound("maximum", "exclusiveMaximum", lessNumber)
	s.values()
	s.content()
	if d.version == v31 && n.str("$ref") != "" {
		s.reference()
	}
	return s.out
}

type schemaFields struct {
	*document
	n   *node
	out map[string]*term
}

func (s *schemaFields) keyword(key string, v *node) {
	if strings.HasPrefix(key, "x-") {
		s.out[key] = dataTerm(v)
		return
	}
	if s.converted && slices.Contains(lost, key) {
		return
	}
	switch key {
	case "$ref":
		if v.kind != textNode {
			s.out[key] = dataTerm(v)
		}
	case "type", "nullable", "format", "contentEncoding", "contentMediaType", "enum", "const", "example", "examples",
		"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		// Several of them together mean something.
	case "required":
		if s.out[key] = dataTerm(v); v.kind == listNode {
			s.out[key] = leaf("the names %q", textsOf(v, true))
		}
	case "items":
		switch {
		case v.kind != listNode:
			s.out[key] = s.schema(v)
		case s.converted:
			s.out[key] = emptySchema()
		default:
			s.out[key] = s.schemas(v)
		}
	case "additionalProperties", "additionalItems", "not", "contains", "propertyNames", "if", "then", "else",
		"unevaluatedProperties", "unevaluatedItems", "contentSchema":
		s.out[key] = s.schema(v)
	case "allOf", "anyOf", "oneOf", "prefixItems":
		s.out[key] = s.schemas(v)
	case "properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "dependencies":
		s.out[key] = s.schemaMap(v)
	case "discriminator":
		s.out[key] = s.discriminator(s.n, v)
	default:
		s.out[key] = dataTerm(v)
	}
}

// types reads type and nullable.
func (s *schemaFields) types() {
	v := s.n.get("type")
	nullable := s.version != v31 && s.n.get("nullable").isTrue()
	var types []string
	switch {
	case v == nil:
	case v.kind == listNode:
		types = textsOf(v, false)
	default:
		types = []string{v.text}
	}
	if s.converted && slices.Contains(types, "null") { // which 2.0 doesn't have in lists, and people write
		nullable = true
		types = slices.DeleteFunc(types, func(t string) bool { return t == "null" })
		if len(types) == 0 && s.n.get("enum") == nil && s.n.get("const") == nil {
			s.out["enum"] = listTerm(leaf("null"))
		}
	}
	switch {
	case len(types) == 1:
		s.oneType(types[0], s.out)
	case len(types) > 1 && s.n.get("anyOf") == nil:
		var list []*term
		for _, t := range types {
			one := map[string]*term{}
			s.oneType(t, one)
			if nullable {
				one["nullable"] = trueTerm
			}
			list = append(list, mapTerm(one))
		}
		s.out["anyOf"] = listTerm(list...)
		return
	}
	if nullable {
		s.out["nullable"] = trueTerm
	}
}

func (s *schemaFields) oneType(t string, out map[string]*term) {
	if t == "file" && s.version == v2 && s.converted {
		t = "string"
		if s.n.get("format") == nil {
			out["format"] = leaf("%q", "binary")
		}
	}
	out["type"] = leaf("%q", t)
	if t == "array" && out["items"] == nil {
		out["items"] = emptySchema()
	}
}

// bound reads a bound that is either a number with a flag beside it, or a number of its own.
func (s *schemaFields) bound(plain, exclusive string, stricter func(a, b string) bool) {
	v, flag := s.n.get(plain), s.n.get(exclusive)
	switch {
	case flag == nil && v == nil:
	case flag == nil:
		s.out[plain] = dataTerm(v)
	case flag.kind == numberNode && (v == nil || !stricter(v.text, flag.text)):
		s.out[exclusive] = dataTerm(flag)
	case flag.kind == numberNode:
		s.out[plain] = dataTerm(v)
	case v != nil && flag.isTrue():
		s.out[exclusive] = dataTerm(v)
	case v != nil:
		s.out[plain] = dataTerm(v)
	case flag.isTrue():
		s.out[exclusive] = trueTerm
	}
}

// values reads the values that a schema lists.
func (s *schemaFields) values() {
	if v := s.n.get("enum"); v != nil {
		s.out["enum"] = dataTerm(v)
	} else if v := s.n.get("const"); v != nil {
		s.out["enum"] = listTerm(dataTerm(v))
	}
	example, examples := s.n.get("example"), s.n.get("examples")
	switch {
	case example != nil:
		s.out["example"] = dataTerm(example)
	case examples == nil:
	case !s.converted:
		s.out["examples"] = dataTerm(examples)
	case len(examples.items()) > 0:
		s.out["example"] = dataTerm(examples.items()[0])
	}
}

// content reads format and how a text is encoded.
func (s *schemaFields) content() {
	format, encoding, media := s.n.get("format"), s.n.get("contentEncoding"), s.n.get("contentMediaType")
	if format != nil {
		s.out["format"] = dataTerm(format)
	}
	switch {
	case !s.converted:
		for key, v := range map[string]*node{"contentEncoding": encoding, "contentMediaType": media} {
			if v != nil {
				s.out[key] = dataTerm(v)
			}
		}
	case format != nil:
	case encoding != nil && encoding.text == "base64":
		s.out["format"] = leaf("%q", "byte")
	case encoding == nil && media != nil && media.text == "application/octet-stream":
		s.out["format"] = leaf("%q", "binary")
	}
}

// reference makes a reference that has keywords beside it the first of allOf.
func (s *schemaFields) reference() {
	all := listTerm()
	if target, err := s.follow(s.n, s.n.str("$ref")); err != nil {
		all.kids = append(all.kids, broken(err))
	} else {
		all.kids = append(all.kids, s.schema(target))
	}
	if rest := s.out["allOf"]; rest != nil {
		all.kids = append(all.kids, rest.kids...)
	}
	s.out["allOf"] = all
}

// discriminator is a discriminator with a mapping that leads from each value to its schema. Schemas that the document's
// mapping doesn't lead to have their names as values.
func (d *document) discriminator(schema, v *node) *term {
	fields, mapping := map[string]*term{}, map[string]*term{}
	mapped := map[*node]bool{}
	if v.kind == textNode {
		fields["propertyName"] = dataTerm(v)
	}
	for i, key := range v.keys {
		if key != "mapping" {
			fields[key] = dataTerm(v.kids[i])
			continue
		}
		m := v.kids[i]
		for j, value := range m.keys {
			target, err := d.mapped(m.kids[j])
			if err != nil {
				mapping[value] = broken(err)
				continue
			}
			mapping[value] = d.schema(target)
			mapped[target] = true
		}
	}
	for _, target := range d.implicit(schema) {
		if name := d.names[target]; !mapped[target] && mapping[name] == nil {
			mapping[name] = d.schema(target)
		}
	}
	if len(mapping) > 0 {
		fields["mapping"] = mapTerm(mapping)
	}
	return mapTerm(fields)
}

// mapped is the schema that a discriminator's mapping means: by its name or by reference.
func (d *document) mapped(v *node) (*node, error) {
	if target := d.section("definitions", "schemas").get(v.text); target != nil {
		return target, nil
	}
	return d.follow(v, v.text)
}

// implicit are the schemas that a discriminator knows by their names.
func (d *document) implicit(schema *node) []*node {
	oneOf, anyOf := schema.get("oneOf"), schema.get("anyOf")
	if d.version == v2 || oneOf == nil && anyOf == nil {
		return d.allHeirs(schema)
	}
	var list []*node
	for _, alternative := range slices.Concat(oneOf.items(), anyOf.items()) {
		if target := d.namedBy(alternative); target != nil {
			list = append(list, target)
		}
	}
	return list
}

func textsOf(n *node, asSet bool) []string {
	var list []string
	for _, item := range n.items() {
		list = append(list, item.text)
	}
	if asSet {
		slices.Sort(list)
		list = slices.Compact(list)
	}
	return list
}
