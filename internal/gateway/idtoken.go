package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// tokenLifetime is short on purpose: a token of a signer that was restarted with other keys is not used for long.
const tokenLifetime = time.Minute

// tokenCache keeps the ID tokens for backends by audience. The audiences are those of the document, so it is bounded.
type tokenCache struct {
	mint func(ctx context.Context, audience string) (string, error)
	now  func() time.Time

	flight singleflight.Group

	mu     sync.RWMutex
	tokens map[string]idToken
}

type idToken struct {
	value   string
	expires time.Time
}

func newTokenCache(mint func(context.Context, string) (string, error), now func() time.Time) *tokenCache {
	return &tokenCache{mint: mint, now: now, tokens: map[string]idToken{}}
}

// get returns a token for audience, and "" where none is asked for or nobody can make one.
func (c *tokenCache) get(ctx context.Context, audience string) (string, *refusal) {
	if audience == "" || c.mint == nil {
		return "", nil
	}
	c.mu.RLock()
	cached, ok := c.tokens[audience]
	c.mu.RUnlock()
	if ok && c.now().Before(cached.expires) {
		return cached.value, nil
	}
	ctx, cancel := context.WithTimeout(ctx, defaultDeadline)
	defer cancel()
	// The token serves other requests too, so its making does not end with this one.
	made := c.flight.DoChan(audience, func() (any, error) { return c.renew(context.WithoutCancel(ctx), audience) })
	select {
	case <-ctx.Done():
	case result := <-made:
		if value, ok := result.Val.(string); ok && result.Err == nil {
			return value, nil
		}
	}
	return "", refuse(http.StatusInternalServerError, "Token not found for audience: "+audience)
}

func (c *tokenCache) renew(ctx context.Context, audience string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, defaultDeadline)
	defer cancel()
	value, err := c.mint(ctx, audience)
	if err != nil {
		return "", err
	}
	expires := c.now().Add(tokenLifetime)
	if t, err := parseToken(value); err == nil && t.claims.ExpiresAt != nil && t.claims.ExpiresAt.Before(expires) {
		expires = t.claims.ExpiresAt.Time
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[audience] = idToken{value: value, expires: expires}
	return value, nil
}
