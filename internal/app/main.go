package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"strings"
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
	flags.SetOutput(os.Stderr)
	flags.Usage = func() {} // the settings are printed below, once it is known which there are
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
		_ = run(ctx, args)
		return 0
	case err == nil && flags.NArg() > 0:
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
		fmt.Fprintln(os.Stderr, a.usage)
		printSettings(reflect.TypeOf(settings).Elem())
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

// printSettings lists the environment variables of a settings type with their defaults.
func printSettings(t reflect.Type) {
	for field := range t.Fields() {
		tag, ok := field.Tag.Lookup("env")
		if !ok {
			if field.Type.Kind() == reflect.Struct {
				printSettings(field.Type)
			}
			continue
		}
		name, rest, _ := strings.Cut(tag, ",")
		_, preset, _ := strings.Cut(rest, "default=")
		if preset != "" {
			preset = " (" + preset + ")"
		}
		fmt.Fprintf(os.Stderr, "  %s%s\n", name, preset)
	}
}
