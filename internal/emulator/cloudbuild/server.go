package cloudbuild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/disk"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/emulator/image"
)

// Options are what the emulator is made of.
type Options struct {
	Dir    string       // state, logs, checkouts, caches
	Images *image.Store // where images are pushed to
	// Repositories gives the clone URL of a connected repository's resource name. nil knows none.
	Repositories func(resource string) (url string, ok bool)
	// Object opens an object of Cloud Storage; generation 0 is the newest. An error that is fs.ErrNotExist says that there is
	// none. nil knows no buckets.
	Object func(ctx context.Context, bucket, object string, generation int64) (io.ReadCloser, error)
	// StoreLog puts a log into a bucket, for builds that ask for it. nil drops it.
	StoreLog func(ctx context.Context, bucket, object string, log []byte) error
	// Publish sends a notice; it is tried again when it fails. nil sends none.
	Publish func(ctx context.Context, data []byte, attributes map[string]string) error
	// Logged is told the lines of builds that log to Cloud Logging. nil: they are in the builds' own logs only.
	Logged func(LogLine)
	// URL is how the server is reached, for links to logs; "" takes the Host of the request that created a build.
	URL string
	// Concurrency is how many builds run at once; 0 is 10, the smallest quota of a project.
	Concurrency int
	Latency     Latency
	// GoCache and GoModCache are shared by all builds; by default they are below Dir.
	GoCache, GoModCache string
	Log                 *slog.Logger
	// Violation gets what is asked or answered otherwise than the published descriptions have it; nil logs it as an error.
	Violation func(conformance.Violation)
	// Access says who may do what; nil lets everybody do everything.
	Access *iam.Access
}

// Latency is how long Cloud Build takes for what is instant here. The zero value adds nothing.
type Latency struct {
	Start time.Duration // from QUEUED to WORKING, when nothing else is running
}

// RealLatency is about what Cloud Build takes.
func RealLatency() Latency { return Latency{Start: 8 * time.Second} }

// A Server is the emulator. It is an http.Handler and safe for concurrent use. [Server.Close] ends all builds.
type Server struct {
	options Options
	mux     *http.ServeMux
	handler http.Handler
	ctx     context.Context //nolint:containedctx // the life of the server: builds outlive the requests that start them
	stop    context.CancelFunc
	work    sync.WaitGroup
	slots   chan struct{}
	faults  faults

	mu     sync.Mutex
	builds map[string]*record
	byTime []string // ids, the oldest first
}

// A record is a build and what we remember beside it. Its fields are guarded by the server's mutex.
type record struct {
	Location string // "global" or a region
	Build    Build  // as the API shows it
	Noticed  Enum   // the last status that a notice told

	cancel context.CancelCauseFunc // while it is not done
	outbox []notice                // notices that are to be sent
	notify chan struct{}           // something was put into outbox
}

// Causes of a build's end other than its steps.
var (
	errCancelled = errors.New("cancelled")
	errTimeout   = errors.New("timed out")
	errExpired   = errors.New("expired in the queue")
	errShutdown  = errors.New("the emulator stops")
)

// New opens the emulator. Builds that were queued run again; those that were working when it was killed have ended
// with INTERNAL_ERROR.
func New(o Options) (*Server, error) {
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, fmt.Errorf("opening Cloud Build: %w", err)
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 10
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Violation == nil {
		o.Violation = conformance.Log(o.Log)
	}
	if o.GoCache == "" {
		o.GoCache = filepath.Join(o.Dir, "cache", "go-build")
	}
	if o.GoModCache == "" {
		o.GoModCache = filepath.Join(o.Dir, "cache", "go-mod")
	}
	s := &Server{options: o, builds: map[string]*record{}, slots: make(chan struct{}, o.Concurrency)}
	if err := os.RemoveAll(filepath.Join(o.Dir, "work")); err != nil {
		return nil, fmt.Errorf("removing what is left of old builds: %w", err)
	}
	for _, dir := range []string{"builds", "logs", "work"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, dir), 0o700); err != nil {
			return nil, fmt.Errorf("opening Cloud Build: %w", err)
		}
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	s.routes()
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.resume(s.ctx)
	return s, nil
}

// Close ends all builds as a hard kill would, but waits for their processes.
func (s *Server) Close() {
	s.mu.Lock()
	for _, r := range s.builds {
		if r.cancel != nil {
			r.cancel(errShutdown)
		}
	}
	s.mu.Unlock()
	s.stop()
	s.work.Wait()
}

// load reads the builds that are on the disk.
func (s *Server) load() error {
	names, err := fs.Glob(os.DirFS(filepath.Join(s.options.Dir, "builds")), "*.json")
	if err != nil {
		return fmt.Errorf("reading builds: %w", err)
	}
	for _, name := range names {
		r := &record{}
		if err := disk.Load(filepath.Join(s.options.Dir, "builds", name), r); err != nil {
			return err
		}
		if r.Build.ID != strings.TrimSuffix(name, ".json") || r.Build.CreateTime == nil {
			return fmt.Errorf("reading builds: %s holds another build", name)
		}
		s.add(r)
	}
	return nil
}

// add makes a build known, in the order of creation. The caller holds the mutex or is alone.
func (s *Server) add(r *record) {
	r.notify = make(chan struct{}, 1)
	s.builds[r.Build.ID] = r
	at := len(s.byTime)
	for at > 0 && s.builds[s.byTime[at-1]].Build.CreateTime.After(*r.Build.CreateTime) {
		at--
	}
	s.byTime = append(s.byTime, "")
	copy(s.byTime[at+1:], s.byTime[at:])
	s.byTime[at] = r.Build.ID
}

// resume goes on with what a restart interrupted.
func (s *Server) resume(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.byTime {
		r := s.builds[id]
		if r.Build.Status == statusWorking {
			now := time.Now().UTC()
			r.Build.Status, r.Build.FinishTime = statusInternalError, &now
			r.Build.StatusDetail = "build was interrupted by a restart of the worker"
			r.Build.FailureInfo = &FailureInfo{Type: "FAILURE_TYPE_UNSPECIFIED", Detail: r.Build.StatusDetail}
			s.save(ctx, r)
		}
		if r.Noticed != r.Build.Status {
			r.outbox = append(r.outbox, r.notice())
			r.notify <- struct{}{}
		}
		if !done(r.Build.Status) || len(r.outbox) > 0 {
			s.begin(ctx, r)
		}
	}
}

// save writes a record. The caller holds the mutex.
func (s *Server) save(ctx context.Context, r *record) {
	if err := disk.Save(filepath.Join(s.options.Dir, "builds", r.Build.ID+".json"), r); err != nil {
		s.options.Log.ErrorContext(ctx, "saving a build", "build_id", r.Build.ID, "error", err)
	}
}
