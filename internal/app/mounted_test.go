package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/telemetry"
)

// A secret that is rotated counts after a while without a restart, all lines of it; one that can't be read any more stays.
func TestMountedSecrets(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secrets")
	now := time.Unix(0, 0)
	m := newMounted(path, slog.New(slog.DiscardHandler))
	m.now = func() time.Time { return now }
	expect := func(why string, want ...string) {
		t.Helper()
		var got []string
		for _, s := range m.secrets(t.Context()) {
			got = append(got, s.Reveal())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", why, diff)
		}
	}
	put := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expect("there is no file")
	put("\n old \r\n")
	expect("not asked again at once")
	now = now.Add(mountedFor)
	expect("read", "old")
	put("new\nold")
	expect("believed for a while", "old")
	now = now.Add(mountedFor)
	expect("rotated", "new", "old")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	now = now.Add(mountedFor)
	expect("can't be read", "new", "old")
}

func TestWebhookSecrets(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(path, []byte("file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		webhook Webhook
		want    int
	}{
		{Webhook{}, 0},
		{Webhook{Secrets: []telemetry.Secret{"a"}}, 1},
		{Webhook{SecretsFile: path}, 1},
		{Webhook{Secrets: []telemetry.Secret{"a", "b"}, SecretsFile: path}, 3},
	} {
		secrets := c.webhook.secrets(t.Context(), slog.New(slog.DiscardHandler))
		if got := secrets(); len(got) != c.want || len(secrets()) != c.want {
			t.Errorf("%+v: %d secrets, want %d", c.webhook, len(got), c.want)
		}
	}
}
