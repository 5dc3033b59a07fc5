package receive

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count deliveries by event (pull_request, ping, other) and outcome (published, ignored, refused, unsigned,
// forged, malformed, overloaded, unpublished).
type metrics struct {
	deliveries *prometheus.CounterVec
	duration   prometheus.Histogram
}

func (m *metrics) count(registerer prometheus.Registerer) {
	m.deliveries = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gangway_webhook_deliveries_total",
		Help: "Deliveries by event and by what became of them.",
	}, []string{"event", "outcome"})
	m.duration = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "gangway_webhook_duration_seconds",
		Help:    "From the request's headers to the answer.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	})
	if registerer != nil {
		registerer.MustRegister(m.deliveries, m.duration)
	}
}

// A limiter lets something happen once in a while. The zero value is ready; it is safe for concurrent use.
type limiter struct{ last atomic.Int64 }

func (l *limiter) allow(now time.Time, every time.Duration) bool {
	last := l.last.Load()
	return now.UnixNano()-last >= int64(every) && l.last.CompareAndSwap(last, now.UnixNano())
}
