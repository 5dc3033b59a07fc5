package doctor

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/gangway-dev/gangway/internal/preview"
)

func eventChecks() []Check {
	const group = "events"
	return []Check{
		{
			Name: "topics", Group: group, Asks: "whether the topics are there", of: topics, one: topic,
			Remedy: "Apply terraform/platform.",
		},
		{
			Name: "subscriptions", Group: group, Asks: "whether each topic has its subscription, which never expires", of: subscriptions, one: subscription,
			Remedy: "Apply terraform/platform. A subscription that expires is deleted after so long without a reader.",
		},
		{
			Name: "dead-letters", Group: group, Asks: "whether messages that keep failing are set aside, where somebody can read them", of: subscriptions, one: deadLetters,
			Remedy: "Apply terraform/platform: it makes a topic of dead letters with a subscription for each subscription.",
		},
		{
			Name: "dead-letters-waiting", Group: group, Asks: "whether messages have been set aside", of: subscriptions, one: deadLettersWaiting,
			Remedy: "Look at them (gcloud pubsub subscriptions pull NAME --auto-ack) and at the log of their time. Losing them does no harm: the sweep does their work.",
		},
	}
}

// pubsubProject is where topics are.
func (e *exam) pubsubProject() string {
	if e.world.PubSubProject != "" {
		return e.world.PubSubProject
	}
	return e.environment().Project
}

// made says what makes topics, where that isn't Terraform.
func (e *exam) made() string {
	if e.world.MadeTopics {
		return "Start webhook and aggregator: they make it (GANGWAY_ENSURE_TOPICS)."
	}
	return ""
}

func topics(e *exam) []subject {
	var all []subject
	for _, name := range slices.Sorted(maps.Keys(e.world.Topics)) {
		all = append(all, subject{name: name})
	}
	return all
}

func subscriptions(e *exam) []subject {
	var all []subject
	for _, name := range slices.Sorted(maps.Values(e.world.Topics)) {
		all = append(all, subject{name: name})
	}
	return all
}

func topic(ctx context.Context, e *exam, s subject) {
	if e.world.PubSub == nil {
		e.absent("PubSub")
		return
	}
	_, err := e.world.PubSub.Topic(ctx, e.pubsubProject(), s.name)
	switch {
	case errors.Is(err, preview.ErrNotFound):
		e.fail(e.made(), "there is no such topic in project %s", e.pubsubProject())
	case err != nil:
		e.unread(err)
	default:
		e.ok("there")
	}
}

func subscription(ctx context.Context, e *exam, s subject) {
	if e.world.PubSub == nil {
		e.absent("PubSub")
		return
	}
	got, err := e.world.PubSub.Subscription(ctx, e.pubsubProject(), s.name)
	want := ""
	for topic, name := range e.world.Topics {
		if name == s.name {
			want = topic
		}
	}
	switch {
	case errors.Is(err, preview.ErrNotFound):
		e.fail(e.made(), "there is no such subscription in project %s", e.pubsubProject())
	case err != nil:
		e.unread(err)
	case got.Topic != want:
		e.fail("Delete it, and apply terraform/platform: a subscription can't be moved.", "it is on topic %q, not on %s", got.Topic, want)
	case got.Expires != 0:
		e.fail("", "it is deleted after %s without a reader", got.Expires)
	default:
		e.ok("on %s, never expires", got.Topic)
	}
}

// deadLetterOf is the topic of a subscription's dead letters, and that topic's subscriptions. Otherwise it has said why not.
func deadLetterOf(ctx context.Context, e *exam, s subject) (topic string, readers []string, ok bool) {
	if e.world.PubSub == nil {
		e.absent("PubSub")
		return "", nil, false
	}
	if e.world.MadeTopics {
		e.skip("the commands make topics and subscriptions themselves (GANGWAY_ENSURE_TOPICS), without dead letters")
		return "", nil, false
	}
	got, err := e.world.PubSub.Subscription(ctx, e.pubsubProject(), s.name)
	if err != nil {
		e.skip("the subscription can't be read: see subscriptions")
		return "", nil, false
	}
	if got.DeadLetter == "" {
		return "", nil, true
	}
	readers, err = e.world.PubSub.Topic(ctx, e.pubsubProject(), got.DeadLetter)
	if errors.Is(err, preview.ErrNotFound) {
		return got.DeadLetter, nil, true
	}
	if err != nil {
		e.unread(err)
		return "", nil, false
	}
	return got.DeadLetter, readers, true
}

func deadLetters(ctx context.Context, e *exam, s subject) {
	topic, readers, ok := deadLetterOf(ctx, e, s)
	switch {
	case !ok:
	case topic == "":
		e.fail("", "messages that keep failing are delivered again for ever")
	case len(readers) == 0:
		e.fail("", "topic %s is missing or has no subscription: what is set aside is lost", topic)
	default:
		e.ok("set aside in %s", topic)
	}
}

func deadLettersWaiting(ctx context.Context, e *exam, s subject) {
	_, readers, ok := deadLetterOf(ctx, e, s)
	switch {
	case !ok:
		return
	case len(readers) == 0:
		e.skip("there is nowhere to look: see dead-letters")
		return
	case e.world.Waiting == nil:
		e.absent("Waiting")
		return
	}
	for _, reader := range readers {
		n, seen, err := e.world.Waiting(ctx, e.pubsubProject(), reader)
		switch {
		case err != nil:
			e.unread(err)
		case !seen:
			e.skip("Cloud Monitoring has not counted the messages of %s in the last minutes", reader)
		case n > 0:
			e.warn("", "%d in %s", n, reader)
		default:
			e.ok("none in %s", reader)
		}
	}
}
