package terraform

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gangway-dev/gangway/terraform"
)

// Files in a stack's work folder beside the rendered ones.
const (
	lockFile    = ".terraform.lock.hcl"
	dataFolder  = ".terraform"
	stampFile   = ".gangway-init" // what the last init was made for
	erroredFile = "errored.tfstate"
)

// render writes the root module, the modules and the document. It tells whether init has to run first; then the folder
// holds nothing but what was written.
func (r *Runner) render(f folder, m root) (needsInit bool, err error) {
	m.poll = r.options.PollInterval
	m.backend = r.backend(f)
	if !r.initialised(f, m.module) {
		if err := r.discard(f); err != nil {
			return false, err
		}
		needsInit = true
	}
	if err := errors.Join(makeFolder(f.work()), makeFolder(filepath.Dir(f.state())), tidy(f)); err != nil {
		return false, err
	}
	if m.module != "" {
		if err := writeModules(f.work(), m.module); err != nil {
			return false, err
		}
	}
	if m.document != nil {
		if err := writeFile(filepath.Join(f.work(), documentFile), m.document); err != nil {
			return false, err
		}
	}
	return needsInit, writeFile(filepath.Join(f.work(), rootFile), m.render(r.options.Backend.Kind))
}

// tidy removes from the work folder what does not belong there: Terraform reads every file that ends in .tf or .tfvars.
func tidy(f folder) error {
	entries, err := os.ReadDir(f.work())
	if err != nil {
		return fmt.Errorf("tidying a stack's work folder: %w", err)
	}
	for _, entry := range entries {
		switch entry.Name() {
		case rootFile, documentFile, lockFile, dataFolder, stampFile, erroredFile:
			continue
		}
		if err := os.RemoveAll(filepath.Join(f.work(), entry.Name())); err != nil {
			return fmt.Errorf("tidying a stack's work folder: %w", err)
		}
	}
	return nil
}

// backend is the content of the backend block.
func (r *Runner) backend(f folder) []backendSetting {
	if r.options.Backend.Kind == BackendGCS {
		return []backendSetting{{"bucket", r.options.Backend.Bucket}, {"prefix", f.prefix}}
	}
	return []backendSetting{{"path", filepath.Join("..", stateFolder, stateFile)}}
}

// initialised tells whether Terraform's own folder fits. That of a run with a module also fits one without.
func (r *Runner) initialised(f folder, module string) bool {
	stamp, err := os.ReadFile(filepath.Join(f.work(), stampFile))
	if err != nil {
		return false
	}
	record, err := os.ReadFile(filepath.Join(f.work(), dataFolder, stateFile)) // of the backend
	if err != nil || !json.Valid(record) {
		return false
	}
	had, sum, _ := strings.Cut(strings.TrimSpace(string(stamp)), " ")
	return sum == r.fingerprint(f) && (had == module || module == "")
}

// stamp notes that init has run for module.
func (r *Runner) stamp(f folder, module string) error {
	return writeFile(filepath.Join(f.work(), stampFile), []byte(module+" "+r.fingerprint(f)+"\n"))
}

// fingerprint changes with everything that init looks at: backend, kind of provider, modules, binary.
func (r *Runner) fingerprint(f folder) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q %v %t %q %q", r.options.Backend, r.backend(f), r.options.ServeProvider != nil, r.options.Exec, r.modules)
	return hex.EncodeToString(h.Sum(nil))
}

// discard empties the work folder, but never loses a state that Terraform could not save.
func (r *Runner) discard(f folder) error {
	errored := filepath.Join(f.work(), erroredFile)
	data, err := readFile(errored)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(f.work()); err != nil {
		return fmt.Errorf("emptying a stack's work folder: %w", err)
	}
	if data == nil {
		return nil
	}
	if err := makeFolder(f.work()); err != nil {
		return err
	}
	return writeFile(errored, data)
}

// writeModules writes one of the embedded modules.
func writeModules(dir, module string) error {
	source := "modules/" + module
	entries, err := terraform.Modules.ReadDir(source)
	if err != nil {
		return fmt.Errorf("writing Terraform modules: %w", err)
	}
	if err := makeFolder(filepath.Join(dir, source)); err != nil {
		return err
	}
	for _, entry := range entries {
		data, err := terraform.Modules.ReadFile(source + "/" + entry.Name())
		if err != nil {
			return fmt.Errorf("writing Terraform modules: %w", err)
		}
		if err := writeFile(filepath.Join(dir, source, entry.Name()), data); err != nil {
			return err
		}
	}
	return nil
}

// modulesDigest is a fingerprint of all embedded modules.
func modulesDigest() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(terraform.Modules, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := terraform.Modules.ReadFile(path)
		_, _ = fmt.Fprintf(h, "%s %d\n%s", path, len(data), data)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("reading Terraform modules: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writeFile writes a file that only this user can read, if it does not hold data already.
func writeFile(path string, data []byte) error {
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing a stack: %w", err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("writing a stack: %w", err)
	}
	return nil
}
