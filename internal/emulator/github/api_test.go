package github_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/github"
)

// digs reads a value of decoded JSON by keys and indexes.
func dig(v any, path ...any) any {
	for _, step := range path {
		switch at := step.(type) {
		case string:
			object, _ := v.(map[string]any)
			v = object[at]
		case int:
			list, _ := v.([]any)
			if at >= len(list) {
				return nil
			}
			v = list[at]
		}
	}
	return v
}

func TestPagesOfLists(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.open(github.NewPull{})
	}
	token := w.token()
	var numbers []any
	path, pages := "/api/v3/repos/acme/shop/pulls?per_page=2&state=open", 0
	for path != "" {
		status, out, header := w.call(token, "GET", path, nil)
		if status != 200 {
			t.Fatal(status, out)
		}
		for _, p := range out.([]any) {
			numbers = append(numbers, dig(p, "number"))
		}
		pages++
		path = ""
		for link := range strings.SplitSeq(header.Get("Link"), ", ") {
			if target, rel, _ := strings.Cut(link, ">; "); rel == `rel="next"` {
				path = strings.TrimPrefix(target, "<")
			}
		}
	}
	if fmt.Sprint(numbers) != "[5 4 3 2 1]" || pages != 3 {
		t.Errorf("numbers %v on %d pages", numbers, pages)
	}
}

func TestETag(t *testing.T) {
	w := newWorld(t)
	token := w.token()
	get := func(tag string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", w.url+"/api/v3/repos/acme/shop/pulls", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "token "+token)
		req.Header.Set("If-None-Match", tag)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Etag")
	}
	status, tag := get("")
	if status != 200 || tag == "" {
		t.Fatal(status, tag)
	}
	if status, _ = get(tag); status != 304 {
		t.Errorf("unchanged: %d", status)
	}
	w.open(github.NewPull{})
	if status, _ = get(tag); status != 200 {
		t.Errorf("changed: %d", status)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	p := w.open(github.NewPull{})
	token := w.token()
	const repo = "/api/v3/repos/acme/shop"
	long := strings.Repeat("x", 141)
	many := make([]map[string]any, 51)
	for i := range many {
		many[i] = map[string]any{"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}
	}
	type body = map[string]any
	for name, test := range map[string]struct {
		method, path string
		body         any
		want         int
	}{
		"blank comment":         {"POST", "/issues/1/comments", body{"body": " "}, 422},
		"comment on nothing":    {"POST", "/issues/99/comments", body{"body": "x"}, 404},
		"not JSON":              {"POST", "/issues/1/comments", "x", 400},
		"unknown comment":       {"PATCH", "/issues/comments/1", body{"body": "x"}, 404},
		"deployment of nothing": {"POST", "/deployments", body{"ref": "none"}, 422},
		"long description":      {"POST", "/deployments", body{"ref": "main", "description": long}, 422},
		"unknown deployment":    {"POST", "/deployments/1/statuses", body{"state": "success"}, 404},
		"unknown state":         {"POST", "/deployments/1/statuses", body{"state": "fine"}, 422},
		"completed without end": {"POST", "/check-runs", body{"name": "n", "head_sha": p.HeadSHA, "status": "completed"}, 422},
		"51 annotations": {"POST", "/check-runs", body{
			"name": "n", "head_sha": p.HeadSHA, "output": body{"title": "t", "summary": "s", "annotations": many},
		}, 422},
		"unknown label":  {"DELETE", "/issues/1/labels/none", nil, 404},
		"unknown commit": {"GET", "/commits/none", nil, 422},
		"option as ref":  {"GET", "/contents/README.md?ref=--help", nil, 404},
		"unknown method": {"PUT", "/pulls/1", nil, 404},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, _ := w.call(token, test.method, repo+test.path, test.body)
			if status != test.want || dig(out, "message") == nil {
				t.Errorf("status %d, want %d: %v", status, test.want, out)
			}
		})
	}
}

func TestAutoInactive(t *testing.T) {
	w := newWorld(t)
	token := w.token()
	const repo = "/api/v3/repos/acme/shop/deployments"
	create := func(transient bool) string {
		_, out, _ := w.call(token, "POST", repo, map[string]any{
			"ref": "main", "environment": "preview", "transient_environment": transient,
		})
		return fmt.Sprintf("%s/%.0f/statuses", repo, dig(out, "id"))
	}
	succeed := func(path string, auto bool) {
		if status, out, _ := w.call(token, "POST", path, map[string]any{"state": "success", "auto_inactive": auto}); status != 201 {
			t.Fatal(status, out)
		}
	}
	latest := func(path string) any {
		_, out, _ := w.call(token, "GET", path, nil)
		return dig(out, 0, "state")
	}
	plain, transient := create(false), create(true)
	succeed(plain, true)
	succeed(transient, false)
	if latest(plain) != "success" {
		t.Error("auto_inactive false made another deployment inactive")
	}
	succeed(create(false), true)
	if latest(plain) != "inactive" || latest(transient) != "success" {
		t.Errorf("plain is %v, transient is %v", latest(plain), latest(transient))
	}
}

func TestRateLimit(t *testing.T) {
	w := newWorld(t)
	token := w.token()
	_, _, header := w.call(token, "GET", "/repos/acme/shop", nil)
	_, _, later := w.call(token, "GET", "/repos/acme/shop", nil)
	if header.Get("X-Ratelimit-Limit") != "15000" || header.Get("X-Ratelimit-Remaining") != "14999" ||
		later.Get("X-Ratelimit-Remaining") != "14998" || later.Get("X-Ratelimit-Reset") == "" {
		t.Errorf("headers: %v", header)
	}
}

func TestCompareAndCommit(t *testing.T) {
	w := newWorld(t)
	p := w.open(github.NewPull{})
	token := w.token()
	_, out, _ := w.call(token, "GET", "/repos/acme/shop/compare/main..."+p.HeadSHA, nil)
	if dig(out, "status") != "ahead" || dig(out, "ahead_by") != 1.0 || dig(out, "files", 0, "filename") != "services/orders/main.go" ||
		!strings.HasPrefix(dig(out, "files", 0, "patch").(string), "@@ ") {
		t.Errorf("comparison: %v", out)
	}
	_, out, _ = w.call(token, "GET", "/repos/acme/shop/commits/"+p.HeadRef, nil)
	if dig(out, "sha") != p.HeadSHA || dig(out, "parents", 0, "sha") != p.BaseSHA {
		t.Errorf("commit: %v", out)
	}
	_, out, _ = w.call(token, "GET", "/repos/acme/shop/branches/main", nil)
	if dig(out, "commit", "sha") != w.repo.HeadSHA {
		t.Errorf("branch: %v", out)
	}
}

func TestAdmin(t *testing.T) {
	w := newWorld(t)
	const repo = "/emulator/repos/acme/shop/pulls"
	status, out, _ := w.call("", "POST", repo, map[string]any{"title": "T", "files": map[string]string{"a": "b"}})
	if status != 200 || dig(out, "number") != 1.0 {
		t.Fatal(status, out)
	}
	before := dig(out, "head_sha")
	for _, step := range []struct {
		action string
		body   map[string]any
		want   int
	}{
		{"push", map[string]any{"files": map[string]string{"a": "c"}}, 200},
		{"comment", map[string]any{"user": "octocat", "body": "hello"}, 200},
		{"label", map[string]any{"label": "x", "on": true}, 200},
		{"draft", map[string]any{"on": true}, 200},
		{"base", map[string]any{"branch": "none"}, 422},
		{"close", nil, 200},
		{"close", nil, 422},
		{"reopen", nil, 200},
		{"merge", nil, 200},
		{"nonsense", nil, 404},
	} {
		if status, out, _ = w.call("", "POST", repo+"/1/"+step.action, step.body); status != step.want {
			t.Errorf("%s: %d, want %d: %v", step.action, status, step.want, out)
		}
	}
	_, out, _ = w.call("", "GET", repo+"/1", nil)
	if dig(out, "pull", "merged") != true || dig(out, "pull", "head_sha") == before || dig(out, "comments", 0, "body") != "hello" {
		t.Errorf("pull request: %v", out)
	}
	if status, out, _ = w.call("", "POST", "/emulator/faults", map[string]any{"kind": "none"}); status != 422 {
		t.Errorf("fault: %d %v", status, out)
	}
}

func TestDeliveryFaults(t *testing.T) {
	w := newWorld(t)
	for kind, want := range map[github.FaultKind]int{github.FaultLost: 0, github.FaultDuplicate: 2} {
		if err := w.AddFault(github.Fault{Method: "DELIVER", Path: "pull_request/opened", Kind: kind}); err != nil {
			t.Fatal(err)
		}
		w.open(github.NewPull{})
		got := w.deliveries()
		if len(got) != want {
			t.Errorf("%s: %d deliveries, want %d", kind, len(got), want)
		}
		if len(got) == 2 && got[0].header.Get("X-Github-Delivery") != got[1].header.Get("X-Github-Delivery") {
			t.Error("a duplicate has another GUID")
		}
	}
}

func TestPeoplesPages(t *testing.T) {
	w := newWorld(t)
	hostile := "<script>alert(1)</script> <img src=x onerror=alert(1)>\n\n[x](javascript:alert(1))\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<details><summary>More</summary>text</details>"
	w.open(github.NewPull{Title: "<b>title</b>", Body: hostile})
	token := w.token()
	if status, out, _ := w.call(token, "POST", "/repos/acme/shop/issues/1/comments", map[string]any{"body": "**ready**"}); status != 201 {
		t.Fatal(status, out)
	}
	get := func(path string) string {
		t.Helper()
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		if rec.Code != 200 {
			t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
		}
		return rec.Body.String()
	}
	page := get("/acme/shop/pull/1")
	for _, want := range []string{
		"&lt;b&gt;title", "<strong>ready</strong>", "gangway[bot]", "<td>1</td>", "<summary>More</summary>", `<span class="del">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s on the page", want)
		}
	}
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts on the page; want our own only", n)
	}
	for _, bad := range []string{"<script>alert", "onerror", "javascript:"} {
		if strings.Contains(page, bad) {
			t.Errorf("%s on the page", bad)
		}
	}
	for _, path := range []string{"/", "/acme/shop", "/acme/shop?path=README.md", "/deliveries", "/acme/shop/pull/1/checks"} {
		if !strings.Contains(get(path), "Emulated GitHub") {
			t.Errorf("%s is no page", path)
		}
	}
	post := func(path, origin string, form url.Values) int {
		r := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		return rec.Code
	}
	const same = "http://example.com" // the Host of httptest's requests
	change := url.Values{"path": {"README.md"}, "content": {"a\r\nb\r\n"}, "title": {"T"}}
	if got := post("/acme/shop/pull/1/close", "https://evil.example", nil); got != http.StatusForbidden {
		t.Errorf("another origin's form: %d", got)
	}
	for path, form := range map[string]url.Values{
		"/acme/shop/pulls": change, "/acme/shop/pull/1/push": change, "/acme/shop/pull/1/comment": {"user": {"u"}, "body": {"b"}},
	} {
		if got := post(path, same, form); got != http.StatusSeeOther {
			t.Errorf("%s: %d", path, got)
		}
	}
	if got := post("/acme/shop/pull/1/label", same, nil); got != http.StatusUnprocessableEntity {
		t.Errorf("an empty label: %d", got)
	}
}
