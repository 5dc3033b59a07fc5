package doctor

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// The oldest Terraform that the modules work with.
const oldestMajor, oldestMinor = 1, 9

func terraformChecks() []Check {
	const group = "Terraform"
	return []Check{
		{
			Name: "terraform-version", Group: group, Asks: "whether the Terraform of this machine is 1.9 or newer", run: terraformVersion,
			Remedy: "Install Terraform 1.9 or newer, or say with GANGWAY_TERRAFORM where it is.",
		},
		{
			Name: "terraform-lock", Group: group, Asks: "whether the provider that Terraform is given is pinned by checksums", run: terraformLock,
			Remedy: "Use a released build of Gangway: its lock file names the provider with its checksums for linux and darwin, amd64 and arm64.",
		},
	}
}

func terraformVersion(ctx context.Context, e *exam) {
	if e.world.Terraform == nil {
		e.absent("Terraform")
		return
	}
	version, err := e.world.Terraform(ctx)
	switch {
	case errors.Is(err, preview.ErrNotFound):
		e.warn("", "there is none in PATH: a pinned release is fetched when it is first needed")
	case err != nil:
		e.fail("", "%v", err)
	case older(version):
		e.fail("", "%s is too old", version)
	default:
		e.ok("%s on this machine", version)
	}
}

// older tells whether a version is before the oldest that will do; one that can't be read counts as such.
func older(version string) bool {
	part := strings.SplitN(version, ".", 3)
	if len(part) < 2 {
		return true
	}
	major, err := strconv.Atoi(part[0])
	minor, err2 := strconv.Atoi(part[1])
	if err != nil || err2 != nil {
		return true
	}
	return major < oldestMajor || major == oldestMajor && minor < oldestMinor
}

func terraformLock(_ context.Context, e *exam) {
	if e.world.Lock == nil {
		e.absent("Lock")
		return
	}
	lock, found := e.world.Lock()
	switch {
	case !found:
		e.skip("this build carries no lock file: Terraform takes the provider that the registry signs")
	case !bytes.Contains(lock, []byte("hashicorp/google-beta")) || !bytes.Contains(lock, []byte(`"h1:`)):
		e.fail("", "the lock file doesn't name hashicorp/google-beta with checksums")
	default:
		e.ok("hashicorp/google-beta is pinned by checksums")
	}
}
