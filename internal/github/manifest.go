package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	api "github.com/google/go-github/v60/github"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

// RequiredPermissions are what the App needs on each repository: what the scopes of its tokens ask for together.
func RequiredPermissions() map[string]string {
	return map[string]string{
		"metadata": "read", "contents": "read", "pull_requests": "write", "checks": "write", "deployments": "write",
	}
}

// RequiredEvents are what the App's webhook has to be told of.
func RequiredEvents() []string { return []string{"pull_request"} }

// A Manifest is what an App is made from, for the form field of that name.
// https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest#github-app-manifest-parameters
type Manifest struct {
	Name        string // at most 34 characters, and nobody else's; it can be changed on GitHub's page
	Page        string // what the App's public page links to
	WebhookURL  string // where deliveries go
	RedirectURL string // where the browser comes back to with a code
}

// JSON is the manifest with the least that Gangway needs: it is private, and asks for nothing of a user.
func (m Manifest) JSON() ([]byte, error) {
	permissions := RequiredPermissions()
	delete(permissions, "metadata") // every App has it
	return json.Marshal(map[string]any{
		"name": m.Name, "url": m.Page, "description": "Gives every pull request its own API gateway.",
		"hook_attributes": map[string]any{"url": m.WebhookURL, "active": true},
		"redirect_url":    m.RedirectURL, "public": false, "request_oauth_on_install": false,
		"default_permissions": permissions, "default_events": RequiredEvents(),
	})
}

// A MadeApp is what GitHub tells once of an App that was made from a manifest.
type MadeApp struct {
	ID            int64
	Slug          string
	Name          string
	Owner         string
	Page          string           // its public page
	Key           telemetry.Secret // PEM
	WebhookSecret telemetry.Secret
}

var code = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

// Exchange exchanges the code that the browser came back with, which works once and for an hour. [preview.ErrNotFound]
// says that GitHub doesn't know the code, or not any more. base is the REST API; "" is https://api.github.com/.
// https://docs.github.com/en/rest/apps/apps#create-a-github-app-from-a-manifest
func Exchange(ctx context.Context, client *http.Client, base, value string) (MadeApp, error) {
	const doing = "exchanging the code for the App's key"
	if !code.MatchString(value) {
		return MadeApp{}, fmt.Errorf("%s: what the browser brought is no code of GitHub's", doing)
	}
	to, err := baseURL(base)
	if err != nil {
		return MadeApp{}, err
	}
	lib := api.NewClient(client)
	lib.BaseURL, lib.UserAgent = to, "gangway"
	made, _, err := lib.Apps.CompleteAppManifest(ctx, value)
	if err != nil {
		if wrong, ok := errors.AsType[*url.Error](err); ok {
			err = wrong.Err // without the address, which has the code in it
		}
		return MadeApp{}, translate(doing, err)
	}
	if made.GetID() == 0 || made.GetPEM() == "" {
		return MadeApp{}, fmt.Errorf("%s: GitHub's answer holds no key", doing)
	}
	return MadeApp{
		ID: made.GetID(), Slug: made.GetSlug(), Name: made.GetName(), Owner: made.GetOwner().GetLogin(), Page: made.GetHTMLURL(),
		Key: telemetry.Secret(made.GetPEM()), WebhookSecret: telemetry.Secret(made.GetWebhookSecret()),
	}, nil
}

// An App is how GitHub has the App registered.
type App struct {
	Slug, Name, Owner string
	Organization      bool   // the owner is one
	Page              string // its public page
	Permissions       map[string]string
	Events            []string
	Date              time.Time // GitHub's clock when it answered; zero if it didn't tell
}

// App reads how the App is registered.
func (c *Client) App(ctx context.Context) (App, error) {
	app, resp, err := c.as(access{}).Apps.Get(ctx, "")
	if err != nil {
		return App{}, translate("reading the GitHub App", err)
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		date = time.Time{}
	}
	return App{
		Slug: app.GetSlug(), Name: app.GetName(), Owner: app.GetOwner().GetLogin(), Organization: app.GetOwner().GetType() == "Organization",
		Page: app.GetHTMLURL(), Permissions: permissionsOf(app.Permissions), Events: app.Events, Date: date,
	}, nil
}

// permissionsOf are permissions by their names. Those that the library doesn't know are not among them.
func permissionsOf(p *api.InstallationPermissions) map[string]string {
	all := map[string]string{}
	if text, err := json.Marshal(p); err == nil {
		_ = json.Unmarshal(text, &all) // nothing but texts
	}
	return all
}

// A Hook is the App's webhook.
type Hook struct {
	URL         string
	JSON        bool // deliveries are JSON
	InsecureSSL bool // certificates are not checked
	Secret      bool // deliveries are signed
}

// Hook reads the App's webhook.
func (c *Client) Hook(ctx context.Context) (Hook, error) {
	h, _, err := c.as(access{}).Apps.GetHookConfig(ctx)
	if err != nil {
		return Hook{}, translate("reading the App's webhook", err)
	}
	return Hook{
		URL: h.GetURL(), JSON: h.GetContentType() == "json", InsecureSSL: h.GetInsecureSSL() == "1", Secret: h.GetSecret() != "",
	}, nil
}

// Deliveries is how deliveries went.
type Deliveries struct {
	Attempts, Failed int
	LastFailure      string // GitHub's words
	LastFailed       time.Time
}

// DeliveriesSince counts attempts at pull_request deliveries.
func (c *Client) DeliveriesSince(ctx context.Context, since time.Time) (Deliveries, error) {
	list, err := c.listDeliveries(ctx, since)
	if err != nil {
		return Deliveries{}, translate("listing webhook deliveries", err)
	}
	d := Deliveries{Attempts: len(list)}
	for _, one := range list { // newest first
		if status := one.GetStatusCode(); status >= 200 && status <= 299 {
			continue
		}
		if d.Failed++; d.Failed == 1 {
			d.LastFailure, d.LastFailed = one.GetStatus(), one.GetDeliveredAt().Time
		}
	}
	return d, nil
}

// An Installation is the App on an account, as far as it concerns one repository.
type Installation struct {
	ID          int64
	Suspended   bool
	Permissions map[string]string // that were accepted
	Page        string            // where an owner changes it
}

// Installation reads how the App is installed on a repository; [preview.ErrNotFound] when it isn't, or there is none.
func (c *Client) Installation(ctx context.Context, fullName string) (Installation, error) {
	owner, name, ok := strings.Cut(fullName, "/")
	if !ok {
		return Installation{}, fmt.Errorf("repository %q: %w", fullName, preview.ErrNotFound)
	}
	i, _, err := c.as(access{}).Apps.FindRepositoryInstallation(ctx, owner, name)
	if err != nil {
		return Installation{}, translate("reading the App's installation on "+fullName, err)
	}
	return Installation{
		ID: i.GetID(), Suspended: i.SuspendedAt != nil, Permissions: permissionsOf(i.Permissions), Page: i.GetHTMLURL(),
	}, nil
}
