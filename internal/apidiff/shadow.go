package apidiff

import (
	"fmt"
	"maps"
	"slices"
)

// AddedOperations are the operations that changes add.
func AddedOperations(changes []Change) []Operation {
	var added []Operation
	for _, c := range changes {
		if c.Kind == Added {
			added = append(added, c.Operation())
		}
	}
	return added
}

// maxShadows is how many operations are named that one operation takes requests from or loses them to.
const maxShadows = 10

// Shadowed returns which of the operations that a service adds take requests from other services' operations, or lose
// requests to them: behind one gateway, a request that fits several templates goes to the most exact one. It breaks callers
// where the other operation was there before. Added are the operations that are new, all are those that there are now, by
// service; head is for the places.
func Shadowed(service string, head Side, added, all map[string][]Operation) []Change {
	others := rivals(service, added, all)
	var changes []Change
	for _, operation := range added[service] {
		c := Change{Service: service, Kind: Shadowing, Method: operation.Method, Path: operation.Path, Place: head.Places[operation]}
		own, more := parsePath(operation.Path), 0
		for i := range others[operation.Method] {
			detail, found := others[operation.Method][i].meet(own)
			switch {
			case !found:
			case len(c.Details) < maxShadows:
				c.Details = append(c.Details, detail())
			default:
				more++
			}
		}
		if len(c.Details) == 0 {
			continue
		}
		slices.SortFunc(c.Details, worstFirst)
		if more > 0 {
			c.Details = append(c.Details, Detail{Text: fmt.Sprintf("and %d more", more), Severity: Risky})
		}
		changes = append(changes, c)
	}
	return finish(changes)
}

// A rival is another service's operation.
type rival struct {
	Operation
	service  string
	template []segment
	isNew    bool
}

// rivals are the other services' operations by method.
func rivals(service string, added, all map[string][]Operation) map[string][]rival {
	others := map[string][]rival{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name == service {
			continue
		}
		isNew := map[Operation]bool{}
		for _, o := range added[name] {
			isNew[o] = true
		}
		for _, o := range all[name] {
			others[o.Method] = append(others[o.Method], rival{o, name, parsePath(o.Path), isNew[o]})
		}
	}
	return others
}

// meet tells whether a request fits both an operation that is new and the rival, and says whose it is then. Of two that are
// new, only the one that gets the requests is told.
func (r *rival) meet(own []segment) (detail func() Detail, found bool) {
	winner, both := overlap(own, r.template)
	switch {
	case !both || winner == 0: // equal templates are a conflict, which composing refuses
		return nil, false
	case winner < 0:
		severity := Breaking
		if r.isNew {
			severity = Risky
		}
		return func() Detail {
			return Detail{Text: clean(fmt.Sprintf("takes requests from %s of the service %s", r.Operation, r.service)), Severity: severity}
		}, true
	case r.isNew:
		return nil, false
	}
	return func() Detail {
		return Detail{Text: clean(fmt.Sprintf("some requests for it go to %s of the service %s", r.Operation, r.service)), Severity: Risky}
	}, true
}
