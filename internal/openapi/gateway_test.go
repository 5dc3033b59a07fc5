package openapi

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gangway-dev/gangway/internal/gateway"
	"github.com/gangway-dev/gangway/internal/openapi/openapitest"
)

// far is everything behind a gateway: a service answers with its name, an issuer with its keys.
type far struct{ key *rsa.PrivateKey }

func newFar(t *testing.T) far {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return far{key}
}

func (f far) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if strings.HasSuffix(r.URL.Path, "/jwk") {
		keys, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig",
			"n": base64.RawURLEncoding.EncodeToString(f.key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(f.key.E)).Bytes()),
		}}})
		if err != nil {
			return nil, err
		}
		body = string(keys)
	} else {
		_, service, _ := strings.Cut(r.URL.Host, "---")
		body = strings.TrimSuffix(service, "-x.a.run.app")
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (f far) token(t *testing.T, issuer, audience string) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": "ann", "exp": time.Now().Add(time.Hour).Unix(),
	})
	token.Header["kid"] = "one"
	signed, err := token.SignedString(f.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// TestGatewayRoutes lets the emulated gateway serve what was composed: each operation gets to the service that it is of,
// when it asks for a token not without one, and there is no other way in.
func TestGatewayRoutes(t *testing.T) {
	behind := newFar(t)
	tokens := []string{"", behind.token(t, "https://securetoken.google.com/shop", "shop"), behind.token(t, "https://staff.example", "a")}
	eachSeed(t, func(t *testing.T, seed uint64) {
		services := openapitest.Generate(seed, shapeOf(seed))
		c, err := Compose(generated(services), testOptions())
		if err != nil {
			t.Fatal(err)
		}
		content, err := c.Render()
		if err != nil {
			t.Fatal(err)
		}
		g, err := gateway.New(content, gateway.Options{Transport: behind, APIKey: func(key string) bool { return key == "good" }})
		if err != nil {
			t.Fatalf("the gateway refuses it: %v\n%s", err, content)
		}
		for _, o := range c.Operations {
			for i, token := range append([]string{"no key"}, tokens...) {
				target := filled(o.Path) + "?key=good"
				if i == 0 {
					target, token = filled(o.Path), ""
				}
				r := httptest.NewRequest(o.Method, target, nil)
				if token != "" {
					r.Header.Set("Authorization", "Bearer "+token)
				}
				w := httptest.NewRecorder()
				g.ServeHTTP(w, r)
				refused := w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden
				switch {
				case i == 0 && o.Public != (w.Code == http.StatusOK):
					t.Errorf("%s %s answers %d without a token or key; public is %v", o.Method, o.Path, w.Code, o.Public)
				case refused && i < len(tokens):
					continue
				case w.Code != http.StatusOK || o.Method != http.MethodHead && w.Body.String() != o.Service:
					t.Errorf("%s %s of %s answers %d %s", o.Method, o.Path, o.Service, w.Code, w.Body)
				}
				break
			}
		}
	})
}
