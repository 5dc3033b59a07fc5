package secretmanager_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	emulator "github.com/gangway-dev/gangway/internal/emulator/secretmanager"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/secretmanager"
)

func start(t *testing.T) (*emulator.Server, *secretmanager.Client) {
	t.Helper()
	far, err := emulator.New(emulator.Options{Dir: t.TempDir(), Project: "acme-dev", Secrets: []string{"key"}, Violation: conformance.Fail(t)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(far)
	t.Cleanup(server.Close)
	client, err := secretmanager.New(t.Context(), secretmanager.Options{Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return far, client
}

func TestVersions(t *testing.T) {
	_, client := start(t)
	if _, err := client.Latest(t.Context(), "acme-dev", "key"); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("without a version: %v", err)
	}
	if err := client.CanAdd(t.Context(), "acme-dev", "key"); err != nil {
		t.Error(err)
	}
	for n, content := range []string{"first", "second"} {
		version, err := client.Add(t.Context(), "acme-dev", "key", []byte(content))
		if err != nil || version != string(rune('1'+n)) {
			t.Fatalf("Add = %q, %v", version, err)
		}
		got, err := client.Latest(t.Context(), "acme-dev", "key")
		if err != nil || string(got) != content {
			t.Fatalf("Latest = %q, %v", got, err)
		}
	}
}

// TestRefusals: what is missing, or not allowed, is told; no content is in an error.
func TestRefusals(t *testing.T) {
	far, client := start(t)
	if err := client.CanAdd(t.Context(), "acme-dev", "other"); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("CanAdd without a secret: %v", err)
	}
	if _, err := client.Add(t.Context(), "acme-dev", "other", []byte("hidden")); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("Add without a secret: %v", err)
	}
	far.Deny("secretmanager.versions.add")
	if err := client.CanAdd(t.Context(), "acme-dev", "key"); err == nil || !strings.Contains(err.Error(), "secretmanager.versions.add is missing") {
		t.Errorf("CanAdd without the permission: %v", err)
	}
	if _, err := client.Add(t.Context(), "acme-dev", "key", []byte("hidden")); err == nil ||
		!strings.Contains(err.Error(), "secretmanager.versions.add") || strings.Contains(err.Error(), "hidden") {
		t.Errorf("Add without the permission: %v", err)
	}
	far.Deny("secretmanager.versions.access")
	if _, err := client.Latest(t.Context(), "acme-dev", "key"); err == nil || errors.Is(err, preview.ErrNotFound) {
		t.Errorf("Latest without the permission: %v", err)
	}
}
