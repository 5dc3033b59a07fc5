package openapi

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// The values of path_translation: https://docs.cloud.google.com/api-gateway/docs/passing-data.
const (
	appendPath      = "APPEND_PATH_TO_ADDRESS"
	constantAddress = "CONSTANT_ADDRESS"
)

// backendRule is what a document says of how its service is called. Where the service is, is not the document's to say.
type backendRule struct {
	path        string // that the address ends with
	translation string
	deadline    string // a number of seconds as JSON writes it
	protocol    string
}

// checkBackend looks at what the caller gave for a document.
func checkBackend(d *Document) []Finding {
	var problems []Finding
	wrong := func(format string, args ...any) {
		problems = append(problems, Finding{
			Rule: RuleConfiguration, Service: d.Service, File: d.File, Message: fmt.Sprintf(format, args...),
		})
	}
	b := d.Backend
	u, err := url.Parse(b.Address)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		wrong("the service's address %s is not an http or https URL", quote(b.Address))
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		wrong("the service's address %s is more than scheme and host", quote(b.Address))
	}
	if b.Audience == "" {
		wrong("the service has no audience for ID tokens")
	}
	return problems
}

// backendFields are the names of a backend's fields in a version.
type backendFields struct{ audience, disableAuth, translation string }

func fieldsOf(v version) backendFields {
	if v == v2 {
		return backendFields{"jwt_audience", "disable_auth", "path_translation"}
	}
	return backendFields{"jwtAudience", "disableAuth", "pathTranslation"}
}

// readBackend reads x-google-backend: the root's (inherited is nil), or an operation's, which replaces the root's.
// Their defaults for path_translation differ: a root's address has the path appended, an operation's has not. An
// operation that gives no address has none whose default could be meant. In OpenAPI 3 it is the name of one of the root's
// backends.
func (c *compiler) readBackend(v value, inherited *backendRule) backendRule {
	rule := backendRule{translation: appendPath}
	if !v.ok() {
		if inherited != nil {
			return *inherited
		}
		return rule
	}
	if c.in != v2 {
		if v = c.namedBackend(v); !v.ok() {
			return rule
		}
	}
	if !c.want(v, mapping, "x-google-backend") {
		return rule
	}
	fields := fieldsOf(c.in)
	if address := v.get("address"); address.ok() && c.want(address, text, "address") {
		rule.path = c.addressPath(address)
		if inherited != nil {
			rule.translation = constantAddress
			if rule.path == "" && !v.get(fields.translation).ok() {
				c.warn(address.at(), RuleBackend, "write "+fields.translation+": "+appendPath+" if the path is to be kept",
					"every call of this operation goes to the service's root path")
			}
		}
	}
	for k, m := range v.members() {
		c.readBackendField(k, m, fields, &rule)
	}
	if rule.translation == appendPath {
		rule.path = strings.TrimRight(rule.path, "/") // the path that is appended has a slash of its own
	}
	return rule
}

// namedBackend is one of the root's backends.
func (c *compiler) namedBackend(v value) value {
	if !c.want(v, text, "x-google-backend") {
		return value{}
	}
	target := c.root.get("x-google-api-management").get("backends").get(v.text())
	if !target.ok() {
		c.problem(v.at(), RuleBackend, "add it to the backends of x-google-api-management", "there is no backend %s", quote(v.text()))
	}
	return target
}

func (c *compiler) readBackendField(k, v value, fields backendFields, rule *backendRule) {
	switch k.text() {
	case "address", fields.audience, fields.disableAuth:
		// Read before, or ours.
	case fields.translation:
		if v.text() != appendPath && v.text() != constantAddress {
			c.problem(v.at(), RuleBackend, "write "+appendPath+" or "+constantAddress, "%s can't be %s", fields.translation, quote(v.text()))
			return
		}
		rule.translation = strings.Clone(v.text())
	case "deadline":
		seconds, err := strconv.ParseFloat(v.text(), 64)
		if !v.is(number) || err != nil || seconds <= 0 {
			c.problem(v.at(), RuleBackend, "write a number of seconds", "deadline %s is not a positive number", quote(v.text()))
			return
		}
		rule.deadline = strings.Clone(v.text())
	case "protocol":
		if v.text() != "http/1.1" && v.text() != "h2" {
			c.problem(v.at(), RuleBackend, "write http/1.1 or h2", "protocol can't be %s", quote(v.text()))
			return
		}
		rule.protocol = strings.Clone(v.text())
	default:
		c.warn(k.at(), RuleBackend, "remove it", "x-google-backend has no field %s; it is left out", quote(k.text()))
	}
}

// addressPath is the path of an address in a document; the rest of the address is of no interest.
func (c *compiler) addressPath(v value) string {
	u, err := url.Parse(v.text())
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		c.problem(v.at(), RuleBackend, "write https://HOST/PATH", "the address %s is not a URL", quote(v.text()))
		return ""
	case u.Scheme != "http" && u.Scheme != "https":
		c.problem(v.at(), RuleBackend, "write https://HOST/PATH", "a backend with the scheme %s is not supported", quote(u.Scheme))
		return ""
	case u.RawQuery != "" || u.Fragment != "":
		c.problem(v.at(), RuleBackend, "leave out the query", "the address %s has a query or fragment", quote(v.text()))
		return ""
	}
	if u.Path == "/" {
		return ""
	}
	return u.EscapedPath()
}

// build builds the rule for API Gateway. Every field that has a default which depends on the place is written.
func (r backendRule) build(b *builder, to Backend, target version) {
	fields := fieldsOf(target)
	start := b.begin(mapping)
	b.pair("address", strings.TrimRight(to.Address, "/")+r.path)
	b.pair(fields.audience, to.Audience)
	b.pair(fields.translation, r.translation)
	if r.protocol != "" {
		b.pair("protocol", r.protocol)
	}
	if r.deadline != "" {
		b.key("deadline")
		b.scalar(number, r.deadline)
	}
	b.end(start)
}
