package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"syscall"

	"github.com/sethvargo/go-envconfig"
)

// Args are a command's flags, and where its settings come from.
type Args struct {
	overrides map[string]string
	usage     string
}

// Main runs a command until SIGINT or SIGTERM and returns its exit status. A second signal ends it at once.
func Main(name, usage string, run func(context.Context, Args) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop()
	}()
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error and the settings are printed below, once it is known which there are
	args := Args{overrides: map[string]string{}, usage: usage}
	if name == "webhook" {
		flags.Func("role", "receive, intake or all", func(s string) error {
			args.overrides["GANGWAY_ROLE"] = s
			return nil
		})
	}
	err := flags.Parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		args.overrides = nil
		if err := run(ctx, args); err != errHelp { //nolint:errorlint // anything beside it is a failure
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			return 1
		}
		return 0
	case err != nil:
		err = fmt.Errorf("%w; see %s --help", err, name)
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q; see %s --help", flags.Arg(0), name)
	}
	if err == nil {
		err = run(ctx, args)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}

// errHelp says that the usage was printed.
var errHelp = errors.New("usage printed")

// Process fills settings from flags and the environment. When help was asked for, it prints what there is to set.
func (a Args) Process(ctx context.Context, settings any) error {
	if a.overrides == nil {
		if err := printHelp(os.Stdout, a.usage, reflect.TypeOf(settings).Elem()); err != nil {
			return fmt.Errorf("printing help: %w", err)
		}
		return errHelp
	}
	err := envconfig.ProcessWith(ctx, &envconfig.Config{
		Target: settings, Lookuper: envconfig.MultiLookuper(envconfig.MapLookuper(a.overrides), envconfig.OsLookuper()),
	})
	if err != nil {
		return fmt.Errorf("reading settings from the environment: %w", err)
	}
	return nil
}
