package identity

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"math/big"
	"net/http"
	"net/url"
)

// pageText is the page on which a person gets a token.
//
//go:embed page.html
var pageText string

// Handler serves:
//
//	GET /.well-known/jwks.json              the key set; the same under the paths where Google and Firebase have theirs
//	GET /.well-known/openid-configuration   OpenID Connect discovery
//	GET /token?user=U&project=P             a Firebase-like token, as JSON {"token": …}; issuer=URL replaces the issuer
//	GET /                                   a page for people that does the same
func (i *Issuer) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{
		"/.well-known/jwks.json",
		"/oauth2/v3/certs",
		"/service_accounts/v1/jwk/{account}",
	} {
		mux.HandleFunc("GET "+path, i.serveKeys)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", i.serveDiscovery)
	mux.HandleFunc("GET /token", i.serveToken)
	page := template.Must(template.New("page").Parse(pageText))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { i.servePage(w, r, page) })
	return mux
}

// serveKeys: https://www.rfc-editor.org/rfc/rfc7517#section-5
func (i *Issuer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	public := i.key.PublicKey
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeJSON(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": i.id,
		"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
	}}})
}

// serveDiscovery: https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
func (i *Issuer) serveDiscovery(w http.ResponseWriter, r *http.Request) {
	here := "http://" + r.Host
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer": GoogleIssuer, "jwks_uri": here + "/.well-known/jwks.json", "token_endpoint": here + "/token",
		"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"claims_supported":                      []string{"aud", "email", "email_verified", "exp", "iat", "iss", "sub"},
	})
}

func (i *Issuer) serveToken(w http.ResponseWriter, r *http.Request) {
	token, err := i.requestedToken(r.URL.Query())
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"token": token})
}

func (i *Issuer) requestedToken(q url.Values) (string, error) {
	project := q.Get("project")
	if issuer := q.Get("issuer"); issuer != "" {
		return i.userToken(issuer, project, q.Get("user"))
	}
	return i.FirebaseToken(project, q.Get("user"))
}

func (i *Issuer) servePage(w http.ResponseWriter, r *http.Request, page *template.Template) {
	q := r.URL.Query()
	shown := struct{ User, Project, Issuer, Token, Error string }{
		User: q.Get("user"), Project: q.Get("project"), Issuer: q.Get("issuer"),
	}
	if shown.User != "" {
		var err error
		if shown.Token, err = i.requestedToken(q); err != nil {
			shown.Error = err.Error()
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
	h.Set("Cache-Control", "no-store")
	_ = page.Execute(w, shown) // an error here is the client's going away
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // an error here is the client's going away
}
