package cloudbuild_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"testing"

	"github.com/gangway-dev/gangway/internal/cloudbuild"
)

// An entry of an archive.
type entry struct {
	name, data, link string
	kind             byte
	mode             int64
}

// tarball is an archive as git makes it, of entries as nobody else does.
func tarball(t testing.TB, commit string, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	out := tar.NewWriter(zipped)
	if commit != "" {
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": commit}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: int64(len(e.data)), Linkname: e.link, Typeflag: e.kind, Mode: e.mode, Uname: "somebody", Uid: 7}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
			if e.link != "" {
				h.Typeflag = tar.TypeSymlink
			}
		}
		if err := out.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte(e.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (w *world) clientWith(t *testing.T, a cloudbuild.Archives) *cloudbuild.Client {
	t.Helper()
	o := w.options
	o.Archives = a
	c, err := cloudbuild.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
