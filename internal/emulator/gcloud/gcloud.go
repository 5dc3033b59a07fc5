// Package gcloud runs the emulators that come with the Google Cloud CLI: Firestore's and Pub/Sub's. They are Google's own
// programs in Java; this package finds them, starts them on loopback and sees to it that they end with us, however we end.
//
// They keep everything in memory: whoever stops one loses what was in it. Neither asks for credentials, and every project
// and database exists as soon as it is named.
package gcloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/process"
)

// A Server is a running emulator. It is safe for concurrent use.
type Server struct {
	endpoint string
	process  *process.Process
}

// StartFirestore starts the Firestore emulator in native mode on address, host:port on loopback; port 0 takes a free one.
// It returns when the emulator answers. What it writes goes to output, which may be nil. Where it is not installed, the
// error wraps [ErrAbsent]. The program must have called [process.Main] first.
func StartFirestore(ctx context.Context, address string, output io.Writer) (*Server, error) {
	return firestore.start(ctx, address, output)
}

// StartPubSub is [StartFirestore] for the Pub/Sub emulator.
func StartPubSub(ctx context.Context, address string, output io.Writer) (*Server, error) {
	return pubSub.start(ctx, address, output)
}

// Endpoint is host:port, as FIRESTORE_EMULATOR_HOST and PUBSUB_EMULATOR_HOST want it.
func (s *Server) Endpoint() string { return s.endpoint }

// Stop ends the emulator; everything in it is forgotten.
func (s *Server) Stop() { s.process.Kill() }

const (
	startTime = time.Minute // two at once on a busy machine take some 10 s
	tries     = 3           // with other ports, when somebody else has just taken the one that was free
)

func (k kind) start(ctx context.Context, address string, output io.Writer) (*Server, error) {
	java, args, err := k.command()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("starting the %s: %w", k.name, err)
	}
	for try := 1; ; try++ {
		free, err := freeAddress(ctx, net.JoinHostPort(host, port))
		if err != nil {
			return nil, fmt.Errorf("starting the %s: %w", k.name, err)
		}
		server, err := k.startAt(ctx, java, args, free, output)
		if err == nil {
			return server, nil
		}
		if port != "0" || try == tries || ctx.Err() != nil || !errors.Is(err, errEnded) {
			return nil, fmt.Errorf("starting the %s: %w", k.name, err)
		}
	}
}

// freeAddress is address, with a free port instead of 0. The emulators can't say which port they took by themselves.
func freeAddress(ctx context.Context, address string) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// errEnded says that the emulator ended before it answered.
var errEnded = errors.New("it ended at once")

func (k kind) startAt(ctx context.Context, java string, args []string, address string, output io.Writer) (*Server, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	last := &tail{also: output}
	p, err := process.Start(process.Spec{
		Path: java, Args: append(args, "--host="+host, "--port="+port), Stdout: last, Stderr: last,
	})
	if err != nil {
		return nil, err
	}
	if err := await(ctx, p, "http://"+address+"/"); err != nil {
		p.Kill()
		return nil, fmt.Errorf("%w; it wrote:\n%s", err, last)
	}
	return &Server{endpoint: address, process: p}, nil
}

// await waits until the emulator answers.
func await(ctx context.Context, p *process.Process, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(response.Status)
		}
		select {
		case <-p.Done():
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// tailSize is how much of what an emulator wrote goes into an error.
const tailSize = 2000

// A tail keeps the end of what is written to it.
type tail struct {
	also io.Writer

	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	if t.also != nil {
		return t.also.Write(p)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.ToValidUTF8(bytes.TrimSpace(t.text), []byte("?")))
}
