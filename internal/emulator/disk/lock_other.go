//go:build !unix

package disk

import (
	"fmt"
	"os"
	"path/filepath"
)

// Lock takes a folder for one process, by a file in it that can't be opened twice.
func Lock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making folder: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%s is in use by another process, or was left by one that was killed: remove it then", path)
	}
	return func() {
		_ = file.Close()
		_ = os.Remove(path)
	}, nil
}
