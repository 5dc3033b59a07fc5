package github

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Apps are made from a manifest as on GitHub: a page takes the manifest, a person confirms, the browser goes back with a
// code, and the code is exchanged once for the App's secrets.
// https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest

// codeLife is how long a code can be exchanged.
const codeLife = time.Hour

// A madeApp is the App that was made from a manifest last. It is the App from then on: its name is on comments, and
// deliveries go to its webhook. The one of [Options] is let in as before, so that whoever has its key goes on.
type madeApp struct {
	ID          int64             `json:"id"`
	Name        string            `json:"name"`
	Slug        string            `json:"slug"`
	Description string            `json:"description"`
	Page        string            `json:"page"`
	Owner       int64             `json:"owner"`
	PublicKey   []byte            `json:"public_key"` // PEM
	Permissions map[string]string `json:"permissions"`
	Events      []string          `json:"events"`
	Webhook     Webhook           `json:"webhook"`
	CreatedAt   time.Time         `json:"created_at"`
}

// A conversion is what a code can be exchanged for. It is kept in memory only, as it holds the private key.
type conversion struct {
	app     *madeApp
	key     []byte // PEM
	expires time.Time
}

// manifest is the part of a manifest that counts here.
type manifest struct {
	Name        string `json:"name"`
	URL         string `json:"url"`
	Description string `json:"description"`
	Hook        struct {
		URL    string `json:"url"`
		Active *bool  `json:"active"`
	} `json:"hook_attributes"`
	RedirectURL string            `json:"redirect_url"`
	Permissions map[string]string `json:"default_permissions"`
	Events      []string          `json:"default_events"`
}

// eventNeeds are the permissions, one of which an App must have to be told of an event.
// https://docs.github.com/en/webhooks/webhook-events-and-payloads
var eventNeeds = map[string][]string{
	"pull_request": {"pull_requests"}, "pull_request_review": {"pull_requests"}, "issue_comment": {"issues", "pull_requests"},
	"issues": {"issues"}, "push": {"contents"}, "check_run": {"checks"}, "check_suite": {"checks"},
	"deployment": {"deployments"}, "deployment_status": {"deployments"}, "merge_group": {"merge_queues"},
}

// maxAppName is GitHub's limit for the name of an App.
const maxAppName = 34

// parseManifest refuses what GitHub's page refuses.
func parseManifest(text string) (manifest, error) {
	var m manifest
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return m, fmt.Errorf("%w: the manifest is no JSON", ErrInvalid)
	}
	switch {
	case len(m.Name) > maxAppName:
		return m, fmt.Errorf("%w: the App's name is too long (maximum is %d characters)", ErrInvalid, maxAppName)
	case !absolute(m.URL):
		return m, fmt.Errorf("%w: url wasn't supplied or is no URL", ErrInvalid)
	case !absolute(m.RedirectURL):
		return m, fmt.Errorf("%w: redirect_url wasn't supplied or is no URL", ErrInvalid)
	case m.Hook.URL != "" && !absolute(m.Hook.URL):
		return m, fmt.Errorf("%w: hook_attributes.url is no URL", ErrInvalid)
	}
	for name, level := range m.Permissions {
		if level != "read" && level != "write" {
			return m, fmt.Errorf("%w: default_permissions.%s is %q", ErrInvalid, name, level)
		}
	}
	for _, event := range m.Events {
		if !m.mayHear(event) {
			return m, fmt.Errorf("%w: default_events: %s needs a permission that default_permissions doesn't ask for", ErrInvalid, event)
		}
	}
	return m, nil
}

func (m manifest) mayHear(event string) bool {
	for _, name := range eventNeeds[event] {
		if m.Permissions[name] != "" {
			return true
		}
	}
	return false
}

func absolute(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// manifestPaths are where a manifest is posted to: for the user's own account, and for an organisation.
var manifestPaths = []string{"/settings/apps/new", "/organizations/{org}/settings/apps/new"}

// mayOwn tells whether the person at the browser may make Apps for an organisation: it has to exist. "" is the person's own
// account.
func (s *Server) mayOwn(org string) bool {
	if org == "" {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return find(s.state.Accounts, func(a *account) bool {
		return strings.EqualFold(a.Login, org) && a.Kind == "Organization"
	}) != nil
}

// pageManifest takes a manifest and asks the person to confirm.
func (s *Server) pageManifest(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if !s.mayOwn(r.PathValue("org")) {
		http.NotFound(w, r) // as GitHub answers whoever is no owner of the organisation
		return
	}
	m, err := parseManifest(r.FormValue("manifest"))
	if err != nil {
		s.backTo(w, r, "", err)
		return
	}
	owner := cmp.Or(r.PathValue("org"), signedIn)
	back, _ := url.Parse(m.RedirectURL) // absolute, as parseManifest has seen
	// Browsers hold the redirect that follows against the same rule.
	w.Header().Set("Content-Security-Policy",
		strings.Replace(policy(), "form-action 'self'", "form-action 'self' "+back.Scheme+"://"+back.Host, 1))
	s.show(w, r, "manifest.gohtml", object{
		"Title": "Create GitHub App", "Owner": owner, "Name": m.Name, "Manifest": r.FormValue("manifest"),
		"State": r.FormValue("state"), "Action": strings.TrimSuffix(r.URL.Path, "/new") + "/manifest", "Permissions": m.Permissions,
		"Events": m.Events, "Webhook": m.Hook.URL,
	})
}

// pageApp is the public page of the App, and where it would be installed.
func (s *Server) pageApp(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	slug := s.appSlug()
	s.mu.Unlock()
	if r.PathValue("slug") != slug {
		http.NotFound(w, r)
		return
	}
	s.show(w, r, "error.gohtml", object{"Title": slug, "Message": "The App is installed on every repository here: there is nothing to do."})
}

// signedIn is the person at the browser.
const signedIn = "octocat"

// pageMakeApp makes the App that was confirmed and sends the browser back with a code.
func (s *Server) pageMakeApp(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if !s.mayOwn(r.PathValue("org")) {
		http.NotFound(w, r)
		return
	}
	m, err := parseManifest(r.FormValue("manifest"))
	if err != nil {
		s.backTo(w, r, "", err)
		return
	}
	m.Name = strings.TrimSpace(r.FormValue("name"))
	code, err := s.makeApp(m, r.PathValue("org"))
	if err != nil {
		s.backTo(w, r, "", err)
		return
	}
	back, err := url.Parse(m.RedirectURL)
	if err != nil {
		s.backTo(w, r, "", err)
		return
	}
	query := back.Query()
	query.Set("code", code)
	if state := r.FormValue("state"); state != "" {
		query.Set("state", state)
	}
	back.RawQuery = query.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

var notInSlug = regexp.MustCompile(`[^a-z0-9]+`)

// makeApp makes the App and returns the code for its secrets.
func (s *Server) makeApp(m manifest, org string) (string, error) {
	slug := strings.Trim(notInSlug.ReplaceAllString(strings.ToLower(m.Name), "-"), "-")
	if slug == "" || len(m.Name) > maxAppName {
		return "", fmt.Errorf("%w: the App needs a name of at most %d characters", ErrInvalid, maxAppName)
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.state.App; before != nil && before.Slug == slug {
		return "", fmt.Errorf("%w: the name %q is already taken", ErrInvalid, m.Name)
	}
	owner := s.state.account(signedIn, "User")
	if org != "" {
		owner = s.state.account(org, "Organization")
	}
	app := &madeApp{
		ID: s.state.nextID(), Name: m.Name, Slug: slug, Description: m.Description, Page: m.URL, Owner: owner.ID,
		PublicKey:   pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		Permissions: map[string]string{"metadata": "read"}, Events: m.Events, CreatedAt: s.now().UTC().Truncate(time.Second),
	}
	maps.Copy(app.Permissions, m.Permissions)
	if m.Hook.URL != "" && (m.Hook.Active == nil || *m.Hook.Active) {
		app.Webhook = Webhook{URL: m.Hook.URL, Secret: strings.ToLower(rand.Text() + rand.Text())}
		s.webhook = app.Webhook
	}
	s.state.App = app
	code := strings.ToLower(rand.Text() + rand.Text())
	if s.conversions == nil {
		s.conversions = map[string]*conversion{}
	}
	s.conversions[code] = &conversion{
		app: app, expires: s.now().Add(codeLife),
		key: pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}),
	}
	return code, s.save()
}

// convert serves https://docs.github.com/en/rest/apps/apps#create-a-github-app-from-a-manifest
// Nobody is signed in for it: the code is the credential.
func (s *Server) convert(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	code := r.PathValue("code")
	c := s.conversions[code]
	delete(s.conversions, code)
	if c == nil || !s.now().Before(c.expires) {
		s.mu.Unlock()
		s.writeFailure(w, r, errNotFound)
		return
	}
	body := s.madeJSON(c.app).with(object{
		"client_id": "Iv23li" + rand.Text()[:14], "client_secret": strings.ToLower(rand.Text() + rand.Text()[:14]),
		"webhook_secret": orNull(c.app.Webhook.Secret), "pem": string(c.key),
	})
	s.mu.Unlock()
	s.writeAnswer(w, &call{Request: r}, &answer{status: http.StatusCreated, body: body})
}

// madeJSON is an App that was made from a manifest. The caller holds mu.
func (s *Server) madeJSON(a *madeApp) object {
	events := a.Events
	if events == nil {
		events = []string{}
	}
	return object{
		"id": a.ID, "slug": a.Slug, "node_id": nodeID("Integration", a.ID), "name": a.Name, "description": a.Description,
		"external_url": a.Page, "html_url": s.options.URL + "/apps/" + a.Slug, "owner": s.userJSON(s.state.accountByID(a.Owner)),
		"permissions": a.Permissions, "events": events, "created_at": stamp(a.CreatedAt), "updated_at": stamp(a.CreatedAt),
		"installations_count": len(s.state.Installations),
	}
}

// getHook serves https://docs.github.com/en/rest/apps/webhooks#get-a-webhook-configuration-for-an-app
func (s *Server) getHook(c *call) (*answer, error) {
	if err := forApp(c); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	body := object{"content_type": "json", "insecure_ssl": "0", "url": s.webhook.URL}
	if s.webhook.Secret != "" {
		body["secret"] = "********"
	}
	return ok(body)
}
