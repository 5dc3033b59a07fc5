package pubsub

import (
	"context"
	"fmt"
	"net"
	"strings"

	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

// permissions are those that methods ask for on the topic or subscription that they name
// (https://cloud.google.com/pubsub/docs/access-control#required_permissions).
var permissions = iam.Table{
	"/google.pubsub.v1.Publisher/CreateTopic":         "pubsub.topics.create",
	"/google.pubsub.v1.Publisher/GetTopic":            "pubsub.topics.get",
	"/google.pubsub.v1.Publisher/Publish":             "pubsub.topics.publish",
	"/google.pubsub.v1.Subscriber/Acknowledge":        "pubsub.subscriptions.consume",
	"/google.pubsub.v1.Subscriber/CreateSubscription": "pubsub.subscriptions.create",
	"/google.pubsub.v1.Subscriber/GetSubscription":    "pubsub.subscriptions.get",
	"/google.pubsub.v1.Subscriber/ModifyAckDeadline":  "pubsub.subscriptions.consume",
	"/google.pubsub.v1.Subscriber/Pull":               "pubsub.subscriptions.consume",
	"/google.pubsub.v1.Subscriber/StreamingPull":      "pubsub.subscriptions.consume",
}

// StartGuarded is [Start] with a guard that asks for the permission of each call; with a nil access there is none. The
// guard is a server of its own in front of the library's services, which has no place for one.
func StartGuarded(ctx context.Context, address string, access *iam.Access) (*Server, error) {
	if access == nil {
		return Start(ctx, address)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for pub/sub: %w", err)
	}
	fake := pstest.NewServer()
	g := guard{access}
	front := grpc.NewServer(grpc.UnaryInterceptor(g.unary), grpc.StreamInterceptor(g.stream))
	pb.RegisterPublisherServer(front, &fake.GServer)
	pb.RegisterSubscriberServer(front, &fake.GServer)
	go func() { _ = front.Serve(listener) }() // until it is stopped, which is no error
	return serverOf(fake, listener.Addr().String(), func() error {
		front.Stop()
		return fake.Close()
	}), nil
}

type guard struct{ access *iam.Access }

func (g guard) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := g.check(ctx, info.FullMethod, req); err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

func (g guard) stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return handler(server, &guardedStream{ServerStream: stream, guard: g, method: info.FullMethod})
}

// A guardedStream asks with the first message, which names the subscription.
type guardedStream struct {
	grpc.ServerStream
	guard  guard
	method string
	asked  bool
}

func (s *guardedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil || s.asked {
		return err
	}
	s.asked = true
	return s.guard.check(s.Context(), s.method, m)
}

func (g guard) check(ctx context.Context, method string, req any) error {
	md, _ := metadata.FromIncomingContext(ctx)
	client := strings.Join(append(md.Get("user-agent"), md.Get("x-goog-api-client")...), " ")
	caller, ok := g.access.Caller(strings.Join(md.Get("authorization"), ""), client)
	if !ok {
		return status.Error(codes.Unauthenticated, "Request had invalid authentication credentials.")
	}
	permission, known := permissions[method]
	if !known {
		permission = "(unknown) of " + method
	}
	if err := caller.Require(permission, resource(req)); err != nil {
		return status.Error(codes.PermissionDenied, err.Error())
	}
	return nil
}

// resource is the topic or subscription that a request names.
func resource(req any) string {
	switch r := req.(type) {
	case interface{ GetSubscription() string }:
		return r.GetSubscription()
	case *pb.Subscription: // its topic is asked about apart, which the library doesn't serve
		return r.GetName()
	case interface{ GetTopic() string }:
		return r.GetTopic()
	case interface{ GetName() string }:
		return r.GetName()
	}
	return ""
}
