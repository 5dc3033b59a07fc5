package catalog

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestDiagnostics holds what is said about bad configurations to testdata/*.txtar: gangway.hcl and the files beside it
// in, the file "want" out. UPDATE=1 rewrites want.
func TestDiagnostics(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files := fstest.MapFS{}
			for _, f := range archive.Files {
				files[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			src, ok := files["gangway.hcl"]
			if !ok {
				t.Fatal("no gangway.hcl in the archive")
			}
			_, err = Parse("gangway.hcl", src.Data, files)
			var all *Error
			if !errors.As(err, &all) {
				t.Fatalf("Parse = %v, want an *Error", err)
			}
			checkDiagnostics(t, all)
			compareWant(t, path, archive, []byte(err.Error()+"\n"))
		})
	}
}

func checkDiagnostics(t *testing.T, all *Error) {
	t.Helper()
	for _, d := range all.Diagnostics {
		if d.Subject == nil || d.Detail == "" || d.Summary == "" {
			t.Errorf("diagnostic without place, summary or remedy: %+v", d)
		}
	}
}

func compareWant(t *testing.T, path string, archive *txtar.Archive, got []byte) {
	t.Helper()
	last := len(archive.Files) - 1
	if archive.Files[last].Name != "want" {
		archive.Files = append(archive.Files, txtar.File{Name: "want"})
		last++
	}
	if os.Getenv("UPDATE") != "" {
		archive.Files[last].Data = got
		if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(archive.Files[last].Data, got) {
		t.Errorf("(-want +got; UPDATE=1 rewrites):\n%s", cmp.Diff(string(archive.Files[last].Data), string(got)))
	}
}
