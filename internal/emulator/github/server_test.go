package github_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/github"
)

const secret = "webhook-secret"

// world is an emulated GitHub with one repository and a webhook that records what it gets.
type world struct {
	*github.Server
	t    *testing.T
	url  string
	key  *rsa.PrivateKey
	repo github.Repository
	dir  string

	mu       sync.Mutex
	got      []received
	response int
}

type received struct {
	header http.Header
	body   map[string]any
}

var sharedKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := sharedKey()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, key: key, dir: t.TempDir(), response: http.StatusAccepted}
	hook := httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(hook.Close)
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.ServeHTTP(rw, r) }))
	t.Cleanup(front.Close)
	w.url = front.URL
	w.start(hook.URL)
	w.repo, err = w.CreateRepository(t.Context(), "acme/shop", fstest.MapFS{
		"README.md":               {Data: []byte("# Shop\n")},
		"services/orders/main.go": {Data: []byte("package main\n\nfunc main() {\n\tprintln(\"orders\")\n}\n")},
		"run.sh":                  {Data: []byte("#!/bin/sh\n"), Mode: 0o755},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// start opens the server on the world's folder: again after a stop.
func (w *world) start(hook string) {
	w.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&w.key.PublicKey)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Server, err = github.New(github.Options{
		Dir: w.dir, URL: w.url, AppID: 7, PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		Webhook: github.Webhook{URL: hook, Secret: secret}, Violation: conformance.FailUnlessRefused(w.t),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = w.Close() })
}

func (w *world) receive(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // cut off: the server was closed while it delivered
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	if r.Header.Get("X-Hub-Signature-256") != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
		w.t.Error("a delivery is not signed")
	}
	one := received{header: r.Header}
	if err := json.Unmarshal(body, &one.body); err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, one)
	rw.WriteHeader(w.response)
}

// deliveries waits for what is under way and returns the actions that came, and forgets them.
func (w *world) deliveries() []received {
	w.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.got
	w.got = nil
	return got
}

func (w *world) appToken() string {
	token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
		Issuer: "7", IssuedAt: jwt.NewNumericDate(time.Now().Add(-time.Minute)),
		ExpiresAt: jwt.NewNumericDate(time.Now().Add(5 * time.Minute)),
	}).SignedString(w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// call makes a request and decodes the answer into a value of any kind.
func (w *world) call(token, method, path string, body any) (int, any, http.Header) {
	w.t.Helper()
	var in bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&in).Encode(body); err != nil {
			w.t.Fatal(err)
		}
		if in.String() == "null\n" {
			in.Reset()
		}
	}
	if !strings.HasPrefix(path, "http") {
		path = w.url + path
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, path, &in)
	if err != nil {
		w.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil && !errors.Is(err, io.EOF) {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, out, resp.Header
}

func (w *world) token() string {
	w.t.Helper()
	path := "/api/v3/app/installations/" + strconv.FormatInt(w.repo.Installation, 10) + "/access_tokens"
	status, out, _ := w.call(w.appToken(), "POST", path, nil)
	if status != http.StatusCreated {
		w.t.Fatalf("asking for a token: %d %v", status, out)
	}
	return out.(map[string]any)["token"].(string)
}

func (w *world) open(n github.NewPull) github.Pull {
	w.t.Helper()
	n.Repository = "acme/shop"
	if n.Files == nil {
		n.Files = map[string]string{"services/orders/main.go": "package main\n\nfunc main() {}\n"}
	}
	p, err := w.OpenPull(w.t.Context(), n)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func actions(got []received) []string {
	var list []string
	for _, one := range got {
		list = append(list, one.header.Get("X-GitHub-Event")+" "+one.body["action"].(string))
	}
	return list
}

func TestPullRequestLife(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	do := func(want string, change func() (github.Pull, error)) github.Pull {
		t.Helper()
		p, err := change()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(actions(w.deliveries()), ", "); got != want {
			t.Errorf("deliveries: %q, want %q", got, want)
		}
		return p
	}
	opened := do("pull_request opened", func() (github.Pull, error) { return w.open(github.NewPull{Title: "Orders"}), nil })
	if opened.Number != 1 || opened.State != "open" || opened.BaseSHA != w.repo.HeadSHA {
		t.Fatalf("opened: %+v", opened)
	}
	change := github.Change{Files: map[string]string{"new file \"é\".txt": "x"}, Delete: []string{"README.md"}}
	pushed := do("pull_request synchronize", func() (github.Pull, error) { return w.Push(ctx, "acme/shop", 1, change) })
	if pushed.HeadSHA == opened.HeadSHA {
		t.Error("the head did not move")
	}
	back := do("pull_request synchronize", func() (github.Pull, error) { return w.ForcePush(ctx, "acme/shop", 1, opened.HeadSHA) })
	if back.HeadSHA != opened.HeadSHA {
		t.Error("the head did not move back")
	}
	do("pull_request labeled", func() (github.Pull, error) { return w.SetLabel(ctx, "acme/shop", 1, "preview", true) })
	do("", func() (github.Pull, error) { return w.SetLabel(ctx, "acme/shop", 1, "preview", true) })
	do("pull_request unlabeled", func() (github.Pull, error) { return w.SetLabel(ctx, "acme/shop", 1, "preview", false) })
	do("pull_request converted_to_draft", func() (github.Pull, error) { return w.SetDraft(ctx, "acme/shop", 1, true) })
	do("pull_request ready_for_review", func() (github.Pull, error) { return w.SetDraft(ctx, "acme/shop", 1, false) })
	do("pull_request edited", func() (github.Pull, error) { return w.SetTitle(ctx, "acme/shop", 1, "New") })
	do("pull_request locked", func() (github.Pull, error) { return w.Lock(ctx, "acme/shop", 1, true) })
	do("pull_request closed", func() (github.Pull, error) { return w.ClosePull(ctx, "acme/shop", 1) })
	if _, err := w.Push(ctx, "acme/shop", 1, change); !errors.Is(err, github.ErrInvalid) {
		t.Errorf("pushing to a closed pull request: %v", err)
	}
	do("pull_request reopened", func() (github.Pull, error) { return w.ReopenPull(ctx, "acme/shop", 1) })
	merged := do("pull_request closed", func() (github.Pull, error) { return w.MergePull(ctx, "acme/shop", 1) })
	if !merged.Merged || merged.MergeSHA == "" {
		t.Errorf("merged: %+v", merged)
	}
	if _, err := w.ReopenPull(ctx, "acme/shop", 1); !errors.Is(err, github.ErrInvalid) {
		t.Errorf("reopening a merged pull request: %v", err)
	}
}

func TestPayload(t *testing.T) {
	w := newWorld(t)
	p := w.open(github.NewPull{Title: "Orders", Author: "renovate[bot]", Draft: true, Labels: []string{"deps"}})
	for _, one := range w.deliveries() {
		if one.body["action"] != "opened" {
			continue
		}
		pr := one.body["pull_request"].(map[string]any)
		head := pr["head"].(map[string]any)
		if head["sha"] != p.HeadSHA || pr["draft"] != true || pr["changed_files"] != 1.0 || pr["merged"] != false ||
			pr["user"].(map[string]any)["type"] != "Bot" {
			t.Errorf("pull request in the payload: %v", pr)
		}
		if int64(one.body["installation"].(map[string]any)["id"].(float64)) != w.repo.Installation {
			t.Error("the installation is wrong")
		}
		for _, name := range []string{"X-Github-Delivery", "X-Github-Hook-Id", "X-Github-Event"} {
			if one.header.Get(name) == "" {
				t.Errorf("no header %s", name)
			}
		}
		return
	}
	t.Error("nothing was delivered")
}

func TestGit(t *testing.T) {
	w := newWorld(t)
	p := w.open(github.NewPull{Fork: true, Author: "mallory"})
	dir := filepath.Join(t.TempDir(), "clone")
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	git("clone", "--quiet", w.repo.CloneURL, dir)
	if info, err := os.Stat(filepath.Join(dir, "run.sh")); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("run.sh is not executable: %v", err)
	}
	// What a build does: fetch one commit by its SHA, with both versions of the protocol.
	for _, version := range []string{"0", "2"} {
		git("-C", dir, "-c", "protocol.version="+version, "fetch", "--quiet", "--depth=1", "origin", p.HeadSHA)
	}
	if refs := git("-C", dir, "ls-remote", "origin"); !strings.Contains(refs, p.HeadSHA+"\trefs/pull/1/head") {
		t.Errorf("refs: %s", refs)
	}
	cmd := exec.CommandContext(t.Context(), "git", "-C", dir, "push", "origin", "HEAD:refs/heads/x")
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0")
	if err := cmd.Run(); err == nil {
		t.Error("a push over git was taken")
	}
}

func TestAuthentication(t *testing.T) {
	w := newWorld(t)
	token := w.token()
	other, err := w.CreateRepository(t.Context(), "other/repo", fstest.MapFS{"a": {Data: []byte("a")}})
	if err != nil || other.Installation == w.repo.Installation {
		t.Fatal(err, other)
	}
	sign := func(c jwt.RegisteredClaims) string {
		text, err := jwt.NewWithClaims(jwt.SigningMethodRS256, c).SignedString(w.key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	at := func(d time.Duration) *jwt.NumericDate { return jwt.NewNumericDate(time.Now().Add(d)) }
	for _, test := range []struct {
		name, token, path string
		want              int
	}{
		{"token", token, "/api/v3/repos/acme/shop", 200},
		{"without the prefix", token, "/repos/acme/shop", 200},
		{"case of the name", token, "/repos/Acme/SHOP", 200},
		{"nobody", "", "/api/v3/repos/acme/shop", 401},
		{"wrong token", "ghs_wrong", "/api/v3/repos/acme/shop", 401},
		{"another installation's repository", token, "/api/v3/repos/other/repo", 404},
		{"unknown", token, "/api/v3/repos/acme/none", 404},
		{"unknown path", token, "/api/v3/repos/acme/shop/none", 404},
		{"App", w.appToken(), "/api/v3/app", 200},
		{"App reading a repository", w.appToken(), "/api/v3/repos/acme/shop", 404},
		{"token for the App's own", token, "/api/v3/app", 401},
		{"issuer", sign(jwt.RegisteredClaims{Issuer: "8", IssuedAt: at(-time.Minute), ExpiresAt: at(time.Minute)}), "/api/v3/app", 401},
		{"expired", sign(jwt.RegisteredClaims{Issuer: "7", IssuedAt: at(-time.Hour), ExpiresAt: at(-time.Minute)}), "/api/v3/app", 401},
		{"too long", sign(jwt.RegisteredClaims{Issuer: "7", IssuedAt: at(-time.Minute), ExpiresAt: at(time.Hour)}), "/api/v3/app", 401},
		{"future", sign(jwt.RegisteredClaims{Issuer: "7", IssuedAt: at(time.Hour), ExpiresAt: at(5 * time.Minute)}), "/api/v3/app", 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, out, _ := w.call(test.token, "GET", test.path, nil)
			if status != test.want {
				t.Errorf("status %d, want %d: %v", status, test.want, out)
			}
			if body, _ := out.(map[string]any); status >= 400 && (body["message"] == nil || body["documentation_url"] == nil) {
				t.Errorf("not GitHub's shape of an error: %v", out)
			}
		})
	}
	if err := w.RevokeTokens(); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := w.call(token, "GET", "/repos/acme/shop", nil); status != 401 {
		t.Errorf("revoked token: %d", status)
	}
}

func TestDeliveriesAndRestart(t *testing.T) {
	w := newWorld(t)
	w.response = http.StatusServiceUnavailable
	w.open(github.NewPull{})
	first := w.deliveries()
	list := func() []any {
		_, out, _ := w.call(w.appToken(), "GET", "/api/v3/app/hook/deliveries", nil)
		return out.([]any)
	}
	failed := list()[0].(map[string]any)
	if failed["status_code"] != 503.0 || failed["status"] == "OK" || failed["event"] != "pull_request" {
		t.Fatalf("delivery: %v", failed)
	}
	if err := w.Close(); err != nil { // as after a kill: everything that counts is on disk
		t.Fatal(err)
	}
	w.start("")
	hook := httptest.NewServer(http.HandlerFunc(w.receive))
	defer hook.Close()
	w.SetWebhook(github.Webhook{URL: hook.URL, Secret: secret})
	w.response = http.StatusAccepted
	path := "/api/v3/app/hook/deliveries/" + strconv.FormatInt(int64(failed["id"].(float64)), 10)
	if status, _, _ := w.call(w.appToken(), "POST", path+"/attempts", nil); status != http.StatusAccepted {
		t.Fatalf("status %d", status)
	}
	again := w.deliveries()
	if len(again) != 1 || again[0].header.Get("X-Github-Delivery") != first[0].header.Get("X-Github-Delivery") {
		t.Fatalf("redelivered: %v", actions(again))
	}
	if latest := list()[0].(map[string]any); latest["status"] != "OK" || latest["redelivery"] != true {
		t.Errorf("delivery: %v", latest)
	}
	_, out, _ := w.call(w.appToken(), "GET", path, nil)
	if request := out.(map[string]any)["request"].(map[string]any); request["payload"].(map[string]any)["action"] != "opened" {
		t.Errorf("request: %v", request)
	}
	if _, err := w.Push(context.WithoutCancel(t.Context()), "acme/shop", 1, github.Change{Files: map[string]string{"x": "y"}}); err != nil {
		t.Error(err)
	}
	if got := strings.Join(actions(w.deliveries()), ", "); got != "pull_request synchronize" {
		t.Errorf("deliveries after the push: %s", got)
	}
}
