package terraform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/terraform-exec/tfexec"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gangway-dev/gangway/internal/preview"
)

// lockTimeout is how long Terraform waits for a state that is locked: long enough for one that is about to end.
const lockTimeout = "2s"

// A Runner runs Terraform on stacks. It is safe for concurrent use: a stack has one process at a time, all stacks
// together have Options.Concurrency. Other processes are kept away by Terraform's lock of the state.
type Runner struct {
	options Options
	secrets []string
	modules string        // digest
	turns   chan struct{} // one element for each slot in use
	links   string        // folder of the slots' links
	states  states
	broken  prometheus.Counter // locks that were left

	releases string // where releases of Terraform are fetched; "" is HashiCorp's own site

	mu     sync.Mutex
	slots  []*slot // free ones, the last used at the end
	exec   string
	busy   map[string]chan struct{} // by folder, closed when it is free again
	seeded sync.Mutex               // held while init may download a provider
}

// New checks the options. Terraform is looked for when it is first needed.
func New(o Options) (*Runner, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	modules, err := modulesDigest()
	if err != nil {
		return nil, err
	}
	links, err := os.MkdirTemp("", "gangway-terraform-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for Terraform's slots: %w", err)
	}
	r := &Runner{
		options: o, secrets: secretsOf(o.Env), modules: modules, links: links,
		turns: make(chan struct{}, o.Concurrency), busy: map[string]chan struct{}{},
		broken: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gangway_terraform_locks_broken_total", Help: "Locks of Terraform's states that a killed run had left and that were broken.",
		}),
	}
	if r.states, err = newStates(r); err != nil {
		_ = os.RemoveAll(links)
		return nil, err
	}
	if o.Metrics != nil {
		o.Metrics.MustRegister(r.broken)
	}
	for i := range o.Concurrency {
		r.slots = append(r.slots, &slot{link: filepath.Join(links, fmt.Sprint(i))})
	}
	return r, nil
}

func newStates(r *Runner) (states, error) {
	if r.options.Backend.Kind == BackendGCS {
		return newBucket(r)
	}
	return files{r}, nil
}

// Close removes what the Runner keeps outside the stacks' folder. It must not be used afterwards.
func (r *Runner) Close() error {
	if err := os.RemoveAll(r.links); err != nil {
		return fmt.Errorf("closing terraform: %w", err)
	}
	return nil
}

// lock keeps other goroutines off a stack.
func (r *Runner) lock(ctx context.Context, f folder) (unlock func(), err error) {
	for {
		r.mu.Lock()
		taken, ok := r.busy[f.path]
		if !ok {
			free := make(chan struct{})
			r.busy[f.path] = free
			r.mu.Unlock()
			return func() {
				r.mu.Lock()
				delete(r.busy, f.path)
				r.mu.Unlock()
				close(free)
			}, nil
		}
		r.mu.Unlock()
		select {
		case <-taken:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the stack: %w", context.Cause(ctx))
		}
	}
}

// A session is a turn of a stack: it has the stack, a slot and a provider to itself.
type session struct {
	*Runner
	folder   folder
	tf       *tfexec.Terraform
	provider tfexec.ReattachInfo // nil when Terraform finds the provider by itself
	overhead time.Duration       // of Gangway itself, so far
}

// session waits for the stack's turn, makes it its holder's, puts right what an earlier run has left, and runs do.
func (r *Runner) session(ctx context.Context, f folder, lease preview.Lease, do func(context.Context, *session) error) error {
	unlock, err := r.lock(ctx, f)
	if err != nil {
		return err
	}
	defer unlock()
	slot, err := r.acquire(ctx)
	if err != nil {
		return err
	}
	defer r.release(slot)
	release, err := lockFolder(ctx, f)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithTimeoutCause(ctx, r.options.Timeout, ErrTimeout)
	defer cancel()

	begin := time.Now()
	if err := makeFolder(f.work()); err != nil {
		return err
	}
	tf, err := r.point(ctx, slot, f.work())
	if err != nil {
		return err
	}
	s := &session{Runner: r, folder: f, tf: tf}
	if r.options.ServeProvider != nil {
		// The provider has to outlive an interrupted Terraform, which waits for it.
		served, stop, err := r.options.ServeProvider(context.WithoutCancel(ctx), func(name string) string { return r.options.Env[name] })
		if err != nil {
			return fmt.Errorf("serving the Terraform provider: %w", err)
		}
		defer stop()
		s.provider = reattachInfo(served)
	}
	if err := r.states.claim(ctx, f, lease); err != nil {
		return err
	}
	if err := s.heal(ctx); err != nil {
		return err
	}
	s.overhead = time.Since(begin)
	err = do(ctx, s)
	if err != nil { // Terraform may have had no way to save its state
		kept, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
		defer cancel()
		err = errors.Join(err, s.keep(kept))
	}
	return err
}

// keepTimeout bounds the keeping of a state that could not be saved. If it doesn't succeed, the next run tries again.
const keepTimeout = 10 * time.Second

func reattachInfo(p Reattach) tfexec.ReattachInfo {
	return tfexec.ReattachInfo{providerAddress: tfexec.ReattachConfig{
		Protocol: p.Protocol, ProtocolVersion: p.ProtocolVersion, Pid: p.Pid, Test: p.Test,
		Addr: tfexec.ReattachConfigAddr{Network: p.Network, String: p.Address},
	}}
}

// process runs a command of terraform-exec. Linux kills Terraform when the thread that started it ends: the thread is
// kept for as long as the command runs (https://github.com/golang/go/issues/27505).
func process(command func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return command()
}

// A result is what an apply gave.
type result struct {
	stream *stream
	took   time.Duration
}

// apply renders m and applies it, with init before it where that is needed.
func (s *session) apply(ctx context.Context, command string, m root, observe func(preview.StackEvent)) (result, error) {
	begin := time.Now()
	needsInit, err := s.render(s.folder, m)
	if err != nil {
		return result{}, err
	}
	s.overhead += time.Since(begin)
	var out result
	if needsInit {
		if out.took, err = s.init(ctx, m.module); err != nil {
			return out, err
		}
	}
	diagnostics, err := s.applyOnce(ctx, &out, observe)
	if err != nil && !needsInit && ctx.Err() == nil && outdated(diagnostics) {
		s.options.Log.WarnContext(ctx, "initialising a damaged stack again", "stack", s.folder.prefix)
		if err := s.discard(s.folder); err != nil {
			return out, err
		}
		if _, err := s.render(s.folder, m); err != nil {
			return out, err
		}
		if _, err := s.init(ctx, m.module); err != nil {
			return out, err
		}
		diagnostics, err = s.applyOnce(ctx, &out, observe)
	}
	if err == nil {
		return out, nil
	}
	if ctx.Err() != nil {
		return out, cancelled(ctx, command)
	}
	return out, s.translate(command, diagnostics, err)
}

func (s *session) applyOnce(ctx context.Context, out *result, observe func(preview.StackEvent)) ([]diagnostic, error) {
	out.stream = &stream{observe: observe}
	options := []tfexec.ApplyOption{tfexec.LockTimeout(lockTimeout)}
	if s.provider != nil {
		options = append(options, tfexec.Reattach(s.provider))
	}
	begin := time.Now()
	err := process(func() error { return s.tf.ApplyJSON(ctx, out.stream, options...) })
	out.took += time.Since(begin)
	return out.stream.diagnostics, err
}

// outdated tells whether Terraform asks for an init.
func outdated(diagnostics []diagnostic) bool {
	for _, d := range diagnostics {
		if stale.MatchString(d.Summary) {
			return true
		}
	}
	return false
}
