package cloudbuild_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	configurations "github.com/gangway-dev/gangway/cloudbuild"
	"github.com/gangway-dev/gangway/examples"
	"github.com/gangway-dev/gangway/internal/emulator/cloudbuild"
	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/image"
	"github.com/gangway-dev/gangway/internal/emulator/process"
)

func TestMain(m *testing.M) {
	// Race detectors of supervisors would wait a second each.
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	process.Main()
	os.Exit(m.Run())
}

// A world is an emulator with a repository.
type world struct {
	t      *testing.T
	dir    string
	images *image.Store
	server *cloudbuild.Server
	http   *httptest.Server
	repo   string // clone URL

	mu      sync.Mutex
	notices []string // id:status
}

const connection = "projects/p/locations/europe-west1/connections/github/repositories/shop"

func newWorld(t *testing.T, files fs.FS, change func(*cloudbuild.Options)) (*world, string) {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	var err error
	if w.images, err = image.Open(filepath.Join(w.dir, "images")); err != nil {
		t.Fatal(err)
	}
	var sha string
	w.repo, sha = repository(t, files)
	w.open(change)
	t.Cleanup(func() { w.http.Close(); w.server.Close() })
	return w, sha
}

func (w *world) open(change func(*cloudbuild.Options)) {
	w.t.Helper()
	o := cloudbuild.Options{
		Dir: filepath.Join(w.dir, "cloudbuild"), Images: w.images, GoCache: goEnv(w.t, "GOCACHE"),
		Violation:    conformance.FailUnlessRefused(w.t),
		Repositories: func(name string) (string, bool) { return w.repo, name == connection },
		Publish: func(_ context.Context, data []byte, attributes map[string]string) error {
			var b struct{ ID, Status string }
			if err := json.Unmarshal(data, &b); err != nil || b.ID != attributes["buildId"] || b.Status != attributes["status"] {
				w.t.Errorf("notice %v does not agree with its data: %v", attributes, err)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.notices = append(w.notices, b.ID+":"+b.Status)
			return nil
		},
	}
	if change != nil {
		change(&o)
	}
	var err error
	if w.server, err = cloudbuild.New(o); err != nil {
		w.t.Fatal(err)
	}
	w.http = httptest.NewServer(w.server)
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// repository makes a git repository of files and returns its path and head.
func repository(t *testing.T, files fs.FS) (url, sha string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repo")
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"add", "--all"},
		{"-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "shop"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	cmd := exec.CommandContext(t.Context(), "git", "rev-parse", "HEAD")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return dir, strings.TrimSpace(string(out))
}

// previewBuild is preview.yaml with what Gangway adds, as JSON.
func previewBuild(t *testing.T, service, sha string) map[string]any {
	t.Helper()
	var b map[string]any
	if err := yaml.Unmarshal(configurations.Preview, &b); err != nil {
		t.Fatal(err)
	}
	b["source"] = map[string]any{"connectedRepository": map[string]any{"repository": connection, "revision": sha}}
	b["serviceAccount"] = "projects/p/serviceAccounts/builder@p.iam.gserviceaccount.com"
	b["tags"] = []string{"gangway", "service-" + service}
	b["substitutions"] = map[string]any{
		"_IMAGE": "localhost/shop/" + service, "_SERVICE": service, "_CONTEXT": service, "_DOCKERFILE": service + "/Dockerfile",
		"_COMPOSE_TEST": service + "/compose.test.yaml", "_SHA": sha, "_CACHE": "localhost/shop/" + service + ":cache-7-pr-42",
	}
	return b
}

func (w *world) do(method, path string, body any, into any) int {
	w.t.Helper()
	var r io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.http.URL+path, r)
	if err != nil {
		w.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := w.http.Client().Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	switch into := into.(type) {
	case nil:
	case *string:
		*into = string(data)
	default:
		if err := json.Unmarshal(data, into); err != nil {
			w.t.Fatalf("%s %s: %v: %s", method, path, err, data)
		}
	}
	return res.StatusCode
}

const builds = "/v1/projects/p/locations/europe-west1/builds"

// create starts a build and returns its id.
func (w *world) create(build any) string {
	w.t.Helper()
	var text string
	if code := w.do("POST", builds, build, &text); code != http.StatusOK {
		w.t.Fatalf("create: %d %s", code, text)
	}
	var o struct {
		Metadata struct{ Build struct{ ID string } }
	}
	if err := json.Unmarshal([]byte(text), &o); err != nil || o.Metadata.Build.ID == "" {
		w.t.Fatalf("create: %v %s", err, text)
	}
	return o.Metadata.Build.ID
}

func (w *world) get(id string) cloudbuild.Build {
	w.t.Helper()
	var b cloudbuild.Build
	if code := w.do("GET", builds+"/"+id, nil, &b); code != http.StatusOK {
		w.t.Fatalf("get: %d", code)
	}
	return b
}

// wait waits until a build has one of the statuses.
func (w *world) wait(id string, statuses ...cloudbuild.Enum) cloudbuild.Build {
	w.t.Helper()
	for {
		b := w.get(id)
		if slices.Contains(statuses, b.Status) {
			return b
		}
		if b.FinishTime != nil {
			w.t.Fatalf("build ended %s (%s), want %v\n%s", b.Status, b.StatusDetail, statuses, w.log(id))
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-w.t.Context().Done():
			w.t.Fatal("the test ended")
		}
	}
}

func (w *world) log(id string) string {
	var text string
	w.do("GET", "/builds/"+id+"/log", nil, &text)
	return text
}

func shop() fs.FS { return examples.Shop() }

// script is a build of one step.
func script(text string) map[string]any {
	return map[string]any{"steps": []any{map[string]any{"name": "ubuntu", "id": "one", "script": text}}}
}

func (w *world) noticesOf(id string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []string
	for _, n := range w.notices {
		if s, ok := strings.CutPrefix(n, id+":"); ok {
			found = append(found, s)
		}
	}
	return fmt.Sprint(found)
}
