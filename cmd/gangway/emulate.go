package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gangway-dev/gangway/internal/emulator"
	"github.com/gangway-dev/gangway/internal/local"
)

func emulateCommand() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:   "emulate",
		Short: "Run only the far ends: GitHub, Cloud Build, Cloud Run, API Gateway, Pub/Sub",
		Long: `Runs the far ends on loopback and nothing of Gangway, so that the real commands, Terraform, gcloud
or a test can be pointed at them. With --env-file, everything that these need to know is written
as environment variables:

  gangway emulate --shop --env-file env    # ends with "ready"; then, in another terminal:
  . ./env && GANGWAY_PROVIDER=served aggregator` + googleHelp,
		Args: arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.checkLatency(); err != nil {
				return err
			}
			if err := s.google.check(); err != nil {
				return err
			}
			return runEmulate(c.Context(), s, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&s.dir, "dir", ".gangway/emulate", "folder for all state; the next start goes on from it")
	c.Flags().StringVar(&s.latency, "latency", "fast", "how long the far ends take: fast or real")
	c.Flags().StringVar(&s.envFile, "env-file", "", "write the endpoints as environment variables to this file")
	c.Flags().StringVar(&s.webhook, "webhook", "", "URL that GitHub delivers to, as http://127.0.0.1:8080/github/webhook")
	c.Flags().BoolVar(&s.shop, "shop", false, "set the shop up as an environment: repository, services, gateway, configuration")
	s.google.flags(c)
	return c
}

func runEmulate(ctx context.Context, s settings, out io.Writer) error {
	log, closeLog, err := openLog(local.LogFile(s.dir))
	if err != nil {
		return err
	}
	defer closeLog()
	pubSub, firestore := s.emulators()
	e, err := local.Emulate(ctx, local.Options{
		Dir: s.dir, Latency: emulator.Latency(s.latency), Provider: "served", PubSub: pubSub, Firestore: firestore,
		Out: out, Live: isTerminal(out), Log: log,
	}, s.shop)
	if err != nil {
		return explain(ctx, err, s.dir)
	}
	defer e.Close()
	if s.webhook != "" {
		if err := e.DeliverTo(s.webhook); err != nil {
			return err
		}
	}
	text := e.EnvFile()
	if s.envFile != "" {
		if err := os.WriteFile(s.envFile, []byte(text), 0o600); err != nil {
			return fmt.Errorf("writing environment: %w", err)
		}
	}
	if _, err := fmt.Fprint(out, text, "ready\n"); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
