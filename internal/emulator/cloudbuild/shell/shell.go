package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// A Spec says where and how commands run. It is not changed by running them.
type Spec struct {
	Dir    string   // on this machine
	Host   []string // NAME=value; paths in it are this machine's
	Env    []string // NAME=value; paths in it are the container's; wins over Host
	Mounts []Mount
	Stdout io.Writer
	Stderr io.Writer
	// Command takes over a command; handled is false when it is not one of its own. May be nil.
	Command func(ctx context.Context, c Call) (status int, handled bool)
}

// A Call is one command that a script runs.
type Call struct {
	Args   []string // as mapped
	Dir    string
	Env    map[string]string
	Stdout io.Writer
	Stderr io.Writer
}

// Exit statuses of a shell: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02
const (
	notExecutable = 126
	notFound      = 127
)

// Script runs a script's text; name is for messages, params are $1 and up. The status is the script's; the error tells
// that it could not be run at all (a syntax error, say), or that ctx has ended.
func Script(ctx context.Context, s Spec, name, text string, params ...string) (status int, err error) {
	s = s.guarded()
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), name)
	if err != nil {
		return 2, err
	}
	runner, err := interp.New(
		interp.Dir(s.Dir),
		interp.Env(expand.ListEnviron(append(append([]string{}, s.Host...), s.Env...)...)),
		interp.StdIO(nil, s.Stdout, s.Stderr),
		interp.Params(append([]string{"--"}, params...)...),
		interp.CallHandler(func(_ context.Context, args []string) ([]string, error) { return s.args(args), nil }),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return s.exec }),
		interp.OpenHandler(s.open),
		interp.StatHandler(s.stat),
		interp.ReadDirHandler2(s.readDir),
		interp.AccessHandler(s.access),
	)
	if err != nil {
		return 2, fmt.Errorf("preparing %s: %w", name, err)
	}
	err = runner.Run(ctx, file)
	if ctx.Err() != nil {
		return 130, ctx.Err()
	}
	if status, ok := errors.AsType[interp.ExitStatus](err); ok {
		return int(status), nil
	}
	if err != nil {
		return 2, fmt.Errorf("running %s: %w", name, err)
	}
	return 0, nil
}

// Exec runs one command without a shell. The results are those of [Script].
func Exec(ctx context.Context, s Spec, args []string) (status int, err error) {
	if len(args) == 0 {
		return notFound, errors.New("no command")
	}
	s = s.guarded()
	env := map[string]string{}
	for _, kv := range append(append([]string{}, s.Host...), s.Env...) {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	status = s.run(ctx, Call{Args: s.args(args), Dir: s.Dir, Env: env, Stdout: s.Stdout, Stderr: s.Stderr}, nil)
	if ctx.Err() != nil {
		return 130, ctx.Err()
	}
	return status, nil
}

// exec is called for every command of a script that is no builtin.
func (s Spec) exec(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	env := map[string]string{}
	hc.Env.Each(func(name string, v expand.Variable) bool {
		if v.Exported && v.Kind == expand.String {
			env[name] = v.Str
		}
		return true
	})
	status := s.run(ctx, Call{Args: args, Dir: hc.Dir, Env: env, Stdout: hc.Stdout, Stderr: hc.Stderr}, hc.Stdin)
	if status != 0 {
		return interp.ExitStatus(uint8(status)) //nolint:gosec // a status of a process has eight bits
	}
	return nil
}

func (s Spec) open(ctx context.Context, p string, flag int, perm fs.FileMode) (io.ReadWriteCloser, error) {
	return interp.DefaultOpenHandler()(ctx, s.Path(p), flag, perm)
}

func (s Spec) stat(ctx context.Context, p string, follow bool) (fs.FileInfo, error) {
	return interp.DefaultStatHandler()(ctx, s.Path(p), follow)
}

func (s Spec) readDir(ctx context.Context, p string) ([]fs.DirEntry, error) {
	return interp.DefaultReadDirHandler2()(ctx, s.Path(p))
}

func (s Spec) access(ctx context.Context, p string, mode interp.AccessMode) error {
	return interp.DefaultAccessHandler()(ctx, s.Path(p), mode)
}

// isShell tells whether a command's first word means the shell.
func isShell(name string) bool {
	base := path.Base(name)
	return base == "sh" || base == "bash" || base == "dash" || base == "ash"
}

// nested is the same place for a script that a command runs.
func (s Spec) nested(c Call) Spec {
	s.Dir, s.Stdout, s.Stderr = c.Dir, c.Stdout, c.Stderr
	s.Env = nil
	for name, value := range c.Env {
		s.Env = append(s.Env, name+"="+value)
	}
	return s
}

// shell runs sh or bash as a command.
func (s Spec) shell(ctx context.Context, c Call) int {
	options, rest := "", c.Args[1:]
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") && rest[0] != "--" {
		if rest[0] == "-o" && len(rest) > 1 {
			options += "set -o " + rest[1] + "\n"
			rest = rest[2:]
			continue
		}
		if before, ok := strings.CutSuffix(rest[0], "c"); ok && len(rest) > 1 {
			if flags := strings.ReplaceAll(strings.TrimPrefix(before, "-"), "l", ""); flags != "" {
				options += "set -" + flags + "\n"
			}
			var params []string
			if len(rest) > 3 {
				params = rest[3:] // the first one is $0
			}
			return s.told(ctx, c, "sh", options+rest[1], params)
		}
		options += "set " + rest[0] + "\n"
		rest = rest[1:]
	}
	if len(rest) == 0 {
		_, _ = fmt.Fprintln(c.Stderr, "sh: a script on standard input is not supported here")
		return 2
	}
	name := s.Path(rest[0])
	if !filepath.IsAbs(name) {
		name = filepath.Join(c.Dir, name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		_, _ = fmt.Fprintf(c.Stderr, "sh: %s: no such file\n", rest[0])
		return notFound
	}
	return s.told(ctx, c, rest[0], options+string(text), rest[1:])
}

// told runs a nested script and says on its standard error why it could not be run.
func (s Spec) told(ctx context.Context, c Call, name, text string, params []string) int {
	status, err := Script(ctx, s.nested(c), name, text, params...)
	if err != nil {
		_, _ = fmt.Fprintf(c.Stderr, "%s: %v\n", name, err)
	}
	return status
}
