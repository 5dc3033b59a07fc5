package cloudbuild

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// A filter tells whether a build is to be listed.
type filter = googleapi.Filter[*Build]

func parseFilter(text string) (filter, error) { return googleapi.ParseFilter(text, comparison) }

// comparison is one FIELD OP VALUE.
func comparison(field, op, value string) (filter, error) {
	if t := timeField(field); t != nil {
		want, err := time.Parse(time.RFC3339Nano, value)
		if err != nil {
			return nil, fmt.Errorf("%q is not a time", value)
		}
		return func(b *Build) bool { got := t(b); return got != nil && holds(got.Compare(want), op) }, checkOp(op)
	}
	get, err := textField(field)
	if err != nil {
		return nil, err
	}
	if op != "=" && op != "!=" && op != ":" {
		return nil, fmt.Errorf("%s can't be compared with %s", field, op)
	}
	return func(b *Build) bool { return slices.Contains(get(b), value) != (op == "!=") }, nil
}

func checkOp(op string) error {
	if !slices.Contains([]string{"=", "!=", "<", "<=", ">", ">="}, op) {
		return fmt.Errorf("unknown operator %q", op)
	}
	return nil
}

func holds(order int, op string) bool {
	switch op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

func timeField(field string) func(*Build) *time.Time {
	switch field {
	case "create_time", "createTime":
		return func(b *Build) *time.Time { return b.CreateTime }
	case "start_time", "startTime":
		return func(b *Build) *time.Time { return b.StartTime }
	case "finish_time", "finishTime":
		return func(b *Build) *time.Time { return b.FinishTime }
	}
	return nil
}

func textField(field string) (func(*Build) []string, error) {
	switch field {
	case "status":
		return func(b *Build) []string { return []string{string(b.Status)} }, nil
	case "tags":
		return func(b *Build) []string { return b.Tags }, nil
	case "id", "build_id":
		return func(b *Build) []string { return []string{b.ID} }, nil
	case "images":
		return func(b *Build) []string { return b.Images }, nil
	case "service_account", "serviceAccount":
		return func(b *Build) []string { return []string{b.ServiceAccount} }, nil
	}
	if name, ok := strings.CutPrefix(field, "substitutions."); ok {
		return func(b *Build) []string {
			if value, ok := b.Substitutions[name]; ok {
				return []string{value}
			}
			return nil
		}, nil
	}
	return nil, fmt.Errorf("unknown field %q", field)
}
