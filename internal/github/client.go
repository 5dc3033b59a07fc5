package github

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	api "github.com/google/go-github/v60/github"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Options are the settings of a Client.
type Options struct {
	BaseURL    string           // "" is https://api.github.com/; a GitHub Enterprise Server's ends with /api/v3/
	AppID      int64            // the GitHub App's
	PrivateKey []byte           // the App's, PEM
	HTTP       *http.Client     // its transport and timeout are used; nil: a client with a timeout of 30 s
	Now        func() time.Time // nil is time.Now
	Log        *slog.Logger     // nil: nothing is logged
}

// A Client talks to GitHub as one App. It keeps installation tokens, in memory only, and the pauses that GitHub asked
// for.
type Client struct {
	base  *url.URL
	appID int64
	key   *rsa.PrivateKey
	http  *http.Client
	now   func() time.Time
	log   *slog.Logger

	mu            sync.Mutex // guards what follows
	installations map[int64]*installation
	pauses        map[int64]time.Time // installation, or 0 for the App itself → until when
	slug          string              // the App's, once asked for
}

// New makes a Client. It makes no request.
func New(o Options) (*Client, error) {
	base, err := baseURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(o.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("reading the GitHub App's private key: %w", err)
	}
	c := &Client{
		base: base, appID: o.AppID, key: key, http: o.HTTP, now: o.Now, log: o.Log,
		installations: map[int64]*installation{}, pauses: map[int64]time.Time{},
	}
	if c.http == nil {
		c.http = &http.Client{Timeout: 30 * time.Second}
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func baseURL(text string) (*url.URL, error) {
	if text == "" {
		text = "https://api.github.com/"
	}
	base, err := url.Parse(text)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.User != nil {
		return nil, errors.New("GitHub's base URL is not an absolute http(s) URL without credentials") // not shown: it may hold some
	}
	base.Path = strings.TrimRight(base.Path, "/") + "/"
	return base, nil
}

// as is the client library for one installation, or for the App itself (0). It is made anew for each use, because the
// library keeps rate limits of its own by its own clock; they are kept here instead.
func (c *Client) as(installation int64) *api.Client {
	hc := *c.http
	hc.Transport = &transport{client: c, installation: installation, next: c.http.Transport}
	hc.CheckRedirect = c.checkRedirect
	lib := api.NewClient(&hc)
	lib.BaseURL = c.base
	lib.UserAgent = "gangway"
	return lib
}

// checkRedirect follows the redirects of renamed repositories, on the same host only.
func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	if req.URL.Host != c.base.Host || req.URL.Scheme != c.base.Scheme || len(via) > 5 {
		return http.ErrUseLastResponse
	}
	return nil
}

// CloneURL is where git fetches the repository from, without credentials.
func (c *Client) CloneURL(repo preview.Repository) string {
	u := *c.base
	if u.Host == "api.github.com" {
		u.Host = "github.com"
	}
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v3") + "/" + repo.FullName() + ".git"
	return u.String()
}
