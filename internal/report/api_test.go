package report

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
)

// TestCurlLinesAreOnlyCalls lets a real shell read the lines for paths that want to be more than that.
func TestCurlLinesAreOnlyCalls(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	for _, path := range []string{
		"/orders", "/orders/{id}", "/$(touch pwned)", "/`touch pwned`", "/';touch pwned;'", `/\';touch pwned;\'`, "/a b", "/&touch pwned&",
		"/x\"; touch pwned #", "/${HOME}", "/'", "/''", "/!!", "/~", "/*",
	} {
		line := curl("https://shop.example", preview.Operation{Method: "get", Path: path, Public: true})
		if line == "" {
			t.Errorf("%q has no line", path)
			continue
		}
		dir := t.TempDir()
		c := exec.CommandContext(t.Context(), sh, "-c", `curl() { printf '%s\n' "$@"; }; `+line)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v %s", line, err, out)
		}
		words := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		if got := words[len(words)-1]; got != "https://shop.example"+path || len(words) > 2 {
			t.Errorf("%s calls %q", line, words)
		}
		if made, _ := filepath.Glob(filepath.Join(dir, "*")); made != nil {
			t.Errorf("%s made %v", line, made)
		}
	}
}

func TestCurlLeavesOutWhatIsNoPath(t *testing.T) {
	for _, o := range []preview.Operation{
		{Method: "GET", Path: "orders"},
		{Method: "GET", Path: "/a\nb"},
		{Method: "GET", Path: "/\u202ereversed"},
		{Method: "GET; rm", Path: "/a"},
		{Method: "", Path: "/a"},
		{Method: "GET", Path: "/" + strings.Repeat("a", maxCurlPath)},
	} {
		if line := curl("https://shop.example", o); line != "" {
			t.Errorf("%+v: %s", o, line)
		}
	}
}

// TestLongAPI holds that a summary ends well where the API is longer than GitHub lets it be.
func TestLongAPI(t *testing.T) {
	p := live()
	for range 2000 {
		p.Observed.Serving.Operations = append(p.Observed.Serving.Operations, preview.Operation{
			Method: "GET", Path: "/" + strings.Repeat("long/", 20), Service: "orders",
		})
	}
	summary := Render(p).CheckRun.Summary
	if len(summary) > maxSummary || !strings.Contains(summary, "_Cut:") {
		t.Errorf("the summary has %d bytes and ends with %q", len(summary), summary[len(summary)-100:])
	}
	if strings.Count(summary, "```")%2 != 0 {
		t.Error("a code block is open at the end")
	}
}

// TestLinkOpensSomething: where no page can be opened, the link leads to the API's documentation, at the check run.
func TestLinkOpensSomething(t *testing.T) {
	p := live()
	p.Observed.Serving.Open = ""
	r := Render(p)
	want := "https://github.com/acme/shop/pull/42/checks?check_run_id=8"
	got := []string{r.CheckRun.DetailsURL, r.Status.EnvironmentURL}
	if diff := cmp.Diff([]string{want, want}, got); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	if !strings.Contains(r.Comment.Body, "[Open the preview]("+want+")") {
		t.Errorf("comment:\n%s", r.Comment.Body)
	}
	p.Observed.Report.CheckRunID = 0
	if want := "https://github.com/acme/shop/pull/42/checks"; Render(p).CheckRun.DetailsURL != want {
		t.Errorf("before the check run is known: %s", Render(p).CheckRun.DetailsURL)
	}
}
