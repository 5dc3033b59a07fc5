package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binaries is the folder of the built commands.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gangway-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a folder:", err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // temporary
	binaries = dir
	build := exec.CommandContext(context.Background(), "go", "build", "-o", dir+string(filepath.Separator),
		"../../cmd/webhook", "../../cmd/aggregator", "../../cmd/gangway")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the commands: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
