package shell_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/cloudbuild/shell"
	"github.com/gangway-dev/gangway/internal/emulator/process"
)

func TestMain(m *testing.M) {
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // supervisors would wait a second each
	process.Main()
	os.Exit(m.Run())
}

func spec(t *testing.T) (shell.Spec, *bytes.Buffer) {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{"src/a.txt": "alpha\n", "src/b.txt": "beta\n", "app/run": "#!/bin/sh\necho run $1 $FLAVOUR\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	return shell.Spec{
		Dir: filepath.Join(root, "src"), Host: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()},
		Env: []string{"FLAVOUR=salt", "OUT=/out", "PLACE=/src/a.txt"}, Mounts: []shell.Mount{{From: "/", To: root}}, Stdout: &out, Stderr: &out,
	}, &out
}

func TestScript(t *testing.T) {
	for _, c := range []struct {
		name, script string
		status       int
		says         string
	}{
		{"redirections are mapped", "mkdir -p /out && echo hi > /out/f && cat /out/f", 0, "hi\n"},
		{"globs are mapped", "cat /src/*.txt", 0, "alpha\nbeta\n"},
		{"cd is mapped", "cd /app && ls", 0, "run\n"},
		{"tests are mapped", "[ -f /src/a.txt ] && [[ -f /src/b.txt ]] && ! test -e /etc/passwd && echo yes", 0, "yes\n"},
		{"environment is mapped", `sh -c 'cat "$PLACE"'; env | grep -c "^PLACE=/src"`, 1, "alpha\n0\n"},
		{"patterns are not", `printf 'a/x/b\n' | sed /x/s/a/c/`, 0, "c/x/b\n"},
		{"text is not", "echo /src/none", 0, "/src/none\n"},
		{"pipes", "cat /src/a.txt /src/b.txt | sort -r | head -n 1", 0, "beta\n"},
		{"programs of the container", "/app/run fast", 0, "run fast salt\n"},
		{"status", "exit 7", 7, ""},
		{"errexit", "#!/usr/bin/env bash\nset -euo pipefail\nfalse\necho no", 1, ""},
		{"not found", "no-such-program", 127, "no-such-program: not found\n"},
		{"nested", `sh -ec 'false; echo no' || bash -c 'echo $1' x one`, 0, "one\n"},
		{"no way up", "cat /../../../../src/a.txt", 0, "alpha\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, out := spec(t)
			status, err := shell.Script(t.Context(), s, "test", c.script)
			if err != nil || status != c.status || out.String() != c.says {
				t.Errorf("status %d, %v, %q; want status %d, %q", status, err, out, c.status, c.says)
			}
		})
	}
}

func TestScriptSyntaxError(t *testing.T) {
	s, _ := spec(t)
	_, err := shell.Script(t.Context(), s, "Dockerfile:7", "if true; then")
	if err == nil || !strings.Contains(err.Error(), "Dockerfile:7") {
		t.Errorf("%v", err)
	}
}

func TestCommandIsTakenOver(t *testing.T) {
	s, out := spec(t)
	s.Command = func(_ context.Context, c shell.Call) (int, bool) {
		if c.Args[0] != "docker" {
			return 0, false
		}
		_, _ = c.Stdout.Write([]byte(strings.Join(c.Args, " ") + " " + c.Env["IMAGE"] + "\n"))
		return 3, true
	}
	status, err := shell.Script(t.Context(), s, "test", "export IMAGE=x; docker build . || echo $?")
	if err != nil || status != 0 || out.String() != "docker build . x\n3\n" {
		t.Errorf("%d, %v, %q", status, err, out)
	}
}

func TestCancelStopsPrograms(t *testing.T) {
	s, _ := spec(t)
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(s.Mounts[0].To, "started")
	go func() {
		for {
			if _, err := os.Stat(started); err == nil {
				cancel()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if _, err := shell.Script(ctx, s, "test", "echo > /started; sleep 600"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
}
