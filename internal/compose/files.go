package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gangway-dev/gangway/internal/openapi"
)

// A repository is a folder of files that may refer to each other.
type repository struct{ root string }

// repositoryOf finds the repository that a file is in: the nearest folder above it with a .git, or else the file's own. It
// returns the file's path in there, with slashes.
func repositoryOf(file string) (repository, string, error) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return repository{}, "", err
	}
	root := filepath.Dir(absolute)
	for dir := root; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			root = dir
			break
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	name, err := filepath.Rel(root, absolute)
	return repository{root}, filepath.ToSlash(name), err
}

// ReadFile reads a regular file below the root; symbolic links are not followed, wherever they stand in the path.
func (r repository) ReadFile(name string) ([]byte, error) {
	root, err := os.OpenRoot(r.root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	local := filepath.FromSlash(name)
	if local == "." {
		return nil, fmt.Errorf("%w: it is a folder", openapi.ErrNotRegular)
	}
	for at := local; at != "."; at = filepath.Dir(at) {
		info, err := root.Lstat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fs.ErrNotExist
		case err != nil:
			return nil, err
		case at == local && !info.Mode().IsRegular() || at != local && !info.IsDir():
			return nil, fmt.Errorf("%w: %s is %s", openapi.ErrNotRegular, at, kindOf(info.Mode()))
		}
	}
	return root.ReadFile(local)
}

func kindOf(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m.IsDir():
		return "a folder"
	}
	return "a special file"
}
