package logging

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

const (
	defaultPageSize = 50
	maxPageSize     = 1000
)

// A page is the answer of entries.list.
type page struct {
	Entries []Entry `json:"entries,omitempty"`
	Next    string  `json:"nextPageToken,omitempty"`
}

func (s *Server) list(r *http.Request) (any, error) {
	var q struct {
		ResourceNames []string `json:"resourceNames"`
		Filter        string   `json:"filter"`
		OrderBy       string   `json:"orderBy"`
		PageSize      int      `json:"pageSize"`
		PageToken     string   `json:"pageToken"`
	}
	if err := decode(r.Body, &q); err != nil {
		return nil, err
	}
	match, err := googleapi.ParseFilter(q.Filter, comparison)
	switch {
	case err != nil:
		return nil, googleapi.Invalid("Unparseable filter: %v", err)
	case len(q.ResourceNames) == 0:
		return nil, googleapi.Invalid("At least one resource name must be specified")
	case q.OrderBy != "" && q.OrderBy != "timestamp asc" && q.OrderBy != "timestamp desc":
		return nil, googleapi.Invalid("order_by must be 'timestamp asc' or 'timestamp desc'")
	case q.PageSize < 0:
		return nil, googleapi.Invalid("page_size must not be negative")
	}
	size := min(cmp.Or(q.PageSize, defaultPageSize), maxPageSize)
	skip, ok := googleapi.ReadPageToken(q.PageToken)
	if !ok {
		return nil, googleapi.Invalid("page_token is not valid")
	}
	found := s.matching(q.ResourceNames, match)
	if q.OrderBy == "timestamp desc" {
		slices.Reverse(found)
	}
	found = found[min(skip, len(found)):]
	if len(found) <= size {
		return page{Entries: found}, nil
	}
	return page{found[:size], googleapi.PageToken(skip + size)}, nil
}

// matching are the entries that can be listed, in the order of their times; those of one time in that of their insertId.
func (s *Server) matching(resources []string, match googleapi.Filter[*Entry]) []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := time.Now().Add(-s.lag())
	var found []Entry
	for i := range s.entries {
		e := &s.entries[i]
		in := slices.ContainsFunc(resources, func(name string) bool { return strings.HasPrefix(e.LogName, name+"/logs/") })
		if in && !e.ReceiveTimestamp.After(until) && match(e) {
			found = append(found, *e)
		}
	}
	slices.SortStableFunc(found, func(a, b Entry) int {
		return cmp.Or(a.Timestamp.Compare(b.Timestamp), strings.Compare(a.InsertID, b.InsertID))
	})
	return found
}

func (s *Server) write(r *http.Request) (any, error) {
	var q struct {
		LogName  string            `json:"logName"`
		Resource Resource          `json:"resource"`
		Labels   map[string]string `json:"labels"`
		Entries  []Entry           `json:"entries"`
	}
	if err := decode(r.Body, &q); err != nil {
		return nil, err
	}
	if len(q.Entries) == 0 {
		return nil, googleapi.Invalid("entries are required")
	}
	for i := range q.Entries {
		e := &q.Entries[i]
		e.LogName = cmp.Or(e.LogName, q.LogName)
		if e.Resource.Type == "" {
			e.Resource = q.Resource
		}
		if e.Labels == nil {
			e.Labels = q.Labels
		}
		if !strings.Contains(e.LogName, "/logs/") || e.Resource.Type == "" {
			return nil, googleapi.Invalid("entry %d needs a log name and a resource", i)
		}
	}
	for _, e := range q.Entries {
		s.Write(e)
	}
	return struct{}{}, nil
}

// comparison is one FIELD OP VALUE of the language of https://cloud.google.com/logging/docs/view/logging-query-language
func comparison(field, op, value string) (googleapi.Filter[*Entry], error) {
	if field == "timestamp" {
		want, err := time.Parse(time.RFC3339Nano, value)
		if err != nil {
			return nil, fmt.Errorf("%q is not a time", value)
		}
		return ordered(op, func(e *Entry) int { return e.Timestamp.Compare(want) })
	}
	get, err := text(field)
	if err != nil {
		return nil, err
	}
	switch op {
	case "=":
		return func(e *Entry) bool { got, ok := get(e); return ok && got == value }, nil
	case "!=":
		return func(e *Entry) bool { got, ok := get(e); return ok && got != value }, nil
	}
	return nil, fmt.Errorf("%s can't be compared with %s here", field, op)
}

func ordered(op string, order func(*Entry) int) (googleapi.Filter[*Entry], error) {
	switch op {
	case "=":
		return func(e *Entry) bool { return order(e) == 0 }, nil
	case "<":
		return func(e *Entry) bool { return order(e) < 0 }, nil
	case "<=":
		return func(e *Entry) bool { return order(e) <= 0 }, nil
	case ">":
		return func(e *Entry) bool { return order(e) > 0 }, nil
	case ">=":
		return func(e *Entry) bool { return order(e) >= 0 }, nil
	}
	return nil, fmt.Errorf("times can't be compared with %s", op)
}

// text is a field of text; false when the entry has none.
func text(field string) (func(*Entry) (string, bool), error) {
	switch field {
	case "logName":
		return func(e *Entry) (string, bool) { return e.LogName, true }, nil
	case "severity":
		return func(e *Entry) (string, bool) { return cmp.Or(e.Severity, "DEFAULT"), true }, nil
	case "textPayload":
		return func(e *Entry) (string, bool) { return e.TextPayload, true }, nil
	case "insertId":
		return func(e *Entry) (string, bool) { return e.InsertID, true }, nil
	case "resource.type":
		return func(e *Entry) (string, bool) { return e.Resource.Type, true }, nil
	}
	if name, ok := strings.CutPrefix(field, "resource.labels."); ok {
		return func(e *Entry) (string, bool) { v, ok := e.Resource.Labels[name]; return v, ok }, nil
	}
	if name, ok := strings.CutPrefix(field, "labels."); ok {
		return func(e *Entry) (string, bool) { v, ok := e.Labels[name]; return v, ok }, nil
	}
	return nil, fmt.Errorf("unknown field %q", field)
}
