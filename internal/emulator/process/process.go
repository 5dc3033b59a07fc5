//go:build unix

package process

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrNoMain says that the program did not call [Main] first, so that starting its executable again would run it a
// second time instead of a supervisor.
var ErrNoMain = errors.New("process.Main is not the first statement of main or TestMain")

// mainCalled guards against starting a copy of the whole program that would start copies in turn; only the running
// program itself knows whether Main was called.
var mainCalled atomic.Bool

// DefaultStopTimeout is how long a child has between SIGTERM and SIGKILL when the Spec does not say.
const DefaultStopTimeout = 5 * time.Second

// A Spec says what to run.
type Spec struct {
	Path        string    // absolute, or a name that is looked up in PATH
	Args        []string  // without the program's name
	Env         []string  // KEY=value; nil is our own environment
	Dir         string    // "" is our own
	Stdout      io.Writer // nil discards
	Stderr      io.Writer // nil discards
	StopTimeout time.Duration
}

// A Process is a child that was started. Its methods are safe for concurrent use.
type Process struct {
	supervisor *exec.Cmd
	pid        int
	done       chan struct{}
	err        error // once done is closed
	code       int   // once done is closed

	mu      sync.Mutex
	control *os.File
}

// An ExitError is how a child ended that did not end with status 0.
type ExitError struct {
	Code   int            // exit status; 128 + signal when a signal ended it
	Signal syscall.Signal // 0 when it ended by itself
}

func (e *ExitError) Error() string {
	if e.Signal != 0 {
		return "signal: " + e.Signal.String()
	}
	return fmt.Sprintf("exit status %d", e.Code)
}

// Start runs a child and returns once it has been executed, or could not be.
func Start(spec Spec) (*Process, error) {
	if !mainCalled.Load() {
		return nil, ErrNoMain
	}
	order, err := newOrder(spec)
	if err != nil {
		return nil, err
	}
	controlRead, controlWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting a supervisor: %w", err)
	}
	statusRead, statusWrite, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting a supervisor: %w", err), controlRead.Close(), controlWrite.Close())
	}
	cmd, err := supervisorCommand(spec, controlRead, statusWrite)
	if err == nil {
		err = cmd.Start()
	}
	_, _ = controlRead.Close(), statusWrite.Close()
	if err != nil {
		_, _ = controlWrite.Close(), statusRead.Close()
		return nil, fmt.Errorf("starting a supervisor: %w", err)
	}
	p := &Process{supervisor: cmd, done: make(chan struct{}), control: controlWrite}
	_, err = controlWrite.Write(order)
	reports := json.NewDecoder(bufio.NewReader(statusRead))
	var started report
	if err == nil {
		err = reports.Decode(&started)
	}
	if err == nil && started.Error != "" {
		err = errors.New(started.Error)
	}
	if err != nil {
		_, _ = controlWrite.Close(), cmd.Wait()
		_ = statusRead.Close()
		return nil, fmt.Errorf("starting %s in directory %q: %w", spec.Path, spec.Dir, err)
	}
	p.pid = started.PID
	go p.watch(statusRead, reports)
	return p, nil
}

// newOrder is the line that tells the supervisor what to run.
func newOrder(spec Spec) ([]byte, error) {
	path, err := exec.LookPath(spec.Path)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Path, err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Path, err)
	}
	env := spec.Env
	if env == nil {
		env = os.Environ()
	}
	timeout := spec.StopTimeout
	if timeout <= 0 {
		timeout = DefaultStopTimeout
	}
	line, err := json.Marshal(order{Path: path, Args: spec.Args, Env: env, Dir: spec.Dir, StopTimeout: timeout})
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Path, err)
	}
	return append(line, '\n'), nil
}

func supervisorCommand(spec Spec, control, status *os.File) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if runtime.GOOS == "linux" {
		self = "/proc/self/exe" // even when the file has been replaced or removed since
	}
	cmd := &exec.Cmd{
		Path:       self,
		Args:       []string{"gangway-supervisor", filepath.Base(spec.Path)},
		Env:        append(os.Environ(), marker+"=1"),
		Stdout:     spec.Stdout,
		Stderr:     spec.Stderr,
		ExtraFiles: []*os.File{control, status},
		// A Ctrl-C in the terminal is ours to deal with: the supervisor is in no group of ours.
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
		// A writer that is not a file is fed by a goroutine, which is not to wait for a descendant that holds the pipe.
		WaitDelay: 2 * time.Second,
	}
	return cmd, nil
}

// watch waits for the end and notes how it was.
func (p *Process) watch(status *os.File, reports *json.Decoder) {
	var ended report
	told := reports.Decode(&ended) == nil
	_ = p.supervisor.Wait()
	if !told {
		// The supervisor itself was killed: what it would have done is left to us.
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		ended = report{Exit: 128 + int(syscall.SIGKILL), Signal: int(syscall.SIGKILL)}
	}
	_ = status.Close()
	p.mu.Lock()
	_ = p.control.Close()
	p.mu.Unlock()
	p.code = ended.Exit
	if ended.Exit != 0 {
		p.err = &ExitError{Code: ended.Exit, Signal: syscall.Signal(ended.Signal)}
	}
	close(p.done)
}

// PID is the child's process id, which is also its process group's.
func (p *Process) PID() int { return p.pid }

// Done is closed when the child and its process group are gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end; an end other than status 0 is an [*ExitError].
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// ExitCode is the exit status (128 + signal when a signal ended it), or -1 while the child runs.
func (p *Process) ExitCode() int {
	select {
	case <-p.done:
		return p.code
	default:
		return -1
	}
}

// Stop sends SIGTERM to the child's group, SIGKILL after the Spec's StopTimeout, and waits for the end. Stopping one
// that has ended is no error.
func (p *Process) Stop() { p.tell(commandStop) }

// Kill sends SIGKILL to the child's group and waits for the end.
func (p *Process) Kill() { p.tell(commandKill) }

// Signal sends a signal to the child's group and does not wait.
func (p *Process) Signal(s syscall.Signal) error {
	select {
	case <-p.done:
		return os.ErrProcessDone
	default:
		return syscall.Kill(-p.pid, s)
	}
}

func (p *Process) tell(command string) {
	p.mu.Lock()
	// An error means that the supervisor is gone, which watch deals with.
	_, _ = io.WriteString(p.control, command+"\n")
	p.mu.Unlock()
	<-p.done
}
