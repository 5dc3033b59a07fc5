package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	keysLifetime = 300 * time.Second
	keysTimeout  = 5 * time.Second
	maxKeys      = 1 << 20 // bytes of an answer
)

var (
	errKeysFetch = errors.New("Jwks remote fetch is failed")                        //nolint:staticcheck // as ESPv2 writes it
	errNoKey     = errors.New("Jwks doesn't have key to match kid or alg from Jwt") //nolint:staticcheck // as ESPv2 writes it
	errSignature = errors.New("Jwt verification fails")                             //nolint:staticcheck // as ESPv2 writes it
)

// keySet is the keys of one issuer, fetched when they are needed and kept for keysLifetime. It may be used concurrently.
type keySet struct {
	issuer string
	uri    string // empty: to be found by OpenID Connect discovery
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	flight singleflight.Group

	mu      sync.Mutex
	keys    []key
	expires time.Time
}

// keyClient returns a client that follows no redirect: the document says where the keys are, and nobody else.
func keyClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		Timeout:       keysTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// verify checks the token's signature with the issuer's keys.
func (s *keySet) verify(ctx context.Context, t *token) error {
	keys, err := s.current(ctx)
	if err != nil {
		return errKeysFetch
	}
	found := false
	for _, k := range keys {
		if !k.fits(t) {
			continue
		}
		if k.verify(t) {
			return nil
		}
		found = true
	}
	if found {
		return errSignature
	}
	return errNoKey
}

// current returns the cached keys or fetches them, once for all requests that wait for them.
func (s *keySet) current(ctx context.Context) ([]key, error) {
	s.mu.Lock()
	keys, fresh := s.keys, s.now().Before(s.expires)
	s.mu.Unlock()
	if fresh {
		return keys, nil
	}
	// The fetch serves others too, so it does not end with this request; the client's timeout bounds it.
	fetched := s.flight.DoChan("", func() (any, error) { return s.fetch(context.WithoutCancel(ctx)) })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-fetched:
		if result.Err != nil {
			return nil, result.Err
		}
		keys, _ := result.Val.([]key)
		return keys, nil
	}
}

func (s *keySet) fetch(ctx context.Context) ([]key, error) {
	keys, err := s.load(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "fetching keys", "issuer", s.issuer, "error", err)
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.expires = keys, s.now().Add(keysLifetime)
	return keys, nil
}

func (s *keySet) load(ctx context.Context) ([]key, error) {
	uri := s.uri
	if uri == "" {
		var err error
		if uri, err = s.discover(ctx); err != nil {
			return nil, err
		}
	}
	data, err := s.get(ctx, uri)
	if err != nil {
		return nil, err
	}
	return parseKeys(data)
}

// discover follows OpenID Connect Discovery, section 4
// (https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig).
func (s *keySet) discover(ctx context.Context) (string, error) {
	data, err := s.get(ctx, strings.TrimSuffix(s.issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	var configuration struct {
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(data, &configuration); err != nil || !isHTTP(configuration.JWKSURI) {
		return "", errors.New("the issuer's configuration names no jwks_uri")
	}
	return configuration.JWKSURI, nil
}

func (s *keySet) get(ctx context.Context, uri string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the status is %d", resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxKeys+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKeys {
		return nil, fmt.Errorf("the answer has more than %d bytes", maxKeys)
	}
	return data, nil
}

func isHTTP(uri string) bool {
	return strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "http://")
}
