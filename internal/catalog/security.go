package catalog

import (
	"cmp"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// What Firebase's ID tokens carry, and where the keys for them are.
// https://firebase.google.com/docs/auth/admin/verify-id-tokens#verify_id_tokens_using_a_third-party_jwt_library
const (
	firebaseIssuer = "https://securetoken.google.com/"
	firebaseJWKS   = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
)

// APIKey returns the gateway's first API-key definition.
func (g *Gateway) APIKey() (SecurityDefinition, bool) {
	for _, d := range g.Security {
		if d.APIKey != nil {
			return d, true
		}
	}
	return SecurityDefinition{}, false
}

func (r environmentReader) security(s *scope) []SecurityDefinition {
	var all []SecurityDefinition
	seen := claims{}
	for _, b := range s.blocks("security", "firebase") {
		all = append(all, r.securityDefinition(b, seen))
	}
	return all
}

func (r environmentReader) securityDefinition(b *hclsyntax.Block, seen claims) SecurityDefinition {
	s := r.scope(b)
	name := s.label(isDefinition)
	seen.claim(r.parser, name.value, name.at, "Security definition %q is declared twice", "Rename or remove one of the two.")
	d := SecurityDefinition{Name: name.value}
	kinds := 0
	if inner, ok := s.only("firebase"); ok {
		d.JWT = firebase(inner)
		kinds++
	}
	if inner, ok := s.only("jwt"); ok {
		d.JWT = jwt(inner)
		kinds++
	}
	if inner, ok := s.only("api_key"); ok {
		d.APIKey = apiKey(inner)
		kinds++
	}
	if kinds != 1 {
		r.wrong(s.header, "Write exactly one of these blocks into it: firebase { … }, jwt { … }, api_key { … }.",
			"%s has %d kinds", s, kinds)
	}
	s.finish()
	return d
}

func firebase(s *scope) *JWT {
	project := s.requiredText("project", "acme-dev", isProject).value
	j := &JWT{
		Issuer:    cmp.Or(s.text("issuer", isIssuer).value, firebaseIssuer+project),
		JWKSURI:   cmp.Or(s.text("jwks_uri", isURL).value, firebaseJWKS),
		Audiences: []string{project},
	}
	s.finish()
	return j
}

func jwt(s *scope) *JWT {
	j := &JWT{
		Issuer:    s.requiredText("issuer", "https://accounts.google.com", isIssuer).value,
		JWKSURI:   s.requiredText("jwks_uri", "https://www.googleapis.com/oauth2/v3/certs", isURL).value,
		Audiences: values(s.requiredTexts("audiences", "https://api.example.com", isAudience)),
	}
	s.finish()
	return j
}

// apiKey reads where the key is, which has to be where API Gateway looks for it.
// https://cloud.google.com/api-gateway/docs/authenticate-api-keys
func apiKey(s *scope) *APIKey {
	in := s.requiredText("in", "header", oneOf("header", "query")).value
	places := oneOf("x-api-key", "key", "api_key")
	switch in {
	case "header":
		places = oneOf("x-api-key")
	case "query":
		places = oneOf("key", "api_key")
	}
	name := s.requiredText("name", "x-api-key", places).value
	s.finish()
	return &APIKey{In: in, Name: name}
}
