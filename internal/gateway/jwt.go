package gateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	messageNoToken     = "Jwt is missing"
	messageOtherIssuer = "Jwt issuer is not configured"
)

// clockSkew is how far clocks may be apart: the default of Envoy's filter
// (https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/jwt_authn/v3/config.proto).
const clockSkew = time.Minute

// maxToken is the size limit of a token in bytes: API Gateway takes 60 KB of headers.
const maxToken = 60 << 10

// jwtScheme asks for a JSON Web Token (RFC 7519, https://www.rfc-editor.org/rfc/rfc7519) of one issuer.
type jwtScheme struct {
	issuer    string
	audiences []string
	locations []jwtLocation
	keys      *keySet
	now       func() time.Time
}

func defaultLocations() []jwtLocation {
	return []jwtLocation{
		{Header: "Authorization", ValuePrefix: "Bearer "},
		{Header: "X-Goog-Iap-Jwt-Assertion"},
		{Query: "access_token"},
	}
}

func (s *jwtScheme) check(ctx context.Context, r *http.Request) (string, *refusal) {
	raw := s.find(r)
	if raw == "" {
		return "", unauthorized(r, messageNoToken)
	}
	token, err := parseToken(raw)
	if err != nil {
		return "", unauthorized(r, err.Error())
	}
	now := s.now()
	switch {
	case token.claims.Issuer != s.issuer:
		return "", unauthorized(r, messageOtherIssuer)
	case token.claims.NotBefore != nil && now.Add(clockSkew).Before(token.claims.NotBefore.Time):
		return "", unauthorized(r, "Jwt not yet valid")
	case token.claims.ExpiresAt != nil && now.Add(-clockSkew).After(token.claims.ExpiresAt.Time):
		return "", unauthorized(r, "Jwt is expired")
	case !s.isFor(token.claims.Audience):
		no := unauthorized(r, "Audiences in Jwt are not allowed")
		no.status = http.StatusForbidden
		return "", no
	}
	if err := s.keys.verify(ctx, token); err != nil {
		return "", unauthorized(r, err.Error())
	}
	return token.payload, nil
}

// find returns the token of the first location that has one.
func (s *jwtScheme) find(r *http.Request) string {
	for _, l := range s.locations {
		value := ""
		if l.Header != "" {
			value = r.Header.Get(l.Header)
			if !strings.HasPrefix(value, l.ValuePrefix) {
				continue
			}
			value = value[len(l.ValuePrefix):]
		} else if strings.Contains(r.URL.RawQuery, l.Query) {
			value = r.URL.Query().Get(l.Query)
		}
		if value = strings.TrimSpace(value); value != "" {
			return value
		}
	}
	return ""
}

func (s *jwtScheme) isFor(audiences []string) bool {
	return slices.ContainsFunc(audiences, func(a string) bool {
		return slices.Contains(s.audiences, bareAudience(a))
	})
}

// bareAudience drops what Envoy ignores when it compares audiences: the scheme and a last slash.
func bareAudience(a string) string {
	if rest, ok := strings.CutPrefix(a, "https://"); ok {
		a = rest
	} else {
		a = strings.TrimPrefix(a, "http://")
	}
	return strings.TrimSuffix(a, "/")
}

// unauthorized names the resource as RFC 6750, section 3 (https://www.rfc-editor.org/rfc/rfc6750#section-3) asks for.
func unauthorized(r *http.Request, message string) *refusal {
	challenge := `Bearer realm="http://` + strings.ReplaceAll(r.Host+r.URL.EscapedPath(), `"`, "%22") + `"`
	if message != messageNoToken {
		challenge += `, error="invalid_token"`
	}
	return &refusal{status: http.StatusUnauthorized, message: message, challenge: challenge}
}

// token is a token whose signature is not verified yet.
type token struct {
	alg, kid  string
	signed    string // what the signature covers
	payload   string // base64url
	signature []byte
	claims    jwt.RegisteredClaims
}

// The texts of the errors are those of the library that ESPv2 uses (https://github.com/google/jwt_verify_lib).
var (
	errTokenForm      = errors.New("Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections") //nolint:staticcheck // as ESPv2 writes it
	errTokenHeader    = errors.New("Jwt header is an invalid JSON")                                                   //nolint:staticcheck // as ESPv2 writes it
	errTokenPayload   = errors.New("Jwt payload is an invalid JSON")                                                  //nolint:staticcheck // as ESPv2 writes it
	errTokenSignature = errors.New("Jwt signature is an invalid Base64url encoded")                                   //nolint:staticcheck // as ESPv2 writes it
)

func parseToken(raw string) (*token, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || len(raw) > maxToken {
		return nil, errTokenForm
	}
	t := &token{signed: raw[:len(raw)-len(parts[2])-1], payload: parts[1]}
	var header struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
	}
	if err := decodePart(parts[0], &header); err != nil {
		return nil, errTokenHeader
	}
	t.alg, t.kid = header.Alg, header.Kid
	if err := decodePart(parts[1], &t.claims); err != nil {
		return nil, errTokenPayload
	}
	var err error
	if t.signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return nil, errTokenSignature
	}
	return t, nil
}

func decodePart(part string, v any) error {
	data, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}
