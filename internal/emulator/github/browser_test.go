package github_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/github"
)

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

// browse is the page as it stands in a browser after its script has run for some seconds of the browser's own time.
func browse(t *testing.T, browser, address string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", //nolint:gosec // a test
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=4000", "--dump-dom", address).Output()
	if err != nil {
		t.Fatalf("browsing %s: %v", address, err)
	}
	return string(out)
}

// TestInTheBrowser looks at a pull request as people do: the comment is rendered, what is hostile doesn't run, what changes
// is shown without a reload, and the link opens the preview.
func TestInTheBrowser(t *testing.T) {
	browser := chromium(t)
	preview := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "count: 7") }))
	defer preview.Close()
	w := newWorld(t)
	w.open(github.NewPull{
		Title: "<script>document.title='owned'</script>", Body: "<img src=x onerror=\"document.title='owned'\">",
	})
	token := w.token()
	comment := "### ⏳ Building 1 of 1 service"
	status, made, _ := w.call(token, "POST", "/repos/acme/shop/issues/1/comments", map[string]any{"body": comment})
	if status != http.StatusCreated {
		t.Fatal(status, made)
	}
	id := regexp.MustCompile(`#issuecomment-(\d+)`).FindStringSubmatch(fmt.Sprint(made))
	if id == nil {
		t.Fatalf("no id in %v", made)
	}
	ready := fmt.Sprintf("### ✅ Preview is ready\n\n**[Open the preview](%s/orders)**\n\n| Service | Status |\n|---|---|\n| orders | ✅ built |", preview.URL)
	var looks atomic.Int32
	site := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/acme/shop/pull/1" && looks.Add(1) == 2 { // the browser looks again: by now it is ready
			w.call(token, "PATCH", "/repos/acme/shop/issues/comments/"+id[1], map[string]any{"body": ready})
		}
		w.ServeHTTP(rw, r)
	}))
	defer site.Close()
	page := browse(t, browser, site.URL+"/acme/shop/pull/1")
	for _, want := range []string{"Preview is ready</h3>", "<td>orders</td>", "gangway[bot]", "<title>&lt;script&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	if strings.Contains(page, "<title>owned") {
		t.Error("a script of the pull request ran")
	}
	link := regexp.MustCompile(`<a href="([^"]+)"[^>]*>Open the preview</a>`).FindStringSubmatch(page)
	if link == nil {
		t.Fatalf("no link on the page:\n%s", page)
	}
	if opened := browse(t, browser, html.UnescapeString(link[1])); !strings.Contains(opened, "count: 7") {
		t.Errorf("the link opens %s", opened)
	}
}
