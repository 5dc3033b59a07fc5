package github

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	api "github.com/google/go-github/v60/github"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Options are the settings of a Client.
type Options struct {
	BaseURL    string // "" is https://api.github.com/; a GitHub Enterprise Server's ends with /api/v3/
	AppID      int64  // the GitHub App's
	PrivateKey []byte // the App's, PEM; not used where Key is set
	// Key reads the App's private key. It is asked each time that the App signs, so that the key can be rotated.
	Key func() ([]byte, error)
	// WriteInterval is the least time between two writes of an installation; 0 is a second, as GitHub asks for.
	WriteInterval time.Duration
	HTTP          *http.Client     // its transport and timeout are used; nil: a client with a timeout of 30 s
	Now           func() time.Time // nil is time.Now
	Log           *slog.Logger     // nil: nothing is logged
}

// A Client talks to GitHub as one App. It keeps installation tokens, in memory only, and the pauses that GitHub asked
// for.
type Client struct {
	base     *url.URL
	appID    int64
	source   func() ([]byte, error)
	interval time.Duration
	http     *http.Client
	now      func() time.Time
	log      *slog.Logger
	answers  *answers
	failed   deliveries

	mu      sync.Mutex // guards what follows
	key     appKey
	refused refusal
	grants  map[access]*grant
	pauses  map[int64]*pause    // installation, or 0 for the App itself
	writes  map[int64]time.Time // installation → when its next write may go out
	slug    string              // the App's, once asked for
}

// New makes a Client. It makes no request, but reads the private key.
func New(o Options) (*Client, error) {
	base, err := baseURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base: base, appID: o.AppID, source: keySource(o), interval: o.WriteInterval, http: o.HTTP, now: o.Now, log: o.Log,
		answers: newAnswers(), grants: map[access]*grant{}, pauses: map[int64]*pause{}, writes: map[int64]time.Time{},
	}
	if c.interval <= 0 {
		c.interval = defaultInterval
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
	if _, err := c.readKey(); err != nil {
		return nil, err
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

// as is the client library for one access. It is made anew for each use, because the library keeps rate limits of its own
// by its own clock; they are kept here instead.
func (c *Client) as(a access) *api.Client {
	hc := *c.http
	hc.Transport = &transport{client: c, access: a, next: c.http.Transport}
	// The transport has followed what may be followed.
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	lib := api.NewClient(&hc)
	lib.BaseURL = c.base
	lib.UserAgent = "gangway"
	return lib
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
