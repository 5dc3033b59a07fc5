package gateway

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// builder turns a document into the routes of a gateway, and collects everything that is wrong with it.
type builder struct {
	gateway    *Gateway
	doc        *document
	options    Options
	schemes    map[string]scheme
	root       *backend
	ids        map[string]bool
	problems   *DocumentError
	allowsCORS bool
}

func build(g *Gateway, data []byte, o Options) error {
	b := &builder{
		gateway: g, options: o, schemes: map[string]scheme{}, ids: map[string]bool{}, problems: &DocumentError{},
	}
	doc, tree, err := parse(data, b.problems)
	if err != nil {
		b.problems.add("", err.Error())
		return b.problems
	}
	b.doc = doc
	if b.checkVersion() {
		b.checkHost()
		checkReferences(b.problems, tree)
		b.addSchemes()
		b.addRoot()
		b.addPaths()
	}
	if len(b.problems.Problems) > 0 {
		return b.problems
	}
	return nil
}

func (b *builder) checkVersion() bool {
	switch {
	case isOpenAPI3(b.doc.OpenAPI):
		return true
	case b.doc.OpenAPI != "":
		b.problems.add("", fmt.Sprintf("OpenAPI %q is not served; only Swagger 2.0, OpenAPI 3.0 and 3.1 are.", b.doc.OpenAPI))
		return false
	case b.doc.Swagger != "2.0":
		b.problems.add("", "The document does not have the field 'swagger' with the value \"2.0\".")
		return false
	}
	return true
}

func (b *builder) checkHost() {
	if host := b.doc.Host; host != nil {
		switch {
		case *host == "":
			b.problems.add("", "The field 'host' is empty.")
		case strings.Contains(*host, ":"):
			b.problems.add("", "The field 'host' has a port; custom ports are not supported.")
		case b.options.ServiceName == "":
			b.options.ServiceName = *host
		}
	}
	if base := b.doc.BasePath; base != "" && (!strings.HasPrefix(base, "/") || strings.ContainsAny(base, "{}*?#:")) {
		b.problems.add("", "The field 'basePath' is not a path that begins with '/'.")
		b.doc.BasePath = ""
	}
	b.gateway.basePath = strings.TrimSuffix(joinBase(b.doc.BasePath, "/"), "/")
	for _, e := range b.doc.Endpoints {
		// As in ESPv2, other names are ignored.
		b.allowsCORS = b.allowsCORS || e.AllowCORS && (e.here || e.Name == b.options.ServiceName)
	}
}

func (b *builder) addRoot() {
	if b.doc.Backend != nil && !b.doc.Backend.refused {
		root, err := newBackend(b.doc.Backend, appendPath)
		if err != nil {
			b.problems.add("", err.Error())
		}
		b.root = root
	}
	switch b.doc.Allow {
	case "", "configured":
	case "all":
		if b.root == nil {
			b.problems.add("", "x-google-allow is 'all', but the document's root has no usable x-google-backend.")
			return
		}
		b.gateway.unmatched = &route{backend: b.root}
	default:
		b.problems.add("", "x-google-allow is neither 'configured' nor 'all'.")
	}
}

func (b *builder) addPaths() {
	if len(b.doc.Paths) == 0 && b.doc.Allow != "all" {
		b.problems.add("", "The document has no paths.")
	}
	for _, path := range slices.Sorted(maps.Keys(b.doc.Paths)) {
		if strings.HasPrefix(path, "x-") {
			continue
		}
		b.addPath(path, b.doc.Paths[path])
	}
}

func (b *builder) addPath(path string, item pathItem) {
	full := joinBase(b.doc.BasePath, path)
	t, err := parseTemplate(path)
	if err == nil && full != path {
		t, err = parseTemplate(full)
	}
	if err != nil {
		b.problems.add("", fmt.Sprintf("http: In path template '%s': %s", path, err))
		return
	}
	var cors *route
	for method, op := range item.operations() {
		where := fmt.Sprintf("Operation '%s' in path '%s'", method, path)
		rt := b.newRoute(where, op)
		if rt == nil {
			continue
		}
		rt.method, rt.path, rt.template = strings.ToUpper(method), full, t
		b.checkParameters(where, item.Parameters, op.Parameters)
		if other := b.gateway.router.add(rt); other != "" {
			b.problems.add(where, fmt.Sprintf("The path matches the same requests as '%s'.", other))
		}
		cors = &route{method: http.MethodOptions, path: full, template: t, backend: rt.backend}
	}
	if b.allowsCORS && cors != nil && item.Options == nil {
		// Preflight requests carry no credentials, and the backend answers them.
		b.gateway.router.add(cors)
	}
}

func (b *builder) newRoute(where string, op *operation) *route {
	switch {
	case op.OperationID == "":
		b.problems.add(where, "Operation does not have the required 'operationId' field. "+
			"Please specify unique value for 'operationId' field for all operations.")
	case b.ids[op.OperationID]:
		b.problems.add(where, fmt.Sprintf("Operation has the duplicate 'operationId' '%s'. "+
			"Please specify unique value for 'operationId' field for all operations.", op.OperationID))
	}
	b.ids[op.OperationID] = true
	rt := &route{backend: b.root}
	switch {
	case op.Backend == nil:
	case op.Backend.refused:
		return nil
	default:
		to, err := newBackend(op.Backend, constantAddress)
		if err != nil {
			b.problems.add(where, err.Error())
			return nil
		}
		rt.backend = to
	}
	if rt.backend == nil {
		if b.doc.Backend == nil { // that a root's backend is not usable was said once
			b.problems.add(where, "Operation has no x-google-backend, nor has the document's root.")
		}
		return nil
	}
	alternatives := b.doc.Security
	if op.Security != nil {
		alternatives = *op.Security
	}
	rt.security = b.requirements(where, alternatives)
	return rt
}

func (b *builder) checkParameters(where string, lists ...[]parameter) {
	for _, list := range lists {
		for _, p := range list {
			if p.In != "" && p.In != "body" && p.Type == "object" {
				b.problems.add(where, fmt.Sprintf("The parameter '%s' is not in the body, but has the type 'object'.", p.Name))
			}
		}
	}
}

func (b *builder) requirements(where string, alternatives []map[string][]string) []requirement {
	var out []requirement
	for _, names := range alternatives {
		conjunction := requirement{}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			s := b.schemes[name]
			if s == nil {
				b.problems.add(where, fmt.Sprintf("The security definition '%s' does not exist or is not usable.", name))
				continue
			}
			conjunction = append(conjunction, s)
		}
		out = append(out, conjunction)
	}
	return out
}

func (b *builder) addSchemes() {
	client := keyClient(b.options.Transport)
	for _, name := range slices.Sorted(maps.Keys(b.doc.SecurityDefinitions)) {
		d := b.doc.SecurityDefinitions[name]
		where := fmt.Sprintf("Security definition '%s'", name)
		switch d.Type {
		case "apiKey":
			if d.Name == "" || d.In != "query" && d.In != "header" {
				b.problems.add(where, "An API key needs a 'name', and 'in' with the value 'query' or 'header'.")
				continue
			}
			b.schemes[name] = &keyScheme{name: d.Name, inHeader: d.In == "header", valid: b.options.APIKey}
		case "oauth2":
			if d.Issuer != "" {
				b.addTokenScheme(where, name, d, client)
			}
		case "basic":
			// Accepted but not usable, as with API Gateway: an operation that asks for it is a problem.
		default:
			b.problems.add(where, fmt.Sprintf("The type '%s' is not supported.", d.Type))
		}
	}
}

func (b *builder) addTokenScheme(where, name string, d securityDefinition, client *http.Client) {
	if d.JWKSURI != "" && !isHTTP(d.JWKSURI) || d.JWKSURI == "" && !isHTTP(d.Issuer) {
		b.problems.add(where, "The address of the keys (x-google-jwks_uri; jwksUri in OpenAPI 3) is not an http or https URL.")
		return
	}
	s := &jwtScheme{issuer: d.Issuer, now: b.options.Now, locations: d.Locations}
	if len(s.locations) == 0 {
		s.locations = defaultLocations()
	}
	for _, l := range s.locations {
		if (l.Header == "") == (l.Query == "") {
			b.problems.add(where, "Each of x-google-jwt-locations (jwtLocations in OpenAPI 3) needs either 'header' or 'query'.")
			return
		}
	}
	for audience := range strings.SplitSeq(d.Audiences, ",") {
		if audience = strings.TrimSpace(audience); audience != "" {
			s.audiences = append(s.audiences, bareAudience(audience))
		}
	}
	if len(s.audiences) == 0 {
		s.audiences = []string{b.options.ServiceName}
	}
	s.keys = &keySet{issuer: d.Issuer, uri: d.JWKSURI, client: client, now: b.options.Now, log: b.options.Log}
	b.schemes[name] = s
}
