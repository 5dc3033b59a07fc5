package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

var seconds = regexp.MustCompile(` +[0-9]+\.[0-9] s`)

// TestPlainProgress: without a terminal there are whole lines only, and nothing for a terminal.
func TestPlainProgress(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, false)
	told := errors.New("it rains")
	ctx, stop := context.WithCancel(t.Context())
	_ = p.step(ctx, "first", func() error { p.at("half"); p.at("half"); p.at("whole"); return nil })
	if err := p.step(ctx, "second", func() error { return told }); !errors.Is(err, told) || !strings.Contains(err.Error(), "second") {
		t.Errorf("step = %v", err)
	}
	stop()
	_ = p.step(ctx, "third", func() error { return ctx.Err() })
	want := "        ...  half\n        ...  whole\nok N  first\nFAIL N  second\nstop N  third\n"
	if got := seconds.ReplaceAllString(out.String(), " N"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	l := &Local{out: p}
	if got := l.Summary(); got != "gangway local: 1 of 3 steps ok in 0 s" {
		t.Errorf("Summary = %q", got)
	}
}

// TestLiveProgress: on a terminal, what remains is a line for each step.
func TestLiveProgress(t *testing.T) {
	read, write := io.Pipe()
	heard := make(chan string)
	go func() {
		text, _ := io.ReadAll(read)
		heard <- string(text)
	}()
	p := newProgress(write, true)
	_ = p.step(t.Context(), "first", func() error { p.at("half"); return nil })
	_ = write.Close()
	text := <-heard
	shown := text[strings.LastIndex(text, "\r\x1b[K")+len("\r\x1b[K"):]
	if got := seconds.ReplaceAllString(shown, " N"); got != "ok N  first\n" || strings.Count(text, "\n") != 1 {
		t.Errorf("the terminal shows %q of %q", got, text)
	}
}
