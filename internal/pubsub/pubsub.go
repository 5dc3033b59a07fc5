// Package pubsub publishes and receives messages over Cloud Pub/Sub. It is the only place that knows the client library;
// what the messages mean is nobody's business here: they are bytes. Nothing here orders messages, deduplicates them or
// keeps them: a message is a hint (see package preview), delivered at least once and in any order.
//
// Ordering keys are not used on purpose: a failed ordered publish blocks its key until somebody resumes it.
package pubsub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2"
	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Options are what a Client is made of.
type Options struct {
	Project string
	// Endpoint is host:port of an emulator, reached without TLS or credentials; "" is Google Cloud (or whatever
	// PUBSUB_EMULATOR_HOST says, which the client library reads itself).
	Endpoint string
	Token    string // static access token for Endpoint; "" for none
	Log      *slog.Logger
}

// A Client publishes to topics and receives from subscriptions of one project. It is safe for concurrent use.
type Client struct {
	client *pubsub.Client
	log    *slog.Logger

	mu         sync.Mutex
	publishers map[string]*pubsub.Publisher // by topic; nil once the client is closed
}

// errClosed is what Publish says after Close.
var errClosed = errors.New("pub/sub client is closed")

// New connects to Pub/Sub. It does not wait for the connection: a far end that is down shows in the first call.
func New(ctx context.Context, o Options) (*Client, error) {
	var options []option.ClientOption
	if o.Endpoint != "" {
		options = append(options,
			option.WithEndpoint(o.Endpoint),
			option.WithoutAuthentication(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
		if o.Token != "" {
			options = append(options, option.WithGRPCDialOption(grpc.WithPerRPCCredentials(token(o.Token))))
		}
	}
	client, err := pubsub.NewClient(ctx, o.Project, options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to pub/sub: %w", err)
	}
	return &Client{client: client, log: o.Log, publishers: map[string]*pubsub.Publisher{}}, nil
}

// A token goes with each call to an emulator, which has no TLS.
type token string

func (t token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(t)}, nil
}

func (token) RequireTransportSecurity() bool { return false }

// Publish returns nil only once Pub/Sub has confirmed that it keeps the message. After an error the message may
// nevertheless have been, or yet be, published.
func (c *Client) Publish(ctx context.Context, topic string, data []byte, attributes map[string]string) error {
	publisher, err := c.publisher(topic)
	if err != nil {
		return err
	}
	if _, err := publisher.Publish(ctx, &pubsub.Message{Data: data, Attributes: attributes}).Get(ctx); err != nil {
		return fmt.Errorf("publishing to %q: %w", topic, err)
	}
	return nil
}

// publisher is the one publisher of a topic; each has goroutines of its own.
func (c *Client) publisher(topic string) (*pubsub.Publisher, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.publishers == nil {
		return nil, errClosed
	}
	if p, ok := c.publishers[topic]; ok {
		return p, nil
	}
	p := c.client.Publisher(topic)
	// The library gathers messages for 10 ms by default; whoever publishes here waits for the confirmation.
	p.PublishSettings.CountThreshold = 1
	p.PublishSettings.DelayThreshold = time.Millisecond
	// Callers give up after seconds; trying for longer would only pile messages up while Pub/Sub is away.
	p.PublishSettings.Timeout = 10 * time.Second
	p.PublishSettings.FlowControlSettings = pubsub.FlowControlSettings{
		MaxOutstandingMessages: 4096,
		MaxOutstandingBytes:    64 << 20,
		LimitExceededBehavior:  pubsub.FlowControlSignalError,
	}
	c.publishers[topic] = p
	return p, nil
}

// Ensure creates topic and subscription if they are missing. Neither ever expires: Pub/Sub drops subscriptions that
// are idle for 31 days otherwise. A subscription of that name on another topic is an error.
func (c *Client) Ensure(ctx context.Context, topic, subscription string) error {
	topicName := "projects/" + c.client.Project() + "/topics/" + topic
	_, err := c.client.TopicAdminClient.CreateTopic(ctx, &pb.Topic{Name: topicName})
	if err != nil && status.Code(err) != codes.AlreadyExists {
		return fmt.Errorf("creating topic %q: %w", topic, err)
	}
	if subscription == "" {
		return nil
	}
	name := "projects/" + c.client.Project() + "/subscriptions/" + subscription
	_, err = c.client.SubscriptionAdminClient.CreateSubscription(ctx, &pb.Subscription{
		Name:               name,
		Topic:              topicName,
		AckDeadlineSeconds: 60,
		ExpirationPolicy:   &pb.ExpirationPolicy{}, // without a TTL: never
		RetryPolicy: &pb.RetryPolicy{
			MinimumBackoff: durationpb.New(time.Second),
			MaximumBackoff: durationpb.New(time.Minute),
		},
	})
	if err == nil {
		return nil
	}
	if status.Code(err) != codes.AlreadyExists {
		return fmt.Errorf("creating subscription %q: %w", subscription, err)
	}
	return c.checkTopic(ctx, name, topicName)
}

// checkTopic tells whether an existing subscription is attached to the topic.
func (c *Client) checkTopic(ctx context.Context, subscription, topic string) error {
	got, err := c.client.SubscriptionAdminClient.GetSubscription(ctx, &pb.GetSubscriptionRequest{Subscription: subscription})
	if err != nil {
		return fmt.Errorf("reading subscription %q: %w", subscription, err)
	}
	if got.GetTopic() != topic {
		return fmt.Errorf("subscription %q is on %q, not on %q", subscription, got.GetTopic(), topic)
	}
	return nil
}

// closing is how long Close waits for publishes under way.
const closing = 2 * time.Second

// Close disconnects. It waits for publishes under way, but not for those whose callers gave up long ago. Receives should
// have ended before.
func (c *Client) Close() error {
	c.mu.Lock()
	publishers := c.publishers
	c.publishers = nil
	c.mu.Unlock()
	stopped := make(chan struct{})
	go func() { // ends by itself: the library stops trying after the publishers' timeout
		defer close(stopped)
		for _, p := range publishers {
			p.Stop()
		}
	}()
	select {
	case <-stopped:
	case <-time.After(closing):
	}
	if err := c.client.Close(); err != nil {
		return fmt.Errorf("disconnecting from pub/sub: %w", err)
	}
	return nil
}
