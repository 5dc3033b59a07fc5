package shell

import (
	"io"
	"sync"
)

// output lets several programs write to one writer.
type output struct {
	mu *sync.Mutex
	w  io.Writer
}

func (o output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

// guarded returns s with outputs that may be written to concurrently.
func (s Spec) guarded() Spec {
	var mu sync.Mutex
	if s.Stdout != nil {
		s.Stdout = guard(&mu, s.Stdout)
	} else {
		s.Stdout = io.Discard
	}
	if s.Stderr != nil {
		s.Stderr = guard(&mu, s.Stderr)
	} else {
		s.Stderr = io.Discard
	}
	return s
}

func guard(mu *sync.Mutex, w io.Writer) io.Writer {
	if _, ok := w.(output); ok {
		return w
	}
	return output{mu, w}
}
