package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gangway-dev/gangway/internal/emulator"
	"github.com/gangway-dev/gangway/internal/local"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

// settings are the flags of `gangway local` and `gangway emulate`.
type settings struct {
	dir      string
	latency  string
	provider string
	exit     bool
	envFile  string
	webhook  string
	shop     bool
	google
}

func (s settings) checkLatency() error {
	if l := emulator.Latency(s.latency); l != emulator.Fast && l != emulator.Real {
		return badValue("--latency is %q: want fast or real", s.latency)
	}
	return nil
}

// defaultDir is where `gangway local` keeps its state.
const defaultDir = ".gangway/local"

func localCommand() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:   "local",
		Short: "Run everything on this machine and show a pull request's life",
		Long: `Runs the whole flow on one machine: emulated GitHub, Cloud Build, Cloud Run and API Gateway on
loopback; the real webhook, aggregator, Terraform, git, builds, revisions and gateways between them.

It opens a pull request that changes one of three services, shows by real requests that the
preview answers with its code and the environment with the old, and stays up until Ctrl-C.
While it runs, open more pull requests in a browser or with "gangway local pr".` + googleHelp,
		Args: noSuch,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.checkLatency(); err != nil {
				return err
			}
			if s.provider != "served" && s.provider != "registry" {
				return badValue("--provider is %q: want served or registry", s.provider)
			}
			if err := s.google.check(); err != nil {
				return err
			}
			return runLocal(c.Context(), s, c.OutOrStdout())
		},
	}
	flags := c.PersistentFlags()
	flags.StringVar(&s.dir, "dir", defaultDir, "folder for all state; the next start goes on from it")
	c.Flags().BoolVar(&s.exit, "exit", false, "push, close, check that nothing is left, and end")
	c.Flags().StringVar(&s.latency, "latency", "fast", "how long the far ends take: fast or real")
	c.Flags().StringVar(&s.provider, "provider", "served",
		"Terraform's google-beta provider: served by this process, or whatever Terraform finds (registry)")
	s.google.flags(c)
	c.AddCommand(pullCommand(&s))
	return c
}

func runLocal(ctx context.Context, s settings, out io.Writer) (err error) {
	log, closeLog, err := openLog(local.LogFile(s.dir))
	if err != nil {
		return err
	}
	defer closeLog()
	pubSub, firestore := s.emulators()
	l, err := local.Start(ctx, local.Options{
		Dir: s.dir, Latency: emulator.Latency(s.latency), Provider: s.provider, PubSub: pubSub, Firestore: firestore,
		Out: out, Live: isTerminal(out), Log: log,
	})
	if err != nil {
		return explain(ctx, err, s.dir)
	}
	defer l.Close()
	tour, err := l.Show(ctx)
	if err == nil && s.exit {
		err = tour.Finish(ctx)
	}
	if err != nil {
		fmt.Fprintln(out, l.Summary())
		return explain(ctx, err, s.dir)
	}
	if s.exit {
		fmt.Fprintln(out, l.Summary())
		return nil
	}
	tour.Where()
	fmt.Fprintf(out, `It stays up until Ctrl-C. Push, open and close in the browser, or in another terminal:

  gangway local pr push %d%s
  gangway local pr open%[2]s
  gangway local pr close %[1]d%[2]s

`, tour.Number(), dirFlag(s.dir))
	return l.Wait(ctx)
}

// dirFlag is what has to follow a command for it to find this folder.
func dirFlag(dir string) string {
	if dir == defaultDir {
		return ""
	}
	return " --dir '" + strings.ReplaceAll(dir, "'", `'\''`) + "'"
}

// explain says where to look.
func explain(ctx context.Context, err error, dir string) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return errors.New("stopped before the end; the next start goes on from here")
	}
	return fmt.Errorf("%w\nThe log is in %s", explainAbsent(err), local.LogFile(dir))
}

// openLog opens the log of everything that runs in this process.
func openLog(path string) (*slog.Logger, func(), error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, fmt.Errorf("making folder: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("opening log: %w", err)
	}
	log, err := telemetry.New(telemetry.Options{Writer: file, Format: "text", Level: slog.LevelDebug})
	return log, func() { _ = file.Close() }, err
}

// isTerminal tells whether a person watches.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

func pullCommand(s *settings) *cobra.Command {
	c := &cobra.Command{
		Use:   "pr",
		Short: "Open, push to and close pull requests of the local cloud that runs in --dir",
	}
	var title string
	open := &cobra.Command{
		Use:   "open [FILE=PATH ...]",
		Short: "Open a pull request; without files, one that changes orders",
		Long: `Opens a pull request that puts the content of local files into the repository, as
orders/orders.go=./my-orders.go. Without files it changes orders.`,
		RunE: func(c *cobra.Command, args []string) error {
			files, err := filesOf(args, local.Count)
			if err != nil {
				return err
			}
			return withHub(s, func(hub *local.Hub) error {
				p, err := hub.Open(c.Context(), title, files)
				return told(c, p, err)
			})
		},
	}
	open.Flags().StringVar(&title, "title", "Tell how many orders there are", "title of the pull request")
	push := &cobra.Command{
		Use:   "push NUMBER [FILE=PATH ...]",
		Short: "Push a commit to a pull request; without files, one that adds an operation to orders",
		Args:  arguments(1, -1),
		RunE: func(c *cobra.Command, args []string) error {
			number, err := numberOf(args[0])
			if err != nil {
				return err
			}
			files, err := filesOf(args[1:], local.Latest)
			if err != nil {
				return err
			}
			return withHub(s, func(hub *local.Hub) error {
				p, err := hub.Push(c.Context(), number, "Change it again", files)
				return told(c, p, err)
			})
		},
	}
	shut := &cobra.Command{
		Use:   "close NUMBER",
		Short: "Close a pull request",
		Args:  arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			number, err := numberOf(args[0])
			if err != nil {
				return err
			}
			return withHub(s, func(hub *local.Hub) error {
				p, err := hub.Close(c.Context(), number)
				return told(c, p, err)
			})
		},
	}
	return group(c, open, push, shut)
}
