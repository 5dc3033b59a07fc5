package monitoring

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// get asks for time series.
func get(t *testing.T, s *Server, query url.Values) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v3/projects/shop/timeSeries?"+query.Encode(), nil))
	return w.Code, w.Body.String()
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := New(Options{Violation: conformance.FailUnlessRefused(t)})
	const filter = `metric.type = "run.googleapis.com/request_count"`
	at := noon.Format(time.RFC3339)
	for want, query := range map[string]url.Values{
		"interval.endTime":           {"filter": {filter}},
		"is after":                   {"filter": {filter}, "interval.endTime": {at}, "interval.startTime": {noon.Add(time.Second).Format(time.RFC3339)}},
		"doesn't specify":            {"filter": {`resource.type = "cloud_run_revision"`}, "interval.endTime": {at}},
		"metric \\\"x\\\" is not":    {"filter": {`metric.type = "x"`}, "interval.endTime": {at}},
		"field \\\"y\\\" is not":     {"filter": {filter + ` AND y = "x"`}, "interval.endTime": {at}},
		"operator":                   {"filter": {filter + ` AND resource.labels.location > "x"`}, "interval.endTime": {at}},
		"one metric.type":            {"filter": {filter + " OR " + filter}, "interval.endTime": {at}},
		"perSeriesAligner is not em": {"filter": {filter}, "interval.endTime": {at}, "aggregation.perSeriesAligner": {"ALIGN_DELTA"}},
		"pageToken":                  {"filter": {filter}, "interval.endTime": {at}, "pageToken": {"!"}},
	} {
		if code, body := get(t, s, query); code != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("want %q, got %d %s", want, code, body)
		}
	}
}

// Old requests are forgotten, and classes of status are what Cloud Run has.
func TestPruned(t *testing.T) {
	t.Parallel()
	now := noon
	s := New(Options{Keep: time.Hour, Now: func() time.Time { return now }, Violation: conformance.Fail(t)})
	one := Request{Project: "shop", Location: "r", Service: "s", Revision: "v", Status: 429, Took: 0, At: now}
	s.Count(one)
	query := url.Values{
		"filter":           {`metric.type = "run.googleapis.com/request_latencies" AND metric.labels.response_code_class = "4xx" AND NOT resource.labels.service_name = "x"`},
		"interval.endTime": {noon.Add(24 * time.Hour).Format(time.RFC3339)}, "interval.startTime": {noon.Add(-time.Hour).Format(time.RFC3339)},
	}
	now = now.Add(2 * time.Second)
	count := func() int {
		t.Helper()
		var answer struct {
			TimeSeries []struct{ Points []any }
		}
		code, body := get(t, s, query)
		if err := json.Unmarshal([]byte(body), &answer); err != nil || code != http.StatusOK {
			t.Fatalf("%d %s", code, body)
		}
		points := 0
		for _, series := range answer.TimeSeries {
			points += len(series.Points)
		}
		return points
	}
	if got := count(); got != 1 {
		t.Errorf("%d points", got)
	}
	now = now.Add(2 * time.Hour)
	one.At = now
	s.Count(one)
	now = now.Add(2 * time.Second)
	if got := count(); got != 1 || len(s.series) != 1 {
		t.Errorf("%d points, %d series", got, len(s.series))
	}
}
