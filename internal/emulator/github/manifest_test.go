package github_test

import (
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A manifest that asks for little.
func manifestOf(change func(map[string]any)) string {
	m := map[string]any{
		"name": "Shop Previews", "url": "https://example.com", "redirect_url": "http://127.0.0.1:1/back",
		"hook_attributes": map[string]any{"url": "https://hook.example.com/github/webhook"}, "public": false,
		"default_permissions": map[string]any{"contents": "read", "pull_requests": "write"},
		"default_events":      []string{"pull_request"},
	}
	change(m)
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// post fills in a form of the pages and returns the answer without following it.
func (w *world) post(path string, form url.Values) (int, string, http.Header) {
	w.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.PostForm(w.url+path, form)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

var (
	hidden = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)
	action = regexp.MustCompile(`<form class="block" method="post" action="([^"]*)">`)
)

// confirm presses the button on the page that a manifest leads to.
func (w *world) confirm(page string) (int, string, http.Header) {
	w.t.Helper()
	form := url.Values{"name": {"Shop Previews"}}
	for _, found := range hidden.FindAllStringSubmatch(page, -1) {
		form.Set(found[1], html.UnescapeString(found[2]))
	}
	to := action.FindStringSubmatch(page)
	if to == nil {
		w.t.Fatalf("no form on the page:\n%s", page)
	}
	return w.post(to[1], form)
}

// TestAppFromManifest makes an App and uses what its code is exchanged for.
func TestAppFromManifest(t *testing.T) {
	w := newWorld(t)
	status, page, _ := w.post("/organizations/acme/settings/apps/new?state=s%26t", url.Values{"manifest": {manifestOf(func(map[string]any) {})}})
	if status != http.StatusOK || !strings.Contains(page, "Create GitHub App for acme") {
		t.Fatal(status, page)
	}
	status, page, header := w.confirm(page)
	if status != http.StatusFound {
		t.Fatal(status, page)
	}
	back, err := url.Parse(header.Get("Location"))
	if err != nil || back.Host != "127.0.0.1:1" || back.Path != "/back" || back.Query().Get("state") != "s&t" {
		t.Fatalf("sent back to %s: %v", back, err)
	}
	path := "/app-manifests/" + back.Query().Get("code") + "/conversions"
	status, made, _ := w.call("", "POST", path, nil)
	app, _ := made.(map[string]any)
	if status != http.StatusCreated || app["slug"] != "shop-previews" || app["name"] != "Shop Previews" {
		t.Fatal(status, made)
	}
	if got := slices.Sorted(maps.Keys(app["permissions"].(map[string]any))); !slices.Equal(got, []string{"contents", "metadata", "pull_requests"}) {
		t.Errorf("permissions %v", got)
	}
	if status, again, _ := w.call("", "POST", path, nil); status != http.StatusNotFound {
		t.Errorf("exchanged twice: %d %v", status, again)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(app["pem"].(string)))
	if err != nil {
		t.Fatal(err)
	}
	id := strconv.FormatInt(int64(app["id"].(float64)), 10)
	token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
		Issuer: id, IssuedAt: jwt.NewNumericDate(time.Now().Add(-time.Minute)), ExpiresAt: jwt.NewNumericDate(time.Now().Add(5 * time.Minute)),
	}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	if status, got, _ := w.call(token, "GET", "/app", nil); status != http.StatusOK || got.(map[string]any)["slug"] != "shop-previews" {
		t.Errorf("GET /app as the made App: %d %v", status, got)
	}
	status, hook, _ := w.call(token, "GET", "/app/hook/config", nil)
	if status != http.StatusOK || hook.(map[string]any)["url"] != "https://hook.example.com/github/webhook" {
		t.Errorf("webhook: %d %v", status, hook)
	}
	for path, want := range map[string]int{"/apps/shop-previews/installations/new": http.StatusOK, "/apps/other": http.StatusNotFound} {
		resp, err := http.Get(w.url + path)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	if status, got, _ := w.call(w.appToken(), "GET", "/app", nil); status != http.StatusOK || got.(map[string]any)["slug"] != "gangway" {
		t.Errorf("GET /app as the first App: %d %v", status, got)
	}
}

// TestManifestIsRefused: what GitHub's page refuses makes no App.
func TestManifestIsRefused(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		path   string
		change func(map[string]any)
		status int
		want   string
	}{
		"no such organisation": {"/organizations/nobody/settings/apps/new", func(map[string]any) {}, 404, ""},
		"a user":               {"/organizations/octocat/settings/apps/new", func(map[string]any) {}, 404, ""},
		"no URL":               {"/settings/apps/new", func(m map[string]any) { delete(m, "url") }, 422, "url wasn"},
		"no way back":          {"/settings/apps/new", func(m map[string]any) { m["redirect_url"] = "back" }, 422, "redirect_url"},
		"long name":            {"/settings/apps/new", func(m map[string]any) { m["name"] = strings.Repeat("x", 35) }, 422, "too long"},
		"webhook":              {"/settings/apps/new", func(m map[string]any) { m["hook_attributes"] = map[string]any{"url": "x"} }, 422, "hook_attributes"},
		"level":                {"/settings/apps/new", func(m map[string]any) { m["default_permissions"] = map[string]any{"contents": "all"} }, 422, "contents"},
		"event":                {"/settings/apps/new", func(m map[string]any) { m["default_events"] = []string{"check_run"} }, 422, "check_run needs"},
	} {
		status, page, _ := w.post(c.path, url.Values{"manifest": {manifestOf(c.change)}})
		if status != c.status || !strings.Contains(page, c.want) {
			t.Errorf("%s: %d %s; want %d, %q", name, status, page, c.status, c.want)
		}
	}
	if status, _, _ := w.call("", "POST", "/app-manifests/none/conversions", nil); status != http.StatusNotFound {
		t.Errorf("an unknown code: %d", status)
	}
}
