package app

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/receive"
	"github.com/gangway-dev/gangway/internal/reconcile"
	"github.com/gangway-dev/gangway/internal/server"
	"github.com/gangway-dev/gangway/internal/terraform"
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

// The page about metrics has each of them, and no others.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	receive.New(receive.Options{Metrics: m.registry})
	reconcile.New(reconcile.Options{Metrics: m.registry})
	runner, err := terraform.New(terraform.Options{Dir: t.TempDir(), Metrics: m.registry})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = runner.Close() })
	descriptions := make(chan *prometheus.Desc, 1000)
	m.registry.Describe(descriptions)
	close(descriptions)
	have := map[string]bool{}
	for d := range descriptions {
		if name := regexp.MustCompile(`fqName: "(gangway_\w+)"`).FindStringSubmatch(d.String()); name != nil {
			have[name[1]] = true
		}
	}
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, name := range regexp.MustCompile("(?m)^\\| `(gangway_\\w+)`").FindAllSubmatch(page, -1) {
		said[string(name[1])] = true
	}
	if diff := cmp.Diff(have, said); diff != "" || len(have) < 10 {
		t.Errorf("docs/metrics.md (-metrics +page):\n%s", diff)
	}
}
