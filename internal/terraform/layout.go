package terraform

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
	return r.folderOf(key.Environment, key.Gateway, stackName(key)), nil
}

// stackName is REPOSITORY-NUMBER, or REPOSITORY-release-SERVICE.
func stackName(key preview.Key) string {
	return strings.Replace(strings.TrimPrefix(key.String(), key.Environment+"/"+key.Gateway+"/"), "/", "-", 1)
}

func (r *Runner) folderOf(segments ...string) folder {
	return folder{
		path:   filepath.Join(append([]string{r.options.Dir}, segments...)...),
		prefix: strings.TrimPrefix(strings.Join(append([]string{r.options.Backend.Prefix}, segments...), "/"), "/"),
	}
}

// Stacks lists the previews that have a stack, in order, also those whose stack is empty: with backend "local" those whose
// folder is on this machine, with "gcs" all of which there is an object.
func (r *Runner) Stacks(ctx context.Context) ([]preview.Key, error) { return r.states.list(ctx) }

// keyOf is the preview whose stack has a path (ENVIRONMENT/GATEWAY/REPOSITORY-NUMBER); ok is false for anything else.
func keyOf(path string) (key preview.Key, ok bool) {
	part := strings.SplitN(path, "/", 3)
	if len(part) != 3 {
		return preview.Key{}, false
	}
	repository, rest, _ := strings.Cut(part[2], "-")
	key, err := preview.ParseKey(strings.Join([]string{part[0], part[1], repository, rest}, "/"))
	return key, err == nil
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
