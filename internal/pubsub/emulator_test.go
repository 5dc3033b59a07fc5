package pubsub_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	client "cloud.google.com/go/pubsub/v2"
	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gangway-dev/gangway/internal/emulator/gcloud/gcloudtest"
	"github.com/gangway-dev/gangway/internal/pubsub"
)

// The tests of this file run against Google's own emulator, which redelivers by deadlines, counts attempts and has dead
// letter topics, as pstest has not, and is strict about names. It knows no service agents and their rights.

func TestMain(m *testing.M) { os.Exit(gcloudtest.Main(m)) }

var projects atomic.Int64

// A google is a project on Google's emulator: our client, and the library's own beside it.
type google struct {
	*pubsub.Client
	raw     *client.Client
	project string
}

func connectGoogle(t *testing.T, endpoint string) google {
	t.Helper()
	g := google{project: fmt.Sprintf("test-%d", projects.Add(1))}
	var err error
	g.Client, err = pubsub.New(t.Context(), pubsub.Options{Project: g.project, Endpoint: endpoint, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	g.raw, err = client.NewClient(t.Context(), g.project, option.WithEndpoint(gcloudtest.PubSub(t)), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(g.Close(), g.raw.Close()); err != nil {
			t.Error(err)
		}
	})
	return g
}

func (g google) topic(name string) string { return "projects/" + g.project + "/topics/" + name }

func (g google) subscription(name string) string {
	return "projects/" + g.project + "/subscriptions/" + name
}

func (g google) ensure(t *testing.T, topic, subscription string) {
	t.Helper()
	if err := g.Ensure(t.Context(), topic, subscription); err != nil {
		t.Fatal(err)
	}
}

// subscribe makes the subscription worker on hints.
func (g google) subscribe(t *testing.T, s *pb.Subscription) {
	t.Helper()
	s.Name, s.Topic = g.subscription("worker"), g.topic("hints")
	if _, err := g.raw.SubscriptionAdminClient.CreateSubscription(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func (g google) publish(t *testing.T, text string) {
	t.Helper()
	if err := g.Publish(t.Context(), "hints", []byte(text), map[string]string{"a": "b"}); err != nil {
		t.Fatal(err)
	}
}

// await is the next message, in time.
func await(t *testing.T, messages <-chan pubsub.Message) pubsub.Message {
	t.Helper()
	select {
	case m := <-messages:
		return m
	case <-time.After(time.Minute):
		t.Fatal("no message within a minute")
		return pubsub.Message{}
	}
}

func TestGoogleEnsure(t *testing.T) {
	t.Parallel()
	g := connectGoogle(t, gcloudtest.PubSub(t))
	g.ensure(t, "hints", "worker")
	g.ensure(t, "hints", "worker")
	if err := g.Ensure(t.Context(), "other", "worker"); err == nil || !strings.Contains(err.Error(), "/worker") {
		t.Errorf("Ensure of a subscription that is on another topic = %v", err)
	}
	s, err := g.raw.SubscriptionAdminClient.GetSubscription(t.Context(), &pb.GetSubscriptionRequest{Subscription: g.subscription("worker")})
	if err != nil {
		t.Fatal(err)
	}
	if s.GetAckDeadlineSeconds() != 60 || s.GetRetryPolicy().GetMinimumBackoff().AsDuration() != time.Second {
		t.Errorf("the subscription is %v", s)
	}
}

// A message that the handler failed on comes again; one that it was done with does not.
func TestGoogleRedeliversAfterNack(t *testing.T) {
	t.Parallel()
	g := connectGoogle(t, gcloudtest.PubSub(t))
	g.ensure(t, "hints", "worker")
	g.publish(t, "bad")
	g.publish(t, "good")
	got := make(chan pubsub.Message, 100)
	var bad atomic.Int64
	stop := receive(t, g.Client, "worker", func(_ context.Context, m pubsub.Message) error {
		if string(m.Data) == "bad" && bad.Add(1) < 3 {
			return errors.New("not now")
		}
		got <- m
		return nil
	})
	seen := map[string]int{}
	for range 2 {
		m := await(t, got)
		seen[string(m.Data)]++
		if m.Attributes["a"] != "b" {
			t.Errorf("message %+v; want its attributes", m)
		}
	}
	stop()
	if seen["good"] != 1 || seen["bad"] != 1 || bad.Load() != 3 || len(got) != 0 {
		t.Errorf("done with %v, the bad one tried %d times, %d more; want each once, three tries", seen, bad.Load(), len(got))
	}
}

// What a worker took that died then comes again once its deadline is over.
func TestGoogleRedeliversAfterDeadline(t *testing.T) {
	t.Parallel()
	g := connectGoogle(t, gcloudtest.PubSub(t))
	g.ensure(t, "hints", "worker")
	g.publish(t, "hello")
	taken, err := g.raw.SubscriptionAdminClient.Pull(t.Context(), &pb.PullRequest{Subscription: g.subscription("worker"), MaxMessages: 1})
	if err != nil || len(taken.GetReceivedMessages()) != 1 {
		t.Fatal(taken, err)
	}
	const deadline = 2
	err = g.raw.SubscriptionAdminClient.ModifyAckDeadline(t.Context(), &pb.ModifyAckDeadlineRequest{
		Subscription: g.subscription("worker"), AckDeadlineSeconds: deadline,
		AckIds: []string{taken.GetReceivedMessages()[0].GetAckId()},
	})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	got := make(chan pubsub.Message, 10)
	stop := receive(t, g.Client, "worker", func(_ context.Context, m pubsub.Message) error {
		got <- m
		return nil
	})
	if m := await(t, got); string(m.Data) != "hello" {
		t.Errorf("got %q", m.Data)
	}
	if took := time.Since(began); took < deadline*time.Second/2 {
		t.Errorf("it came after %s; want the deadline to be waited for", took)
	}
	stop()
}

// A message that nobody can deal with is put aside after five attempts.
func TestGoogleDeadLetters(t *testing.T) {
	t.Parallel()
	g := connectGoogle(t, gcloudtest.PubSub(t))
	g.ensure(t, "dead", "dead-letters")
	g.ensure(t, "hints", "")
	g.subscribe(t, &pb.Subscription{
		AckDeadlineSeconds: 60,
		DeadLetterPolicy:   &pb.DeadLetterPolicy{DeadLetterTopic: g.topic("dead"), MaxDeliveryAttempts: 5},
	})
	var mu sync.Mutex
	var attempts []int
	stop := receive(t, g.Client, "worker", func(_ context.Context, m pubsub.Message) error {
		mu.Lock()
		defer mu.Unlock()
		attempts = append(attempts, m.Attempt)
		return errors.New("never")
	})
	defer stop()
	g.publish(t, "poison")
	dead := make(chan pubsub.Message, 10)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- g.Receive(ctx, "dead-letters", func(_ context.Context, m pubsub.Message) error {
			dead <- m
			return nil
		})
	}()
	m := await(t, dead)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if string(m.Data) != "poison" || len(attempts) < 5 || attempts[0] != 1 || attempts[4] != 5 {
		t.Errorf("dead letter %q after the attempts %v; want it after five", m.Data, attempts)
	}
}

// A subscription whose connections are cut, and can't be made for a while, goes on by itself.
func TestGoogleConnectionIsLost(t *testing.T) {
	t.Parallel()
	p := newProxy(t, gcloudtest.PubSub(t))
	g := connectGoogle(t, p.address())
	g.ensure(t, "hints", "")
	// The shortest deadline that there is: the emulator may give what is published meanwhile to a stream of which it
	// has not noticed that it is gone.
	g.subscribe(t, &pb.Subscription{AckDeadlineSeconds: 10})
	got := make(chan pubsub.Message, 100)
	stop := receive(t, g.Client, "worker", func(_ context.Context, m pubsub.Message) error {
		got <- m
		return nil
	})
	defer stop()
	g.publish(t, "before")
	if m := await(t, got); string(m.Data) != "before" {
		t.Fatalf("got %q", m.Data)
	}
	p.cut()
	publisher := g.raw.Publisher("hints") // not by the proxy
	defer publisher.Stop()
	if _, err := publisher.Publish(t.Context(), &client.Message{Data: []byte("meanwhile")}).Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.refused(t)
	p.mend()
	for m := await(t, got); string(m.Data) != "meanwhile"; m = await(t, got) {
		if string(m.Data) != "before" { // its acknowledgement may have been cut off
			t.Errorf("got %q", m.Data)
		}
	}
	g.publish(t, "after")
	for m := await(t, got); string(m.Data) != "after"; m = await(t, got) {
		if string(m.Data) != "meanwhile" {
			t.Errorf("got %q", m.Data)
		}
	}
}

// A proxy is a network between a client and a server that can be broken.
type proxy struct {
	listener net.Listener
	to       string
	broken   atomic.Bool
	tried    chan struct{} // has a value when a connection was refused

	mu          sync.Mutex
	connections []net.Conn
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, to: to, tried: make(chan struct{}, 1)}
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
	})
	go p.serve()
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.broken.Load() {
			_ = near.Close()
			select {
			case p.tried <- struct{}{}:
			default:
			}
			continue
		}
		far, err := net.Dial("tcp", p.to) //nolint:noctx // ended by cut
		if err != nil {
			_ = near.Close()
			continue
		}
		p.mu.Lock()
		p.connections = append(p.connections, near, far)
		p.mu.Unlock()
		go func() { _, _ = io.Copy(near, far) }()
		go func() { _, _ = io.Copy(far, near) }()
	}
}

// cut ends all connections and refuses new ones.
func (p *proxy) cut() {
	p.broken.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.connections {
		_ = c.Close()
	}
	p.connections = nil
}

func (p *proxy) mend() { p.broken.Store(false) }

// refused waits until the client has tried to come back.
func (p *proxy) refused(t *testing.T) {
	t.Helper()
	select {
	case <-p.tried:
	case <-time.After(time.Minute):
		t.Fatal("the client did not try to connect again within a minute")
	}
}
