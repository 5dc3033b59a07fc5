package logging

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

const (
	maxBody      = 4 << 20
	defaultLimit = 200_000
)

// Options are what the emulator is made of.
type Options struct {
	Lag   time.Duration // from an entry's being written to its being listed
	Limit int           // entries that are kept; 0 is 200,000
	// Violation gets what is asked or answered otherwise than the published description has it; nil logs it as an error.
	Violation func(conformance.Violation)
	// Access says who may do what; nil lets everybody do everything.
	Access *iam.Access
}

// RealLag is about what Cloud Logging takes until an entry can be listed.
const RealLag = 3 * time.Second

// An Entry is a log entry with a text. Names and meaning are those of the REST API.
type Entry struct {
	LogName          string            `json:"logName,omitempty"`
	Resource         Resource          `json:"resource"`
	Timestamp        time.Time         `json:"timestamp,omitzero"`
	ReceiveTimestamp time.Time         `json:"receiveTimestamp,omitzero"`
	Severity         string            `json:"severity,omitempty"`
	InsertID         string            `json:"insertId,omitempty"`
	Labels           map[string]string `json:"labels,omitempty"`
	TextPayload      string            `json:"textPayload,omitempty"`
}

// Resource is what an entry is about.
type Resource struct {
	Type   string            `json:"type,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// A Server is the emulator. It is an http.Handler and safe for concurrent use.
type Server struct {
	options Options
	handler http.Handler

	mu      sync.Mutex
	entries []Entry // in the order of their being written
	written int64
	faults  Faults
}

// Faults are what is to go wrong. PUT /emulator/faults sets them, GET tells what is left of them.
type Faults struct {
	// FailCalls answers that many API calls with FailStatus (503 by default).
	FailCalls  int `json:"fail_calls,omitempty"`
	FailStatus int `json:"fail_status,omitempty"`
	// LagMillis is the lag instead of the one in Options.
	LagMillis int `json:"lag_ms,omitempty"`
}

// New makes an emulator.
func New(o Options) *Server {
	if o.Limit <= 0 {
		o.Limit = defaultLimit
	}
	if o.Violation == nil {
		o.Violation = conformance.Log(slog.Default())
	}
	s := &Server{options: o}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/entries:list", s.called(s.list))
	mux.HandleFunc("POST /v2/entries:write", s.called(s.write))
	mux.HandleFunc("GET /emulator/faults", s.getFaults)
	mux.HandleFunc("PUT /emulator/faults", s.putFaults)
	apis := []*conformance.API{conformance.LoggingV2()}
	s.handler = conformance.Handler(conformance.Options{APIs: apis, Outside: []string{"/emulator/"}, Report: o.Violation},
		iam.Guard(o.Access, apis, permissions, mux))
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	s.handler.ServeHTTP(w, r)
}

// Write takes an entry in. Without a time it is of now.
func (s *Server) Write(e Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.ReceiveTimestamp = time.Now().UTC()
	if e.Timestamp.IsZero() {
		e.Timestamp = e.ReceiveTimestamp
	}
	s.written++
	if e.InsertID == "" {
		e.InsertID = fmt.Sprintf("%016x", s.written)
	}
	s.entries = append(s.entries, e)
	if len(s.entries) > s.options.Limit+s.options.Limit/4 {
		s.entries = append([]Entry(nil), s.entries[len(s.entries)-s.options.Limit:]...)
	}
}

func decode(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return googleapi.Invalid("Invalid JSON payload received. %v", err)
	}
	return nil
}

// called lets a call fail if it is to.
func (s *Server) called(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		fail, status := s.faults.FailCalls > 0, s.faults.FailStatus
		if fail {
			s.faults.FailCalls--
		}
		s.mu.Unlock()
		switch {
		case !fail:
			v, err := f(r)
			googleapi.Answer(w, v, err)
		case status == http.StatusForbidden:
			googleapi.Answer(w, nil, googleapi.NewError(status, "PERMISSION_DENIED", "Permission denied for all log views"))
		case status == 0 || status == http.StatusServiceUnavailable:
			googleapi.Answer(w, nil, googleapi.NewError(http.StatusServiceUnavailable, "UNAVAILABLE", "the service is currently unavailable"))
		default:
			googleapi.Answer(w, nil, googleapi.NewError(status, "UNKNOWN", "the service answers "+strconv.Itoa(status)+" as it was told to"))
		}
	}
}

func (s *Server) getFaults(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	googleapi.Answer(w, s.faults, nil)
}

func (s *Server) putFaults(w http.ResponseWriter, r *http.Request) {
	var wanted Faults
	if err := decode(r.Body, &wanted); err != nil {
		googleapi.Answer(w, nil, err)
		return
	}
	s.mu.Lock()
	s.faults = wanted
	s.mu.Unlock()
	s.getFaults(w, r)
}

// lag is how long entries take. The caller holds the mutex.
func (s *Server) lag() time.Duration {
	if s.faults.LagMillis > 0 {
		return time.Duration(s.faults.LagMillis) * time.Millisecond
	}
	return s.options.Lag
}
