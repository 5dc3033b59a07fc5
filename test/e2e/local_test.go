package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tourTime is how long `gangway local --exit` may take on a slow machine.
const tourTime = 4 * time.Minute

// startLocal starts `gangway local` in a folder of its own.
func startLocal(t *testing.T, dir string, args ...string) *program {
	t.Helper()
	output := filepath.Join(t.TempDir(), "local.log")
	return launch{t, output, environment()}.start(t, "gangway", append([]string{"local", "--dir", dir}, args...)...)
}

// finishes waits until a tour has ended well and left no process.
func (p *program) finishes(t *testing.T, dir string) {
	t.Helper()
	if !p.await(tourTime) {
		p.kill()
		t.Fatalf("gangway local --exit took more than %s:\n%s", tourTime, p.text())
	}
	lines := strings.Split(strings.TrimSpace(p.text()), "\n")
	var ok, all, seconds int
	_, err := fmt.Sscanf(lines[len(lines)-1], "gangway local: %d of %d steps ok in %d s", &ok, &all, &seconds)
	if err != nil || ok != all || ok < 10 || p.err != nil {
		t.Errorf("gangway local --exit ended with %v after saying\n%s", p.err, p.text())
	}
	noProcess(t, dir)
}

// A local cloud that was killed in the middle leaves no process, and the next start goes on from it. Another one, in
// another folder, notices nothing.
func TestKillLocal(t *testing.T) {
	t.Parallel()
	killed, other := t.TempDir(), t.TempDir()
	first := startLocal(t, killed)
	undisturbed := startLocal(t, other, "--exit")
	first.says(t, `Starting 1 of 1|Opening the gateway|Checking that|Preview is ready`)
	first.kill()
	noProcess(t, killed)
	for range 2 { // and again from what that run has left
		startLocal(t, killed, "--exit").finishes(t, killed)
	}
	undisturbed.finishes(t, other)
}

// A person uses the local cloud: opens, pushes, closes; and ends it with Ctrl-C. Meanwhile its folder is in use.
func TestLocalByHand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	up := startLocal(t, dir)
	up.says(t, `environment: its own gateway`)
	status, out, problems := once(t, time.Minute, environment(), "gangway", "local", "--exit", "--dir", dir)
	if status != 1 || !strings.Contains(problems, "in use") || !strings.Contains(problems, dir) {
		t.Errorf("a second one in the folder ends with %d and says\n%s%s", status, out, problems)
	}
	up.says(t, `It stays up until Ctrl-C`)
	for _, want := range []string{"pull request   http://", "preview        http://", "environment    http://", "logs           " + dir} {
		if !strings.Contains(up.text(), want) {
			t.Errorf("it does not say %q:\n%s", want, up.text())
		}
	}
	pr := func(args ...string) (string, string) {
		t.Helper()
		status, out, problems := once(t, time.Minute, environment(), "gangway", append([]string{"local", "pr", "--dir", dir}, args...)...)
		if (status == 0) != (problems == "") {
			t.Errorf("gangway local pr %v ends with %d and says %s%s", args, status, out, problems)
		}
		return out, problems
	}
	for _, step := range []struct {
		args []string
		out  string
	}{
		{[]string{"open", "--title", "By hand"}, "#2 is open at "},
		{[]string{"push", "2"}, "#2 is open at "},
		{[]string{"close", "#2"}, "#2 is closed at "},
	} {
		if out, problems := pr(step.args...); !strings.HasPrefix(out, step.out) {
			t.Errorf("gangway local pr %v says %s%s", step.args, out, problems)
		}
	}
	for _, step := range []struct {
		args []string
		says string
	}{
		{[]string{"close", "none"}, `"none" is no pull request's number`},
		{[]string{"push"}, "want gangway local pr push NUMBER"},
		{[]string{"close", "77"}, "no pull request 77"},
		{[]string{"open", "orders.go"}, "want FILE=PATH"},
	} {
		if out, problems := pr(step.args...); !strings.Contains(problems, step.says) {
			t.Errorf("gangway local pr %v says %s%s", step.args, out, problems)
		}
	}

	up.signal(syscall.SIGINT)
	if !up.await(stopTime) || up.err != nil {
		t.Errorf("after Ctrl-C it ended with %v:\n%s", up.err, up.text())
	}
	noProcess(t, dir)
	if _, problems := pr("open"); !strings.Contains(problems, "gangway local --dir "+dir) {
		t.Errorf("when the local cloud has ended, it says %s", problems)
	}
}
