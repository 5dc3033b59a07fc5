package gateway

import (
	"context"
	"net/http"
	"strings"
)

// scheme is one entry of securityDefinitions: it admits a request or refuses it.
type scheme interface {
	// check returns the payload of a verified token in base64url, or "" for a scheme without one, or a refusal.
	check(ctx context.Context, r *http.Request) (userinfo string, no *refusal)
}

// requirement is a conjunction: all its schemes must admit the request.
type requirement []scheme

// authorize tries the alternatives in turn. No alternatives means that anybody may call.
func authorize(alternatives []requirement, r *http.Request) (userinfo string, no *refusal) {
	for _, alternative := range alternatives {
		info, refused := alternative.check(r)
		if refused == nil {
			return info, nil
		}
		// Of several refusals the most useful is told: not that of an alternative that the client did not try.
		if no == nil || isMissing(no) && !isMissing(refused) {
			no = refused
		}
	}
	return "", no
}

func (c requirement) check(r *http.Request) (userinfo string, no *refusal) {
	for _, s := range c {
		info, refused := s.check(r.Context(), r)
		if refused != nil {
			return "", refused
		}
		if info != "" {
			userinfo = info
		}
	}
	return userinfo, nil
}

func isMissing(f *refusal) bool {
	return f.message == messageNoKey || f.message == messageNoToken || f.message == messageOtherIssuer
}

const (
	messageNoKey = "UNAUTHENTICATED: Method doesn't allow unregistered callers (callers without established " +
		"identity). Please use API Key or other form of API consumer identity to call this API."
	messageBadKey = "INVALID_ARGUMENT: API key not valid. Please pass a valid API key."
)

// keyScheme asks for an API key.
type keyScheme struct {
	name     string
	inHeader bool
	valid    func(key string) bool
}

func (s *keyScheme) check(_ context.Context, r *http.Request) (string, *refusal) {
	key := ""
	if s.inHeader {
		key = r.Header.Get(s.name)
	} else if strings.Contains(r.URL.RawQuery, s.name) {
		key = r.URL.Query().Get(s.name)
	}
	if key == "" {
		return "", refuse(http.StatusUnauthorized, messageNoKey)
	}
	if s.valid == nil || !s.valid(key) {
		return "", refuse(http.StatusBadRequest, messageBadKey)
	}
	return "", nil
}
