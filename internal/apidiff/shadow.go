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

// Shadowed returns which of the operations that a service adds take requests from other services' operations, or lose
// requests to them: behind one gateway, a request that fits several templates goes to the most exact one. Others are the
// operations of the other services by name; head is for the places.
func Shadowed(service string, head Side, added []Operation, others map[string][]Operation) []Change {
	var changes []Change
	for _, operation := range added {
		own := parsePath(operation.Path)
		var details []Detail
		for _, name := range slices.Sorted(maps.Keys(others)) {
			for _, other := range others[name] {
				if name == service || other.Method != operation.Method {
					continue
				}
				winner, both := overlap(own, parsePath(other.Path))
				switch {
				case !both || winner == 0: // equal templates are a conflict, which composing refuses
				case winner < 0:
					details = append(details, Detail{
						Text: clean(fmt.Sprintf("takes requests from %s of the service %s", other, name)), Severity: Breaking,
					})
				default:
					details = append(details, Detail{
						Text: clean(fmt.Sprintf("some requests for it go to %s of the service %s", other, name)), Severity: Risky,
					})
				}
			}
		}
		if len(details) > 0 {
			slices.SortFunc(details, worstFirst)
			changes = append(changes, Change{
				Service: service, Kind: Shadowing, Method: operation.Method, Path: operation.Path, Details: details,
				Place: head.Places[operation],
			})
		}
	}
	return finish(changes)
}
