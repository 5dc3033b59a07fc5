package pubsub_test

import (
	"context"
	"testing"

	client "cloud.google.com/go/pubsub/v2"
	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/emulator/pubsub"
)

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}
func (bearer) RequireTransportSecurity() bool { return false }

// Each method asks for its permission on the topic or subscription that it names; the owner, who is let through, makes
// them.
func TestGuard(t *testing.T) {
	t.Parallel()
	const topic, subscription = "projects/p/topics/t", "projects/p/subscriptions/s"
	ends := []string{"topics/t", "subscriptions/s"}
	methods := map[string]func(context.Context, *client.Client) error{
		"pubsub.topics.create": func(ctx context.Context, c *client.Client) error {
			_, err := c.TopicAdminClient.CreateTopic(ctx, &pb.Topic{Name: topic})
			return err
		},
		"pubsub.topics.get": func(ctx context.Context, c *client.Client) error {
			_, err := c.TopicAdminClient.GetTopic(ctx, &pb.GetTopicRequest{Topic: topic})
			return err
		},
		"pubsub.subscriptions.create": func(ctx context.Context, c *client.Client) error {
			_, err := c.SubscriptionAdminClient.CreateSubscription(ctx, &pb.Subscription{Name: subscription, Topic: topic})
			return err
		},
		"pubsub.subscriptions.get": func(ctx context.Context, c *client.Client) error {
			_, err := c.SubscriptionAdminClient.GetSubscription(ctx, &pb.GetSubscriptionRequest{Subscription: subscription})
			return err
		},
		"pubsub.topics.publish": func(ctx context.Context, c *client.Client) error {
			_, err := c.Publisher("t").Publish(ctx, &client.Message{Data: []byte("x")}).Get(ctx)
			return err
		},
		"pubsub.subscriptions.consume": func(ctx context.Context, c *client.Client) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			return c.Subscriber("s").Receive(ctx, func(_ context.Context, m *client.Message) { m.Ack(); cancel() })
		},
	}
	order := []string{
		"pubsub.topics.create", "pubsub.topics.get", "pubsub.subscriptions.create", "pubsub.subscriptions.get",
		"pubsub.topics.publish", "pubsub.subscriptions.consume",
	}
	access := iam.New(
		iam.Binding{Account: "all@x", Permissions: order, On: ends},
		iam.Binding{Account: "elsewhere@x", Permissions: order, On: []string{"topics/other", "subscriptions/other"}},
	)
	server, err := pubsub.StartGuarded(t.Context(), "127.0.0.1:0", access)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	connect := func(token string) *client.Client {
		c, err := client.NewClient(t.Context(), "p", option.WithEndpoint(server.Endpoint()), option.WithoutAuthentication(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
			option.WithGRPCDialOption(grpc.WithPerRPCCredentials(bearer(token))))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	all, elsewhere, nobody := connect(access.Token("all@x")), connect(access.Token("elsewhere@x")), connect("of-nobody")
	for _, permission := range order {
		if err := methods[permission](t.Context(), elsewhere); status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s on something else: %v, want PermissionDenied", permission, err)
		}
		if err := methods[permission](t.Context(), nobody); status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s with a token of nobody: %v, want Unauthenticated", permission, err)
		}
		if err := methods[permission](t.Context(), all); err != nil {
			t.Errorf("%s: %v", permission, err)
		}
	}
}
