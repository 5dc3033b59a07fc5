package receive_test

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
)

// The payloads are those of the npm package @octokit/webhooks-examples, for GitHub and for GitHub Enterprise Server, each
// different one once. To bring them up to date:
//
//	npm install --prefix DIR @octokit/webhooks-examples
//	WEBHOOKS_EXAMPLES=DIR/node_modules/@octokit/webhooks-examples UPDATE=1 go test -run TestExamples ./internal/receive
//
// and look at the difference in the table.
const (
	examplesFile  = "testdata/webhooks-examples.jsonl.gz"
	examplesTable = "testdata/webhooks-examples.txt"
)

// An example is a delivery as GitHub makes it.
type example struct {
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"`
}

// TestExamples delivers every example payload, signed, to the real handler, and compares what becomes of it with the table.
func TestExamples(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv("WEBHOOKS_EXAMPLES"); dir != "" && os.Getenv("UPDATE") != "" {
		collect(t, dir)
	}
	examples := readExamples(t)
	if len(examples) < 400 {
		t.Fatalf("only %d examples", len(examples))
	}
	lines := map[string]int{}
	for _, e := range examples {
		lines[outcome(t, e.Event, e.Payload)]++
	}
	var table strings.Builder
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&table, "%3d × %s\n", lines[line], line)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(examplesTable, []byte(table.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(examplesTable)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff.Diff(string(want), table.String()); d != "" {
		t.Errorf("(-want +got; UPDATE=1 rewrites):\n%s", d)
	}
}

// TestExamplesMislabeled delivers every example as if it were about a pull request: what is none is refused as such, and
// what names a pull request gives a hint of just that.
func TestExamplesMislabeled(t *testing.T) {
	t.Parallel()
	for _, e := range readExamples(t) {
		var of struct {
			Number     int64 `json:"number"`
			Repository struct {
				ID int64 `json:"id"`
			} `json:"repository"`
		}
		// Another type than a number is none; that is an error of a field, which leaves the others as they are.
		_ = json.Unmarshal(e.Payload, &of)
		got := outcome(t, "pull_request", e.Payload)
		want := "400"
		if of.Number > 0 && of.Repository.ID > 0 {
			want = "202"
		}
		if !strings.Contains(got, " "+want+" ") {
			t.Errorf("%s as pull_request: %s, want %s", e.Event, got, want)
		}
	}
}

// outcome delivers a payload and says what became of it in one line.
func outcome(t *testing.T, event string, payload []byte) string {
	t.Helper()
	var of struct {
		Action string `json:"action"`
	}
	_ = json.Unmarshal(payload, &of) // of some events the action is missing
	p := &published{}
	request := delivery(t, string(payload))
	request.Header.Set("X-GitHub-Event", event)
	w := httptest.NewRecorder()
	handler(p, nil).ServeHTTP(w, request)
	if w.Code >= 500 {
		t.Errorf("%s %s: %d %s", event, of.Action, w.Code, w.Body)
	}
	line := fmt.Sprintf("%s %s: %d ", event, cmp.Or(of.Action, "-"), w.Code)
	switch len(p.hints) {
	case 0:
		return line + "no hint"
	case 1:
		h := p.hints[0]
		if h.Version != preview.HintVersion || h.DeliveryID != guid || h.Event != event || h.Action != of.Action {
			t.Errorf("%s: hint %+v", line, h)
		}
		return line + fmt.Sprintf("hint of %s (%d) pull request %d, installation %d", h.FullName, h.Repository, h.PullRequest, h.Installation)
	}
	return line + fmt.Sprintf("%d hints", len(p.hints))
}

func readExamples(t *testing.T) []example {
	t.Helper()
	f, err := os.Open(examplesFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var list []example
	for reader := bufio.NewReader(text); ; {
		line, err := reader.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 { //nolint:errorlint // ReadBytes returns it as it is
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		var e example
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
}

// collect writes the file of examples from the installed package.
func collect(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "index.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples in %s: %v", dir, err)
	}
	lines := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var events []struct {
			Name     string            `json:"name"`
			Examples []json.RawMessage `json:"examples"`
		}
		if err := json.Unmarshal(text, &events); err != nil {
			t.Fatal(err)
		}
		for _, event := range events {
			for _, payload := range event.Examples {
				line, err := json.Marshal(example{Event: event.Name, Payload: payload}) // compacts the payload
				if err != nil {
					t.Fatal(err)
				}
				lines[string(line)] = true
			}
		}
	}
	var out bytes.Buffer
	packed, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		if _, err := io.WriteString(packed, line+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(examplesFile, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
