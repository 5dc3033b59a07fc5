package terraform

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/terraform-exec/tfexec"
)

// init runs `terraform init` in the stack's work folder, which has been rendered.
//
// Where Terraform finds the provider by itself, all stacks share one plugin cache and start from one lock file: this build's,
// or else that of the first stack, until the operator removes it. So the provider (190 MB) is downloaded once and is the same
// one in each stack.
func (s *session) init(ctx context.Context, module string) (time.Duration, error) {
	if s.provider == nil {
		s.seeded.Lock() // Terraform's plugin cache bears one init at a time
		defer s.seeded.Unlock()
		if err := s.seed(); err != nil {
			return 0, err
		}
	}
	begin := time.Now()
	output := &stream{}
	options := []tfexec.InitOption{tfexec.Reconfigure(true)}
	if s.provider != nil {
		options = append(options, tfexec.Reattach(s.provider))
	}
	err := process(func() error { return s.tf.InitJSON(ctx, output, options...) })
	took := time.Since(begin)
	if ctx.Err() != nil {
		return took, cancelled(ctx, "init")
	}
	if err != nil {
		return took, s.translate("init", output.diagnostics, err)
	}
	if s.provider == nil {
		if err := s.keepSeed(); err != nil {
			return took, err
		}
	}
	return took, s.stamp(s.folder, module)
}

func (r *Runner) seedPath() string { return filepath.Join(r.options.Dir, lockFile) }

// seed gives the stack the lock file that it starts from, if there is one.
func (s *session) seed() error {
	if err := makeFolder(s.options.Env[pluginCache]); err != nil {
		return err
	}
	if s.options.ProviderLock != nil {
		return writeFile(filepath.Join(s.folder.work(), lockFile), s.options.ProviderLock)
	}
	data, err := os.ReadFile(s.seedPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the shared lock file: %w", err)
	}
	return writeFile(filepath.Join(s.folder.work(), lockFile), data)
}

// keepSeed shares the stack's lock file, if none is shared yet.
func (s *session) keepSeed() error {
	if _, err := os.Stat(s.seedPath()); err == nil || s.options.ProviderLock != nil {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(s.folder.work(), lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sharing the lock file: %w", err)
	}
	return writeFile(s.seedPath(), data)
}
