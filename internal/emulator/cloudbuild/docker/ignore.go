package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// An ignoreFile is a .dockerignore: the last pattern that matches a path or a directory above it decides.
// https://docs.docker.com/build/concepts/context/#dockerignore-files
type ignoreFile []ignorePattern

type ignorePattern struct {
	glob   string
	except bool // begins with !
}

// readIgnoreFile reads the Dockerfile's own ignore file, or else the context's.
func readIgnoreFile(context, dockerfile string) (ignoreFile, error) {
	for _, name := range []string{dockerfile + ".dockerignore", path.Join(context, ".dockerignore")} {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading .dockerignore: %w", err)
		}
		return parseIgnoreFile(string(text))
	}
	return nil, nil
}

func parseIgnoreFile(text string) (ignoreFile, error) {
	var f ignoreFile
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		glob, except := strings.CutPrefix(line, "!")
		glob = strings.TrimPrefix(path.Clean("/"+strings.TrimSpace(glob)), "/")
		if glob == "" {
			continue
		}
		if !doublestar.ValidatePattern(glob) {
			return nil, fmt.Errorf(".dockerignore:%d: %q is not a pattern", n+1, line)
		}
		f = append(f, ignorePattern{glob, except})
	}
	return f, nil
}

func (f ignoreFile) matches(name string) bool {
	ignored := false
	for _, p := range f {
		for at := name; at != "." && at != "/"; at = path.Dir(at) {
			if ok, _ := doublestar.Match(p.glob, at); ok {
				ignored = !p.except
				break
			}
		}
	}
	return ignored
}

// mayExcept tells whether something below an ignored directory may be wanted after all.
func (f ignoreFile) mayExcept() bool {
	for _, p := range f {
		if p.except {
			return true
		}
	}
	return false
}
