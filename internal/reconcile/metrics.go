package reconcile

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gangway-dev/gangway/internal/preview"
)

// metrics tell operators how previews are. The gauges are as of the last sweep.
type metrics struct {
	previews  *prometheus.GaugeVec
	waiting   *prometheus.GaugeVec
	swept     prometheus.Gauge
	findings  *prometheus.CounterVec
	changes   *prometheus.HistogramVec
	terraform prometheus.Histogram
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	minutes := []float64{15, 30, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1800, 3600}
	m := &metrics{
		previews: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gangway_previews",
			Help: "Previews by state: live, waiting (for builds, revisions or the gateway), failed (somebody has to mend something), blocked, removing.",
		}, []string{"gateway", "state"}),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gangway_preview_wait_seconds",
			Help: "How long the preview that has waited longest has been waiting to be live, or to be removed.",
		}, []string{"gateway"}),
		swept: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gangway_sweep_success_timestamp_seconds",
			Help: "When the last complete sweep ended (Unix time); 0 before the first.",
		}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gangway_sweep_findings_total",
			Help: "What sweeps found that should not be there any more: gateways, configs, tags and stacks. One that stays is counted by each sweep.",
		}, []string{"kind"}),
		changes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gangway_change_seconds", Buckets: minutes,
			Help: "From what is wanted having changed to its being live.",
		}, []string{"gateway"}),
		terraform: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gangway_terraform_apply_seconds", Buckets: minutes,
			Help: "How long Terraform took for an apply that succeeded.",
		}),
	}
	if registerer != nil {
		registerer.MustRegister(m.previews, m.waiting, m.swept, m.findings, m.changes, m.terraform)
	}
	return m
}

// The states of previews that are counted.
const (
	stateLive     = "live"
	stateWaiting  = "waiting"
	stateFailed   = "failed"
	stateBlocked  = "blocked"
	stateRemoving = "removing"
)

// state is how a preview is, and since when it has been waiting; "" is nothing to be counted.
func (r record) state() (state string, since time.Time) {
	switch {
	case r.observed.Phase == preview.PhaseRemoving || r.wanted.Down > r.observed.Removed:
		return stateRemoving, later(r.wanted.Changed, r.observed.RemoveFrom)
	case r.wanted.Intent == preview.IntentBlocked:
		return stateBlocked, time.Time{}
	case r.wanted.Intent != preview.IntentLive:
		return "", time.Time{}
	case r.observed.Failure != nil || slices.ContainsFunc(r.wanted.Members, failed):
		return stateFailed, time.Time{}
	case r.observed.Serving == nil || r.observed.Serving.Generation != r.wanted.Generation:
		return stateWaiting, r.wanted.Changed
	}
	return stateLive, time.Time{}
}

func failed(m preview.Member) bool { return m.Step == preview.StepFailed }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// count sets the gauges.
func (m *metrics) count(records map[preview.Key]record, gateways []string, now time.Time) {
	m.previews.Reset()
	m.waiting.Reset()
	longest := map[string]time.Duration{}
	for _, gateway := range gateways {
		longest[gateway] = 0
		for _, state := range []string{stateLive, stateWaiting, stateFailed, stateBlocked, stateRemoving} {
			m.previews.WithLabelValues(gateway, state).Set(0)
		}
	}
	for key, rec := range records {
		state, since := rec.state()
		if state == "" {
			continue
		}
		m.previews.WithLabelValues(key.Gateway, state).Inc()
		if !since.IsZero() {
			longest[key.Gateway] = max(longest[key.Gateway], now.Sub(since))
		}
	}
	for gateway, wait := range longest {
		m.waiting.WithLabelValues(gateway).Set(wait.Seconds())
	}
}
