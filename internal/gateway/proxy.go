package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// Headers that the gateway sets itself, in canonical form.
const (
	userinfoHeader      = "X-Apigateway-Api-Userinfo"
	consumerTypeHeader  = "X-Apigateway-Api-Consumer-Type"
	consumerNumHeader   = "X-Apigateway-Api-Consumer-Number"
	forwardedAuthHeader = "X-Forwarded-Authorization"
	methodOverride      = "X-Http-Method-Override"
)

// call is an admitted request on its way to the backend.
type call struct {
	route    *route
	method   string
	path     string // prepared, escaped
	userinfo string
	token    string
}

type callKey struct{}

func newProxy(o Options) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:      rewrite,
		Transport:    o.Transport,
		BufferPool:   &bufferPool{},
		ErrorLog:     slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
		ErrorHandler: answerFailure(o.Log),
	}
}

// rewrite makes the request to the backend from the client's. ReverseProxy has removed the hop-by-hop headers already.
func rewrite(p *httputil.ProxyRequest) {
	c, _ := p.In.Context().Value(callKey{}).(*call)
	to := c.route.backend
	escaped, query := to.target(c.route.template, c.path, p.In.URL.RawQuery)
	out := p.Out
	out.Method = c.method
	out.Host = to.host
	out.URL = &url.URL{Scheme: to.scheme, Host: to.host, Path: escaped, RawPath: escaped, RawQuery: query}
	if plain, err := url.PathUnescape(escaped); err == nil {
		out.URL.Path = plain
	}
	h := out.Header
	out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
	p.SetXForwarded()
	// API Gateway speaks no other protocol than HTTP.
	delete(h, "Connection")
	delete(h, "Upgrade")
	delete(h, methodOverride)
	delete(h, consumerTypeHeader)
	delete(h, consumerNumHeader)
	delete(h, userinfoHeader)
	if c.userinfo != "" {
		h[userinfoHeader] = []string{c.userinfo}
	}
	if c.token == "" {
		return
	}
	delete(h, forwardedAuthHeader)
	if own := h["Authorization"]; len(own) > 0 {
		h[forwardedAuthHeader] = own
	}
	h["Authorization"] = []string{"Bearer " + c.token}
}

// answerFailure turns a failed exchange with a backend into ESPv2's answer.
func answerFailure(log *slog.Logger) func(http.ResponseWriter, *http.Request, error) {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		no := failure(err)
		if !errors.Is(err, context.Canceled) {
			log.WarnContext(r.Context(), "forwarding a request", "backend", r.URL.Host, "status", no.status, "error", err)
		}
		no.write(w)
	}
}

func failure(err error) *refusal {
	if errors.Is(err, context.DeadlineExceeded) {
		return refuse(http.StatusGatewayTimeout, "upstream request timeout")
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return refuse(http.StatusRequestEntityTooLarge, "Payload Too Large")
	}
	if _, unknown := errors.AsType[*net.DNSError](err); unknown {
		return refuse(http.StatusServiceUnavailable, "no healthy upstream")
	}
	reason := "connection termination"
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		reason = "remote connection failure"
	}
	return refuse(http.StatusServiceUnavailable,
		"upstream connect error or disconnect/reset before headers. reset reason: "+reason)
}

// bufferPool lends the buffers through which bodies are copied.
type bufferPool struct{ pool sync.Pool }

func (b *bufferPool) Get() []byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return *buffer
	}
	return make([]byte, 32<<10)
}

func (b *bufferPool) Put(buffer []byte) { b.pool.Put(&buffer) }
