package openapi

import (
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
	deadline    *node
	protocol    string
}

// checkBackend looks at what the caller gave for the document.
func (c *contract) checkBackend() {
	b := c.document.Backend
	u, err := url.Parse(b.Address)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		c.problem(position{}, "", "the service's address %s is not an http or https URL", quote(b.Address))
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		c.problem(position{}, "", "the service's address %s is more than scheme and host", quote(b.Address))
	}
	if b.Audience == "" {
		c.problem(position{}, "", "the service has no audience for ID tokens")
	}
}

// readBackend reads x-google-backend: the root's (inherited is nil), or an operation's, which replaces the root's.
// Their defaults for path_translation differ: a root's address has the path appended, an operation's has not. An
// operation that gives no address has none whose default could be meant.
func (c *contract) readBackend(n *node, inherited *backendRule) backendRule {
	rule := backendRule{translation: appendPath}
	if n == nil {
		if inherited != nil {
			return *inherited
		}
		return rule
	}
	if !c.want(n, mapping, "x-google-backend") {
		return rule
	}
	if address := n.get("address"); address != nil && c.want(address, text, "address") {
		rule.path = c.addressPath(address)
		if inherited != nil {
			rule.translation = constantAddress
			if rule.path == "" && n.get("path_translation") == nil {
				c.warn(address.at, "write path_translation: "+appendPath+" if the path is to be kept",
					"every call of this operation goes to the service's root path")
			}
		}
	}
	for i, k := range n.keys {
		c.readBackendField(k, &n.items[i], &rule)
	}
	if rule.translation == appendPath {
		rule.path = strings.TrimRight(rule.path, "/") // the path that is appended has a slash of its own
	}
	return rule
}

func (c *contract) readBackendField(k key, v *node, rule *backendRule) {
	switch k.name {
	case "address", "jwt_audience", "disable_auth":
		// Read before, or ours.
	case "path_translation":
		if v.text != appendPath && v.text != constantAddress {
			c.problem(v.at, "write "+appendPath+" or "+constantAddress, "path_translation can't be %s", quote(v.text))
			return
		}
		rule.translation = v.text
	case "deadline":
		seconds, err := strconv.ParseFloat(v.text, 64)
		if v.kind != number || err != nil || seconds <= 0 {
			c.problem(v.at, "write a number of seconds", "deadline %s is not a positive number", quote(v.text))
			return
		}
		rule.deadline = v
	case "protocol":
		if v.text != "http/1.1" && v.text != "h2" {
			c.problem(v.at, "write http/1.1 or h2", "protocol can't be %s", quote(v.text))
			return
		}
		rule.protocol = v.text
	default:
		c.warn(k.at, "remove it", "x-google-backend has no field %s; it is left out", quote(k.name))
	}
}

// addressPath is the path of an address in a document; the rest of the address is of no interest.
func (c *contract) addressPath(v *node) string {
	u, err := url.Parse(v.text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		c.problem(v.at, "write https://HOST/PATH", "the address %s is not a URL", quote(v.text))
		return ""
	case u.Scheme != "http" && u.Scheme != "https":
		c.problem(v.at, "write https://HOST/PATH", "a backend with the scheme %s is not supported", quote(u.Scheme))
		return ""
	case u.RawQuery != "" || u.Fragment != "":
		c.problem(v.at, "leave out the query", "the address %s has a query or fragment", quote(v.text))
		return ""
	}
	if u.Path == "/" {
		return ""
	}
	return u.EscapedPath()
}

// node writes the rule for API Gateway. Every field that has a default which depends on the place is written.
func (r backendRule) node(b Backend) node {
	n := node{kind: mapping}
	n.add("address", stringNode(strings.TrimRight(b.Address, "/")+r.path))
	n.add("jwt_audience", stringNode(b.Audience))
	n.add("path_translation", stringNode(r.translation))
	if r.protocol != "" {
		n.add("protocol", stringNode(r.protocol))
	}
	if r.deadline != nil {
		n.add("deadline", *r.deadline)
	}
	return n
}
