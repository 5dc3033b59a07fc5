package apigateway

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// Effect is what a fault does.
type Effect string

// The effects.
const (
	// EffectError answers the call with an error and does nothing.
	EffectError Effect = "error"
	// EffectLostResponse does what the call asks for and answers with an error all the same.
	EffectLostResponse Effect = "lost_response"
	// EffectLost hides the operation that the call starts: asking for it gives 404. The operation goes on.
	EffectLost Effect = "lost"
	// EffectStuck keeps the operation that the call starts from ever ending, unless it is cancelled.
	EffectStuck Effect = "stuck"
	// EffectFail lets the operation that the call starts end with an error.
	EffectFail Effect = "fail"
)

// Fault is something that goes wrong with the next calls of a method.
type Fault struct {
	// Method is a method's name, such as CreateApiConfig, or * for any.
	Method string `json:"method"`
	// Times is how many calls have the fault; 0 means 1.
	Times int `json:"times,omitempty"`
	// Effect is what happens; the default is EffectError.
	Effect Effect `json:"effect,omitempty"`
	// HTTPStatus chooses the error by its HTTP status, such as 429 or 503 (the default), where Code does not.
	HTTPStatus int `json:"httpStatus,omitempty"`
	// Code is the error's google.rpc.Code.
	Code int `json:"code,omitempty"`
	// Message is the error's text.
	Message string `json:"message,omitempty"`
	// RetryAfter is the value of the header of that name.
	RetryAfter string `json:"retryAfter,omitempty"`
}

func (f *Fault) status() *status {
	code := f.Code
	if code == 0 && f.HTTPStatus != 0 {
		code = codeOf(f.HTTPStatus)
	}
	if code == 0 {
		code = codeUnavailable
		if f.Effect == EffectFail {
			code = codeInternal
		}
	}
	message := f.Message
	if message == "" {
		message = "The service is currently unavailable."
		if code == codeResourceExhausted {
			message = "Quota exceeded for quota metric 'API requests' and limit 'API requests per minute'."
		}
	}
	return &status{Code: code, Message: message, retryAfter: f.RetryAfter}
}

// takeFault uses up one of the faults that are set for a method. The caller holds s.mu.
func (s *Server) takeFault(method string) *Fault {
	for i, f := range s.state.Faults {
		if f.Method != method && f.Method != "*" {
			continue
		}
		taken := *f
		s.dirty = true
		if f.Times--; f.Times <= 0 {
			s.state.Faults = slices.Delete(s.state.Faults, i, i+1)
		}
		return &taken
	}
	return nil
}

const adminPrefix = "/emulator/apigateway/"

func isAdmin(path string) bool { return strings.HasPrefix(path, adminPrefix) }

func (s *Server) adminMux() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(body []byte) (any, error){
		"GET state":         func([]byte) (any, error) { return s.state, nil },
		"GET violations":    func([]byte) (any, error) { return map[string]any{"violations": s.violations()}, nil },
		"DELETE violations": func([]byte) (any, error) { s.state.Violations = nil; return struct{}{}, nil },
		"GET faults":        func([]byte) (any, error) { return map[string]any{"faults": s.state.Faults}, nil },
		"POST faults":       s.addFault,
		"DELETE faults":     func([]byte) (any, error) { s.state.Faults = nil; return struct{}{}, nil },
		"GET settings":      func([]byte) (any, error) { return s.settings, nil },
		"PATCH settings":    s.changeSettings,
	} {
		verb, name, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(verb+" "+adminPrefix+name, s.adminHandler(verb, do))
	}
	return mux
}

func (s *Server) adminHandler(verb string, do func([]byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "reading the body", http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.settle()
		result, err := do(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.dirty = s.dirty || verb != http.MethodGet
		if err := s.flush(); err != nil {
			http.Error(w, "saving the state", http.StatusInternalServerError)
			return
		}
		googleapi.WriteJSON(w, http.StatusOK, result)
	}
}

func (s *Server) violations() []Violation {
	if s.state.Violations == nil {
		return []Violation{}
	}
	return s.state.Violations
}

func (s *Server) addFault(body []byte) (any, error) {
	f := &Fault{}
	if err := json.Unmarshal(body, f); err != nil {
		return nil, err
	}
	if f.Effect == "" {
		f.Effect = EffectError
	}
	switch f.Effect {
	case EffectError, EffectLostResponse, EffectLost, EffectStuck, EffectFail:
	default:
		return nil, failf(codeInvalidArgument, "unknown effect %q", f.Effect)
	}
	known := f.Method == "*"
	for _, m := range s.methods {
		known = known || m.name == f.Method
	}
	if !known {
		return nil, failf(codeInvalidArgument, "unknown method %q", f.Method)
	}
	f.Times = max(f.Times, 1)
	s.state.Faults = append(s.state.Faults, f)
	return f, nil
}

// changeSettings changes the fields that body has. Operations that are under way keep their time.
func (s *Server) changeSettings(body []byte) (any, error) {
	changed := s.settings
	if err := json.Unmarshal(body, &changed); err != nil {
		return nil, err
	}
	switch changed.Hazard {
	case HazardNewer, HazardBoth, HazardNone:
	default:
		return nil, failf(codeInvalidArgument, "unknown hazard %q", changed.Hazard)
	}
	s.settings = changed
	return changed, nil
}
