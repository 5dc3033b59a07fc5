package github

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gangway-dev/gangway/internal/telemetry"
)

// An AppError says that GitHub does not take the App's JWT. Nothing can be read or written until that is mended; nothing
// is taken down meanwhile, because nothing is known.
type AppError struct {
	Summary, Hint string
}

func (e *AppError) Error() string { return e.Summary + ": " + e.Hint }

const (
	// refusedFor is how long GitHub is left alone with a key that it has refused. Another key is tried at once.
	refusedFor = 10 * time.Second
	// A JWT is issued a while ago, because GitHub refuses one from the future, and lives for less than the ten minutes that
	// GitHub allows. So this machine's clock may be ahead of GitHub's by the one, and behind by the other.
	issuedAgo = time.Minute
	lifetime  = 8 * time.Minute
)

// appKey is the private key as it was read last.
type appKey struct {
	digest  string // of the text; names it without telling anything of it
	private *rsa.PrivateKey
}

// refusal is what GitHub's last word on the App was.
type refusal struct {
	err   error     // nil: accepted, or never asked
	key   string    // which key was refused
	at    time.Time // when it was refused
	known bool      // there was an answer
}

// readKey reads the private key again, so that it can be rotated. While it can't be read, or is none, the one before is
// used.
func (c *Client) readKey() (appKey, error) {
	text, err := c.source()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		sum := sha256.Sum256(text)
		digest := hex.EncodeToString(sum[:8])
		if digest == c.key.digest {
			return c.key, nil
		}
		var private *rsa.PrivateKey
		if private, err = jwt.ParseRSAPrivateKeyFromPEM(text); err == nil {
			c.key = appKey{digest: digest, private: private}
			return c.key, nil
		}
		err = errors.New("it is no RSA key in PEM form") // what it is instead is not shown
	}
	err = fmt.Errorf("reading the GitHub App's private key: %w", err)
	if c.key.private == nil {
		return appKey{}, err
	}
	c.log.Error("the GitHub App's private key can't be read again; the one before is used", "error", err)
	return c.key, nil
}

// signed is a JWT of the App.
// https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
func (c *Client) signed() (credential, error) {
	key, err := c.readKey()
	if err != nil {
		return credential{}, err
	}
	c.mu.Lock()
	r := c.refused
	c.mu.Unlock()
	now := c.now()
	if r.err != nil && r.key == key.digest && now.Before(r.at.Add(refusedFor)) {
		return credential{}, r.err
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
		Issuer:    strconv.FormatInt(c.appID, 10),
		IssuedAt:  jwt.NewNumericDate(now.Add(-issuedAgo)),
		ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
	}).SignedString(key.private)
	if err != nil {
		return credential{}, fmt.Errorf("signing the GitHub App's token: %w", err)
	}
	return credential{value: telemetry.Secret(token), key: key.digest}, nil
}

// noteRefused remembers that GitHub refused a JWT, and returns why: the clock, which GitHub's own tells from the key.
func (c *Client) noteRefused(resp *http.Response, token credential) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
	err := c.refusalOf(resp, string(text))
	c.mu.Lock()
	first := c.refused.err == nil
	c.refused = refusal{err: err, key: token.key, at: c.now(), known: true}
	c.mu.Unlock()
	if first {
		c.log.Error("GitHub refuses the App", "error", err)
	}
	return err
}

func (c *Client) refusalOf(resp *http.Response, text string) error {
	timing := strings.Contains(text, "'iat'") || strings.Contains(text, "'exp'")
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	off := c.now().Sub(theirs).Truncate(time.Second)
	if err == nil && (off > issuedAgo || off < -lifetime || timing && off.Abs() > issuedAgo/2) {
		side := "ahead of"
		if off < 0 {
			side = "behind"
		}
		return &AppError{
			Summary: fmt.Sprintf("this machine's clock is %s %s GitHub's, so that GitHub refuses the App's token", off.Abs(), side),
			Hint:    "set the clock (NTP)",
		}
	}
	return &AppError{
		Summary: fmt.Sprintf("GitHub refuses the private key of App %d", c.appID),
		Hint:    "it was deleted, or belongs to another App: create one in the App's settings and put it where Gangway reads it; it is read again by itself",
	}
}

// noteAccepted remembers that GitHub took a JWT.
func (c *Client) noteAccepted() {
	c.mu.Lock()
	before := c.refused
	c.refused = refusal{known: true}
	c.mu.Unlock()
	if before.err != nil {
		c.log.Info("GitHub takes the App again")
	}
}

// Ready tells whether GitHub takes the App: an *[AppError] says why not. That GitHub does not answer, or asks to wait, is
// no error here: nothing on this side would mend it. GitHub is asked only when nothing is known, or when it has refused.
func (c *Client) Ready(ctx context.Context) error {
	c.mu.Lock()
	ask := !c.refused.known || c.refused.err != nil
	c.mu.Unlock()
	if !ask {
		return nil
	}
	_, _, err := c.as(access{}).Apps.Get(ctx, "")
	if refused, ok := errors.AsType[*AppError](err); ok {
		return refused
	}
	if _, keyErr := c.readKey(); keyErr != nil {
		return keyErr
	}
	return nil
}

// keySource is where the private key comes from.
func keySource(o Options) func() ([]byte, error) {
	if o.Key != nil {
		return o.Key
	}
	text := bytes.Clone(o.PrivateKey)
	return func() ([]byte, error) { return text, nil }
}
