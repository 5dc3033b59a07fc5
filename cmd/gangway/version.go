package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which Gangway this is",
		Args:  arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			_, err := fmt.Fprintln(c.OutOrStdout(), versionOf(info))
			return err
		},
	}
}

// versionOf is one line: the module's version, the commit that it was built from as far as Go noted it, and what for.
func versionOf(info *debug.BuildInfo) string {
	platform := runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	if info == nil {
		return "gangway (unknown version) " + platform
	}
	version := info.Main.Version
	if version == "" {
		version = "(devel)"
	}
	noted := map[string]string{}
	for _, s := range info.Settings {
		noted[s.Key] = s.Value
	}
	line := "gangway " + version
	if commit := noted["vcs.revision"]; commit != "" {
		line += " commit " + commit[:min(len(commit), 12)]
		if at := noted["vcs.time"]; at != "" {
			line += " of " + at
		}
		if noted["vcs.modified"] == "true" {
			line += ", modified"
		}
	}
	return line + " " + platform
}
