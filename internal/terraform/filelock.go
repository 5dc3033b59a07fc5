package terraform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockPause is how often a taken lock is tried again, for at most maxLockWait.
const (
	lockPause   = 20 * time.Millisecond
	maxLockWait = 2 * time.Second
)

// lockFolder keeps other processes out of a stack's folder, which Terraform's lock of the state does not: they would
// render another root module over the one that is being applied. The system releases the lock when the process ends.
// The error wraps ErrLocked when somebody else keeps it.
func lockFolder(ctx context.Context, f folder) (unlock func(), err error) {
	path := lockPath(f)
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	for begin := time.Now(); ; {
		file, err := tryLock(path)
		if err != nil {
			return nil, fmt.Errorf("locking a stack: %w", err)
		}
		if file != nil {
			return func() { _ = file.Close() }, nil
		}
		if time.Since(begin) > maxLockWait {
			return nil, fmt.Errorf("locking a stack: another process works on it: %w", ErrLocked)
		}
		timer := time.NewTimer(lockPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("locking a stack: %w", context.Cause(ctx))
		}
	}
}

// tryLock returns the locked file, or nil when the lock is taken.
func tryLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
			return nil, nil
		}
		return nil, err
	}
	// Whoever forgets a stack removes the file while holding it: then this lock is on a file that nobody else sees.
	mine, err := file.Stat()
	if err == nil {
		var there os.FileInfo
		if there, err = os.Stat(path); err == nil && os.SameFile(mine, there) {
			return file, nil
		}
	}
	_ = file.Close()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return nil, nil
}

// lockPath is beside the folder, because the folder itself comes and goes.
func lockPath(f folder) string {
	return filepath.Join(filepath.Dir(f.path), "."+filepath.Base(f.path)+".lock")
}
