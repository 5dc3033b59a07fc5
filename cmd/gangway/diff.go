package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/gangway-dev/gangway/internal/apidiff"
	"github.com/gangway-dev/gangway/internal/compose"
)

func diffCommand() *cobra.Command {
	var r compose.DiffRequest
	var format, failOn string
	c := &cobra.Command{
		Use:   "diff [BASE HEAD]",
		Short: "Tell what changes for the callers of an API, and what breaks them",
		Long: `Compares OpenAPI documents: operations added, removed and changed, who may call them and what that costs, and which
changes break callers. It works on local files, without any cloud. Two files:

  gangway diff old/openapi.yaml new/openapi.yaml

Or the documents of the configuration's services, as they are on disk, with themselves where the branch began; what the
other branch has changed meanwhile is told apart:

  gangway diff --config gangway.hcl --against origin/main --fail-on breaking

The exit status is 1 when a change is at least as bad as --fail-on, or when that isn't known of some change.`,
		Args: arguments(0, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 2 {
				r.Base, r.Head = args[0], args[1]
			}
			if message := wrongDiff(r, args); message != "" {
				return usage(c, message)
			}
			return runDiff(c.Context(), r, format, failOn, c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVar(&r.Against, "against", "", "the branch that is merged into, for example origin/main; needs --config")
	f.StringVar(&r.Config, "config", "", "the configuration file, for --against")
	f.StringVar(&r.Repository, "repository", "", "OWNER/NAME: only the services of this repository")
	f.StringVar(&r.Environment, "environment", "", "the environment in the configuration; by default that of the previews")
	f.StringVar(&r.Gateway, "gateway", "", "the gateway in the configuration; by default the only one")
	f.StringVar(&r.Root, "root", "", "folder in which the configuration's documents are; the current one by default")
	f.StringVar(&format, "format", "text", "text or json")
	f.StringVar(&failOn, "fail-on", "none", "what makes the exit status 1: breaking, risky (that or worse) or none")
	return c
}

// wrongDiff says what is wrong with the arguments; "" if nothing is.
func wrongDiff(r compose.DiffRequest, args []string) string {
	switch {
	case len(args) == 1:
		return "one file is not enough: want BASE and HEAD"
	case len(args) == 2 && (r != compose.DiffRequest{Base: r.Base, Head: r.Head}):
		return "either compare two files, or give --config and --against"
	case len(args) == 2:
		return ""
	case r.Against == "" && r.Config == "":
		return "there is nothing to compare: give two files, or --config FILE and --against REF"
	case r.Against == "":
		return "--config needs --against: the branch that is merged into, for example origin/main"
	case r.Config == "":
		return "--against needs --config: the file that names the services and their documents"
	}
	return ""
}

// errBreaks ends a command that has found what it was told to fail on.
var errBreaks = errors.New("the API changes in a way that --fail-on names")

func runDiff(ctx context.Context, r compose.DiffRequest, format, failOn string, out io.Writer) error {
	limit := apidiff.Breaking + 1
	if failOn != "none" {
		if err := limit.UnmarshalText([]byte(failOn)); err != nil || limit == apidiff.Harmless {
			return badValue("--fail-on is %q: want breaking, risky or none", failOn)
		}
	}
	if format != "text" && format != "json" {
		return badValue("--format is %q: want text or json", format)
	}
	difference, err := compose.Diff(ctx, r)
	if err != nil {
		return err
	}
	if err := difference.Write(out, format); err != nil {
		return err
	}
	switch {
	case difference.Worst() >= limit:
		return errBreaks
	case difference.Unknown && limit <= apidiff.Breaking:
		return errors.New("what some changes mean is not known, and --fail-on is given: somebody has to look at them")
	}
	return nil
}
