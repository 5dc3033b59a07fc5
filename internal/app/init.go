package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/cloudrun"
	"github.com/gangway-dev/gangway/internal/github"
	"github.com/gangway-dev/gangway/internal/loopback"
	"github.com/gangway-dev/gangway/internal/receive"
	"github.com/gangway-dev/gangway/internal/secretmanager"
	"github.com/gangway-dev/gangway/internal/setup"
)

// Init is what `gangway init` takes.
type Init struct {
	GitHub       string // https://github.com, or a GitHub Enterprise Server's address
	Organization string
	Name         string // of the App
	WebhookURL   string
	Port         int
	Timeout      time.Duration
	Browser      func(address string) error // nil: the address is only told

	Project, Region, Installation    string
	Environment, Gateway, Repository string
	KeySecret, WebhookSecret         string // "" are terraform/platform's names
	Out                              string // folder instead of Secret Manager
	Config                           string
	Force, SkipApp, SkipConfig       bool
}

// maxAppName is GitHub's limit: https://docs.github.com/en/apps/creating-github-apps/registering-a-github-app/registering-a-github-app
const maxAppName = 34

var (
	initName = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	// initInstallation is the name as the configuration takes it.
	initInstallation = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$`)
	initLogin        = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*$`)
	initRepo         = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`)
	initSecret       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
)

// Validate fills in what follows from the rest, and reports everything that is wrong at once.
func (i *Init) Validate() error {
	var list []error
	need := func(flag, value string, rule *regexp.Regexp, want string) {
		switch {
		case value == "":
			list = append(list, fmt.Errorf("%s is missing: want %s", flag, want))
		case !rule.MatchString(value):
			list = append(list, fmt.Errorf("%s is %q: want %s", flag, value, want))
		}
	}
	if i.SkipApp && i.SkipConfig {
		list = append(list, errors.New("--skip-app and --skip-config together leave nothing to do"))
	}
	need("--installation", i.Installation, initInstallation, "the same as in Terraform: at most 20 of a-z, 0-9 and hyphen")
	if i.Project != "" || i.Out == "" || !i.SkipConfig {
		need("--project", i.Project, initName, "a project's id, as acme-dev")
	}
	if !i.SkipConfig {
		need("--region", i.Region, initName, "a region, as europe-west1")
		need("--environment", i.Environment, initName, "a name of a-z, 0-9 and hyphen")
		need("--gateway", i.Gateway, initName, "a name of a-z, 0-9 and hyphen")
		if i.Repository != "" {
			need("--repository", i.Repository, initRepo, "OWNER/NAME")
		}
	}
	if !i.SkipApp {
		list = append(list, i.validateApp()...)
	}
	return errors.Join(list...)
}

func (i *Init) validateApp() []error {
	var list []error
	i.GitHub = strings.TrimRight(i.GitHub, "/")
	if u, err := url.Parse(i.GitHub); err != nil || !secure(u) || u.Path != "" {
		list = append(list, fmt.Errorf("--github-url is %q: want https://github.com, or the address of a GitHub Enterprise Server", i.GitHub))
	}
	if i.Organization != "" && !initLogin.MatchString(i.Organization) {
		list = append(list, fmt.Errorf("--organization is %q: want its name as in its address on GitHub", i.Organization))
	}
	if i.Name == "" {
		if i.Name = "Gangway"; i.Organization != "" {
			i.Name += " " + i.Organization
		}
		i.Name = i.Name[:min(len(i.Name), maxAppName)]
	}
	if len(i.Name) > maxAppName {
		list = append(list, fmt.Errorf("--name has %d characters: GitHub allows %d", len(i.Name), maxAppName))
	}
	if u, err := url.Parse(i.WebhookURL); err != nil || !secure(u) || u.Path != receive.Path {
		list = append(list, fmt.Errorf("--webhook-url is %q: want the output webhook_url of terraform/platform, as https://HOST%s", i.WebhookURL, receive.Path))
	}
	if i.Port < 0 || i.Port > 65535 {
		list = append(list, fmt.Errorf("--port is %d: want 1 to 65535, or 0 for a free one", i.Port))
	}
	if i.Timeout <= 0 {
		list = append(list, fmt.Errorf("--timeout is %s: want a time such as 15m", i.Timeout))
	}
	if i.KeySecret == "" {
		i.KeySecret = i.Installation + "-github-app-key"
	}
	if i.WebhookSecret == "" {
		i.WebhookSecret = i.Installation + "-webhook-secrets"
	}
	for _, secret := range []struct{ flag, id string }{{"--key-secret", i.KeySecret}, {"--webhook-secret", i.WebhookSecret}} {
		if !initSecret.MatchString(secret.id) {
			list = append(list, fmt.Errorf("%s is %q: want the id of a secret", secret.flag, secret.id))
		}
	}
	return list
}

// secure tells whether an address is https, or of this machine.
func secure(u *url.URL) bool {
	if u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (loopback.Is(u.Host) || err == nil && ip.IsLoopback())
}

// restOf is the REST API of a GitHub.
func restOf(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return address
	case u.Host == "github.com":
		return "https://api.github.com/"
	case strings.HasSuffix(u.Host, ".ghe.com"): // https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency/getting-started-with-data-residency-for-github-enterprise-cloud
		return "https://api." + u.Host + "/"
	}
	return address + "/api/v3/"
}

// Run makes the App and writes the configuration, and tells what to do next.
func (i Init) Run(ctx context.Context, out io.Writer) error {
	if err := i.Validate(); err != nil {
		return err
	}
	var app *setup.App
	var problems []error
	if !i.SkipApp {
		made, err := i.makeApp(ctx, out)
		if made == nil {
			return err
		}
		app = made
		problems = append(problems, err)
	}
	if !i.SkipConfig {
		problems = append(problems, i.writeConfig(ctx, out))
	}
	i.next(app, out)
	return errors.Join(problems...)
}

// makeApp makes the App and keeps its secrets. An App beside an error is made, but not all of its secrets are where they
// belong.
func (i Init) makeApp(ctx context.Context, out io.Writer) (*setup.App, error) {
	place := setup.Place{
		Project: i.Project, KeySecret: i.KeySecret, WebhookSecret: i.WebhookSecret, Folder: i.Out, Replace: i.Force, Rescue: ".",
	}
	if i.Out == "" {
		secrets, err := secretmanager.New(ctx, secretmanager.Options{Endpoint: os.Getenv("GANGWAY_SECRET_MANAGER_ENDPOINT")})
		if err != nil {
			return nil, fmt.Errorf("%w: log in with gcloud auth application-default login, or keep the secrets in files with --out", err)
		}
		defer func() { _ = secrets.Close() }()
		place.Secrets = secrets
	}
	if err := place.Check(ctx); err != nil {
		return nil, fmt.Errorf("nothing was made on GitHub, because the App's secrets could not be kept: %w", err)
	}
	client := &http.Client{Timeout: 15 * time.Second, Transport: loopback.Transport()}
	app, err := setup.MakeApp(ctx, setup.Request{
		GitHub: i.GitHub, Organization: i.Organization, Port: i.Port, Timeout: i.Timeout, Pause: time.Second, Open: i.Browser, Out: out,
		Manifest: func(redirect string) ([]byte, error) {
			page := i.GitHub
			if i.Organization != "" {
				page += "/" + i.Organization
			}
			return github.Manifest{Name: i.Name, Page: page, WebhookURL: i.WebhookURL, RedirectURL: redirect}.JSON()
		},
		Exchange: func(ctx context.Context, code string) (setup.App, error) {
			made, err := github.Exchange(ctx, client, restOf(i.GitHub), code)
			return setup.App(made), err
		},
	})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "GitHub App %q is made: id %d, %s\n", app.Name, app.ID, app.Page)
	return &app, place.Keep(ctx, app, out)
}

// writeConfig writes the configuration and says what is left to fill in.
func (i Init) writeConfig(ctx context.Context, out io.Writer) error {
	s := setup.Starter{
		Installation: i.Installation, Project: i.Project, Region: i.Region, Environment: i.Environment, Gateway: i.Gateway,
		Repository: i.Repository,
	}
	var err error
	if s.Services, err = i.services(ctx); err != nil {
		fmt.Fprintf(out, "The Cloud Run services could not be listed, so that the configuration has none: %v\n", err)
	}
	left, err := s.WriteStarter(i.Config, i.Force)
	switch {
	case errors.Is(err, setup.ErrExists):
		fmt.Fprintf(out, "%s: %v.\n", i.Config, err)
		return nil
	case err != nil:
		return err
	}
	fmt.Fprintf(out, "Wrote %s with %d of the Cloud Run services of %s in %s.\n", i.Config, len(s.Services), i.Project, i.Region)
	if left != nil {
		fmt.Fprintf(out, "Left to fill in:\n\n%v\n", left)
	}
	return nil
}

// platformLabel is on what terraform/platform makes, such as Gangway's own services.
const platformLabel = "gangway-platform"

// services are the Cloud Run services of the region that are not Gangway's own.
func (i Init) services(ctx context.Context) ([]setup.Found, error) {
	client, err := cloudrun.New(ctx, cloudrun.Options{Endpoint: os.Getenv("GANGWAY_CLOUD_RUN_ENDPOINT")})
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	looks, err := client.Looks(ctx, i.Project, i.Region)
	if err != nil {
		return nil, err
	}
	var all []setup.Found
	for _, look := range looks {
		if _, own := look.Labels[platformLabel]; own {
			continue
		}
		found := setup.Found{Name: look.Ref.Name, Follows: look.Follows, Ingress: look.Ingress}
		if revision, err := client.Revision(ctx, look.Ref, look.Live); look.Live != "" && err == nil {
			if found.Live = revision.Labels; found.Live == nil {
				found.Live = map[string]string{}
			}
		}
		all = append(all, found)
	}
	return all, nil
}

// next tells what there is to do.
func (i Init) next(app *setup.App, out io.Writer) {
	var steps []string
	if app != nil {
		steps = append(steps,
			"Install the App on the repositories: "+app.Page+"/installations/new",
			fmt.Sprintf("Tell Gangway the App's id: github_app_id = %d in terraform.tfvars, or GITHUB_APP_ID=%[1]d", app.ID))
		if i.Out != "" {
			steps = append(steps, "Tell Gangway where the secrets are: GITHUB_APP_KEY_FILE and GITHUB_WEBHOOK_SECRETS_FILE, the files in "+i.Out)
		}
	}
	if !i.SkipConfig {
		steps = append(steps, "Fill in what is left in "+i.Config+", and put it where Gangway reads it: terraform output configuration")
	}
	check := "gangway doctor --config " + i.Config
	if app != nil {
		check += fmt.Sprintf(" --app-id %d", app.ID)
	}
	steps = append(steps, "Check everything: "+check)
	fmt.Fprintln(out, "\nNext:")
	for n, step := range steps {
		fmt.Fprintf(out, "  %d. %s\n", n+1, step)
	}
}
