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

// Notices go to a server that runs elsewhere, and a topic that is not there is no error there either.
func TestAt(t *testing.T) {
	t.Parallel()
	elsewhere, err := pubsub.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = elsewhere.Stop() })
	stops := 0
	server, err := pubsub.At(elsewhere.Endpoint(), func() { stops++ })
	if err != nil {
		t.Fatal(err)
	}
	if server.Endpoint() != elsewhere.Endpoint() {
		t.Errorf("Endpoint = %s", server.Endpoint())
	}
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
	if _, err := c.SubscriptionAdminClient.CreateSubscription(t.Context(), &pb.Subscription{Name: subscription, Topic: topic}); err != nil {
		t.Fatal(err)
	}
	if err := server.Publish(t.Context(), "p", "cloud-builds", []byte("hello"), nil); err != nil {
		t.Fatal(err)
	}
	pulled, err := c.SubscriptionAdminClient.Pull(t.Context(), &pb.PullRequest{Subscription: subscription, MaxMessages: 10})
	if err != nil || len(pulled.GetReceivedMessages()) != 1 || string(pulled.GetReceivedMessages()[0].GetMessage().GetData()) != "hello" {
		t.Errorf("pulled %v, %v; want the one message", pulled, err)
	}
	if err := server.Stop(); err != nil || stops != 1 {
		t.Errorf("Stop = %v, with %d stops of the other", err, stops)
	}
	if err := elsewhere.Publish(context.WithoutCancel(t.Context()), "p", "cloud-builds", []byte("x"), nil); err != nil {
		t.Errorf("the other one: %v", err)
	}
}
