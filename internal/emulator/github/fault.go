package github

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Fault makes the next Count requests go wrong that have this method ("" is any) and whose path, without /api/v3,
// begins with Path. With the method DELIVER it is about webhook deliveries, and Path is event/action.
type Fault struct {
	Method     string    `json:"method,omitempty"`
	Path       string    `json:"path,omitempty"`
	Skip       int       `json:"skip,omitempty"` // requests that fit and go well before it
	Count      int       `json:"count"`
	Kind       FaultKind `json:"kind"`
	RetryAfter int       `json:"retry_after,omitempty"` // seconds, of the limits; 0: no such header
}

// FaultKind is what goes wrong.
type FaultKind string

// The kinds of faults.
const (
	FaultSecondaryLimit FaultKind = "secondary_limit" // 403 with GitHub's words for it
	FaultPrimaryLimit   FaultKind = "primary_limit"   // 403 with x-ratelimit-remaining 0
	FaultServerError    FaultKind = "server_error"    // 500, nothing was done
	FaultReset          FaultKind = "reset"           // the connection ends without an answer, nothing was done
	FaultUnknownOutcome FaultKind = "unknown_outcome" // it is done, then the connection ends without an answer
	FaultLateError      FaultKind = "late_error"      // it is done, then something in between answers 502
	FaultUnauthorized   FaultKind = "unauthorized"    // 401 Bad credentials
	FaultNotFound       FaultKind = "not_found"       // 404 for something that is there
	FaultLost           FaultKind = "lost"            // a delivery is neither sent nor listed
	FaultDuplicate      FaultKind = "duplicate"       // a delivery is sent twice
)

var errSecondary = &apiError{
	Status:        http.StatusForbidden,
	Message:       "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
	Documentation: "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
}

// AddFault adds a fault to those that wait; a Count of 0 counts as 1.
func (s *Server) AddFault(f Fault) error {
	kinds := []FaultKind{
		FaultSecondaryLimit, FaultPrimaryLimit, FaultServerError, FaultReset, FaultUnknownOutcome, FaultLateError,
		FaultUnauthorized, FaultNotFound, FaultLost, FaultDuplicate,
	}
	if !slices.Contains(kinds, f.Kind) {
		return fmt.Errorf("%w: kind of fault %q", ErrInvalid, f.Kind)
	}
	f.Count = max(f.Count, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
	return nil
}

// Faults are those that wait.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Fault{}
	for _, f := range s.faults {
		list = append(list, *f)
	}
	return list
}

// ClearFaults forgets all faults that wait.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault uses up the first fault that fits; the caller holds mu.
func (s *Server) takeFault(method, path string) *Fault {
	for i, f := range s.faults {
		if (f.Method == "" && method != "DELIVER" || f.Method == method) && strings.HasPrefix(path, f.Path) {
			if f.Skip > 0 {
				f.Skip--
				continue
			}
			f.Count--
			if f.Count <= 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
			return f
		}
	}
	return nil
}

// withFaults puts the faults before the API.
func (s *Server) withFaults(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		f := s.takeFault(r.Method, r.URL.Path)
		s.mu.Unlock()
		if f == nil {
			next.ServeHTTP(w, r)
			return
		}
		switch f.Kind {
		case FaultReset:
			panic(http.ErrAbortHandler) // net/http's way to end a connection without an answer
		case FaultUnknownOutcome:
			next.ServeHTTP(nowhere{}, r)
			panic(http.ErrAbortHandler)
		case FaultLateError:
			next.ServeHTTP(nowhere{}, r)
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte("<html><body>Bad Gateway</body></html>"))
		default:
			writeFault(w, f, s.now())
		}
	})
}

func writeFault(w http.ResponseWriter, f *Fault, now time.Time) {
	if f.RetryAfter > 0 && f.Kind == FaultSecondaryLimit {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	switch f.Kind {
	case FaultSecondaryLimit:
		writeError(w, errSecondary)
	case FaultPrimaryLimit:
		h := w.Header()
		h.Set("X-Ratelimit-Limit", "5000")
		h.Set("X-Ratelimit-Remaining", "0")
		h.Set("X-Ratelimit-Reset", strconv.FormatInt(now.Add(time.Duration(f.RetryAfter)*time.Second).Unix(), 10))
		writeError(w, &apiError{Status: http.StatusForbidden, Message: "API rate limit exceeded for installation."})
	case FaultUnauthorized:
		writeError(w, &apiError{Status: http.StatusUnauthorized, Message: "Bad credentials"})
	case FaultNotFound:
		writeError(w, &apiError{Status: http.StatusNotFound, Message: "Not Found"})
	default:
		writeError(w, &apiError{Status: http.StatusInternalServerError, Message: "Server Error"})
	}
}

// nowhere is an answer that nobody gets.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}
