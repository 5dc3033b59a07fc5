package cloudbuild_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/preview"
)

// withBucket is a world whose builds get their sources by a bucket.
func withBucket(t *testing.T, files map[string]string) *world {
	t.Helper()
	w := newWorld(t, files)
	w.req.Connection, w.req.SourceBucket, w.req.Repository.ID = "", "sources", 7
	w.req.CloneURL = "https://github.invalid/none.git"
	return w
}

// A private repository is built without a token in the build: by the files of the very commit, uploaded once.
func TestSourceInABucket(t *testing.T) {
	w := withBucket(t, good)
	started, err := w.client.Start(t.Context(), w.req)
	if err != nil {
		t.Fatal(err)
	}
	if b := w.wait(t, started); b.Status != preview.BuildSucceeded || b.Digest == "" {
		t.Errorf("%+v %s", b, w.log(t, b))
	}
	object := "source/7/" + w.req.SHA + ".tar.gz"
	for _, want := range []string{`"bucket":"sources"`, `"object":"` + object + `"`, `"generation":"1`} {
		if !bytes.Contains(bytes.ReplaceAll(w.seen, []byte(" "), nil), []byte(want)) {
			t.Errorf("the build lacks %s: %s", want, w.seen)
		}
	}
	if bytes.Contains(w.seen, []byte("github.invalid")) {
		t.Errorf("the build clones: %s", w.seen)
	}
	if diff := cmp.Diff([]string{"orders/Dockerfile", "orders/app"}, regular(t, w.stored(t, object))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	w.req.Service = "orders2" // another service of the same commit
	if _, err := w.client.Start(t.Context(), w.req); err != nil {
		t.Fatal(err)
	}
	if w.fetched != 1 || w.uploads != 1 {
		t.Errorf("fetched %d times, uploaded %d times", w.fetched, w.uploads)
	}
}

// regular are the paths of an archive's files.
func regular(t *testing.T, archive []byte) []string {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for in := tar.NewReader(unzipped); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(names)
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			names = append(names, h.Name)
		}
	}
}

// What doesn't fit into one piece is sent in several, and arrives as it was.
func TestLargeSource(t *testing.T) {
	noise := make([]byte, 5<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	w := withBucket(t, map[string]string{"orders/Dockerfile": good["orders/Dockerfile"], "orders/app": string(noise)})
	if _, err := w.client.Start(t.Context(), w.req); err != nil {
		t.Fatal(err)
	}
	// One request begins, and each piece is one.
	if got := len(w.stored(t, "source/7/"+w.req.SHA+".tar.gz")); w.uploads != 3 || got < len(noise) {
		t.Errorf("%d bytes in %d requests", got, w.uploads)
	}
}

// Two at once, or a try whose answer was lost: what is there counts.
func TestSourceIsThereMeanwhile(t *testing.T) {
	w := withBucket(t, good)
	object := "source/7/" + w.req.SHA + ".tar.gz"
	w.bucket.Fault(func(r *http.Request) int {
		if r.Method == http.MethodPost {
			if err := w.bucket.Put(t.Context(), "sources", object, archiveOf(t, w)); err != nil {
				t.Error(err)
			}
		}
		if len(w.bucket.Objects("sources")) == 0 {
			return http.StatusForbidden // what those are told who may not list
		}
		return 0
	})
	started, err := w.client.Start(t.Context(), w.req)
	if err != nil {
		t.Fatal(err)
	}
	if b := w.wait(t, started); b.Status != preview.BuildSucceeded {
		t.Errorf("%+v", b)
	}
	if data := w.stored(t, object); !bytes.Equal(data, archiveOf(t, w)) {
		t.Error("what was there is overwritten")
	}
}

// stored is what is in an object of the bucket for sources.
func (w *world) stored(t *testing.T, object string) []byte {
	t.Helper()
	r, err := w.bucket.Open(t.Context(), "sources", object, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func archiveOf(t *testing.T, w *world) []byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a.tar.gz")
	git(t, w.repo, "archive", "--format=tar.gz", "-o", dir, w.req.SHA)
	data, err := os.ReadFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSourceFails(t *testing.T) {
	for name, tt := range map[string]struct {
		code int
		user string // of the UserError; "" for an error that is tried again
	}{
		"no bucket": {http.StatusNotFound, "sources, does not exist"}, "no right": {http.StatusForbidden, "may not put sources"},
		"broken": {http.StatusBadRequest, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := withBucket(t, good)
			w.bucket.Fault(func(*http.Request) int { return tt.code })
			_, err := w.client.Start(t.Context(), w.req)
			user, ok := errors.AsType[*preview.UserError](err)
			if err == nil || ok != (tt.user != "") || ok && !strings.Contains(user.Summary, tt.user) {
				t.Errorf("%v", err)
			}
			if w.seen != nil {
				t.Error("a build was started")
			}
		})
	}
}

// Nothing is left of an upload that ends half way, and no build is started.
func TestSourceBreaksOff(t *testing.T) {
	w := withBucket(t, good)
	broken := archives(func() (io.ReadCloser, error) {
		whole := tarball(t, "sha", entry{name: "r/a", data: strings.Repeat("x", 1000)})
		return io.NopCloser(io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), failingReader{})), nil
	})
	c := w.clientWith(t, broken)
	if _, err := c.Start(t.Context(), w.req); !errors.Is(err, errBrokeOff) {
		t.Errorf("%v, want that it broke off", err)
	}
	c = w.clientWith(t, archives(func() (io.ReadCloser, error) { return nil, preview.ErrNotFound }))
	if _, err := c.Start(t.Context(), w.req); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("%v, want that there is no commit", err)
	}
	c = w.clientWith(t, archives(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(tarball(t, "", entry{name: "r/l", link: "/etc/passwd"}))), nil
	}))
	_, err := c.Start(t.Context(), w.req)
	if user, ok := errors.AsType[*preview.UserError](err); !ok || !strings.Contains(user.Summary, "symbolic link") {
		t.Errorf("%v, want a UserError", err)
	}
	if left := w.bucket.Objects("sources"); len(left) > 0 || w.seen != nil {
		t.Errorf("%q, build %s", left, w.seen)
	}
}

var errBrokeOff = errors.New("the connection broke off")

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errBrokeOff }

type archives func() (io.ReadCloser, error)

func (a archives) Archive(context.Context, preview.Repository, string) (io.ReadCloser, error) {
	return a()
}
