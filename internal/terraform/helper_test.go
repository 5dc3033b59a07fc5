package terraform_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/terraform"
)

// runHelper starts this test binary as another process that applies a stack.
func runHelper(t *testing.T, c *cloud) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestParentKilled$")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), "GANGWAY_TEST_DIR="+c.options.Dir, "GANGWAY_TEST_EXEC="+c.options.Exec,
		"GOOGLE_API_GATEWAY_CUSTOM_ENDPOINT="+c.url+"/v1beta/", "GOOGLE_OAUTH_ACCESS_TOKEN="+token)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// helper is what that process does.
func helper(t *testing.T) {
	runner, err := terraform.New(terraform.Options{
		Dir: os.Getenv("GANGWAY_TEST_DIR"), Exec: os.Getenv("GANGWAY_TEST_EXEC"),
		PollInterval: 10 * time.Millisecond, ServeProvider: serveProvider,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = runner.Apply(t.Context(), stack("1"), nil)
	t.Fatalf("the apply has ended: %v", err)
}
