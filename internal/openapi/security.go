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
	list     []SecurityDefinition // as given
	byName   map[string]SecurityDefinition
	required string // the API key that every operation needs
}

func newSecurityRules(o Options) (*securityRules, []Finding) {
	rules := &securityRules{list: o.Security, byName: make(map[string]SecurityDefinition, len(o.Security)), required: o.RequireAPIKey}
	var problems []Finding
	for _, d := range o.Security {
		if _, ok := rules.byName[d.Name]; ok || d.Name == "" {
			problems = append(problems, Finding{Rule: RuleConfiguration, Message: fmt.Sprintf("the configuration has two security definitions %s, or one without a name", quote(d.Name))})
		}
		if d.isAPIKey() == d.isJWT() {
			problems = append(problems, Finding{Rule: RuleConfiguration, Message: fmt.Sprintf("the security definition %s has to be either an API key or a JWT", quote(d.Name))})
		}
		if d.isAPIKey() && (d.KeyName == "" || d.APIKeyIn != "query" && d.APIKeyIn != "header") {
			problems = append(problems, Finding{Rule: RuleConfiguration, Message: fmt.Sprintf("the API key %s needs a name in a query or header", quote(d.Name))})
		}
		rules.byName[d.Name] = d
	}
	if o.RequireAPIKey != "" && !rules.byName[o.RequireAPIKey].isAPIKey() {
		problems = append(problems, Finding{Rule: RuleConfiguration, Message: fmt.Sprintf("the required API key %s is not one of the API keys in the configuration", quote(o.RequireAPIKey))})
	}
	return rules, problems
}

func (d SecurityDefinition) isAPIKey() bool { return d.APIKeyIn != "" }

func (d SecurityDefinition) isJWT() bool { return d.Issuer != "" }

// build builds a definition. API Gateway knows JWTs as a kind of OAuth 2; the authorization URL has no meaning for it, but
// other readers of OpenAPI want one.
func (d SecurityDefinition) build(b *builder, target version) {
	start := b.begin(mapping)
	switch {
	case d.isAPIKey():
		b.pair("type", "apiKey")
		b.pair("name", d.KeyName)
		b.pair("in", d.APIKeyIn)
	case target == v2:
		b.pair("type", "oauth2")
		d.buildFlow(b, "flow")
		b.pair("x-google-issuer", d.Issuer)
		if d.JWKSURI != "" {
			b.pair("x-google-jwks_uri", d.JWKSURI)
		}
		if len(d.Audiences) > 0 {
			b.pair("x-google-audiences", strings.Join(d.Audiences, ","))
		}
	default:
		b.pair("type", "oauth2")
		b.key("flows")
		flows := b.begin(mapping)
		b.key("implicit")
		flow := b.begin(mapping)
		d.buildFlow(b, "")
		b.end(flow)
		b.end(flows)
		d.buildAuth(b)
	}
	b.end(start)
}

func (d SecurityDefinition) buildFlow(b *builder, kind string) {
	if kind != "" {
		b.pair(kind, "implicit")
	}
	b.pair("authorizationUrl", d.Issuer)
	b.key("scopes")
	b.end(b.begin(mapping))
}

// buildAuth builds what API Gateway wants to know of a JWT in OpenAPI 3:
// https://docs.cloud.google.com/api-gateway/docs/oasv3-extensions.
func (d SecurityDefinition) buildAuth(b *builder) {
	b.key("x-google-auth")
	start := b.begin(mapping)
	b.pair("issuer", d.Issuer)
	if d.JWKSURI != "" {
		b.pair("jwksUri", d.JWKSURI)
	}
	if len(d.Audiences) > 0 {
		b.key("audiences")
		b.texts(d.Audiences...)
	}
	b.end(start)
}

// readSecurityDefinitions compares a document's definitions with the configuration's.
func (c *compiler) readSecurityDefinitions() {
	what := "securityDefinitions"
	definitions := c.root.get(what)
	if c.in != v2 {
		what = "securitySchemes"
		definitions = c.root.get("components").get(what)
	}
	if !definitions.ok() || !c.want(definitions, mapping, what) {
		return
	}
	for k, v := range definitions.members() {
		if strings.HasPrefix(k.text(), "x-") || !c.want(v, mapping, k.text()) {
			continue
		}
		d, ok := c.security.byName[k.text()]
		if !ok {
			c.warn(k.at(), RuleSecurity, "add it to the configuration, or remove it",
				"the security definition %s is not one of the configuration's; it is left out", quote(k.text()))
			continue
		}
		if r := v.get("$ref"); r.ok() {
			if v = c.locate(r, data); !v.is(mapping) {
				continue
			}
		}
		if field, at := c.differs(d, k, v); field != "" {
			c.problem(at, RuleSecurity, "remove the definition from the document: its name is enough",
				"the security definition %s differs from the configuration's in %s", quote(k.text()), field)
		}
	}
}

// differs names what a document defines differently. What a document leaves out is not different.
func (c *compiler) differs(d SecurityDefinition, k, v value) (string, place) {
	kind := v.get("type")
	if !kind.ok() {
		return "type", k.at()
	}
	if d.isAPIKey() {
		return differing(v, [][2]string{{"type", "apiKey"}, {"name", d.KeyName}, {"in", d.APIKeyIn}})
	}
	auth, issuer, keys, list := v, "x-google-issuer", "x-google-jwks_uri", "x-google-audiences"
	if c.in == v2 {
		if kind.text() != "oauth2" {
			return "type", kind.at()
		}
	} else {
		bearer := kind.text() == "http" && strings.EqualFold(v.str("scheme"), "bearer")
		if kind.text() != "oauth2" && kind.text() != "openIdConnect" && !bearer {
			return "type", kind.at()
		}
		auth, issuer, keys, list = v.get("x-google-auth"), "issuer", "jwksUri", "audiences"
	}
	if field, at := differing(auth, [][2]string{{issuer, d.Issuer}, {keys, d.JWKSURI}}); field != "" {
		return field, at
	}
	if m := auth.get(list); m.ok() && !slices.Equal(audiences(m), sorted(d.Audiences)) {
		return list, m.at()
	}
	return "", place{}
}

// differing is the first of some fields that has another text than it should have.
func differing(v value, fields [][2]string) (string, place) {
	for _, f := range fields {
		if m := v.get(f[0]); m.ok() && m.text() != f[1] {
			return f[0], m.at()
		}
	}
	return "", place{}
}

// audiences are those of a list, or of a string with commas.
func audiences(v value) []string {
	var all []string
	if v.is(sequence) {
		for item := range v.items() {
			all = append(all, item.text())
		}
		return sorted(all)
	}
	for part := range strings.SplitSeq(v.text(), ",") {
		all = append(all, strings.TrimSpace(part))
	}
	return sorted(all)
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// An alternative is one way in which an operation may be called: everything in it is needed. None at all is public.
type alternative []requirement

type requirement struct {
	name   string
	scopes []string
}

// readSecurity is an operation's effective security: its own, or else the document's, with the required API key in each
// alternative.
func (c *compiler) readSecurity(operation value, at place) []alternative {
	if v := operation.get("security"); v.ok() {
		return c.readAlternatives(v, at)
	}
	if c.inherited == nil { // read once, so that it is complained about once
		list := c.readAlternatives(c.root.get("security"), c.root.at())
		c.inherited = &list
	}
	return *c.inherited
}

func (c *compiler) readAlternatives(v value, at place) []alternative {
	var list []alternative
	if v.ok() && c.want(v, sequence, "security") {
		for item := range v.items() {
			if c.want(item, mapping, "security[]") {
				list = append(list, c.readAlternative(item))
			}
		}
		at = v.at()
	}
	if key := c.security.required; key != "" {
		list = require(list, key)
	}
	list = distinct(list)
	c.checkSecurity(list, at)
	return list
}

func (c *compiler) readAlternative(v value) alternative {
	a := alternative{}
	for k, m := range v.members() {
		if _, ok := c.security.byName[k.text()]; !ok {
			c.problem(k.at(), RuleSecurity, "use one of "+c.security.names()+", or add it to the configuration",
				"there is no security definition %s in the configuration", quote(k.text()))
			continue
		}
		if !m.is(null) && !c.wantStrings(m, k.text()) {
			continue
		}
		r := requirement{name: strings.Clone(k.text())}
		for scope := range m.items() {
			r.scopes = append(r.scopes, strings.Clone(scope.text()))
		}
		if len(r.scopes) > 0 {
			c.warn(k.at(), RuleSecurity, "check them in the service", "API Gateway does not check scopes of %s", quote(k.text()))
		}
		a = append(a, r)
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

// build builds the definitions that some operation uses.
func (r *securityRules) build(b *builder, used map[string]bool, target version) {
	start := b.begin(mapping)
	for _, name := range slices.Sorted(maps.Keys(used)) {
		b.key(name)
		r.byName[name].build(b, target)
	}
	b.end(start)
}

func require(list []alternative, key string) []alternative {
	if len(list) == 0 {
		list = []alternative{nil}
	}
	out := make([]alternative, 0, len(list))
	for _, a := range list {
		if !a.has(key) {
			a = append(slices.Clip(a), requirement{name: key})
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
	return slices.EqualFunc(a, b, func(x, y requirement) bool { return x.name == y.name && slices.Equal(x.scopes, y.scopes) })
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

func schemesOf(list []alternative) []string {
	var names []string
	for _, a := range list {
		for _, r := range a {
			if !slices.Contains(names, r.name) {
				names = append(names, r.name)
			}
		}
	}
	return names
}

// checkSecurity reports combinations that API Gateway does not support.
func (c *compiler) checkSecurity(list []alternative, at place) {
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
			c.problem(at, RuleSecurity, "ask for one of them, or for each in an alternative of its own",
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
		c.problem(at, RuleSecurity, "make it public, or always ask for the token", "API Gateway has no optional authentication by token")
	default:
		c.problem(at, RuleSecurity, "ask for the API key in every alternative or in none",
			"API Gateway does not support an API key as an alternative")
	}
}

// isPublic tells whether an operation may be called with nothing.
func isPublic(list []alternative) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(a alternative) bool { return len(a) == 0 })
}

// SecurityOf are the security definitions of a document that a gateway could have, in the order of the document: API keys, and
// JWTs whose issuer it names. It is for who has no configuration; what can't be read has none.
func SecurityOf(d Document) []SecurityDefinition {
	t := readTree(d.File, d.Content, Limits{}.withDefaults(), &findings{file: d.File})
	if t == nil {
		return nil
	}
	in := v30
	definitions := t.root().get("components").get("securitySchemes")
	if t.root().get("swagger").ok() {
		in, definitions = v2, t.root().get("securityDefinitions")
	}
	var all []SecurityDefinition
	for k, v := range definitions.members() {
		s := SecurityDefinition{Name: strings.Clone(k.text())}
		auth, issuer, keys, list := v, "x-google-issuer", "x-google-jwks_uri", "x-google-audiences"
		if in != v2 {
			auth, issuer, keys, list = v.get("x-google-auth"), "issuer", "jwksUri", "audiences"
		}
		if v.str("type") == "apiKey" {
			s.APIKeyIn, s.KeyName = strings.Clone(v.str("in")), strings.Clone(v.str("name"))
		} else {
			s.Issuer, s.JWKSURI = strings.Clone(auth.str(issuer)), strings.Clone(auth.str(keys))
			if m := auth.get(list); m.ok() {
				s.Audiences = audiences(m)
			}
		}
		if s.isAPIKey() && s.KeyName != "" && s.APIKeyIn != "cookie" || s.isJWT() {
			all = append(all, s)
		}
	}
	return all
}
