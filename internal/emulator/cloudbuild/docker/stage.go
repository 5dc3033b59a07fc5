package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/gangway-dev/gangway/internal/emulator/image"
)

// A memo is a stage that is being made or was made, as docker's layer cache has it: the image, a compose file's services
// and their tests often share stages.
type memo struct {
	once sync.Once
	b    built
	err  error
}

// make makes one stage, and those that it needs first.
func (d *dockerfile) make(ctx context.Context, i int) (built, error) {
	key, err := d.key(i)
	if err != nil {
		return built{}, err
	}
	d.e.mu.Lock()
	m, ok := d.e.stages[key]
	if !ok || d.request.noCache {
		m = &memo{}
		d.e.stages[key] = m
	}
	d.e.mu.Unlock()
	cached := true
	m.once.Do(func() {
		cached = false
		m.b, m.err = d.run(ctx, i)
		m.b.key = key
	})
	if cached && m.err == nil {
		d.say("%s: cached", d.title(i))
	}
	return m.b, m.err
}

func (d *dockerfile) title(i int) string {
	if name := d.stages[i].Name; name != "" {
		return name
	}
	return fmt.Sprintf("stage-%d", i)
}

func (d *dockerfile) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.stderr, "#> "+format+"\n", args...)
}

// key is what a stage is made of: its instructions, its base, the build arguments and, if it copies from the context, all
// of the context. Instructions that don't change anything in the tree count too; that only makes it less often cached.
func (d *dockerfile) key(i int) (string, error) {
	// Carrying out an instruction expands it in place: the key is that of what was written.
	if key, ok := d.keys[i]; ok {
		return key, nil
	}
	h := sha256.New()
	s := d.stages[i]
	_, _ = fmt.Fprintf(h, "%q", s.SourceCode)
	for _, name := range slices.Sorted(maps.Keys(d.request.args)) {
		_, _ = fmt.Fprintf(h, "%q=%q", name, d.request.args[name])
	}
	for _, meta := range d.meta {
		_, _ = fmt.Fprintf(h, "%q", meta.String())
	}
	needs := []string{s.BaseName}
	contextCounts := false
	for _, c := range s.Commands {
		_, _ = fmt.Fprintf(h, "%q", fmt.Sprint(c))
		switch c := c.(type) {
		case *instructions.CopyCommand:
			needs = append(needs, c.From)
			contextCounts = contextCounts || c.From == ""
			_, _ = fmt.Fprintf(h, "%+v", c.SourceContents)
		case *instructions.AddCommand:
			contextCounts = true
		case *instructions.RunCommand:
			_, _ = fmt.Fprintf(h, "%q%+v", c.CmdLine, c.Files)
		}
	}
	for _, name := range needs {
		if n, err := d.stage(name, i); err == nil {
			key, err := d.key(n)
			if err != nil {
				return "", err
			}
			_, _ = fmt.Fprintf(h, "%q", key)
		}
	}
	if contextCounts {
		if err := d.hashContext(h); err != nil {
			return "", err
		}
	}
	d.keys[i] = hex.EncodeToString(h.Sum(nil))
	return d.keys[i], nil
}

// base is what FROM names.
func (d *dockerfile) base(ctx context.Context, i int) (built, error) {
	s := d.stages[i]
	args, err := d.globalArgs()
	if err != nil {
		return built{}, err
	}
	name, err := d.expand(s.BaseName, args)
	if err != nil {
		return built{}, d.at(s.Location, err)
	}
	if n, err := d.stage(name, i); err == nil && name != "" {
		return d.make(ctx, n)
	}
	if config, ok := knownBase(name); ok {
		return built{config: config}, nil
	}
	b, err := d.e.resolve(name)
	if err != nil {
		return built{}, d.at(s.Location, fmt.Errorf("FROM %s: %w: neither a base that is known here nor an image that was built or pushed here", name, errUsage))
	}
	return b, nil
}

// knownBase is what the usual base images say. Their files are not there: programs are those of this machine.
func knownBase(name string) (image.Config, bool) {
	repository, _, _, err := image.ParseRef(name)
	if err != nil {
		return image.Config{}, false
	}
	repository = strings.TrimPrefix(strings.TrimPrefix(repository, "docker.io/"), "library/")
	switch {
	case repository == "scratch" || strings.HasPrefix(repository, "gcr.io/distroless/"):
		return image.Config{}, true
	case path.Base(repository) == "golang":
		// https://github.com/docker-library/golang
		return image.Config{
			Env:        []string{"GOPATH=/go", "GOTOOLCHAIN=local", "PATH=/go/bin:/usr/local/go/bin:$PATH"},
			WorkingDir: "/go",
		}, true
	case slices.Contains([]string{"alpine", "debian", "ubuntu", "busybox"}, path.Base(repository)):
		return image.Config{Cmd: []string{"/bin/sh"}}, true
	}
	return image.Config{}, false
}

// run carries out the instructions of a stage.
func (d *dockerfile) run(ctx context.Context, i int) (built, error) {
	base, err := d.base(ctx, i)
	if err != nil {
		return built{}, err
	}
	root, err := d.e.newDir("stage")
	if err != nil {
		return built{}, err
	}
	if base.root != "" {
		if err := copyRoot(base.root, root); err != nil {
			return built{}, d.at(d.stages[i].Location, err)
		}
	}
	st := d.newStage(i, base, root)
	for _, c := range d.stages[i].Commands {
		if ctx.Err() != nil {
			return built{}, ctx.Err()
		}
		d.say("[%s] %v", d.title(i), c)
		if err := st.do(ctx, c); err != nil {
			return built{}, d.at(c.Location(), err)
		}
	}
	st.out.config.Env = st.environ(false)
	return st.out, nil
}
