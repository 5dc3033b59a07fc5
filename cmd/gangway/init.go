package main

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/gangway-dev/gangway/internal/app"
)

func initCommand() *cobra.Command {
	var i app.Init
	var silent bool
	c := &cobra.Command{
		Use:   "init",
		Short: "Make the GitHub App, store its secrets, and write a configuration to begin with",
		Long: `Makes what Gangway needs outside of Terraform. It opens a page that asks GitHub for an App with the least
permissions, waits until you have confirmed it there, and puts the App's private key and webhook secret into Secret
Manager, or with --out into files that only you can read. They are never shown. Then it writes a configuration with
the Cloud Run services that it finds, and says what is left to fill in and what to do next.

  gangway init --organization acme --project acme-dev --region europe-west1 \
      --installation acme --webhook-url "$(terraform output -raw webhook_url)"

terraform/platform makes the secrets (INSTALLATION-github-app-key, INSTALLATION-webhook-secrets) and knows the webhook's
address. A configuration that is there already is left as it is. Against the emulators of "gangway emulate":

  gangway init --github-url "${GITHUB_API_URL%/api/v3/}" --project acme-dev --region europe-west1 \
      --webhook-url http://127.0.0.1:8080/github/webhook

It uses the application's default credentials, or none where GANGWAY_SECRET_MANAGER_ENDPOINT and
GANGWAY_CLOUD_RUN_ENDPOINT name emulators.`,
		Args: noSuch,
		RunE: func(c *cobra.Command, _ []string) error {
			if !silent {
				i.Browser = openBrowser
			}
			if err := i.Validate(); err != nil {
				return usage(c, err.Error())
			}
			return i.Run(c.Context(), c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVar(&i.GitHub, "github-url", "https://github.com", "GitHub's address, for a GitHub Enterprise Server or the emulator")
	f.StringVar(&i.Organization, "organization", "", "the organisation that owns the App; without it, the user who is signed in at the browser")
	f.StringVar(&i.Name, "name", "", "the App's name, which nobody else's may have; it can be changed on GitHub's page")
	f.StringVar(&i.WebhookURL, "webhook-url", "", "where GitHub delivers to: terraform output webhook_url")
	f.IntVar(&i.Port, "port", 0, "port of the page on this machine; 0 takes a free one")
	f.DurationVar(&i.Timeout, "timeout", 15*time.Minute, "how long to wait for the confirmation")
	f.BoolVar(&silent, "no-browser", false, "don't open a browser, only print the address")
	f.StringVar(&i.Project, "project", "", "the project of the previews' environment, and of the secrets")
	f.StringVar(&i.Region, "region", "", "the region of the Cloud Run services")
	f.StringVar(&i.Installation, "installation", "gangway", "the same as in Terraform")
	f.StringVar(&i.Environment, "environment", "development", "name of the environment in the configuration")
	f.StringVar(&i.Gateway, "gateway", "api", "name of the gateway in the configuration")
	f.StringVar(&i.Repository, "repository", "", "OWNER/NAME, if all services are in one repository")
	f.StringVar(&i.KeySecret, "key-secret", "", "secret for the App's private key; by default INSTALLATION-github-app-key")
	f.StringVar(&i.WebhookSecret, "webhook-secret", "", "secret for the webhook's secrets, one a line; by default INSTALLATION-webhook-secrets")
	f.StringVar(&i.Out, "out", "", "folder for the secrets, as files, instead of Secret Manager")
	f.StringVar(&i.Config, "config", "gangway.hcl", "the configuration file to write")
	f.BoolVar(&i.Force, "force", false, "replace a configuration, or with --out a key, that is there already")
	f.BoolVar(&i.SkipApp, "skip-app", false, "make no App, only write the configuration")
	f.BoolVar(&i.SkipConfig, "skip-config", false, "write no configuration, only make the App")
	return c
}

// openBrowser opens an address where the system has a way to.
func openBrowser(address string) error {
	var c *exec.Cmd
	switch runtime.GOOS {
	case "darwin":
		c = exec.Command("open", address) //nolint:gosec,noctx // our own address; the browser outlives us
	case "windows":
		c = exec.Command("rundll32", "url.dll,FileProtocolHandler", address) //nolint:gosec,noctx // see above
	default:
		if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
			return errors.New("there is no screen")
		}
		c = exec.Command("xdg-open", address) //nolint:gosec,noctx // see above
	}
	if err := c.Start(); err != nil {
		return err
	}
	go func() { _ = c.Wait() }()
	return nil
}
