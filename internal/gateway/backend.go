package gateway

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The two path translations of x-google-backend.
const (
	appendPath      = "APPEND_PATH_TO_ADDRESS"
	constantAddress = "CONSTANT_ADDRESS"
)

const defaultDeadline = 15 * time.Second

// backend is where a route's requests go.
type backend struct {
	scheme, host string
	path         string // escaped; without the last slash when request paths are appended to it
	constant     bool
	audience     string // of the ID token; empty for none
	deadline     time.Duration
}

// newBackend checks b. The translation that is meant when b names none differs between the root of a document and an
// operation (https://docs.cloud.google.com/api-gateway/docs/passing-data).
func newBackend(b *backendExtension, defaultTranslation string) (*backend, error) {
	if b.Address == "" {
		return nil, errors.New("x-google-backend has no address")
	}
	u, err := url.Parse(b.Address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the address %q of x-google-backend is not a URL", b.Address)
	case u.Scheme == "grpc" || u.Scheme == "grpcs":
		return nil, fmt.Errorf("the address %q of x-google-backend is gRPC; this gateway forwards HTTP only", b.Address)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "" || u.User != nil:
		return nil, fmt.Errorf("the address %q of x-google-backend is not an http or https URL", b.Address)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("the address %q of x-google-backend has a query or a fragment", b.Address)
	case b.JWTAudience != "" && b.DisableAuth:
		return nil, errors.New("x-google-backend has both jwt_audience and disable_auth; only one is allowed")
	}
	switch b.Protocol {
	case "", "http/1.1", "h2":
	default:
		return nil, fmt.Errorf("the protocol %q of x-google-backend is neither http/1.1 nor h2", b.Protocol)
	}
	to := &backend{scheme: u.Scheme, host: u.Host, path: u.EscapedPath(), deadline: defaultDeadline}
	if b.Deadline != nil && *b.Deadline > 0 {
		// More than a day is no deadline; the bound also keeps the product in range.
		to.deadline = time.Duration(min(*b.Deadline, 86_400) * float64(time.Second))
	}
	if !b.DisableAuth {
		// Without jwt_audience the complete address is the audience, its path included.
		to.audience = b.JWTAudience
		if to.audience == "" {
			to.audience = b.Address
		}
	}
	switch translation := b.PathTranslation; {
	case translation == constantAddress, translation == "" && defaultTranslation == constantAddress:
		to.constant = true
		if to.path == "" {
			to.path = "/"
		}
	case translation == appendPath, translation == "":
		to.path = strings.TrimSuffix(to.path, "/")
	default:
		return nil, fmt.Errorf("the path_translation %q of x-google-backend is neither %s nor %s",
			translation, appendPath, constantAddress)
	}
	return to, nil
}

// target returns the escaped path and the raw query of the request to the backend.
func (b *backend) target(t *template, path, rawQuery string) (string, string) {
	if !b.constant {
		return b.path + path, rawQuery
	}
	if t == nil || len(t.variables) == 0 {
		return b.path, rawQuery
	}
	query := make([]byte, 0, len(rawQuery)+len(path)+16)
	query = append(query, rawQuery...)
	return b.path, string(t.bind(query, path))
}
