package pubsub_test

import (
	"testing"
	"time"

	api "cloud.google.com/go/pubsub/v2"
	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/gangway-dev/gangway/internal/pubsub"
)

// TestLook reads topics and subscriptions as they were made.
func TestLook(t *testing.T) {
	far := pstest.NewServer()
	t.Cleanup(func() { _ = far.Close() })
	client, err := pubsub.New(t.Context(), pubsub.Options{Project: "shop", Endpoint: far.Addr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	admin, err := api.NewClient(t.Context(), "shop", option.WithEndpoint(far.Addr), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	for _, topic := range []string{"events", "dead"} {
		if _, err := admin.TopicAdminClient.CreateTopic(t.Context(), &pb.Topic{Name: "projects/shop/topics/" + topic}); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*pb.Subscription{
		{
			Name: "projects/shop/subscriptions/kept", Topic: "projects/shop/topics/events", ExpirationPolicy: &pb.ExpirationPolicy{},
			DeadLetterPolicy: &pb.DeadLetterPolicy{DeadLetterTopic: "projects/shop/topics/dead", MaxDeliveryAttempts: 20},
		},
		{
			Name: "projects/shop/subscriptions/brief", Topic: "projects/shop/topics/events",
			ExpirationPolicy: &pb.ExpirationPolicy{Ttl: durationpb.New(48 * time.Hour)},
		},
	} {
		if _, err := admin.SubscriptionAdminClient.CreateSubscription(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]pubsub.Subscription{
		"kept":  {Topic: "events", DeadLetter: "dead"},
		"brief": {Topic: "events", Expires: 48 * time.Hour},
	} {
		got, found, err := client.Subscription(t.Context(), "shop", name)
		if diff := cmp.Diff(want, got); err != nil || !found || diff != "" {
			t.Errorf("Subscription(%s): %v, %v, %s", name, found, err, diff)
		}
	}
	for topic, want := range map[string]int{"events": 2, "dead": 0} {
		if got, found, err := client.Subscriptions(t.Context(), "shop", topic); err != nil || !found || len(got) != want {
			t.Errorf("Subscriptions(%s) = %v, %v, %v", topic, got, found, err)
		}
	}
	if _, found, err := client.Subscription(t.Context(), "shop", "none"); found || err != nil {
		t.Errorf("a subscription that isn't there: %v, %v", found, err)
	}
	if _, found, err := client.Subscriptions(t.Context(), "shop", "none"); found || err != nil {
		t.Errorf("a topic that isn't there: %v, %v", found, err)
	}
}
