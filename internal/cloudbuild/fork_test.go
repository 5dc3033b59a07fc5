package cloudbuild_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/image"
	"github.com/gangway-dev/gangway/internal/preview"
)

// build builds a request and returns the digest and the log of all steps.
func (w *world) build(t *testing.T, r preview.BuildRequest) (digest, log string) {
	t.Helper()
	w.seen = nil
	started, err := w.client.Start(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	b := w.wait(t, started)
	if b.Status != preview.BuildSucceeded {
		t.Fatalf("%+v\n%s", b, w.log(t, b))
	}
	answer, err := w.http.Client().Get(w.http.URL + "/builds/" + b.ID + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var text bytes.Buffer
	if _, err := text.ReadFrom(answer.Body); err != nil {
		t.Fatal(err)
	}
	return b.Digest, text.String()
}

const importing = "importing cache manifest from "

// TestForkSharesNoCache builds a trusted pull request and a fork's with Gangway's own configuration. A cache in the
// registry decides what its readers build, as the end of the test shows.
func TestForkSharesNoCache(t *testing.T) {
	w := newWorld(t, good)
	trusted := w.req
	cache := trusted.Image + ":cache-7-pr-42"
	want, _ := w.build(t, trusted)
	kept, err := w.images.Get(cache)
	if err != nil {
		t.Fatalf("a trusted build keeps no cache: %v", err)
	}
	trusted.Generation++
	if digest, log := w.build(t, trusted); digest != want || !strings.Contains(log, importing+cache+"\n") || !strings.Contains(log, "cached") {
		t.Errorf("the next build of the pull request doesn't read its cache:\n%s", log)
	}

	fork := trusted
	fork.Fork, fork.Key.PullRequest, fork.Image = true, 43, "r-docker.pkg.dev/p/forks/orders"
	_, log := w.build(t, fork)
	if strings.Contains(log, importing) || strings.Contains(log, "cached") {
		t.Errorf("a fork's build reads a cache:\n%s", log)
	}
	if !bytes.Contains(bytes.ReplaceAll(w.seen, []byte(" "), nil), []byte(`"_CACHE":""`)) {
		t.Errorf("a fork's build is told of a cache: %s", w.seen)
	}
	for _, ref := range []string{fork.Image + ":cache-7-pr-43", trusted.Image + ":cache-7-pr-43"} {
		if _, err := w.images.Get(ref); err == nil {
			t.Errorf("a fork's build has written the cache %s", ref)
		}
	}

	// Its account may push to its own repository, whatever tags it likes: nobody reads them.
	evil := filepath.Join(t.TempDir(), "evil")
	if err := os.CopyFS(evil, os.DirFS(kept.Root)); err != nil {
		t.Fatal(err)
	}
	app := filepath.Join(evil, "root", "app")
	if err := os.Chmod(app, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(app, []byte("evil"), 0o600); err != nil {
		t.Fatal(err)
	}
	poison := func(repository string) {
		t.Helper()
		if _, err := w.images.Put(repository, "cache-7-pr-42", image.Config{}, evil); err != nil {
			t.Fatal(err)
		}
	}
	poison(fork.Image)
	trusted.Generation++
	if digest, _ := w.build(t, trusted); digest != want {
		t.Error("a fork's build has changed what a trusted one builds")
	}
	poison(trusted.Image)
	trusted.Generation++
	if digest, _ := w.build(t, trusted); digest == want {
		t.Error("a poisoned cache does no harm here: this test would see nothing")
	}
}

// Pull requests of one number in two repositories, whose services share an image repository, don't share a cache.
func TestCacheIsOfOnePullRequest(t *testing.T) {
	w := newWorld(t, good)
	w.build(t, w.req)
	other := w.req
	other.Key.Repository = 8
	if _, log := w.build(t, other); !strings.Contains(log, importing+other.Image+":cache-8-pr-42: not found") {
		t.Errorf("another repository's pull request reads the cache:\n%s", log)
	}
}
