package gateway

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// issuer signs tokens and publishes its keys.
type issuer struct {
	*httptest.Server
	key     *rsa.PrivateKey
	fetches atomic.Int64
	answer  func(w http.ResponseWriter, r *http.Request) // instead of the keys
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	i.Server = httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.fetches.Add(1)
	if i.answer != nil {
		i.answer(w, r)
		return
	}
	if r.URL.Path == "/.well-known/openid-configuration" {
		_ = json.NewEncoder(w).Encode(map[string]string{"jwks_uri": i.URL + "/keys"})
		return
	}
	public := i.key.PublicKey
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{
		map[string]string{"kty": "unknown"},
		map[string]string{
			"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig",
			"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
		},
	}})
}

// token signs claims; nil removes one of the usual ones.
func (i *issuer) token(t testing.TB, change jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{"iss": i.URL, "aud": "shop", "sub": "ann", "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range change {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = "one"
	signed, err := token.SignedString(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func authDocument(backend, issuer string) string {
	return strings.NewReplacer("BACKEND", backend, "ISSUER", issuer).Replace(`
swagger: "2.0"
info: {title: auth, version: "1"}
x-google-backend: {address: "BACKEND", disable_auth: true}
securityDefinitions:
  user: {type: oauth2, authorizationUrl: "", flow: implicit, x-google-issuer: ISSUER, x-google-jwks_uri: ISSUER/keys, x-google-audiences: "other, shop"}
  discovered: {type: oauth2, authorizationUrl: "", flow: implicit, x-google-issuer: ISSUER, x-google-audiences: shop}
  named: {type: oauth2, authorizationUrl: "", flow: implicit, x-google-issuer: ISSUER, x-google-jwks_uri: ISSUER/keys}
  key: {type: apiKey, name: key, in: query}
  header_key: {type: apiKey, name: x-api-key, in: header}
security: [{user: []}]
paths:
  /user: {get: {operationId: a}}
  /open: {get: {operationId: b, security: []}}
  /key: {get: {operationId: c, security: [{key: []}]}}
  /header: {get: {operationId: d, security: [{header_key: []}]}}
  /both: {get: {operationId: e, security: [{user: [], key: []}]}}
  /either: {get: {operationId: f, security: [{user: []}, {key: []}]}}
  /optional: {get: {operationId: g, security: [{key: []}, {}]}}
  /discovered: {get: {operationId: h, security: [{discovered: []}]}}
  /named: {get: {operationId: i, security: [{named: []}]}}
`)
}

func TestAuthentication(t *testing.T) {
	server, known, other := newBackendServer(t), newIssuer(t), newIssuer(t)
	for version, document := range inBothVersions(authDocument(server.URL, known.URL)) {
		t.Run(version, func(t *testing.T) { testAuthentication(t, document, known, other) })
	}
}

// testAuthentication sends requests to a gateway that serves authDocument, in whatever version of OpenAPI.
func testAuthentication(t *testing.T, document string, known, other *issuer) {
	t.Helper()
	g := newGateway(t, document, Options{
		ServiceName: "shop.example", APIKey: func(key string) bool { return key == "good" },
	})
	good := known.token(t, nil)
	old := known.token(t, jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix()})
	forged := other.token(t, jwt.MapClaims{"iss": known.URL})
	bearer := func(token string) string { return "Authorization: Bearer " + token }
	const noKey, badKey = messageNoKey, messageBadKey
	tests := []struct {
		name, target, header string
		status               int
		message              string
	}{
		{"open", "/open", "", 200, ""},
		{"no token", "/user", "", 401, "Jwt is missing"},
		{"token", "/user", bearer(good), 200, ""},
		{"token in the query", "/user?access_token=" + good, "", 200, ""},
		{"token of another scheme", "/user", "Authorization: Basic abc", 401, "Jwt is missing"},
		{"expired", "/user", bearer(old), 401, "Jwt is expired"},
		{"not yet valid", "/user", bearer(known.token(t, jwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()})), 401, "Jwt not yet valid"},
		{"without an end", "/user", bearer(known.token(t, jwt.MapClaims{"exp": nil})), 200, ""},
		{"another issuer", "/user", bearer(other.token(t, nil)), 401, "Jwt issuer is not configured"},
		{"another audience", "/user", bearer(known.token(t, jwt.MapClaims{"aud": "nobody"})), 403, "Audiences in Jwt are not allowed"},
		{"several audiences", "/user", bearer(known.token(t, jwt.MapClaims{"aud": []string{"nobody", "https://other/"}})), 200, ""},
		{"no audience", "/user", bearer(known.token(t, jwt.MapClaims{"aud": nil})), 403, "Audiences in Jwt are not allowed"},
		{"forged", "/user", bearer(forged), 401, "Jwt verification fails"},
		{"no token at all", "/user", bearer("abc"), 401, errTokenForm.Error()},
		{"bad header", "/user", bearer("!.e30.e30"), 401, errTokenHeader.Error()},
		{"algorithm none", "/user", bearer(unsigned(good)), 401, "Jwks doesn't have key to match kid or alg from Jwt"},
		{"discovered", "/discovered", bearer(good), 200, ""},
		{"the service's name is the audience", "/named", bearer(known.token(t, jwt.MapClaims{"aud": "https://shop.example"})), 200, ""},
		{"no key", "/key", "", 401, noKey},
		{"key", "/key?key=good", "", 200, ""},
		{"bad key", "/key?key=bad", "", 400, badKey},
		{"key in the wrong place", "/key", "X-Api-Key: good", 401, noKey},
		{"key in a header", "/header", "X-Api-Key: good", 200, ""},
		{"both, without key", "/both", bearer(good), 401, noKey},
		{"both, without token", "/both?key=good", "", 401, "Jwt is missing"},
		{"both", "/both?key=good", bearer(good), 200, ""},
		{"either, token", "/either", bearer(good), 200, ""},
		{"either, key", "/either?key=good", "", 200, ""},
		{"either, expired", "/either", bearer(old), 401, "Jwt is expired"},
		{"either, neither", "/either", "", 401, "Jwt is missing"},
		{"optional", "/optional", "", 200, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := send(t, g, request("GET", tt.target, nonEmpty(tt.header)...))
			if got.status != tt.status {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			if want := fmt.Sprintf(`{"code":%d,"message":%q}`, tt.status, tt.message); tt.status != 200 && got.body != want {
				t.Errorf("got %s, want %s", got.body, want)
			}
			if challenged := got.header.Get("WWW-Authenticate") != ""; challenged != strings.Contains(tt.message, "Jw") && tt.status != 403 {
				t.Errorf("WWW-Authenticate is %q", got.header.Get("WWW-Authenticate"))
			}
		})
	}
}

// unsigned makes of a token one that claims to need no signature.
func unsigned(token string) string {
	parts := strings.Split(token, ".")
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"one"}`)) + "." + parts[1] + "."
}

func TestUserinfo(t *testing.T) {
	server, known := newBackendServer(t), newIssuer(t)
	g := newGateway(t, authDocument(server.URL, known.URL), Options{})
	spoofed := "X-Apigateway-Api-Userinfo: c3Bvb2ZlZA"
	token := known.token(t, nil)
	got := send(t, g, request("GET", "/user", "Authorization: Bearer "+token, spoofed)).seen(t)
	payload := strings.Split(token, ".")[1]
	if values := got.Header[userinfoHeader]; len(values) != 1 || values[0] != payload {
		t.Errorf("the backend saw %v", values)
	}
	if got.Header.Get("Authorization") != "Bearer "+token {
		t.Errorf("without a token of the gateway's own the client's was changed: %v", got.Header)
	}
	got = send(t, g, request("GET", "/open", spoofed, "X-Apigateway-Api-Consumer-Number: 1")).seen(t)
	if len(got.Header[userinfoHeader]) > 0 || len(got.Header[consumerNumHeader]) > 0 {
		t.Errorf("the backend saw what only the gateway may say: %v", got.Header)
	}
}

func TestKeysAreCachedAndRenewed(t *testing.T) {
	server, known := newBackendServer(t), newIssuer(t)
	now := time.Now()
	g := newGateway(t, authDocument(server.URL, known.URL), Options{Now: func() time.Time { return now }})
	r := func() answer {
		return send(t, g, request("GET", "/user", "Authorization: Bearer "+known.token(t, nil)))
	}
	for range 3 {
		if got := r(); got.status != 200 {
			t.Fatal(got.body)
		}
	}
	if n := known.fetches.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
	now = now.Add(keysLifetime)
	r()
	if n := known.fetches.Load(); n != 2 {
		t.Errorf("after their time the keys were fetched %d times in all", n)
	}
}

func TestKeyFetchIsBounded(t *testing.T) {
	server := newBackendServer(t)
	redirected := newIssuer(t)
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, redirected.URL+"/keys", http.StatusFound)
		},
		"error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		},
		"nonsense": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
	} {
		t.Run(name, func(t *testing.T) {
			known := newIssuer(t)
			known.answer = answer
			g := newGateway(t, authDocument(server.URL, known.URL), Options{})
			got := send(t, g, request("GET", "/user", "Authorization: Bearer "+known.token(t, nil)))
			if got.status != 401 || !strings.Contains(got.body, "Jwks remote fetch is failed") {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
	if redirected.fetches.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
