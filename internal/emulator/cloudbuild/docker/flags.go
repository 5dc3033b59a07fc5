package docker

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"
)

func newFlags(name string) *pflag.FlagSet {
	flags := pflag.NewFlagSet("docker "+name, pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	return flags
}

// ignored declares flags that change nothing here.
func ignored(flags *pflag.FlagSet, withValue, without []string) {
	for _, name := range withValue {
		flags.StringArray(name, nil, "")
	}
	for _, name := range without {
		flags.Bool(name, false, "")
		flags.Lookup(name).NoOptDefVal = "true"
	}
}

// parse reports an unknown flag as not supported: it may well be one of docker's.
func parse(flags *pflag.FlagSet, args []string) error {
	err := flags.Parse(args)
	if _, unknown := errors.AsType[*pflag.NotExistError](err); unknown {
		return fmt.Errorf("%s: %w: %w", flags.Name(), err, errUsage)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", flags.Name(), err)
	}
	return nil
}
