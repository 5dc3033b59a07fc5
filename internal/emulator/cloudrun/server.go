package cloudrun

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/disk"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/emulator/image"
)

// Images is where images come from.
type Images interface {
	// Get finds an image by repository@sha256:… or repository:tag.
	Get(ref string) (image.Image, error)
}

// Identity issues and verifies ID tokens.
type Identity interface {
	IDToken(email, audience string) (string, error)
	Verify(token, audience string) (email string, err error)
}

// Latency is how long Cloud Run takes for what is instant here. The zero value adds nothing.
type Latency struct {
	Ready time.Duration // until a new revision is ready, on top of its own start
	Route time.Duration // until a change of the traffic list is in force
}

// RealLatency is about what Cloud Run takes.
func RealLatency() Latency { return Latency{Ready: 6 * time.Second, Route: 3 * time.Second} }

// Options configure a Server. Dir, Images, Identity and EdgePort are required.
type Options struct {
	Dir      string     // state and logs
	Images   Images     //
	Identity Identity   //
	EdgePort func() int // the port on which Front is reached; URLs contain it
	// Secret resolves a version of a secret; nil knows none.
	Secret func(project, secret, version string) (value string, ok bool)
	// Served is told of every request that a revision was chosen for, when it is answered; nil for nobody.
	Served       func(Served)
	Latency      Latency
	StartTimeout time.Duration // how long a revision has until it listens; 0 is 240 s, as on Cloud Run
	TagLimit     int           // tags per project and region; 0 is 2000
	RevLimit     int           // revisions per service; 0 is 1000
	Logger       *slog.Logger  // nil discards
	// Violation gets what is asked or answered otherwise than the published descriptions have it; nil logs it as an error.
	Violation func(conformance.Violation)
	// Access says who may do what; nil lets everybody do everything.
	Access *iam.Access
}

// Served is an answered request, as Cloud Run's metrics count it.
type Served struct {
	Project, Location, Service, Revision string // short names
	Status                               int
	Took                                 time.Duration
	At                                   time.Time
}

// A Server is the emulated Cloud Run of any number of projects. It is safe for concurrent use.
type Server struct {
	options   Options
	log       *slog.Logger
	handler   http.Handler
	transport *http.Transport // to the revisions
	closing   chan struct{}
	work      sync.WaitGroup

	mu     sync.RWMutex
	closed bool
	state  state
	hosts  map[string]string // host name of a service's URL, without port → its resource name
	faults faults

	running instances
}

// New reads the state in o.Dir and goes on with what was not finished.
func New(o Options) (*Server, error) {
	if o.Dir == "" || o.Images == nil || o.Identity == nil || o.EdgePort == nil {
		return nil, errors.New("starting the emulated Cloud Run: Dir, Images, Identity and EdgePort are required")
	}
	o.setDefaults()
	s := &Server{
		options: o, log: o.Logger, transport: newTransport(), closing: make(chan struct{}),
		hosts: map[string]string{}, running: instances{byRevision: map[string]*instance{}, ports: map[int]bool{}},
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, "logs"), 0o700); err != nil {
		return nil, fmt.Errorf("starting the emulated Cloud Run: %w", err)
	}
	if err := disk.Load(s.stateFile(), &s.state); err != nil {
		return nil, fmt.Errorf("starting the emulated Cloud Run: %w", err)
	}
	s.state.init()
	apis := []*conformance.API{conformance.CloudRunV2(), conformance.CloudRunV1()}
	s.handler = conformance.Handler(conformance.Options{APIs: apis, Outside: []string{"/emulator/"}, Report: o.Violation},
		iam.Guard(o.Access, apis, permissions, s.routes()))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resume()
	return s, nil
}

func (o *Options) setDefaults() {
	if o.StartTimeout <= 0 {
		o.StartTimeout = 240 * time.Second
	}
	if o.TagLimit <= 0 {
		o.TagLimit = 2000
	}
	if o.RevLimit <= 0 {
		o.RevLimit = 1000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Violation == nil {
		o.Violation = conformance.Log(o.Logger)
	}
	if o.Secret == nil {
		o.Secret = func(_, _, _ string) (string, bool) { return "", false }
	}
}

// resume takes up what an earlier server left. s.mu is held.
func (s *Server) resume() {
	for name, v := range s.state.Services {
		s.hosts[v.host()] = name
		if v.Observed < v.Generation {
			s.later(s.options.Latency.Route, func() { s.route(name) })
		}
	}
	for name, r := range s.state.Revisions {
		if r.State == statePending {
			s.later(0, func() { s.checkReadiness(name) })
		}
	}
}

// Close stops all revisions and waits for them. The state stays.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.mu.Unlock()
	s.running.stopAll()
	s.work.Wait()
	s.transport.CloseIdleConnections()
}

// ServeHTTP serves the API and the emulator's own paths below /emulator/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) stateFile() string { return filepath.Join(s.options.Dir, "state.json") }

// save writes the state. s.mu is held for writing.
func (s *Server) save() error { return disk.Save(s.stateFile(), &s.state) }

// later runs f after d unless the server is closed first. s.mu is held.
func (s *Server) later(d time.Duration, f func()) {
	if s.closed {
		return
	}
	s.work.Go(func() {
		if !s.sleep(d) {
			return
		}
		f()
	})
}

// sleep waits for d and tells whether the server is still open.
func (s *Server) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.closing:
		return false
	case <-timer.C:
		return true
	}
}
