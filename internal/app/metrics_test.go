package app

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/server"
)

// What becomes of messages can be seen from outside.
func TestMessagesAreCounted(t *testing.T) {
	m := newMetrics()
	for _, err := range []error{nil, nil, preview.ErrIgnored, fmt.Errorf("reading: %w", preview.ErrIgnored), errors.New("away")} {
		m.message("intake-pull-requests", err)
	}
	page := httptest.NewRecorder()
	server.MetricsHandler(m.registry, nil).ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for outcome, want := range map[string]int{"ok": 2, "ignored": 2, "error": 1} {
		line := fmt.Sprintf("gangway_messages_total{outcome=%q,subscription=\"intake-pull-requests\"} %d\n", outcome, want)
		if !strings.Contains(page.Body.String(), line) {
			t.Errorf("the metrics don't say %s", line)
		}
	}
}
