//go:build unix && !linux

package process

import (
	"errors"
	"syscall"
	"time"
)

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// adoptOrphans is not possible here: a grandchild that leaves the process group is on its own.
func adoptOrphans() {}

// reapAll reaps what the kill of the group has ended.
func reapAll() {
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); errors.Is(err, syscall.ECHILD) {
			return
		}
	}
}
