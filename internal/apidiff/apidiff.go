// Package apidiff tells what a pull request changes in a service's API: operations added, removed or changed, and which of
// the changes break callers; who may call an operation; what a call costs; whose requests a new path takes away.
//
// It compares what callers rely on. Two operations are the same if their methods and their path templates are, whatever the
// parameters of the path are called. Names of shared components, operationIds and the addresses of backends are no part of
// the contract; descriptions, examples, tags and vendor extensions are its documentation. Whether an operation changed is
// decided here, by fingerprints of what it is made of; only the operations that did are handed to oasdiff, which puts the
// changes of parameters, bodies and responses into words and knows which of them break callers. A guard keeps from it
// what it would not come back from; such operations are listed as changed all the same, see [ErrUnjudged].
//
// The package is pure: documents in, changes out. It deliberately reads no file, no configuration and no clock, and
// renders nothing: texts are plain English in which names come from the pull request, so whoever writes them into
// Markdown has to escape them. It expects OpenAPI 3.0 in JSON as the composer renders it for one service ([SideOf]): references
// stay inside the document, and an operation without `security` is public. The caller chooses the two sides: with the
// merge base as the base, a branch that lacks what others added since doesn't seem to remove it; see [Behind] for that.
package apidiff

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Operation is a method on a path, as the document writes them. The method is in upper case.
type Operation struct{ Method, Path string }

func (o Operation) String() string { return o.Method + " " + o.Path }

// Place is where an operation is written. Line and column count from 1; 0 is unknown.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// Side is one of the two states of a service's API. Places is optional.
type Side struct {
	Document []byte
	Places   map[Operation]Place
}

// Kind says what happened to an operation.
type Kind string

// The kinds, in the order in which changes of one operation are listed.
const (
	Added          Kind = "added"
	Removed        Kind = "removed"
	Changed        Kind = "changed"        // parameters, body, responses or deprecation
	Opened         Kind = "opened"         // it needed a token or key and is public now
	Authentication Kind = "authentication" // who may call it, short of opening it
	Quota          Kind = "quota"          // what a call costs, or the limits of the metrics that it counts for
	Shadowing      Kind = "shadowing"      // an operation takes requests from another service's
	Documentation  Kind = "documentation"  // only what people read
)

// Kinds are all kinds, in their order.
func Kinds() []Kind {
	return []Kind{Added, Removed, Changed, Opened, Authentication, Quota, Shadowing, Documentation}
}

// Severity says what a change means to callers.
type Severity int

// The severities, from the least to the worst.
const (
	Harmless Severity = iota
	Risky             // some callers may break, or more people than before may call; somebody should look
	Breaking          // calls that were right before may fail, or answers may not be understood
)

func (s Severity) String() string { return [...]string{"harmless", "risky", "breaking"}[s] }

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a severity's name.
func (s *Severity) UnmarshalText(text []byte) error {
	for _, known := range []Severity{Harmless, Risky, Breaking} {
		if known.String() == string(text) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("there is no severity %q", text)
}

// Change is what happened to one operation in one respect. An operation may have one change of each kind.
type Change struct {
	Service  string   `json:"service"`
	Kind     Kind     `json:"kind"`
	Method   string   `json:"method"`
	Path     string   `json:"path"` // as the head has it; of a removed operation, as the base had it
	Details  []Detail `json:"details,omitempty"`
	Severity Severity `json:"severity"`       // the worst of the details'
	Place    Place    `json:"place,omitzero"` // on the side that the path is from; the zero value is unknown
}

// Operation is the operation that changed.
func (c Change) Operation() Operation { return Operation{Method: c.Method, Path: c.Path} }

// Detail is one thing that changed, as a phrase of one line without markup.
type Detail struct {
	Text     string   `json:"text"`
	Severity Severity `json:"severity"`
}

// ErrUnjudged is the error of a comparison that is complete but for what its changes mean: the library that judges them
// could not read the documents. Changed operations are risky then.
var ErrUnjudged = errors.New("the changes could not be judged")

// Compare returns what head changes against base, sorted by path, method and kind. The error names the service. It is
// about a document that is not OpenAPI 3.0, or it is an [ErrUnjudged], and then the changes are complete.
func Compare(service string, base, head Side) ([]Change, error) {
	if bytes.Equal(base.Document, head.Document) {
		return nil, nil
	}
	c, err := newComparison(service, base, head)
	if err != nil {
		return nil, fmt.Errorf("comparing the API of the service %q: %w", service, err)
	}
	changes := c.changes()
	if err := c.explain(changes); err != nil {
		return finish(changes), fmt.Errorf("comparing the API of the service %q: %w: %w", service, ErrUnjudged, err)
	}
	return finish(changes), nil
}

// Behind returns what live has added, removed or changed since the merge base and head lacks: the branch is behind there.
// Where head and live agree by now, however it came to that, the branch is not behind. Details of schemas only name what
// changed and are risky, places are live's, and changed documentation is not among the changes.
func Behind(service string, mergeBase, head, live Side) ([]Change, error) {
	if bytes.Equal(mergeBase.Document, live.Document) || bytes.Equal(head.Document, live.Document) {
		return nil, nil
	}
	since, err := newComparison(service, mergeBase, live)
	if err != nil {
		return nil, fmt.Errorf("comparing the live API of the service %q: %w", service, err)
	}
	missing, err := newComparison(service, head, live)
	if err != nil {
		return nil, fmt.Errorf("comparing the live API of the service %q: %w", service, err)
	}
	lacks := map[string][]Kind{}
	for _, c := range missing.changes() {
		key := keyOf(c.Method, c.Path)
		lacks[key] = append(lacks[key], c.Kind)
	}
	changes := slices.DeleteFunc(since.changes(), func(c Change) bool {
		related := func(k Kind) bool { return related(c.Kind, k) }
		return c.Kind == Documentation || !slices.ContainsFunc(lacks[keyOf(c.Method, c.Path)], related)
	})
	for i, c := range changes {
		if c.Kind == Changed {
			key := keyOf(c.Method, c.Path)
			changes[i].Details = since.outline(since.base.operations[key], since.head.operations[key])
		}
	}
	return finish(changes), nil
}

// related tells whether two changes of an operation are in the same respect. That it is there or not concerns all.
func related(a, b Kind) bool {
	whole := func(k Kind) bool { return k == Added || k == Removed }
	return b != Documentation && (whole(a) || whole(b) || a == b)
}

// Operations lists a document's operations, sorted by path and method.
func Operations(side Side) ([]Operation, error) {
	d, err := readDocument("", side)
	if err != nil {
		return nil, err
	}
	list := make([]Operation, 0, len(d.operations))
	for _, o := range d.operations {
		list = append(list, o.Operation)
	}
	slices.SortFunc(list, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return list, nil
}

// finish sorts the changes and sets what follows from their details.
func finish(changes []Change) []Change {
	for i := range changes {
		c := &changes[i]
		if c.Kind == Removed {
			c.Severity = Breaking
		}
		for _, d := range c.Details {
			c.Severity = max(c.Severity, d.Severity)
		}
	}
	order := Kinds()
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(
			cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Method, b.Method),
			cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
		)
	})
	return changes
}
