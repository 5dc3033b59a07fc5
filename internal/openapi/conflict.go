package openapi

import (
	"strings"
)

// findConflicts reports operations of equal method and path, and returns the others. Two services may not differ only
// in case or parameters' names either: nobody could tell which of them is called. Operations are in the order of
// services.
func findConflicts(operations []*operation) []*operation {
	type place struct{ method, key string }
	exact := map[place]*operation{}
	folded := map[place]*operation{}
	kept := make([]*operation, 0, len(operations))
	for _, op := range operations {
		key := op.template.key()
		other := exact[place{op.method, key}]
		if other == nil {
			if o := folded[place{op.method, strings.ToLower(key)}]; o != nil && o.owner != op.owner {
				other = o
			}
		}
		if other != nil {
			reportConflict(other, op)
			continue
		}
		exact[place{op.method, key}] = op
		if folded[place{op.method, strings.ToLower(key)}] == nil {
			folded[place{op.method, strings.ToLower(key)}] = op
		}
		kept = append(kept, op)
	}
	return kept
}

// reportConflict reports at one place and names the other. An override is what somebody is working on: it is reported
// there.
func reportConflict(first, second *operation) {
	at, other := second, first
	if first.owner.document.Origin.Override && !second.owner.document.Origin.Override {
		at, other = first, second
	}
	there := other.owner.finding(other.at, "", "").place()
	if at.owner == other.owner {
		at.owner.problem(at.at, "remove one of them", "%s is already at %s", describe(at), there)
		return
	}
	at.owner.problem(at.at, "choose another path, or remove one of them",
		"%s is also an operation of the service %s: %s at %s", describe(at), quote(other.owner.service), describe(other), there)
}

func describe(op *operation) string {
	return strings.ToUpper(op.method) + " " + clip(op.template.String())
}

// unifyTemplates gives operations of one path the same names of parameters: those of the first service, unless a
// backend at a constant address gets the parameters by name; then those. Operations are of one path, in the order of
// services.
func unifyTemplates(operations []*operation) {
	leader := operations[0]
	for _, op := range operations {
		if op.backend.translation == constantAddress {
			leader = op
			break
		}
	}
	wanted := leader.template.names()
	for _, op := range operations {
		own := op.template.names()
		renamed := map[string]string{}
		for i, name := range own {
			if name != wanted[i] {
				renamed[name] = wanted[i]
			}
		}
		if len(renamed) == 0 {
			continue
		}
		if op.backend.translation == constantAddress {
			op.owner.problem(op.at, "use the same names of parameters",
				"%s and %s at %s give a constant address different query parameters", describe(op), describe(leader),
				leader.owner.finding(leader.at, "", "").place())
			continue
		}
		op.rename(renamed, leader.template)
	}
}

// rename gives an operation's path parameters other names. A parameter that is a reference is written out, because
// others may use what it refers to.
func (op *operation) rename(renamed map[string]string, t template) {
	op.template = t
	for i, p := range op.parameters {
		name, ok := renamed[p.name]
		if p.in != "path" || !ok {
			continue
		}
		n := p.settled.with("name", stringNode(name))
		op.parameters[i] = parameter{node: &n, settled: &n, name: name, in: "path"}
	}
}
