package openapi

import (
	"slices"
	"strings"
)

// buildSchema builds a schema, or a list of them, in the target's version.
func (c *compiler) buildSchema(v value) {
	switch v.kind() {
	case mapping:
	case sequence:
		start := c.builder.begin(sequence)
		for item := range v.items() {
			c.buildSchema(item)
		}
		c.builder.end(start)
		return
	case boolean:
		c.buildBooleanSchema(v)
		return
	case null: // `schema:` with nothing after it: anything goes
		c.builder.data(v)
		return
	default:
		if !isData(v) {
			c.problem(v.at(), RuleStructure, "", "a schema can't be %s", v.kind())
		}
		c.builder.data(v)
		return
	}
	if c.converts() {
		c.convertSchema(v)
		return
	}
	start := c.builder.begin(mapping)
	for k, m := range v.members() {
		if k.text() == "discriminator" && c.target == v30 && m.is(mapping) {
			c.builder.key("discriminator")
			c.buildDiscriminator(v, m)
			continue
		}
		c.buildMember(k, m, schemaObject)
	}
	c.builder.end(start)
}

// isData tells whether a string stands in a list of names where there might be schemas: dependencies: {a: [b]}.
func isData(v value) bool { return v.is(text) && v.i > 0 && v.t.entries[v.i-1].kind != name }

// buildBooleanSchema builds true or false, which only OpenAPI 3.1 has everywhere.
func (c *compiler) buildBooleanSchema(v value) {
	if c.in != v31 {
		c.builder.data(v)
		return
	}
	start := c.builder.begin(mapping)
	if v.text() == "false" {
		c.builder.key("not")
		c.builder.end(c.builder.begin(mapping))
	}
	c.builder.end(start)
}

// buildDiscriminator builds a discriminator of OpenAPI 3. Values that are not mapped are schemas' names; they are mapped,
// because names may change.
func (c *compiler) buildDiscriminator(schema, v value) {
	start := c.builder.begin(mapping)
	property := ""
	if v.is(text) { // OpenAPI 2.0
		property = v.text()
		c.builder.pair("propertyName", property)
	}
	mapped, values := map[int]bool{}, map[string]bool{}
	for k, m := range v.members() {
		if k.text() != "mapping" {
			c.buildMember(k, m, discriminatorObject)
			continue
		}
		for value, target := range m.members() {
			values[value.text()] = true
			if index := c.mapped(target); index >= 0 {
				mapped[index] = true
			}
		}
	}
	var implicit []int
	for _, index := range c.implicit(schema) {
		if !mapped[index] && !values[c.contract.items[index].name] {
			implicit = append(implicit, index)
		}
	}
	c.buildMapping(v.get("mapping"), implicit)
	c.builder.end(start)
}

func (c *compiler) buildMapping(explicit value, implicit []int) {
	if !explicit.ok() && len(implicit) == 0 {
		return
	}
	c.builder.key("mapping")
	start := c.builder.begin(mapping)
	if explicit.ok() && c.want(explicit, mapping, "mapping") {
		c.buildMembers(explicit, mappingObject)
	}
	for _, index := range implicit {
		c.builder.key(c.contract.items[index].name)
		c.toItem(index)
	}
	c.builder.end(start)
}

// buildMapped builds a value of a discriminator's mapping.
func (c *compiler) buildMapped(v value) {
	if index := c.mapped(v); index >= 0 {
		c.toItem(index)
		return
	}
	c.builder.data(v)
}

// mapped is the item that a value of a discriminator's mapping means: the name of a schema, or a reference.
func (c *compiler) mapped(v value) int {
	if !v.is(text) {
		c.problem(v.at(), RuleStructure, "write a schema's name or reference", "a discriminator's mapping leads to %s", v.kind())
		return -1
	}
	if named := c.shared(schemas).get(v.text()); named.ok() {
		return c.items[itemKey{named.t, named.i, schemas}]
	}
	return c.resolve(v, schemaObject)
}

// implicit are the schemas whose names a discriminator without a mapping takes as values: its alternatives, or else the
// schemas that are made of this one. In the order of their names.
func (c *compiler) implicit(schema value) []int {
	var list []int
	for _, key := range [...]string{"oneOf", "anyOf"} {
		for alternative := range schema.get(key).items() {
			if index := c.namedBy(alternative); index >= 0 {
				list = append(list, index)
			}
		}
	}
	if list == nil && c.in != v2 && (schema.get("oneOf").ok() || schema.get("anyOf").ok()) {
		return nil
	}
	if list == nil {
		list = c.heirs(schema)
	}
	slices.SortFunc(list, func(a, b int) int { return strings.Compare(c.contract.items[a].name, c.contract.items[b].name) })
	return slices.Compact(list)
}

// namedBy is the schema among the document's shared ones that a value refers to, -1 for none.
func (c *compiler) namedBy(v value) int {
	r := ref(v, schemaObject)
	if !r.ok() || !r.is(text) {
		return -1
	}
	target := c.locate(r, schemaObject)
	if index, known := c.items[itemKey{target.t, target.i, schemas}]; known && target.ok() && index < c.named {
		return index
	}
	return -1
}

// heirs are the document's shared schemas that are made of a schema, directly or not.
func (c *compiler) heirs(schema value) []int {
	if c.children == nil {
		c.findChildren()
	}
	index, known := c.items[itemKey{schema.t, schema.i, schemas}]
	if !known {
		return nil
	}
	var list []int
	seen := map[int]bool{index: true}
	for queue := []int{index}; len(queue) > 0; queue = queue[1:] {
		for _, child := range c.children[queue[0]] {
			if !seen[child] {
				seen[child] = true
				list, queue = append(list, child), append(queue, child)
			}
		}
	}
	return list
}

// findChildren finds out which shared schemas are made of which.
func (c *compiler) findChildren() {
	c.children = map[int][]int{}
	for index := range c.named {
		if c.contract.items[index].section != schemas {
			continue
		}
		for base := range c.queue[index].get("allOf").items() {
			if parent := c.namedBy(base); parent >= 0 {
				c.children[parent] = append(c.children[parent], index)
			}
		}
	}
}

// inherits tells whether a schema's name is a value in payloads too: its own or its base's discriminator asks for it.
func (c *compiler) inherits(v value) bool {
	if v.get("discriminator").ok() {
		return true
	}
	for base := range v.get("allOf").items() {
		if r := ref(base, schemaObject); r.is(text) && c.locate(r, schemaObject).get("discriminator").ok() {
			return true
		}
	}
	return false
}
