package preview

import (
	"errors"
	"fmt"
)

// Sentinel errors that adapters translate their technology's errors into. Everything else is taken to be temporary and
// is tried again with backoff.
var (
	// ErrNotFound says that the far end answered and knows no such thing. It is not by itself evidence that
	// something was deleted.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that somebody else changed the same thing: read again, decide again.
	ErrConflict = errors.New("changed by somebody else")
	// ErrLeaseLost says that another worker holds the lease: stop, write nothing.
	ErrLeaseLost = errors.New("lease lost")
	// ErrIgnored says that a message names nothing of ours, or can't be read: it is acknowledged, counted and forgotten.
	ErrIgnored = errors.New("message ignored")
	// ErrUnreadable says that a stored record can't be understood (damaged, or written by a newer Gangway).
	ErrUnreadable = errors.New("unreadable record")
)

// A UserError is a failure whose cause people can remove: it is told on the pull request and not tried again until
// something changes. Summary and Hint are ours; Detail may hold text of a pull request's author (a log, a document) and
// is shown as data only.
type UserError struct {
	Summary string `json:"summary"`
	Detail  string `json:"detail,omitempty"`
	Hint    string `json:"hint,omitempty"` // one next action
}

func (e *UserError) Error() string {
	if e.Detail == "" {
		return e.Summary
	}
	return fmt.Sprintf("%s: %s", e.Summary, e.Detail)
}

// An Obstacle is a temporary failure that somebody can end: it is tried again as any other, and people are told of it in its
// own words once it has lasted.
type Obstacle struct {
	UserError
	Cause error
}

// Unwrap is the failure itself. The UserError is not: what wraps one is not tried again.
func (e *Obstacle) Unwrap() error { return e.Cause }

// Error is for logs.
func (e *Obstacle) Error() string { return e.Cause.Error() }
