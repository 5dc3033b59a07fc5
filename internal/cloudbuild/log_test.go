package cloudbuild_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// failing builds a service whose image step says what it is given, and fails.
func failing(t *testing.T, script string, change func(*world)) (*world, preview.Build) {
	t.Helper()
	w := newWorld(t, map[string]string{"orders/Dockerfile": "FROM alpine\nRUN " + script + "\n"})
	if change != nil {
		change(w)
	}
	started, err := w.client.Start(t.Context(), w.req)
	if err != nil {
		t.Fatal(err)
	}
	return w, w.wait(t, started)
}

func (w *world) log(t *testing.T, b preview.Build) string {
	t.Helper()
	text, err := w.client.Log(t.Context(), w.ref(b))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestLogOfTheFailingStep(t *testing.T) {
	w, b := failing(t, "echo so sorry && false", nil)
	text := w.log(t, b)
	for _, want := range []string{"so sorry", "orders/Dockerfile:2"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q:\n%s", want, text)
		}
	}
	for _, not := range []string{"Step #", "starting build", "FETCHSOURCE"} {
		if strings.Contains(text, not) {
			t.Errorf("the log has %q:\n%s", not, text)
		}
	}
}

func TestLogIsBounded(t *testing.T) {
	w, b := failing(t, "for i in $(seq 300); do echo line $i; done; false", nil)
	lines := strings.Split(w.log(t, b), "\n")
	if len(lines) > 60 || !strings.Contains(strings.Join(lines, "\n"), "line 300") {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
	w, b = failing(t, "head -c 30000 /dev/zero | tr '\\\\0' x; echo; false", nil)
	if text := w.log(t, b); len(text) > 4000 {
		t.Errorf("%d bytes", len(text))
	}
}

// Where a build's own configuration sends its log, there it is read.
func TestLogInABucket(t *testing.T) {
	w, b := failing(t, "echo so sorry && false", func(w *world) {
		w.req.Config = []byte(`
steps:
  - {name: ubuntu, id: before, script: "echo before"}
  - {name: ubuntu, id: image, script: "for i in $(seq 2500); do echo line $i of many; done; echo so sorry; exit 1"}
images: ["$_IMAGE:$_SHA"]
logsBucket: gs://logs/builds
options: {logging: GCS_ONLY}
`)
	})
	for w.log(t, b) == "" { // the build ends before its log is in the bucket
		time.Sleep(time.Millisecond)
	}
	text := w.log(t, b)
	if !strings.HasSuffix(text, "so sorry") || strings.Contains(text, "before") || strings.Contains(text, "Step #") {
		t.Errorf("the log is\n%s", text)
	}
}

// What fails before any step is told in Cloud Build's own lines.
func TestLogOfFetching(t *testing.T) {
	w := newWorld(t, good)
	w.req.SHA = strings.Repeat("0", 40)
	started, err := w.client.Start(t.Context(), w.req)
	if err != nil {
		t.Fatal(err)
	}
	b := w.wait(t, started)
	if b.Status != preview.BuildFailed || b.Step != "" || !strings.Contains(b.Reason, "FETCHSOURCE failed") {
		t.Errorf("%+v", b)
	}
	if text := w.log(t, b); !strings.Contains(text, "ERROR: git fetch: exit status") {
		t.Errorf("the log is\n%s", text)
	}
}

// A missing right, or a log that is not there yet, is told from a log that is empty; neither is a failure of ours.
func TestLogThatCanNotBeRead(t *testing.T) {
	w, b := failing(t, "false", nil)
	fault := func(body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, w.logs.URL+"/emulator/faults", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := w.logs.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	fault(`{"fail_calls":1,"fail_status":403}`)
	if text, err := w.client.Log(t.Context(), w.ref(b)); err == nil || !strings.Contains(err.Error(), "Permission denied") {
		t.Errorf("without the right: %q, %v", text, err)
	}
	fault(`{"lag_ms":3600000}`)
	if text := w.log(t, b); text != "" {
		t.Errorf("the log is there already: %q", text)
	}
	fault(`{}`)
	if text := w.log(t, b); text == "" {
		t.Error("the log never comes")
	}
	if _, err := w.client.Log(t.Context(), preview.BuildRef{Project: "p", Region: "r", ID: "none"}); err == nil {
		t.Error("the log of no build was read")
	}
}

func TestNoLog(t *testing.T) {
	w := newWorld(t, good)
	started, err := w.client.Start(t.Context(), w.req)
	if err != nil {
		t.Fatal(err)
	}
	if text := w.log(t, w.wait(t, started)); text != "" {
		t.Errorf("of a build that succeeded: %q", text)
	}
}

// The same calls as documented for regional builds: the region is in the parent or name, and in the routing header.
func TestRegion(t *testing.T) {
	w := newWorld(t, good)
	started, err := w.client.Start(t.Context(), w.req)
	if err != nil {
		t.Fatal(err)
	}
	w.wait(t, started)
	if err := w.client.Cancel(t.Context(), w.ref(started)); err != nil {
		t.Fatal(err)
	}
	for _, call := range w.calls {
		listed := strings.Contains(call, "/builds?") && strings.HasPrefix(call, "GET") // its header the library leaves out
		if !strings.Contains(call, "locations%2Fr") && !strings.Contains(call, ":cancel") || !listed && !strings.HasSuffix(call, "location=r") {
			t.Errorf("the call names no region: %s", call)
		}
	}
	w.req.Region = "other"
	if _, err := w.client.Get(t.Context(), w.ref(started)); err == nil {
		t.Errorf("another region has build %s", started.ID)
	}
}
