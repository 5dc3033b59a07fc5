package main

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/gangway-dev/gangway/internal/app"
)

func deployCommand() *cobra.Command {
	var r app.DeployRequest
	var noPublish bool
	id, _ := strconv.ParseInt(os.Getenv("GITHUB_REPOSITORY_ID"), 10, 64)
	c := &cobra.Command{
		Use:   "deploy SERVICE",
		Short: "Deploy an image that a pipeline of your own has built as a revision of a pull request",
		Long: `For services whose build block says "pipeline = true": Gangway builds nothing, and waits for your pipeline to
deploy. This makes a revision without traffic under the pull request's tag, with Gangway's labels, waits until it
is ready, and tells Gangway, which verifies it like any other.

  gangway deploy orders --pull-request 42 --commit $SHA --image REPOSITORY@sha256:DIGEST

The configuration says where, with which variables, and under which service account. It uses the application's default
credentials, or none where GANGWAY_CLOUD_RUN_ENDPOINT and PUBSUB_EMULATOR_HOST name emulators. Nothing is asked of
GitHub. Running it again changes nothing.`,
		Args: arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			r.Service, r.Publish = args[0], !noPublish
			told, err := app.Deploy(c.Context(), r, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.OutOrStdout(), told)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&r.Config, "config", "gangway.hcl", "the configuration file")
	f.StringVar(&r.Gateway, "gateway", "", "the gateway in the configuration; by default the one that has the service")
	f.IntVar(&r.PullRequest, "pull-request", 0, "the pull request's number")
	f.Int64Var(&r.Repository, "repository-id", id, "GitHub's numeric id of the repository; by default $GITHUB_REPOSITORY_ID")
	f.StringVar(&r.Commit, "commit", "", "the pull request's head SHA, which the image was built from")
	f.StringVar(&r.Image, "image", "", "the image, as REPOSITORY@sha256:DIGEST")
	f.StringVar(&r.Build, "build", "", "your name for the build, for the revision's label")
	f.DurationVar(&r.Wait, "wait", 10*time.Minute, "how long to wait until the revision is ready")
	f.BoolVar(&noPublish, "no-publish", false, "don't tell Gangway; it finds the revision by itself within a minute")
	return c
}
