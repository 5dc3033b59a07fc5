package github

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// caller is who makes a request: the App itself (with a JWT), or one of its installations (with a token).
type caller struct {
	app   bool
	made  bool // the App is the one that was made from a manifest
	grant *granted
}

// may tells whether the caller may see r.
func (c caller) may(r *repository, i *installation) bool {
	if c.grant == nil || i == nil || i.ID != c.grant.Installation || i.Suspended {
		return false
	}
	return len(c.grant.Repositories) == 0 || slices.Contains(c.grant.Repositories, r.ID)
}

var (
	errCredentials = &apiError{Status: http.StatusUnauthorized, Message: "Bad credentials"}
	errAnonymous   = &apiError{Status: http.StatusUnauthorized, Message: "Requires authentication"}
)

// authenticate finds out who makes the request. The caller holds mu.
func (s *Server) authenticate(r *http.Request) (caller, error) {
	header := r.Header.Get("Authorization")
	scheme, value, _ := strings.Cut(header, " ")
	if header == "" {
		return caller{}, errAnonymous
	}
	if !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "token") {
		return caller{}, errCredentials
	}
	if strings.Count(value, ".") == 2 {
		return s.authenticateApp(value)
	}
	// https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
	grant := s.state.Tokens[hashToken(value)]
	if grant == nil || !s.now().Before(grant.Expires) {
		return caller{}, errCredentials
	}
	return caller{grant: grant}, nil
}

// authenticateApp verifies a JWT as GitHub does: RS256, the App's id as issuer, issued in the past, valid for ten
// minutes at the most.
// https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
func (s *Server) authenticateApp(token string) (caller, error) {
	var claims jwt.RegisteredClaims
	made := false
	_, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) {
		if a := s.state.App; a != nil && claims.Issuer == strconv.FormatInt(a.ID, 10) {
			made = true
			return jwt.ParseRSAPublicKeyFromPEM(a.PublicKey)
		}
		if claims.Issuer != strconv.FormatInt(s.options.AppID, 10) {
			return nil, jwt.ErrTokenInvalidIssuer
		}
		return s.keys, nil
	}, jwt.WithValidMethods([]string{"RS256"}),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(s.now))
	switch {
	case err == nil:
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return caller{}, &apiError{
			Status:  http.StatusUnauthorized,
			Message: "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
		}
	case errors.Is(err, jwt.ErrTokenExpired):
		return caller{}, &apiError{
			Status:  http.StatusUnauthorized,
			Message: "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
		}
	default:
		return caller{}, &apiError{Status: http.StatusUnauthorized, Message: "A JSON web token could not be decoded"}
	}
	if claims.ExpiresAt.After(s.now().Add(10*time.Minute + time.Second)) {
		return caller{}, &apiError{
			Status:  http.StatusUnauthorized,
			Message: "'Expiration time' claim ('exp') is too far in the future",
		}
	}
	return caller{app: true, made: made}, nil
}

// newToken gives out an installation token. The caller holds mu and saves.
func (s *Server) newToken(g *granted) string {
	for hash, old := range s.state.Tokens {
		if !s.now().Before(old.Expires) {
			delete(s.state.Tokens, hash)
		}
	}
	if s.state.Tokens == nil {
		s.state.Tokens = map[string]*granted{}
	}
	g.Expires = s.now().Add(s.options.TokenLife).UTC().Truncate(time.Second)
	token := "ghs_" + rand.Text() + rand.Text()[:10]
	s.state.Tokens[hashToken(token)] = g
	return token
}

// SetPublicKeys changes which keys verify the App's JWTs, as creating and deleting private keys in the App's settings
// does. Tokens that were given out stay valid.
func (s *Server) SetPublicKeys(texts ...[]byte) error {
	keys, err := parseKeys(texts)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
	return nil
}

func parseKeys(texts [][]byte) (jwt.VerificationKeySet, error) {
	var set jwt.VerificationKeySet
	for _, text := range texts {
		key, err := jwt.ParseRSAPublicKeyFromPEM(text)
		if err != nil {
			return set, fmt.Errorf("reading the App's public key: %w", err)
		}
		set.Keys = append(set.Keys, key)
	}
	return set, nil
}

// RevokeTokens makes all installation tokens invalid, as if the installations had been changed.
func (s *Server) RevokeTokens() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.state.Tokens)
	return s.save()
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// rateLimit counts the requests of one installation in the current hour.
type rateLimit struct {
	used   int
	reset  time.Time
	writes []time.Time // of the last minute
}

// mayWrite tells whether the caller may create one more piece of content in this minute. The caller holds mu.
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
func (s *Server) mayWrite(c caller) bool {
	l := s.limits[c.installation()]
	if s.options.WritesPerMinute == 0 || l == nil || c.app {
		return true
	}
	now := s.now()
	l.writes = slices.DeleteFunc(l.writes, func(at time.Time) bool { return now.Sub(at) >= time.Minute })
	if len(l.writes) >= s.options.WritesPerMinute {
		return false
	}
	l.writes = append(l.writes, now)
	return true
}

// Left is how many requests an installation has left in this hour.
func (s *Server) Left(installation int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.limits[installation]; l != nil && s.now().Before(l.reset) {
		return s.options.RateLimit - l.used
	}
	return s.options.RateLimit
}

// uncount gives back the request that was taken last: one that is answered with 304 costs nothing.
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
func (s *Server) uncount(w http.ResponseWriter, c caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.limits[c.installation()]; l != nil && l.used > 0 {
		l.used--
		w.Header().Set("X-Ratelimit-Remaining", strconv.Itoa(s.options.RateLimit-l.used))
		w.Header().Set("X-Ratelimit-Used", strconv.Itoa(l.used))
	}
}

// installation is the caller's; 0 for the App itself.
func (c caller) installation() int64 {
	if c.grant == nil {
		return 0
	}
	return c.grant.Installation
}

// count takes one request from the caller's hour and writes the headers. The caller holds mu. It is false when nothing
// is left.
func (s *Server) count(w http.ResponseWriter, c caller) bool {
	l := s.limits[c.installation()]
	if l == nil || !s.now().Before(l.reset) {
		l = &rateLimit{reset: s.now().Add(time.Hour)}
		s.limits[c.installation()] = l
	}
	ok := l.used < s.options.RateLimit
	if ok {
		l.used++
	}
	h := w.Header()
	h.Set("X-Ratelimit-Limit", strconv.Itoa(s.options.RateLimit))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(s.options.RateLimit-l.used))
	h.Set("X-Ratelimit-Used", strconv.Itoa(l.used))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(l.reset.Unix(), 10))
	h.Set("X-Ratelimit-Resource", "core")
	return ok
}
