package conformance

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
)

// A Violation is one thing in a request or its answer that the description does not allow.
type Violation struct {
	API       string // such as run/v2
	Operation string // as the description names it; empty if there is none
	Method    string
	Path      string
	Part      string // InRequest or InAnswer
	Status    int    // of the answer
	At        string // what it is about: a JSON pointer, or "parameter x"
	Problem   string
	Agent     string // the caller's User-Agent
}

// The parts of an exchange.
const (
	InRequest = "request"
	InAnswer  = "answer"
)

func (v Violation) String() string {
	operation := v.Operation
	if operation == "" {
		operation = "no operation"
	}
	return fmt.Sprintf("%s of %s %s (%s, %s, status %d, by %q): %s %s",
		v.Part, v.Method, v.Path, v.API, operation, v.Status, v.Agent, v.At, v.Problem)
}

// Refused tells whether the violation is a request that the server has refused as wrong. Tests of servers send such.
func (v Violation) Refused() bool {
	return v.Part == InRequest && v.Status >= http.StatusBadRequest && v.Status < http.StatusInternalServerError
}

// Log returns a report that logs violations as errors, each kind of violation once.
func Log(log *slog.Logger) func(Violation) {
	var seen sync.Map
	return func(v Violation) {
		key := strings.Join([]string{v.API, v.Operation, v.Part, v.At, v.Problem}, "\x00")
		if _, known := seen.LoadOrStore(key, true); known {
			return
		}
		log.LogAttrs(context.Background(), slog.LevelError, LogMessage,
			slog.String("api", v.API), slog.String("operation", v.Operation), slog.String("method", v.Method),
			slog.String("path", v.Path), slog.String("part", v.Part), slog.Int("status", v.Status),
			slog.String("at", v.At), slog.String("problem", v.Problem), slog.String("agent", v.Agent))
	}
}

// LogMessage is the message of what [Log] logs.
const LogMessage = "not as the provider's description has it"

// tester is the part of testing.TB that is used, so that testing is no part of the emulators.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
}

// Fail returns a report that fails a test.
func Fail(t tester) func(Violation) {
	return func(v Violation) {
		t.Helper()
		t.Errorf("%s: %s", LogMessage, v)
	}
}

// FailUnlessRefused is [Fail] for tests of servers, which send wrong requests on purpose: those must be refused.
func FailUnlessRefused(t tester) func(Violation) {
	return func(v Violation) {
		t.Helper()
		if !v.Refused() {
			t.Errorf("%s: %s", LogMessage, v)
		}
	}
}
