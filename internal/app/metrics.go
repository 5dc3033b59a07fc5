package app

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/server"
	"github.com/gangway-dev/gangway/internal/worker"
)

// metrics are what the commands count beside what their parts count themselves.
type metrics struct {
	registry *prometheus.Registry
	looks    *prometheus.HistogramVec
	messages *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: server.NewMetrics(),
		looks: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "gangway_look_seconds",
			Help:    "How long one look at one preview took.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 9),
		}, []string{"owner", "outcome"}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gangway_messages_total",
			Help: "Messages received, by what became of them: ok, ignored (unreadable, or about nothing of ours), error (delivered again).",
		}, []string{"subscription", "outcome"}),
	}
	m.registry.MustRegister(m.looks, m.messages)
	return m
}

// message counts a message.
func (m *metrics) message(subscription string, err error) {
	outcome := "ok"
	switch {
	case errors.Is(err, preview.ErrIgnored):
		outcome = "ignored"
	case err != nil:
		outcome = "error"
	}
	m.messages.WithLabelValues(subscription, outcome).Inc()
}

// watch counts what a handler does.
func (m *metrics) watch(owner preview.Owner, handle worker.Handler) worker.Handler {
	return func(ctx context.Context, claim *worker.Claim) error {
		began := time.Now()
		err := handle(ctx, claim)
		outcome := "ok"
		if err != nil {
			outcome = "error"
		}
		m.looks.WithLabelValues(string(owner), outcome).Observe(time.Since(began).Seconds())
		return err
	}
}
