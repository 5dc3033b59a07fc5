package gcloud_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/gcloud"
	"github.com/gangway-dev/gangway/internal/emulator/gcloud/gcloudtest"
)

func TestMain(m *testing.M) { os.Exit(gcloudtest.Main(m)) }

func TestBothAnswer(t *testing.T) {
	for name, endpoint := range map[string]string{"Firestore": gcloudtest.Firestore(t), "Pub/Sub": gcloudtest.PubSub(t)} {
		response, err := http.Get("http://" + endpoint + "/") //nolint:noctx // loopback
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %q, %v", name, response.Status, text, err)
		}
	}
	if again := gcloudtest.PubSub(t); again != gcloudtest.PubSub(t) {
		t.Errorf("the shared emulator moved to %s", again)
	}
}

func TestStopAndStartAgain(t *testing.T) {
	first := gcloudtest.NewPubSub(t, "127.0.0.1:0")
	endpoint := first.Endpoint()
	first.Stop()
	first.Stop() // once more is no error
	if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", endpoint); err == nil {
		t.Fatal("it still listens after Stop")
	}
	second := gcloudtest.NewPubSub(t, endpoint)
	defer second.Stop()
	if second.Endpoint() != endpoint {
		t.Errorf("the second listens on %s, want %s", second.Endpoint(), endpoint)
	}
	if _, err := gcloud.StartPubSub(t.Context(), endpoint, nil); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("starting on a taken address: %v", err)
	}
}

// What is missing is named, and how to get it.
func TestAbsent(t *testing.T) {
	empty, broken := t.TempDir(), t.TempDir()
	jar := filepath.Join(broken, "platform", "cloud-firestore-emulator", "cloud-firestore-emulator.jar")
	if err := os.MkdirAll(filepath.Dir(jar), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(jar, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ root, path, java, want string }{
		"no CLI":       {path: empty, want: "gcloud is not in PATH"},
		"no component": {root: empty, path: empty, want: "gcloud components install cloud-firestore-emulator"},
		"no Java":      {root: broken, path: empty, want: "it needs Java"},
		"no Java home": {root: broken, java: empty, want: "it needs Java"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CLOUDSDK_ROOT_DIR", c.root)
			t.Setenv("JAVA_HOME", c.java)
			t.Setenv("PATH", c.path)
			_, err := gcloud.StartFirestore(t.Context(), "127.0.0.1:0", nil)
			if !errors.Is(err, gcloud.ErrAbsent) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("StartFirestore = %v; want ErrAbsent with %q", err, c.want)
			}
		})
	}
}

// An emulator that can't run says why.
func TestBroken(t *testing.T) {
	dir := t.TempDir()
	java := filepath.Join(dir, "bin", "java")
	jar := filepath.Join(dir, "platform", "cloud-firestore-emulator", "cloud-firestore-emulator.jar")
	for path, text := range map[string]string{jar: "", java: "#!/bin/sh\necho this Java is too old >&2\nexit 1\n"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil { //nolint:gosec // it is to be run
			t.Fatal(err)
		}
	}
	t.Setenv("CLOUDSDK_ROOT_DIR", dir)
	t.Setenv("JAVA_HOME", dir)
	_, err := gcloud.StartFirestore(t.Context(), "127.0.0.1:0", nil)
	if err == nil || !strings.Contains(err.Error(), "this Java is too old") {
		t.Errorf("StartFirestore = %v; want what it wrote", err)
	}
}
