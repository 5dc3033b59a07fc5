package conformance

import (
	"maps"
	"slices"
	"strings"
)

// message checks a google.protobuf.Any: its @type says which schema counts
// (https://protobuf.dev/programming-guides/json/#any).
func (j *judge) message(v map[string]any, at string) []problem {
	name, _ := v["@type"].(string)
	full, ok := strings.CutPrefix(name, "type.googleapis.com/")
	if !ok {
		return []problem{{pointer(at, "@type"), "is " + brief(v["@type"]) + ", want type.googleapis.com/ and a message's name"}}
	}
	if strings.HasPrefix(full, "google.protobuf.") || strings.HasPrefix(full, "google.rpc.") {
		return nil // well-known, and described elsewhere
	}
	schema := j.api.messageSchema(full)
	if schema == nil {
		return []problem{{pointer(at, "@type"), "is " + brief(name) + ", which is not described"}}
	}
	rest := maps.Clone(v)
	delete(rest, "@type")
	return j.value(rest, schema, at)
}

// messageSchema finds the schema of a message by its full name. The descriptions drop some or all of the package: it is
// GoogleCloudRunV2Service for google.cloud.run.v2.Service, ApigatewayGateway for google.cloud.apigateway.v1beta.Gateway,
// and Build for google.devtools.cloudbuild.v1.Build.
func (a *API) messageSchema(full string) *Schema {
	segments := strings.Split(full, ".")
	last := len(segments) - 1
	for _, candidate := range [][]string{segments, {segments[max(last-2, 0)], segments[last]}, {segments[last]}} {
		var name strings.Builder
		for _, segment := range candidate {
			name.WriteString(strings.ToUpper(segment[:min(1, len(segment))]) + segment[min(1, len(segment)):])
		}
		if s := a.Schemas[name.String()]; s != nil {
			return s
		}
	}
	return nil
}

// mask checks the paths of a field mask against the resource that they are in (https://google.aip.dev/161).
func (j *judge) mask(paths string, s *Schema, at string) (problems []problem) {
	for path := range strings.SplitSeq(paths, ",") {
		if path != "*" && path != "" && !j.api.has(s, strings.Split(path, ".")) {
			problems = append(problems, problem{at, "names the field " + brief(path) + ", which is not described"})
		}
	}
	return problems
}

// has tells whether a schema has a field, by the name in JSON or in the proto.
func (a *API) has(s *Schema, path []string) bool {
	s = a.schema(s)
	switch {
	case len(path) == 0:
		return true
	case s == nil:
		return false
	case s.Type == "array":
		return a.has(s.Items, path) || path[0] == "*" && a.has(s.Items, path[1:])
	case s.Additional != nil:
		return a.has(s.Additional, path[1:]) || len(path) == 1
	}
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		if key == path[0] || snake(key) == path[0] {
			return a.has(s.Properties[key], path[1:])
		}
	}
	return false
}

func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if 'A' <= r && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// reads returns the fields of a mask by their JSON names, as far as they are on the first level.
func reads(mask string, s *Schema) map[string]bool {
	fields := map[string]bool{}
	for path := range strings.SplitSeq(mask, ",") {
		first, _, _ := strings.Cut(path, ".")
		for key := range s.Properties {
			if key == first || snake(key) == first {
				fields[key] = true
			}
		}
	}
	return fields
}
