package monitoring_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
	emulator "github.com/gangway-dev/gangway/internal/emulator/monitoring"
	"github.com/gangway-dev/gangway/internal/monitoring"
	"github.com/gangway-dev/gangway/internal/preview"
)

var (
	orders = preview.ServiceRef{Project: "shop", Region: "europe-west1", Name: "orders"}
	noon   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

type world struct {
	t      *testing.T
	now    time.Time
	server *emulator.Server
	client *monitoring.Client
	calls  []string
}

func newWorld(t *testing.T, access *iam.Access, token string) *world {
	t.Helper()
	w := &world{t: t, now: noon.Add(time.Hour)}
	w.server = emulator.New(emulator.Options{
		Period: emulator.RealPeriod, Lag: emulator.RealLag, Now: func() time.Time { return w.now }, Access: access, Violation: conformance.Fail(t),
	})
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.calls = append(w.calls, r.URL.Query().Get("filter"))
		if r.URL.Query().Get("pageToken") == "" { // as if pages were small
			q := r.URL.Query()
			q.Set("pageSize", "3")
			r.URL.RawQuery = q.Encode()
		}
		w.server.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	client, err := monitoring.New(t.Context(), monitoring.Options{Endpoint: front.URL, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	w.client = client
	return w
}

// serve counts requests, one a second from a time on.
func (w *world) serve(revision string, status, count int, took time.Duration, from time.Time) {
	for n := range count {
		w.server.Count(emulator.Request{
			Project: "shop", Location: "europe-west1", Service: "orders", Revision: revision, Status: status, Took: took,
			At: from.Add(time.Duration(n) * time.Second),
		})
	}
}

func (w *world) windows(from, to time.Time, revisions ...string) (map[string]monitoring.Window, time.Time) {
	w.t.Helper()
	got, through, err := w.client.Windows(w.t.Context(), orders, from, to, revisions...)
	if err != nil {
		w.t.Fatal(err)
	}
	return got, through
}

func TestWindows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "")
	w.serve("orders-1", 200, 550, 100*time.Millisecond, noon)
	w.serve("orders-1", 404, 40, 100*time.Millisecond, noon)
	w.serve("orders-1", 500, 10, 2*time.Second, noon)
	w.serve("orders-2", 200, 5, 30*time.Millisecond, noon)
	w.serve("orders-2", 503, 5, 30*time.Millisecond, noon.Add(2*time.Minute))
	w.serve("orders-3", 200, 100, time.Second, noon)                     // not asked for
	w.serve("orders-1", 200, 100, time.Minute, noon.Add(20*time.Minute)) // later
	got, through := w.windows(noon, noon.Add(10*time.Minute), "orders-1", "orders-2", "orders-none")
	if !through.Equal(noon.Add(10 * time.Minute)) {
		t.Errorf("through %v", through)
	}
	counts := map[string][2]int64{}
	for name, window := range got {
		counts[name] = [2]int64{window.Requests, window.Errors}
	}
	if diff := cmp.Diff(map[string][2]int64{"orders-1": {600, 10}, "orders-2": {10, 5}, "orders-none": {0, 0}}, counts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	within := func(what string, got, least, most time.Duration) {
		t.Helper()
		if got < least || got > most {
			t.Errorf("%s is %v, want %v to %v", what, got, least, most)
		}
	}
	// The bucket of 100 ms is from 79 to 110 ms, that of 2 s from 1,639 to 2,295 ms.
	within("P50", got["orders-1"].P50, 79*time.Millisecond, 111*time.Millisecond)
	within("P95", got["orders-1"].P95, 79*time.Millisecond, 111*time.Millisecond)
	within("P99", got["orders-1"].P99, 1639*time.Millisecond, 2295*time.Millisecond)
	within("P99 of the other", got["orders-2"].P99, 20*time.Millisecond, 41*time.Millisecond)
	if got["orders-none"] != (monitoring.Window{}) {
		t.Errorf("without requests: %+v", got["orders-none"])
	}
	metrics := map[string]int{}
	for _, filter := range w.calls {
		metrics[strings.Fields(filter)[2]]++
	}
	if len(metrics) != 2 {
		t.Errorf("calls %v", metrics)
	}
}

// What was answered a moment ago isn't told of yet: a window is complete once Lag has passed.
func TestLag(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "")
	w.serve("orders-1", 200, 120, time.Millisecond, noon)
	to := noon.Add(2 * time.Minute)
	for _, tt := range []struct {
		after time.Duration
		want  int64
	}{{0, 0}, {90 * time.Second, 60}, {monitoring.Lag, 120}} {
		w.now = to.Add(tt.after)
		got, through := w.windows(noon, to, "orders-1")
		if got["orders-1"].Requests != tt.want || through.IsZero() != (tt.want == 0) {
			t.Errorf("%v after the end: %d requests, through %v; want %d", tt.after, got["orders-1"].Requests, through, tt.want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	access := iam.New(iam.Binding{Account: "a@b", Permissions: []string{"monitoring.timeSeries.list"}}, iam.Binding{Account: "c@d"})
	if _, _, err := newWorld(t, access, access.Token("a@b")).client.Windows(t.Context(), orders, noon, noon, "orders-1"); err != nil {
		t.Errorf("with the right: %v", err)
	}
	_, _, err := newWorld(t, access, access.Token("c@d")).client.Windows(t.Context(), orders, noon, noon, "orders-1")
	if user, ok := errors.AsType[*preview.UserError](err); !ok || !strings.Contains(user.Hint, "monitoring.timeSeries.list") {
		t.Errorf("without: %v", err)
	}
	if _, _, err := newWorld(t, nil, "").client.Windows(t.Context(), orders, noon, noon); err == nil {
		t.Error("no revision: no error")
	}
	if _, _, err := newWorld(t, nil, "").client.Windows(t.Context(), orders, noon.Add(time.Hour), noon, "x"); err == nil {
		t.Error("an interval that ends before it begins: no error")
	}
}

// What an answer leaves out, or has too much of, is an error or ignored; nothing panics.
func TestOddAnswers(t *testing.T) {
	t.Parallel()
	const head = `{"timeSeries":[{"metric":{"labels":{}},"resource":{"labels":{"revision_name":"r"}},"points":[`
	for name, tt := range map[string]struct {
		answer string
		fails  bool
	}{
		"nothing":          {`{}`, false},
		"other revision":   {`{"timeSeries":[{"metric":{},"resource":{"labels":{"revision_name":"other"}},"points":[{}]}]}`, false},
		"no resource":      {`{"timeSeries":[{}]}`, false},
		"no value":         {head + `{"interval":{"endTime":"2026-03-01T12:00:00Z"}}]}]}`, true},
		"no interval":      {head + `{"value":{"int64Value":"1"}}]}]}`, true},
		"no distribution":  {head + `{"interval":{"endTime":"2026-03-01T12:00:00Z"},"value":{"int64Value":"1"}}]}]}`, true},
		"too many buckets": {head + `{"interval":{"endTime":"x"},"value":{"int64Value":"1","distributionValue":{"bucketOptions":{"explicitBuckets":{"bounds":[1]}},"bucketCounts":["1","2","3"]}}}]}]}`, true},
		"explicit":         {head + `{"interval":{"endTime":"x"},"value":{"int64Value":"1","distributionValue":{"bucketOptions":{"explicitBuckets":{"bounds":[1,3]}},"bucketCounts":["0","2"]}}}]}]}`, false},
		"linear":           {head + `{"interval":{"endTime":"x"},"value":{"int64Value":"1","distributionValue":{"bucketOptions":{"linearBuckets":{"offset":1,"width":2,"numFiniteBuckets":1}},"bucketCounts":["0","2","1"]}}}]}]}`, false},
		"no buckets":       {head + `{"interval":{"endTime":"x"},"value":{"int64Value":"1","distributionValue":{"bucketOptions":{}}}}]}]}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(tt.answer))
			}))
			defer far.Close()
			client, err := monitoring.New(t.Context(), monitoring.Options{Endpoint: far.URL})
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := client.Windows(t.Context(), orders, noon, noon, "r")
			if (err != nil) != tt.fails {
				t.Errorf("%+v, %v", got, err)
			}
			if name == "explicit" && got["r"].P50 != 2*time.Millisecond {
				t.Errorf("the middle of 1 to 3 ms is %v", got["r"].P50)
			}
		})
	}
}
