// Command aggregator composes each preview's gateway document, applies it with Terraform, reports on the pull request, and
// takes everything in when the pull request closes.
package main

import (
	"context"
	"os"

	"github.com/gangway-dev/gangway/internal/app"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

func main() {
	os.Exit(app.Main("aggregator", usage, func(ctx context.Context, args app.Args) error {
		var c app.Aggregator
		if err := args.Process(ctx, &c); err != nil {
			return err
		}
		log, err := telemetry.New(telemetry.Options{
			Writer: os.Stderr, Format: c.Log.Format, Level: c.Log.Level, Project: c.Project,
		})
		if err != nil {
			return err
		}
		return app.RunAggregator(ctx, c, log)
	}))
}

const usage = `usage: aggregator

Makes previews live and takes them in.
`
