package monitoring

import (
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

// permissions are those that operations ask for (https://cloud.google.com/monitoring/access-control).
var permissions = iam.Table{"monitoring.projects.timeSeries.list": "monitoring.timeSeries.list"}

// Options are what the emulator is made of.
type Options struct {
	Period time.Duration // that is summed up; 0 is a second. On Google Cloud it is a minute
	Lag    time.Duration // from the end of a period until it can be read
	Keep   time.Duration // how long requests are remembered; 0 is six hours
	Now    func() time.Time
	// Violation gets what is asked or answered otherwise than the published description has it; nil logs it as an error.
	Violation func(conformance.Violation)
	// Access says who may do what; nil lets everybody do everything.
	Access *iam.Access
}

// What Cloud Monitoring takes: “sampled every 60 seconds; after sampling, data is not visible for up to 120 seconds”
// (https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run).
const (
	RealPeriod = time.Minute
	RealLag    = 2 * time.Minute
)

// A Request is one that a revision of Cloud Run has answered.
type Request struct {
	Project, Location, Service, Revision string // short names
	Status                               int
	Took                                 time.Duration
	At                                   time.Time // when it was answered
}

// A Server is the emulator. It is an http.Handler and safe for concurrent use.
type Server struct {
	options Options
	handler http.Handler

	mu     sync.Mutex
	series map[key]map[time.Time]*sum // by the start of the period
	pruned time.Time
}

// A key is what a time series of Cloud Run's is of.
type key struct {
	project, location, service, revision string
	status                               int
}

// A sum is what is told of a period.
type sum struct {
	count   int64
	took    float64 // ms, of all together
	squares float64
	buckets [finiteBuckets + 2]int64
}

// Latencies are counted in buckets that grow: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TypedValue#exponential
const (
	finiteBuckets = 66
	growth        = 1.4
	scale         = 1.0 // ms
)

// New makes an emulator.
func New(o Options) *Server {
	if o.Period <= 0 {
		o.Period = time.Second
	}
	if o.Keep <= 0 {
		o.Keep = 6 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Violation == nil {
		o.Violation = conformance.Log(slog.Default())
	}
	s := &Server{options: o, series: map[key]map[time.Time]*sum{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v3/projects/{project}/timeSeries", func(w http.ResponseWriter, r *http.Request) {
		v, err := s.list(r)
		googleapi.Answer(w, v, err)
	})
	apis := []*conformance.API{conformance.MonitoringV3()}
	s.handler = conformance.Handler(conformance.Options{APIs: apis, Report: o.Violation}, iam.Guard(o.Access, apis, permissions, mux))
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Count takes a request in.
func (s *Server) Count(r Request) {
	k := key{r.Project, r.Location, r.Service, r.Revision, r.Status}
	start := r.At.UTC().Truncate(s.options.Period)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prune()
	if s.series[k] == nil {
		s.series[k] = map[time.Time]*sum{}
	}
	p := s.series[k][start]
	if p == nil {
		p = &sum{}
		s.series[k][start] = p
	}
	ms := float64(r.Took) / float64(time.Millisecond)
	p.count++
	p.took += ms
	p.squares += ms * ms
	p.buckets[bucketOf(ms)]++
}

// bucketOf is the bucket of a latency in milliseconds: 0 is below all bounds.
func bucketOf(ms float64) int {
	if ms < scale {
		return 0
	}
	return min(finiteBuckets+1, 1+int(math.Log(ms/scale)/math.Log(growth)))
}

// prune forgets what is too old, now and then. The caller holds mu.
func (s *Server) prune() {
	now := s.options.Now()
	if now.Sub(s.pruned) < s.options.Keep/10 {
		return
	}
	s.pruned = now
	for k, periods := range s.series {
		for start := range periods {
			if now.Sub(start) > s.options.Keep {
				delete(periods, start)
			}
		}
		if len(periods) == 0 {
			delete(s.series, k)
		}
	}
}

// point is one period of a series, as a time series of metric has it.
func (p *sum) point(metric string, start time.Time, period time.Duration) map[string]any {
	value := map[string]any{"int64Value": strconv.FormatInt(p.count, 10)}
	if metric == latencies {
		last := len(p.buckets)
		for last > 0 && p.buckets[last-1] == 0 {
			last--
		}
		counts := make([]string, last)
		for n := range counts {
			counts[n] = strconv.FormatInt(p.buckets[n], 10)
		}
		mean := p.took / float64(p.count)
		value = map[string]any{"distributionValue": map[string]any{
			"count": strconv.FormatInt(p.count, 10), "mean": mean,
			"sumOfSquaredDeviation": max(0, p.squares-mean*mean*float64(p.count)),
			"bucketOptions": map[string]any{"exponentialBuckets": map[string]any{
				"numFiniteBuckets": finiteBuckets, "growthFactor": growth, "scale": scale,
			}},
			"bucketCounts": counts,
		}}
	}
	return map[string]any{
		"interval": map[string]any{
			"startTime": start.Format(time.RFC3339Nano), "endTime": start.Add(period).Format(time.RFC3339Nano),
		},
		"value": value,
	}
}

// periods are the starts of a series' periods that end within an interval and can be read, the newest first.
func (s *Server) periods(of map[time.Time]*sum, from, to time.Time) []time.Time {
	visible := s.options.Now().Add(-s.options.Lag)
	var list []time.Time
	for start := range of {
		if end := start.Add(s.options.Period); end.After(from) && !end.After(to) && !end.After(visible) {
			list = append(list, start)
		}
	}
	slices.SortFunc(list, func(a, b time.Time) int { return b.Compare(a) })
	return list
}
