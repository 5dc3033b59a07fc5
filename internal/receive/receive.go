// Package receive takes GitHub's webhook deliveries in: it verifies each, publishes a hint that names the pull request,
// and answers once Pub/Sub has confirmed the hint. It decides nothing and reads no more of a delivery than the numbers
// and names that a hint holds. It is public, so that it needs no right but to publish to one topic and to know the
// webhook secrets.
package receive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

// Path is where GitHub delivers to.
const Path = "/github/webhook"

const (
	// MaxBody is GitHub's own limit: https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap
	MaxBody = 25 << 20
	// defaultTimeout is for reading the body and again for the publish; GitHub gives up after 10 s.
	defaultTimeout = 5 * time.Second
	// quietFor is how often refused deliveries are logged at the most: anybody can send them.
	quietFor = time.Second
)

// A Publisher publishes a message; nil means that it is durably kept.
type Publisher interface {
	Publish(ctx context.Context, topic string, data []byte, attributes map[string]string) error
}

// Options are what a handler is made of.
type Options struct {
	// Secrets gives the webhook secrets that are valid now, several while they are rotated. It is asked for each
	// delivery; without any, every delivery is refused.
	Secrets   func() []telemetry.Secret
	Publisher Publisher
	MaxBody   int64         // bytes; 0 is [MaxBody]
	Timeout   time.Duration // for the body, and again for the publish; 0 is 5 s
	Metrics   prometheus.Registerer
	Log       *slog.Logger
}

// New makes the handler of [Path]. Its answers: 202 published, or of no interest; 400 not a delivery that we understand;
// 401 without a proper signature, 403 with a wrong one; 405; 408 body too slow; 413; 415; 503 not published, or
// overloaded. GitHub counts all but 2xx as failed, and the sweep asks for those again.
func New(o Options) http.Handler {
	h := &handler{
		secrets: o.Secrets, publisher: o.Publisher, log: o.Log,
		maxBody: o.MaxBody, timeout: o.Timeout,
		large: make(chan struct{}, largeBodies),
		now:   time.Now,
	}
	if h.maxBody == 0 {
		h.maxBody = MaxBody
	}
	if h.timeout == 0 {
		h.timeout = defaultTimeout
	}
	h.count(o.Metrics)
	return h
}

type handler struct {
	secrets   func() []telemetry.Secret
	publisher Publisher
	log       *slog.Logger
	maxBody   int64
	timeout   time.Duration
	buffers   buffers
	large     chan struct{}
	now       func() time.Time
	refusals  limiter
	metrics
}

// A refusal is an answer that is not 202. Its text is ours: nothing of the request is in it.
type refusal struct {
	status  int
	outcome string // for the counter
	text    string
}

func (r *refusal) Error() string { return r.text }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.now()
	event := eventOf(r)
	outcome, err := h.deliver(w, r, event)
	if err == nil {
		w.WriteHeader(http.StatusAccepted)
	} else {
		outcome = h.refuse(w, r, event, err)
	}
	h.deliveries.WithLabelValues(event, outcome).Inc()
	h.duration.Observe(h.now().Sub(start).Seconds())
}

// refuse answers and logs an error, and returns the outcome for the counter.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, event string, err error) string {
	why, ok := errors.AsType[*refusal](err)
	if !ok {
		why = &refusal{http.StatusServiceUnavailable, "unpublished", "not published: deliver it again"}
		h.log.ErrorContext(r.Context(), "delivery was not published", "event", event,
			"delivery_id", deliveryID(r), "error", err)
	} else if h.refusals.allow(h.now(), quietFor) {
		h.log.WarnContext(r.Context(), "delivery refused", "event", event, "status", why.status, "reason", why.text)
	}
	switch why.status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		w.Header().Set("Connection", "close") // the rest of the body is not worth reading
	}
	http.Error(w, why.text, why.status)
	return why.outcome
}

// deliver handles one delivery up to the confirmed publish.
func (h *handler) deliver(w http.ResponseWriter, r *http.Request, event string) (outcome string, err error) {
	if err := checkRequest(r); err != nil {
		return "", err
	}
	signature, err := signatureOf(r)
	if err != nil {
		return "", err
	}
	buffer, release, err := h.readBody(w, r)
	if err != nil {
		return "", err
	}
	defer release()
	if !verify(h.secrets(), buffer.Bytes(), signature) {
		return "", &refusal{http.StatusForbidden, "forged", "signature does not match"}
	}
	if event != "pull_request" {
		return "ignored", nil
	}
	got, err := scan(buffer.Bytes())
	if err != nil {
		return "", &refusal{http.StatusBadRequest, "malformed", err.Error()}
	}
	hint, err := hintOf(got, deliveryID(r))
	if err != nil {
		return "", err
	}
	return "published", h.publish(r.Context(), hint)
}

// hintOf makes the hint, if the delivery names a pull request.
func hintOf(got fields, delivery string) (preview.PullRequestHint, error) {
	const most = 1<<31 - 1 // GitHub's numbers of pull requests are 32-bit
	if got.repository <= 0 || got.number <= 0 || got.number > most {
		return preview.PullRequestHint{}, &refusal{
			http.StatusBadRequest, "malformed",
			"no pull request in it: want numbers in number and repository.id",
		}
	}
	return preview.PullRequestHint{
		Version:      preview.HintVersion,
		DeliveryID:   delivery,
		Event:        "pull_request",
		Action:       word(got.action),
		Installation: max(got.installation, 0),
		Repository:   got.repository,
		FullName:     fullName(got.fullName),
		PullRequest:  int(got.number),
		Change:       preview.ChangeID(got.repository, int(got.number), commit(got.headSHA)),
	}, nil
}

// publish returns nil once the hint is durably kept.
func (h *handler) publish(ctx context.Context, hint preview.PullRequestHint) error {
	data, err := json.Marshal(hint)
	if err != nil {
		return fmt.Errorf("encoding the hint: %w", err)
	}
	// GitHub hanging up is no reason to lose the hint.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.timeout)
	defer cancel()
	if err := h.publisher.Publish(ctx, preview.TopicPullRequests, data, nil); err != nil {
		return err
	}
	ctx = telemetry.WithChange(ctx, hint.Change)
	h.log.InfoContext(ctx, "delivery published", "delivery_id", hint.DeliveryID, "event", hint.Event,
		"action", hint.Action, "repo", hint.FullName, "pr", hint.PullRequest, "installation_id", hint.Installation)
	return nil
}
