package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/cloudrun"
	"github.com/gangway-dev/gangway/internal/preview"
)

// Pin moves a service whose traffic follows the latest revision to that revision by name, and returns what to tell the
// operator. config is the configuration file; environment may be empty for the previews' one.
func Pin(ctx context.Context, config, environment, service string, log *slog.Logger) (string, error) {
	c, err := catalog.Load(config)
	if err != nil {
		return "", err
	}
	ref, err := cloudRunOf(c, environment, service)
	if err != nil {
		return "", err
	}
	client, err := cloudrun.New(ctx, cloudrun.Options{
		Endpoint: os.Getenv("GANGWAY_CLOUD_RUN_ENDPOINT"), Token: os.Getenv("GANGWAY_EMULATOR_TOKEN"), Log: log,
	})
	if err != nil {
		return "", err
	}
	defer client.Close()
	revision, err := client.Pin(ctx, ref)
	if err != nil {
		return "", fmt.Errorf("pinning %s: %w", ref.Name, err)
	}
	if revision == "" {
		return fmt.Sprintf("%s follows no latest revision: nothing to do.\n", ref.Name), nil
	}
	return pinned(ref, revision), nil
}

// pinned tells the operator what is so now, and what the service's own deployment has to say from then on.
func pinned(ref preview.ServiceRef, revision string) string {
	return strings.NewReplacer("SERVICE", ref.Name, "REVISION", revision, "REGION", ref.Region, "PROJECT", ref.Project).Replace(
		`SERVICE serves REVISION by name now: nothing else has changed for its callers.

From now on a new revision gets no traffic by itself, so that the service's own deployment has to move it, and must never
use --to-latest. Traffic tags that begin with pr- are Gangway's: let them be.

With gcloud:

  gcloud run deploy SERVICE --no-traffic --tag=next --image=... --labels=commit-sha=... --region=REGION --project=PROJECT
  gcloud run services update-traffic SERVICE --to-tags=next=100 --region=REGION --project=PROJECT

With google-github-actions/deploy-cloudrun: no_traffic: true, then the second command above.

With Terraform, whether it deploys the service or not, somebody else writes the list of traffic:

  resource "google_cloud_run_v2_service" "..." {
    ...
    lifecycle {
      ignore_changes = [traffic]            # and template, if Terraform doesn't deploy new revisions
    }
  }

In a YAML file for gcloud run services replace, which writes the whole list (keep the entries with tags that are there):

  spec:
    traffic:
    - revisionName: REVISION
      percent: 100

`)
}

// cloudRunOf finds a service of an environment by its name in the configuration.
func cloudRunOf(c *catalog.Catalog, environment, service string) (preview.ServiceRef, error) {
	if environment == "" {
		environment = c.Previews.Environment
	}
	e, ok := c.Environment(environment)
	if !ok {
		return preview.ServiceRef{}, fmt.Errorf("the configuration has no environment %q", environment)
	}
	var names []string
	for n := range e.Gateways {
		for _, s := range e.Gateways[n].Services {
			if s.Name == service {
				return preview.ServiceRef{Project: e.Project, Region: e.Region, Name: s.CloudRun}, nil
			}
			names = append(names, s.Name)
		}
	}
	return preview.ServiceRef{}, fmt.Errorf("environment %s has no service %q; it has %s", e.Name, service, strings.Join(names, ", "))
}
