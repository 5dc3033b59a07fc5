package apigateway

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

// call is one call of the API.
type call struct {
	version  string // v1, v1beta
	project  string
	location string
	kind     string // apis, api, configs, config, gateways, gateway, operations, operation, locations, location
	verb     string // ":getIamPolicy" and so on, or empty
	name     string // of the resource, or of the collection
	parent   string // of the collection
	id       string // of the resource
	query    url.Values
	body     []byte
	fault    *Fault
	caller   *iam.Caller // nil: nobody asks who calls
}

// parseCall reads the resource from the path (https://google.aip.dev/122).
func parseCall(r *http.Request) (*call, bool) {
	segments := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	n := len(segments)
	if n < 4 || n > 9 || segments[1] != "projects" || segments[3] != "locations" || segments[2] == "" {
		return nil, false
	}
	c := &call{version: segments[0], project: segments[2], query: r.URL.Query(), caller: iam.CallerOf(r.Context())}
	if c.version != "v1" && c.version != "v1beta" {
		return nil, false
	}
	last, verb, hasVerb := strings.Cut(segments[n-1], ":")
	if hasVerb {
		segments[n-1], c.verb = last, ":"+verb
	}
	if n > 4 {
		c.location = segments[4]
	}
	c.name = strings.Join(segments[1:], "/")
	if n%2 == 1 {
		c.id = segments[n-1]
		if c.id == "" {
			return nil, false
		}
	} else {
		c.parent = strings.Join(segments[1:n-1], "/")
	}
	c.kind = kindOf(segments)
	return c, c.kind != ""
}

func kindOf(segments []string) string {
	n := len(segments)
	collection := ""
	switch {
	case n <= 5:
		collection = "locations"
	case n <= 7 && (segments[5] == "apis" || segments[5] == "gateways" || segments[5] == "operations"):
		collection = segments[5]
	case n >= 8 && segments[5] == "apis" && segments[7] == "configs":
		collection = "configs"
	}
	if n%2 == 1 {
		return strings.TrimSuffix(collection, "s")
	}
	return collection
}

// decode reads the body into v.
func (c *call) decode(v any) *status {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		return nil
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return failf(codeInvalidArgument, "Invalid JSON payload received. Unknown name %s: Cannot find field.", field)
	}
	return failf(codeInvalidArgument, "Invalid JSON payload received. %s", err)
}

// ids are what the pages on creating APIs, configs and gateways allow, such as
// https://docs.cloud.google.com/api-gateway/docs/creating-api.
var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// newID returns the id in the query for a resource that is to be created.
func (c *call) newID(parameter string, longest int) (string, *status) {
	id := c.query.Get(parameter)
	if id == "" {
		// A client library may use the proto's name of the field.
		id = c.query.Get(snake(parameter))
	}
	switch {
	case id == "":
		return "", failf(codeInvalidArgument, "%s is required", snake(parameter))
	case len(id) > longest:
		return "", failf(codeInvalidArgument, "Invalid value for field %s: %q is longer than %d characters", snake(parameter), id, longest)
	case !idPattern.MatchString(id):
		return "", failf(codeInvalidArgument,
			"Invalid value for field %s: %q may contain only lowercase letters, numbers and dashes, and can't begin with a dash",
			snake(parameter), id)
	}
	return id, nil
}

// changes reads the body of an update into v and returns its mask.
func (c *call) changes(v any, allowed ...string) (map[string]bool, *status) {
	if no := c.decode(v); no != nil {
		return nil, no
	}
	return c.mask(allowed...)
}

// mask returns the fields of the updateMask in their JSON names; allowed are the ones that can be changed.
func (c *call) mask(allowed ...string) (map[string]bool, *status) {
	text := c.query.Get("updateMask")
	if text == "" {
		text = c.query.Get("update_mask")
	}
	if text == "" {
		return nil, failf(codeInvalidArgument, "The update mask must be set.")
	}
	fields := map[string]bool{}
	for field := range strings.SplitSeq(text, ",") {
		field = strings.TrimSpace(field)
		known := false
		for _, name := range allowed {
			if field == name || field == snake(name) || field == "*" {
				fields[name] = true
				known = true
			}
		}
		if !known {
			return nil, failf(codeInvalidArgument, "The field %q can't be updated.", field)
		}
	}
	return fields, nil
}

// labels are checked by the rules that all of Google Cloud shares
// (https://cloud.google.com/compute/docs/labeling-resources#requirements).
var (
	labelKey   = regexp.MustCompile(`^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$`)
	labelValue = regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$`)
)

func checkLabels(labels map[string]string) *status {
	if len(labels) > 64 {
		return failf(codeInvalidArgument, "A resource can have at most 64 labels.")
	}
	for key, value := range labels {
		if !labelKey.MatchString(key) || !labelValue.MatchString(value) {
			return failf(codeInvalidArgument, "The label %q with the value %q is not valid.", key, value)
		}
	}
	return nil
}

// snake turns a JSON name into the proto's.
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
