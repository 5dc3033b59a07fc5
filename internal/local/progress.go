package local

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// progress tells a person what happens: a line for each step with the time that it took. On a terminal the line of a
// running step is written again and again.
type progress struct {
	out  io.Writer
	live bool

	mu    sync.Mutex
	began time.Time
	now   string // what the running step is at
	steps int
	ok    int
}

func newProgress(out io.Writer, live bool) *progress {
	return &progress{out: out, live: live, began: time.Now()}
}

// step runs do and tells how it went.
func (p *progress) step(ctx context.Context, name string, do func() error) error {
	began := time.Now()
	p.mu.Lock()
	p.steps++
	p.now = ""
	p.mu.Unlock()
	stop := p.spin(ctx, name, began)
	err := do()
	stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	mark := "FAIL"
	switch {
	case err == nil:
		mark = "ok  "
		p.ok++
	case ctx.Err() != nil:
		mark = "stop"
	}
	_, _ = fmt.Fprintf(p.out, "%s %7.1f s  %s\n", mark, time.Since(began).Seconds(), name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// at says what the running step is at.
func (p *progress) at(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if what == p.now {
		return
	}
	p.now = what
	if !p.live && what != "" {
		_, _ = fmt.Fprintf(p.out, "        ...  %s\n", what)
	}
}

// spin writes the line of a running step on a terminal, cut where the terminal ends: a second line could not be taken back.
func (p *progress) spin(ctx context.Context, name string, began time.Time) (stop func()) {
	if !p.live {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			p.mu.Lock()
			now := p.now
			p.mu.Unlock()
			if now != "" {
				now = ": " + now
			}
			_, _ = fmt.Fprintf(p.out, "\r\x1b[K\x1b[?7l ..  %7.1f s  %s%s\x1b[?7h", time.Since(began).Seconds(), name, now)
			select {
			case <-ctx.Done():
				_, _ = fmt.Fprint(p.out, "\r\x1b[K")
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func (p *progress) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format+"\n", args...)
}
