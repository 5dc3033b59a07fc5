package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// group makes c a command that only holds others: by itself it shows its help, and an unknown name is an error with the
// names that may have been meant.
func group(c *cobra.Command, parts ...*cobra.Command) *cobra.Command {
	c.AddCommand(parts...)
	c.Args = noSuch
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return c
}

// noSuch refuses arguments, which can only be meant as a command's name.
func noSuch(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	message := fmt.Sprintf("there is no command %q", strings.TrimSpace(c.CommandPath()+" "+args[0]))
	if c.SuggestionsMinimumDistance <= 0 {
		c.SuggestionsMinimumDistance = 2
	}
	if meant := c.SuggestionsFor(args[0]); len(meant) > 0 {
		message += "; did you mean " + strings.Join(meant, " or ") + "?"
	}
	return usage(c, message)
}

// arguments refuses any other number of arguments than from min to max (-1: any number more), and says what is wanted.
func arguments(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage(c, "something is missing: want "+c.UseLine())
		case most >= 0 && len(args) > most:
			return usage(c, fmt.Sprintf("%q is too much: want %s", args[most], c.UseLine()))
		}
		return nil
	}
}

// usage is an error in how a command was called.
func usage(c *cobra.Command, message string) error {
	return &usageError{fmt.Sprintf("%s\nHelp: %s --help", message, c.CommandPath())}
}

// badValue is an error in the value of a flag.
func badValue(format string, a ...any) error { return &usageError{fmt.Sprintf(format, a...)} }

// A usageError makes the exit status 2.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// exitStatus is 2 where the command was called wrongly, else 1.
func exitStatus(err error) int {
	if _, ok := errors.AsType[*usageError](err); ok {
		return 2
	}
	return 1
}

// badFlag says where the flags are explained.
func badFlag(c *cobra.Command, err error) error { return usage(c, err.Error()) }
