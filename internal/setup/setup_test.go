package setup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/preview"
)

// TestStarter holds a configuration to testdata; UPDATE=1 writes it.
func TestStarter(t *testing.T) {
	s := Starter{
		Installation: "acme", Project: "acme-dev", Region: "europe-west1", Environment: "development", Gateway: "shop",
		Services: []Found{
			{Name: "orders", Ingress: "all", Live: map[string]string{"commit-sha": strings.Repeat("ab", 20)}},
			{Name: "users", Ingress: "internal", Follows: true, Live: map[string]string{"z": strings.Repeat("cd", 20), "gangway-commit": strings.Repeat("cd", 20)}},
			{Name: strings.Repeat("x", 38), Ingress: "all"},
			{Name: "catalog", Ingress: "all", Live: map[string]string{}},
		},
	}
	got, err := s.Render()
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/gangway.hcl"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got; UPDATE=1 rewrites):\n%s", diff)
	}
}

// TestStarterIsComplete: with one repository only paths and documents are left, and the reader says just that.
func TestStarterIsComplete(t *testing.T) {
	for name, c := range map[string]struct {
		services []Found
		want     []string
	}{
		"one service": {[]Found{{Name: "orders"}}, []string{`Missing "paths"`, `Missing "openapi"`}},
		"none":        {nil, []string{`No service in gateway "api"`}},
	} {
		s := Starter{
			Installation: "acme", Project: "acme-dev", Region: "europe-west1", Environment: "development", Gateway: "api",
			Repository: "acme/shop", Services: c.services,
		}
		path := filepath.Join(t.TempDir(), "gangway.hcl")
		left, err := s.WriteStarter(path, false)
		if err != nil || left == nil {
			t.Fatalf("%s: %v, %v", name, left, err)
		}
		var got []string
		for _, d := range left.Diagnostics {
			got = append(got, d.Summary)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if _, err := s.WriteStarter(path, false); !errors.Is(err, ErrExists) {
			t.Errorf("%s: written over: %v", name, err)
		}
		if _, err := s.WriteStarter(path, true); err != nil {
			t.Errorf("%s: with force: %v", name, err)
		}
	}
}

// TestStarterIsNoCode: whatever a name holds, it is a text of HCL and nothing more.
func TestStarterIsNoCode(t *testing.T) {
	hostile := "a\" }\n${file(\"/etc/passwd\")} # \\"
	s := Starter{
		Installation: hostile, Project: hostile, Region: hostile, Environment: hostile, Gateway: hostile, Repository: hostile,
		Services: []Found{{Name: hostile, Follows: true, Ingress: hostile, Live: map[string]string{"x\ny": strings.Repeat("ab", 20)}}},
	}
	text, err := s.Render()
	if err != nil {
		t.Fatal(err)
	}
	_, err = catalog.Parse("gangway.hcl", text, nil)
	wrong, ok := errors.AsType[*catalog.Error](err)
	if !ok {
		t.Fatal(err)
	}
	for _, d := range wrong.Diagnostics {
		if strings.Contains(d.Summary, "Not a literal") || strings.Contains(d.Summary, "Unsupported") || strings.Contains(d.Summary, "Invalid expression") {
			t.Errorf("%s: %s", d.Summary, d.Detail)
		}
	}
}

// vault is a Secret Manager that takes nothing.
type vault struct{ err error }

func (v vault) CanAdd(context.Context, string, string) error { return nil }
func (v vault) Latest(context.Context, string, string) ([]byte, error) {
	return nil, preview.ErrNotFound
}
func (v vault) Add(context.Context, string, string, []byte) (string, error) { return "", v.err }

// TestKeepNowhere: where not even a file can be written, the error says how to get another key, and holds none.
func TestKeepNowhere(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "gangway-github-app-key-7.pem")
	if err := os.WriteFile(taken, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	app := App{ID: 7, Key: "the-private-key", WebhookSecret: "the-secret"}
	place := Place{Project: "p", KeySecret: "k", WebhookSecret: "w", Secrets: vault{errors.New("quota exceeded")}, Rescue: dir}
	var out bytes.Buffer
	err := place.Keep(t.Context(), app, &out)
	for _, want := range []string{"quota exceeded", "no file could be written", "generate a private key", "gangway-webhook-secret-7"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	if strings.Contains(err.Error()+out.String(), "the-") {
		t.Error("a secret is told")
	}
	if content, err := os.ReadFile(taken); err != nil || string(content) != "another" {
		t.Errorf("the file that was there: %q, %v", content, err)
	}
	if content, err := os.ReadFile(filepath.Join(dir, "gangway-webhook-secret-7")); err != nil || string(content) != "the-secret\n" {
		t.Errorf("the webhook's secret: %v", err)
	}
}

// TestKeepAfterStop: whoever stops the command once there is an App does not lose its key.
func TestKeepAfterStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	err := Place{KeySecret: "k", WebhookSecret: "w", Secrets: live{}, Rescue: dir}.Keep(ctx, App{ID: 7, Key: "key", WebhookSecret: "s"}, io.Discard)
	if err != nil {
		t.Error(err)
	}
}

// live takes everything while the context is not done.
type live struct{ vault }

func (live) Add(ctx context.Context, _, _ string, _ []byte) (string, error) { return "1", ctx.Err() }

func TestInFront(t *testing.T) {
	for _, c := range []struct{ list, want string }{
		{"", "new\n"}, {"old", "new\nold\n"}, {" a \r\n\nb\n", "new\na\nb\n"}, {"a\nnew\n", "new\na\n"},
	} {
		if got := inFront("new", c.list); got != c.want {
			t.Errorf("inFront(new, %q) = %q, want %q", c.list, got, c.want)
		}
	}
}

// started runs MakeApp and returns the address of its page.
func started(t *testing.T, ctx context.Context, r Request) (string, <-chan result) { //nolint:revive // the context is the run's
	t.Helper()
	address := make(chan string, 1)
	r.Open = func(a string) error {
		address <- a
		return nil
	}
	r.Out, r.GitHub, r.Pause = io.Discard, "https://github.example", time.Millisecond
	r.Manifest = func(redirect string) ([]byte, error) { return []byte(`{"redirect_url":"` + redirect + `"}`), nil }
	done := make(chan result, 1)
	go func() {
		app, err := MakeApp(ctx, r)
		done <- result{app, err}
	}()
	return <-address, done
}

func get(t *testing.T, address, host string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		request.Host = host
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

var stateOf = regexp.MustCompile(`state=(\w+)`)

// TestPageIsOurs: only who knows the address, under the host that was printed, sees the state.
func TestPageIsOurs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address, done := started(t, ctx, Request{Timeout: time.Minute, Organization: "acme"})
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if status, page := get(t, address, ""); status != http.StatusOK || !strings.Contains(page, `action="https://github.example/organizations/acme/settings/apps/new?state=`) {
		t.Errorf("the page: %d %s", status, page)
	}
	for what, c := range map[string]struct{ path, host string }{
		"another path": {"/", ""}, "another host": {base.Path, "rebound.example"},
	} {
		if status, page := get(t, "http://"+base.Host+c.path, c.host); status == http.StatusOK || stateOf.MatchString(page) {
			t.Errorf("%s: %d %s", what, status, page)
		}
	}
	cancel()
	if r := <-done; r.err == nil || !strings.Contains(r.err.Error(), "delete it at https://github.example/organizations/acme/settings/apps and begin again") {
		t.Errorf("stopped: %v", r.err)
	}
}

// TestStopWhileExchanging: what GitHub tells once is waited for, however it was stopped meanwhile; a second code isn't taken.
func TestStopWhileExchanging(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun, release := make(chan struct{}), make(chan struct{})
	address, done := started(t, ctx, Request{Timeout: time.Minute, Exchange: func(ctx context.Context, code string) (App, error) {
		close(begun)
		<-release
		return App{ID: 7, Name: code}, ctx.Err()
	}})
	_, page := get(t, address, "")
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	callback := "http://" + base.Host + "/callback?code=abc&state=" + stateOf.FindStringSubmatch(page)[1]
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, callback, nil)
		if err != nil {
			return
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			_ = answer.Body.Close()
		}
	}()
	<-begun
	if status, page := get(t, callback, ""); status != http.StatusConflict {
		t.Errorf("a second code: %d %s", status, page)
	}
	cancel()
	close(release)
	if r := <-done; r.err != nil || r.app.ID != 7 || r.app.Name != "abc" {
		t.Errorf("%+v, %v", r.app, r.err)
	}
	<-answered
}

// TestHostileError: what GitHub says is text on the page.
func TestHostileError(t *testing.T) {
	f := flow{}
	w := httptest.NewRecorder()
	f.tell(w, http.StatusBadGateway, "That did not work", "<script>alert(1)</script>")
	if strings.Contains(w.Body.String(), "<script>") {
		t.Error(w.Body)
	}
}
