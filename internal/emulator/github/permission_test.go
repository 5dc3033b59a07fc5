package github_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gangway-dev/gangway/internal/emulator/github"
)

// scoped asks for a token with these permissions for these repositories.
func (w *world) scoped(body map[string]any) (int, map[string]any) {
	w.t.Helper()
	path := "/api/v3/app/installations/" + strconv.FormatInt(w.repo.Installation, 10) + "/access_tokens"
	status, out, _ := w.call(w.appToken(), "POST", path, body)
	answer, _ := out.(map[string]any)
	return status, answer
}

func TestTokenIsScoped(t *testing.T) {
	w := newWorld(t)
	p := w.open(github.NewPull{})
	other, err := w.CreateRepository(t.Context(), "acme/other", fstest.MapFS{"a": {Data: []byte("a")}})
	if err != nil {
		t.Fatal(err)
	}
	one := []int64{w.repo.ID}
	token := func(permissions map[string]string) string {
		t.Helper()
		status, out := w.scoped(map[string]any{"repository_ids": one, "permissions": permissions})
		if status != http.StatusCreated || out["repository_selection"] != "selected" ||
			dig(out, "repositories", 0, "full_name") != "acme/shop" || dig(out, "permissions", "metadata") != "read" {
			t.Fatalf("%d %v", status, out)
		}
		return out["token"].(string)
	}
	const repo = "/repos/acme/shop"
	reader := token(map[string]string{"contents": "read", "pull_requests": "read", "checks": "read"})
	writer := token(map[string]string{"pull_requests": "write"})
	for _, test := range []struct {
		name, token, method, path string
		body                      map[string]any
		want                      int
	}{
		{"metadata", writer, "GET", repo, nil, 200},
		{"by id", writer, "GET", "/repositories/" + strconv.FormatInt(w.repo.ID, 10), nil, 200},
		{"below the id", reader, "GET", "/repositories/" + strconv.FormatInt(w.repo.ID, 10) + "/pulls/1", nil, 200},
		{"read what may be read", reader, "GET", repo + "/contents/README.md", nil, 200},
		{"read what may not be read", writer, "GET", repo + "/contents/README.md", nil, 403},
		{"read with the right to write", writer, "GET", repo + "/pulls/1", nil, 200},
		{"issues by the right on pull requests", reader, "GET", repo + "/issues/1/comments", nil, 200},
		{"write with the right to read", reader, "POST", repo + "/issues/1/comments", map[string]any{"body": "x"}, 403},
		{"write", writer, "POST", repo + "/issues/1/comments", map[string]any{"body": "x"}, 201},
		{"write something else", writer, "POST", repo + "/deployments", map[string]any{"ref": p.HeadSHA}, 403},
		{"check runs of a commit", reader, "GET", repo + "/commits/" + p.HeadSHA + "/check-runs", nil, 200},
		{"check runs of a commit without the right", writer, "GET", repo + "/commits/" + p.HeadSHA + "/check-runs", nil, 403},
		{"another repository", reader, "GET", "/repos/" + other.FullName, nil, 404},
		{"another repository by id", reader, "GET", "/repositories/" + strconv.FormatInt(other.ID, 10) + "/pulls", nil, 404},
		{"permission of a user", reader, "GET", repo + "/collaborators/octocat/permission", nil, 200},
		{"permission of nobody", reader, "GET", repo + "/collaborators/nobody/permission", nil, 404},
	} {
		if status, out, _ := w.call(test.token, test.method, test.path, test.body); status != test.want {
			t.Errorf("%s: %d, want %d: %v", test.name, status, test.want, out)
		}
	}
	for name, body := range map[string]map[string]any{
		"unknown repository":           {"repository_ids": []int64{5}},
		"unknown repository's name":    {"repositories": []string{"none"}},
		"permission that it has not":   {"permissions": map[string]string{"members": "read"}},
		"write where it has only read": {"permissions": map[string]string{"contents": "write"}},
		"unknown level":                {"permissions": map[string]string{"checks": "admin"}},
	} {
		if status, out := w.scoped(body); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %v", name, status, out)
		}
	}
}

func TestRedirects(t *testing.T) {
	w := newWorld(t)
	w.open(github.NewPull{})
	token := w.token()
	if err := w.RenameRepository(t.Context(), "acme/shop", "store"); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	location := func(method, path, as string) (int, string) {
		body := io.Reader(http.NoBody)
		if method != "GET" {
			body = strings.NewReader(`{"body":"x"}`)
		}
		req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+as)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Location")
	}
	byID := w.url + "/api/v3/repositories/" + strconv.FormatInt(w.repo.ID, 10)
	const comments = "/repos/acme/shop/issues/1/comments"
	if status, to := location("GET", comments+"?per_page=5", token); status != 301 || to != byID+"/issues/1/comments?per_page=5" {
		t.Errorf("GET: %d %s", status, to)
	}
	if status, to := location("POST", comments, token); status != 307 || to != byID+"/issues/1/comments" {
		t.Errorf("POST: %d %s", status, to)
	}
	if status, to := location("GET", "/repos/acme/shop/installation", w.appToken()); status != 301 || to != byID+"/installation" {
		t.Errorf("as the App: %d %s", status, to)
	}
	if status, _, _ := w.call(token, "POST", byID+"/issues/1/comments", map[string]any{"body": "x"}); status != 201 {
		t.Errorf("where it leads to: %d", status)
	}
	if _, err := w.CreateRepository(t.Context(), "acme/shop", fstest.MapFS{"a": {Data: []byte("a")}}); err != nil {
		t.Fatal(err)
	}
	if status, to := location("GET", comments, token); status != 404 || to != "" {
		t.Errorf("a new repository of the former name: %d %s", status, to)
	}
	if err := w.TransferRepository(t.Context(), "acme/store", "elsewhere", false); err != nil {
		t.Fatal(err)
	}
	if status, to := location("GET", "/repos/acme/store", token); status != 404 || to != "" {
		t.Errorf("transferred to where the App is not: %d %s", status, to)
	}
	if status, _, _ := w.call(w.appToken(), "GET", byID+"/installation", nil); status != 404 {
		t.Errorf("its installation: %d", status)
	}
}

// An answer of 304 costs nothing, and more writes than GitHub takes in a minute are refused.
func TestQuota(t *testing.T) {
	w := newWorld(t)
	w.open(github.NewPull{})
	token := w.token()
	left := func(tag string) (string, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", w.url+"/repos/acme/shop/pulls/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("If-None-Match", tag)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.Header.Get("X-Ratelimit-Remaining"), resp.Header.Get("Etag")
	}
	before, tag := left("")
	if after, _ := left(tag); after != before {
		t.Errorf("%s left, then %s", before, after)
	}
	if after, _ := left("x"); after == before {
		t.Errorf("%s left, then %s", before, after)
	}
}

// The events say who set a label last, and only who may can set one.
func TestLabelEvents(t *testing.T) {
	w := newWorld(t)
	w.open(github.NewPull{Author: "stranger", Fork: true})
	for user, role := range map[string]string{"tina": "triage", "max": "maintain"} {
		if err := w.SetRole("acme/shop", user, role); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Label(t.Context(), "acme/shop", 1, github.Labeling{User: "stranger", Name: "ok", On: true}); err == nil {
		t.Error("the author of a fork set a label")
	}
	for _, step := range []struct {
		user string
		on   bool
	}{{"max", true}, {"max", false}, {"tina", true}} {
		if _, err := w.Label(t.Context(), "acme/shop", 1, github.Labeling{User: step.user, Name: "ok", On: step.on}); err != nil {
			t.Fatal(err)
		}
	}
	token := w.token()
	_, out, _ := w.call(token, "GET", "/repos/acme/shop/issues/1/events", nil)
	var got []string
	for _, e := range out.([]any) {
		got = append(got, dig(e, "event").(string)+" "+dig(e, "label", "name").(string)+" "+dig(e, "actor", "login").(string))
	}
	if strings.Join(got, ", ") != "labeled ok max, unlabeled ok max, labeled ok tina" {
		t.Errorf("events: %q", got)
	}
	for user, want := range map[string]string{"tina": "read triage", "max": "write maintain", "octocat": "write write", "stranger": "read read"} {
		w.SetLabel(t.Context(), "acme/shop", 1, "x", true) //nolint:errcheck // makes octocat known
		_, out, _ := w.call(token, "GET", "/repos/acme/shop/collaborators/"+user+"/permission", nil)
		if got := dig(out, "permission").(string) + " " + dig(out, "role_name").(string); got != want {
			t.Errorf("%s: %s, want %s", user, got, want)
		}
	}
}
