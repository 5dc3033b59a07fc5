package conformance

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A route is the path of an operation as a pattern.
type route struct {
	operation *Operation
	pattern   *regexp.Regexp
	names     []string // of the groups of the pattern
	literal   int      // characters that are no parameters: the more, the more precise
}

// A router finds the operation of a request. Routes are by method, the most precise first.
type router map[string][]route

// prepare makes what is needed to check requests, and finds mistakes in the description.
func (a *API) prepare() error {
	a.router = router{}
	for _, o := range a.Operations {
		r, err := newRoute(o)
		if err != nil {
			return fmt.Errorf("operation %s: %w", o.ID, err)
		}
		a.router[o.Method] = append(a.router[o.Method], r)
	}
	for _, routes := range a.router {
		slices.SortStableFunc(routes, func(x, y route) int { return cmp.Compare(y.literal, x.literal) })
	}
	return nil
}

var placeholder = regexp.MustCompile(`\{\+?([^}]+)\}`)

func newRoute(o *Operation) (route, error) {
	r := route{operation: o}
	var pattern strings.Builder
	pattern.WriteString("^")
	at := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(o.Path, -1) {
		pattern.WriteString(regexp.QuoteMeta(o.Path[at:m[0]]))
		name := o.Path[m[2]:m[3]]
		group, literal, err := o.group(name)
		if err != nil {
			return r, err
		}
		pattern.WriteString("(" + group + ")")
		r.names = append(r.names, name)
		r.literal += literal + m[0] - at
		at = m[1]
	}
	pattern.WriteString(regexp.QuoteMeta(o.Path[at:]) + "$")
	r.literal += len(o.Path) - at
	compiled, err := regexp.Compile(pattern.String())
	if err != nil {
		return r, err
	}
	r.pattern = compiled
	return r, nil
}

// group is what a path parameter may hold. A colon begins a verb, so no segment has one where an API uses verbs.
func (o *Operation) group(name string) (pattern string, literal int, err error) {
	i := slices.IndexFunc(o.Parameters, func(p Parameter) bool { return p.In == "path" && p.Name == name })
	if i < 0 {
		return "", 0, fmt.Errorf("the path's parameter %s is not described", name)
	}
	p := o.Parameters[i]
	if p.Slashes {
		return ".*", 0, nil // without a path, contents are those of the root
	}
	if p.Schema.Pattern == "" || !strings.HasPrefix(p.Schema.Pattern, "^") {
		return "[^/]+", 0, nil
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(p.Schema.Pattern, "^"), "$")
	literal = len(strings.ReplaceAll(strings.ReplaceAll(bare, "[^/]+", ""), ".*", ""))
	return strings.ReplaceAll(bare, "(", "(?:"), literal, nil
}

// byID is a repository by its id. GitHub redirects to such paths after a repository was renamed or moved and answers them
// as those by name, but describes only these
// (https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects).
var byID = regexp.MustCompile(`^/repositories/\d+(/|$)`)

// find returns the operation that a method and an escaped path name, and its path parameters.
func (a *API) find(method, escaped string) (*Operation, map[string]string) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if a.Style == GitHub {
		escaped = byID.ReplaceAllString(escaped, "/repos/owner/name$1")
	}
	for _, r := range a.router[method] {
		m := r.pattern.FindStringSubmatch(escaped)
		if m == nil || a.Style == Google && verb(escaped) != verb(r.operation.Path) {
			continue
		}
		values := map[string]string{}
		for i, name := range r.names {
			value, err := url.PathUnescape(m[i+1])
			if err != nil {
				value = m[i+1]
			}
			values[name] = value
		}
		return r.operation, values
	}
	return nil, nil
}

// verb is what follows a colon in the last segment of a path (https://google.aip.dev/136).
func verb(path string) string {
	last := path[strings.LastIndex(path, "/")+1:]
	_, verb, _ := strings.Cut(last, ":")
	return verb
}

// OperationID is the id of the operation that a method and an escaped path name, or "".
func (a *API) OperationID(method, escaped string) string {
	if o, _ := a.find(method, escaped); o != nil {
		return o.ID
	}
	return ""
}
