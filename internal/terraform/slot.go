package terraform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A slot is the right to run a Terraform process. terraform-exec asks for Terraform's version once for each folder (50
// ms each): so a slot has a folder of its own, a symbolic link that is pointed at the stack whose turn it is.
type slot struct {
	link string
	tf   *tfexec.Terraform // nil until the first use
}

// acquire waits for a slot: the one that was used last, because it knows Terraform's version already.
func (r *Runner) acquire(ctx context.Context) (*slot, error) {
	select {
	case r.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a Terraform slot: %w", context.Cause(ctx))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.slots[len(r.slots)-1]
	r.slots = r.slots[:len(r.slots)-1]
	return s, nil
}

func (r *Runner) release(s *slot) {
	r.mu.Lock()
	r.slots = append(r.slots, s)
	r.mu.Unlock()
	<-r.turns
}

// point turns the slot to folder and makes its Terraform ready.
func (r *Runner) point(ctx context.Context, s *slot, folder string) (*tfexec.Terraform, error) {
	if err := makeFolder(filepath.Dir(s.link)); err != nil {
		return nil, err
	}
	if err := os.Remove(s.link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("turning to a stack: %w", err)
	}
	if err := os.Symlink(folder, s.link); err != nil {
		return nil, fmt.Errorf("turning to a stack: %w", err)
	}
	if s.tf != nil {
		return s.tf, nil
	}
	path, err := r.binary(ctx)
	if err != nil {
		return nil, err
	}
	tf, err := tfexec.NewTerraform(s.link, path)
	if err != nil {
		return nil, fmt.Errorf("preparing terraform: %w", err)
	}
	if err := tf.SetEnv(r.options.Env); err != nil {
		return nil, fmt.Errorf("preparing terraform: %w", err)
	}
	if err := tf.SetWaitDelay(r.options.WaitDelay); err != nil {
		return nil, fmt.Errorf("preparing terraform: %w", err)
	}
	tf.SetStderr(io.Discard)
	if err := tf.SetAppendUserAgent("gangway"); err != nil {
		return nil, fmt.Errorf("preparing terraform: %w", err)
	}
	if err := usable(ctx, tf); err != nil {
		return nil, err
	}
	s.tf = tf
	return tf, nil
}

// usable refuses a Terraform that is too old for the modules.
func usable(ctx context.Context, tf *tfexec.Terraform) error {
	found, _, err := tf.Version(ctx, false)
	if err != nil {
		return fmt.Errorf("asking terraform for its version: %w", err)
	}
	oldest, err := version.NewVersion(oldestRelease)
	if err != nil {
		return fmt.Errorf("asking terraform for its version: %w", err)
	}
	if found.LessThan(oldest) {
		return &preview.UserError{
			Summary: fmt.Sprintf("Terraform %s is too old", found),
			Hint:    "Install Terraform " + oldestRelease + " or newer, or take it out of PATH: then Gangway fetches one.",
		}
	}
	return nil
}
