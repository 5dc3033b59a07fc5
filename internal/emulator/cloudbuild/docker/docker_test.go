package docker_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/cloudbuild/docker"
	"github.com/gangway-dev/gangway/internal/emulator/cloudbuild/shell"
	"github.com/gangway-dev/gangway/internal/emulator/image"
	"github.com/gangway-dev/gangway/internal/emulator/process"
)

func TestMain(m *testing.M) {
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // supervisors would wait a second each
	process.Main()
	os.Exit(m.Run())
}

type world struct {
	t         *testing.T
	workspace string
	images    *image.Store
	engine    *docker.Engine
}

func newWorld(t *testing.T, files map[string]string) *world {
	t.Helper()
	w := &world{t: t, workspace: t.TempDir()}
	for name, text := range files {
		path := filepath.Join(w.workspace, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if w.images, err = image.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	w.engine = docker.New(docker.Options{Workspace: w.workspace, Dir: t.TempDir(), Host: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, Images: w.images})
	t.Cleanup(w.engine.Close)
	return w
}

// docker runs a command and returns its status and all of its output.
func (w *world) docker(args ...string) (int, string) {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	status := w.engine.Run(w.t.Context(), shell.Call{
		Args: append([]string{"docker"}, args...), Dir: w.workspace, Env: map[string]string{"FROM_ENV": "env"}, Stdout: &stdout, Stderr: &stderr,
	})
	return status, stdout.String() + stderr.String()
}

func (w *world) must(args ...string) string {
	w.t.Helper()
	status, out := w.docker(args...)
	if status != 0 {
		w.t.Fatalf("docker %v: status %d\n%s", args, status, out)
	}
	return out
}

func TestBuild(t *testing.T) {
	w := newWorld(t, map[string]string{
		"svc/Dockerfile": `# syntax=docker/dockerfile:1
ARG BASE=alpine:3
FROM ${BASE} AS build
ARG FLAVOUR=plain
ARG FROM_ENV
ENV OUT=/out LABEL="two words"
WORKDIR /src
COPY a.txt b.txt ./
COPY dir/ ./dir/
COPY --chmod=755 tool.sh /usr/local/bin/tool
RUN --mount=type=cache,target=/cache mkdir -p $OUT && \
    cat a.txt b.txt dir/*.txt > $OUT/all.txt && echo "$FLAVOUR $LABEL $FROM_ENV" >> /out/all.txt
RUN <<EOF
set -e
cd /out
tool >> all.txt
EOF
RUN ["cp", "/out/all.txt", "/out/copy.txt"]
COPY <<INLINE /out/inline.txt
inline
INLINE

FROM build AS unused
RUN exit 1

FROM gcr.io/distroless/static
COPY --from=build /out /data
COPY --from=0 /out/all.txt /data/again.txt
ENV MODE=fast
USER nonroot
EXPOSE 8080/tcp
WORKDIR /data
WORKDIR sub
ENTRYPOINT ["/data/serve"]
CMD ["-v"]
`,
		"svc/a.txt": "a\n", "svc/b.txt": "b\n", "svc/dir/c.txt": "c\n", "svc/dir/secret.txt": "secret\n", "svc/dir/deep/keep.txt": "keep\n",
		"svc/tool.sh":       "#!/bin/sh\necho tool\n",
		"svc/.dockerignore": "dir/secret.txt\n**/deep\n!dir/deep/keep.txt\n",
	})
	out := w.must("buildx", "build", "-f", "svc/Dockerfile", "-t", "r/svc:1", "--build-arg", "FLAVOUR=salt", "--build-arg", "FROM_ENV",
		"--cache-from", "type=registry,ref=r/svc:cache", "--provenance=false", "--load", "svc")
	digest, err := w.engine.Push("r/svc:1")
	if err != nil {
		t.Fatal(err)
	}
	im, err := w.images.Get("r/svc@" + digest)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"data/all.txt": "a\nb\nc\nsalt two words env\ntool\n", "data/copy.txt": "a\nb\nc\nsalt two words env\ntool\n",
		"data/again.txt": "a\nb\nc\nsalt two words env\ntool\n", "data/inline.txt": "inline\n",
	} {
		if got, err := os.ReadFile(filepath.Join(im.Root, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q\n%s", name, got, err, want, out)
		}
	}
	c := im.Config
	if strings.Join(c.Entrypoint, " ") != "/data/serve" || strings.Join(c.Cmd, " ") != "-v" || c.WorkingDir != "/data/sub" || strings.Join(c.Env, " ") != "MODE=fast" {
		t.Errorf("configuration %+v", c)
	}
	if _, err := os.Stat(filepath.Join(im.Root, "src")); err == nil {
		t.Error("the build stage is part of the image")
	}
	if again := w.must("build", "-f", "svc/Dockerfile", "-t", "r/svc:2", "--build-arg", "FLAVOUR=salt", "--build-arg", "FROM_ENV", "svc"); !strings.Contains(again, "cached") {
		t.Errorf("the same build is made again:\n%s", again)
	}
	if second, err := w.engine.Push("r/svc:2"); err != nil || second != digest {
		t.Errorf("digests %s, %s, %v", digest, second, err)
	}
}

func TestBuildRefuses(t *testing.T) {
	w := newWorld(t, map[string]string{"Dockerfile": "FROM scratch\n", "cycle/Dockerfile": "FROM scratch\nCOPY --from=later / /\n", "outside/Dockerfile": "FROM scratch\nCOPY link /x\n"})
	if err := os.Symlink("/etc/hosts", filepath.Join(w.workspace, "outside", "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(w.workspace, "etc")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, says string }{
		{"swarm init", "docker swarm init: not supported"},
		{"build --ssh default .", "--ssh"},
		{"build ..", "outside of the workspace"},
		{"build etc", "outside of the workspace"},
		{"build -f none .", "none: no such file"},
		{"build --target x .", `no stage "x"`},
		{"build cycle", "cycle/Dockerfile:2: COPY --from=later"},
		{"build outside", "outside/Dockerfile:2"},
		{"push r/none", "no image of that name"},
		{"run r/none", "not found"},
	} {
		if status, out := w.docker(strings.Fields(c.args)...); status == 0 || !strings.Contains(out, c.says) {
			t.Errorf("docker %s: status %d, %q; want %q", c.args, status, out, c.says)
		}
	}
}

const composeFiles = `
services:
  server:
    image: ${IMAGE:-server}
    build: .
    environment: {MODE: "a$$b", PEER: "http://peer:9000/x"}
    depends_on: {setup: {condition: service_completed_successfully}, peer: {condition: service_healthy}}
    healthcheck: {test: ["CMD-SHELL", "test -f /ready"]}
  peer:
    build: {context: ., target: peer, args: [WORD=hi]}
    depends_on: [setup]
    healthcheck: {test: ["CMD-SHELL", "test -f /ready"]}
  setup:
    build: .
    command: echo set up
  test:
    build: .
    command: ["sh", "-c", "echo $$PEER; exit ${STATUS:-0}"]
    environment:
      - PEER=peer:9000
    depends_on: {server: {condition: service_healthy}}
`

func TestCompose(t *testing.T) {
	files := map[string]string{
		"t/Dockerfile": "FROM alpine AS peer\nARG WORD\nENV WORD=$WORD\nENTRYPOINT [\"/bin/sh\", \"-c\", \"echo $WORD from peer; echo > /ready; sleep 600\"]\nFROM alpine\nCMD echo $MODE $PEER; echo > /ready; sleep 600\n",
		"t/ok.yaml":    composeFiles, "t/fails.yaml": strings.ReplaceAll(composeFiles, "${STATUS:-0}", "7"),
	}
	w := newWorld(t, files)
	out := w.must("compose", "-f", "t/ok.yaml", "-p", "x", "up", "--no-color", "--exit-code-from", "test")
	for _, want := range []string{"peer  | hi from peer", "setup  | set up", "server  | a$b http://127.0.0.1:", "test  | 127.0.0.1:"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "peer:9000") {
		t.Errorf("an address was not replaced:\n%s", out)
	}
	if status, out := w.docker("compose", "-f", "t/fails.yaml", "up", "--exit-code-from", "test"); status != 7 {
		t.Errorf("status %d, want 7\n%s", status, out)
	}
	if status, out := w.docker("compose", "-f", "t/fails.yaml", "run", "--rm", "test"); status != 7 {
		t.Errorf("run: status %d, want 7\n%s", status, out)
	}
	if out := w.must("compose", "-f", "t/fails.yaml", "run", "--rm", "--no-deps", "-e", "WHO=me", "test", "sh", "-c", "echo $WHO"); !strings.Contains(out, "me") {
		t.Errorf("run with a command:\n%s", out)
	}
}

func TestComposeRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"services:\n  a:\n    image: x\n    volumes: [.:/x]\n":                  "c.yaml:4: services.a.volumes: not supported",
		"services:\n  a:\n    build:\n      context: .\n      ssh: [default]\n": "c.yaml:5: build.ssh: not supported",
		"networks: {x: {}}\n":                              "c.yaml:1: networks: not supported",
		"services:\n  test:\n    build: ..\n":              "outside of the workspace",
		"services:\n  test:\n    image: none\n":            "c.yaml:3: service test: ",
		"services:\n  test:\n    image: ${X:?is wanted}\n": "c.yaml:3: X is not set: is wanted",
		"services:\n  test:\n    build: .\n    depends_on: [other]\n  other:\n    build: .\n    depends_on: [test]\n": "depends on itself",
		"services:\n  other:\n    build: .\n": "no such service: test",
		"services: [":                         "c.yaml",
		"":                                    "empty",
	} {
		w := newWorld(t, map[string]string{"c.yaml": text, "Dockerfile": "FROM scratch\n"})
		if status, out := w.docker("compose", "-f", "c.yaml", "up", "--exit-code-from", "test"); status == 0 || !strings.Contains(out, says) {
			t.Errorf("%q: status %d, %q; want %q", text, status, out, says)
		}
	}
}
