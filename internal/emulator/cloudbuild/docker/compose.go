package docker

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	run "github.com/gangway-dev/gangway/internal/emulator/cloudbuild/shell"
)

// healthInterval is how often a health check is tried here, whatever its interval: nobody waits for a container runtime.
const healthInterval = 100 * time.Millisecond

// A project is one docker compose command.
type project struct {
	e    *Engine
	file *composeFile
	dir  string // of the compose file
	call call
	out  io.Writer // of all containers

	ports map[string]string // service → port on loopback
	taken []int             // the same, until stop

	mu      sync.Mutex
	started map[string]*running
}

// A running container.
type running struct {
	spec   run.Spec
	cancel context.CancelFunc
	done   chan struct{}
	status int // once done is closed
}

// compose is docker compose: https://docs.docker.com/reference/cli/docker/compose/
func (e *Engine) compose(ctx context.Context, c call) (int, error) {
	flags := newFlags("compose")
	flags.SetInterspersed(false)
	files := flags.StringArrayP("file", "f", nil, "")
	ignored(flags, []string{"progress", "ansi"}, nil)
	flags.StringP("project-name", "p", "", "")
	if err := parse(flags, c.args); err != nil {
		return 14, err
	}
	if len(*files) != 1 || flags.NArg() == 0 {
		return 14, fmt.Errorf("docker compose wants one --file and a command: %w", errUsage)
	}
	path, err := e.inside(c.Dir, (*files)[0])
	if err != nil {
		return 14, fmt.Errorf("compose file: %w", err)
	}
	file, err := parseComposeFile(path, e.show(path), c.Env)
	if err != nil {
		return 15, err
	}
	c.args = flags.Args()[1:]
	var mu sync.Mutex
	p := &project{e: e, file: file, dir: filepath.Dir(path), call: c, out: locked{&mu, c.Stdout}, started: map[string]*running{}}
	switch flags.Arg(0) {
	case "up":
		return p.up(ctx)
	case "run":
		return p.run(ctx)
	case "build":
		return p.buildAll(ctx)
	case "down", "stop", "rm", "pull":
		return 0, nil // a project's containers end with its command
	}
	return 14, fmt.Errorf("docker compose %s: %w", flags.Arg(0), errUsage)
}

type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// up starts all services. With --exit-code-from it ends with the first container that ends, with that service's status.
func (p *project) up(ctx context.Context) (int, error) {
	flags := newFlags("compose up")
	from := flags.String("exit-code-from", "", "")
	ignored(flags, []string{"timeout", "pull", "attach"}, []string{"abort-on-container-exit", "build", "quiet-pull", "no-color", "no-log-prefix", "force-recreate", "remove-orphans", "renew-anon-volumes"})
	if err := parse(flags, p.call.args); err != nil {
		return 14, err
	}
	if *from == "" {
		return 14, fmt.Errorf("docker compose up without --exit-code-from would never end: %w", errUsage)
	}
	target, err := p.file.find(*from)
	if err != nil {
		return 14, err
	}
	names := flags.Args()
	if len(names) == 0 {
		for _, s := range p.file.services {
			names = append(names, s.name)
		}
	}
	if !slices.Contains(names, target.name) {
		names = append(names, target.name)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer p.stop()
	defer cancel()
	if err := p.assignPorts(ctx); err != nil {
		return 1, err
	}
	for _, name := range names {
		if _, err := p.start(ctx, name, nil); err != nil {
			return 1, err
		}
	}
	return p.firstEnd(ctx, target.name)
}

// firstEnd waits until a container ends; the status is the target's, who is stopped if it is not the one.
func (p *project) firstEnd(ctx context.Context, target string) (int, error) {
	ended := make(chan string, len(p.started))
	for name, r := range p.started {
		if p.neededCompleted(name) {
			continue
		}
		go func() {
			<-r.done
			ended <- name
		}()
	}
	select {
	case name := <-ended:
		r := p.started[target]
		if name != target {
			_, _ = fmt.Fprintf(p.call.Stderr, "container %s exited (%d): aborting\n", name, p.started[name].status)
			r.cancel()
			<-r.done
			if r.status == 0 {
				return 137, nil
			}
		}
		return r.status, nil
	case <-ctx.Done():
		return 130, ctx.Err()
	}
}

// neededCompleted tells whether somebody waits for a service's end, which then doesn't end all.
func (p *project) neededCompleted(name string) bool {
	for _, s := range p.file.services {
		if s.dependsOn[name] == conditionCompleted {
			return true
		}
	}
	return false
}

// run runs one service in the foreground, after what it depends on.
func (p *project) run(ctx context.Context) (int, error) {
	flags := newFlags("compose run")
	flags.SetInterspersed(false)
	env := flags.StringArrayP("env", "e", nil, "")
	noDeps := flags.Bool("no-deps", false, "")
	ignored(flags, []string{"name"}, []string{"rm", "build", "quiet-pull", "interactive"})
	flags.BoolP("no-TTY", "T", false, "")
	if err := parse(flags, p.call.args); err != nil {
		return 14, err
	}
	if flags.NArg() == 0 {
		return 14, fmt.Errorf("docker compose run wants a service")
	}
	target, err := p.file.find(flags.Arg(0))
	if err != nil {
		return 14, err
	}
	for name, value := range buildArgs(*env, p.call.Env) {
		target.environment = append(target.environment, name+"="+value)
	}
	if flags.NArg() > 1 {
		target.command = flags.Args()[1:]
	}
	if *noDeps {
		target.dependsOn = nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer p.stop()
	defer cancel()
	if err := p.assignPorts(ctx); err != nil {
		return 1, err
	}
	r, err := p.start(ctx, target.name, nil)
	if err != nil {
		return 1, err
	}
	<-r.done
	if ctx.Err() != nil {
		return 130, ctx.Err()
	}
	return r.status, nil
}

func (p *project) buildAll(ctx context.Context) (int, error) {
	for _, s := range p.file.services {
		if s.build == nil {
			continue
		}
		if _, err := p.buildService(ctx, s); err != nil {
			return 17, err
		}
	}
	return 0, nil
}

// stop ends all containers of the project.
func (p *project) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.started {
		r.cancel()
	}
	for _, r := range p.started {
		<-r.done
	}
	for _, port := range p.taken {
		releasePort(port)
	}
	p.taken = nil
}

// assignPorts gives each service a port on loopback.
func (p *project) assignPorts(ctx context.Context) error {
	p.ports = map[string]string{}
	for _, s := range p.file.services {
		port, err := takePort(ctx)
		if err != nil {
			return err
		}
		p.ports[s.name] = strconv.Itoa(port)
		p.taken = append(p.taken, port)
	}
	return nil
}

// rewrite replaces SERVICE:PORT, and http://SERVICE without a port, by the address on loopback.
func (p *project) rewrite(text string) string {
	for _, s := range p.file.services {
		address := "127.0.0.1:" + p.ports[s.name]
		name := regexp.QuoteMeta(s.name)
		text = regexp.MustCompile(`(^|[^A-Za-z0-9_.-])`+name+`:[0-9]+\b`).ReplaceAllString(text, "${1}"+address)
		text = regexp.MustCompile(`(https?://)`+name+`($|/)`).ReplaceAllString(text, "${1}"+address+"${2}")
	}
	return text
}

func (p *project) rewriteAll(texts []string) []string {
	if texts == nil {
		return nil
	}
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = p.rewrite(t)
	}
	return out
}

// environment is what a service is started with. PORT comes last: it is where the others will look for it.
func (p *project) environment(s *service) []string {
	env := p.rewriteAll(s.environment)
	env = slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "PORT=") || strings.HasPrefix(kv, "HOST=") })
	return append(env, "PORT="+p.ports[s.name], "HOST=127.0.0.1")
}
