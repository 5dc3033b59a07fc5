package monitoring

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// Cloud Run's metrics: https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run
const (
	requests  = "run.googleapis.com/request_count"
	latencies = "run.googleapis.com/request_latencies"
)

// maxPoints is how many points a page has at the most.
const maxPoints = 100_000

// list serves projects.timeSeries.list.
func (s *Server) list(r *http.Request) (any, error) {
	query := r.URL.Query()
	for name := range query {
		if strings.HasPrefix(name, "aggregation.") || strings.HasPrefix(name, "secondaryAggregation.") || name == "orderBy" {
			return nil, googleapi.Invalid("%s is not emulated", name)
		}
	}
	from, to, err := interval(query)
	if err != nil {
		return nil, err
	}
	size, err := strconv.Atoi(cmp.Or(query.Get("pageSize"), strconv.Itoa(maxPoints)))
	if err != nil || size < 0 {
		return nil, googleapi.Invalid("pageSize must be a positive number")
	}
	skip, ok := googleapi.ReadPageToken(query.Get("pageToken"))
	if !ok {
		return nil, googleapi.Invalid("pageToken is not valid")
	}
	metric, match, err := filter(query.Get("filter"))
	if err != nil {
		return nil, err
	}
	found := s.matching(r.PathValue("project"), metric, match, from, to)
	return page(found, skip, cmp.Or(min(size, maxPoints), maxPoints)), nil
}

// page is a part of the series with at most size points; one of which there is more goes on in the next.
func page(all []series, skip, size int) map[string]any {
	answer, list, at := map[string]any{}, []any{}, 0
	for _, one := range all {
		points := []map[string]any{}
		for _, p := range one.points {
			if at++; at > skip && at <= skip+size {
				points = append(points, p)
			}
		}
		if len(points) > 0 {
			list = append(list, one.resource(points))
		}
	}
	if len(list) > 0 {
		answer["timeSeries"] = list
	}
	if at > skip+size {
		answer["nextPageToken"] = googleapi.PageToken(skip + size)
	}
	return answer
}

// interval is that of a request: the end is required.
func interval(query url.Values) (from, to time.Time, err error) {
	if to, err = time.Parse(time.RFC3339Nano, query.Get("interval.endTime")); err != nil {
		return from, to, googleapi.Invalid("interval.endTime: %v", err)
	}
	from = to
	if text := query.Get("interval.startTime"); text != "" {
		if from, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return from, to, googleapi.Invalid("interval.startTime: %v", err)
		}
	}
	if from.After(to) {
		return from, to, googleapi.Invalid("interval.startTime is after interval.endTime")
	}
	return from, to, nil
}

// A series is a time series that was found.
type series struct {
	key    key
	metric string
	points []map[string]any
}

// class is a status as Cloud Run's label response_code_class has it.
func class(status int) string { return strconv.Itoa(status/100) + "xx" }

func (s series) resource(points []map[string]any) map[string]any {
	out := map[string]any{
		"metric": map[string]any{"type": s.metric, "labels": map[string]string{
			"response_code": strconv.Itoa(s.key.status), "response_code_class": class(s.key.status),
		}},
		"resource": map[string]any{"type": "cloud_run_revision", "labels": map[string]string{
			"project_id": s.key.project, "location": s.key.location, "service_name": s.key.service,
			"revision_name": s.key.revision, "configuration_name": s.key.service,
		}},
		"metricKind": "DELTA", "valueType": "INT64", "unit": "1", "points": points,
	}
	if s.metric == latencies {
		out["valueType"], out["unit"] = "DISTRIBUTION", "ms"
	}
	return out
}

// matching are the series of a project with their points, in a fixed order.
func (s *Server) matching(project, metric string, match googleapi.Filter[key], from, to time.Time) []series {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []series
	for k, periods := range s.series {
		if k.project != project || !match(k) {
			continue
		}
		one := series{key: k, metric: metric}
		for _, start := range s.periods(periods, from, to) {
			one.points = append(one.points, periods[start].point(metric, start, s.options.Period))
		}
		if len(one.points) > 0 {
			found = append(found, one)
		}
	}
	slices.SortFunc(found, func(a, b series) int { return strings.Compare(fmt.Sprint(a.key), fmt.Sprint(b.key)) })
	return found
}

// filter reads a filter (https://cloud.google.com/monitoring/api/v3/filters), which has to name one metric.
func filter(text string) (metric string, match googleapi.Filter[key], err error) {
	match, err = googleapi.ParseFilter(text, func(field, op, value string) (googleapi.Filter[key], error) {
		if op != "=" {
			return nil, fmt.Errorf("the operator %s is not emulated", op)
		}
		get, ok := fields[field]
		switch {
		case field == "metric.type" && value != requests && value != latencies:
			return nil, fmt.Errorf("the metric %q is not emulated", value)
		case field == "metric.type" && metric != "":
			return nil, fmt.Errorf("one metric.type at a time")
		case field == "metric.type":
			metric = value
			return func(key) bool { return true }, nil
		case !ok:
			return nil, fmt.Errorf("the field %q is not known", field)
		}
		return func(k key) bool { return get(k) == value }, nil
	})
	switch {
	case err != nil:
		return "", nil, googleapi.Invalid("The provided filter is not valid: %v", err)
	case metric == "":
		return "", nil, googleapi.Invalid("The provided filter doesn't specify a metric.type")
	}
	return metric, match, nil
}

var fields = map[string]func(key) string{
	"resource.type":                     func(key) string { return "cloud_run_revision" },
	"resource.labels.project_id":        func(k key) string { return k.project },
	"resource.labels.location":          func(k key) string { return k.location },
	"resource.labels.service_name":      func(k key) string { return k.service },
	"resource.labels.revision_name":     func(k key) string { return k.revision },
	"metric.labels.response_code":       func(k key) string { return strconv.Itoa(k.status) },
	"metric.labels.response_code_class": func(k key) string { return class(k.status) },
}
