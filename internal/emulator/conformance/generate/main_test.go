package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The embedded descriptions of Google's APIs are those of the release that go.mod names.
func TestCurrent(t *testing.T) {
	t.Parallel()
	for _, name := range discovery {
		api, err := fromModule(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := api.Write(&want); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", "descriptions", strings.ReplaceAll(name, "/", "-")+".json.gz"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("the embedded description of %s is not that of %s: run go generate ./internal/emulator/conformance", name, api.Source)
		}
	}
}

// What is not understood is refused.
func TestRefused(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for name, text := range map[string]string{
		"no JSON": `{`, "another version": `{"openapi":"3.1.0"}`,
		"unknown schema": `{"openapi":"3.0.3","paths":{"/app":{"get":{"operationId":"x","tags":["apps"],
			"responses":{"200":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/none"}}}}}}}}}`,
	} {
		_, err := fromOpenAPI([]byte(text))
		if err != nil {
			got[name] = err.Error()
		}
	}
	want := map[string]string{
		"no JSON":         "parsing GitHub's description: unexpected end of JSON input",
		"another version": `GitHub's description is of OpenAPI "3.1.0": this reads 3.0`,
		"unknown schema":  "operation x: there is no schema none",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}
