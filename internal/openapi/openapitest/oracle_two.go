package openapitest

import (
	"slices"
	"strings"
)

// OpenAPI 2.0: parameters and headers are described without a schema, bodies are parameters. A document that stays in 2.0
// is compared in its own terms, one that becomes 3.0 in those of 3.0.

// parameterFields are those fields of a parameter or header that are not its schema's.
var parameterFields = []string{"name", "in", "description", "required", "allowEmptyValue", "collectionFormat"}

// simple is a parameter that is no body, but for its name and place, or a header (whose place is "").
func (d *document) simple(n *node, in string) map[string]*term {
	if !d.converted {
		fields := d.members(n, map[string]func(*node) *term{"items": d.schema})
		if in != "" {
			delete(fields, "name")
			delete(fields, "in")
		}
		if n.str("type") == "array" {
			defaultTo(fields, "collectionFormat", leaf("%q", "csv"))
		}
		dropFalse(fields, "required", "allowEmptyValue")
		if in == "path" && !d.composed {
			fields["required"] = trueTerm
		}
		return fields
	}
	fields := d.members(n.only(func(key string) bool {
		return strings.HasPrefix(key, "x-") || key == "description" || key == "required" || key == "allowEmptyValue"
	}), nil)
	dropFalse(fields, "required", "allowEmptyValue")
	if in == "path" && !d.composed {
		fields["required"] = trueTerm
	}
	fields["schema"] = d.describedSchema(n, func(key string) bool {
		return !strings.HasPrefix(key, "x-") && !slices.Contains(parameterFields, key)
	})
	style := "simple"
	if in == "query" || in == "formData" {
		style = "form"
	}
	if n.str("type") == "array" {
		fields["explode"] = &term{label: "false"}
		collection(fields, n.str("collectionFormat"), style == "form")
	}
	styled(fields, style)
	return fields
}

// collection is how the values of a list are separated. OpenAPI 3.0 has no tabs for that, and in paths and headers nothing
// but commas.
func collection(fields map[string]*term, format string, inForm bool) {
	switch {
	case format == "multi" && inForm:
		fields["style"], fields["explode"] = leaf("%q", "form"), trueTerm
	case format == "ssv" && inForm:
		fields["style"] = leaf("%q", "spaceDelimited")
	case format == "pipes" && inForm:
		fields["style"] = leaf("%q", "pipeDelimited")
	case format == "tsv" && inForm:
		fields["style"], fields["explode"] = leaf(anything), leaf(anything)
	}
}

func (d *document) describedSchema(n *node, want func(key string) bool) *term {
	return mapTerm(d.schemaFields(n.only(want)))
}

// media are the media types that hold for an operation; the document's unless the operation has its own.
func (d *document) media(o *node, key string) []string {
	v := o.get(key)
	if v == nil {
		v = d.root.get(key)
	}
	return textsOf(v, true)
}

// body is a body of OpenAPI 2.0 as one of 3.0; nil for none.
func (d *document) body(o *node, body *node, form []*node) *term {
	consumes := d.media(o, "consumes")
	if body != nil {
		fields := d.members(body.only(func(key string) bool {
			return strings.HasPrefix(key, "x-") || key == "description" || key == "required"
		}), nil)
		dropFalse(fields, "required")
		schema := map[string]*term{}
		if s := body.get("schema"); s != nil {
			schema["schema"] = d.schema(s)
		}
		fields["content"] = sameContent(consumes, "application/json", schema)
		return mapTerm(fields)
	}
	if len(form) == 0 {
		return nil
	}
	return d.form(consumes, form)
}

func sameContent(types []string, byDefault string, fields map[string]*term) *term {
	if len(types) == 0 {
		types = []string{byDefault}
	}
	content := map[string]*term{}
	for _, t := range types {
		content[t] = mapTerm(fields)
	}
	return mapTerm(content)
}

func (d *document) form(consumes []string, form []*node) *term {
	byDefault := "application/x-www-form-urlencoded"
	consumes = slices.DeleteFunc(slices.Clone(consumes), func(t string) bool { // which have no fields
		return !strings.HasPrefix(strings.ToLower(t), "multipart/form-data") && !strings.HasPrefix(strings.ToLower(t), byDefault)
	})
	properties, encoding := map[string]*term{}, map[string]*term{}
	var required []string
	for _, field := range form {
		name := field.str("name")
		if field.str("type") == "file" {
			byDefault = "multipart/form-data"
		}
		if field.get("required").isTrue() {
			required = append(required, name)
		}
		properties[name] = d.describedSchema(field, func(key string) bool {
			return key == "description" || !slices.Contains(parameterFields, key)
		})
		if field.str("type") == "array" {
			one := map[string]*term{"explode": {label: "false"}}
			collection(one, field.str("collectionFormat"), true)
			styled(one, "form")
			if one["style"].label != `"form"` || one["explode"].label != "true" {
				encoding[name] = mapTerm(one)
			}
		}
	}
	schema := map[string]*term{"type": leaf("%q", "object"), "properties": mapTerm(properties)}
	fields, media := map[string]*term{}, map[string]*term{}
	if len(required) > 0 {
		slices.Sort(required)
		schema["required"] = leaf("the names %q", required)
		fields["required"] = trueTerm
	}
	media["schema"] = mapTerm(schema)
	if len(encoding) > 0 {
		media["encoding"] = mapTerm(encoding)
	}
	fields["content"] = sameContent(consumes, byDefault, media)
	return mapTerm(fields)
}

// convertedResponses are responses of OpenAPI 2.0 as those of 3.0.
func (d *document) convertedResponses(o *node) *term {
	produces := d.media(o, "produces")
	return d.extensible(o.get("responses"), func(n *node) *term { return d.convertedResponse(n, produces) })
}

func (d *document) convertedResponse(n *node, produces []string) *term {
	fields := d.members(n.only(func(key string) bool { return key != "schema" && key != "examples" }),
		map[string]func(*node) *term{"headers": d.each(d.header)})
	defaultTo(fields, "description", leaf("%q", ""))
	content := map[string]*term{}
	schema, examples := n.get("schema"), n.get("examples")
	media := func(t string) {
		one := map[string]*term{}
		if schema != nil {
			one["schema"] = d.schema(schema)
		}
		if e := examples.get(t); e != nil {
			one["example"] = dataTerm(e)
		}
		content[t] = mapTerm(one)
	}
	if schema != nil {
		if len(produces) == 0 {
			produces = []string{"*/*"}
		}
		for _, t := range produces {
			media(t)
		}
	}
	if examples != nil {
		for _, t := range examples.keys {
			media(t)
		}
	}
	if len(content) > 0 {
		fields["content"] = mapTerm(content)
	}
	return mapTerm(fields)
}
