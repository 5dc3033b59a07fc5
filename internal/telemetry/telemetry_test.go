package telemetry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/telemetry"
)

func TestCloudLoggingKeys(t *testing.T) {
	t.Parallel()
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: "DEBUG", slog.LevelInfo: "INFO", slog.LevelWarn: "WARNING", slog.LevelError: "ERROR",
		slog.LevelError + 4: "ERROR",
	} {
		var out bytes.Buffer
		log, err := telemetry.New(telemetry.Options{Writer: &out, Level: slog.LevelDebug, Source: true})
		if err != nil {
			t.Fatal(err)
		}
		log.With("message_id", "7").WithGroup("g").Log(t.Context(), level, "hello", "msg", "inner")
		var got struct {
			Severity  string
			Message   string
			Time      string
			MessageID string `json:"message_id"`
			G         struct{ Msg string }
			Source    struct{ File, Line, Function string } `json:"logging.googleapis.com/sourceLocation"`
		}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%v in %s", err, out.Bytes())
		}
		if got.Severity != want || got.Message != "hello" || got.Time == "" || got.MessageID != "7" || got.G.Msg != "inner" {
			t.Errorf("level %v: got %+v from %s", level, got, out.Bytes())
		}
		if !strings.HasSuffix(got.Source.File, "telemetry_test.go") || got.Source.Line == "" {
			t.Errorf("source location = %+v", got.Source)
		}
	}
}

func TestTextAndLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := telemetry.New(telemetry.Options{Writer: &out, Format: "text"})
	if err != nil {
		t.Fatal(err)
	}
	log.DebugContext(t.Context(), "hidden")
	log.InfoContext(t.Context(), "shown", "title", "a\x1b[31m\nb")
	if got := out.String(); strings.Contains(got, "hidden") || !strings.Contains(got, "msg=shown") ||
		strings.Contains(got, "\x1b") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q", got)
	}
	if _, err := telemetry.New(telemetry.Options{Writer: &out, Format: "xml"}); err == nil {
		t.Error("New with an unknown format = nil")
	}
}

// A record carries the change of its context, in Cloud Logging as the trace too; one without a change carries neither.
func TestChange(t *testing.T) {
	t.Parallel()
	const id = "0af7651916cd43dd8448eb211c80319c"
	for _, c := range []struct{ format, project, want, not string }{
		{"json", "acme", `"change":"` + id + `","logging.googleapis.com/trace":"projects/acme/traces/` + id + `"`, ""},
		{"json", "", `"change":"` + id + `"`, "trace"},
		{"text", "acme", "change=" + id, "trace"},
	} {
		var out bytes.Buffer
		log, err := telemetry.New(telemetry.Options{Writer: &out, Format: c.format, Project: c.project})
		if err != nil {
			t.Fatal(err)
		}
		log.With("a", 1).InfoContext(telemetry.WithChange(t.Context(), id), "x")
		if got := out.String(); !strings.Contains(got, c.want) || c.not != "" && strings.Contains(got, c.not) {
			t.Errorf("%s, project %q: %s", c.format, c.project, got)
		}
		out.Reset()
		log.InfoContext(telemetry.WithChange(t.Context(), ""), "x")
		if strings.Contains(out.String(), "change") || strings.Contains(out.String(), "trace") {
			t.Errorf("without a change: %s", out.String())
		}
	}
}

func TestPropagate(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"0af7651916cd43dd8448eb211c80319c": "00-0af7651916cd43dd8448eb211c80319c-0af7651916cd43dd-01",
		"":                                 "", "short": "", "zzf7651916cd43dd8448eb211c80319c": "",
	} {
		r := httptest.NewRequestWithContext(telemetry.WithChange(t.Context(), id), http.MethodGet, "/", nil)
		telemetry.Propagate(r)
		if got := r.Header.Get("Traceparent"); got != want {
			t.Errorf("change %q: traceparent %q, want %q", id, got, want)
		}
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	t.Parallel()
	const canary = "ghs_canary"
	type config struct {
		Name   string
		Secret telemetry.Secret
		More   []telemetry.Secret
		ByName map[string]telemetry.Secret
	}
	c := config{"n", canary, []telemetry.Secret{canary}, map[string]telemetry.Secret{"a": canary}}
	var logged bytes.Buffer
	for _, format := range []string{"json", "text"} {
		log, err := telemetry.New(telemetry.Options{Writer: &logged, Format: format})
		if err != nil {
			t.Fatal(err)
		}
		log.InfoContext(t.Context(), "x", "secret", c.Secret, "config", c, "pointer", &c, "list", c.More)
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := logged.String() + string(encoded) + c.Secret.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		shown += fmt.Sprintf(verb, c.Secret) + fmt.Sprintf(verb, c) + fmt.Sprintf(verb, &c)
	}
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if strings.Contains(shown, form) {
			t.Errorf("%q is shown in %s", form, shown)
		}
	}
	if c.Secret.Reveal() != canary {
		t.Errorf("Reveal = %q", c.Secret.Reveal())
	}
	if got := telemetry.Secret("").String(); got != "" {
		t.Errorf("an empty secret prints %q", got)
	}
}
