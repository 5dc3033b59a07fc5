// Command webhook takes GitHub's deliveries in (role receive) and turns them into builds and revisions (role intake).
// Both roles run in one process unless GANGWAY_ROLE or --role says otherwise.
package main

import (
	"context"
	"os"

	"github.com/gangway-dev/gangway/internal/app"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

func main() {
	os.Exit(app.Main("webhook", usage, func(ctx context.Context, args app.Args) error {
		var c app.Webhook
		if err := args.Process(ctx, &c); err != nil {
			return err
		}
		log, err := telemetry.New(telemetry.Options{
			Writer: os.Stderr, Format: c.Log.Format, Level: c.Log.Level, Project: c.Project,
		})
		if err != nil {
			return err
		}
		return app.RunWebhook(ctx, c, nil, log)
	}))
}

const usage = `usage: webhook [--role receive|intake|all]

Takes GitHub's deliveries at POST /github/webhook and brings pull requests' services
to ready revisions on Cloud Run.
`
