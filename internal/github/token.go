package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	api "github.com/google/go-github/v60/github"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

// An access is what a token is good for: one repository and one purpose, so that what leaks, or goes wrong, reaches no
// further. The zero access is the App itself.
type access struct {
	installation int64
	repository   int64 // 0: all of the installation
	scope        scope
}

func (a access) app() bool { return a.installation == 0 }

// A scope is a set of permissions.
type scope string

// The scopes. Each also reads the metadata of the repository; looking for what is to be written needs no more than writing.
// https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
const (
	scopeMetadata   scope = "metadata: read"
	scopeRead       scope = "contents: read, pull_requests: read"
	scopeComment    scope = "pull_requests: write"
	scopeCheckRun   scope = "checks: write"
	scopeDeployment scope = "deployments: write"
)

func (s scope) permissions() *api.InstallationPermissions {
	read, write := new("read"), new("write")
	p := &api.InstallationPermissions{Metadata: read}
	switch s {
	case scopeRead:
		p.Contents, p.PullRequests = read, read
	case scopeComment:
		p.PullRequests = write
	case scopeCheckRun:
		p.Checks = write
	case scopeDeployment:
		p.Deployments = write
	case scopeMetadata:
	}
	return p
}

// to is the library for a purpose on a repository.
func (c *Client) to(repo preview.Repository, s scope) *api.Client {
	return c.as(access{installation: repo.Installation, repository: repo.ID, scope: s})
}

// A credential is a JWT of the App or a token of an installation.
type credential struct {
	value telemetry.Secret
	key   string // which private key has signed it; "" for tokens of installations
}

// tokenMargin is how long before its end a token is not used any more.
const tokenMargin = 5 * time.Minute

// maxTokens bounds the tokens that are kept: beyond it those that have ended are dropped.
const maxTokens = 1_000

// grant holds the token of one access.
type grant struct {
	turn    chan struct{}    // holds one element while nobody fetches a token
	token   telemetry.Secret // guarded by Client.mu, as is all that follows
	expires time.Time
	absent  error // the App is not installed there
	asked   time.Time
}

// absentFor is how long GitHub is not asked again for a token of what the App is not installed on.
const absentFor = 5 * time.Minute

// token is a credential for an access.
func (c *Client) token(ctx context.Context, a access) (credential, error) {
	if a.app() {
		return c.signed()
	}
	token, err := c.granted(ctx, a)
	return credential{value: token}, err
}

// granted is a token that is valid for five more minutes at least. One request at a time asks for a new one, the others
// wait for it.
func (c *Client) granted(ctx context.Context, a access) (telemetry.Secret, error) {
	g := c.grant(a)
	if token, err := c.cached(g); token != "" || err != nil {
		return token, err
	}
	select {
	case <-g.turn:
		defer func() { g.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if token, err := c.cached(g); token != "" || err != nil {
		return token, err
	}
	if a.repository == 0 && a.scope != scopeMetadata {
		return "", fmt.Errorf("asking for a token of installation %d: for which repository is not known", a.installation)
	}
	options := &api.InstallationTokenOptions{Permissions: a.scope.permissions()}
	if a.repository != 0 {
		options.RepositoryIDs = []int64{a.repository}
	}
	made, _, err := c.as(access{}).Apps.CreateInstallationToken(ctx, a.installation, options)
	if err != nil {
		absent, err := tokenError(a, err)
		if absent {
			c.mu.Lock()
			defer c.mu.Unlock()
			g.absent, g.asked = err, c.now()
		}
		return "", err
	}
	if made.GetToken() == "" || strings.ContainsAny(made.GetToken(), "\r\n") {
		return "", fmt.Errorf("asking for a token of installation %d: GitHub's answer holds none", a.installation)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	g.token, g.expires, g.absent = telemetry.Secret(made.GetToken()), made.GetExpiresAt().Time, nil
	return g.token, nil
}

func (c *Client) grant(a access) *grant {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.grants[a]
	if g != nil {
		return g
	}
	if len(c.grants) >= maxTokens {
		for other, old := range c.grants {
			// One that is being fetched right now has no element in its turn.
			if len(old.turn) == 1 && !c.now().Before(old.expires) {
				delete(c.grants, other)
			}
		}
	}
	g = &grant{turn: make(chan struct{}, 1)}
	g.turn <- struct{}{}
	c.grants[a] = g
	return g
}

// tokenError says why there is no token, and whether that is because the App is not installed there. It hides the status of
// the answer: a 404 for the installation must not be taken for a 404 of what the token was meant for.
func tokenError(a access, err error) (absent bool, _ error) {
	doing := fmt.Sprintf("asking for a token of installation %d", a.installation)
	answer, ok := errors.AsType[*api.ErrorResponse](err)
	if !ok || answer.Response == nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	status, text := answer.Response.StatusCode, details(answer)
	switch {
	case status == http.StatusUnprocessableEntity && strings.Contains(text, "permissions"):
		return false, fmt.Errorf("%s: %w", doing, &preview.UserError{
			Summary: "The GitHub App lacks a permission", Detail: "it needs " + string(a.scope),
			Hint: "Add it in the App's settings; an owner of the organisation then has to accept it for the installation.",
		})
	case status == http.StatusNotFound, status == http.StatusForbidden, status == http.StatusUnprocessableEntity:
		return true, fmt.Errorf("%s: the GitHub App is not installed on repository %d (any more), or suspended there: nothing of it is touched until it is again (GitHub answered %d: %s)",
			doing, a.repository, status, text)
	}
	return false, fmt.Errorf("%s: GitHub answered %d: %s", doing, status, text)
}

// cached is a token that is good for a while yet, or that there is none; both may be unknown.
func (c *Client) cached(g *grant) (telemetry.Secret, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch now := c.now(); {
	case now.Add(tokenMargin).Before(g.expires):
		return g.token, nil
	case g.absent != nil && now.Before(g.asked.Add(absentFor)):
		return "", g.absent
	}
	return "", nil
}

// forget drops a token that GitHub refused, unless there is a newer one.
func (c *Client) forget(a access, token credential) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g := c.grants[a]; g != nil && g.token == token.value {
		g.token, g.expires = "", time.Time{}
	}
}
