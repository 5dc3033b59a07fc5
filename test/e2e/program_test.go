package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/local"
)

// A program is one of the commands, running.
type program struct {
	name   string
	output string // file with everything that it writes
	url    string // where a webhook is reached
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error // how it ended; read it after ended
}

// A launch is how a command is started.
type launch struct {
	life   *testing.T // the test with which the program ends
	output string     // file for everything that it writes; its folder is where it runs
	env    []string
}

// conforms fails a test whose far ends were asked, or answered, otherwise than the providers' descriptions have it.
func conforms(t *testing.T, args []string) {
	t.Helper()
	i := slices.Index(args, "--dir")
	if i < 0 || i+1 == len(args) || args[0] != "local" && args[0] != "emulate" {
		return
	}
	log, err := os.ReadFile(local.LogFile(args[i+1]))
	if err != nil {
		return // it was to fail before it could begin
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, conformance.LogMessage) {
			t.Error(line)
		}
	}
}

// start starts a command.
func (l launch) start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	file, err := os.Create(l.output)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // the command has its own
	p := &program{name: name, output: l.output, ended: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(binaries, name), args...) //nolint:noctx // ended by stop, which asks first
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = l.env, file, file
	p.cmd.Dir = filepath.Dir(l.output)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	l.life.Cleanup(func() {
		p.stop(l.life)
		conforms(l.life, args)
		if l.life.Failed() {
			l.life.Logf("%s wrote:\n%s", filepath.Base(l.output), lastLines(p.text(), 80))
		}
	})
	return p
}

// stopTime is how long a command may take to end.
const stopTime = 20 * time.Second

// stop asks the program to end and waits for that.
func (p *program) stop(t *testing.T) {
	t.Helper()
	p.signal(syscall.SIGTERM)
	if !p.await(stopTime) {
		t.Errorf("%s did not end within %s of SIGTERM", p.name, stopTime)
		p.kill()
	}
}

// kill is kill -9.
func (p *program) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

func (p *program) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// await tells whether the program ends in time.
func (p *program) await(limit time.Duration) bool {
	select {
	case <-p.ended:
		return true
	case <-time.After(limit):
		return false
	}
}

func (p *program) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

func (p *program) text() string {
	text, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// says waits until the program has written something that fits, and returns the first group of it.
func (p *program) says(t *testing.T, pattern string) string {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	var found []string
	eventually(t, time.Minute, p.name+" says "+pattern, func() []string {
		if found = wanted.FindStringSubmatch(p.text()); found != nil {
			return nil
		}
		if !p.running() {
			t.Fatalf("%s ended before it said %q:\n%s", p.name, pattern, p.text())
		}
		return []string{"not yet"}
	})
	return found[len(found)-1]
}

// once runs a command to its end and returns its exit status and what it wrote.
func once(t *testing.T, limit time.Duration, env []string, name string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	cmd := exec.Command(filepath.Join(binaries, name), args...) //nolint:noctx // bounded below
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, t.TempDir(), &out, &problems
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	if !timer.Stop() {
		t.Errorf("%s %s did not end within %s", name, strings.Join(args, " "), limit)
	}
	return cmd.ProcessState.ExitCode(), out.String(), problems.String()
}

// environment is what every command gets: what it needs of ours and nothing else, so that no setting gets in.
func environment(more ...string) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN", "GOMODCACHE"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, more...)
}

// eventually looks until there is no problem left, and fails the test with the last ones when that takes too long.
func eventually(t *testing.T, limit time.Duration, what string, look func() []string) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; {
		problems := look()
		if len(problems) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s:\n  %s", what, limit, strings.Join(problems, "\n  "))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// processesOf are the processes that have something to do with a folder: they run in it, or it stands in their command
// line.
func processesOf(t *testing.T, dir string) map[int]string {
	t.Helper()
	if runtime.GOOS != "linux" {
		return listed(t, dir)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		command, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err != nil || len(command) == 0 { // gone, or a zombie
			continue
		}
		cwd, _ := os.Readlink(filepath.Join("/proc", entry.Name(), "cwd"))
		line := strings.ReplaceAll(string(command), "\x00", " ")
		if strings.Contains(line, dir) || cwd == dir || strings.HasPrefix(cwd, dir+"/") {
			found[pid] = line
		}
	}
	return found
}

// listed is processesOf by ps.
func listed(t *testing.T, dir string) map[int]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ps", "-axww", "-o", "pid=,command=").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for line := range strings.Lines(string(out)) {
		number, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		pid, err := strconv.Atoi(number)
		if err == nil && strings.Contains(command, dir) {
			found[pid] = command
		}
	}
	return found
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
