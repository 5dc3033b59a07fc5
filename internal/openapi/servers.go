package openapi

import (
	"net/url"
	"regexp"
	"strings"
)

// readBase reads the prefix of all paths of an owner (the document; in OpenAPI 3 a path item or an operation, too): basePath,
// or the path of the servers' addresses, without a slash at its end. API Gateway is the only server there is. Where the
// owner says nothing, it is inherited.
func (c *compiler) readBase(owner value, inherited string) string {
	if c.in == v2 {
		if v := owner.get("basePath"); v.ok() && owner == c.root && c.want(v, text, "basePath") {
			return c.checkBase(v, v.text())
		}
		return inherited
	}
	list := owner.get("servers")
	if !list.ok() || !c.want(list, sequence, "servers") {
		return inherited
	}
	base, first := "", value{}
	for server := range list.items() {
		if !c.want(server, mapping, "servers[]") {
			continue
		}
		address := server.get("url")
		if !address.ok() || !c.want(address, text, "url") {
			continue
		}
		prefix := c.checkBase(address, c.serverPath(server, address))
		switch {
		case !first.ok():
			base, first = prefix, address
		case prefix != base:
			c.problem(address.at(), RulePrefix, "give all servers the same path",
				"the servers' paths %s and %s differ: API Gateway calls the service with the path that it was called with, and can't take a prefix away",
				quote(base+"/"), quote(prefix+"/"))
		}
	}
	if !first.ok() {
		return inherited
	}
	return base
}

// serverVariable is a variable in a server's address.
var serverVariable = regexp.MustCompile(`\{([^{}]*)\}`)

// serverPath is the path of a server's address, its variables at their defaults.
func (c *compiler) serverPath(server, address value) string {
	variables := server.get("variables")
	plain := serverVariable.ReplaceAllStringFunc(address.text(), func(braced string) string {
		v := variables.get(braced[1 : len(braced)-1])
		if d := v.get("default"); d.is(text) || d.is(number) {
			return d.text()
		}
		return braced
	})
	// What comes before the path may be anything: a host with variables in it is no URL for net/url.
	rest := plain
	if _, after, ok := strings.Cut(plain, "://"); ok {
		rest = after
		slash := strings.IndexByte(rest, '/')
		if slash < 0 {
			return ""
		}
		rest = rest[slash:]
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, "#")
	if rest != "" && rest[0] != '/' {
		rest = strings.TrimPrefix("/"+rest, "/.") // "./v1" and "v1" are relative to the gateway's root
		rest = "/" + strings.TrimPrefix(rest, "/")
	}
	if decoded, err := url.PathUnescape(rest); err != nil || strings.ContainsAny(decoded, " \t\n") {
		c.problem(address.at(), RulePrefix, "write https://HOST/PATH or /PATH", "the server's address %s is not a URL", quote(address.text()))
		return ""
	}
	return rest
}

// checkBase checks a prefix.
func (c *compiler) checkBase(v value, prefix string) string {
	if prefix != "" && !strings.HasPrefix(prefix, "/") {
		c.problem(v.at(), RulePrefix, "write /"+clip(prefix), "basePath %s does not start with a slash", quote(prefix))
		return ""
	}
	if strings.ContainsAny(prefix, "{}") {
		c.problem(v.at(), RulePrefix, "put the parameter into the paths", "the prefix %s contains a parameter", quote(prefix))
		return ""
	}
	return strings.TrimRight(prefix, "/")
}
