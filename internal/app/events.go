package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/pubsub"
)

// Subscriptions, by the role that reads them.
const (
	intakePullRequests  = "intake-pull-requests"
	intakeCloudBuilds   = "intake-cloud-builds"
	aggregatorRevisions = "aggregator-revisions"
	aggregatorPreviews  = "aggregator-previews"
)

// topics are the topics with their subscriptions.
var topics = map[string]string{
	preview.TopicPullRequests: intakePullRequests,
	preview.TopicCloudBuilds:  intakeCloudBuilds,
	preview.TopicRevisions:    aggregatorRevisions,
	preview.TopicPreviews:     aggregatorPreviews,
}

// An events is Pub/Sub as the commands use it.
type events struct {
	*pubsub.Client
	ensure  bool
	metrics *metrics
	log     *slog.Logger
}

func openEvents(ctx context.Context, c Common, project string, m *metrics, log *slog.Logger) (*events, error) {
	client, err := pubsub.New(ctx, pubsub.Options{
		Project: project, Endpoint: c.Google.PubSub, Token: c.Google.Token.Reveal(), Log: log,
	})
	if err != nil {
		return nil, err
	}
	e := &events{Client: client, ensure: c.Ensure, metrics: m, log: log}
	return e, e.create(ctx)
}

// create makes what is missing, where that is asked for.
func (e *events) create(ctx context.Context) error {
	if !e.ensure {
		return nil
	}
	for topic, subscription := range topics {
		if err := e.Ensure(ctx, topic, subscription); err != nil {
			return err
		}
	}
	return nil
}

// EnsureTopics makes the topics and subscriptions that are missing on an emulator of Pub/Sub.
func EnsureTopics(ctx context.Context, project string, g Google, log *slog.Logger) error {
	client, err := pubsub.New(ctx, pubsub.Options{Project: project, Endpoint: g.PubSub, Token: g.Token.Reveal(), Log: log})
	if err != nil {
		return err
	}
	e := &events{Client: client, ensure: true, log: log}
	return errors.Join(e.create(ctx), client.Close())
}

// receive hands messages to handle until ctx is done. When the stream breaks for good, it is opened again: hints that are
// lost meanwhile are the sweep's.
func (e *events) receive(ctx context.Context, subscription string, handle func(context.Context, []byte) error) error {
	for {
		err := e.Receive(ctx, subscription, func(ctx context.Context, m pubsub.Message) error {
			err := handle(ctx, m.Data)
			e.metrics.message(subscription, err)
			if errors.Is(err, preview.ErrIgnored) {
				return nil // acknowledged: it would be no better the next time
			}
			return err
		})
		if ctx.Err() != nil {
			return nil
		}
		e.log.WarnContext(ctx, "subscription broke", "subscription", subscription, "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		if err := e.create(ctx); err != nil {
			e.log.WarnContext(ctx, "creating topics", "error", err)
		}
	}
}

// previewOf is the preview that a hint for the aggregator names; "" when it can't be read. Nothing else of it matters.
func previewOf(data []byte) string {
	var hint struct {
		Version int    `json:"version"`
		Preview string `json:"preview"`
	}
	if len(data) > preview.MaxHintBytes || json.Unmarshal(data, &hint) != nil || hint.Version != preview.HintVersion {
		return ""
	}
	return hint.Preview
}
