// Package pubsub is Cloud Pub/Sub on loopback: the client library's own in-memory server, or another one that runs already.
// It speaks the real gRPC API.
//
// Its state does not survive a restart: topics, subscriptions and undelivered messages are gone, and a message that
// nobody takes for 10 minutes is dropped. That is allowed here: messages are hints, and whoever uses the server creates
// topics and subscriptions when it starts. Google's own emulator forgets as well.
package pubsub

import (
	"context"
	"fmt"
	"net"

	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// A Server is a running Pub/Sub. It is safe for concurrent use.
type Server struct {
	endpoint string
	publish  func(context.Context, *pb.PublishRequest) error
	stop     func() error
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
	fake := pstest.NewServerWithAddress(address)
	return serverOf(fake, fake.Addr, fake.Close), nil
}

// serverOf is the library's server as it is reached at endpoint.
func serverOf(fake *pstest.Server, endpoint string, stop func() error) *Server {
	return &Server{
		endpoint: endpoint, stop: stop,
		publish: func(ctx context.Context, r *pb.PublishRequest) error {
			_, err := fake.GServer.Publish(ctx, r)
			return err
		},
	}
}

// At is the emulator that runs at endpoint, host:port. Stop calls stop, which may be nil.
func At(endpoint string, stop func()) (*Server, error) {
	connection, err := grpc.NewClient("passthrough:///"+endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connecting to pub/sub at %s: %w", endpoint, err)
	}
	return &Server{
		endpoint: endpoint,
		publish: func(ctx context.Context, r *pb.PublishRequest) error {
			_, err := pb.NewPublisherClient(connection).Publish(ctx, r)
			return err
		},
		stop: func() error {
			if stop != nil {
				stop()
			}
			return connection.Close()
		},
	}, nil
}

// Endpoint is host:port, as PUBSUB_EMULATOR_HOST wants it.
func (s *Server) Endpoint() string { return s.endpoint }

// Publish publishes as a Google service does that sends notices: Cloud Build's to the topic cloud-builds. As there, a
// topic that does not exist is no error; nobody is told then.
func (s *Server) Publish(ctx context.Context, project, topic string, data []byte, attributes map[string]string) error {
	err := s.publish(ctx, &pb.PublishRequest{
		Topic:    "projects/" + project + "/topics/" + topic,
		Messages: []*pb.PubsubMessage{{Data: data, Attributes: attributes}},
	})
	if err != nil && status.Code(err) != codes.NotFound {
		return fmt.Errorf("publishing to %q: %w", topic, err)
	}
	return nil
}

// Stop ends the server and all its streams; every message is forgotten. One that ran already goes on.
func (s *Server) Stop() error {
	if err := s.stop(); err != nil {
		return fmt.Errorf("stopping pub/sub: %w", err)
	}
	return nil
}
