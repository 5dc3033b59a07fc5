package terraform

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Names in a stack's folder.
const (
	workFolder  = "work"
	stateFolder = "state"
	stateFile   = "terraform.tfstate"
	apisFolder  = "_apis" // no gateway can have this name
)

// A folder is where the files of one stack are.
type folder struct {
	path   string // absolute
	prefix string // of the state in a bucket: environment/gateway/…
}

func (f folder) work() string  { return filepath.Join(f.path, workFolder) }
func (f folder) state() string { return filepath.Join(f.path, stateFolder, stateFile) }

func (r *Runner) folder(key preview.Key) (folder, error) {
	if !key.Valid() {
		return folder{}, fmt.Errorf("stack of %q: not a preview's key", key.String())
	}
	name := fmt.Sprintf("%d-%d", key.Repository, key.PullRequest)
	return r.folderOf(key.Environment, key.Gateway, name), nil
}

func (r *Runner) folderOf(segments ...string) folder {
	return folder{
		path:   filepath.Join(append([]string{r.options.Dir}, segments...)...),
		prefix: strings.Join(append([]string{r.options.Backend.Prefix}, segments...), "/"),
	}
}

// Stacks lists the previews that have a stack on this machine, in the order of their folders, also those whose stack is
// empty. What was begun on another machine isn't among them.
func (r *Runner) Stacks(context.Context) ([]preview.Key, error) {
	paths, err := filepath.Glob(filepath.Join(globEscape(r.options.Dir), "*", "*", "*-*"))
	if err != nil {
		return nil, fmt.Errorf("listing stacks: %w", err)
	}
	var keys []preview.Key
	for _, path := range paths {
		if key, ok := r.keyOf(path); ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// keyOf is the preview whose stack is in path; ok is false for anything else that is there.
func (r *Runner) keyOf(path string) (key preview.Key, ok bool) {
	relative, err := filepath.Rel(r.options.Dir, path)
	if err != nil {
		return preview.Key{}, false
	}
	part := strings.Split(filepath.ToSlash(relative), "/")
	if len(part) != 3 {
		return preview.Key{}, false
	}
	repository, number, _ := strings.Cut(part[2], "-")
	key = preview.Key{Environment: part[0], Gateway: part[1]}
	if key.Repository, err = strconv.ParseInt(repository, 10, 64); err != nil {
		return preview.Key{}, false
	}
	if key.PullRequest, err = strconv.Atoi(number); err != nil {
		return preview.Key{}, false
	}
	own, err := r.folder(key)
	return key, err == nil && own.path == path
}

// globEscape makes a path match only itself.
func globEscape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// makeFolder makes a folder that only this user can look into.
func makeFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("making a stack's folder: %w", err)
	}
	return nil
}
