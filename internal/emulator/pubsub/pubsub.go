// Package pubsub is Cloud Pub/Sub on loopback: the client library's own in-memory server. It speaks the real gRPC API.
//
// Its state does not survive a restart: topics, subscriptions and undelivered messages are gone, and a message that
// nobody takes for 10 minutes is dropped. That is allowed here: messages are hints, and whoever uses the server creates
// topics and subscriptions when it starts. (Google's own emulator can be used instead; it forgets as well.)
package pubsub

import (
	"context"
	"fmt"
	"net"

	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A Server is a running Pub/Sub. It is safe for concurrent use.
type Server struct {
	fake *pstest.Server
}

// Start listens on address, host:port on loopback; port 0 takes a free one. Another process that listens there is an
// error.
func Start(ctx context.Context, address string) (server *Server, err error) {
	// The library panics when it can't listen, so find that out first. Somebody may take the port in
	// between: hence the recover too.
	probe, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for pub/sub: %w", err)
	}
	address = probe.Addr().String()
	if err := probe.Close(); err != nil {
		return nil, fmt.Errorf("listening for pub/sub: %w", err)
	}
	defer func() {
		if r := recover(); r != nil {
			server, err = nil, fmt.Errorf("listening for pub/sub on %s: %v", address, r)
		}
	}()
	return &Server{fake: pstest.NewServerWithAddress(address)}, nil
}

// Endpoint is host:port, as PUBSUB_EMULATOR_HOST wants it.
func (s *Server) Endpoint() string { return s.fake.Addr }

// Publish publishes as a Google service does that sends notices: Cloud Build's to the topic cloud-builds. As there, a
// topic that does not exist is no error; nobody is told then.
func (s *Server) Publish(ctx context.Context, project, topic string, data []byte, attributes map[string]string) error {
	_, err := s.fake.GServer.Publish(ctx, &pb.PublishRequest{
		Topic:    "projects/" + project + "/topics/" + topic,
		Messages: []*pb.PubsubMessage{{Data: data, Attributes: attributes}},
	})
	if err != nil && status.Code(err) != codes.NotFound {
		return fmt.Errorf("publishing to %q: %w", topic, err)
	}
	return nil
}

// Stop ends the server and all its streams; every message is forgotten.
func (s *Server) Stop() error {
	if err := s.fake.Close(); err != nil {
		return fmt.Errorf("stopping pub/sub: %w", err)
	}
	return nil
}
