package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/process"
)

const (
	// stopTimeout is what a program has between SIGTERM and SIGKILL when its build is cancelled.
	stopTimeout = 2 * time.Second
	// maxPiped bounds what is piped into a program, because it is kept in a file until the writer is done.
	maxPiped = 256 << 20
)

// run runs one command to its end and returns its status.
func (s Spec) run(ctx context.Context, c Call, stdin io.Reader) int {
	if s.Command != nil {
		if status, handled := s.Command(ctx, c); handled {
			return status
		}
	}
	if isShell(c.Args[0]) {
		return s.shell(ctx, c)
	}
	program := s.program(c.Args[0], c.Dir, c.Env["PATH"])
	if program == "" {
		_, _ = fmt.Fprintf(c.Stderr, "%s: not found\n", c.Args[0])
		return notFound
	}
	if interpreter := shebang(program); len(interpreter) > 0 {
		c.Args = append(append(interpreter, program), c.Args[1:]...)
		return s.run(ctx, c, stdin)
	}
	spec := process.Spec{
		Path: program, Args: c.Args[1:], Env: s.environ(c.Env), Dir: c.Dir,
		Stdout: c.Stdout, Stderr: c.Stderr, StopTimeout: stopTimeout,
	}
	if stdin != nil {
		file, err := spool(stdin)
		if err != nil {
			_, _ = fmt.Fprintf(c.Stderr, "%s: reading standard input: %v\n", c.Args[0], err)
			return notExecutable
		}
		defer func() { _ = os.Remove(file) }()
		spec.Args = append([]string{"-c", `exec "$0" "$@" < "$GANGWAY_STDIN"`, program}, spec.Args...)
		spec.Path, spec.Env = "/bin/sh", append(spec.Env, "GANGWAY_STDIN="+file)
	}
	return start(ctx, c, spec)
}

func start(ctx context.Context, c Call, spec process.Spec) int {
	if ctx.Err() != nil {
		return 130
	}
	p, err := process.Start(spec)
	if err != nil {
		_, _ = fmt.Fprintf(c.Stderr, "%s: %v\n", c.Args[0], err)
		return notExecutable
	}
	stop := context.AfterFunc(ctx, p.Stop)
	defer stop()
	err = p.Wait()
	var exit *process.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.Code > 0 && exit.Code < 256:
		return exit.Code
	default:
		_, _ = fmt.Fprintf(c.Stderr, "%s: %v\n", c.Args[0], err)
		return notExecutable
	}
}

// shebang is what a script's first line says to interpret it with; nil for anything that is no script.
func shebang(program string) []string {
	f, err := os.Open(program)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	line, err := bufio.NewReader(io.LimitReader(f, 256)).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "#!") {
		return nil
	}
	words := strings.Fields(line[2:])
	if len(words) > 1 && filepath.Base(words[0]) == "env" {
		words = words[1:]
	}
	if len(words) == 0 || !isShell(words[0]) {
		return nil // the system knows what to do
	}
	return words
}

// spool keeps what is piped into a program in a file: [process] starts programs without standard input.
func spool(r io.Reader) (name string, err error) {
	f, err := os.CreateTemp("", "stdin-")
	if err != nil {
		return "", err
	}
	n, err := io.Copy(f, io.LimitReader(r, maxPiped+1))
	err = errors.Join(err, f.Close())
	if err == nil && n > maxPiped {
		err = fmt.Errorf("more than %d bytes", maxPiped)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}
