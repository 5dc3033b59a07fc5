package openapitest

import (
	"fmt"
	"slices"
	"strings"
)

// meaning is what an operation takes and gives, and what it says of itself.
func (o *operation) meaning() *term {
	d, n := o.document, o.node
	fields := map[string]*term{}
	for i, key := range n.keys {
		kid := n.kids[i]
		switch {
		case strings.HasPrefix(key, "x-google-"):
		case strings.HasPrefix(key, "x-"), key == "tags", key == "summary", key == "description", key == "externalDocs",
			key == "deprecated":
			fields[key] = dataTerm(kid)
		case key == "requestBody" && d.version != v2:
			fields["body"] = d.settled(kid, d.requestBody)
		case key == "callbacks" && d.version != v2:
			fields[key] = d.each(d.callback)(kid)
		}
	}
	dropFalse(fields, "deprecated")
	fields["security"] = &term{label: d.security(n)}
	parameters, err := o.parameters(fields)
	if err != nil {
		return broken(err)
	}
	fields["parameters"] = mapTerm(parameters)
	fields["responses"] = o.responses()
	if d.version == v2 && !d.converted {
		for _, key := range [...]string{"consumes", "produces"} {
			if list := d.media(n, key); len(list) > 0 {
				fields[key] = leaf("%q", list)
			}
		}
	}
	return mapTerm(fields)
}

func (o *operation) responses() *term {
	d, list := o.document, o.node.get("responses")
	switch {
	case list == nil && d.composed:
		return leaf("nothing")
	case list == nil:
		return mapTerm(map[string]*term{"default": mapTerm(map[string]*term{"description": leaf("%q", "")})})
	case d.version == v2 && d.converted:
		return d.convertedResponses(o.node)
	default:
		return d.responses(list)
	}
}

// parameters are those of the path item and of the operation, which replace them; by place and name, but path parameters by
// their position. Those that are bodies in OpenAPI 3.0 become the field body.
func (o *operation) parameters(fields map[string]*term) (map[string]*term, error) {
	d := o.document
	type identity struct{ in, name string }
	effective := map[identity]*node{}
	var order []identity
	for _, owner := range [...]*node{o.item, o.node} {
		for _, p := range owner.get("parameters").items() {
			s, err := d.settle(p)
			if err != nil {
				return nil, err
			}
			id := identity{s.str("in"), s.str("name")}
			if effective[id] == nil {
				order = append(order, id)
			}
			effective[id] = s
		}
	}
	all := map[string]*term{}
	var body *node
	var form []*node
	for _, id := range order {
		p := effective[id]
		switch {
		case id.in == "path":
			all[o.place(id.name)] = o.parameter(p, id.in)
		case d.version == v2 && d.converted && id.in == "body":
			body = p
		case d.version == v2 && d.converted && id.in == "formData":
			form = append(form, p)
		default:
			all[id.in+" "+id.name] = o.parameter(p, id.in)
		}
	}
	if b := d.body(o.node, body, form); b != nil {
		fields["body"] = b
	}
	for _, name := range o.names {
		if all[o.place(name)] == nil && !d.composed {
			all[o.place(name)] = o.undeclared()
		}
	}
	return all, nil
}

// place is the position of a path parameter.
func (o *operation) place(name string) string {
	if i := slices.Index(o.names, name); i >= 0 {
		return fmt.Sprintf("path, parameter %d", i)
	}
	return "path, no parameter " + name
}

func (o *operation) parameter(p *node, in string) *term {
	d := o.document
	switch {
	case d.version != v2:
		return mapTerm(d.parameter(p, in))
	case in == "body":
		fields := d.members(p, map[string]func(*node) *term{"schema": d.schema})
		dropFalse(fields, "required")
		return mapTerm(fields)
	default:
		return mapTerm(d.simple(p, in))
	}
}

// undeclared is a parameter that only the path mentions.
func (o *operation) undeclared() *term {
	text := leaf("%q", "string")
	if o.document.version == v2 && !o.document.converted {
		return mapTerm(map[string]*term{"required": trueTerm, "type": text})
	}
	fields := map[string]*term{"required": trueTerm, "schema": mapTerm(map[string]*term{"type": text})}
	styled(fields, "simple")
	return mapTerm(fields)
}

// security is what an operation asks for: alternatives, each with all that it needs, in no order.
func (d *document) security(o *node) string {
	list := o.get("security")
	if list == nil {
		list = d.root.get("security")
	}
	var alternatives []string
	for _, item := range list.items() {
		var needs []string
		for i, name := range item.keys {
			need := name
			if scopes := textsOf(item.kids[i], true); len(scopes) > 0 {
				need += fmt.Sprint(scopes)
			}
			needs = append(needs, need)
		}
		slices.Sort(needs)
		alternatives = append(alternatives, "("+strings.Join(needs, " and ")+")")
	}
	slices.Sort(alternatives)
	alternatives = slices.Compact(alternatives)
	if len(alternatives) == 0 || len(alternatives) == 1 && alternatives[0] == "()" {
		return "public"
	}
	return strings.Join(alternatives, " or ")
}
