package pubsub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"cloud.google.com/go/pubsub/v2"
)

// A Message is one delivery of a message.
type Message struct {
	ID         string
	Data       []byte
	Attributes map[string]string
	Attempt    int // which delivery of the message this is, from 1; 0 when Pub/Sub doesn't count (no dead letter topic)
}

// A Handler works on one message. nil: its effect is saved, never deliver it again. An error: deliver it again later.
// The context ends when the receive does. Handlers run concurrently.
type Handler func(ctx context.Context, m Message) error

const (
	streams        = 10 // one stream moves less than 2,000 messages a second
	maxOutstanding = 1000
	maxBytes       = 64 << 20
	// holding is how long Pub/Sub waits for a word about a message that it has sent, before it sends it again: to
	// another instance when this one was killed, or lost its connection. It is the least that the library asks for.
	holding = 10 * time.Second
	// shutdown is how long running handlers are waited for; Cloud Run kills after 10 s.
	shutdown = 8 * time.Second
	// nackDelay keeps a handler that fails at once from being called again at once where the subscription has no
	// retry policy, as on the in-memory server.
	nackDelay = 500 * time.Millisecond
)

var (
	// errPanicked stands for a panic, whose value may hold a message's content.
	errPanicked = errors.New("handler panicked")
	errStuck    = errors.New("handler did not end in time")
)

// Receive gives the messages of a subscription to handle until ctx ends; then it waits for the running handlers (8 s at
// the most) and returns nil. It returns an error when the subscription can't be read at all: it does not exist, or
// permission is missing. Whatever is temporary is tried again inside. A handler that panics costs its message a
// redelivery, nothing else.
func (c *Client) Receive(ctx context.Context, subscription string, handle Handler) error {
	subscriber := c.client.Subscriber(subscription)
	subscriber.ReceiveSettings.NumGoroutines = streams
	subscriber.ReceiveSettings.MaxOutstandingMessages = maxOutstanding
	subscriber.ReceiveSettings.MaxOutstandingBytes = maxBytes
	subscriber.ReceiveSettings.MaxExtension = 10 * time.Minute
	subscriber.ReceiveSettings.MaxDurationPerAckExtension = holding
	// ShutdownOptions stay unset: with a timeout of the library's, Receive returns before the last acks are sent, and
	// what was done is delivered again. The bounds are in [Client.call] and [drained].
	log := c.log.With("subscription", subscription)
	err := drained(ctx, func() error { return subscriber.Receive(ctx, c.each(log, handle)) })
	if err != nil {
		return fmt.Errorf("receiving from %q: %w", subscription, err)
	}
	return nil
}

// drained runs receive, and stops waiting for it when it goes on for too long after the end of ctx: the library tries
// to send the last acks for a minute and more when Pub/Sub is away. Then it ends by itself, after the client was closed.
func drained(ctx context.Context, receive func() error) error {
	done := make(chan error, 1)
	go func() { done <- receive() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(shutdown):
		return nil
	}
}

// each is what is done with a message.
func (c *Client) each(log *slog.Logger, handle Handler) func(context.Context, *pubsub.Message) {
	return func(ctx context.Context, m *pubsub.Message) {
		err := c.call(ctx, handle, m)
		if err == nil {
			m.Ack()
			return
		}
		log.WarnContext(ctx, "message will be delivered again", "message_id", m.ID, "attempt", attempt(m), "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(nackDelay):
		}
		m.Nack()
	}
}

// call runs the handler, and stops waiting for it when it goes on for too long after the end of ctx.
func (c *Client) call(ctx context.Context, handle Handler, m *pubsub.Message) error {
	done := make(chan error, 1)
	go func() { done <- c.recovered(ctx, handle, m) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(shutdown):
		return errStuck
	}
}

// recovered turns a panic into an error and logs where it came from, but not its value.
func (c *Client) recovered(ctx context.Context, handle Handler, m *pubsub.Message) (err error) {
	defer func() {
		if recover() != nil {
			c.log.ErrorContext(ctx, "message handler panicked", "message_id", m.ID, "stack", string(debug.Stack()))
			err = errPanicked
		}
	}()
	return handle(ctx, Message{ID: m.ID, Data: m.Data, Attributes: m.Attributes, Attempt: attempt(m)})
}

func attempt(m *pubsub.Message) int {
	if m.DeliveryAttempt == nil {
		return 0
	}
	return *m.DeliveryAttempt
}
