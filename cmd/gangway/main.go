// Command gangway is the command line: it runs the local cloud, and what a developer or an operator does by hand.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gangway-dev/gangway/internal/emulator/process"
	"github.com/gangway-dev/gangway/internal/preview"
)

func main() {
	process.Main()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second Ctrl-C ends it at once
	}()
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gangway:", err)
		if known, ok := errors.AsType[*preview.UserError](err); ok && known.Hint != "" {
			fmt.Fprintln(os.Stderr, "  →", known.Hint)
		}
		os.Exit(exitStatus(err))
	}
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "gangway",
		Short: "Preview gateways for pull requests",
		Long: `Gangway gives every pull request its own API gateway, on which the changed services are
the pull request's and all others are the environment's.

Try it:      gangway local
Install it:  gangway init, then gangway doctor; docs/install.md goes through it`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.SetFlagErrorFunc(badFlag)
	return group(c, localCommand(), initCommand(), doctorCommand(), pinCommand(), previewsCommand(), deployCommand(), composeCommand(), diffCommand(), emulateCommand(), versionCommand())
}
