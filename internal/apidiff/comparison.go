package apidiff

import (
	"fmt"
	"maps"
	"slices"
)

// A comparison holds what is known of both sides.
type comparison struct {
	service    string
	shapes     shapes
	base, head *document
	contracts  *fingerprints
	documented *fingerprints
}

func newComparison(service string, base, head Side) (*comparison, error) {
	c := &comparison{service: service, shapes: newShapes()}
	var err error
	if c.base, err = readDocument("base", base); err != nil {
		return nil, fmt.Errorf("reading the base: %w", err)
	}
	if c.head, err = readDocument("head", head); err != nil {
		return nil, fmt.Errorf("reading the head: %w", err)
	}
	for key, o := range c.base.operations {
		if same := c.head.operations[key]; same != nil {
			c.base.rename(o, same.names)
		}
	}
	c.contracts = newFingerprints(c.shapes, false, c.base, c.head)
	c.documented = newFingerprints(c.shapes, true, c.base, c.head)
	return c, nil
}

// changes are all changes, those of the contract without details.
func (c *comparison) changes() []Change {
	var changes []Change
	for _, key := range slices.Sorted(maps.Keys(c.base.operations)) {
		if c.head.operations[key] == nil {
			changes = append(changes, c.change(Removed, c.base.operations[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.head.operations)) {
		head, base := c.head.operations[key], c.base.operations[key]
		if base == nil {
			changes = append(changes, c.change(Added, head, c.head.access(head)...))
			continue
		}
		changes = append(changes, c.compare(base, head)...)
	}
	return changes
}

func (c *comparison) change(kind Kind, o *operation, details ...Detail) Change {
	return Change{Service: c.service, Kind: kind, Method: o.Method, Path: o.Path, Details: details, Place: o.place}
}

// compare compares an operation that both sides have.
func (c *comparison) compare(base, head *operation) []Change {
	var changes []Change
	same := func(f *fingerprints) bool {
		return f.of(c.base, base.body, c.shapes.operation) == f.of(c.head, head.body, c.shapes.operation)
	}
	if !same(c.contracts) {
		changes = append(changes, c.change(Changed, head))
	} else if !same(c.documented) {
		changes = append(changes, c.change(Documentation, head, c.describe(base, head)...))
	}
	if kind, details := c.authentication(base, head); len(details) > 0 {
		changes = append(changes, c.change(kind, head, details...))
	}
	if details := c.quota(base, head); len(details) > 0 {
		changes = append(changes, c.change(Quota, head, details...))
	}
	return changes
}

// differs tells whether a member of an operation differs in its contract.
func (c *comparison) differs(f *fingerprints, base, head map[string]any, member string, s *shape) bool {
	a, inBase := base[member]
	b, inHead := head[member]
	if s.absent(member, a) {
		a, inBase = nil, false
	}
	if s.absent(member, b) {
		b, inHead = nil, false
	}
	return inBase != inHead || f.of(c.base, a, s.member(member)) != f.of(c.head, b, s.member(member))
}

// describe says which documentation changed.
func (c *comparison) describe(base, head *operation) []Detail {
	var details []Detail
	for _, member := range []string{"summary", "description", "tags", "externalDocs"} {
		if c.differs(c.documented, base.body, head.body, member, c.shapes.operation) {
			text := map[string]string{"externalDocs": "link to more documentation"}[member]
			if text == "" {
				text = member
			}
			details = append(details, Detail{Text: text + " changed"})
		}
	}
	for _, part := range parts {
		if c.differs(c.documented, base.body, head.body, part.member, c.shapes.operation) {
			details = append(details, Detail{Text: "documentation of the " + part.name + " changed"})
		}
	}
	if len(details) == 0 {
		details = append(details, Detail{Text: "vendor extensions changed"})
	}
	return details
}

// The parts of an operation.
var parts = []struct{ member, name string }{
	{"parameters", "parameters"}, {"requestBody", "request body"}, {"responses", "responses"}, {"callbacks", "callbacks"},
}

// outline says which parts of the contract changed; it stands in where nothing more exact is known.
func (c *comparison) outline(base, head *operation) []Detail {
	var details []Detail
	for _, part := range parts {
		if c.differs(c.contracts, base.body, head.body, part.member, c.shapes.operation) {
			details = append(details, Detail{Text: "the " + part.name + " changed", Severity: Risky})
		}
	}
	if len(details) == 0 {
		details = append(details, Detail{Text: "the operation changed", Severity: Risky})
	}
	return details
}
