// Package identity issues and verifies the tokens of the local cloud: ID tokens shaped as Google's are (for calls
// between services) and tokens shaped as Firebase's are (for users of an API). One key signs both; who holds the folder
// holds the key, so nothing outside the local cloud may trust them.
//
// As an [http.Handler] it serves the documents that verifiers fetch (key set, OpenID configuration) and a small page that
// gives a person a token to try an API with.
package identity

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// GoogleIssuer is the issuer of Google's ID tokens: https://developers.google.com/identity/openid-connect/openid-connect
const GoogleIssuer = "https://accounts.google.com"

// firebaseIssuer is the prefix of the issuer of Firebase's: https://firebase.google.com/docs/auth/admin/verify-id-tokens
const firebaseIssuer = "https://securetoken.google.com/"

const (
	lifetime = time.Hour // as Google's and Firebase's
	keyBits  = 2048
	keyFile  = "signing-key.pem"
)

// ErrInvalid says that a token is not one of ours, is no longer valid, or is for another audience.
var ErrInvalid = errors.New("invalid token")

// An Issuer signs and verifies tokens. It is safe for concurrent use, also by several processes with one folder.
type Issuer struct {
	key *rsa.PrivateKey
	id  string // key id, derived from the key
}

// New reads the key that is kept in dir, or makes one.
func New(dir string) (*Issuer, error) {
	key, err := readKey(filepath.Join(dir, keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKey(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the signing key: %w", err)
	}
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	return &Issuer{key: key, id: hex.EncodeToString(sum[:20])}, nil
}

func readKey(path string) (*rsa.PrivateKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	return x509.ParsePKCS1PrivateKey(block.Bytes)
}

// makeKey writes a new key, unless another process was faster: then it is that one's. Link never replaces a file.
func makeKey(dir string) (*rsa.PrivateKey, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(dir, keyFile+".*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	err = pem.Encode(tmp, &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := errors.Join(err, tmp.Close()); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, keyFile)
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return readKey(path)
}

// IDToken is a token that says to audience that the caller is the service account email.
func (i *Issuer) IDToken(email, audience string) (string, error) {
	if email == "" || audience == "" {
		return "", errors.New("signing an ID token: e-mail and audience are needed")
	}
	claims := jwt.MapClaims{
		"iss": GoogleIssuer, "aud": audience, "azp": Subject(email), "sub": Subject(email),
		"email": email, "email_verified": true,
	}
	return i.sign(claims)
}

// FirebaseToken is a token that says to the API of a Firebase project that the caller is user.
func (i *Issuer) FirebaseToken(project, user string) (string, error) {
	return i.userToken(firebaseIssuer+project, project, user)
}

func (i *Issuer) userToken(issuer, project, user string) (string, error) {
	if project == "" || user == "" {
		return "", errors.New("signing a user token: project and user are needed")
	}
	email := user + "@example.com"
	return i.sign(jwt.MapClaims{
		"iss": issuer, "aud": project, "sub": user, "user_id": user, "name": user, "auth_time": time.Now().Unix(),
		"email": email, "email_verified": true,
		"firebase": map[string]any{
			"identities": map[string]any{"email": []string{email}}, "sign_in_provider": "password",
		},
	})
}

func (i *Issuer) sign(claims jwt.MapClaims) (string, error) {
	now := time.Now()
	claims["iat"], claims["exp"] = now.Unix(), now.Add(lifetime).Unix()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = i.id
	signed, err := token.SignedString(i.key)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return signed, nil
}

// Verify returns the e-mail of the service account that an ID token for audience speaks for. Errors wrap [ErrInvalid];
// they say why, and never contain the token.
func (i *Issuer) Verify(token, audience string) (string, error) {
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return &i.key.PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(GoogleIssuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	email, _ := claims["email"].(string)
	if verified, _ := claims["email_verified"].(bool); !verified || email == "" {
		return "", fmt.Errorf("%w: no verified e-mail", ErrInvalid)
	}
	return email, nil
}

// Subject is the stable numeric id that Google gives the account of an e-mail: 21 digits.
func Subject(email string) string {
	sum := sha256.Sum256([]byte(email))
	digits := strconv.FormatUint(binary.BigEndian.Uint64(sum[:8]), 10)
	return "1" + fmt.Sprintf("%020s", digits)
}
