package pubsub_test

import (
	"context"
	"testing"

	client "cloud.google.com/go/pubsub/v2"
	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gangway-dev/gangway/internal/emulator/pubsub"
)

func TestNoticesReachSubscribers(t *testing.T) {
	t.Parallel()
	server, err := pubsub.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	if err := server.Publish(t.Context(), "p", "cloud-builds", []byte("early"), nil); err != nil {
		t.Errorf("Publish without a topic = %v, want nil", err)
	}
	c, err := client.NewClient(t.Context(), "p", option.WithEndpoint(server.Endpoint()), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	topic, subscription := "projects/p/topics/cloud-builds", "projects/p/subscriptions/s"
	if _, err := c.TopicAdminClient.CreateTopic(t.Context(), &pb.Topic{Name: topic}); err != nil {
		t.Fatal(err)
	}
	_, err = c.SubscriptionAdminClient.CreateSubscription(t.Context(), &pb.Subscription{Name: subscription, Topic: topic})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Publish(t.Context(), "p", "cloud-builds", []byte("hello"), map[string]string{"status": "SUCCESS"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got *client.Message
	err = c.Subscriber("s").Receive(ctx, func(_ context.Context, m *client.Message) {
		got = m
		m.Ack()
		cancel()
	})
	if err != nil || got == nil {
		t.Fatalf("Receive = %v, message %v", err, got)
	}
	if string(got.Data) != "hello" || got.Attributes["status"] != "SUCCESS" {
		t.Errorf("got %q %v", got.Data, got.Attributes)
	}
}

func TestStartOnATakenAddress(t *testing.T) {
	t.Parallel()
	server, err := pubsub.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	if second, err := pubsub.Start(t.Context(), server.Endpoint()); err == nil {
		_ = second.Stop()
		t.Error("a second server started on the same address")
	}
}
