package apidiff

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// quota compares what a call costs, and the limits of the metrics that it counts for. Callers may meet a limit where they
// met none, if a cost rises or a limit falls.
func (c *comparison) quota(base, head *operation) []Detail {
	var details []Detail
	before, after := costs(base), costs(head)
	for _, metric := range slices.Sorted(maps.Keys(merged(before, after))) {
		a, b := before[metric], after[metric]
		name := clean(metric)
		switch {
		case a == "":
			details = append(details, Detail{Text: fmt.Sprintf("counts %s for the metric %s", clean(b), name), Severity: Risky})
			continue
		case b == "":
			details = append(details, Detail{Text: fmt.Sprintf("doesn't count for the metric %s any more", name)})
			continue
		case a != b:
			text := fmt.Sprintf("counts %s for the metric %s; before, %s", clean(b), name, clean(a))
			details = append(details, Detail{Text: text, Severity: unlessLess(b, a)})
		}
		details = append(details, c.limits(metric)...)
	}
	return details
}

// limits compares a metric's limits.
func (c *comparison) limits(metric string) []Detail {
	var details []Detail
	before, after := c.base.limits(metric), c.head.limits(metric)
	for _, limit := range slices.Sorted(maps.Keys(merged(before, after))) {
		a, b := before[limit], after[limit]
		name := fmt.Sprintf("the limit %s of the metric %s", clean(limit), clean(metric))
		switch {
		case a == b:
		case a == "":
			details = append(details, Detail{Text: fmt.Sprintf("%s is new: %s", name, clean(b)), Severity: Risky})
		case b == "":
			details = append(details, Detail{Text: name + " is gone"})
		default:
			text := fmt.Sprintf("%s is %s; before, %s", name, clean(b), clean(a))
			details = append(details, Detail{Text: text, Severity: unlessLess(a, b)})
		}
	}
	return details
}

// unlessLess is risky unless a is known to be a smaller number than b.
func unlessLess(a, b string) Severity {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX == nil && errY == nil && x < y {
		return Harmless
	}
	return Risky
}

// costs are the costs of an operation by metric, as they are written.
func costs(o *operation) map[string]string {
	quota, _ := o.body["x-google-quota"].(map[string]any)
	list, _ := quota["metricCosts"].(map[string]any)
	all := map[string]string{}
	for metric, cost := range list {
		all[metric] = written(cost)
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
			all[name] = written(limit["values"])
		}
	}
	return all
}

// written is a value as a document has it, never "".
func written(value any) string {
	switch value.(type) {
	case map[string]any, []any:
		text, err := json.Marshal(value)
		if err != nil {
			return "?"
		}
		return string(text)
	}
	return string(appendLiteral(nil, value))
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
