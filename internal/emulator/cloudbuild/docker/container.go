package docker

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/shell"

	run "github.com/gangway-dev/gangway/internal/emulator/cloudbuild/shell"
	"github.com/gangway-dev/gangway/internal/emulator/image"
)

// split splits a command line as a shell does, without replacing anything.
func split(line string) ([]string, error) {
	return shell.Fields(line, func(name string) string { return "$" + name })
}

// A container is what is to be run of an image.
type container struct {
	image      built
	env        []string
	entrypoint []string // nil: the image's
	command    []string // nil: the image's
	workingDir string
	stdout     io.Writer
	stderr     io.Writer
}

// prepare gives a container a root of its own.
func (e *Engine) prepare(c container) (run.Spec, []string, error) {
	root, err := e.newDir("container")
	if err != nil {
		return run.Spec{}, nil, err
	}
	if err := copyRoot(c.image.root, root); err != nil {
		return run.Spec{}, nil, fmt.Errorf("unpacking an image: %w", err)
	}
	config := image.Config{Env: slices.Concat(c.image.config.Env, c.env), WorkingDir: c.image.config.WorkingDir}
	if c.workingDir != "" {
		config.WorkingDir = c.workingDir
	}
	entrypoint, command := c.image.config.Entrypoint, c.image.config.Cmd
	if c.entrypoint != nil {
		entrypoint, command = c.entrypoint, nil
	}
	if c.command != nil {
		command = c.command
	}
	args := slices.Concat(entrypoint, command)
	if len(args) == 0 {
		return run.Spec{}, nil, fmt.Errorf("the image has no command")
	}
	spec, err := e.container(root, config, c.stdout, c.stderr)
	return spec, args, err
}

// runContainer is docker run in the foreground.
func (e *Engine) runContainer(ctx context.Context, c call) (int, error) {
	flags := newFlags("run")
	flags.SetInterspersed(false)
	env := flags.StringArrayP("env", "e", nil, "")
	entrypoint := flags.String("entrypoint", "", "")
	workdir := flags.StringP("workdir", "w", "", "")
	ignored(flags, []string{"name", "network", "platform", "hostname", "pull"}, []string{"rm", "init"})
	if err := parse(flags, c.args); err != nil {
		return 125, err
	}
	if flags.NArg() == 0 {
		return 125, fmt.Errorf("docker run wants an image")
	}
	b, err := e.resolve(flags.Arg(0))
	if err != nil {
		return 125, err
	}
	run := container{image: b, workingDir: *workdir, stdout: c.Stdout, stderr: c.Stderr}
	for name, value := range buildArgs(*env, c.Env) {
		run.env = append(run.env, name+"="+value)
	}
	if *entrypoint != "" {
		run.entrypoint = []string{*entrypoint}
	}
	if flags.NArg() > 1 {
		run.command = flags.Args()[1:]
	}
	return e.foreground(ctx, run)
}

func (e *Engine) foreground(ctx context.Context, c container) (int, error) {
	spec, args, err := e.prepare(c)
	if err != nil {
		return 125, err
	}
	return run.Exec(ctx, spec, args)
}

// lines puts a name before each line, as docker compose does.
type lines struct {
	name string
	w    io.Writer
	rest string
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest += string(p)
	for {
		line, rest, ok := strings.Cut(l.rest, "\n")
		if !ok {
			return len(p), nil
		}
		l.rest = rest
		if _, err := fmt.Fprintf(l.w, "%s  | %s\n", l.name, line); err != nil {
			return 0, err
		}
	}
}

// flush writes what was left without a line's end.
func (l *lines) flush() {
	if l.rest != "" {
		_, _ = l.Write([]byte("\n"))
	}
}
