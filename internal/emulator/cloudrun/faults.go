package cloudrun

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// faults are what goes wrong on demand: PUT /emulator/faults replaces them, GET shows what is left. They don't survive
// a restart.
type faults struct {
	Conflicts      int    `json:"conflicts"`       // so many writes of services are answered 409 ABORTED and have no effect
	LostAnswers    int    `json:"lost_answers"`    // so many writes of services take effect and are answered 503
	Unavailable    int    `json:"unavailable"`     // so many requests are answered 503 and have no effect
	FailReadiness  int    `json:"fail_readiness"`  // so many new revisions don't get ready
	ReadinessDelay string `json:"readiness_delay"` // added to the time until a revision is ready, such as 2s
}

func (s *Server) getFaults(w http.ResponseWriter, _ *http.Request) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	googleapi.WriteJSON(w, http.StatusOK, s.faults)
}

func (s *Server) putFaults(w http.ResponseWriter, r *http.Request) {
	var f faults
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&f)
	if err == nil && f.ReadinessDelay != "" {
		_, err = time.ParseDuration(f.ReadinessDelay)
	}
	if err != nil {
		writeError(w, invalid("faults: %v", err))
		return
	}
	s.mu.Lock()
	s.faults = f
	s.mu.Unlock()
	googleapi.WriteJSON(w, http.StatusOK, f)
}

// faultOf is the error that a request is to be answered with instead of being served, or nil.
func (s *Server) faultOf(method string) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	if use(&s.faults.Unavailable) {
		return &apiError{http.StatusServiceUnavailable, "UNAVAILABLE", "The service is currently unavailable."}
	}
	if writes(method) && use(&s.faults.Conflicts) {
		return &apiError{http.StatusConflict, "ABORTED", "Conflict: the resource was changed by a concurrent request."}
	}
	return nil
}

func (s *Server) loseAnswer() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return use(&s.faults.LostAnswers)
}

// readinessFault is what the next readiness check has to suffer.
func (s *Server) readinessFault() (fail bool, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return use(&s.faults.FailReadiness), duration(s.faults.ReadinessDelay)
}

// use takes one from a counter if something is left.
func use(n *int) bool {
	if *n <= 0 {
		return false
	}
	*n--
	return true
}
