package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

const (
	// clockTolerance is how far from GitHub's this machine's clock may be: GitHub refuses a token of the future.
	clockTolerance = 30 * time.Second
	// deliveriesFor is how far back deliveries are counted.
	deliveriesFor = 24 * time.Hour
)

func githubChecks() []Check {
	const group = "GitHub"
	return []Check{
		{
			Name: "github-app", Group: group, Asks: "whether GitHub takes the App's id and private key", run: githubApp,
			Remedy: "Give the App's id (GITHUB_APP_ID) and a private key of it (GITHUB_APP_KEY_FILE); both are on the App's settings page. gangway init makes an App.",
		},
		{
			Name: "github-clock", Group: group, Asks: "whether this machine's clock agrees with GitHub's", run: withApp(githubClock),
			Remedy: "Set the clock (NTP): GitHub refuses the App's tokens otherwise.",
		},
		{
			Name: "github-permissions", Group: group, Asks: "whether the App has the permissions that are needed, and no more", run: withApp(githubPermissions),
			Remedy: "Change the permissions on the App's settings page; an owner then has to accept them for each installation.",
		},
		{
			Name: "github-events", Group: group, Asks: "whether the App's webhook is told of what is needed", run: withApp(githubEvents),
			Remedy: "Subscribe to the event on the App's settings page, under permissions and events.",
		},
		{
			Name: "github-installation", Group: group, Asks: "whether the App is installed on each repository of the configuration, with its permissions accepted",
			of: repositories, one: githubInstallation,
			Remedy: "Install the App on the repository, from the App's page; or accept its new permissions on the installation's page.",
		},
		{
			Name: "github-webhook", Group: group, Asks: "whether the App's webhook has an address and a secret", run: withApp(githubWebhook),
			Remedy: "On the App's settings page set the webhook's URL (terraform output webhook_url), content type JSON, a secret, and SSL verification.",
		},
		{
			Name: "webhook-reachable", Group: group, Asks: "whether the webhook answers at its address, as seen from here", run: withApp(webhookReachable),
			Remedy: "Look whether the service that receives deliveries runs, and lets everybody in: its ingress is all, and allUsers may invoke it.",
		},
		{
			Name: "github-deliveries", Group: group, Asks: "how the deliveries of the last day went", run: withApp(githubDeliveries),
			Remedy: "Look at the App's recent deliveries on its settings page, under advanced. Failed ones are asked for again by the sweep, for three days.",
		},
	}
}

func githubApp(_ context.Context, e *exam) {
	if e.world.GitHub == nil {
		e.fail("", "%v", e.world.GitHubError)
		return
	}
	app, err := e.app()
	if err != nil {
		e.fail("", "%v", err)
		return
	}
	e.ok("%s, of %s", app.Name, app.Owner)
}

// withApp skips a check where GitHub does not take the App.
func withApp(check func(context.Context, *exam, App)) func(context.Context, *exam) {
	return func(ctx context.Context, e *exam) {
		if e.world.GitHub == nil {
			e.skip("the App isn't known: see github-app")
			return
		}
		app, err := e.app()
		if err != nil {
			e.skip("GitHub doesn't take the App: see github-app")
			return
		}
		check(ctx, e, app)
	}
}

func githubClock(_ context.Context, e *exam, app App) {
	if app.Date.IsZero() {
		e.skip("GitHub's answer had no date")
		return
	}
	off := e.world.Now().Sub(app.Date).Truncate(time.Second)
	switch {
	case off > clockTolerance:
		e.fail("", "%s ahead of GitHub's", off)
	case off < -clockTolerance:
		e.fail("", "%s behind GitHub's", -off)
	default:
		e.ok("within %s of GitHub's", clockTolerance)
	}
}

// lacking are permissions that are needed and not there, and beyond those that are there and not needed, each as name: level.
func lacking(have, need map[string]string) (missing, beyond []string) {
	for _, name := range slices.Sorted(maps.Keys(need)) {
		if have[name] == "" || need[name] == "write" && have[name] == "read" {
			missing = append(missing, name+": "+need[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if need[name] == "" || need[name] == "read" && have[name] != "read" {
			beyond = append(beyond, name+": "+have[name])
		}
	}
	return missing, beyond
}

func githubPermissions(_ context.Context, e *exam, app App) {
	missing, beyond := lacking(app.Permissions, e.world.Required.Permissions)
	switch {
	case len(missing) > 0:
		e.fail("", "missing: %s", strings.Join(missing, ", "))
	case len(beyond) > 0:
		e.warn("", "more than needed: %s", strings.Join(beyond, ", "))
	default:
		e.ok("what is needed and no more")
	}
}

func githubEvents(_ context.Context, e *exam, app App) {
	var missing []string
	for _, event := range e.world.Required.Events {
		if !slices.Contains(app.Events, event) {
			missing = append(missing, event)
		}
	}
	if len(missing) > 0 {
		e.fail("", "missing: %s", strings.Join(missing, ", "))
		return
	}
	e.ok("%s", strings.Join(e.world.Required.Events, ", "))
}

// repositories are those of the configuration.
func repositories(e *exam) []subject {
	var all []subject
	for _, r := range e.catalog.Repositories {
		all = append(all, subject{name: r.Name})
	}
	return all
}

func githubInstallation(ctx context.Context, e *exam, s subject) {
	withApp(func(ctx context.Context, e *exam, app App) {
		i, err := e.world.GitHub.Installation(ctx, s.name)
		switch {
		case errors.Is(err, preview.ErrNotFound):
			e.fail("Install the App on the repository: "+app.Page+"/installations/new", "not installed, or there is no such repository")
			return
		case err != nil:
			e.unread(err)
			return
		case i.Suspended:
			e.fail("An owner has to end the suspension: "+i.Page, "suspended")
			return
		}
		if missing, _ := lacking(i.Permissions, e.world.Required.Permissions); len(missing) > 0 {
			if asked, _ := lacking(app.Permissions, e.world.Required.Permissions); len(asked) == 0 {
				e.fail("An owner has to accept the App's permissions: "+i.Page, "not accepted: %s", strings.Join(missing, ", "))
				return
			}
			e.skip("installed; the App itself lacks permissions: see github-permissions")
			return
		}
		e.ok("installed")
	})(ctx, e)
}

func githubWebhook(ctx context.Context, e *exam, _ App) {
	hook, err := e.world.GitHub.Hook(ctx)
	switch {
	case err != nil:
		e.unread(err)
	case hook.URL == "":
		e.fail("", "it has no address")
	case !hook.JSON:
		e.fail("", "deliveries are forms: the content type has to be JSON")
	case !hook.Secret:
		e.fail("", "it has no secret: no delivery would be believed")
	case hook.InsecureSSL:
		e.warn("", "certificates are not checked")
	default:
		e.ok("%s", hook.URL)
	}
}

func webhookReachable(ctx context.Context, e *exam, _ App) {
	hook, err := e.world.GitHub.Hook(ctx)
	switch {
	case err != nil:
		e.unread(err)
		return
	case hook.URL == "":
		e.skip("it has no address: see github-webhook")
		return
	case e.world.Reach == nil:
		e.absent("Reach")
		return
	}
	status, err := e.world.Reach(ctx, hook.URL)
	switch {
	case err != nil:
		e.fail("", "%s: %v", hook.URL, err)
	case status == http.StatusMethodNotAllowed: // to a GET, as it should be
		e.ok("answers at %s", hook.URL)
	case status == http.StatusNotFound:
		e.fail("Correct the address: it ends with /github/webhook. Or the service's ingress or name is another.", "%s answers %d", hook.URL, status)
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		e.fail("", "%s answers %d: GitHub isn't let in", hook.URL, status)
	default:
		e.fail("", "%s answers %d %s, which isn't Gangway's answer to a GET", hook.URL, status, http.StatusText(status))
	}
}

func githubDeliveries(ctx context.Context, e *exam, _ App) {
	d, err := e.world.GitHub.DeliveriesSince(ctx, e.world.Now().Add(-deliveriesFor))
	if err != nil {
		e.unread(err)
		return
	}
	said := fmt.Sprintf("%d of %d failed in the last day", d.Failed, d.Attempts)
	if d.Failed > 0 {
		said += fmt.Sprintf(", the last at %s: %s", d.LastFailed.UTC().Format("15:04 UTC"), d.LastFailure)
	}
	switch {
	case d.Attempts == 0:
		e.ok("none in the last day")
	case d.Failed == 0:
		e.ok("all %d of the last day went well", d.Attempts)
	case d.Failed*5 >= d.Attempts: // a restart alone is less
		e.fail("", "%s", said)
	default:
		e.warn("", "%s", said)
	}
}
