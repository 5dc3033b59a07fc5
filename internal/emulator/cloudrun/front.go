package cloudrun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Owns tells whether a host, with or without a port, is one that Front serves. The service need not exist.
func (s *Server) Owns(host string) bool { return strings.HasSuffix(hostName(host), domain) }

func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// Front serves the revisions under the host names of their services and tags. It also accepts requests that are made to
// a proxy, for these hosts only.
func (s *Server) Front() http.Handler { return http.HandlerFunc(s.front) }

// newTransport is how the front reaches the processes of revisions.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConns:        1024,
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     60 * time.Second,
		DisableCompression:  true,
	}
}

// A route is where a call goes.
type route struct {
	service  *service
	revision string // resource name
	timeout  time.Duration
}

func (s *Server) front(w http.ResponseWriter, r *http.Request) {
	to, ok := s.find(hostName(r.Host))
	// https://cloud.google.com/run/docs/known-issues#reserved-url-paths
	if !ok || r.URL.Path == "/healthz" {
		errorPage(w, r, http.StatusNotFound, "The requested URL was not found on this server.")
		return
	}
	checked, refused := s.authorize(to.service, r.Header)
	if refused != nil {
		w.Header().Set("WWW-Authenticate", refused.challenge)
		errorPage(w, r, refused.status, "Your client does not have permission to the requested URL.")
		return
	}
	if to.revision == "" {
		errorPage(w, r, http.StatusServiceUnavailable, "The service you requested is not available yet.")
		return
	}
	if s.options.Served != nil {
		seen := &statusWriter{ResponseWriter: w}
		w = seen
		defer s.served(to, seen, time.Now())
	}
	ctx, cancel := context.WithTimeout(r.Context(), to.timeout)
	defer cancel()
	i, done, err := s.instance(ctx, to.revision)
	if err != nil {
		s.log.WarnContext(ctx, "revision not started", "revision", to.revision, "error", err)
		errorPage(w, r, http.StatusServiceUnavailable, "The service you requested is not available yet.")
		return
	}
	defer done()
	proxy := httputil.ReverseProxy{
		Rewrite:       func(p *httputil.ProxyRequest) { rewrite(p, i.port, checked) },
		Transport:     s.transport,
		FlushInterval: -1,
		ErrorHandler:  proxyError,
	}
	proxy.ServeHTTP(w, r.WithContext(ctx))
}

// served tells of an answered request. A client that goes away before it has an answer counts with 499, as Google's front
// ends log it.
func (s *Server) served(to route, seen *statusWriter, began time.Time) {
	part := strings.Split(to.revision, "/") // projects/P/locations/L/services/S/revisions/R
	if len(part) != 8 {
		return
	}
	s.options.Served(Served{
		Project: part[1], Location: part[3], Service: part[5], Revision: part[7],
		Status: cmp.Or(seen.status, 499), Took: time.Since(began), At: time.Now(),
	})
}

// A statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets the proxy flush, and take connections over.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// find is the route of a host name.
func (s *Server) find(host string) (route, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var short string
	v := s.state.Services[s.hosts[host]]
	if v != nil {
		short = v.pick(rand.IntN(100))
	} else {
		tag, rest, _ := strings.Cut(host, "---")
		if v = s.state.Services[s.hosts[rest]]; v == nil {
			return route{}, false
		}
		if short = v.tagged(tag); short == "" {
			return route{}, false
		}
	}
	copied := *v
	to := route{service: &copied, timeout: 300 * time.Second}
	if revision := s.state.Revisions[v.revisionName(short)]; revision != nil {
		to.revision = revision.resource()
		to.timeout = cmp.Or(duration(revision.Template["timeout"]), to.timeout)
	}
	return to, true
}

// A refusal is why a call is not let through: https://cloud.google.com/run/docs/troubleshooting#unauthorized-client
type refusal struct {
	status    int
	challenge string
}

// authorize checks the caller's ID token against the service's policy. checked tells whether that was needed.
func (s *Server) authorize(v *service, h http.Header) (checked bool, refused *refusal) {
	if v.Policy.allows("") || v.Spec["invokerIamDisabled"] == true {
		return false, nil
	}
	kind, token, _ := strings.Cut(cmp.Or(h.Get("X-Serverless-Authorization"), h.Get("Authorization")), " ")
	if token == "" || !strings.EqualFold(kind, "Bearer") {
		return true, &refusal{http.StatusForbidden, `Bearer`}
	}
	email := ""
	for _, audience := range append([]string{v.url("", s.options.EdgePort())}, words(v.Spec, "customAudiences", nil)...) {
		// The audience is the service's own URL, also for calls to a tag:
		// https://cloud.google.com/run/docs/authenticating/service-to-service
		if account, err := s.options.Identity.Verify(token, audience); err == nil {
			email = account
			break
		}
	}
	if email == "" {
		return true, &refusal{
			http.StatusUnauthorized,
			`Bearer error="invalid_token" error_description="The access token could not be verified"`,
		}
	}
	if !v.Policy.allows(email) {
		return true, &refusal{
			http.StatusForbidden,
			`Bearer error="insufficient_scope" error_description="The caller does not have permission"`,
		}
	}
	return true, nil
}

// rewrite makes of a call to the front one to the process.
func rewrite(p *httputil.ProxyRequest, port int, checked bool) {
	p.Out.URL.Scheme, p.Out.URL.Host = "http", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	p.Out.Host = p.In.Host
	p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"] // SetXForwarded appends
	p.SetXForwarded()
	p.Out.Header.Del("X-Forwarded-Host")
	p.Out.Header.Del("X-Serverless-Authorization")
	if !checked {
		return
	}
	// The container learns who calls, but not what it could call others with.
	if h := p.Out.Header.Get("Authorization"); strings.Count(h, ".") == 2 {
		p.Out.Header.Set("Authorization", h[:strings.LastIndexByte(h, '.')]+".SIGNATURE_REMOVED_BY_GOOGLE")
	}
}

func proxyError(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		http.Error(w, "upstream request timeout", http.StatusGatewayTimeout)
	case r.Context().Err() != nil: // the caller has gone
	default:
		http.Error(w, "upstream connect error or disconnect/reset before headers.", http.StatusServiceUnavailable)
	}
}

// errorPage is a page as Google's front end answers.
func errorPage(w http.ResponseWriter, r *http.Request, status int, message string) {
	target := (&url.URL{Path: r.URL.Path}).EscapedPath()
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "\n<html><head>\n<meta http-equiv=\"content-type\" content=\"text/html;charset=utf-8\">\n"+
		"<title>%d %s</title>\n</head>\n<body text=#000000 bgcolor=#ffffff>\n<h1>Error: %s</h1>\n<h2>%s</h2>\n"+
		"<p><code>%s</code></p>\n</body></html>\n",
		status, http.StatusText(status), http.StatusText(status), message, html.EscapeString(target))
}
