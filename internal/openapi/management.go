package openapi

import (
	"maps"
	"slices"
	"strings"
)

// readTags reads the root's tags.
func (c *compiler) readTags(list value) {
	if !c.want(list, sequence, "tags") {
		return
	}
	for v := range list.items() {
		if !c.want(v, mapping, "tags[]") {
			continue
		}
		t := tag{name: strings.Clone(v.str("name"))}
		if t.name == "" {
			c.problem(v.at(), RuleTag, "add name: …", "a tag has no name")
			continue
		}
		for k, m := range v.members() {
			c.builder.reset()
			c.builder.data(m)
			t.fields = append(t.fields, field{
				key: strings.Clone(k.text()), value: kept(c.builder.nodes), hash: c.hash(c.builder.nodes), at: k.at(),
			})
		}
		c.contract.tags = append(c.contract.tags, t)
	}
}

// readManagement reads metrics and limits. OpenAPI 2.0 has them in lists of x-google-management, OpenAPI 3 in maps of
// x-google-api-management.
func (c *compiler) readManagement() {
	key, other := "x-google-management", "x-google-api-management"
	if c.in != v2 {
		key, other = other, key
	}
	if k, _ := c.root.member(other); k.ok() {
		c.problem(k.at(), RuleManagement, "use "+key, "%s is not for this version of OpenAPI", other)
	}
	m := c.root.get(key)
	if !m.ok() || !c.want(m, mapping, key) {
		return
	}
	for k, v := range m.members() {
		switch {
		case k.text() == "metrics":
			c.contract.metrics = c.readManaged(c.contract.metrics, v, "metrics")
		case k.text() == "quota" && c.want(v, mapping, "quota"):
			if limits := v.get("limits"); limits.ok() {
				c.contract.quota = c.readManaged(c.contract.quota, limits, "limits")
			}
		case k.text() == "quota" || c.in != v2 && (k.text() == "backends" || k.text() == "apiName"):
			// Reported, or read where it is needed.
		default:
			c.warn(k.at(), RuleManagement, "remove it", "%s has no field %s that is composed; it is left out", key, quote(k.text()))
		}
	}
}

// readManaged reads a list of mappings with names, or a map of them.
func (c *compiler) readManaged(list []managed, v value, what string) []managed {
	if c.in != v2 {
		if c.want(v, mapping, what) {
			for k, m := range v.members() {
				list = c.addManaged(list, k.text(), m, what)
			}
		}
		return list
	}
	if c.want(v, sequence, what) {
		for m := range v.items() {
			list = c.addManaged(list, m.str("name"), m, what)
		}
	}
	return list
}

func (c *compiler) addManaged(list []managed, name string, v value, what string) []managed {
	if !c.want(v, mapping, what+"[]") {
		return list
	}
	if strings.TrimSpace(name) == "" {
		c.problem(v.at(), RuleManagement, "add name: …", "an entry of %s has no name", quote(what))
		return list
	}
	c.builder.reset()
	if c.converts() && c.in == v2 {
		c.convertManaged(v)
	} else {
		c.builder.data(v)
	}
	return append(list, managed{
		name: strings.Clone(name), value: kept(c.builder.nodes), hash: c.hash(c.builder.nodes), at: v.at(),
	})
}

// convertManaged builds a metric or a limit as OpenAPI 3 has it: the name is the key, and a limit has one value, per minute
// and project.
func (c *compiler) convertManaged(v value) {
	start := c.builder.begin(mapping)
	for k, m := range v.members() {
		switch k.text() {
		case "name", "valueType", "metricKind":
			// The key; and there is only one kind.
		case "unit":
			if m.text() != "1/min/{project}" {
				c.loss(k, "limits are per minute and project", "write 1/min/{project}")
			}
		case "values":
			standard := m.get("STANDARD")
			if !standard.is(number) {
				c.problem(m.at(), RuleManagement, "write values: {STANDARD: NUMBER}", "a limit has no value STANDARD")
				continue
			}
			c.builder.key("values")
			c.builder.data(standard)
		default:
			c.builder.member(k, m)
		}
	}
	c.builder.end(start)
}

func metricsOf(p *part) []managed { return p.metrics }

func limitsOf(p *part) []managed { return p.quota }

// checkManagement reports metrics and limits that two documents define differently.
func (c *Composition) checkManagement() (problems []Finding) {
	for what, of := range map[string]func(*part) []managed{"metrics": metricsOf, "limits": limitsOf} {
		known := map[string]*managed{}
		for _, p := range c.parts {
			list := of(p)
			for i := range list {
				m := &list[i]
				if before := known[m.name]; before != nil && before.hash != m.hash {
					problems = append(problems, p.finding(m.at, RuleManagement, "use another name",
						"%s %s is defined differently at %s", quote(what), quote(m.name), before.at))
					continue
				}
				known[m.name] = m
			}
		}
	}
	return problems
}

// named are metrics or limits in the order of their names, each once.
func (a *assembler) named(of func(*part) []managed) []managed {
	byName := map[string]managed{}
	for _, p := range a.parts {
		for _, m := range of(p) {
			byName[m.name] = m
		}
	}
	var list []managed
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, byName[name])
	}
	return list
}

func buildList(b *builder, list []managed) {
	start := b.begin(sequence)
	for _, m := range list {
		b.nodes = append(b.nodes, m.value...)
	}
	b.end(start)
}

func buildMap(b *builder, list []managed) {
	start := b.begin(mapping)
	for _, m := range list {
		b.key(m.name)
		b.nodes = append(b.nodes, m.value...)
	}
	b.end(start)
}

// mergeTags merges the documents' tags by name. Where two describe one differently, the first service's words are kept.
func (c *Composition) mergeTags() []tag {
	byName := map[string]*tag{}
	for _, p := range c.parts {
		for _, t := range p.tags {
			before := byName[t.name]
			if before == nil {
				t.fields = slices.Clip(t.fields)
				byName[t.name] = &t
				continue
			}
			for _, f := range t.fields {
				i := slices.IndexFunc(before.fields, func(other field) bool { return other.key == f.key })
				switch {
				case i < 0:
					before.fields = append(before.fields, f)
				case before.fields[i].hash != f.hash:
					c.Warnings = append(c.Warnings, p.finding(f.at, RuleTag, "use the same words, or another tag",
						"the tag %s has another %s in another document; this one is left out", quote(t.name), quote(f.key)))
				}
			}
		}
	}
	var list []tag
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, *byName[name])
	}
	return list
}

func (a *assembler) tags(b *builder) {
	start := b.begin(sequence)
	for _, t := range a.merged {
		one := b.begin(mapping)
		for _, f := range t.fields {
			b.key(f.key)
			b.nodes = append(b.nodes, f.value...)
		}
		b.end(one)
	}
	b.end(start)
}

// warnExtras says which extensions of path items are left out because another service's path item has another value.
func (c *Composition) warnExtras() {
	for _, g := range c.groups {
		first := map[string]*extra{}
		for _, op := range g {
			for _, i := range op.extras {
				e := &op.owner.contract.extras[i]
				if before := first[e.key]; before != nil && before.hash != e.hash {
					c.Warnings = append(c.Warnings, op.owner.finding(e.at, RuleExtension, "put it into the operations",
						"another service gives the path another %s; this one is left out", quote(e.key)))
					continue
				}
				first[e.key] = e
			}
		}
	}
}
