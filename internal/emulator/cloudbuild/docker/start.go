package docker

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	run "github.com/gangway-dev/gangway/internal/emulator/cloudbuild/shell"
)

// start starts a service after what it depends on; path is how we came to it, so that a circle is found.
func (p *project) start(ctx context.Context, name string, path []string) (*running, error) {
	if r, ok := p.started[name]; ok {
		return r, nil
	}
	if slices.Contains(path, name) {
		return nil, fmt.Errorf("%s: %s depends on itself", p.file.name, name)
	}
	s, err := p.file.find(name)
	if err != nil {
		return nil, err
	}
	for _, other := range slices.Sorted(maps.Keys(s.dependsOn)) {
		r, err := p.start(ctx, other, append(path, name))
		if err != nil {
			return nil, err
		}
		if err := p.await(ctx, other, s.dependsOn[other], r); err != nil {
			return nil, err
		}
	}
	b, err := p.image(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("%s:%d: service %s: %w", p.file.name, s.line, s.name, err)
	}
	return p.launch(ctx, s, b)
}

func (p *project) launch(ctx context.Context, s *service, b built) (*running, error) {
	stdout, stderr := &lines{name: s.name, w: p.out}, &lines{name: s.name, w: p.out}
	spec, args, err := p.e.prepare(container{
		image: b, env: p.environment(s), entrypoint: p.rewriteAll(s.entrypoint), command: p.rewriteAll(s.command),
		workingDir: s.workingDir, stdout: stdout, stderr: stderr,
	})
	if err != nil {
		return nil, fmt.Errorf("%s:%d: service %s: %w", p.file.name, s.line, s.name, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &running{spec: spec, cancel: cancel, done: make(chan struct{})}
	p.mu.Lock()
	p.started[s.name] = r
	p.mu.Unlock()
	p.e.background.Go(func() {
		defer close(r.done)
		status, err := run.Exec(ctx, spec, args)
		if err != nil && status == 0 {
			status = 1
		}
		stdout.flush()
		stderr.flush()
		r.status = status
	})
	return r, nil
}

// await waits until a service is as far as another one needs it.
func (p *project) await(ctx context.Context, name, condition string, r *running) error {
	if condition == conditionCompleted {
		select {
		case <-r.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if r.status != 0 {
			return fmt.Errorf("%s: service %q didn't complete successfully: exit %d", p.file.name, name, r.status)
		}
		return nil
	}
	s, err := p.file.find(name)
	if err != nil || condition != conditionHealthy {
		return err
	}
	if len(s.health) == 0 {
		return fmt.Errorf("%s:%d: service %q has no healthcheck to wait for", p.file.name, s.line, name)
	}
	spec := r.spec
	spec.Stdout, spec.Stderr = io.Discard, io.Discard
	for {
		status, err := run.Exec(ctx, spec, p.rewriteAll(s.health))
		if err != nil || status == 0 {
			return err
		}
		select {
		case <-r.done:
			return fmt.Errorf("%s: service %q ended before it was healthy: exit %d", p.file.name, name, r.status)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(healthInterval):
		}
	}
}

// image is what a service runs: the image of that name if there is one, else what its build says.
func (p *project) image(ctx context.Context, s *service) (built, error) {
	if s.image != "" {
		b, err := p.e.resolve(s.image)
		if err == nil || s.build == nil {
			return b, err
		}
	}
	if s.build == nil {
		return built{}, fmt.Errorf("neither image nor build")
	}
	return p.buildService(ctx, s)
}

func (p *project) buildService(ctx context.Context, s *service) (built, error) {
	dir, err := p.e.inside(p.dir, s.build.context)
	if err != nil {
		return built{}, fmt.Errorf("build context: %w", err)
	}
	name := s.build.dockerfile
	if name == "" {
		name = "Dockerfile"
	}
	dockerfile, err := p.e.inside(dir, name)
	if err != nil {
		return built{}, fmt.Errorf("dockerfile: %w", err)
	}
	b, err := p.e.make(ctx, request{
		context: dir, dockerfile: dockerfile, target: s.build.target, args: buildArgs(s.build.args, p.call.Env),
	}, p.call)
	if err != nil {
		return built{}, err
	}
	if s.image != "" {
		err = p.e.keep(s.image, b)
	}
	return b, err
}
