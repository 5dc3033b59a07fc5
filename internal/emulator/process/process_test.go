//go:build unix

package process_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/process"
)

// role makes the test binary a parent that is to be killed.
const role = "PROCESS_TEST_ROLE"

// tree is a child with a grandchild; both tell their process ids.
const tree = `sleep 300 & echo $!; echo $$; wait`

func TestMain(m *testing.M) {
	process.Main()
	if os.Getenv(role) == "parent" {
		parent()
	}
	os.Exit(m.Run())
}

// parent starts a child whose output it passes on, and waits to be killed.
func parent() {
	_, err := process.Start(process.Spec{Path: "/bin/sh", Args: []string{"-c", os.Getenv("SCRIPT")}, Stdout: os.Stdout})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	select {}
}

func TestOutputAndExitCode(t *testing.T) {
	tests := map[string]struct {
		script string
		code   int
		signal syscall.Signal
	}{
		"success": {script: "exit 0"},
		"failure": {script: "exit 7", code: 7},
		"signal":  {script: "kill -USR1 $$", code: 128 + int(syscall.SIGUSR1), signal: syscall.SIGUSR1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			p, err := process.Start(process.Spec{
				Path: "sh", Args: []string{"-c", `pwd; echo "$A" >&2; ` + tt.script},
				Env: []string{"A=b c"}, Dir: "/", Stdout: &out, Stderr: &errs,
			})
			if err != nil {
				t.Fatal(err)
			}
			err = p.Wait()
			if p.ExitCode() != tt.code {
				t.Errorf("exit code %d, want %d", p.ExitCode(), tt.code)
			}
			exit, ok := errors.AsType[*process.ExitError](err)
			if ok != (tt.code != 0) || (ok && exit.Signal != tt.signal) {
				t.Errorf("Wait: %v", err)
			}
			if out.String() != "/\n" || errs.String() != "b c\n" {
				t.Errorf("output %q, %q", out.String(), errs.String())
			}
		})
	}
}

func TestChildDoesNotSeeTheSupervisor(t *testing.T) {
	var out bytes.Buffer
	p, err := process.Start(process.Spec{
		Path: "/bin/sh", Stdout: &out,
		Args: []string{"-c", `env | grep -c GANGWAY_PROCESS; for n in 3 4 5 6; do (true >&$n) 2>/dev/null && echo open $n; done; exit 0`},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if out.String() != "0\n" {
		t.Errorf("output %q", out.String())
	}
}

func TestStartErrors(t *testing.T) {
	for name, spec := range map[string]process.Spec{
		"no such program":   {Path: "/no/such/program"},
		"no such directory": {Path: "/bin/sh", Dir: "/no/such/directory"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := process.Start(spec)
			if err == nil {
				p.Kill()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), "/no/such") {
				t.Errorf("error %q does not name the path", err)
			}
		})
	}
}

func TestStop(t *testing.T) {
	tests := map[string]struct {
		script  string
		timeout time.Duration
		code    int
	}{
		"obeys":    {`trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done`, time.Minute, 3},
		"does not": {`trap '' TERM; echo ready; while :; do sleep 0.01; done`, 50 * time.Millisecond, 137},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, out := start(t, tt.script, tt.timeout)
			line(t, out)
			p.Stop()
			if p.ExitCode() != tt.code {
				t.Errorf("exit code %d, want %d", p.ExitCode(), tt.code)
			}
			p.Stop() // again is no error
		})
	}
}

func TestGrandchildrenDie(t *testing.T) {
	tests := map[string]struct {
		script string
		end    func(p *process.Process)
	}{
		"stop":                 {tree, (*process.Process).Stop},
		"kill":                 {tree, (*process.Process).Kill},
		"child ends by itself": {`sleep 300 & echo $!; echo $$`, func(*process.Process) {}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, out := start(t, tt.script, time.Second)
			grandchild, child := pid(t, out), pid(t, out)
			tt.end(p)
			<-p.Done()
			gone(t, grandchild)
			gone(t, child)
		})
	}
}

func TestKilledParent(t *testing.T) {
	scripts := map[string]string{"group": tree, "deaf to SIGTERM": `trap '' TERM HUP INT; ` + tree}
	if _, err := exec.LookPath("setsid"); err == nil {
		if _, err := os.Stat("/proc/self/stat"); err == nil {
			scripts["session of its own"] = `setsid sh -c 'echo $$; exec sleep 300' & echo $$; wait`
		}
	}
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), role+"=parent", "SCRIPT="+script)
			pipe, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			out := bufio.NewReader(pipe)
			first, second := pid(t, out), pid(t, out)
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			gone(t, first)
			gone(t, second)
		})
	}
}

func TestKilledSupervisor(t *testing.T) {
	p, out := start(t, tree, time.Second)
	grandchild, child := pid(t, out), pid(t, out)
	stat, err := exec.CommandContext(t.Context(), "ps", "-o", "ppid=", "-p", strconv.Itoa(child)).Output()
	if err != nil {
		t.Skip("no ps here")
	}
	supervisor, err := strconv.Atoi(strings.TrimSpace(string(stat)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(supervisor, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil {
		t.Error("Wait returned no error")
	}
	gone(t, child)
	gone(t, grandchild)
}

func start(t *testing.T, script string, timeout time.Duration) (*process.Process, *bufio.Reader) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(process.Spec{Path: "/bin/sh", Args: []string{"-c", script}, Stdout: w, StopTimeout: timeout})
	_ = w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		_ = r.Close()
	})
	return p, bufio.NewReader(r)
}

func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	s, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(s)
}

func pid(t *testing.T, r *bufio.Reader) int {
	t.Helper()
	n, err := strconv.Atoi(line(t, r))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// gone waits until no such process exists, or only its remains.
func gone(t *testing.T, pid int) {
	t.Helper()
	for range 1000 {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return
		}
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d is still there", pid)
}
