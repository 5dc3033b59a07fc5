package cloudbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/cloudbuild/docker"
	"github.com/gangway-dev/gangway/internal/emulator/cloudbuild/shell"
	"github.com/gangway-dev/gangway/internal/emulator/image"
)

// A job is one execution of a build.
type job struct {
	server    *Server
	record    *record
	build     Build // as it was when it began
	dir       string
	workspace string
	cwd       string // of steps without dir
	engine    *docker.Engine
	log       *logWriter
}

// A stepError is why a build failed through its own doing.
type stepError struct {
	step   string // how the build names it: "build step 1 "image" …"
	kind   Enum   // of FailureInfo
	reason string
}

func (e *stepError) Error() string { return e.step + " failed: " + e.reason }

// detail is FailureInfo's.
func (e *stepError) detail() string {
	if e.kind == "USER_BUILD_STEP" {
		return "Build step failure: " + e.Error()
	}
	return e.Error()
}

// execute runs a build from its source to its pushed images.
func (s *Server) execute(ctx context.Context, r *record) error {
	s.mu.Lock()
	j := &job{server: s, record: r, build: r.snapshot()}
	s.mu.Unlock()
	j.dir = filepath.Join(s.options.Dir, "work", j.build.ID)
	j.workspace = filepath.Join(j.dir, "workspace")
	j.cwd = j.workspace
	for _, dir := range []string{j.workspace, filepath.Join(j.dir, "home"), filepath.Join(j.dir, "tmp"), filepath.Join(j.dir, "docker")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making a workspace: %w", err)
		}
	}
	defer func() { _ = os.RemoveAll(j.dir) }()
	var err error
	if j.log, err = s.openLog(j.build); err != nil {
		return err
	}
	defer func() { _ = j.log.close() }()
	j.log.line("starting build " + j.build.ID)
	j.engine = docker.New(docker.Options{
		Workspace: j.workspace, Dir: filepath.Join(j.dir, "docker"), Host: j.host(), Images: s.options.Images,
	})
	defer j.engine.Close()
	if err := s.faults.breakBuild(j.build.Tags); err != nil {
		return err
	}
	for _, phase := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"FETCHSOURCE", func(ctx context.Context) error { return s.fetch(ctx, j) }},
		{"BUILD", j.steps},
		{"PUSH", j.push},
	} {
		if err := j.timed(ctx, phase.name, phase.run); err != nil {
			return err
		}
	}
	return nil
}

// timed notes when a phase began and ended.
func (j *job) timed(ctx context.Context, name string, f func(context.Context) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	start := time.Now().UTC()
	j.server.change(ctx, j.record, func(b *Build) {
		if b.Timing == nil {
			b.Timing = map[string]Span{}
		}
		b.Timing[name] = Span{StartTime: &start}
	})
	if err := f(ctx); err != nil {
		return err
	}
	end := time.Now().UTC()
	j.server.change(ctx, j.record, func(b *Build) { b.Timing[name] = Span{&start, &end} })
	return nil
}

// host is the environment that every process of a build has: nothing of ours but what Go needs to fetch modules.
func (j *job) host() []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "CI=true",
		"HOME=" + filepath.Join(j.dir, "home"), "TMPDIR=" + filepath.Join(j.dir, "tmp"),
		"GOCACHE=" + j.server.options.GoCache, "GOMODCACHE=" + j.server.options.GoModCache,
		"GOFLAGS=-modcacherw -buildvcs=false", "GOTOOLCHAIN=local", "GOENV=off", "GOTELEMETRY=off", "GOWORK=off",
	}
	for _, name := range []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "SSL_CERT_FILE", "SSL_CERT_DIR", "GORACE"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// steps runs the steps, each as soon as what it waits for has ended.
func (j *job) steps(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make([]chan struct{}, len(j.build.Steps))
	for i := range ended {
		ended[i] = make(chan struct{})
	}
	var (
		wg    sync.WaitGroup
		once  sync.Once
		first error
	)
	for i, step := range j.build.Steps {
		wg.Go(func() {
			for _, n := range j.waitsFor(i) {
				select {
				case <-ended[n]:
				case <-ctx.Done():
					return
				}
			}
			if ctx.Err() != nil {
				return
			}
			if err := j.step(ctx, i, step); err != nil {
				once.Do(func() { first = err })
				cancel()
				return
			}
			close(ended[i])
		})
	}
	wg.Wait()
	return first
}

// waitsFor are the numbers of the steps that a step waits for: all earlier ones unless it says otherwise.
func (j *job) waitsFor(i int) []int {
	var numbers []int
	for n, other := range j.build.Steps[:i] {
		if len(j.build.Steps[i].WaitFor) == 0 || other.ID != "" && slices.Contains(j.build.Steps[i].WaitFor, other.ID) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// step runs one step and notes how it went.
func (j *job) step(ctx context.Context, i int, step *Step) error {
	title := fmt.Sprintf("Step #%d", i)
	if step.ID != "" {
		title += fmt.Sprintf(" - %q", step.ID)
	}
	out := j.log.step(title)
	start := time.Now().UTC()
	j.server.change(ctx, j.record, func(b *Build) { b.Steps[i].Status, b.Steps[i].Timing = statusWorking, &Span{StartTime: &start} })
	j.log.line("Starting " + title)
	stepCtx := ctx
	if step.Timeout > 0 {
		var cancel context.CancelFunc
		stepCtx, cancel = context.WithTimeout(ctx, time.Duration(step.Timeout))
		defer cancel()
	}
	code, err := j.run(stepCtx, step, out)
	out.flush()
	j.log.line("Finished " + title)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	end := time.Now().UTC()
	status, failure := statusSuccess, error(nil)
	name := fmt.Sprintf("build step %d %q", i, step.Name)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		status, failure = statusTimeout, &stepError{step: name, kind: "USER_BUILD_STEP", reason: "step exceeded its timeout"}
	case err != nil:
		status, failure = statusFailure, &stepError{step: name, kind: "USER_BUILD_STEP", reason: err.Error()}
	case code != 0 && !slices.Contains(step.AllowExitCodes, code):
		status = statusFailure
		failure = &stepError{step: name, kind: "USER_BUILD_STEP", reason: fmt.Sprintf("step exited with non-zero status: %d", code)}
	}
	j.server.change(ctx, j.record, func(b *Build) {
		b.Steps[i].Status, b.Steps[i].ExitCode = status, code
		b.Steps[i].Timing = &Span{&start, &end}
	})
	if step.AllowFailure {
		return nil
	}
	return failure
}

// run runs a step's program, as its image would.
func (j *job) run(ctx context.Context, step *Step, out *stepWriter) (int, error) {
	program, isDocker, err := builder(step.Name)
	if err != nil {
		return 1, err
	}
	dir := j.cwd
	if step.Dir != "" {
		// An absolute dir is one of the container; a relative one is below the source's.
		dir = filepath.Join(j.cwd, filepath.Clean("/"+step.Dir))
		if p, ok := strings.CutPrefix(path.Clean(step.Dir), "/workspace"); ok {
			dir = filepath.Join(j.workspace, p)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 1, fmt.Errorf("making the working directory: %w", err)
	}
	spec := shell.Spec{
		Dir: dir, Host: j.host(), Env: append(slices.Clone(j.build.Options.Env), step.Env...),
		Mounts: []shell.Mount{{From: "/workspace", To: j.workspace}, {From: "/builder/home", To: filepath.Join(j.dir, "home")}},
		Stdout: out, Stderr: out,
	}
	if isDocker {
		spec.Command = func(ctx context.Context, c shell.Call) (int, bool) {
			if path.Base(c.Args[0]) != "docker" {
				return 0, false
			}
			return j.engine.Run(ctx, c), true
		}
	}
	if step.Script != "" {
		return shell.Script(ctx, spec, "script", step.Script)
	}
	args := step.Args
	if step.Entrypoint != "" {
		program = step.Entrypoint
	}
	if program != "" {
		args = append([]string{program}, args...)
	}
	return shell.Exec(ctx, spec, args)
}

// builder is what a step's image runs.
func builder(name string) (program string, isDocker bool, err error) {
	repository, _, _, err := image.ParseRef(name)
	if err != nil {
		return "", false, err
	}
	switch repository {
	case "gcr.io/cloud-builders/docker", "docker", "docker.io/library/docker":
		return "docker", true, nil
	case "gcr.io/cloud-builders/go", "gcr.io/cloud-builders/git", "gcr.io/cloud-builders/gcloud", "gcr.io/cloud-builders/curl":
		return path.Base(repository), false, nil
	}
	repository = strings.TrimPrefix(strings.TrimPrefix(repository, "docker.io/"), "library/")
	switch repository {
	case "golang", "ubuntu", "debian", "alpine", "busybox", "bash":
		return "", false, nil
	}
	return "", false, fmt.Errorf("image %q is not supported by the local Cloud Build", name)
}

// push pushes what the build lists as its images.
func (j *job) push(ctx context.Context) error {
	if len(j.build.Images) == 0 {
		return nil
	}
	j.log.line("PUSH")
	var images []BuiltImage
	for _, name := range j.build.Images {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		start := time.Now().UTC()
		digest, err := j.engine.Push(name)
		if err != nil {
			return &stepError{step: "push of " + name, kind: "PUSH_FAILED", reason: err.Error()}
		}
		end := time.Now().UTC()
		j.log.line("pushed " + name + ": digest: " + digest)
		images = append(images, BuiltImage{Name: name, Digest: digest, PushTiming: &Span{&start, &end}})
	}
	j.server.change(ctx, j.record, func(b *Build) { b.Results = &Results{Images: images} })
	return nil
}
