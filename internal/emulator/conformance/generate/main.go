// Command generate reduces the published descriptions to what package conformance checks, and writes them to its folder
// descriptions. It is run by go generate, and needs the network: npm for GitHub's description, and the Go module proxy
// if google.golang.org/api is not in the module cache. Tests need neither.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
)

// What is read: one line for each description.
var discovery = []string{
	"apigateway/v1", "apigateway/v1beta", "cloudbuild/v1", "logging/v2", "monitoring/v3", "run/v1", "run/v2", "secretmanager/v1",
	"storage/v1",
}

const octokit = "@octokit/openapi@23.0.2" // npm package with GitHub's description

func main() {
	if err := run(context.Background(), "descriptions"); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string) error {
	for _, name := range discovery {
		api, err := fromModule(ctx, name)
		if err != nil {
			return err
		}
		if err := write(dir, api); err != nil {
			return err
		}
	}
	text, license, err := pack(ctx)
	if err != nil {
		return err
	}
	api, err := fromOpenAPI(text)
	if err != nil {
		return err
	}
	api.Source, api.License = "npm "+octokit+" generated/api.github.com.json", license
	return write(dir, api)
}

func write(dir string, api *conformance.API) error {
	var b bytes.Buffer
	if err := api.Write(&b); err != nil {
		return fmt.Errorf("writing %s: %w", api.Name, err)
	}
	if _, err := conformance.Read(bytes.NewReader(b.Bytes())); err != nil {
		return fmt.Errorf("reading %s back: %w", api.Name, err)
	}
	file := filepath.Join(dir, strings.ReplaceAll(api.Name, "/", "-")+".json.gz")
	fmt.Printf("%s: %d operations, %d schemas, %d bytes\n", file, len(api.Operations), len(api.Schemas), b.Len())
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// pack fetches the npm package without installing it, and returns the description and the licence in it.
func pack(ctx context.Context) (text []byte, license string, err error) {
	dir, err := os.MkdirTemp("", "gangway-generate-")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", "--json", "--pack-destination", dir, octokit)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, "", fmt.Errorf("fetching %s with npm: %w", octokit, err)
	}
	var packed []struct{ Filename string }
	if err := json.Unmarshal(out, &packed); err != nil || len(packed) != 1 {
		return nil, "", fmt.Errorf("reading what npm pack says: %w", errors.Join(err, fmt.Errorf("%d packages", len(packed))))
	}
	file, err := os.Open(filepath.Join(dir, filepath.Base(packed[0].Filename)))
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	files, err := untar(file, "package/generated/api.github.com.json", "package/LICENSE")
	if err != nil {
		return nil, "", fmt.Errorf("unpacking %s: %w", octokit, err)
	}
	return files[0], string(files[1]), nil
}

// untar returns the named files of a compressed archive.
func untar(r io.Reader, names ...string) ([][]byte, error) {
	zipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	files := make([][]byte, len(names))
	for archive := tar.NewReader(zipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for i, name := range names {
			if header.Name == name {
				if files[i], err = io.ReadAll(archive); err != nil {
					return nil, err
				}
			}
		}
	}
	for i, name := range names {
		if len(files[i]) == 0 {
			return nil, fmt.Errorf("there is no %s", name)
		}
	}
	return files, nil
}
