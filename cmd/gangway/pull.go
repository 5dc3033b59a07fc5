package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gangway-dev/gangway/internal/local"
)

func withHub(s *settings, do func(*local.Hub) error) error {
	hub, err := local.OpenHub(s.dir)
	if err != nil {
		return fmt.Errorf("%w: start it with gangway local --dir %s", err, s.dir)
	}
	if err := do(hub); !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return fmt.Errorf("no local cloud runs in %s: start it with gangway local --dir %s", s.dir, s.dir)
}

// told prints what became of a pull request.
func told(c *cobra.Command, p local.Pull, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "#%d is %s at %s: %s\n", p.Number, p.State, p.HeadSHA, p.URL)
	return err
}

func numberOf(s string) (int, error) {
	number, err := strconv.Atoi(strings.TrimPrefix(s, "#"))
	if err != nil || number < 1 {
		return 0, fmt.Errorf("%q is no pull request's number", s)
	}
	return number, nil
}

// filesOf reads FILE=PATH arguments; without any it is the prepared change.
func filesOf(args []string, prepared func() (map[string]string, error)) (map[string]string, error) {
	if len(args) == 0 {
		return prepared()
	}
	files := map[string]string{}
	for _, arg := range args {
		name, path, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q: want FILE=PATH, a path in the repository and a file of yours", arg)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files[name] = string(content)
	}
	return files, nil
}
