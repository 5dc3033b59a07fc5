package openapi

import "strings"

// findConflicts reports operations of equal method and path, and returns the others. Two services may not differ only
// in case or parameters' names either: nobody could tell which of them is called. Operations are in the order of
// services.
func findConflicts(operations []*placed) (kept []*placed, problems []Finding) {
	type spot struct{ method, key string }
	exact := make(map[spot]*placed, len(operations))
	folded := make(map[spot]*placed, len(operations))
	kept = make([]*placed, 0, len(operations))
	for _, op := range operations {
		other := exact[spot{op.method, op.key}]
		fold := folded[spot{op.method, op.operation.folded}]
		if other == nil && fold != nil && fold.owner != op.owner {
			other = fold
		}
		if other != nil {
			problems = append(problems, conflict(other, op))
			continue
		}
		exact[spot{op.method, op.key}] = op
		if fold == nil {
			folded[spot{op.method, op.operation.folded}] = op
		}
		kept = append(kept, op)
	}
	return kept, problems
}

// conflict reports at one place and names the other. An override is what somebody is working on: it is reported there.
func conflict(first, second *placed) Finding {
	at, other := second, first
	if first.owner.document.Origin.Override && !second.owner.document.Origin.Override {
		at, other = first, second
	}
	if at.owner == other.owner {
		return at.owner.finding(at.at, RuleConflict, "remove one of them", "%s is already at %s", at, other.at)
	}
	return at.owner.finding(at.at, RuleConflict, "choose another path, or remove one of them",
		"%s is also an operation of the service %s: %s at %s", at, quote(other.owner.document.Service), other, other.at)
}

// String is the operation in messages.
func (op *placed) String() string {
	return strings.ToUpper(op.method) + " " + clip(op.path)
}

// unifyTemplates gives operations of one path the same names of parameters: those of the first service, unless a
// backend at a constant address gets the parameters by name; then those. Operations are of one path, in the order of
// services.
func unifyTemplates(operations []*placed) (problems []Finding) {
	if len(operations) == 1 {
		return nil
	}
	leader := operations[0]
	for _, op := range operations {
		if op.backend.translation == constantAddress {
			leader = op
			break
		}
	}
	for _, op := range operations {
		switch {
		case op.path == leader.path:
		case op.backend.translation == constantAddress:
			problems = append(problems, op.owner.finding(op.at, RuleConflict, "use the same names of parameters",
				"%s and %s at %s give a constant address different query parameters", op, leader, leader.at))
		default:
			op.path, op.names = leader.path, leader.names
		}
	}
	return problems
}
