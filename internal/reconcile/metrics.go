package reconcile

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gangway-dev/gangway/internal/preview"
)

// metrics tell operators how previews are. The gauges are as of the last sweep.
type metrics struct {
	previews  *prometheus.GaugeVec
	waiting   *prometheus.GaugeVec
	sweeps    *prometheus.CounterVec
	findings  *prometheus.CounterVec
	quotas    *prometheus.GaugeVec
	changes   *prometheus.HistogramVec
	terraform prometheus.Histogram
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	minutes := []float64{15, 30, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1800, 3600}
	m := &metrics{
		previews: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gangway_previews",
			Help: "Previews by condition: live, waiting (for builds, revisions or the gateway), failed (somebody has to mend something), blocked, removing.",
		}, []string{"gateway", "condition"}),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gangway_preview_waiting_seconds",
			Help: "How long the preview that has waited longest has been waiting to be live, or to be removed.",
		}, []string{"gateway"}),
		sweeps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gangway_sweeps_total",
			Help: "Sweeps by outcome: ok, error (a part of it could not be done).",
		}, []string{"outcome"}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gangway_sweep_findings_total",
			Help: "What sweeps found that should not be there any more: gateways, configs, tags, revisions and stacks. One that stays is counted by each sweep.",
		}, []string{"kind"}),
		quotas: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gangway_quota_used_ratio",
			Help: "How much of a limit is used, 0 to 1: tags (of a region), revisions (of a Cloud Run service), gateways (of a region), configs (of an API), previews (of a gateway).",
		}, []string{"quota", "of"}),
		changes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gangway_change_seconds", Buckets: minutes,
			Help: "From what is wanted having changed to its being live.",
		}, []string{"gateway"}),
		terraform: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gangway_terraform_apply_seconds", Buckets: minutes,
			Help: "How long Terraform took for an apply that succeeded.",
		}),
	}
	for _, outcome := range []string{"ok", "error"} {
		m.sweeps.WithLabelValues(outcome) // so that its absence says that nobody sweeps
	}
	if registerer != nil {
		registerer.MustRegister(m.previews, m.waiting, m.sweeps, m.findings, m.quotas, m.changes, m.terraform)
	}
	return m
}

// ended counts a sweep.
func (m *metrics) ended(err error) {
	outcome := "ok"
	if err != nil {
		outcome = "error"
	}
	m.sweeps.WithLabelValues(outcome).Inc()
}

// conditions are those that are counted.
var conditions = []preview.Condition{
	preview.ConditionLive, preview.ConditionWaiting, preview.ConditionFailed, preview.ConditionBlocked, preview.ConditionRemoving,
}

// count sets the gauges.
func (m *metrics) count(records map[preview.Key]record, gateways []string, now time.Time) {
	m.previews.Reset()
	m.waiting.Reset()
	longest := map[string]time.Duration{}
	for _, gateway := range gateways {
		longest[gateway] = 0
		for _, condition := range conditions {
			m.previews.WithLabelValues(gateway, string(condition)).Set(0)
		}
	}
	for key, rec := range records {
		condition, since := preview.ConditionOf(rec.wanted, rec.observed)
		if condition == preview.ConditionNone {
			continue
		}
		m.previews.WithLabelValues(key.Gateway, string(condition)).Inc()
		if !since.IsZero() {
			longest[key.Gateway] = max(longest[key.Gateway], now.Sub(since))
		}
	}
	for gateway, wait := range longest {
		m.waiting.WithLabelValues(gateway).Set(wait.Seconds())
	}
}
