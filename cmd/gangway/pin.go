package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/gangway-dev/gangway/internal/app"
)

func pinCommand() *cobra.Command {
	var config, environment string
	c := &cobra.Command{
		Use:   "pin SERVICE",
		Short: "Let a service serve its live revision by name instead of whatever is the latest",
		Long: `A Cloud Run service whose traffic follows the latest revision would send everybody to a pull request's
revision, so Gangway refuses to deploy to it. This moves it to the revision that serves now, by name, and
says what the service's own deployment has to do from then on.

It uses the application's default credentials, or no credentials where GANGWAY_CLOUD_RUN_ENDPOINT names an emulator.`,
		Args: arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			told, err := app.Pin(c.Context(), config, environment, args[0], slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.OutOrStdout(), told)
			return err
		},
	}
	c.Flags().StringVar(&config, "config", "gangway.hcl", "the configuration file")
	c.Flags().StringVar(&environment, "environment", "", "the environment; by default that of the previews")
	return c
}
