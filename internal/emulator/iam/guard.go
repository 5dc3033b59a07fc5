package iam

import (
	"context"
	"net/http"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// A Table is the permission that each operation asks for on the resource in its path, by the operation's id in the
// published description. "" asks for none. An operation without a row is refused to all but the owner.
type Table map[string]string

// Guard lets only those calls of APIs pass to next whose callers have the permission of the table. Paths that are no
// operation pass. A nil access lets all pass.
func Guard(access *Access, apis []*conformance.API, table Table, next http.Handler) http.Handler {
	if access == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := ""
		for _, api := range apis {
			if id = api.OperationID(r.Method, r.URL.EscapedPath()); id != "" {
				break
			}
		}
		if id == "" {
			next.ServeHTTP(w, r)
			return
		}
		caller, ok := access.Caller(r.Header.Get("Authorization"), r.UserAgent()+" "+r.Header.Get("X-Goog-Api-Client"))
		if !ok {
			googleapi.WriteJSON(w, http.StatusUnauthorized, unauthenticated)
			return
		}
		permission, known := table[id]
		if !known {
			permission = "(unknown) of " + id
		}
		if permission != "" {
			if err := caller.Require(permission, resource(r.URL.Path)); err != nil {
				Write(w, err)
				return
			}
		}
		next.ServeHTTP(w, r.WithContext(WithCaller(r.Context(), caller)))
	})
}

// unauthenticated is what Google answers to a token that it does not know.
var unauthenticated = map[string]any{"error": map[string]any{
	"code": http.StatusUnauthorized, "status": "UNAUTHENTICATED",
	"message": "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid " +
		"authentication credential.",
}}

// Write answers an error of [Caller.Require].
func Write(w http.ResponseWriter, err error) {
	denied, ok := err.(*Denied) //nolint:errorlint // Require returns nothing else
	if !ok {
		denied = &Denied{Permission: err.Error()}
	}
	googleapi.WriteJSON(w, http.StatusForbidden, denied.Body())
}

// resource is the name in a path: what follows the version, without a verb (https://google.aip.dev/122).
func resource(path string) string {
	_, name, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	last := strings.LastIndex(name, "/") + 1
	bare, _, _ := strings.Cut(name[last:], ":")
	return name[:last] + bare
}

type callerKey struct{}

// WithCaller puts a caller into a context.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf is who makes the call of a context; nil if nobody guards it.
func CallerOf(ctx context.Context) *Caller {
	c, _ := ctx.Value(callerKey{}).(*Caller)
	return c
}
