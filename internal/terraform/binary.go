package terraform

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-version"
	install "github.com/hashicorp/hc-install"
	"github.com/hashicorp/hc-install/fs"
	"github.com/hashicorp/hc-install/product"
	"github.com/hashicorp/hc-install/releases"
	"github.com/hashicorp/hc-install/src"
)

// The release that is fetched where PATH has no Terraform, and the oldest one that the modules work with.
const (
	pinnedRelease = "1.11.4"
	oldestRelease = "1.9.0"
)

// fetchTimeout bounds the download of a release (30 MB) with all its repetitions.
const fetchTimeout = 2 * time.Minute

// binary is the path of terraform. It is looked for once; only a found one is remembered.
func (r *Runner) binary(ctx context.Context) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.exec != "" {
		return r.exec, nil
	}
	path := r.options.Exec
	if path == "" {
		found, err := exec.LookPath("terraform")
		switch {
		case err == nil:
			path = found
		case errors.Is(err, exec.ErrNotFound):
			if path, err = r.fetch(ctx); err != nil {
				return "", err
			}
		default:
			return "", fmt.Errorf("looking for terraform: %w", err)
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("looking for terraform: %w", err)
	}
	r.exec = path
	return path, nil
}

// fetch installs the pinned release in the stacks' folder, unless it is there already. hc-install verifies the archive's
// checksum, and the signature of the checksums with HashiCorp's key.
func (r *Runner) fetch(ctx context.Context) (string, error) {
	release, err := version.NewVersion(pinnedRelease)
	if err != nil {
		return "", fmt.Errorf("installing terraform: %w", err)
	}
	dir := filepath.Join(r.options.Dir, ".bin")
	if err := makeFolder(dir); err != nil {
		return "", err
	}
	r.options.Log.InfoContext(ctx, "installing terraform", "version", pinnedRelease)
	path, err := install.NewInstaller().Ensure(ctx, []src.Source{
		&fs.ExactVersion{Product: product.Terraform, Version: release, ExtraPaths: []string{dir}},
		&releases.ExactVersion{
			Product: product.Terraform, Version: release, InstallDir: dir, Timeout: fetchTimeout, ApiBaseURL: r.releases,
		},
	})
	if err != nil {
		return "", fmt.Errorf("no terraform is in PATH, and release %s can't be fetched; install Terraform %s or newer, or say "+
			"where it is: %w", pinnedRelease, oldestRelease, err)
	}
	return path, nil
}
