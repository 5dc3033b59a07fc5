package github_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	emulator "github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/github"
	"github.com/gangway-dev/gangway/internal/preview"
)

var key = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// world is an emulated GitHub with the repository acme/shop, and a client of it. Its clock can be moved.
type world struct {
	*github.Client
	hub  *emulator.Server
	repo preview.Repository
	url  string
	logs *logBuffer

	mu       sync.Mutex
	offset   time.Duration
	requests map[string]int // method and path → how often
}

// logBuffer is a log that several goroutines may write.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.offset)
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset += d
}

func (w *world) count(method, path string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for request, times := range w.requests {
		if strings.HasPrefix(request, method+" "+path) {
			n += times
		}
	}
	return n
}

var firstTree = fstest.MapFS{
	"README.md":                    {Data: []byte("# Shop\n")},
	"services/orders/main.go":      {Data: []byte("package main\n\nfunc main() {\n\tprintln(\"orders\")\n}\n")},
	"services/orders/openapi.yaml": {Data: []byte("swagger: '2.0'\n")},
	"empty":                        {Data: nil},
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, nil)
}

// newWorldOf is newWorld with a change of the emulated GitHub's options.
func newWorldOf(t *testing.T, change func(*emulator.Options)) *world {
	t.Helper()
	private, err := key()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{logs: &logBuffer{}, requests: map[string]int{}}
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.requests[r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v3")]++
		w.mu.Unlock()
		w.hub.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	w.url = front.URL
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	options := emulator.Options{
		Dir: t.TempDir(), URL: front.URL, AppID: 7, Now: w.now, Violation: conformance.Fail(t),
		PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
	}
	if change != nil {
		change(&options)
	}
	w.hub, err = emulator.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.hub.Close() })
	if _, err := w.hub.CreateRepository(t.Context(), "acme/shop", firstTree); err != nil {
		t.Fatal(err)
	}
	w.Client = w.client(t, front.URL+"/api/v3/")
	if w.repo, err = w.Repository(t.Context(), "acme/shop"); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) client(t *testing.T, base string) *github.Client {
	t.Helper()
	c, err := github.New(w.options(base, nil))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// options are those of a client of the world, with a change.
func (w *world) options(base string, change func(*github.Options)) github.Options {
	private, err := key()
	if err != nil {
		panic(err) // newWorld has looked
	}
	o := github.Options{
		BaseURL: base, AppID: 7, Now: w.now, WriteInterval: time.Microsecond, HTTP: &http.Client{Timeout: 30 * time.Second},
		Log: slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		PrivateKey: pem.EncodeToMemory(&pem.Block{
			Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private),
		}),
	}
	if change != nil {
		change(&o)
	}
	return o
}

// absentFor is longer than GitHub is not asked again about what the App is not installed on.
const absentFor = 6 * time.Minute

func (w *world) open(t *testing.T, n emulator.NewPull) emulator.Pull {
	t.Helper()
	n.Repository = "acme/shop"
	if n.Files == nil && n.Delete == nil {
		n.Files = map[string]string{"services/orders/main.go": "package main\n\nfunc main() {}\n"}
	}
	p, err := w.hub.OpenPull(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) fault(t *testing.T, f emulator.Fault) {
	t.Helper()
	if err := w.hub.AddFault(f); err != nil {
		t.Fatal(err)
	}
}

// must fails the test when a call has failed.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

const repoPath = "/repos/acme/shop"

func numbered(n int, format string) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[strings.ReplaceAll(format, "#", strconv.Itoa(i))] = "x" + strconv.Itoa(i) + "\n"
	}
	return files
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
