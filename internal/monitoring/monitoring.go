// Package monitoring reads from Cloud Monitoring how revisions of Cloud Run services have answered.
//
// Cloud Run's metrics are sums over a minute, which are visible up to two minutes after it. So a window is only known once it
// is over for a while: see [Lag].
package monitoring

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
	api "google.golang.org/api/monitoring/v3"
	"google.golang.org/api/option"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Lag is how long after its end a window can be incomplete: “sampled every 60 seconds; after sampling, data is not visible
// for up to 120 seconds” (https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run).
const Lag = 3 * time.Minute

// Cloud Run's metrics.
const (
	requestCount     = "run.googleapis.com/request_count"
	requestLatencies = "run.googleapis.com/request_latencies"
)

// Options are what a Client is made of. The zero value is Google's, with the application default credentials.
type Options struct {
	Endpoint string // URL of an emulator, reached without credentials but Token
	Token    string // static access token for Endpoint; "" for none
}

// A Client reads. It is safe for concurrent use.
type Client struct {
	service *api.Service
}

// New connects to nothing yet.
func New(ctx context.Context, o Options) (*Client, error) {
	options := []option.ClientOption{option.WithUserAgent("gangway")}
	if o.Endpoint != "" {
		options = append(options, option.WithEndpoint(strings.TrimSuffix(o.Endpoint, "/")+"/"))
	}
	switch {
	case o.Token != "":
		options = append(options, option.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: o.Token})))
	case o.Endpoint != "":
		options = append(options, option.WithoutAuthentication())
	}
	service, err := api.NewService(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to Cloud Monitoring: %w", err)
	}
	return &Client{service}, nil
}

// A Window is how a revision has answered within an interval.
type Window struct {
	Requests int64 // answers of all kinds
	Errors   int64 // answers 5xx
	// P50, P95 and P99 are percentiles of the latencies, interpolated within the buckets that Cloud Monitoring keeps; 0 without
	// requests.
	P50, P95, P99 time.Duration
}

// Windows reads how revisions of a service have answered from one time to another: of each revision that is named, also of one
// without any request. through is the end of the newest minute that was told of, zero without any. It takes two requests.
//
// What Cloud Monitoring has not told of yet is missing: see [Lag]. A want of rights, or an API that is off, is a
// *[preview.UserError].
func (c *Client) Windows(
	ctx context.Context, ref preview.ServiceRef, from, to time.Time, revisions ...string,
) (windows map[string]Window, through time.Time, err error) {
	q := question{c, ref, from, to, revisions}
	read := &reading{windows: map[string]Window{}, latencies: map[string]*histogram{}}
	for _, name := range revisions {
		read.windows[name], read.latencies[name] = Window{}, &histogram{}
	}
	if err = q.series(ctx, requestCount, read.count); err == nil {
		err = q.series(ctx, requestLatencies, read.latency)
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading how %s has answered: %w", ref.Name, translate(err))
	}
	for name, h := range read.latencies {
		w := read.windows[name]
		w.P50, w.P95, w.P99 = h.percentile(0.50), h.percentile(0.95), h.percentile(0.99)
		read.windows[name] = w
	}
	return read.windows, read.through, nil
}

// A reading is what has been read so far.
type reading struct {
	windows   map[string]Window
	latencies map[string]*histogram
	through   time.Time
}

// note checks a point, and notes until when there are any.
func (r *reading) note(p *api.Point) error {
	if p.Interval == nil || p.Value == nil {
		return errors.New("a point without a value")
	}
	if end, err := time.Parse(time.RFC3339Nano, p.Interval.EndTime); err == nil && end.After(r.through) {
		r.through = end
	}
	return nil
}

// count takes in a series of request_count.
func (r *reading) count(s *api.TimeSeries, revision string) error {
	w := r.windows[revision]
	for _, p := range s.Points {
		if err := r.note(p); err != nil {
			return err
		}
		if p.Value.Int64Value == nil {
			return errors.New("a point without a number")
		}
		w.Requests += *p.Value.Int64Value
		if s.Metric.Labels["response_code_class"] == "5xx" {
			w.Errors += *p.Value.Int64Value
		}
	}
	r.windows[revision] = w
	return nil
}

// latency takes in a series of request_latencies.
func (r *reading) latency(s *api.TimeSeries, revision string) error {
	for _, p := range s.Points {
		if err := r.note(p); err != nil {
			return err
		}
		if err := r.latencies[revision].add(p.Value.DistributionValue); err != nil {
			return err
		}
	}
	return nil
}

// A question is what is asked of Cloud Monitoring.
type question struct {
	*Client
	ref       preview.ServiceRef
	from, to  time.Time
	revisions []string
}

// series calls do for each time series of a metric with the revision that it is of.
func (q question) series(ctx context.Context, metric string, do func(s *api.TimeSeries, revision string) error) error {
	if len(q.revisions) == 0 {
		return errors.New("no revision is named")
	}
	var names []string
	for _, name := range q.revisions {
		names = append(names, `resource.labels.revision_name = `+strconv.Quote(name))
	}
	filter := fmt.Sprintf(`metric.type = %q AND resource.type = "cloud_run_revision" AND resource.labels.location = %q AND `+
		`resource.labels.service_name = %q AND (%s)`, metric, q.ref.Region, q.ref.Name, strings.Join(names, " OR "))
	return q.service.Projects.TimeSeries.List("projects/"+q.ref.Project).Filter(filter).
		IntervalStartTime(q.from.UTC().Format(time.RFC3339Nano)).IntervalEndTime(q.to.UTC().Format(time.RFC3339Nano)).
		Pages(ctx, func(page *api.ListTimeSeriesResponse) error {
			for _, s := range page.TimeSeries {
				if s.Resource == nil || s.Metric == nil || !slices.Contains(q.revisions, s.Resource.Labels["revision_name"]) {
					continue
				}
				if err := do(s, s.Resource.Labels["revision_name"]); err != nil {
					return err
				}
			}
			return nil
		})
}

// translate turns Cloud Monitoring's errors into the core's.
func translate(err error) error {
	answer, ok := errors.AsType[*googleapi.Error](err)
	if !ok || answer.Code != http.StatusForbidden && answer.Code != http.StatusUnauthorized {
		return err
	}
	return &preview.UserError{
		Summary: "Gangway may not read Cloud Run's metrics", Detail: answer.Message,
		Hint: "Ask your operator to grant monitoring.timeSeries.list, and to enable the Cloud Monitoring API.",
	}
}

// A histogram is the sum of distributions with the same buckets.
type histogram struct {
	bounds []float64 // ms; bucket n is below bound n, the last one above all
	counts []int64
	total  int64
}

// add adds a distribution: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TypedValue#distribution
func (h *histogram) add(d *api.Distribution) error {
	if d == nil || d.BucketOptions == nil {
		return errors.New("a latency without a distribution")
	}
	bounds := boundsOf(d.BucketOptions)
	switch {
	case len(bounds) == 0:
		return errors.New("a distribution without buckets")
	case h.bounds == nil:
		h.bounds, h.counts = bounds, make([]int64, len(bounds)+1)
	case len(h.bounds) != len(bounds) || h.bounds[0] != bounds[0]:
		return errors.New("distributions with different buckets")
	}
	for n, count := range d.BucketCounts {
		if n >= len(h.counts) {
			return errors.New("a distribution with more counts than buckets")
		}
		h.counts[n] += count
		h.total += count
	}
	return nil
}

// boundsOf are the bounds between buckets: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TypedValue#bucketoptions
func boundsOf(o *api.BucketOptions) []float64 {
	var bounds []float64
	switch {
	case o.ExponentialBuckets != nil:
		for n := range o.ExponentialBuckets.NumFiniteBuckets + 1 {
			bounds = append(bounds, o.ExponentialBuckets.Scale*math.Pow(o.ExponentialBuckets.GrowthFactor, float64(n)))
		}
	case o.LinearBuckets != nil:
		for n := range o.LinearBuckets.NumFiniteBuckets + 1 {
			bounds = append(bounds, o.LinearBuckets.Offset+o.LinearBuckets.Width*float64(n))
		}
	case o.ExplicitBuckets != nil:
		bounds = o.ExplicitBuckets.Bounds
	}
	return bounds
}

// percentile is the latency that a share of all requests stays below: as if they were spread evenly within a bucket. What is
// above all bounds counts as the last one.
func (h *histogram) percentile(share float64) time.Duration {
	rest := share * float64(h.total)
	for n, count := range h.counts {
		if count == 0 {
			continue
		}
		if rest > float64(count) {
			rest -= float64(count)
			continue
		}
		low, high := 0.0, h.bounds[min(n, len(h.bounds)-1)]
		if n > 0 {
			low = h.bounds[n-1]
		}
		return time.Duration((low + (high-low)*rest/float64(count)) * float64(time.Millisecond))
	}
	return 0
}
