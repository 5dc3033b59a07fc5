package apidiff

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// An alternative is one way to be let in: what a caller has to have, scheme by scheme, with scopes.
type alternative map[string][]string

// security reads the alternatives of an operation; none means that it is public.
func security(o *operation) []alternative {
	list, _ := o.body["security"].([]any)
	var all []alternative
	for _, item := range list {
		object, ok := item.(map[string]any)
		if !ok {
			continue
		}
		a := alternative{}
		for name, scopes := range object {
			a[name] = texts(scopes)
		}
		all = append(all, a)
	}
	return all
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
	for name, scopes := range other {
		have, ok := a[name]
		if !ok || slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(have, s) }) {
			return false
		}
	}
	return true
}

func (a alternative) String() string {
	var needs []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		need := name
		if len(a[name]) > 0 {
			need += " (" + strings.Join(a[name], ", ") + ")"
		}
		needs = append(needs, need)
	}
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
func access(o *operation) []Detail {
	if isPublic(security(o)) {
		return []Detail{{Text: "public: anyone may call it", Severity: Risky}}
	}
	return nil
}

// authentication compares who may call an operation. Callers break when a way that let them in does so no more.
func authentication(base, head *operation) (Kind, []Detail) {
	before, after := security(base), security(head)
	switch {
	case isPublic(before) && isPublic(after):
		return "", nil
	case isPublic(after):
		return Opened, []Detail{{Text: "anyone may call it; before, it needed " + needs(before), Severity: Risky}}
	case isPublic(before):
		return Authentication, []Detail{{Text: "needs " + needs(after) + "; before, anyone could call it", Severity: Breaking}}
	case needs(before) == needs(after):
		return "", nil
	}
	text := "needs " + needs(after) + "; before, " + needs(before)
	for _, a := range before {
		if !slices.ContainsFunc(after, a.lets) {
			return Authentication, []Detail{{Text: text, Severity: Breaking}}
		}
	}
	return Authentication, []Detail{{Text: text, Severity: Risky}}
}

// quota compares what a call costs, and the limits of the metrics that it counts for.
func (c *comparison) quota(base, head *operation) []Detail {
	var details []Detail
	before, after := costs(base), costs(head)
	for _, metric := range slices.Sorted(maps.Keys(merged(before, after))) {
		a, b := before[metric], after[metric]
		switch {
		case a == b:
		case b == "":
			details = append(details, Detail{Text: fmt.Sprintf("doesn't count for the metric %s any more", clean(metric))})
		case a == "":
			details = append(details, Detail{Text: fmt.Sprintf("counts %s for the metric %s", clean(b), clean(metric)), Severity: Risky})
		default:
			details = append(details, Detail{
				Text: fmt.Sprintf("counts %s for the metric %s; before, %s", clean(b), clean(metric), clean(a)), Severity: Risky,
			})
		}
		if a != "" && b != "" {
			details = append(details, c.limits(metric)...)
		}
	}
	return details
}

func (c *comparison) limits(metric string) []Detail {
	var details []Detail
	before, after := c.base.limits(metric), c.head.limits(metric)
	for _, name := range slices.Sorted(maps.Keys(merged(before, after))) {
		if a, b := before[name], after[name]; a != b {
			none := func(s string) string {
				if s == "" {
					return "nothing"
				}
				return clean(s)
			}
			details = append(details, Detail{
				Text:     fmt.Sprintf("the limit %s of the metric %s is %s; before, %s", clean(name), clean(metric), none(b), none(a)),
				Severity: Risky,
			})
		}
	}
	return details
}

// costs are the costs of an operation by metric, as they are written.
func costs(o *operation) map[string]string {
	quota, _ := o.body["x-google-quota"].(map[string]any)
	list, _ := quota["metricCosts"].(map[string]any)
	all := map[string]string{}
	for metric, cost := range list {
		all[metric] = string(appendLiteral(nil, cost))
	}
	return all
}

// limits are the limits of a metric by name, as they are written.
func (d *document) limits(metric string) map[string]string {
	management, _ := d.root["x-google-api-management"].(map[string]any)
	quota, _ := management["quota"].(map[string]any)
	list, _ := quota["limits"].(map[string]any)
	all := map[string]string{}
	for name, value := range list {
		limit, _ := value.(map[string]any)
		if limit["metric"] == metric {
			all[name] = string(appendLiteral(nil, limit["values"]))
		}
	}
	return all
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
