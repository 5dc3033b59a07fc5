package openapitest

import "strings"

// members are what is in a mapping: some keys have a meaning, all others are data.
func (d *document) members(n *node, known map[string]func(*node) *term) map[string]*term {
	fields := make(map[string]*term, len(n.keys))
	for i, key := range n.keys {
		if f := known[key]; f != nil {
			fields[key] = f(n.kids[i])
		} else {
			fields[key] = dataTerm(n.kids[i])
		}
	}
	return fields
}

// each applies a function to all members of a map of the document's names.
func (d *document) each(f func(*node) *term) func(*node) *term {
	return func(n *node) *term {
		fields := map[string]*term{}
		if n.kind != mapNode {
			return dataTerm(n)
		}
		for i, name := range n.keys {
			fields[name] = d.settled(n.kids[i], f)
		}
		return mapTerm(fields)
	}
}

// dropFalse takes flags away that are at their default.
func dropFalse(fields map[string]*term, names ...string) {
	for _, name := range names {
		if f := fields[name]; f != nil && f.label == "false" {
			delete(fields, name)
		}
	}
}

func defaultTo(fields map[string]*term, name string, value *term) {
	if fields[name] == nil {
		fields[name] = value
	}
}

// styled fills in how a list is written: https://spec.openapis.org/oas/v3.0.4.html#fixed-fields-for-use-with-schema.
func styled(fields map[string]*term, style string) {
	defaultTo(fields, "style", leaf("%q", style))
	explode := "false"
	if fields["style"].label == `"form"` {
		explode = "true"
	}
	defaultTo(fields, "explode", &term{label: explode})
}

// parameter is a parameter of OpenAPI 3, but for its name and place, or a header (whose place is "").
func (d *document) parameter(n *node, in string) map[string]*term {
	fields := d.members(n, map[string]func(*node) *term{
		"schema": d.schema, "content": d.each(d.mediaType), "examples": d.each(d.example),
	})
	if in != "" {
		delete(fields, "name")
		delete(fields, "in")
	}
	dropFalse(fields, "required", "deprecated", "allowEmptyValue", "allowReserved")
	if in == "path" && !d.composed {
		fields["required"] = trueTerm
	}
	if fields["content"] == nil {
		style := "simple"
		if in == "query" || in == "cookie" {
			style = "form"
		}
		styled(fields, style)
	}
	return fields
}

func (d *document) header(n *node) *term {
	if d.version == v2 {
		return mapTerm(d.simple(n, ""))
	}
	return mapTerm(d.parameter(n, ""))
}

func (d *document) example(n *node) *term { return dataTerm(n) }

func (d *document) mediaType(n *node) *term {
	fields := d.members(n, map[string]func(*node) *term{
		"schema": d.schema, "examples": d.each(d.example), "encoding": d.encodings,
	})
	if encoding := fields["encoding"]; encoding != nil && len(encoding.kids) == 0 {
		delete(fields, "encoding")
	}
	return mapTerm(fields)
}

// encodings are those that say something: a style at its default says nothing.
func (d *document) encodings(n *node) *term {
	fields := map[string]*term{}
	for i, name := range n.keys {
		one := d.members(n.kids[i], map[string]func(*node) *term{"headers": d.each(d.header)})
		dropFalse(one, "allowReserved")
		styled(one, "form")
		if len(one) > 2 || one["style"].label != `"form"` || one["explode"].label != "true" {
			fields[name] = mapTerm(one)
		}
	}
	return mapTerm(fields)
}

func (d *document) requestBody(n *node) *term {
	fields := d.members(n, map[string]func(*node) *term{"content": d.each(d.mediaType)})
	dropFalse(fields, "required")
	return mapTerm(fields)
}

func (d *document) response(n *node) *term {
	fields := d.members(n, map[string]func(*node) *term{
		"schema": d.schema, "headers": d.each(d.header), "content": d.each(d.mediaType), "links": d.each(d.link),
	})
	if !d.composed {
		defaultTo(fields, "description", leaf("%q", ""))
	}
	return mapTerm(fields)
}

// link is a link; it leads to an operation, whatever that is called.
func (d *document) link(n *node) *term {
	fields := d.members(n, nil)
	var target *operation
	text := n.str("operationRef")
	if id := n.str("operationId"); id != "" {
		text, target = id, d.byID[id]
	} else if found, err := d.follow(n, text); err == nil {
		target = d.byNode[found]
	}
	delete(fields, "operationId")
	delete(fields, "operationRef")
	fields["the operation"] = leaf("%q", text)
	if target != nil {
		fields["the operation"] = leaf("the operation %s", target.key)
	}
	return mapTerm(fields)
}

// callback is a map from expressions to path items.
func (d *document) callback(n *node) *term {
	if t, ok := d.terms[n]; ok {
		return t
	}
	t := &term{grow: func() *term { return d.extensible(n, d.callbackItem) }}
	d.terms[n] = t
	return t
}

func (d *document) callbackItem(n *node) *term {
	known := map[string]func(*node) *term{"parameters": d.parameterList}
	for _, key := range n.keys {
		if isMethod(d.version, key) {
			known[key] = d.callbackOperation
		}
	}
	return mapTerm(d.members(n, known))
}

func (d *document) callbackOperation(n *node) *term {
	return mapTerm(d.members(n, map[string]func(*node) *term{
		"parameters": d.parameterList, "callbacks": d.each(d.callback), "responses": d.responses,
		"requestBody": func(body *node) *term { return d.settled(body, d.requestBody) },
	}))
}

// parameterList is a list of parameters with their names and places.
func (d *document) parameterList(n *node) *term {
	list := listTerm()
	for _, item := range n.items() {
		list.kids = append(list.kids, d.settled(item, func(p *node) *term {
			fields := d.parameter(p, p.str("in"))
			fields["name"], fields["in"] = leaf("%q", p.str("name")), leaf("%q", p.str("in"))
			return mapTerm(fields)
		}))
	}
	return list
}

func (d *document) responses(n *node) *term { return d.extensible(n, d.response) }

// extensible is a map that may have extensions among its members.
func (d *document) extensible(n *node, read func(*node) *term) *term {
	fields := map[string]*term{}
	for i, key := range n.keys {
		if strings.HasPrefix(key, "x-") {
			fields[key] = dataTerm(n.kids[i])
		} else {
			fields[key] = d.settled(n.kids[i], read)
		}
	}
	return mapTerm(fields)
}
