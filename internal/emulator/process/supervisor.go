//go:build unix

package process

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// marker is the environment variable that makes Main a supervisor. Children never see it.
const marker = "GANGWAY_PROCESS_SUPERVISOR"

// The supervisor's ends of the pipes: exec.Cmd numbers its ExtraFiles from 3.
const (
	controlFD = 3
	statusFD  = 4
)

// What we may tell a supervisor after the order. The end of the pipe means commandKill.
const (
	commandStop = "stop"
	commandKill = "kill"
)

// An order is the first line on the control pipe.
type order struct {
	Path        string        `json:"path"`
	Args        []string      `json:"args"`
	Env         []string      `json:"env"`
	Dir         string        `json:"dir"`
	StopTimeout time.Duration `json:"stop_timeout"`
}

// A report is a line on the status pipe: one when the child has been started (or could not be), one when it has ended.
type report struct {
	PID    int    `json:"pid,omitempty"`
	Error  string `json:"error,omitempty"`
	Exit   int    `json:"exit"`
	Signal int    `json:"signal,omitempty"`
}

// Main must be the first statement of main and of TestMain. In a supervisor it runs the child and never returns; in any
// other process it returns at once.
func Main() {
	mainCalled.Store(true)
	if os.Getenv(marker) == "" {
		return
	}
	// The child's death signal hangs on the thread that starts it: https://go.dev/issue/27505
	runtime.LockOSThread()
	if err := supervise(); err != nil {
		fmt.Fprintln(os.Stderr, "supervisor:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func supervise() error {
	// The child is to hold neither pipe: it could keep itself alive or give orders.
	syscall.CloseOnExec(controlFD)
	syscall.CloseOnExec(statusFD)
	control := bufio.NewReader(os.NewFile(controlFD, "control"))
	reports := json.NewEncoder(os.NewFile(statusFD, "status"))
	line, err := control.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("reading the order: %w", err)
	}
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("reading the order: %w", err)
	}
	adoptOrphans()
	// Caught, not ignored: an ignored signal would be ignored in the child too.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	child, err := startChild(o)
	if err != nil {
		return reports.Encode(report{Error: err.Error()})
	}
	// Nobody to report to means that the control pipe is closed as well: reading it ends the child.
	_ = reports.Encode(report{PID: child})
	g := &group{pid: child, timeout: o.StopTimeout}
	go func() {
		for range signals {
			g.stop()
		}
	}()
	go g.obey(control)
	ended := reap(child)
	g.kill()
	reapAll()
	_ = reports.Encode(ended)
	return nil
}

func startChild(o order) (int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer func() { _ = null.Close() }()
	p, err := os.StartProcess(o.Path, append([]string{o.Path}, o.Args...), &os.ProcAttr{
		Dir:   o.Dir,
		Env:   o.Env,
		Files: []*os.File{null, os.Stdout, os.Stderr},
		Sys:   childAttributes(),
	})
	if err != nil {
		return 0, err
	}
	pid := p.Pid
	return pid, p.Release() // reap waits for all children alike
}

// A group is the child's process group.
type group struct {
	pid     int
	timeout time.Duration
	once    sync.Once
}

// obey does what it is told until the pipe closes, which is when we have died: then it kills.
func (g *group) obey(control *bufio.Reader) {
	for {
		line, err := control.ReadString('\n')
		switch {
		case err != nil, strings.TrimSpace(line) == commandKill:
			g.kill()
		case strings.TrimSpace(line) == commandStop:
			g.stop()
		}
		if err != nil {
			return
		}
	}
}

func (g *group) stop() {
	g.once.Do(func() {
		_ = syscall.Kill(-g.pid, syscall.SIGTERM)
		time.AfterFunc(g.timeout, g.kill)
	})
}

func (g *group) kill() {
	_ = syscall.Kill(-g.pid, syscall.SIGKILL)
}

// reap waits for the child, and for every orphan that ends before it.
func reap(child int) report {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return report{Exit: 255}
		case pid == child && status.Signaled():
			return report{Exit: 128 + int(status.Signal()), Signal: int(status.Signal())}
		case pid == child && status.Exited():
			return report{Exit: status.ExitStatus()}
		}
	}
}
