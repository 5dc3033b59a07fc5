package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gangway-dev/gangway/internal/catalog"
	hubemulator "github.com/gangway-dev/gangway/internal/emulator/github"
	secretemulator "github.com/gangway-dev/gangway/internal/emulator/secretmanager"
	"github.com/gangway-dev/gangway/internal/github"
	"github.com/gangway-dev/gangway/internal/secretmanager"
)

// An initWorld is what `gangway init` talks to: GitHub, Secret Manager and Cloud Run.
type initWorld struct {
	*testing.T
	github  string
	dir     string
	secrets *secretemulator.Server
	store   *secretmanager.Client
	front   func(http.Handler) http.Handler // around GitHub

	mu  sync.Mutex
	out bytes.Buffer
}

// What Cloud Run lists: one service that is as it should be, one that follows the latest revision, and Gangway itself.
const listedServices = `{"services":[
	{"name":"projects/acme-dev/locations/europe-west1/services/orders","ingress":"INGRESS_TRAFFIC_ALL",
	 "traffic":[{"type":"TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION","revision":"orders-1","percent":100}]},
	{"name":"projects/acme-dev/locations/europe-west1/services/users","ingress":"INGRESS_TRAFFIC_INTERNAL_ONLY",
	 "traffic":[{"type":"TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST","percent":100}],
	 "latestReadyRevision":"projects/acme-dev/locations/europe-west1/services/users/revisions/users-7"},
	{"name":"projects/acme-dev/locations/europe-west1/services/gangway-receive","labels":{"gangway-platform":"gangway"}}]}`

func newInitWorld(t *testing.T) *initWorld {
	t.Helper()
	w := &initWorld{T: t, dir: t.TempDir()}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	w.must(err)
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	w.must(err)
	var hub *hubemulator.Server
	hubServer := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.front != nil {
			w.front(hub).ServeHTTP(rw, r)
			return
		}
		hub.ServeHTTP(rw, r)
	}))
	t.Cleanup(hubServer.Close)
	hub, err = hubemulator.New(hubemulator.Options{
		Dir: filepath.Join(w.dir, "github"), URL: hubServer.URL, AppID: 1,
		PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
	})
	w.must(err)
	t.Cleanup(func() { _ = hub.Close() })
	_, err = hub.CreateRepository(t.Context(), "acme/shop", fstest.MapFS{
		"README.md": {Data: []byte("# Shop\n")}, "orders/openapi.yaml": {Data: []byte(doctorDocument)},
	})
	w.must(err)
	w.github = hubServer.URL
	w.secrets, err = secretemulator.New(secretemulator.Options{
		Dir: filepath.Join(w.dir, "secrets"), Project: "acme-dev", Secrets: []string{"gangway-github-app-key", "gangway-webhook-secrets"},
	})
	w.must(err)
	secrets := httptest.NewServer(w.secrets)
	t.Cleanup(secrets.Close)
	run := httptest.NewServer(http.HandlerFunc(cloudRun))
	t.Cleanup(run.Close)
	t.Setenv("GANGWAY_SECRET_MANAGER_ENDPOINT", secrets.URL)
	t.Setenv("GANGWAY_CLOUD_RUN_ENDPOINT", run.URL)
	w.store, err = secretmanager.New(t.Context(), secretmanager.Options{Endpoint: secrets.URL})
	w.must(err)
	t.Chdir(w.dir)
	return w
}

func cloudRun(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/services"):
		_, _ = io.WriteString(w, listedServices)
	case strings.HasSuffix(r.URL.Path, "/revisions/orders-1"):
		fmt.Fprintf(w, `{"name":%q,"labels":{"build-commit":"%040d"}}`, strings.TrimPrefix(r.URL.Path, "/v2/"), 7)
	default:
		http.NotFound(w, r)
	}
}

func (w *initWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// Write is where the command prints to.
func (w *initWorld) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

func (w *initWorld) printed() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.String()
}

// run runs the command, and act once the address of its page is known.
func (w *initWorld) run(act func(address string), more ...string) error {
	w.Helper()
	reader, writer := io.Pipe()
	c := root()
	c.SetArgs(append([]string{
		"init", "--no-browser", "--github-url", w.github, "--project", "acme-dev", "--region", "europe-west1",
		"--webhook-url", "http://127.0.0.1:8080/github/webhook",
	}, more...))
	c.SetOut(io.MultiWriter(w, writer))
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		err := c.ExecuteContext(ctx)
		_ = writer.Close()
		result <- err
	}()
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), "on this machine: "); ok && act != nil {
			act(address)
		}
	}
	return <-result
}

var (
	formTo    = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	formField = regexp.MustCompile(`<input[^>]* name="(\w+)" value="([^"]*)"`)
)

// submit presses the button of a page.
func (w *initWorld) submit(at *url.URL, page string) (*url.URL, string) {
	w.Helper()
	to := formTo.FindStringSubmatch(page)
	if to == nil {
		w.Fatalf("no form on the page %s:\n%s", at, page)
	}
	form := url.Values{}
	for _, field := range formField.FindAllStringSubmatch(page, -1) {
		form.Set(field[1], html.UnescapeString(field[2]))
	}
	target, err := at.Parse(html.UnescapeString(to[1]))
	w.must(err)
	resp, err := http.PostForm(target.String(), form) // follows the way back
	w.must(err)
	return w.read(resp)
}

func (w *initWorld) read(resp *http.Response) (*url.URL, string) {
	w.Helper()
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	w.must(err)
	return resp.Request.URL, string(body)
}

func (w *initWorld) get(address string) (*url.URL, string) {
	w.Helper()
	resp, err := http.Get(address) //nolint:noctx // a test
	w.must(err)
	return w.read(resp)
}

// confirm does with HTTP what a person does with a browser, and returns the last page.
func (w *initWorld) confirm(address string) (*url.URL, string) {
	w.Helper()
	at, page := w.get(address)
	at, page = w.submit(at, page)
	return w.submit(at, page)
}

// check looks that what is stored is the App's, and that nothing secret was printed.
func (w *initWorld) check(key, secrets []byte) {
	w.Helper()
	id := regexp.MustCompile(`is made: id (\d+)`).FindStringSubmatch(w.printed())
	if id == nil {
		w.Fatalf("no id in what was printed:\n%s", w.printed())
	}
	var number int64
	_, err := fmt.Sscan(id[1], &number)
	w.must(err)
	client, err := github.New(github.Options{BaseURL: w.github + "/api/v3/", AppID: number, PrivateKey: key})
	w.must(err)
	app, err := client.App(w.Context())
	w.must(err)
	if fmt.Sprint(app.Permissions) != fmt.Sprint(github.RequiredPermissions()) || fmt.Sprint(app.Events) != fmt.Sprint(github.RequiredEvents()) {
		w.Errorf("the App has %v, %v", app.Permissions, app.Events)
	}
	hook, err := client.Hook(w.Context())
	w.must(err)
	if hook.URL != "http://127.0.0.1:8080/github/webhook" || !hook.Secret {
		w.Errorf("webhook %+v", hook)
	}
	first, _, _ := strings.Cut(string(secrets), "\n")
	if len(first) < 20 {
		w.Errorf("webhook secret of %d characters", len(first))
	}
	for _, secret := range []string{first, "PRIVATE KEY"} {
		if strings.Contains(w.printed(), secret) {
			w.Error("a secret was printed")
		}
	}
}

func (w *initWorld) latest(secret string) []byte {
	w.Helper()
	content, err := w.store.Latest(w.Context(), "acme-dev", secret)
	w.must(err)
	return content
}

// TestInit goes through `gangway init` as a whole: the App for an organisation, its secrets, the configuration.
func TestInit(t *testing.T) {
	w := newInitWorld(t)
	_, err := w.store.Add(t.Context(), "acme-dev", "gangway-webhook-secrets", []byte("former-secret\n"))
	w.must(err)
	err = w.run(func(address string) {
		if at, page := w.confirm(address); at.Path != "/callback" || !strings.Contains(page, "The App is made") {
			t.Errorf("ended on %s:\n%s", at, page)
		}
	}, "--organization", "acme")
	w.must(err)
	secrets := w.latest("gangway-webhook-secrets")
	w.check(w.latest("gangway-github-app-key"), secrets)
	if !strings.HasSuffix(string(secrets), "\nformer-secret\n") {
		t.Error("the webhook secret that was there is gone")
	}
	for _, want := range []string{
		"Added version 2 to secret gangway-webhook-secrets", "with 2 of the Cloud Run services", "Left to fill in:",
		"/apps/gangway-acme/installations/new", "github_app_id = ", "gangway doctor",
	} {
		if !strings.Contains(w.printed(), want) {
			t.Errorf("%q was not printed", want)
		}
	}
	w.complete()
	before, err := os.ReadFile("gangway.hcl")
	w.must(err)
	w.must(w.run(nil, "--skip-app"))
	if after, err := os.ReadFile("gangway.hcl"); err != nil || !bytes.Equal(before, after) || !strings.Contains(w.printed(), "was left as it is") {
		t.Errorf("the configuration was written again: %v", err)
	}
}

// complete fills in what the written configuration leaves open, as its comments say, and reads it.
func (w *initWorld) complete() {
	w.Helper()
	text, err := os.ReadFile("gangway.hcl")
	w.must(err)
	content := string(text)
	for _, want := range []string{
		`commit_label = "build-commit"`, "gangway pin users", "Its ingress is internal", "gangway-build@acme-dev.iam.gserviceaccount.com",
	} {
		if !strings.Contains(content, want) {
			w.Errorf("no %q in the configuration:\n%s", want, content)
		}
	}
	if strings.Contains(content, "gangway-receive") {
		w.Error("Gangway's own service is in the configuration")
	}
	for _, name := range []string{"repository ", "repository ", "paths ", "openapi "} {
		content = regexp.MustCompile(`(?m)^( *)# (`+name+`.*)$`).ReplaceAllString(content, "$1$2")
	}
	content = strings.ReplaceAll(content, "OWNER/NAME", "acme/shop")
	if _, err := catalog.Parse("gangway.hcl", []byte(content), nil); err != nil {
		w.Errorf("filled in, the configuration is not valid: %v\n%s", err, content)
	}
}

// TestInitIntoFiles keeps the secrets of a user's App in files, without Secret Manager.
func TestInitIntoFiles(t *testing.T) {
	w := newInitWorld(t)
	out := filepath.Join(w.dir, "keys")
	confirm := func(address string) { w.confirm(address) }
	w.must(w.run(confirm, "--out", out, "--repository", "acme/shop", "--name", "My previews"))
	key, err := os.ReadFile(filepath.Join(out, "github-app-key.pem"))
	w.must(err)
	secrets, err := os.ReadFile(filepath.Join(out, "webhook-secrets"))
	w.must(err)
	w.check(key, secrets)
	for _, name := range []string{"github-app-key.pem", "webhook-secrets"} {
		info, err := os.Stat(filepath.Join(out, name))
		w.must(err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s", name, info.Mode())
		}
	}
	if err := w.run(confirm, "--out", out); err == nil || !strings.Contains(err.Error(), "only copy of another App's key") {
		t.Errorf("over a key: %v", err)
	}
	w.must(w.run(confirm, "--out", out, "--force", "--name", "Another name"))
	again, err := os.ReadFile(filepath.Join(out, "webhook-secrets"))
	w.must(err)
	if lines := strings.Fields(string(again)); len(lines) != 2 || lines[1] != strings.TrimSpace(string(secrets)) {
		t.Errorf("%d webhook secrets, want the new one before the other", len(lines))
	}
}

// TestInitFails: what can go wrong before there is an App is told, and nothing is made.
func TestInitFails(t *testing.T) {
	w := newInitWorld(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	defer func() { _ = busy.Close() }()
	_, port, _ := net.SplitHostPort(busy.Addr().String())
	for name, c := range map[string]struct {
		args []string
		act  func(string)
		want string
	}{
		"port in use":     {[]string{"--port", port}, nil, "port " + port + " is in use"},
		"no secret":       {[]string{"--key-secret", "other"}, nil, "nothing was made on GitHub, because the App's secrets could not be kept: project acme-dev has no secret other: apply terraform/platform first"},
		"no organisation": {[]string{"--organization", "nobody", "--timeout", "3s"}, func(a string) { at, page := w.get(a); w.submit(at, page) }, "an owner of nobody has to run this"},
		"nobody confirms": {[]string{"--timeout", "50ms"}, nil, "nobody has confirmed the App within 50ms"},
	} {
		if err := w.run(c.act, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	w.secrets.Deny("secretmanager.versions.add")
	if err := w.run(nil); err == nil || !strings.Contains(err.Error(), "the permission secretmanager.versions.add is missing") {
		t.Errorf("without the permission: %v", err)
	}
	if files, _ := filepath.Glob("gangway*"); len(files) != 0 {
		t.Errorf("files were written: %v", files)
	}
}

// TestInitRescuesSecrets: what can't be stored once there is an App is in files, and the error says how to go on.
func TestInitRescuesSecrets(t *testing.T) {
	w := newInitWorld(t)
	err := w.run(func(address string) {
		w.secrets.Deny("secretmanager.versions.add")
		w.confirm(address)
	})
	for _, want := range []string{"It is in gangway-github-app-key-", "gcloud secrets versions add gangway-github-app-key --project=acme-dev", "gangway-webhook-secret-"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	files := func(pattern string) []byte {
		found, _ := filepath.Glob(pattern)
		if len(found) != 1 {
			t.Fatalf("%s: %v", pattern, found)
		}
		info, err := os.Stat(found[0])
		w.must(err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s", found[0], info.Mode())
		}
		content, err := os.ReadFile(found[0])
		w.must(err)
		return content
	}
	w.check(files("gangway-github-app-key-*.pem"), files("gangway-webhook-secret-*"))
}

// TestInitKeepsForeignSecrets: where the secrets that are there can't be read, the new one doesn't take their place.
func TestInitKeepsForeignSecrets(t *testing.T) {
	w := newInitWorld(t)
	_, err := w.store.Add(t.Context(), "acme-dev", "gangway-webhook-secrets", []byte("former-secret"))
	w.must(err)
	w.secrets.Deny("secretmanager.versions.access")
	err = w.run(func(address string) { w.confirm(address) })
	if err == nil || !strings.Contains(err.Error(), "what it holds must stay") || strings.Contains(err.Error(), "app-key") {
		t.Error(err)
	}
	w.secrets.Deny("")
	if got := string(w.latest("gangway-webhook-secrets")); got != "former-secret" {
		t.Error("the secret was replaced")
	}
}

// TestInitCallback: a callback without the state, without a code or with one that GitHub doesn't know makes no App; a second
// one is not taken.
func TestInitCallback(t *testing.T) {
	w := newInitWorld(t)
	err := w.run(func(address string) {
		base, err := url.Parse(address)
		w.must(err)
		_, page := w.get(address)
		state := regexp.MustCompile(`state=(\w+)`).FindStringSubmatch(page)[1]
		callback := func(query string) string {
			at, err := base.Parse("/callback?" + query)
			w.must(err)
			_, page := w.get(at.String())
			return page
		}
		for query, want := range map[string]string{
			"code=x": "not from here", "state=x&code=x": "not from here", "state=" + state: "no code",
		} {
			if page := callback(query); !strings.Contains(page, want) {
				t.Errorf("%s: %s; want %q", query, page, want)
			}
		}
		if page := callback("code=unknown&state=" + state); !strings.Contains(page, "know the code") {
			t.Error(page)
		}
	})
	if err == nil || !strings.Contains(err.Error(), "delete it at "+w.github+"/settings/apps") {
		t.Error(err)
	}
}

// TestInitLosesAnswers: the exchange is tried again when GitHub could not answer, and a lost answer is told as such.
func TestInitLosesAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		front func(http.Handler, http.ResponseWriter, *http.Request)
		want  string
	}{
		"unavailable once": {func(_ http.Handler, rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }, ""},
		"answer lost": {func(next http.Handler, rw http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(httptest.NewRecorder(), r)
			rw.WriteHeader(http.StatusBadGateway)
		}, "GitHub's answer with its key was lost: delete it at"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newInitWorld(t)
			var once sync.Once
			w.front = func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					failed := false
					if strings.HasSuffix(r.URL.Path, "/conversions") {
						once.Do(func() {
							failed = true
							c.front(next, rw, r)
						})
					}
					if !failed {
						next.ServeHTTP(rw, r)
					}
				})
			}
			err := w.run(func(address string) { w.confirm(address) })
			if c.want == "" {
				w.must(err)
			} else if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

// TestInitInTheBrowser goes the same way in a real browser: its rules for forms, redirects and other origins apply.
func TestInitInTheBrowser(t *testing.T) {
	browser := chromium(t)
	w := newInitWorld(t)
	w.front = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			clicking(rw, r, next, "create")
		})
	}
	err := w.run(func(address string) {
		page, err := url.Parse(address)
		w.must(err)
		// A page that shows ours as it is, but for a finger on the button.
		proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			_, text := w.get(page.String())
			_, _ = io.WriteString(rw, strings.Replace(text, "</body>", click("go")+"</body>", 1))
		}))
		defer proxy.Close()
		if dom := browse(t, browser, proxy.URL); !strings.Contains(dom, "The App is made") {
			t.Errorf("the browser ended on\n%s", dom)
		}
	}, "--organization", "acme")
	w.must(err)
	w.check(w.latest("gangway-github-app-key"), w.latest("gangway-webhook-secrets"))
}

func click(id string) string {
	text, _ := json.Marshal(id)
	return "<script>document.getElementById(" + string(text) + ").click()</script>"
}

// clicking serves what next does, with a finger on the button of that id. Of the page's rules only that against scripts is
// left out.
func clicking(w http.ResponseWriter, r *http.Request, next http.Handler, id string) {
	seen := httptest.NewRecorder()
	next.ServeHTTP(seen, r)
	maps.Copy(w.Header(), seen.Header())
	body := seen.Body.String()
	if strings.Contains(body, `id="`+id+`"`) {
		rules := w.Header().Get("Content-Security-Policy")
		w.Header().Set("Content-Security-Policy", regexp.MustCompile(`script-src [^;]*`).ReplaceAllString(rules, "script-src 'unsafe-inline'"))
		body = strings.Replace(body, "</body>", click(id)+"</body>", 1)
	}
	w.WriteHeader(seen.Code)
	_, _ = io.WriteString(w, body)
}

// chromium is a browser without a window; a test without one is skipped, unless GANGWAY_REQUIRE names chromium.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if strings.Contains(os.Getenv("GANGWAY_REQUIRE"), "chromium") {
		t.Fatal("chromium is required and not in PATH")
	}
	t.Skip("chromium is not in PATH")
	return ""
}

func browse(t *testing.T, browser, address string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", //nolint:gosec // a test
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=8000", "--dump-dom", address).Output()
	if err != nil {
		t.Fatalf("browsing %s: %v", address, err)
	}
	return string(out)
}
