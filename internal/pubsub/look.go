package pubsub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A Subscription is as Pub/Sub has it. Topics are named without their project.
type Subscription struct {
	Topic      string
	Expires    time.Duration // without a reader; 0 is never
	DeadLetter string        // topic; "" for none
}

// defaultExpiry is when a subscription without a policy is deleted:
// https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions#ExpirationPolicy
const defaultExpiry = 31 * 24 * time.Hour

// Subscription reads a subscription; false when there is none.
func (c *Client) Subscription(ctx context.Context, project, name string) (Subscription, bool, error) {
	got, err := c.client.SubscriptionAdminClient.GetSubscription(ctx, &pb.GetSubscriptionRequest{
		Subscription: "projects/" + project + "/subscriptions/" + name,
	})
	switch {
	case status.Code(err) == codes.NotFound:
		return Subscription{}, false, nil
	case err != nil:
		return Subscription{}, false, fmt.Errorf("reading subscription %q: %w", name, err)
	}
	s := Subscription{Topic: base(got.GetTopic()), Expires: defaultExpiry, DeadLetter: base(got.GetDeadLetterPolicy().GetDeadLetterTopic())}
	if policy := got.GetExpirationPolicy(); policy != nil {
		s.Expires = policy.GetTtl().AsDuration()
	}
	return s, true, nil
}

// Subscriptions are those of a topic; false when there is no such topic.
func (c *Client) Subscriptions(ctx context.Context, project, topic string) ([]string, bool, error) {
	full := "projects/" + project + "/topics/" + topic
	_, err := c.client.TopicAdminClient.GetTopic(ctx, &pb.GetTopicRequest{Topic: full})
	switch {
	case status.Code(err) == codes.NotFound:
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("reading topic %q: %w", topic, err)
	}
	it := c.client.TopicAdminClient.ListTopicSubscriptions(ctx, &pb.ListTopicSubscriptionsRequest{Topic: full})
	var all []string
	for {
		name, err := it.Next()
		switch {
		case errors.Is(err, iterator.Done):
			return all, true, nil
		case err != nil:
			return nil, false, fmt.Errorf("listing subscriptions of topic %q: %w", topic, err)
		}
		all = append(all, base(name))
	}
}

// base is the last part of a resource's name.
func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
