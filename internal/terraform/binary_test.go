package terraform

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// newFetcher is a Runner that finds no Terraform in PATH and fetches it from site.
func newFetcher(t *testing.T, site string) *Runner {
	t.Helper()
	t.Setenv("PATH", t.TempDir())
	r, err := New(Options{Dir: t.TempDir(), Env: map[string]string{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	r.releases = site
	return r
}

// fetched fails the test if anything was installed.
func fetched(t *testing.T, r *Runner) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(r.options.Dir, ".bin", "terraform")); err == nil {
		t.Error("something was installed")
	}
}

func TestNoTerraformAndNoNetwork(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // nobody listens there any more
	r := newFetcher(t, server.URL)
	// The library tries again for some time; nobody has to wait for that here.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := r.binary(ctx)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"PATH", pinnedRelease, oldestRelease} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not mention %s: %v", want, err)
		}
	}
	fetched(t, r)
	if r.exec != "" {
		t.Error("a binary that was not found is remembered")
	}
}

// TestForgedRelease offers a release that is complete, with right checksums, but not signed by HashiCorp.
func TestForgedRelease(t *testing.T) {
	archive := zipped(t, "terraform", "#!/bin/sh\n")
	name := fmt.Sprintf("terraform_%s_%s_%s.zip", pinnedRelease, runtime.GOOS, runtime.GOARCH)
	sums := fmt.Sprintf("terraform_%s_SHA256SUMS", pinnedRelease)
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file := filepath.Base(r.URL.Path)
		asked[file]++
		switch {
		case file == "index.json":
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"name":"terraform","version":%q,"shasums":%q,"shasums_signature":%q,"shasums_signatures":[%q],
				"builds":[{"name":"terraform","version":%q,"os":%q,"arch":%q,"filename":%q,"url":"http://%s/terraform/%s/%s"}]}`,
				pinnedRelease, sums, sums+".sig", sums+".72D7468F.sig",
				pinnedRelease, runtime.GOOS, runtime.GOARCH, name, r.Host, pinnedRelease, name)
		case file == sums:
			_, _ = fmt.Fprintf(w, "%x  %s\n", sha256.Sum256(archive), name)
		case strings.HasSuffix(file, ".sig"):
			_, _ = w.Write([]byte("forged"))
		case file == name:
			w.Header().Set("Content-Type", "application/zip")
			_, _ = w.Write(archive)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	r := newFetcher(t, server.URL)
	if path, err := r.binary(t.Context()); err == nil {
		t.Fatalf("%s was accepted", path)
	}
	fetched(t, r)
	if asked[sums] == 0 {
		t.Errorf("the checksums were not asked for; asked for %v", asked)
	}
}

func zipped(t *testing.T, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateHeader(&zip.FileHeader{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
