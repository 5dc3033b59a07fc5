package identity_test

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/emulator/identity"
)

const (
	account  = "gateway@shop.iam.gserviceaccount.com"
	audience = "http://orders-abc.uc.run.localhost:8080"
)

func TestIDToken(t *testing.T) {
	dir := t.TempDir()
	issuer := newIssuer(t, dir)
	token, err := issuer.IDToken(account, audience)
	if err != nil {
		t.Fatal(err)
	}
	// A restart keeps the key.
	if email, err := newIssuer(t, dir).Verify(token, audience); err != nil || email != account {
		t.Errorf("Verify: %q, %v", email, err)
	}
	claims := claims(t, token)
	delete(claims, "iat")
	delete(claims, "exp")
	want := jwt.MapClaims{
		"iss": "https://accounts.google.com", "aud": audience, "email": account, "email_verified": true,
		"sub": identity.Subject(account), "azp": identity.Subject(account),
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestVerifyRefuses(t *testing.T) {
	issuer, other := newIssuer(t, t.TempDir()), newIssuer(t, t.TempDir())
	good := must(t)(issuer.IDToken(account, audience))
	part := strings.Split(good, ".")
	tests := map[string]string{
		"another audience":  must(t)(issuer.IDToken(account, "http://pr-1---orders-abc.uc.run.localhost:8080")),
		"another key":       must(t)(other.IDToken(account, audience)),
		"a user's token":    must(t)(issuer.FirebaseToken(audience, "ada")),
		"no signature":      part[0] + "." + part[1] + ".",
		"algorithm none":    base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + part[1] + ".",
		"changed claims":    part[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{}`)) + "." + part[2],
		"not a token":       "Bearer",
		"empty":             "",
		"algorithm by HMAC": hmacToken(t),
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			email, err := issuer.Verify(token, audience)
			if !errors.Is(err, identity.ErrInvalid) || email != "" {
				t.Errorf("Verify: %q, %v", email, err)
			}
			if token != "" && strings.Contains(err.Error(), token) && len(token) > 10 {
				t.Error("the error contains the token")
			}
		})
	}
}

func hmacToken(t *testing.T) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": identity.GoogleIssuer, "aud": audience})
	return must(t)(token.SignedString([]byte("key")))
}

func TestKeySetVerifiesTokens(t *testing.T) {
	issuer := newIssuer(t, t.TempDir())
	for _, path := range []string{
		"/.well-known/jwks.json", "/oauth2/v3/certs", "/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
	} {
		var set struct {
			Keys []struct{ Kid, N, E string }
		}
		getJSON(t, issuer, path, &set)
		if len(set.Keys) != 1 {
			t.Fatalf("%s: %d keys", path, len(set.Keys))
		}
		key := &rsa.PublicKey{N: number(t, set.Keys[0].N), E: int(number(t, set.Keys[0].E).Int64())}
		token := must(t)(issuer.FirebaseToken("shop", "ada"))
		parsed, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return key, nil })
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if parsed.Header["kid"] != set.Keys[0].Kid {
			t.Errorf("key id %v, want %v", parsed.Header["kid"], set.Keys[0].Kid)
		}
	}
}

func TestTokenEndpoint(t *testing.T) {
	issuer := newIssuer(t, t.TempDir())
	tests := map[string]struct{ query, issuer string }{
		"Firebase":       {"?user=ada&project=shop", "https://securetoken.google.com/shop"},
		"another issuer": {"?user=ada&project=shop&issuer=http://issuer.localhost", "http://issuer.localhost"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var answer struct{ Token string }
			getJSON(t, issuer, "/token"+tt.query, &answer)
			got := claims(t, answer.Token)
			if got["iss"] != tt.issuer || got["aud"] != "shop" || got["sub"] != "ada" || got["user_id"] != "ada" {
				t.Errorf("claims %v", got)
			}
		})
	}
	w := httptest.NewRecorder()
	issuer.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/token?project=shop", nil))
	if w.Code != 400 {
		t.Errorf("no user: status %d", w.Code)
	}
}

func TestPageEscapes(t *testing.T) {
	issuer := newIssuer(t, t.TempDir())
	w := httptest.NewRecorder()
	issuer.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", `/?project=p&user=%22%3E%3Cscript%3E`, nil))
	body, _ := io.ReadAll(w.Result().Body)
	if strings.Contains(string(body), "<script") || !strings.Contains(string(body), "<textarea") {
		t.Errorf("page:\n%s", body)
	}
}

func TestOneKeyForAllProcesses(t *testing.T) {
	dir := t.TempDir()
	issuers := make([]*identity.Issuer, 4)
	var wg sync.WaitGroup
	for n := range issuers {
		wg.Go(func() { issuers[n], _ = identity.New(dir) })
	}
	wg.Wait()
	token := must(t)(issuers[0].IDToken(account, audience))
	for n, issuer := range issuers {
		if _, err := issuer.Verify(token, audience); err != nil {
			t.Errorf("issuer %d: %v", n, err)
		}
	}
}

func newIssuer(t *testing.T, dir string) *identity.Issuer {
	t.Helper()
	issuer, err := identity.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

func must(t *testing.T) func(string, error) string {
	return func(s string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func claims(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func getJSON(t *testing.T, issuer *identity.Issuer, path string, into any) {
	t.Helper()
	w := httptest.NewRecorder()
	issuer.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
	if w.Code != 200 {
		t.Fatalf("%s: status %d", path, w.Code)
	}
	if err := json.NewDecoder(w.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, s string) *big.Int {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return new(big.Int).SetBytes(b)
}
