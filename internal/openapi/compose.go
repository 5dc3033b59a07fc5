package openapi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Compose merges documents into one for API Gateway. The order of the documents does not matter. The error is an
// [*Error] with everything that is wrong in any of them. Neither the documents nor their trees are changed.
func Compose(documents []Document, o Options) (*Composition, error) {
	rules, problems := newSecurityRules(o)
	contracts := make([]*contract, 0, len(documents))
	for _, i := range byService(documents) {
		d := &documents[i]
		c := read(d, rules)
		if last := len(contracts) - 1; d.Service == "" || last >= 0 && contracts[last].service == d.Service {
			c.problem(position{}, "", "the service's name %s is empty or used twice", quote(d.Service))
		}
		contracts = append(contracts, c)
	}
	var operations []*operation
	for _, c := range contracts {
		operations = append(operations, c.operations...)
	}
	operations = findConflicts(operations)
	groups := groupByPath(operations)
	for _, g := range groups {
		unifyTemplates(g)
	}
	for _, c := range contracts {
		problems = append(problems, c.all()...)
	}
	if len(problems) > 0 {
		return nil, &Error{Findings: problems}
	}
	operations = inOrder(groups)
	nameOperations(operations)
	nameItems(contracts)
	a := &assembly{options: o, rules: rules, contracts: contracts, groups: groups}
	composition := &Composition{root: a.root()}
	for _, op := range operations {
		composition.Operations = append(composition.Operations, op.provenance())
	}
	for _, c := range contracts {
		problems = append(problems, c.all()...)
		sortFindings(c.warnings)
		composition.Warnings = append(composition.Warnings, c.warnings...)
	}
	if len(problems) > 0 {
		return nil, &Error{Findings: problems}
	}
	return composition, nil
}

// byService are the documents' indexes in the order of their services; what is wrong (twice the same service) is in an
// order of its own, so that the messages don't depend on chance.
func byService(documents []Document) []int {
	order := make([]int, len(documents))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &documents[a], &documents[b]
		return cmp.Or(cmp.Compare(x.Service, y.Service), cmp.Compare(x.File, y.File), cmp.Compare(string(x.Content), string(y.Content)))
	})
	return order
}

// groupByPath puts operations of one path together, paths in their order. API Gateway tells paths apart without the
// names of parameters.
func groupByPath(operations []*operation) [][]*operation {
	index := map[string]int{}
	var groups [][]*operation
	for _, op := range operations {
		k := op.template.key()
		i, ok := index[k]
		if !ok {
			i = len(groups)
			index[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], op)
	}
	return groups
}

// inOrder sorts groups by path and each group by method, and lists the operations.
func inOrder(groups [][]*operation) []*operation {
	rank := map[string]int{}
	for i, m := range methods() {
		rank[m] = i
	}
	slices.SortFunc(groups, func(a, b []*operation) int {
		return strings.Compare(a[0].template.String(), b[0].template.String())
	})
	var operations []*operation
	for _, g := range groups {
		slices.SortFunc(g, func(a, b *operation) int { return cmp.Compare(rank[a.method], rank[b.method]) })
		operations = append(operations, g...)
	}
	return operations
}

func (op *operation) provenance() Operation {
	return Operation{
		Method: strings.ToUpper(op.method), Path: op.template.String(), ID: op.id, Service: op.owner.service,
		File: op.owner.file, Line: int(op.at.line), Column: int(op.at.column), Origin: op.owner.document.Origin,
		Public: isPublic(op.security), HasParameters: op.hasParameters(),
	}
}

// tooLarge is the error for a composed document beyond its limit.
func tooLarge() error {
	return &Error{Findings: []Finding{{
		Message: fmt.Sprintf("the composed document has more than %d bytes", maxOutputBytes),
		Hint:    "leave out examples, or make two gateways of it",
	}}}
}
