package openapi

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// securityRules are the configuration's security definitions.
type securityRules struct {
	byName   map[string]SecurityDefinition
	required string // the API key that every operation needs
}

func newSecurityRules(o Options) (*securityRules, []Finding) {
	rules := &securityRules{byName: make(map[string]SecurityDefinition, len(o.Security)), required: o.RequireAPIKey}
	var problems []Finding
	for _, d := range o.Security {
		if _, ok := rules.byName[d.Name]; ok || d.Name == "" {
			problems = append(problems, Finding{Message: fmt.Sprintf("the configuration has two security definitions %s, or one without a name", quote(d.Name))})
		}
		if d.isAPIKey() == d.isJWT() {
			problems = append(problems, Finding{Message: fmt.Sprintf("the security definition %s has to be either an API key or a JWT", quote(d.Name))})
		}
		if d.isAPIKey() && (d.KeyName == "" || d.APIKeyIn != "query" && d.APIKeyIn != "header") {
			problems = append(problems, Finding{Message: fmt.Sprintf("the API key %s needs a name in a query or header", quote(d.Name))})
		}
		rules.byName[d.Name] = d
	}
	if o.RequireAPIKey != "" && !rules.byName[o.RequireAPIKey].isAPIKey() {
		problems = append(problems, Finding{Message: fmt.Sprintf("the required API key %s is not one of the API keys in the configuration", quote(o.RequireAPIKey))})
	}
	return rules, problems
}

func (d SecurityDefinition) isAPIKey() bool { return d.APIKeyIn != "" }

func (d SecurityDefinition) isJWT() bool { return d.Issuer != "" }

// node writes a definition. API Gateway knows JWTs as a kind of OAuth 2; the authorization URL has no meaning for it,
// but other readers of OpenAPI want one.
func (d SecurityDefinition) node() node {
	n := node{kind: mapping}
	if d.isAPIKey() {
		n.add("type", stringNode("apiKey"))
		n.add("name", stringNode(d.KeyName))
		n.add("in", stringNode(d.APIKeyIn))
		return n
	}
	n.add("type", stringNode("oauth2"))
	n.add("flow", stringNode("implicit"))
	n.add("authorizationUrl", stringNode(d.Issuer))
	n.add("scopes", node{kind: mapping})
	n.add("x-google-issuer", stringNode(d.Issuer))
	if d.JWKSURI != "" {
		n.add("x-google-jwks_uri", stringNode(d.JWKSURI))
	}
	if len(d.Audiences) > 0 {
		n.add("x-google-audiences", stringNode(strings.Join(d.Audiences, ",")))
	}
	return n
}

// node writes the definitions that some operation uses.
func (r *securityRules) node(operations []*operation) node {
	used := map[string]bool{}
	for _, op := range operations {
		for _, a := range op.security {
			for _, req := range a {
				used[req.name] = true
			}
		}
	}
	n := node{kind: mapping}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		n.add(name, r.byName[name].node())
	}
	return n
}

// readSecurityDefinitions compares a document's definitions with the configuration's.
func (c *contract) readSecurityDefinitions() {
	n := c.root.get("securityDefinitions")
	if n == nil || n.kind != mapping {
		return
	}
	for i, k := range n.keys {
		v := &n.items[i]
		if strings.HasPrefix(k.name, "x-") || !c.want(v, mapping, k.name) {
			continue
		}
		d, ok := c.security.byName[k.name]
		if !ok {
			c.warn(k.at, "add it to the configuration, or remove it",
				"the security definition %s is not one of the configuration's; it is left out", quote(k.name))
			continue
		}
		if field, at := d.differs(k.at, v); field != "" {
			c.problem(at, "remove the definition from the document: its name is enough",
				"the security definition %s differs from the configuration's in %s", quote(k.name), field)
		}
	}
}

// differs names what a document defines differently. What a document leaves out is not different.
func (d SecurityDefinition) differs(at position, n *node) (string, position) {
	own := d.node()
	fields := []string{"type", "name", "in"}
	if d.isJWT() {
		fields = []string{"type", "x-google-issuer", "x-google-jwks_uri"}
	}
	for _, f := range fields {
		v := n.get(f)
		if v == nil && f != "type" {
			continue
		}
		if v == nil {
			return f, at
		}
		if v.text != own.str(f) {
			return f, v.at
		}
	}
	if v := n.get("x-google-audiences"); v != nil && d.isJWT() && !slices.Equal(audiences(v.text), sorted(d.Audiences)) {
		return "x-google-audiences", v.at
	}
	return "", position{}
}

func audiences(list string) []string {
	parts := strings.Split(list, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return sorted(parts)
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// An alternative is one way in which an operation may be called: everything in it is needed. None at all is public.
type alternative []requirement

type requirement struct {
	name   string
	scopes node
}

// readSecurity is an operation's effective security: its own, or else the document's, with the required API key in each
// alternative.
func (c *contract) readSecurity(operation *node, at position) []alternative {
	if n := operation.get("security"); n != nil {
		return c.readAlternatives(n, at)
	}
	if c.inherited == nil { // read once, so that it is complained about once
		list := c.readAlternatives(c.root.get("security"), c.root.at)
		c.inherited = &list
	}
	return *c.inherited
}

func (c *contract) readAlternatives(n *node, at position) []alternative {
	var list []alternative
	if n != nil && c.want(n, sequence, "security") {
		for i := range n.items {
			if c.want(&n.items[i], mapping, "security[]") {
				list = append(list, c.readAlternative(&n.items[i]))
			}
		}
		at = n.at
	}
	if key := c.security.required; key != "" {
		list = require(list, key)
	}
	list = distinct(list)
	c.checkSecurity(list, at)
	return list
}

func (c *contract) readAlternative(n *node) alternative {
	a := alternative{}
	for i, k := range n.keys {
		if _, ok := c.security.byName[k.name]; !ok {
			c.problem(k.at, "use one of "+c.security.names()+", or add it to the configuration",
				"there is no security definition %s in the configuration", quote(k.name))
			continue
		}
		v := &n.items[i]
		if v.kind == null {
			v = &node{kind: sequence}
		}
		if !c.wantStrings(v, k.name) {
			continue
		}
		if len(v.items) > 0 {
			c.warn(k.at, "check them in the service", "API Gateway does not check scopes of %s", quote(k.name))
		}
		a = append(a, requirement{k.name, *v})
	}
	slices.SortFunc(a, func(x, y requirement) int { return cmp.Compare(x.name, y.name) })
	return a
}

func (r *securityRules) names() string {
	if len(r.byName) == 0 {
		return "the configuration's (it has none)"
	}
	return strings.Join(slices.Sorted(maps.Keys(r.byName)), ", ")
}

func require(list []alternative, key string) []alternative {
	if len(list) == 0 {
		list = []alternative{nil}
	}
	out := make([]alternative, 0, len(list))
	for _, a := range list {
		if !a.has(key) {
			a = append(slices.Clip(a), requirement{key, node{kind: sequence}})
			slices.SortFunc(a, func(x, y requirement) int { return cmp.Compare(x.name, y.name) })
		}
		out = append(out, a)
	}
	return out
}

func (a alternative) has(name string) bool {
	return slices.ContainsFunc(a, func(r requirement) bool { return r.name == name })
}

func (a alternative) equal(b alternative) bool {
	return slices.EqualFunc(a, b, func(x, y requirement) bool { return x.name == y.name && equal(&x.scopes, &y.scopes) })
}

func distinct(list []alternative) []alternative {
	var out []alternative
	for _, a := range list {
		if !slices.ContainsFunc(out, a.equal) {
			out = append(out, a)
		}
	}
	return out
}

// checkSecurity reports combinations that API Gateway does not support.
func (c *contract) checkSecurity(list []alternative, at position) {
	keys, empty, keyed := "", 0, 0
	same := true
	for i, a := range list {
		tokens := 0
		var names []string
		for _, r := range a {
			if c.security.byName[r.name].isAPIKey() {
				names = append(names, r.name)
			} else {
				tokens++
			}
		}
		if tokens > 1 {
			c.problem(at, "ask for one of them, or for each in an alternative of its own",
				"API Gateway can't ask for two different tokens at once")
		}
		joined := strings.Join(names, " ")
		same = same && (i == 0 || joined == keys)
		keys = joined
		if len(a) == 0 {
			empty++
		}
		if joined != "" {
			keyed++
		}
	}
	switch {
	case len(list) < 2 || same && empty == 0:
	case empty > 0 && keyed+empty == len(list):
		// An optional API key is the one kind of optional authentication there is.
	case empty > 0:
		c.problem(at, "make it public, or always ask for the token", "API Gateway has no optional authentication by token")
	default:
		c.problem(at, "ask for the API key in every alternative or in none",
			"API Gateway does not support an API key as an alternative")
	}
}

// isPublic tells whether an operation may be called with nothing.
func isPublic(list []alternative) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(a alternative) bool { return len(a) == 0 })
}

func securityNode(list []alternative) node {
	n := node{kind: sequence}
	for _, a := range list {
		one := node{kind: mapping}
		for _, r := range a {
			one.add(r.name, r.scopes)
		}
		n.items = append(n.items, one)
	}
	return n
}
