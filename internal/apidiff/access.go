package apidiff

import (
	"encoding/json"
	"slices"
	"strings"
)

// A need is a key or token that a caller has to have.
type need struct {
	name string // of the scheme
	what string // what the scheme asks for, as far as callers notice
}

// An alternative is one way to be let in: what a caller has to have, with scopes.
type alternative map[need][]string

// security reads the alternatives of an operation; none means that it is public.
func (d *document) security(o *operation) []alternative {
	list, _ := o.body["security"].([]any)
	var all []alternative
	for _, item := range list {
		object, ok := item.(map[string]any)
		if !ok {
			continue
		}
		a := alternative{}
		for name, scopes := range object {
			a[need{name, d.scheme(name)}] = texts(scopes)
		}
		all = append(all, a)
	}
	return all
}

// scheme is what a security scheme asks for.
func (d *document) scheme(name string) string {
	target, _ := d.follow(map[string]any{"$ref": "#/components/securitySchemes/" + escape(name)})
	scheme, _ := target.(map[string]any)
	callers := map[string]any{}
	for _, field := range [...]string{"type", "in", "name", "scheme", "openIdConnectUrl", "x-google-auth"} {
		if value, ok := scheme[field]; ok {
			callers[field] = value
		}
	}
	what, err := json.Marshal(callers)
	if err != nil {
		return ""
	}
	return string(what)
}

func texts(value any) []string {
	list, _ := value.([]any)
	var all []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			all = append(all, s)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func isPublic(list []alternative) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(a alternative) bool { return len(a) == 0 })
}

// lets tells whether who has what the alternative needs is let in by other as well.
func (a alternative) lets(other alternative) bool {
	for needed, scopes := range other {
		have, ok := a[needed]
		if !ok || slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(have, s) }) {
			return false
		}
	}
	return true
}

func (a alternative) String() string {
	var needs []string
	for needed, scopes := range a {
		text := needed.name
		if len(scopes) > 0 {
			text += " (" + strings.Join(scopes, ", ") + ")"
		}
		needs = append(needs, text)
	}
	slices.Sort(needs)
	return strings.Join(needs, " and ")
}

// needs says what a caller has to have.
func needs(list []alternative) string {
	var ways []string
	for _, a := range list {
		ways = append(ways, a.String())
	}
	slices.Sort(ways)
	return clean(strings.Join(slices.Compact(ways), ", or "))
}

// access says of an operation that is new what stands out: that anyone may call it.
func (d *document) access(o *operation) []Detail {
	if isPublic(d.security(o)) {
		return []Detail{{Text: "public: anyone may call it", Severity: Risky}}
	}
	return nil
}

// authentication compares who may call an operation. Callers break when a way that let them in does so no more.
func (c *comparison) authentication(base, head *operation) (Kind, []Detail) {
	before, after := c.base.security(base), c.head.security(head)
	switch {
	case isPublic(before) && isPublic(after):
		return "", nil
	case isPublic(after):
		return Opened, []Detail{{Text: "anyone may call it; before, it needed " + needs(before), Severity: Risky}}
	case isPublic(before):
		return Authentication, []Detail{{Text: "needs " + needs(after) + "; before, anyone could call it", Severity: Breaking}}
	}
	detail := Detail{Text: "needs " + needs(after) + "; before, " + needs(before)}
	if needs(after) == needs(before) {
		detail.Text = "needs another key or token under the name that it had: " + needs(after)
	}
	switch {
	case keepsOut(after, before):
		detail.Severity = Breaking
	case keepsOut(before, after):
		detail.Severity = Risky // somebody is let in who wasn't
	default:
		return "", nil
	}
	return Authentication, []Detail{detail}
}

// keepsOut tells whether some way in is none by the list.
func keepsOut(list, ways []alternative) bool {
	return slices.ContainsFunc(ways, func(way alternative) bool { return !slices.ContainsFunc(list, way.lets) })
}
