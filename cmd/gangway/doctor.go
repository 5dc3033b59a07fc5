package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gangway-dev/gangway/internal/app"
	"github.com/gangway-dev/gangway/internal/doctor"
)

func doctorCommand() *cobra.Command {
	var d app.Doctor
	var asJSON, strict bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything that can be wrong with an installation, and say what to do",
		Long: `Looks at the configuration, the GitHub App and its deliveries, the Cloud Run services, topics and subscriptions, the
state bucket, the store, API Gateway, service accounts, the services' OpenAPI documents and Terraform. It only reads. All
checks are made at once; one that fails, or that you have no right to make, stops no other. docs/doctor.md tells of each.

  gangway doctor --config gangway.hcl --app-id 123456 --state-bucket "$(terraform output -raw state_bucket)"

It reads the same environment variables as webhook and aggregator; without GITHUB_APP_KEY_FILE, the App's key comes from
Secret Manager (INSTALLATION-github-app-key). On Google Cloud it uses your application default credentials.

The exit status is 0 when nothing failed, 1 when something did (with --strict: or is a warning), and 2 when the command was
called wrongly.`,
		Args: noSuch,
		RunE: func(c *cobra.Command, _ []string) error {
			if d.Deadline <= 0 {
				return usage(c, fmt.Sprintf("--deadline is %s: want a time such as 20s", d.Deadline))
			}
			report, err := d.Examine(c.Context())
			if err != nil {
				return err
			}
			return tell(report, asJSON, strict, c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVar(&d.Config, "config", "", "the configuration file; by default GANGWAY_CONFIG, or gangway.hcl")
	f.Int64Var(&d.AppID, "app-id", 0, "the GitHub App's id; by default GITHUB_APP_ID")
	f.StringVar(&d.StateBucket, "state-bucket", "", "the bucket of Terraform's states; by default GANGWAY_STATE_BUCKET")
	f.StringVar(&d.Store, "store", "", "the store; by default GANGWAY_STORE")
	f.DurationVar(&d.Deadline, "deadline", 20*time.Second, "how long one check may take")
	f.BoolVar(&asJSON, "json", false, "write JSON, for programs")
	f.BoolVar(&strict, "strict", false, "let warnings make the exit status 1 too")
	return c
}

// errUnwell ends a doctor's visit that found something.
var errUnwell = errors.New("not everything is well")

func tell(report doctor.Report, asJSON, strict bool, out io.Writer) error {
	write := func() error { return report.Text(out, isTerminal(out) && os.Getenv("NO_COLOR") == "") }
	if asJSON {
		write = func() error { return report.JSON(out) }
	}
	if err := write(); err != nil {
		return err
	}
	if report.Count(doctor.Failed) > 0 || strict && report.Count(doctor.Warning) > 0 {
		return errUnwell
	}
	return nil
}
