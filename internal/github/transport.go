package github

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxBody bounds every answer. The largest that is asked for is a file of 8 MB, or a page of 100 files with patches.
const maxBody = 32 << 20

// maxRedirects bounds how often one request is sent elsewhere.
const maxRedirects = 5

// transport authenticates the requests of one access, keeps writes apart, follows redirects, asks conditionally for what
// was read before, notes pauses that GitHub asks for, refuses requests while one lasts, and bounds answers.
type transport struct {
	client     *Client
	access     access
	next       http.RoundTripper
	staysFound bool // a 302 is an answer, not to be followed
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := t.client
	if !c.ours(req) {
		return nil, fmt.Errorf("refusing to authenticate to %s", req.URL.Host)
	}
	if err := c.paused(t.access.installation); err != nil {
		return nil, err
	}
	if writes(req) && !t.access.app() {
		if err := c.turn(req.Context(), t.access.installation); err != nil {
			return nil, err
		}
		if err := c.paused(t.access.installation); err != nil { // it has begun meanwhile
			return nil, err
		}
	}
	resp, err := t.authenticated(req)
	for range maxRedirects {
		if err != nil {
			return nil, err
		}
		next := t.redirected(req, resp)
		if next == nil {
			break
		}
		_ = resp.Body.Close()
		req = next
		resp, err = t.authenticated(req)
	}
	return resp, err
}

// ours tells whether a request goes to where the credentials belong.
func (c *Client) ours(req *http.Request) bool {
	return req.URL.Host == c.base.Host && req.URL.Scheme == c.base.Scheme
}

func writes(req *http.Request) bool {
	return req.Method != http.MethodGet && req.Method != http.MethodHead
}

// redirected is the request that resp asks for instead of req; nil when it asks for none, or for one elsewhere. Renamed
// and transferred repositories answer like that. Method and body stay as they are, which the standard library's client
// would change after a 301.
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
func (t *transport) redirected(req *http.Request, resp *http.Response) *http.Request {
	if t.staysFound && resp.StatusCode == http.StatusFound {
		return nil
	}
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	to, err := resp.Location()
	if err != nil || to.Host != t.client.base.Host || to.Scheme != t.client.base.Scheme || to.User != nil {
		return nil
	}
	if req.Body != nil && req.GetBody == nil {
		return nil
	}
	next := req.Clone(req.Context())
	next.URL, next.Host = to, ""
	return next
}

// authenticated sends req with a token. One that was revoked before its time is replaced once.
func (t *transport) authenticated(req *http.Request) (*http.Response, error) {
	c := t.client
	token, err := c.token(req.Context(), t.access)
	if err != nil {
		return nil, err
	}
	resp, err := t.send(req, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	if t.access.app() {
		return nil, c.noteRefused(resp, token)
	}
	if req.Body != nil && req.GetBody == nil {
		return resp, nil
	}
	_ = resp.Body.Close()
	c.forget(t.access, token)
	if token, err = c.token(req.Context(), t.access); err != nil {
		return nil, err
	}
	return t.send(req, token)
}

func (t *transport) send(req *http.Request, token credential) (*http.Response, error) {
	out := req.Clone(req.Context())
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	out.Header.Set("Authorization", "Bearer "+token.value.Reveal())
	known := t.client.answers.ask(t.access, out)
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	began := t.client.now()
	resp, err := next.RoundTrip(out)
	if err != nil {
		t.client.noteSilence(t.access.installation, began)
		return nil, err
	}
	resp.Body = &limited{body: resp.Body, left: maxBody}
	if err := t.client.notePause(t.access.installation, resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	if t.access.app() && accepted(resp.StatusCode) {
		t.client.noteAccepted()
	}
	return t.client.answers.take(t.access, out, resp, known)
}

// accepted tells whether an answer of that status shows that GitHub took the credential: it is not from something in between,
// and not from a limit that comes first.
func accepted(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return false
	}
	return status < http.StatusInternalServerError
}

// limited is a body that ends with an error after so many bytes, rather than as if it were complete.
type limited struct {
	body io.ReadCloser
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("GitHub's answer is longer than %d bytes", int64(maxBody))
	}
	n, err := l.body.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

func (l *limited) Close() error { return l.body.Close() }

// immutable tells whether what a path names never changes, and is kept by whoever asks for it.
func immutable(path string) bool {
	return strings.Contains(path, "/contents/") || strings.Contains(path, "/git/blobs/") || strings.Contains(path, "/compare/")
}
