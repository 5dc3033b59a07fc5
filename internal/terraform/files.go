package terraform

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/gangway-dev/gangway/internal/preview"
)

// files are states of the backend "local", in the folders of their stacks. Terraform's lock of such a state ends with its
// process, so that none is ever left.
type files struct {
	runner *Runner
}

func (files) read(_ context.Context, f folder) (kept, error) {
	data, err := readFile(f.state())
	return kept{data: data}, err
}

// readFile is os.ReadFile with nil for a file that isn't there.
func readFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a stack: %w", err)
	}
	return data, nil
}

// earlier is the one state that Terraform backs up.
func (files) earlier(_ context.Context, f folder) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if data, err := readFile(f.state() + ".backup"); data != nil || err != nil {
			yield(data, err)
		}
	}
}

func (files) replace(_ context.Context, f folder, _ kept, data []byte) error {
	if err := os.Rename(f.state(), f.state()+".damaged"); err != nil {
		return fmt.Errorf("putting a damaged state aside: %w", err)
	}
	if data == nil {
		return nil
	}
	return writeFile(f.state(), data)
}

func unsavedFile(f folder) string { return filepath.Join(filepath.Dir(f.state()), erroredFile) }

func (files) unsaved(_ context.Context, f folder) ([]byte, error) { return readFile(unsavedFile(f)) }

func (files) keepUnsaved(_ context.Context, f folder, data []byte) error {
	if err := makeFolder(filepath.Dir(unsavedFile(f))); err != nil {
		return err
	}
	return writeFile(unsavedFile(f), data)
}

func (files) dropUnsaved(_ context.Context, f folder) error {
	if err := os.Remove(unsavedFile(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing an unsaved state: %w", err)
	}
	return nil
}

func (files) shelveUnsaved(_ context.Context, f folder, _ []byte, suffix string) error {
	if err := os.Rename(unsavedFile(f), unsavedFile(f)+suffix); err != nil {
		return fmt.Errorf("putting an unsaved state aside: %w", err)
	}
	return nil
}

func (files) claim(context.Context, folder, preview.Lease) error { return nil }

// forget leaves the removal to whoever removes the folder.
func (files) forget(context.Context, folder, kept) error { return nil }

// list returns the previews that have a folder on this machine, in the order of the folders.
func (s files) list(context.Context) ([]preview.Key, error) {
	paths, err := filepath.Glob(filepath.Join(globEscape(s.runner.options.Dir), "*", "*", "*-*"))
	if err != nil {
		return nil, fmt.Errorf("listing stacks: %w", err)
	}
	var keys []preview.Key
	for _, path := range paths {
		relative, err := filepath.Rel(s.runner.options.Dir, path)
		if err != nil {
			return nil, fmt.Errorf("listing stacks: %w", err)
		}
		if key, ok := keyOf(filepath.ToSlash(relative)); ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
