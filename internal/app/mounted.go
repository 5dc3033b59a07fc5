package app

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/telemetry"
)

// mountedFor is how long what was read of a mounted file is believed. Each reading of a secret that Cloud Run has mounted
// asks Secret Manager: https://cloud.google.com/run/docs/configuring/services/secrets#mounting-secrets
const mountedFor = 10 * time.Second

// A mounted is a file that may be replaced while it is used, such as a secret that is rotated. It is safe for concurrent
// use.
type mounted struct {
	path string
	log  *slog.Logger
	now  func() time.Time

	mu   sync.Mutex
	text []byte
	read time.Time // when it was tried last
}

func newMounted(path string, log *slog.Logger) *mounted {
	return &mounted{path: path, log: log, now: time.Now}
}

// bytes is the file's content, at most mountedFor old. While it can't be read, what was read last stays; nothing, if it
// never could be.
func (m *mounted) bytes(ctx context.Context) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if !m.read.IsZero() && now.Sub(m.read) < mountedFor {
		return m.text
	}
	m.read = now
	text, err := os.ReadFile(m.path)
	if err != nil {
		m.log.ErrorContext(ctx, "reading a secret; what was read last stays", "path", m.path, "error", err)
		return m.text
	}
	m.text = text
	return text
}

// secrets are the lines of the file.
func (m *mounted) secrets(ctx context.Context) []telemetry.Secret {
	var list []telemetry.Secret
	for line := range strings.Lines(string(m.bytes(ctx))) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, telemetry.Secret(line))
		}
	}
	return list
}
