package pubsub_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/pubsub"
)

// connect starts a server and a client for it, with the topic t and the subscription s.
func connect(t *testing.T, log *slog.Logger) (*pubsub.Client, *pstest.Server) {
	t.Helper()
	server := pstest.NewServer()
	t.Cleanup(func() { _ = server.Close() })
	client, err := pubsub.New(t.Context(), pubsub.Options{Project: "p", Endpoint: server.Addr, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := client.Ensure(t.Context(), "t", "s"); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// receive runs Receive until stop is called, which fails the test when Receive returned an error.
func receive(t *testing.T, client *pubsub.Client, subscription string, handle pubsub.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- client.Receive(ctx, subscription, handle) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Receive: %v", err)
		}
	})
}

func TestPublishIsReceivedAndAcknowledged(t *testing.T) {
	t.Parallel()
	client, server := connect(t, slog.New(slog.DiscardHandler))
	if err := client.Publish(t.Context(), "t", []byte("hello"), map[string]string{"a": "b"}); err != nil {
		t.Fatal(err)
	}
	if n := len(server.Messages()); n != 1 {
		t.Fatalf("after Publish the server keeps %d messages, want 1", n)
	}
	got := make(chan pubsub.Message, 10)
	stop := receive(t, client, "s", func(_ context.Context, m pubsub.Message) error {
		got <- m
		return nil
	})
	m := <-got
	stop()
	want := pubsub.Message{ID: server.Messages()[0].ID, Data: []byte("hello"), Attributes: map[string]string{"a": "b"}}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if acks := server.Messages()[0].Acks; acks != 1 {
		t.Errorf("acks = %d, want 1", acks)
	}
}

func TestErrorsAndPanicsAreRedelivered(t *testing.T) {
	t.Parallel()
	var logged lockedBuffer
	client, server := connect(t, slog.New(slog.NewJSONHandler(&logged, nil)))
	if err := client.Publish(t.Context(), "t", []byte("content-of-the-message"), nil); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	calls := 0
	done := make(chan struct{})
	stop := receive(t, client, "s", func(_ context.Context, m pubsub.Message) error {
		mu.Lock()
		defer mu.Unlock()
		calls++
		switch calls {
		case 1:
			return errors.New("not now")
		case 2:
			panic(string(m.Data))
		case 3:
			close(done)
		}
		return nil
	})
	<-done
	stop()
	if acks := server.Messages()[0].Acks; acks != 1 {
		t.Errorf("acks = %d, want 1", acks)
	}
	if strings.Contains(logged.String(), "content-of-the-message") {
		t.Errorf("the log holds the message's content:\n%s", logged.String())
	}
	for _, want := range []string{"not now", "message handler panicked", "handler panicked"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, logged.String())
		}
	}
}

func TestPublishWithoutATopic(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, slog.New(slog.DiscardHandler))
	if err := client.Publish(t.Context(), "missing", []byte("x"), nil); err == nil {
		t.Error("Publish to a topic that doesn't exist = nil")
	}
}

func TestPublishIsNotConfirmed(t *testing.T) {
	t.Parallel()
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts and never says a word
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	client, err := pubsub.New(t.Context(), pubsub.Options{
		Project: "p", Endpoint: silent.Addr().String(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := client.Publish(ctx, "t", []byte("x"), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish without confirmation = %v, want the context's error", err)
	}
	if err := client.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	client, server := connect(t, slog.New(slog.DiscardHandler))
	if err := client.Ensure(t.Context(), "t", "s"); err != nil {
		t.Errorf("Ensure again: %v", err)
	}
	if err := client.Ensure(t.Context(), "other", "s"); err == nil {
		t.Error("Ensure of a subscription that is on another topic = nil")
	}
	if err := client.Ensure(t.Context(), "alone", ""); err != nil {
		t.Errorf("Ensure of a topic alone: %v", err)
	}
	subscription, err := server.GServer.GetSubscription(t.Context(), &pb.GetSubscriptionRequest{Subscription: "projects/p/subscriptions/s"})
	if err != nil {
		t.Fatal(err)
	}
	if policy := subscription.GetExpirationPolicy(); policy == nil || policy.GetTtl() != nil {
		t.Errorf("expiration policy = %v, want one without a TTL", policy)
	}
}

func TestReceiveFromAMissingSubscription(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, slog.New(slog.DiscardHandler))
	err := client.Receive(t.Context(), "missing", func(context.Context, pubsub.Message) error { return nil })
	if err == nil || !strings.Contains(err.Error(), `"missing"`) {
		t.Errorf("Receive = %v, want an error that names the subscription", err)
	}
}

// Whoever has to end must not wait for a Pub/Sub that is away: Cloud Run kills after 10 s.
func TestReceiveEndsWithoutPubSub(t *testing.T) {
	t.Parallel()
	server := pstest.NewServer()
	client, err := pubsub.New(t.Context(), pubsub.Options{Project: "p", Endpoint: server.Addr, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Ensure(t.Context(), "t", "s"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	handled := make(chan struct{})
	go func() {
		ended <- client.Receive(ctx, "s", func(context.Context, pubsub.Message) error {
			close(handled)
			<-ctx.Done()
			return nil
		})
	}()
	if err := client.Publish(t.Context(), "t", []byte("hello"), nil); err != nil {
		t.Fatal(err)
	}
	<-handled
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Receive: %v", err)
	}
	if took := time.Since(began); took > 9*time.Second {
		t.Errorf("Receive ended %s after it was to end", took)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

func TestPublishAfterClose(t *testing.T) {
	t.Parallel()
	server := pstest.NewServer()
	t.Cleanup(func() { _ = server.Close() })
	client, err := pubsub.New(t.Context(), pubsub.Options{Project: "p", Endpoint: server.Addr, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if err := client.Publish(t.Context(), "t", nil, nil); err == nil {
		t.Error("Publish after Close = nil")
	}
}

// A lockedBuffer is a buffer that several goroutines may write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
