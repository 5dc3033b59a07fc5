package docker

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/gangway-dev/gangway/internal/emulator/cloudbuild/shell"
	"github.com/gangway-dev/gangway/internal/emulator/image"
)

// A stage that is being made.
type stage struct {
	d     *dockerfile
	index int
	out   built
	env   variables // ENV
	args  variables // ARG of this stage
	host  variables // the machine's environment, which bases refer to
}

func (d *dockerfile) newStage(i int, base built, root string) *stage {
	st := &stage{d: d, index: i, out: base, env: variables{}, args: variables{}, host: variables{}}
	st.out.root = root
	st.out.ports = slices.Clone(base.ports)
	for _, kv := range d.e.o.Host {
		name, value, _ := strings.Cut(kv, "=")
		st.host[name] = value
	}
	for _, kv := range base.config.Env {
		name, value, _ := strings.Cut(kv, "=")
		if base.root == "" { // a base that is known here
			value = strings.ReplaceAll(value, "$PATH", st.host["PATH"])
		}
		st.env[name] = value
	}
	return st
}

// scope is what $NAME means now.
func (st *stage) scope() variables {
	v := variables{"PATH": st.host["PATH"]}
	maps.Copy(v, st.args)
	maps.Copy(v, st.env) // ENV wins over ARG
	return v
}

// environ is the environment, in order; build arguments are part of it while the stage is made.
func (st *stage) environ(withArgs bool) []string {
	v := maps.Clone(st.env)
	if withArgs {
		v = st.scope()
	}
	var env []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		env = append(env, name+"="+v[name])
	}
	return env
}

// do carries out one instruction: https://docs.docker.com/reference/dockerfile/
func (st *stage) do(ctx context.Context, c instructions.Command) error {
	if x, ok := c.(instructions.SupportsSingleWordExpansion); ok {
		scope := st.scope()
		if err := x.Expand(func(word string) (string, error) { return st.d.expand(word, scope) }); err != nil {
			return err
		}
	}
	config := &st.out.config
	switch c := c.(type) {
	case *instructions.ArgCommand:
		return st.arg(c)
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			st.env[kv.Key] = kv.Value
		}
	case *instructions.WorkdirCommand:
		config.WorkingDir = path.Join("/", config.WorkingDir, c.Path)
		if path.IsAbs(c.Path) {
			config.WorkingDir = path.Clean(c.Path)
		}
		return os.MkdirAll(filepath.Join(st.out.root, config.WorkingDir), 0o755)
	case *instructions.CopyCommand:
		return st.copy(ctx, c)
	case *instructions.AddCommand:
		return st.add(ctx, c)
	case *instructions.RunCommand:
		return st.run(ctx, c)
	case *instructions.EntrypointCommand:
		config.Entrypoint, config.Cmd = commandLine(c.ShellDependantCmdLine), nil
	case *instructions.CmdCommand:
		config.Cmd = commandLine(c.ShellDependantCmdLine)
	case *instructions.ExposeCommand:
		st.out.ports = append(st.out.ports, c.Ports...)
	case *instructions.VolumeCommand:
		for _, v := range c.Volumes {
			if err := os.MkdirAll(filepath.Join(st.out.root, filepath.Clean("/"+v)), 0o755); err != nil {
				return err
			}
		}
	case *instructions.UserCommand, *instructions.LabelCommand, *instructions.StopSignalCommand,
		*instructions.HealthCheckCommand, *instructions.MaintainerCommand:
	default:
		return fmt.Errorf("%s: %w", strings.ToUpper(c.Name()), errUsage)
	}
	return nil
}

// arg declares a build argument: its value is the command line's, or its default, or that of a global one.
func (st *stage) arg(c *instructions.ArgCommand) error {
	global, err := st.d.globalArgs()
	if err != nil {
		return err
	}
	for _, a := range c.Args {
		if value, ok := st.d.request.args[a.Key]; ok {
			st.args[a.Key] = value
		} else if a.Value != nil {
			st.args[a.Key] = *a.Value
		} else if value, ok := global[a.Key]; ok {
			st.args[a.Key] = value
		}
	}
	return nil
}

func commandLine(c instructions.ShellDependantCmdLine) []string {
	if c.PrependShell {
		return []string{"/bin/sh", "-c", strings.Join(c.CmdLine, " ")}
	}
	return c.CmdLine
}

// run is RUN.
func (st *stage) run(ctx context.Context, c *instructions.RunCommand) error {
	for _, m := range instructions.GetMounts(c) {
		if m.Type != instructions.MountTypeCache {
			return fmt.Errorf("RUN --mount=type=%s: %w", m.Type, errUsage)
		}
	}
	config := image.Config{WorkingDir: st.out.config.WorkingDir, Env: st.environ(true)}
	spec, err := st.d.e.container(st.out.root, config, st.d.stdout, st.d.stderr)
	if err != nil {
		return err
	}
	status, err := st.execute(ctx, spec, c)
	if err != nil {
		return fmt.Errorf("RUN: %w", err)
	}
	if status != 0 {
		return fmt.Errorf("process %q did not complete successfully: exit code: %d", "/bin/sh -c "+strings.Join(c.CmdLine, " "), status)
	}
	return nil
}

func (st *stage) execute(ctx context.Context, spec shell.Spec, c *instructions.RunCommand) (int, error) {
	name := fmt.Sprintf("%s:%d", st.d.name, c.Location()[0].Start.Line)
	switch {
	case !c.PrependShell:
		return shell.Exec(ctx, spec, c.CmdLine)
	case len(c.Files) == 0:
		return shell.Script(ctx, spec, name, strings.Join(c.CmdLine, " "))
	case len(c.Files) == 1 && strings.TrimLeft(c.CmdLine[0], "<-") == c.Files[0].Name:
		return shell.Script(ctx, spec, name, c.Files[0].Data) // RUN <<EOF
	default:
		return 1, fmt.Errorf("a heredoc that is fed to a program: %w", errUsage)
	}
}
