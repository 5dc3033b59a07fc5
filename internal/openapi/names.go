package openapi

import (
	"strconv"
	"strings"
)

// identifier makes a name of letters, digits and underscores from a text: what is neither becomes one underscore.
func identifier(s string) string { return replaceOthers(s, "") }

// safeName makes a name that every version of OpenAPI allows for a definition:
// https://spec.openapis.org/oas/v3.0.4.html#components-object.
func safeName(s string) string {
	if s == "" {
		return "x"
	}
	for i := range len(s) {
		if !isAlphanumeric(rune(s[i])) && !strings.ContainsRune("_.-", rune(s[i])) {
			return replaceOthers(s, "_.-")
		}
	}
	return s
}

// replaceOthers puts one underscore where there are characters that are neither letters nor digits nor allowed, and
// none at the ends.
func replaceOthers(s, allowed string) string {
	var b strings.Builder
	gap := false
	for _, r := range s {
		if !isAlphanumeric(r) && !strings.ContainsRune(allowed, r) {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('_')
		}
		gap = false
		b.WriteRune(r)
	}
	if b.Len() == 0 {
		return "x"
	}
	return b.String()
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// folded is an operationId as far as API Gateway may tell it from others: it makes names of methods from them.
func folded(id string) string { return strings.ToLower(identifier(id)) }

// nameOperations makes operationIds unique: those that several operations have get their service's name in front, and
// those that are still the same get method and path after it. Operations are in the order of path and method.
func nameOperations(operations []*placed) *names {
	for _, longer := range [...]func(*placed) string{
		func(op *placed) string { return identifier(op.owner.document.Service) + "_" + op.id },
		func(op *placed) string { return op.id + "_" + identifier(op.method+op.path) },
	} {
		uses := make(map[string]int, len(operations))
		for _, op := range operations {
			uses[op.folded]++
		}
		for _, op := range operations {
			if uses[op.folded] > 1 {
				op.id = longer(op)
				op.folded = folded(op.id)
			}
		}
	}
	ids := newNames(folded)
	for _, op := range operations {
		if !ids.used[op.folded] {
			ids.used[op.folded] = true
			continue
		}
		op.id = ids.take(op.id)
	}
	return ids
}

// names gives out names that are different from each other.
type names struct {
	fold func(string) string // names with equal folds are the same
	used map[string]bool
	also func(string) bool // more names that are used; may be nil
	next map[string]int    // by the name that was asked for: the number to try next
}

func newNames(fold func(string) string) *names {
	return &names{fold: fold, used: map[string]bool{}, next: map[string]int{}}
}

// take is the name, or the name with the smallest number after it that is free.
func (n *names) take(name string) string {
	free := name
	for n.used[n.fold(free)] || n.also != nil && n.also(free) {
		number := max(n.next[name], 2)
		n.next[name] = number + 1
		free = name + "_" + strconv.Itoa(number)
	}
	n.used[n.fold(free)] = true
	return free
}
