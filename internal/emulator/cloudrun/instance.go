package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
	"github.com/gangway-dev/gangway/internal/emulator/process"
)

// errStopped says that an instance was stopped before it was ready.
var errStopped = errors.New("stopped")

// A startError is why a revision can't serve, in Cloud Run's words.
type startError struct {
	Reason  string // a RevisionReason or CommonReason
	Message string
}

func (e *startError) Error() string { return e.Message }

// instances are the running revisions, one instance each.
type instances struct {
	mu         sync.Mutex
	closed     bool
	byRevision map[string]*instance // by resource name
	ports      map[int]bool         // in use
}

// An instance is a revision that runs or is about to. One goroutine, run, owns it: fields below ready are written by it
// before ready is closed and not changed afterwards.
type instance struct {
	name     string // resource name of the revision
	stopping chan struct{}
	stopOnce sync.Once
	gone     chan struct{}
	users    int           // requests in flight; guarded by instances.mu
	idle     chan struct{} // closed when there are none any more, once somebody waits for that; guarded likewise

	ready     chan struct{}
	err       error
	port      int
	started   time.Time
	processes []*process.Process // that of the container with the port is the first
	metadata  *http.Server
	log       *os.File
	logStart  int64
}

func (i *instance) stop() { i.stopOnce.Do(func() { close(i.stopping) }) }

// start makes sure that a revision runs, and waits until it does.
func (s *Server) start(name string) error {
	_, done, err := s.instance(context.Background(), name)
	if err == nil {
		done()
	}
	return err
}

// instance is the running instance of a revision, which it starts if need be. It is not stopped before done is called, or a
// while after it was to be.
func (s *Server) instance(ctx context.Context, name string) (i *instance, done func(), err error) {
	if i, err = s.join(name); err != nil {
		return nil, nil, err
	}
	done = func() { s.running.leave(i) }
	select {
	case <-i.ready:
		err = i.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return i, done, nil
}

// leave ends a request.
func (n *instances) leave(i *instance) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if i.users--; i.users == 0 && i.idle != nil {
		close(i.idle)
		i.idle = nil
	}
}

// drainTime is how long an instance that gets no requests any more may still work on those that it has.
const drainTime = 10 * time.Second

// drain waits for the requests of an instance that is off the list, also for those that wait for its start.
func (s *Server) drain(i *instance) {
	s.running.mu.Lock()
	if s.running.closed || i.users == 0 {
		s.running.mu.Unlock()
		return
	}
	idle := make(chan struct{})
	i.idle = idle
	s.running.mu.Unlock()
	select {
	case <-idle:
	case <-time.After(drainTime):
	case <-s.closing:
	case <-i.gone:
	}
}

// join returns the instance of a revision, perhaps one that is just starting, with a request more in flight.
func (s *Server) join(name string) (*instance, error) {
	s.mu.RLock()
	stored := s.state.Revisions[name]
	var r revision
	if stored != nil {
		r = *stored
	}
	s.mu.RUnlock()
	if stored == nil {
		return nil, errStopped
	}
	s.running.mu.Lock()
	defer s.running.mu.Unlock()
	if s.running.closed {
		return nil, errStopped
	}
	if i := s.running.byRevision[name]; i != nil {
		i.users++
		return i, nil
	}
	i := &instance{
		users: 1, name: name, stopping: make(chan struct{}), ready: make(chan struct{}), gone: make(chan struct{}),
	}
	s.running.byRevision[name] = i
	s.work.Go(func() { s.run(i, &r) })
	return i, nil
}

// run is the life of an instance.
func (s *Server) run(i *instance, r *revision) {
	defer close(i.gone)
	i.err = s.boot(i, r)
	if i.err != nil {
		s.running.remove(i) // the next call tries again
	}
	i.started = time.Now().UTC()
	close(i.ready)
	if i.err == nil {
		select {
		case <-i.stopping:
		case <-i.processes[0].Done():
			s.log.Warn("revision ended by itself", "revision", i.name, "exit_code", i.processes[0].ExitCode())
		}
		s.running.remove(i)
	}
	i.shutdown()
	s.running.release(i.port)
}

// shutdown ends everything that boot began, as far as it came.
func (i *instance) shutdown() {
	var wg sync.WaitGroup
	for _, p := range i.processes {
		wg.Go(p.Stop)
	}
	wg.Wait()
	if i.metadata != nil {
		_ = i.metadata.Close()
	}
	if i.log != nil {
		_ = i.log.Close()
	}
}

// remove takes an instance off the list, so that the next call starts another.
func (n *instances) remove(i *instance) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byRevision[i.name] == i {
		delete(n.byRevision, i.name)
	}
}

// stopLater stops the instance of a revision, if there is one, once it has no requests any more, and does not wait.
func (s *Server) stopLater(name string) {
	s.running.mu.Lock()
	defer s.running.mu.Unlock()
	if i := s.running.byRevision[name]; i != nil && !s.running.closed {
		delete(s.running.byRevision, name)
		s.work.Go(func() {
			s.drain(i)
			i.stop()
		})
	}
}

// stopAll stops every instance, lets none start any more, and waits.
func (n *instances) stopAll() {
	n.mu.Lock()
	n.closed = true
	all := make([]*instance, 0, len(n.byRevision))
	for _, i := range n.byRevision {
		all = append(all, i)
		i.stop()
	}
	n.mu.Unlock()
	for _, i := range all {
		<-i.gone
	}
}

// Ports come from below the ranges that Linux and macOS take the ports of outgoing connections from.
const (
	firstPort = 20000
	lastPort  = 30000
)

// takePort finds a port that nothing listens on.
func (n *instances) takePort(random func(int) int) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for range 1000 {
		port := firstPort + random(lastPort-firstPort)
		if n.ports[port] {
			continue
		}
		l, err := listen(port)
		if err != nil {
			continue
		}
		_ = l.Close()
		n.ports[port] = true
		return port, nil
	}
	return 0, errors.New("no free port")
}

// listen listens on a port of the loopback interface, or on a free one for 0. That takes no time that a context could cut
// short.
func listen(port int) (net.Listener, error) {
	return new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

func (n *instances) release(port int) {
	n.mu.Lock()
	delete(n.ports, port)
	n.mu.Unlock()
}

// listProcesses shows what runs, for checks from outside: GET /emulator/processes.
func (s *Server) listProcesses(w http.ResponseWriter, _ *http.Request) {
	s.running.mu.Lock()
	all := make([]*instance, 0, len(s.running.byRevision))
	for _, i := range s.running.byRevision {
		all = append(all, i)
	}
	s.running.mu.Unlock()
	shown := []object{}
	for _, i := range all {
		o := object{"revision": i.name, "ready": false}
		select {
		case <-i.ready:
			if i.err != nil {
				continue
			}
			o["ready"], o["port"], o["started"] = true, i.port, stamp(i.started)
			pids := []int{}
			for _, p := range i.processes {
				pids = append(pids, p.PID())
			}
			o["pids"] = pids
		default:
		}
		shown = append(shown, o)
	}
	googleapi.WriteJSON(w, http.StatusOK, object{"processes": shown})
}

// notListening is Cloud Run's text for a container that does not listen.
func notListening(port int) string {
	return fmt.Sprintf("The user-provided container failed to start and listen on the port defined provided by the PORT=%d "+
		"environment variable within the allocated timeout. This can happen when the container port is misconfigured or if "+
		"the timeout is too short. The health check timeout can be extended. Logs for this revision might contain more "+
		"information.", port)
}
