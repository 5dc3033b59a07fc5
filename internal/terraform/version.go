package terraform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/terraform"
)

// Version is the version of the binary, or where binary is "" of that in PATH; preview.ErrNotFound when PATH has none.
func Version(ctx context.Context, binary string) (string, error) {
	if binary == "" {
		found, err := exec.LookPath("terraform")
		if errors.Is(err, exec.ErrNotFound) {
			return "", fmt.Errorf("looking for terraform: %w", preview.ErrNotFound)
		}
		if err != nil {
			return "", fmt.Errorf("looking for terraform: %w", err)
		}
		binary = found
	}
	out, err := exec.CommandContext(ctx, binary, "version", "-json").Output() //nolint:gosec // the operator names it
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", binary, err)
	}
	var said struct {
		Version string `json:"terraform_version"`
	}
	if err := json.Unmarshal(out, &said); err != nil || said.Version == "" {
		return "", fmt.Errorf("asking %s for its version: the answer is not Terraform's", binary)
	}
	return said.Version, nil
}

// Lock is the lock file of the providers that this build carries; false when it carries none.
func Lock() ([]byte, bool) {
	content, err := terraform.Lock.ReadFile("lock/" + lockFile)
	return content, err == nil
}
