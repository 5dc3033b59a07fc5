package openapitest

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
)

// The formats of documents; the zero value is a mixture.
const (
	JSON = "json"
	YAML = "yaml"
)

// The versions of documents.
const (
	V20 = "2.0"
	V30 = "3.0"
	V31 = "3.1"
)

// A Shape says what documents look like.
type Shape struct {
	Services   int      // at least 1
	Operations int      // of each service; at least 1
	Versions   []string // all by default
	Format     string   // JSON, YAML or "" for some of each
	Files      bool     // documents may consist of several files
	Depth      int      // of schemas; 2 by default
	Tame       bool     // nothing that a careful author would not write
	ForKin     bool     // nothing that is valid and that kin-openapi refuses or can't convert
}

// Generate makes documents that are valid and can be composed: no two services have an operation in common, and all of
// them use the security definitions firebase and staff (JWTs) and api_key, in combinations that API Gateway supports:
// https://docs.cloud.google.com/api-gateway/docs/openapi-limitations. Equal seeds and shapes make equal bytes.
func Generate(seed uint64, o Shape) []Service {
	if len(o.Versions) == 0 {
		o.Versions = []string{V20, V30, V31}
	}
	if o.Depth == 0 {
		o.Depth = 2
	}
	services := make([]Service, 0, o.Services)
	for i := range max(o.Services, 1) {
		g := &generator{
			r: newRand(seed, uint64(i)), seed: seed, index: i, shape: o, name: fmt.Sprintf("s%d", i), ids: map[string]bool{},
			files: map[string]any{}, cached: map[string]*object{},
		}
		services = append(services, g.service())
	}
	return services
}

func newRand(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream)) //nolint:gosec // has to be the same again
}

// A generator makes one service's document.
type generator struct {
	r       *rand.Rand
	seed    uint64
	index   int // of the service
	shape   Shape
	name    string
	version string
	yaml    bool

	root   string // file
	file   string // that is being made
	files  map[string]any
	split  bool // there are other files
	common bool // what is made has to be the same for all services

	names  []string // of shared schemas
	ids    map[string]bool
	prefix string             // of the service's own paths in its document
	shared bool               // paths may be those of other services
	cached map[string]*object // by what they are, for anchors
}

func pick[T any](g *generator, list ...T) T { return list[g.r.IntN(len(list))] }

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

// odd tells whether to do what a careful author would not.
func (g *generator) odd(percent int) bool { return g.chance(percent) && !g.shape.Tame }

func (g *generator) v2() bool  { return g.version == V20 }
func (g *generator) v31() bool { return g.version == V31 }

func (g *generator) service() Service {
	g.version = pick(g, g.shape.Versions...)
	g.yaml = g.shape.Format == YAML || g.shape.Format != JSON && g.chance(50)
	g.split = g.shape.Files && g.chance(60)
	g.root = pick(g, "", g.name+"/", "api/", "a b/") + "openapi" + g.ext(g.yaml)
	g.file = g.root
	document := g.document()
	if g.split {
		g.makeFiles()
	}
	s := Service{Name: g.name, File: g.root, Version: g.version, Files: map[string][]byte{}}
	g.files[g.root] = document
	names := make([]string, 0, len(g.files))
	for name := range g.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if path.Ext(name) == ".json" {
			s.Files[name] = writeJSON(g.r, g.files[name])
		} else {
			s.Files[name] = writeYAML(g.r, g.files[name], g.nasty())
		}
	}
	return s
}

func (g *generator) nasty() int {
	if g.shape.Tame {
		return 0
	}
	return 100
}

func (g *generator) ext(yaml bool) string {
	if yaml {
		return pick(g, ".yaml", ".yml")
	}
	return ".json"
}

func (g *generator) document() *object {
	g.nameSchemas()
	root := obj()
	if g.yaml && g.odd(50) {
		root.set("x-anchors", g.anchors())
	}
	switch g.version {
	case V20:
		root.set("swagger", "2.0")
	case V30:
		root.set("openapi", pick(g, "3.0.0", "3.0.3", "3.0.4"))
	default:
		root.set("openapi", pick(g, "3.1.0", "3.1.1"))
	}
	root.set("info", g.extend(obj("title", g.name, "version", pick(g, "1", "1.0", "2020-01-01"), "description", g.prose())))
	g.setBase(root)
	if g.chance(50) {
		root.set("security", g.security())
	}
	if g.v2() {
		g.setMedia(root)
		if g.chance(20) {
			root.set("schemes", []any{"https"})
		}
		if g.chance(20) {
			root.set("x-google-backend", obj("address", "https://old.example/base", "deadline", number("30.0")))
		}
	}
	if g.chance(40) {
		root.set("tags", []any{
			g.extend(obj("name", "t", "description", pick(g, "a", "b"))), obj("name", g.name, "externalDocs", obj("url", "https://x.example")),
		})
	}
	g.extend(root)
	root.set("paths", g.paths())
	g.setShared(root)
	if g.v31() && g.chance(40) {
		root.set("webhooks", obj("onEvent", obj("post", obj("responses", obj("200", g.response(true))))))
	}
	if g.chance(30) { // in any order
		first := root.keys[0] == "x-anchors"
		root2, _ := g.shuffleTop(root, first).(*object)
		return root2
	}
	return root
}

// shuffleTop puts the members of a document into another order; anchors stay first.
func (g *generator) shuffleTop(root *object, keepFirst bool) any {
	o := obj()
	if keepFirst {
		o.set(root.keys[0], root.vals[0])
	}
	for _, i := range g.r.Perm(len(root.keys)) {
		o.set(root.keys[i], root.vals[i])
	}
	return o
}

// setBase sets what stands in front of all paths.
func (g *generator) setBase(root *object) {
	base := pick(g, "", "", "/", "/"+g.name, "/"+g.name+"/v1/")
	g.shared = len(base) < 2
	if g.shared {
		g.prefix = "/" + g.name
	}
	if g.v2() {
		if g.chance(50) {
			root.set("host", "localhost:80")
		}
		if base != "" {
			root.set("basePath", base)
		}
		return
	}
	if base != "" {
		root.set("servers", g.servers(base))
	}
}

// servers are servers of OpenAPI 3 with one path, in several ways to write it.
func (g *generator) servers(base string) []any {
	list := []any{}
	for range 1 + g.r.IntN(2) {
		switch {
		case g.chance(30):
			list = append(list, obj("url", base))
		case g.chance(40) && len(base) > 1:
			list = append(list, obj("url", "https://{host}:{port}/{base}", "variables", obj(
				"host", obj("default", "x.example"), "port", obj("default", "443", "enum", []any{"443", "8443"}),
				"base", obj("default", base[1:], "description", g.prose()))))
		default:
			list = append(list, g.extend(obj("url", pick(g, "https://x.example", "http://localhost:8080")+base)))
		}
	}
	return list
}

func (g *generator) setMedia(o *object) {
	for _, key := range [...]string{"consumes", "produces"} {
		if g.chance(40) {
			o.set(key, pick(g, []any{"application/json"}, []any{"application/json", "application/xml"}, []any{"text/plain; charset=utf-8"},
				[]any{"application/vnd.x+json", "application/json", "application/json"}))
		}
	}
}

// security is a list of alternatives that API Gateway supports.
func (g *generator) security() []any {
	need := func(names ...string) *object {
		o := obj()
		for _, name := range names {
			if g.odd(10) && g.v2() && name != "api_key" {
				o.set(name, []any{"read"})
			} else {
				o.set(name, []any{})
			}
		}
		return o
	}
	switch g.r.IntN(9) {
	case 0:
		return []any{}
	case 1, 2:
		return []any{need("firebase")}
	case 3:
		return []any{need("staff")}
	case 4:
		return []any{need("firebase"), need("staff")}
	case 5:
		return []any{need("api_key", "firebase")}
	case 6:
		return []any{need("staff", "api_key")}
	case 7:
		return []any{need("api_key")}
	default:
		if g.chance(50) {
			return []any{obj(), need("api_key")}
		}
		return []any{need("api_key"), obj()}
	}
}

func (g *generator) securityDefinitions() *object {
	key := obj("type", "apiKey", "name", "key", "in", "query")
	if g.v2() {
		jwt := func(issuer, keys, audiences string) *object {
			return g.extend(obj("type", "oauth2", "flow", "implicit", "authorizationUrl", pick(g, "", issuer),
				"scopes", obj("read", "to read"), "x-google-issuer", issuer, "x-google-jwks_uri", keys, "x-google-audiences", audiences))
		}
		return obj("firebase", jwt("https://securetoken.google.com/shop", "https://keys.example/jwk", "shop"),
			"staff", jwt("https://staff.example", "https://staff.example/jwk", pick(g, "a,b", "b, a")), "api_key", key)
	}
	jwt := func(issuer, keys string, audiences ...any) *object {
		auth := obj("issuer", issuer, "jwksUri", keys, "audiences", audiences)
		if g.chance(50) {
			return obj("type", "http", "scheme", pick(g, "bearer", "Bearer"), "bearerFormat", "JWT", "x-google-auth", auth)
		}
		return g.extend(obj("type", "oauth2", "flows", obj("implicit", obj("authorizationUrl", issuer, "scopes", obj())), "x-google-auth", auth))
	}
	return obj("firebase", jwt("https://securetoken.google.com/shop", "https://keys.example/jwk", "shop"),
		"staff", jwt("https://staff.example", "https://staff.example/jwk", "a", "b"), "api_key", key)
}
