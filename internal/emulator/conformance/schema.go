package conformance

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// A problem is one thing in a value that its schema does not allow.
type problem struct {
	at   string // JSON pointer (RFC 6901)
	text string
}

// A judge checks values of one request or answer against schemas.
type judge struct {
	api     *API
	request bool
	partial bool            // a value that need not have what is required
	written map[string]bool // read-only fields that a request may not name; nil: it may have any
}

// A shape is what schemas say about the properties of an object together.
type shape struct {
	by   []*Schema // the properties of these are described
	open bool      // any property may be there
}

func (s *shape) add(o shape) {
	s.open = s.open || o.open
	s.by = append(s.by, o.by...)
}

func (s *shape) has(property string) bool {
	return slices.ContainsFunc(s.by, func(o *Schema) bool { return o.Properties[property] != nil })
}

// value checks all of a value, unknown properties included.
func (j *judge) value(v any, s *Schema, at string) []problem {
	s = j.api.schema(s)
	if s == nil || s.anything() {
		return nil
	}
	described, problems := j.evaluate(v, s, at)
	object, ok := v.(map[string]any)
	if !ok || described.open {
		return problems
	}
	for key := range object {
		if !described.has(key) {
			problems = append(problems, problem{pointer(at, key), "is not described"})
		}
	}
	return problems
}

func (s *Schema) anything() bool {
	return s.Type == "" && len(s.Enum) == 0 && s.Properties == nil && s.Required == nil && s.Additional == nil &&
		s.AllOf == nil && s.AnyOf == nil
}

// evaluate checks a value but for properties that nothing describes: another schema beside s may.
func (j *judge) evaluate(v any, s *Schema, at string) (shape, []problem) {
	s = j.api.schema(s)
	if v == nil && (s.Nullable || j.lenient()) {
		return shape{}, nil
	}
	var described shape
	var problems []problem
	if s.Type != "" {
		if no := j.typed(v, s); no != "" {
			return shape{open: true}, []problem{{at, no}}
		}
	}
	if len(s.Enum) > 0 && !j.listed(v, s) {
		problems = append(problems, problem{at, fmt.Sprintf("is %s, which is none of %s", brief(v), brief(s.Enum))})
	}
	switch v := v.(type) {
	case map[string]any:
		of, found := j.object(v, s, at)
		described.add(of)
		problems = append(problems, found...)
	case []any:
		problems = append(problems, j.array(v, s, at)...)
	}
	for _, sub := range s.AllOf {
		of, found := j.evaluate(v, sub, at)
		described.add(of)
		problems = append(problems, found...)
	}
	if len(s.AnyOf) > 0 {
		of, found := j.any(v, s.AnyOf, at)
		described.add(of)
		problems = append(problems, found...)
	}
	return described, problems
}

// any checks that one of the schemas fits, with all that those which fit describe. If none does, the problems are those
// of the one that came closest.
func (j *judge) any(v any, list []*Schema, at string) (described shape, closest []problem) {
	fits := false
	for i, sub := range list {
		of, found := j.evaluate(v, sub, at)
		if len(found) == 0 {
			fits = true
			described.add(of)
		}
		if i == 0 || distance(found, at) < distance(closest, at) {
			closest = found
		}
	}
	if !fits {
		return shape{open: true}, closest
	}
	return described, nil
}

// distance is how far a value is from a schema: one of another type is farther than one that lacks something.
func distance(found []problem, at string) int {
	n := len(found)
	for _, p := range found {
		if p.at == at {
			n += 1000
		}
	}
	return n
}

func (j *judge) object(v map[string]any, s *Schema, at string) (shape, []problem) {
	described := shape{by: []*Schema{s}, open: s.Open || s.Additional != nil}
	if s.Type == "object" && s.Properties == nil && s.AllOf == nil && s.AnyOf == nil {
		described.open = true // nothing is said of what is in it
	}
	if s.Type == "message" {
		return shape{open: true}, j.message(v, at)
	}
	var problems []problem
	for key := range v {
		if p := s.Properties[key]; p != nil {
			problems = append(problems, j.property(key, v[key], p, at)...)
		} else if s.Additional != nil {
			problems = append(problems, j.value(v[key], s.Additional, pointer(at, key))...)
		}
	}
	for _, key := range s.Required {
		if _, ok := v[key]; !ok && !j.partial {
			problems = append(problems, problem{pointer(at, key), "is missing"})
		}
	}
	return described, problems
}

func (j *judge) property(key string, v any, s *Schema, at string) []problem {
	at = pointer(at, key)
	if j.request && s.ReadOnly && j.written != nil {
		if j.written["*"] || j.written[key] {
			return []problem{{at, "is read-only"}}
		}
		return nil // it is ignored, whatever it is
	}
	return j.value(v, s, at)
}

func (j *judge) array(v []any, s *Schema, at string) (problems []problem) {
	if len(v) < s.MinItems || s.MaxItems > 0 && len(v) > s.MaxItems {
		problems = append(problems, problem{at, fmt.Sprintf("has %d items, want %s", len(v), between(s.MinItems, s.MaxItems))})
	}
	if s.Items == nil {
		return problems
	}
	for i, item := range v {
		problems = append(problems, j.value(item, s.Items, pointer(at, strconv.Itoa(i)))...)
	}
	return problems
}

// typed says why a value is not of a schema's type, format or bounds, or "".
func (j *judge) typed(v any, s *Schema) string {
	switch v := v.(type) {
	case map[string]any:
		if s.Type == "object" || s.Type == "message" {
			return ""
		}
	case []any:
		if s.Type == "array" {
			return ""
		}
	case bool:
		if s.Type == "boolean" {
			return ""
		}
	case json.Number:
		if s.Type == "integer" || s.Type == "number" {
			return number(v, s)
		}
		if j.lenient() && s.Type == "string" && len(s.Enum) > 0 {
			return number(v, &Schema{Type: "integer"})
		}
	case string:
		if s.Type == "string" {
			return j.text(v, s)
		}
	}
	return fmt.Sprintf("is %s, want %s", kind(v), article(s.Type))
}

// lenient tells whether the rules for readers of ProtoJSON count, which take an enum's number for its name and null for no value
// (https://protobuf.dev/programming-guides/json/).
func (j *judge) lenient() bool { return j.request && j.api.Style == Google }

func (j *judge) listed(v any, s *Schema) bool {
	if _, ok := v.(json.Number); ok && j.lenient() && s.Type == "string" {
		return true
	}
	return slices.ContainsFunc(s.Enum, func(one any) bool {
		if n, ok := one.(float64); ok {
			f, err := strconv.ParseFloat(fmt.Sprint(v), 64)
			return err == nil && f == n
		}
		return reflect.DeepEqual(one, v)
	})
}

func number(v json.Number, s *Schema) string {
	f, err := v.Float64()
	if err != nil {
		return fmt.Sprintf("is %s, which is no number", v)
	}
	if s.Type == "integer" {
		if f != math.Trunc(f) {
			return fmt.Sprintf("is %s, want an integer", v)
		}
		if s.Format == "int32" && (f < math.MinInt32 || f > math.MaxInt32) {
			return fmt.Sprintf("is %s, which is no int32", v)
		}
	}
	if s.Minimum != nil && f < *s.Minimum || s.Maximum != nil && f > *s.Maximum {
		return fmt.Sprintf("is %s, which is out of bounds", v)
	}
	return ""
}

func (j *judge) text(v string, s *Schema) string {
	if n := utf8.RuneCountInString(v); n < s.MinLength || s.MaxLength > 0 && n > s.MaxLength {
		return fmt.Sprintf("has %d characters, want %s", n, between(s.MinLength, s.MaxLength))
	}
	if s.Pattern != "" {
		if p := pattern(s.Pattern); p != nil && !p.MatchString(v) {
			return fmt.Sprintf("is %s, which does not match %s", brief(v), s.Pattern)
		}
	}
	if check := formats[s.Format]; check != nil && !check(v) {
		return fmt.Sprintf("is %s, which is no %s", brief(v), s.Format)
	}
	return ""
}

var patterns sync.Map

// pattern is nil for what only ECMAScript knows.
func pattern(text string) *regexp.Regexp {
	if known, ok := patterns.Load(text); ok {
		return known.(*regexp.Regexp) //nolint:forcetypeassert // nothing else is stored
	}
	compiled, _ := regexp.Compile(text)
	patterns.Store(text, compiled)
	return compiled
}

func pointer(at, key string) string {
	if strings.ContainsAny(key, "~/") {
		key = strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
	}
	return at + "/" + key
}

func between(least, most int) string {
	if most == 0 {
		return fmt.Sprintf("at least %d", least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	}
	return "a string"
}

func article(kind string) string {
	if strings.ContainsAny(kind[:1], "aio") {
		return "an " + kind
	}
	return "a " + kind
}

// brief shows a value in a message.
func brief(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%T", v)
	}
	if len(text) > 120 {
		return string(text[:100]) + "…"
	}
	return string(text)
}
