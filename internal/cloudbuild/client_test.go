package cloudbuild_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	configurations "github.com/gangway-dev/gangway/cloudbuild"
	"github.com/gangway-dev/gangway/internal/cloudbuild"
	emulator "github.com/gangway-dev/gangway/internal/emulator/cloudbuild"
	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/image"
	"github.com/gangway-dev/gangway/internal/emulator/logging"
	"github.com/gangway-dev/gangway/internal/emulator/process"
	"github.com/gangway-dev/gangway/internal/emulator/storage"
	"github.com/gangway-dev/gangway/internal/preview"
)

func TestMain(m *testing.M) {
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // supervisors would wait a second each
	process.Main()
	os.Exit(m.Run())
}

type world struct {
	client *cloudbuild.Client
	http   *httptest.Server
	seen   []byte   // of the last creation
	calls  []string // methods and URLs of Cloud Build's API, with the routing header
	req    preview.BuildRequest

	options cloudbuild.Options
	repo    string
	far     *emulator.Server
	images  *image.Store
	logging *logging.Server
	logs    *httptest.Server
	bucket  *storage.Server
	uploads int // requests of uploads
	fetched int // archives
}

// Archive implements [cloudbuild.Archives] with git's own archives, which GitHub's are.
func (w *world) Archive(ctx context.Context, _ preview.Repository, sha string) (io.ReadCloser, error) {
	w.fetched++
	out, err := exec.CommandContext(ctx, "git", "-C", w.repo, "archive", "--format=tar.gz", "--prefix=acme-shop-"+sha[:7]+"/", sha).Output()
	return io.NopCloser(bytes.NewReader(out)), err
}

// newWorld is the adapter, Google's client library and the emulator with a repository of one service.
func newWorld(t *testing.T, files map[string]string) *world {
	t.Helper()
	repo := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(repo, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(repo, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git(t, repo, "init", "--quiet")
	git(t, repo, "add", "--all")
	git(t, repo, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "x")
	images, err := image.Open(filepath.Join(t.TempDir(), "images"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		repo: repo, images: images, logging: logging.New(logging.Options{Violation: conformance.Fail(t)}),
	}
	w.bucket, err = storage.New(storage.Options{
		Dir: t.TempDir(), Buckets: []storage.Bucket{{Name: "sources"}, {Name: "logs"}}, Violation: conformance.Fail(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	far, err := emulator.New(emulator.Options{
		Dir: filepath.Join(t.TempDir(), "cloudbuild"), Images: images, Logged: w.logged, Violation: conformance.Fail(t),
		Object: w.bucket.Open, StoreLog: w.bucket.Put,
		Repositories: func(name string) (string, bool) {
			return repo, name == "projects/p/locations/r/connections/c/repositories/x"
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.far = far
	w.http = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/builds") {
			w.seen, _ = io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(w.seen))
		}
		w.calls = append(w.calls, r.Method+" "+r.URL.String()+" "+r.Header.Get("X-Goog-Request-Params"))
		far.ServeHTTP(rw, r)
	}))
	w.logs = httptest.NewServer(w.logging)
	bucket := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/upload/") {
			w.uploads++
		}
		w.bucket.ServeHTTP(rw, r)
	}))
	t.Cleanup(func() { w.http.Close(); w.logs.Close(); bucket.Close(); far.Close() })
	w.options = cloudbuild.Options{
		Endpoint: w.http.URL, Logging: w.logs.URL, Storage: bucket.URL, HTTPClient: w.http.Client(), Archives: w,
	}
	w.client, err = cloudbuild.New(t.Context(), w.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.client.Close() })
	w.req = preview.BuildRequest{
		Key: preview.Key{Environment: "development", Gateway: "shop", Repository: 7, PullRequest: 42}, Generation: 3, Service: "orders",
		SHA: git(t, repo, "rev-parse", "HEAD"), Project: "p", Region: "r", ServiceAccount: "b@p.iam.gserviceaccount.com",
		Connection: "projects/p/locations/r/connections/c/repositories/x", Context: "orders", Dockerfile: "orders/Dockerfile",
		Image: "r-docker.pkg.dev/p/previews/orders", Timeout: 5 * time.Minute, QueueTimeout: time.Minute,
	}
	return w
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) ref(b preview.Build) preview.BuildRef {
	return preview.BuildRef{Project: w.req.Project, Region: w.req.Region, ID: b.ID}
}

func (w *world) wait(t *testing.T, b preview.Build) preview.Build {
	t.Helper()
	for {
		got, err := w.client.Get(t.Context(), w.ref(b))
		if err != nil {
			t.Fatal(err)
		}
		if got.Status.Done() {
			return got
		}
		time.Sleep(5 * time.Millisecond)
	}
}

var good = map[string]string{"orders/Dockerfile": "FROM scratch\nCOPY app /app\nENTRYPOINT [\"/app\"]\n", "orders/app": "x"}

func TestBuildSucceeds(t *testing.T) {
	w := newWorld(t, good)
	started, err := w.client.Start(t.Context(), w.req)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.client.Start(t.Context(), w.req)
	if err != nil || again.ID != started.ID {
		t.Errorf("a second start gives build %q, %v; want %q", again.ID, err, started.ID)
	}
	b := w.wait(t, started)
	if b.Status != preview.BuildSucceeded || !strings.HasPrefix(b.Digest, "sha256:") || b.Image != w.req.Image {
		t.Fatalf("%+v", b)
	}
	if b.Key != w.req.Key || b.Generation != 3 || b.Service != "orders" || b.SHA != w.req.SHA {
		t.Errorf("the tags say %+v", b)
	}
	if b.Created.IsZero() || b.Started.IsZero() || b.Finished.IsZero() || b.LogURL == "" {
		t.Errorf("%+v", b)
	}
	if err := w.client.Cancel(t.Context(), w.ref(b)); err != nil {
		t.Errorf("cancelling what has ended: %v", err)
	}
	for name, change := range map[string]func(r *preview.BuildRequest){
		"generation": func(r *preview.BuildRequest) { r.Generation = 4 }, "service": func(r *preview.BuildRequest) { r.Service = "orders2" },
		"pull request": func(r *preview.BuildRequest) { r.Key.PullRequest = 4 },
	} {
		r := w.req
		change(&r)
		if found, ok, err := w.client.Find(t.Context(), r); err != nil || ok {
			t.Errorf("another %s finds %+v, %v", name, found, err)
		}
	}
}

func TestBuildFails(t *testing.T) {
	w := newWorld(t, map[string]string{"orders/Dockerfile": "FROM alpine\nRUN echo so sorry && false\n"})
	started, err := w.client.Start(t.Context(), w.req)
	if err != nil {
		t.Fatal(err)
	}
	b := w.wait(t, started)
	if b.Status != preview.BuildFailed || b.Step != "image" || b.Digest != "" {
		t.Errorf("%+v", b)
	}
	if want := `Build step failure: build step 0 "gcr.io/cloud-builders/docker" failed: step exited with non-zero status: 1`; b.Reason != want {
		t.Errorf("the reason is %q, want %q", b.Reason, want)
	}
}

// logged takes a line of a build's log into Cloud Logging.
func (w *world) logged(l emulator.LogLine) {
	w.logging.Write(logging.Entry{
		LogName: "projects/" + l.Project + "/logs/cloudbuild", TextPayload: l.Text,
		Resource: logging.Resource{Type: "build", Labels: map[string]string{"build_id": l.Build}},
		Labels:   map[string]string{"build_step": l.Step},
	})
}

func TestLostAnswerStartsNoSecondBuild(t *testing.T) {
	w := newWorld(t, good)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, w.http.URL+"/emulator/faults", strings.NewReader(`{"lost_answers":1}`))
	r, err := w.http.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if _, err := w.client.Start(t.Context(), w.req); err == nil {
		t.Fatal("the answer was not lost")
	}
	found, ok, err := w.client.Find(t.Context(), w.req)
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	if b, err := w.client.Start(t.Context(), w.req); err != nil || b.ID != found.ID {
		t.Errorf("%q, %v; want %q", b.ID, err, found.ID)
	}
}

func TestCancelAndNotFound(t *testing.T) {
	w := newWorld(t, map[string]string{"orders/Dockerfile": "FROM alpine\nRUN sleep 600\n"})
	started, err := w.client.Start(t.Context(), w.req)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.client.Cancel(t.Context(), w.ref(started)); err != nil {
		t.Fatal(err)
	}
	if b := w.wait(t, started); b.Status != preview.BuildCancelled {
		t.Errorf("%+v", b)
	}
	none := preview.BuildRef{Project: "p", Region: "r", ID: "none"}
	if _, err := w.client.Get(t.Context(), none); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if err := w.client.Cancel(t.Context(), none); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("Cancel: %v", err)
	}
}

func TestConfigurationOfTheirOwn(t *testing.T) {
	w := newWorld(t, good)
	w.req.Config = []byte(`
timeout: 86400s
serviceAccount: projects/p/serviceAccounts/owner@p
tags: [theirs]
source: {gitSource: {url: "https://example.com/evil"}}
steps: [{name: gcr.io/cloud-builders/docker, args: [build, --tag=$_IMAGE:$_SHA, $_CONTEXT]}]
images: ["$_IMAGE:$_SHA"]
substitutions: {_FLAVOUR: salt}
options: {logging: CLOUD_LOGGING_ONLY, env: ["FLAVOUR=$_FLAVOUR"]}
`)
	started, err := w.client.Start(t.Context(), w.req)
	if err != nil {
		t.Fatal(err)
	}
	if b := w.wait(t, started); b.Status != preview.BuildSucceeded || b.Digest == "" {
		t.Errorf("%+v", b)
	}
	for _, not := range []string{"86400", "owner@p", "theirs", "evil"} {
		if bytes.Contains(w.seen, []byte(not)) {
			t.Errorf("the configuration decided %q: %s", not, w.seen)
		}
	}
	for _, want := range []string{`"300s"`, "b@p.iam.gserviceaccount.com", `"_FLAVOUR":"salt"`} {
		if !bytes.Contains(bytes.ReplaceAll(w.seen, []byte(" "), nil), []byte(want)) {
			t.Errorf("the build lacks %s: %s", want, w.seen)
		}
	}
}

func TestBadConfigurationIsTold(t *testing.T) {
	w := newWorld(t, good)
	for name, config := range map[string]string{
		"unknown field": "steps: [{name: ubuntu, colour: red}]", "not YAML": "steps: [", "refused": "steps: [{name: ubuntu, args: [$_NOTHING]}]\noptions: {logging: NONE}",
	} {
		w.req.Config = []byte(config)
		_, err := w.client.Start(t.Context(), w.req)
		if _, ok := errors.AsType[*preview.UserError](err); !ok {
			t.Errorf("%s: %v, want a UserError", name, err)
		}
	}
}

func TestRequestIsChecked(t *testing.T) {
	w := newWorld(t, good)
	w.req.SHA = "main"
	if _, err := w.client.Start(t.Context(), w.req); err == nil {
		t.Error("a branch was built")
	}
}

func TestParseNotice(t *testing.T) {
	ref, err := cloudbuild.ParseNotice([]byte(`{"id":"a-b","projectId":"p","name":"projects/7/locations/r/builds/a-b","status":"SUCCESS"}`))
	if want := (preview.BuildRef{Project: "p", Region: "r", ID: "a-b"}); err != nil || ref != want {
		t.Errorf("%+v, %v", ref, err)
	}
	for _, bad := range []string{"", "[]", "{}", `{"id":"../x","projectId":"p"}`, `{"id":"..","projectId":"p"}`, `{"id":1,"projectId":"p"}`} {
		if ref, err := cloudbuild.ParseNotice([]byte(bad)); err == nil {
			t.Errorf("%s is taken for %+v", bad, ref)
		}
	}
}

func FuzzParseNotice(f *testing.F) {
	f.Add([]byte(`{"id":"a-b","projectId":"p","name":"projects/7/locations/r/builds/a-b"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		ref, err := cloudbuild.ParseNotice(data)
		if err == nil && slices.Contains([]string{ref.ID, ref.Project, ref.Region}, "") {
			t.Errorf("%+v", ref)
		}
		if err == nil && strings.Contains(ref.ID+ref.Project+ref.Region, "/") {
			t.Errorf("%+v", ref)
		}
	})
}

func TestOwnConfigurationIsValid(t *testing.T) {
	b, err := cloudbuild.ParseConfig(configurations.Preview)
	if err != nil {
		t.Fatal(err)
	}
	if b.GetTimeout() != nil || b.GetServiceAccount() != "" || len(b.GetImages()) != 1 {
		t.Errorf("%v", b)
	}
}
