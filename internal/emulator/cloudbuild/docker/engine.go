package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gangway-dev/gangway/internal/emulator/cloudbuild/shell"
	"github.com/gangway-dev/gangway/internal/emulator/image"
)

// Options say where an engine works.
type Options struct {
	Workspace string       // what builds may read: no context may be outside
	Dir       string       // for stages and containers; the caller removes it
	Host      []string     // environment of every process: NAME=value with paths of this machine
	Images    *image.Store // what docker push puts into
}

// An Engine is the docker of one build. It is safe for concurrent use.
type Engine struct {
	o Options

	mu     sync.Mutex
	number int
	local  map[string]built // name:tag → image
	stages map[string]*memo // by what they are made of

	background sync.WaitGroup // containers of compose projects
}

// A built image or stage. Its root is not written to any more.
type built struct {
	root   string
	config image.Config
	ports  []string // EXPOSE: "8080", "8080/tcp"
	key    string   // what a stage is made of
}

// errUsage marks a command that is refused; docker's own status for it is 125 to 127, or 1.
var errUsage = errors.New("not supported by the local Cloud Build")

// New returns an engine without images.
func New(o Options) *Engine {
	return &Engine{o: o, local: map[string]built{}, stages: map[string]*memo{}}
}

// Close waits until no container runs any more; they end with the command that started them.
func (e *Engine) Close() { e.background.Wait() }

// A call is one docker command.
type call struct {
	shell.Call
	args []string // after the subcommand
}

// Run runs a docker command; c.Args[0] is "docker". The status is the one docker would end with; what went wrong is on
// c.Stderr.
func (e *Engine) Run(ctx context.Context, c shell.Call) (status int) {
	command, rest := e.command(c.Args[1:])
	if command == nil {
		_, _ = fmt.Fprintf(c.Stderr, "docker %s: %v\n", strings.Join(c.Args[1:min(3, len(c.Args))], " "), errUsage)
		return 1
	}
	status, err := command(ctx, call{Call: c, args: rest})
	if err != nil {
		_, _ = fmt.Fprintf(c.Stderr, "ERROR: %v\n", err)
		if status == 0 {
			status = 1
		}
	}
	return status
}

type command func(ctx context.Context, c call) (status int, err error)

// command finds what the words of a command line mean and what is left of them; nil when docker's word is unknown here.
func (e *Engine) command(words []string) (command, []string) {
	if len(words) == 0 {
		return nil, nil
	}
	if len(words) > 1 {
		switch words[0] + " " + words[1] {
		case "image build", "buildx build":
			return e.build, words[2:]
		case "buildx create", "buildx use", "buildx inspect", "buildx rm", "buildx version", "buildx ls":
			return nothing, words[2:]
		case "image push":
			return e.push, words[2:]
		case "image tag":
			return e.tag, words[2:]
		}
	}
	switch words[0] {
	case "build":
		return e.build, words[1:]
	case "version", "info", "login", "logout", "pull":
		return nothing, words[1:]
	case "push":
		return e.push, words[1:]
	case "tag":
		return e.tag, words[1:]
	case "run":
		return e.runContainer, words[1:]
	case "compose":
		return e.compose, words[1:]
	}
	return nil, nil
}

// nothing is for commands that prepare what is not needed here.
func nothing(context.Context, call) (int, error) { return 0, nil }

// Push puts an image that was built under ref into the repository and returns its digest.
func (e *Engine) Push(ref string) (digest string, err error) {
	repository, tag, _, err := image.ParseRef(ref)
	if err != nil {
		return "", err
	}
	b, ok := e.find(ref)
	if !ok {
		return "", fmt.Errorf("image %q: %w", ref, errNoImage)
	}
	return e.o.Images.Put(repository, tag, b.config, b.root)
}

var errNoImage = errors.New("no image of that name was built")

func (e *Engine) push(_ context.Context, c call) (int, error) {
	flags := newFlags("push")
	flags.Bool("quiet", false, "")
	if err := parse(flags, c.args); err != nil {
		return 125, err
	}
	if flags.NArg() != 1 {
		return 1, fmt.Errorf("docker push wants one image")
	}
	digest, err := e.Push(flags.Arg(0))
	if err != nil {
		return 1, err
	}
	_, _ = fmt.Fprintf(c.Stdout, "%s: digest: %s\n", flags.Arg(0), digest)
	return 0, nil
}

func (e *Engine) tag(_ context.Context, c call) (int, error) {
	if len(c.args) != 2 {
		return 1, fmt.Errorf("docker tag wants two images")
	}
	b, ok := e.find(c.args[0])
	if !ok {
		return 1, fmt.Errorf("image %q: %w", c.args[0], errNoImage)
	}
	return 0, e.keep(c.args[1], b)
}

// find looks among the images that were built here.
func (e *Engine) find(ref string) (built, bool) {
	name, err := localName(ref)
	if err != nil {
		return built{}, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	b, ok := e.local[name]
	return b, ok
}

// resolve finds an image here or in the repository.
func (e *Engine) resolve(ref string) (built, error) {
	if b, ok := e.find(ref); ok {
		return b, nil
	}
	im, err := e.o.Images.Get(ref)
	if err != nil {
		return built{}, err
	}
	return built{root: im.Root, config: im.Config}, nil
}

func (e *Engine) keep(ref string, b built) error {
	name, err := localName(ref)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.local[name] = b
	return nil
}

func localName(ref string) (string, error) {
	repository, tag, digest, err := image.ParseRef(ref)
	if err != nil {
		return "", err
	}
	if digest != "" {
		return repository + "@" + digest, nil
	}
	return repository + ":" + tag, nil
}

// newDir makes a fresh directory.
func (e *Engine) newDir(kind string) (string, error) {
	e.mu.Lock()
	e.number++
	dir := filepath.Join(e.o.Dir, fmt.Sprintf("%s-%d", kind, e.number))
	e.mu.Unlock()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making a root directory: %w", err)
	}
	return dir, nil
}

// inside resolves a path of a command against dir and refuses what is outside of the workspace.
func (e *Engine) inside(dir, name string) (string, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	workspace, err := filepath.EvalSymlinks(e.o.Workspace)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", fmt.Errorf("%s: no such file or directory", e.show(name))
	}
	if real != workspace && !strings.HasPrefix(real, workspace+string(filepath.Separator)) {
		return "", fmt.Errorf("%s is outside of the workspace", e.show(name))
	}
	return real, nil
}

// show is a path as people know it: relative to the workspace.
func (e *Engine) show(name string) string {
	for _, base := range []string{e.o.Workspace, resolved(e.o.Workspace)} {
		if rel, err := filepath.Rel(base, name); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return name
}

func resolved(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	return dir
}

// container is where the processes of a stage or container run.
func (e *Engine) container(root string, c image.Config, stdout, stderr io.Writer) (shell.Spec, error) {
	dir := filepath.Join(root, filepath.Clean("/"+c.WorkingDir))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return shell.Spec{}, fmt.Errorf("making the working directory: %w", err)
	}
	return shell.Spec{
		Dir: dir, Host: e.o.Host, Env: c.Env, Mounts: []shell.Mount{{From: "/", To: root}},
		Stdout: stdout, Stderr: stderr,
	}, nil
}
