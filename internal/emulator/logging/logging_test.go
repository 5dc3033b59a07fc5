package logging_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/googleapi"
	api "google.golang.org/api/logging/v2"
	"google.golang.org/api/option"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/logging"
)

// newService is Google's client library with an emulator.
func newService(t *testing.T, o logging.Options) (*api.Service, *logging.Server, string) {
	t.Helper()
	o.Violation = conformance.FailUnlessRefused(t)
	far := logging.New(o)
	server := httptest.NewServer(far)
	t.Cleanup(server.Close)
	service, err := api.NewService(t.Context(), option.WithEndpoint(server.URL), option.WithHTTPClient(server.Client()))
	if err != nil {
		t.Fatal(err)
	}
	return service, far, server.URL
}

func at(second int) time.Time { return time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC) }

func texts(entries []*api.LogEntry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.TextPayload)
	}
	return strings.Join(all, " ")
}

func TestList(t *testing.T) {
	service, far, _ := newService(t, logging.Options{})
	for i, step := range []string{`Step #0 - "image"`, "MAIN", `Step #0 - "image"`, `Step #0 - "image"`} {
		far.Write(logging.Entry{
			LogName: "projects/p/logs/cloudbuild", Timestamp: at(i / 2 * 2), TextPayload: fmt.Sprint("line-", i),
			Resource: logging.Resource{Type: "build", Labels: map[string]string{"build_id": "b"}}, Labels: map[string]string{"build_step": step},
		})
	}
	far.Write(logging.Entry{LogName: "projects/other/logs/cloudbuild", Timestamp: at(1), TextPayload: "foreign"})
	for filter, want := range map[string]string{
		"": "line-0 line-1 line-2 line-3",
		`labels.build_step="Step #0 - \"image\""`:                                         "line-0 line-2 line-3",
		`resource.type="build" AND resource.labels.build_id="b" labels.build_step="MAIN"`: "line-1",
		`resource.labels.build_id="c"`:                                                    "",
		`labels.none!="x"`:                                                                "",
		`timestamp>="2026-01-02T03:04:01Z"`:                                               "line-2 line-3",
		`labels.build_step="MAIN" OR timestamp>"2026-01-02T03:04:00Z"`:                    "line-1 line-2 line-3",
		`logName="projects/p/logs/cloudbuild" NOT textPayload="line-1"`:                   "line-0 line-2 line-3",
	} {
		page, err := service.Entries.List(&api.ListLogEntriesRequest{ResourceNames: []string{"projects/p"}, Filter: filter}).Do()
		if err != nil {
			t.Errorf("%s: %v", filter, err)
		} else if diff := cmp.Diff(want, texts(page.Entries)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", filter, diff)
		}
	}
	request := &api.ListLogEntriesRequest{ResourceNames: []string{"projects/p"}, OrderBy: "timestamp desc", PageSize: 3}
	var pages []string
	err := service.Entries.List(request).Pages(t.Context(), func(page *api.ListLogEntriesResponse) error {
		pages = append(pages, texts(page.Entries))
		return nil
	})
	if diff := cmp.Diff([]string{"line-3 line-2 line-1", "line-0"}, pages); err != nil || diff != "" {
		t.Errorf("%v, pages (-want +got):\n%s", err, diff)
	}
}

func TestRefused(t *testing.T) {
	service, _, _ := newService(t, logging.Options{})
	for name, q := range map[string]*api.ListLogEntriesRequest{
		"no resource": {}, "filter": {ResourceNames: []string{"projects/p"}, Filter: `labels.x~"y"`},
		"field": {ResourceNames: []string{"projects/p"}, Filter: `colour="red"`}, "order": {ResourceNames: []string{"projects/p"}, OrderBy: "severity"},
		"size": {ResourceNames: []string{"projects/p"}, PageSize: -1}, "token": {ResourceNames: []string{"projects/p"}, PageToken: "?"},
	} {
		_, err := service.Entries.List(q).Do()
		if e, ok := errors.AsType[*googleapi.Error](err); !ok || e.Code != http.StatusBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWriteLagLimitFaults(t *testing.T) {
	service, _, url := newService(t, logging.Options{Limit: 8})
	write := func(n int) {
		t.Helper()
		q := &api.WriteLogEntriesRequest{}
		global := &api.MonitoredResource{Type: "global", Labels: map[string]string{"project_id": "p"}}
		for i := range n {
			q.Entries = append(q.Entries, &api.LogEntry{LogName: "projects/p/logs/x", Resource: global, TextPayload: fmt.Sprint(i)})
		}
		if _, err := service.Entries.Write(q).Do(); err != nil {
			t.Fatal(err)
		}
	}
	list := func() ([]*api.LogEntry, error) {
		page, err := service.Entries.List(&api.ListLogEntriesRequest{ResourceNames: []string{"projects/p"}}).Do()
		if err != nil {
			return nil, err
		}
		return page.Entries, nil
	}
	faults := func(body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/emulator/faults", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", answer, err)
		}
		_ = answer.Body.Close()
	}
	write(3)
	if got, err := list(); err != nil || len(got) != 3 || got[0].InsertId == "" || got[0].ReceiveTimestamp == "" {
		t.Errorf("%d entries, %v", len(got), err)
	}
	write(30)
	if got, err := list(); err != nil || len(got) < 8 || len(got) > 10 {
		t.Errorf("%d entries are kept, %v", len(got), err)
	}
	faults(`{"lag_ms":3600000}`)
	if got, err := list(); err != nil || len(got) != 0 {
		t.Errorf("%d entries are there at once, %v", len(got), err)
	}
	faults(`{"fail_calls":1,"fail_status":403}`)
	if _, err := list(); err == nil || !strings.Contains(err.Error(), "Permission denied") {
		t.Errorf("%v", err)
	}
	if _, err := list(); err != nil {
		t.Error(err)
	}
}
