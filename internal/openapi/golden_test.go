package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestGolden composes the documents of each archive in testdata. A file SERVICE.yaml or SERVICE.json is a service's
// document (SERVICE.override.yaml that of an override), other files are beside it, options.json are the options; want.* is
// what comes out, all of it. UPDATE=1 writes it.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			documents, o := inputs(t, archive)
			got := &txtar.Archive{Comment: archive.Comment}
			for _, f := range archive.Files {
				if !strings.HasPrefix(f.Name, "want.") {
					got.Files = append(got.Files, f)
				}
			}
			got.Files = append(got.Files, outcome(t, documents, o)...)
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(file, txtar.Format(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(txtar.Format(archive)), string(txtar.Format(got))); diff != "" {
				t.Errorf("-want +got:\n%s\nUPDATE=1 go test ./internal/openapi -run 'TestGolden' rewrites the files", diff)
			}
		})
	}
}

// inputs are the documents and options of an archive.
func inputs(t *testing.T, archive *txtar.Archive) ([]Document, Options) {
	t.Helper()
	o := testOptions()
	var documents []Document
	for _, f := range archive.Files {
		if f.Name == "options.json" {
			if err := json.Unmarshal(f.Data, &o); err != nil {
				t.Fatal(err)
			}
			continue
		}
		service, ext, _ := strings.Cut(f.Name, ".")
		if service == "want" || strings.Contains(f.Name, "/") {
			continue
		}
		d := testDocument(service, f.Data)
		d.File = service + "/openapi." + strings.TrimPrefix(ext, "override.")
		d.Files = archiveFiles{archive}
		d.Origin.Override = strings.HasPrefix(ext, "override.")
		documents = append(documents, d)
	}
	return documents, o
}

// archiveFiles are the files of an archive that have a folder. A file whose content is "link" is a symbolic link.
type archiveFiles struct{ archive *txtar.Archive }

func (a archiveFiles) ReadFile(name string) ([]byte, error) {
	for _, f := range a.archive.Files {
		if f.Name == name && string(f.Data) == "link\n" {
			return nil, ErrNotRegular
		}
		if f.Name == name {
			return f.Data, nil
		}
	}
	return nil, fs.ErrNotExist
}

func testOptions() Options {
	return Options{
		Title: "Shop",
		Security: []SecurityDefinition{
			{Name: "firebase", Issuer: "https://securetoken.google.com/shop", JWKSURI: "https://keys.example/jwk", Audiences: []string{"shop"}},
			{Name: "staff", Issuer: "https://staff.example", JWKSURI: "https://staff.example/jwk", Audiences: []string{"b", "a"}},
			{Name: "api_key", APIKeyIn: "query", KeyName: "key"},
		},
	}
}

func testDocument(service string, content []byte) Document {
	return Document{
		Service: service, File: service + "/openapi.yaml", Content: content,
		Backend: Backend{
			Address:  "https://pr-42---" + service + "-x.a.run.app",
			Audience: "https://" + service + "-x.a.run.app",
		},
		Origin: Origin{Revision: service + "-00001", Commit: "c0ffee"},
	}
}

// outcome is everything that composing has led to.
func outcome(t *testing.T, documents []Document, o Options) []txtar.File {
	t.Helper()
	c, err := Compose(documents, o)
	if err != nil {
		wrong, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatalf("error is a %T: %v", err, err)
		}
		files := []txtar.File{{Name: "want.problems", Data: listed(wrong.Findings)}}
		if len(wrong.Warnings) > 0 {
			files = append(files, txtar.File{Name: "want.warnings", Data: listed(wrong.Warnings)})
		}
		return files
	}
	content, err := c.Render()
	if err != nil {
		t.Fatal(err)
	}
	var operations strings.Builder
	for _, op := range c.Operations {
		fmt.Fprintf(&operations, "%s %s %s: %s at %s:%d:%d", op.Method, op.Path, op.ID, op.Service, op.File, op.Line, op.Column)
		if op.Public {
			operations.WriteString(", public")
		}
		if op.HasParameters {
			operations.WriteString(", has parameters")
		}
		if op.Origin.Override {
			operations.WriteString(", override")
		}
		operations.WriteString("\n")
	}
	files := []txtar.File{
		{Name: "want." + string(c.settings.format), Data: content},
		{Name: "want.operations", Data: []byte(operations.String())},
	}
	if len(c.Warnings) > 0 {
		files = append(files, txtar.File{Name: "want.warnings", Data: listed(c.Warnings)})
	}
	validate(t, documents, o)
	return files
}

func listed(findings []Finding) []byte {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(f.String() + "\n")
	}
	return []byte(b.String())
}
