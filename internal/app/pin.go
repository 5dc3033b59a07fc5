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
	client, err := cloudrun.New(ctx, cloudrun.Options{Endpoint: os.Getenv("GANGWAY_CLOUD_RUN_ENDPOINT"), Log: log})
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
	return fmt.Sprintf(`%s serves revision %s by name now: nothing else has changed for its callers.

From now on a new revision gets no traffic by itself, so the service's own deployment has to say it:

  gcloud run deploy %s --no-traffic ...
  gcloud run services update-traffic %s --to-revisions NEW_REVISION=100 --region %s --project %s

With Terraform, let google_cloud_run_v2_service ignore changes of template and traffic.
`, ref.Name, revision, ref.Name, ref.Name, ref.Region, ref.Project), nil
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
