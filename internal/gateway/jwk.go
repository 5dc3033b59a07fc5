package gateway

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"

	"github.com/golang-jwt/jwt/v5"
)

// key is one public key of an issuer.
type key struct {
	kid, alg string // empty when the set does not say
	public   crypto.PublicKey
}

// fits tells whether the key may have signed a token with these headers.
func (k key) fits(t *token) bool {
	return (k.kid == "" || t.kid == "" || k.kid == t.kid) && (k.alg == "" || k.alg == t.alg) &&
		(k.kid != "" || t.kid == "" || k.alg != "")
}

// verify checks the signature. Only asymmetric algorithms are accepted: with a symmetric one a public key would be a
// secret, and "none" signs nothing (RFC 8725, section 3.1, https://www.rfc-editor.org/rfc/rfc8725#section-3.1).
func (k key) verify(t *token) bool {
	method := jwt.GetSigningMethod(t.alg)
	switch method.(type) {
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS, *jwt.SigningMethodECDSA, *jwt.SigningMethodEd25519:
		return method.Verify(t.signed, t.signature, k.public) == nil
	}
	return false
}

// jwk is a JSON Web Key (RFC 7517, https://www.rfc-editor.org/rfc/rfc7517).
type jwk struct {
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	Use string `json:"use"`
	Crv string `json:"crv"`
	N   string `json:"n"`
	E   string `json:"e"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

// parseKeys reads a JSON Web Key Set or, as Google publishes them too, an object of PEM certificates by key id. Keys of
// unknown kinds are left out.
func parseKeys(data []byte) ([]key, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err == nil && set.Keys != nil {
		keys := make([]key, 0, len(set.Keys))
		for _, j := range set.Keys {
			if public, err := j.public(); err == nil && (j.Use == "" || j.Use == "sig") {
				keys = append(keys, key{kid: j.Kid, alg: j.Alg, public: public})
			}
		}
		return keys, nil
	}
	var certificates map[string]string
	if err := json.Unmarshal(data, &certificates); err != nil {
		return nil, errors.New("the answer is neither a key set nor an object of certificates")
	}
	keys := make([]key, 0, len(certificates))
	for kid, text := range certificates {
		if public := certificateKey(text); public != nil {
			keys = append(keys, key{kid: kid, public: public})
		}
	}
	return keys, nil
}

func certificateKey(text string) crypto.PublicKey {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return certificate.PublicKey
}

var errKey = errors.New("the key is not usable")

func (j jwk) public() (crypto.PublicKey, error) {
	switch j.Kty {
	case "RSA":
		n, e := integer(j.N), integer(j.E)
		if n == nil || e == nil || n.BitLen() < 1024 || n.BitLen() > 16384 || !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 {
			return nil, errKey
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
	case "EC":
		return j.ellipticKey()
	case "OKP":
		x, err := base64.RawURLEncoding.DecodeString(j.X)
		if err != nil || j.Crv != "Ed25519" || len(x) != ed25519.PublicKeySize {
			return nil, errKey
		}
		return ed25519.PublicKey(x), nil
	}
	return nil, errKey
}

func (j jwk) ellipticKey() (crypto.PublicKey, error) {
	var curve elliptic.Curve
	switch j.Crv {
	case "P-256":
		curve = elliptic.P256()
	case "P-384":
		curve = elliptic.P384()
	case "P-521":
		curve = elliptic.P521()
	default:
		return nil, errKey
	}
	x, errX := base64.RawURLEncoding.DecodeString(j.X)
	y, errY := base64.RawURLEncoding.DecodeString(j.Y)
	size := (curve.Params().BitSize + 7) / 8
	if errX != nil || errY != nil || len(x) > size || len(y) > size {
		return nil, errKey
	}
	// The uncompressed form of SEC 1, section 2.3.3; parsing it checks that the point is on the curve.
	point := make([]byte, 1+2*size)
	point[0] = 4
	copy(point[1+size-len(x):], x)
	copy(point[1+2*size-len(y):], y)
	return ecdsa.ParseUncompressedPublicKey(curve, point)
}

func integer(s string) *big.Int {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) == 0 {
		return nil
	}
	return new(big.Int).SetBytes(b)
}
