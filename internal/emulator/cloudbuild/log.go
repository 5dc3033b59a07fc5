package cloudbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// maxLog bounds a build's log; what comes after is dropped.
const maxLog = 16 << 20

// mainStep is how Cloud Logging's entries call what Cloud Build itself writes.
const mainStep = "MAIN"

// A LogLine is one line of a build's log as Cloud Logging gets it:
// https://cloud.google.com/build/docs/securing-builds/store-manage-build-logs
type LogLine struct {
	Project, Build string
	Tags           []string
	Step           string // the entry's label build_step: Step #0 - "image", or MAIN
	Text           string
}

// A logWriter is a build's log. It is safe for concurrent use.
type logWriter struct {
	build  Build
	tell   func(LogLine)
	prefix bool // steps' names stand before their lines in Cloud Logging too

	mu      sync.Mutex
	f       *os.File
	written int
}

func (s *Server) logFile(id string) string { return filepath.Join(s.options.Dir, "logs", id+".txt") }

func (s *Server) openLog(b Build) (*logWriter, error) {
	f, err := os.OpenFile(s.logFile(b.ID), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the build's log: %w", err)
	}
	l := &logWriter{f: f, build: b, prefix: len(b.Steps) > 1, tell: func(LogLine) {}}
	if logging := b.Options.Logging; s.options.Logged != nil && logging != "NONE" && logging != "GCS_ONLY" {
		l.tell = s.options.Logged
	}
	return l, nil
}

// log adds lines to a build's log when nobody has it open.
func (s *Server) log(ctx context.Context, b Build, lines ...string) {
	w, err := s.openLog(b)
	if err != nil {
		s.options.Log.WarnContext(ctx, "writing a build's log", "build_id", b.ID, "error", err)
		return
	}
	for _, line := range lines {
		w.line(line)
	}
	if err := w.close(); err != nil {
		s.options.Log.WarnContext(ctx, "writing a build's log", "build_id", b.ID, "error", err)
	}
}

// line is a line of Cloud Build's own.
func (l *logWriter) line(text string) { l.put(mainStep, text) }

func (l *logWriter) put(step, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written > maxLog {
		return
	}
	named := text
	if step != mainStep {
		named = step + ": " + text
	}
	n, _ := l.f.WriteString(named + "\n")
	l.written += n
	if l.prefix {
		text = named
	}
	if text != "" {
		l.tell(LogLine{
			Project: l.build.ProjectID, Build: l.build.ID, Tags: l.build.Tags, Step: step, Text: strings.ToValidUTF8(text, "\uFFFD"),
		})
	}
}

func (l *logWriter) close() error { return l.f.Close() }

// step is a writer for one step's output.
func (l *logWriter) step(title string) *stepWriter { return &stepWriter{log: l, title: title} }

// A stepWriter puts a step's name before its lines. It is safe for concurrent use.
type stepWriter struct {
	log   *logWriter
	title string

	mu   sync.Mutex
	rest []byte
}

// maxLine is where a line without an end is cut.
const maxLine = 16 << 10

func (w *stepWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 && len(w.rest) > maxLine {
			i = maxLine
			w.rest = append(w.rest[:i], append([]byte{'\n'}, w.rest[i:]...)...)
		}
		if i < 0 {
			return len(p), nil
		}
		w.log.put(w.title, string(w.rest[:i]))
		w.rest = w.rest[i+1:]
	}
}

func (w *stepWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) > 0 {
		w.log.put(w.title, string(w.rest))
		w.rest = nil
	}
}

// readLog is a build's log; a build that has written nothing has an empty one.
func (s *Server) readLog(id string) (string, error) {
	text, err := os.ReadFile(s.logFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.ToValidUTF8(string(text), "\uFFFD"), err
}

// text serves the log as plain text.
func (s *Server) text(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	_, ok := s.builds[req.PathValue("id")]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, req)
		return
	}
	text, err := s.readLog(req.PathValue("id"))
	if err != nil {
		http.Error(w, "the log can't be read", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(text))
}

// page serves what logUrl links to.
func (s *Server) page(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	r, ok := s.builds[req.PathValue("id")]
	var b Build
	if ok {
		b = r.snapshot()
	}
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, req)
		return
	}
	text, err := s.readLog(b.ID)
	if err != nil {
		http.Error(w, "the log can't be read", http.StatusInternalServerError)
		return
	}
	t, err := template.New("build").Parse(pageText)
	if err != nil {
		http.Error(w, "the page can't be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_ = t.Execute(w, map[string]any{"Build": b, "Log": text, "Done": done(b.Status)})
}

const pageText = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Build.Status}} · build {{.Build.ID}}</title>
{{if not .Done}}<meta http-equiv="refresh" content="2">{{end}}
<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;padding:0 1em;max-width:70em}
pre{background:#8882;border-radius:6px;padding:1em;overflow:auto}p,li{overflow-wrap:anywhere}td{padding:.1em 1em .1em 0}</style></head><body>
<h1>{{.Build.Status}}</h1>
<p>Build {{.Build.ID}} of project {{.Build.ProjectID}}{{with .Build.StatusDetail}}: {{.}}{{end}}</p>
<table>{{range $i, $s := .Build.Steps}}<tr><td>{{$i}}</td><td>{{$s.ID}}</td><td>{{$s.Name}}</td><td>{{$s.Status}}</td></tr>{{end}}</table>
{{with .Build.Results}}<ul>{{range .Images}}<li>{{.Name}} {{.Digest}}</li>{{end}}</ul>{{end}}
<p>{{range .Build.Tags}}<code>{{.}}</code> {{end}}</p>
<pre>{{.Log}}</pre>
<p><a href="/builds/{{.Build.ID}}/log">Log as text</a></p>
</body></html>
`
