// Package iamtest checks that an emulator asks for the permissions of its table.
package iamtest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

// Check calls each operation of the table twice: by an account that has every permission of the table but the
// operation's, which has to be refused, and by one that has only that, which the guard has to let through.
func Check(t *testing.T, server func(*iam.Access) http.Handler, apis []*conformance.API, table iam.Table) {
	t.Helper()
	var all []string
	for _, permission := range table {
		all = append(all, permission)
	}
	for id, permission := range table {
		o := operation(apis, id)
		if o == nil {
			t.Errorf("%s is no operation of the published descriptions", id)
			continue
		}
		lacking, having := "lacking@x", "having@x"
		access := iam.New(
			iam.Binding{Account: lacking, Permissions: without(all, permission)},
			iam.Binding{Account: having, Permissions: []string{permission}},
		)
		handler := server(access)
		status, denied := call(t, handler, o, access.Token(lacking))
		if permission != "" && (status != http.StatusForbidden || denied != permission) {
			t.Errorf("%s without %s: status %d, denied %q", id, permission, status, denied)
		}
		status, denied = call(t, handler, o, access.Token(having))
		if status == http.StatusUnauthorized || denied == permission && denied != "" || strings.HasPrefix(denied, "(unknown)") {
			t.Errorf("%s with %s: status %d, denied %q", id, permission, status, denied)
		}
		if status, _ = call(t, handler, o, "of-nobody"); status != http.StatusUnauthorized {
			t.Errorf("%s with a token of nobody: status %d, want 401", id, status)
		}
	}
}

func without(all []string, permission string) (rest []string) {
	for _, p := range all {
		if p != permission {
			rest = append(rest, p)
		}
	}
	return rest
}

func operation(apis []*conformance.API, id string) *conformance.Operation {
	for _, api := range apis {
		for _, o := range api.Operations {
			if o.ID == id {
				return o
			}
		}
	}
	return nil
}

var placeholder = regexp.MustCompile(`\{([^}]+)\}`)

// call calls an operation on names that nothing has, and returns the permission that the refusal names.
func call(t *testing.T, h http.Handler, o *conformance.Operation, token string) (status int, denied string) {
	t.Helper()
	path := placeholder.ReplaceAllStringFunc(o.Path, func(name string) string {
		for _, p := range o.Parameters {
			if p.In == "path" && "{"+p.Name+"}" == name && p.Schema.Pattern != "" {
				return strings.NewReplacer("^", "", "$", "", "[^/]+", "x", ".*", "x").Replace(p.Schema.Pattern)
			}
		}
		return "x"
	})
	body := ""
	if o.Request != nil {
		body = "{}"
	}
	r := httptest.NewRequestWithContext(t.Context(), o.Method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var refusal struct {
		Error struct {
			Message string
			Details []struct{ Metadata struct{ Permission string } }
		}
	}
	_ = json.Unmarshal(w.Body.Bytes(), &refusal)
	for _, d := range refusal.Error.Details {
		denied = d.Metadata.Permission
	}
	return w.Code, denied
}
