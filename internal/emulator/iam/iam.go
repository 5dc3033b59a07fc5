// Package iam is who may do what on the emulated Google Cloud: service accounts with access tokens and permissions, and
// a guard that asks for the documented permission of each call and remembers what it asked for. Roles, conditions,
// groups, deny policies and inheritance are not emulated: an account has permissions, each on everything or on what is
// named.
//
// The owner's token is [OwnerToken]. A call without credentials counts as the owner's too, so that a person can try
// things with curl; [Access.Asked] tells such calls apart.
//
// https://cloud.google.com/iam/docs/overview
package iam

import (
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
)

// OwnerToken is the access token of the owner of all projects, who may do everything.
const OwnerToken = "local"

// Callers that are no service accounts.
const (
	Owner     = "owner"
	Anonymous = "anonymous"
)

// ActAs is the permission to let something run as a service account; its resource is the account's e-mail address
// (https://cloud.google.com/iam/docs/service-account-permissions#user-role).
const ActAs = "iam.serviceAccounts.actAs"

// A Binding gives an account permissions.
type Binding struct {
	Account     string // e-mail address
	Permissions []string
	// On are ends of the names of resources, such as topics/previews, or with a slash at the end what they begin within,
	// such as buckets/states/objects/gangway/; empty: everything.
	On []string
}

// Access is what accounts may do. It is safe for concurrent use. Everybody may do everything on a nil Access.
type Access struct {
	mu       sync.Mutex
	bindings []Binding
	tokens   map[string]string // token → account
	asked    map[Asked]int
}

// Asked is a permission that was asked for.
type Asked struct {
	Account    string // e-mail address, Owner or Anonymous
	Permission string
	Client     string // for Anonymous: the caller's User-Agent
	Denied     bool
	Resource   string // for what was denied: what it was asked for on
}

// New returns an Access with bindings.
func New(bindings ...Binding) *Access {
	return &Access{bindings: bindings, tokens: map[string]string{OwnerToken: Owner}, asked: map[Asked]int{}}
}

// Token is a new access token of an account. It is valid as long as the Access is.
func (a *Access) Token(account string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	token := "emulated." + rand.Text()
	a.tokens[token] = account
	return token
}

// Asked are all permissions that were asked for, with how often.
func (a *Access) Asked() map[Asked]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.asked)
}

// A Caller is who makes a call.
type Caller struct {
	access  *Access
	account string
	client  string
}

// Caller finds out who calls by the header Authorization. It is false for a token that is none of ours.
func (a *Access) Caller(authorization, client string) (*Caller, bool) {
	if authorization == "" {
		return &Caller{access: a, account: Anonymous, client: client}, true
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	a.mu.Lock()
	defer a.mu.Unlock()
	account, ok := a.tokens[token]
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return nil, false
	}
	return &Caller{access: a, account: account}, true
}

// Require tells whether the caller has a permission on a resource; if not, the error is a [*Denied]. A nil caller, of a
// server without an Access, has all.
func (c *Caller) Require(permission, resource string) error {
	if c == nil {
		return nil
	}
	denied := !c.may(permission, resource)
	c.access.mu.Lock()
	defer c.access.mu.Unlock()
	asked := Asked{Account: c.account, Permission: permission, Client: c.client, Denied: denied}
	if denied {
		asked.Resource = resource
	}
	c.access.asked[asked]++
	if denied {
		return &Denied{Account: c.account, Permission: permission, Resource: resource}
	}
	return nil
}

// Allowed are those of permissions that the caller has on a resource, as testIamPermissions answers them: nobody is
// refused, and nothing counts as asked for.
func (c *Caller) Allowed(permissions []string, resource string) map[string]any {
	allowed := slices.DeleteFunc(slices.Clone(permissions), func(p string) bool { return !c.may(p, resource) })
	if len(allowed) == 0 {
		return map[string]any{}
	}
	return map[string]any{"permissions": allowed}
}

func (c *Caller) may(permission, resource string) bool {
	return c == nil || c.account == Owner || c.account == Anonymous || c.access.has(c.account, permission, resource)
}

func (a *Access) has(account, permission, resource string) bool {
	return slices.ContainsFunc(a.bindings, func(b Binding) bool {
		return b.Account == account && slices.Contains(b.Permissions, permission) &&
			(len(b.On) == 0 || slices.ContainsFunc(b.On, func(name string) bool { return within(resource, name) }))
	})
}

// within tells whether a resource is one that a binding names.
func within(resource, name string) bool {
	if strings.HasSuffix(name, "/") {
		return strings.Contains("/"+resource, "/"+name)
	}
	return resource == name || strings.HasSuffix(resource, "/"+name)
}

// Denied says which permission is lacking.
type Denied struct{ Account, Permission, Resource string }

func (d *Denied) Error() string {
	return fmt.Sprintf("Permission '%s' denied on resource '%s' (or it may not exist).", d.Permission, d.Resource)
}

// Body is the error as Google's REST APIs answer it, with status 403
// (https://cloud.google.com/iam/docs/permission-error-messages).
func (d *Denied) Body() map[string]any {
	return map[string]any{"error": map[string]any{
		"code": http.StatusForbidden, "message": d.Error(), "status": "PERMISSION_DENIED",
		"details": []any{map[string]any{
			"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED",
			"domain": "iam.googleapis.com", "metadata": map[string]string{"permission": d.Permission, "resource": d.Resource},
		}},
	}}
}

// AccountName is the e-mail address in the resource name of a service account
// (https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts), or the address itself.
func AccountName(account string) string { return path.Base(account) }
