package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/loopback"
)

// maxTarget is the size limit of a request's path and query in bytes, as in ESPv2.
const maxTarget = 8192

// maxBody is the size limit of a request's body in bytes (https://docs.cloud.google.com/api-gateway/docs/quotas).
const maxBody = 32 << 20

// Options are what a [Gateway] needs besides its document. The zero value is usable: no API key is valid, and backends
// are called without ID tokens.
type Options struct {
	// ServiceName is the managed service. It is the audience "https://NAME" of tokens where the document names none,
	// and an endpoint with allowCors counts only under this name. The document's host stands in for an empty one.
	ServiceName string
	// APIKey tells whether key may call this service. It is called for each request, concurrently.
	APIKey func(key string) bool
	// IDToken returns an ID token for a backend. The gateway keeps tokens for up to a minute, and calls it concurrently
	// for different audiences.
	IDToken func(ctx context.Context, audience string) (string, error)
	// Transport reaches backends and issuers; the default is [loopback.Transport] without compression of its own.
	Transport http.RoundTripper
	// Paths says how paths are prepared.
	Paths PathPolicy
	// Now is the clock for tokens and keys; the default is [time.Now].
	Now func() time.Time
	// Log gets what goes wrong behind the gateway; the default discards it.
	Log *slog.Logger
}

// Gateway serves one document. It may be used concurrently.
type Gateway struct {
	router *router
	// unmatched serves what no operation matches, when the document says x-google-allow: all.
	unmatched *route
	basePath  string
	paths     PathPolicy
	tokens    *tokenCache
	proxy     *httputil.ReverseProxy
}

// route is one operation.
type route struct {
	method   string
	path     string // the template with the base path
	template *template
	backend  *backend
	security []requirement
}

// New returns the gateway of document, which is YAML or JSON. Everything that is wrong with the document is in a
// [*DocumentError].
func New(document []byte, o Options) (*Gateway, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Transport == nil {
		transport := loopback.Transport()
		// The client and the backend agree on an encoding; the proxy has no part in it.
		transport.DisableCompression = true
		o.Transport = transport
	}
	g := &Gateway{router: newRouter(), paths: o.Paths, tokens: newTokenCache(o.IDToken, o.Now)}
	if err := build(g, document, o); err != nil {
		return nil, err
	}
	g.proxy = newProxy(o)
	return g, nil
}

// ServeHTTP answers a request, from the backend or by a refusal in ESPv2's form.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call, no := g.admit(r)
	if no != nil {
		if no.status == http.StatusTemporaryRedirect {
			w.Header().Set("Location", no.challenge)
			no.challenge = ""
		}
		no.write(w)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), callKey{}, call), call.route.backend.deadline)
	defer cancel()
	if r.ContentLength != 0 {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	}
	g.proxy.ServeHTTP(w, r.WithContext(ctx))
}

// admit decides where a request goes, or refuses it.
func (g *Gateway) admit(r *http.Request) (*call, *refusal) {
	if len(r.RequestURI) > maxTarget {
		return nil, refuse(http.StatusBadRequest, "Path is too long, max allowed size is 8192.")
	}
	if strings.Contains(r.RequestURI, "#") {
		return nil, refuse(http.StatusBadRequest, "Path cannot contain fragment identifier (#)")
	}
	path := r.URL.EscapedPath()
	if g.paths.RedirectEscapedSlashes {
		if plain, changed := unescapedSlashes(path); changed {
			return nil, redirect(plain, r.URL.RawQuery)
		}
	}
	c := &call{method: r.Method, path: g.paths.prepare(path)}
	if override := r.Header.Get(methodOverride); override != "" {
		c.method = override
	}
	var no *refusal
	if c.route, no = g.route(c.path, c.method); no != nil {
		return nil, no
	}
	if c.userinfo, no = authorize(c.route.security, r); no != nil {
		return nil, no
	}
	if c.token, no = g.tokens.get(r.Context(), c.route.backend.audience); no != nil {
		return nil, no
	}
	return c, nil
}

func (g *Gateway) route(path, method string) (*route, *refusal) {
	if !strings.HasPrefix(path, "/") {
		return nil, notFound()
	}
	if method == "" {
		method = http.MethodGet
	}
	if found := g.router.find(path, method); found != nil {
		return found.methods[method], nil
	}
	if found := g.router.find(path, ""); found != nil {
		return nil, methodNotAllowed(found.template)
	}
	if g.unmatched != nil && (g.basePath == "" || path == g.basePath || strings.HasPrefix(path, g.basePath+"/")) {
		return g.unmatched, nil
	}
	return nil, notFound()
}

// redirect carries the new location in the refusal's challenge.
func redirect(path, rawQuery string) *refusal {
	if rawQuery != "" {
		path += "?" + rawQuery
	}
	return &refusal{status: http.StatusTemporaryRedirect, challenge: path}
}
