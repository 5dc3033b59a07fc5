package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	api "github.com/google/go-github/v60/github"
)

// maxBody bounds every answer. The largest that is asked for is a file of 8 MB, or a page of 100 files with patches.
const maxBody = 32 << 20

// transport authenticates the requests of one installation (0: of the App), notes pauses that GitHub asks for, refuses
// requests while one lasts, and bounds answers.
type transport struct {
	client       *Client
	installation int64
	next         http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := t.client
	if req.URL.Host != c.base.Host || req.URL.Scheme != c.base.Scheme {
		return nil, fmt.Errorf("refusing to authenticate to %s", req.URL.Host)
	}
	if err := c.paused(t.installation); err != nil {
		return nil, err
	}
	token, err := t.token(req.Context())
	if err != nil {
		return nil, err
	}
	resp, err := t.send(req, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || t.installation == 0 {
		return resp, err
	}
	// The token may have been revoked before its time: once more, with a new one.
	if req.Body != nil && req.GetBody == nil {
		return resp, nil
	}
	_ = resp.Body.Close()
	c.forget(t.installation, token)
	if token, err = t.token(req.Context()); err != nil {
		return nil, err
	}
	return t.send(req, token)
}

func (t *transport) token(ctx context.Context) (string, error) {
	if t.installation == 0 {
		return t.client.appToken()
	}
	return t.client.installationToken(ctx, t.installation)
}

func (t *transport) send(req *http.Request, token string) (*http.Response, error) {
	out := req.Clone(req.Context())
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	out.Header.Set("Authorization", "Bearer "+token)
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	resp.Body = &limited{body: resp.Body, left: maxBody}
	if err := t.client.notePause(t.installation, resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
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

// installation holds the token of one installation.
type installation struct {
	turn    chan struct{} // holds one element while nobody fetches a token
	token   string        // guarded by Client.mu, as is expires
	expires time.Time
}

// appToken signs a JWT for the App. It is issued a minute ago, because GitHub refuses one from the future, and lives
// for less than the ten minutes that GitHub allows.
func (c *Client) appToken() (string, error) {
	now := c.now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
		Issuer:    strconv.FormatInt(c.appID, 10),
		IssuedAt:  jwt.NewNumericDate(now.Add(-time.Minute)),
		ExpiresAt: jwt.NewNumericDate(now.Add(8 * time.Minute)),
	}).SignedString(c.key)
	if err != nil {
		return "", fmt.Errorf("signing the GitHub App's token: %w", err)
	}
	return token, nil
}

// installationToken is a token that is valid for five more minutes at least. One request at a time asks for a new one,
// the others wait for it.
func (c *Client) installationToken(ctx context.Context, id int64) (string, error) {
	c.mu.Lock()
	i := c.installations[id]
	if i == nil {
		i = &installation{turn: make(chan struct{}, 1)}
		i.turn <- struct{}{}
		c.installations[id] = i
	}
	c.mu.Unlock()
	if token := c.cached(i); token != "" {
		return token, nil
	}
	select {
	case <-i.turn:
		defer func() { i.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if token := c.cached(i); token != "" {
		return token, nil
	}
	granted, _, err := c.as(0).Apps.CreateInstallationToken(ctx, id, nil)
	if err != nil {
		return "", tokenError(id, err)
	}
	if granted.GetToken() == "" || strings.ContainsAny(granted.GetToken(), "\r\n") {
		return "", fmt.Errorf("asking for a token of installation %d: GitHub's answer holds none", id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i.token, i.expires = granted.GetToken(), granted.GetExpiresAt().Time
	return i.token, nil
}

// tokenError says why there is no token. It hides the status of the answer: a 404 for the installation must not be taken
// for a 404 of what the token was meant for.
func tokenError(id int64, err error) error {
	doing := fmt.Sprintf("asking for a token of installation %d", id)
	if answer, ok := errors.AsType[*api.ErrorResponse](err); ok && answer.Response != nil {
		return fmt.Errorf("%s: GitHub answered %d: %s", doing, answer.Response.StatusCode, details(answer))
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (c *Client) cached(i *installation) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Add(5 * time.Minute).Before(i.expires) {
		return i.token
	}
	return ""
}

// forget drops a token that GitHub refused, unless there is a newer one.
func (c *Client) forget(id int64, token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.installations[id]; i != nil && i.token == token {
		i.token, i.expires = "", time.Time{}
	}
}
