package cloudrun

import (
	"encoding/json"
	"fmt"
	"time"
)

// An object is a JSON object whose content is passed through. Objects in the state are never changed, only replaced.
type object = map[string]any

// state is all that survives a restart.
type state struct {
	Services   map[string]*service   `json:"services"`  // by resource name
	Revisions  map[string]*revision  `json:"revisions"` // by resource name
	Operations map[string]*operation `json:"operations"`
}

func (s *state) init() {
	if s.Services == nil {
		s.Services = map[string]*service{}
	}
	if s.Revisions == nil {
		s.Revisions = map[string]*revision{}
	}
	if s.Operations == nil {
		s.Operations = map[string]*operation{}
	}
}

// A service is what is stored of a service.
type service struct {
	Project       string               `json:"project"`
	Location      string               `json:"location"`
	ID            string               `json:"id"`
	UID           string               `json:"uid"`
	Spec          object               `json:"spec"` // what clients write, but for traffic
	Traffic       []target             `json:"traffic"`
	Statuses      []target             `json:"statuses"` // what is in force; Revision is always set
	Generation    int64                `json:"generation"`
	Observed      int64                `json:"observed"`
	Version       int64                `json:"version"` // of the etag
	Created       time.Time            `json:"created"`
	Updated       time.Time            `json:"updated"`
	LatestCreated string               `json:"latest_created"` // short name
	LatestReady   string               `json:"latest_ready"`   // short name
	Numbered      int                  `json:"numbered"`       // revisions so far
	State         string               `json:"state"`
	Message       string               `json:"message"`
	Transition    time.Time            `json:"transition"`
	Policy        policy               `json:"policy"`
	TagTimes      map[string]time.Time `json:"tag_times"` // when each tag was first set
}

// A target is an entry of a traffic list.
type target struct {
	Type     string `json:"type"`
	Revision string `json:"revision,omitempty"` // short name
	Percent  int    `json:"percent,omitempty"`
	Tag      string `json:"tag,omitempty"`
}

// The types of a target: https://cloud.google.com/run/docs/reference/rest/v2/TrafficTargetAllocationType
const (
	typeLatest   = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
	typeRevision = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
)

// A revision is what is stored of a revision. Its template never changes.
type revision struct {
	Project  string            `json:"project"`
	Location string            `json:"location"`
	Service  string            `json:"service"` // short name
	Name     string            `json:"name"`    // short name
	UID      string            `json:"uid"`
	Template object            `json:"template"` // without its name
	Digests  map[string]string `json:"digests"`  // image as named → by digest, once it is known
	Created  time.Time         `json:"created"`
	Number   int               `json:"number"`
	State    string            `json:"state"`
	Reason   string            `json:"reason"`
	Message  string            `json:"message"`
	Decided  time.Time         `json:"decided"`
}

// The states of a condition: https://cloud.google.com/run/docs/reference/rest/v2/Condition#State
const (
	statePending   = "CONDITION_RECONCILING"
	stateSucceeded = "CONDITION_SUCCEEDED"
	stateFailed    = "CONDITION_FAILED"
)

// An operation is what is stored of a long-running operation.
type operation struct {
	Name       string    `json:"name"`
	Service    string    `json:"service"`    // resource name
	Revision   string    `json:"revision"`   // resource name, when one is deleted
	Generation int64     `json:"generation"` // that it waits for
	Delete     bool      `json:"delete"`
	Created    time.Time `json:"created"`
	Done       bool      `json:"done"`
	Code       int       `json:"code"` // google.rpc.Code, when it failed
	Message    string    `json:"message"`
	Result     object    `json:"result"`
}

func (v *service) parent() string { return parentName(v.Project, v.Location) }

func (v *service) name() string { return v.parent() + "/services/" + v.ID }

func (v *service) etag() string { return fmt.Sprintf("%q", fmt.Sprintf("%s-%d", v.UID[:8], v.Version)) }

func (v *service) revisionName(short string) string { return v.name() + "/revisions/" + short }

func (r *revision) serviceName() string {
	return parentName(r.Project, r.Location) + "/services/" + r.Service
}

func (r *revision) resource() string { return r.serviceName() + "/revisions/" + r.Name }

func parentName(project, location string) string {
	return "projects/" + project + "/locations/" + location
}

// clone is a deep copy of a JSON value.
func clone(v any) any {
	switch v := v.(type) {
	case object:
		c := make(object, len(v))
		for key, value := range v {
			c[key] = clone(value)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for n, value := range v {
			c[n] = clone(value)
		}
		return c
	default:
		return v
	}
}

// sameJSON tells whether two values are the same once written.
func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// text is a string field of an object, or "".
func text(o object, key string) string {
	s, _ := o[key].(string)
	return s
}

// list is a field of objects, without anything else that may be in it.
func list(o object, key string) []object {
	values, _ := o[key].([]any)
	var objects []object
	for _, v := range values {
		if v, ok := v.(object); ok {
			objects = append(objects, v)
		}
	}
	return objects
}

// child is an object in an object, or an empty one.
func child(o object, key string) object {
	c, _ := o[key].(object)
	if c == nil {
		return object{}
	}
	return c
}

// number reads a JSON number, which protobuf's JSON may also write as a string.
func number(v any) int {
	switch v := v.(type) {
	case float64:
		return int(v)
	case string:
		var n int
		_, _ = fmt.Sscanf(v, "%d", &n)
		return n
	default:
		return 0
	}
}

// duration reads protobuf's JSON of a duration (300s), or 0.
func duration(v any) time.Duration {
	s, _ := v.(string)
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0
	}
	return d
}
