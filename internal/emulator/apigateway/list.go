package apigateway

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const maxPage = 1000

func (s *Server) listAPIs(c *call) (any, *status) {
	return list(c, "apis", s.state.APIs, func(a *api) any { return a })
}

func (s *Server) listConfigs(c *call) (any, *status) {
	if !strings.HasSuffix(c.parent, "/-") && s.state.APIs[c.parent] == nil {
		return nil, errNotFound(c.parent)
	}
	return list(c, "apiConfigs", s.state.Configs, func(config *apiConfig) any { return config.in(c.version) })
}

func (s *Server) listGateways(c *call) (any, *status) {
	return list(c, "gateways", s.state.Gateways, func(g *gatewayRecord) any { return s.shown(g) })
}

func (s *Server) listOperations(c *call) (any, *status) {
	visible := maps.Clone(s.state.Operations)
	maps.DeleteFunc(visible, func(_ string, op *operation) bool { return op.Lost })
	return list(c, "operations", visible, func(op *operation) any { return s.render(c.version, op) })
}

// item is a resource on its way into a page.
type item struct {
	name  string
	key   string // what the page is sorted by
	value any
}

// list gives the resources of the collection that match the call's filter, a page at a time
// (https://google.aip.dev/132). "-" in the collection's name stands for all.
func list[T any](c *call, field string, resources map[string]T, show func(T) any) (any, *status) {
	keep, no := parseFilter(c.query.Get("filter"))
	if no != nil {
		return nil, no
	}
	by, descending, no := c.order()
	if no != nil {
		return nil, no
	}
	var items []item
	for name, resource := range resources {
		if !inCollection(name, c.name) {
			continue
		}
		value := show(resource)
		fields := fieldsOf(value)
		if keep(fields) {
			items = append(items, item{name: name, key: text(lookup(fields, by)), value: value})
		}
	}
	slices.SortFunc(items, func(a, b item) int {
		order := strings.Compare(a.key, b.key)
		if order == 0 {
			order = strings.Compare(a.name, b.name)
		}
		if descending {
			return -order
		}
		return order
	})
	return c.page(field, items, descending)
}

func (c *call) order() (field string, descending bool, no *status) {
	words := strings.Fields(c.query.Get("orderBy"))
	switch {
	case len(words) == 0:
		return "name", false, nil
	case len(words) == 1, len(words) == 2 && (words[1] == "asc" || words[1] == "desc"):
		return words[0], len(words) == 2 && words[1] == "desc", nil
	}
	return "", false, failf(codeInvalidArgument, "Invalid value for orderBy: %q", c.query.Get("orderBy"))
}

// page cuts the page out that the call asks for. The token holds the place after which to go on, so that it stays
// right when resources come and go.
func (c *call) page(field string, items []item, descending bool) (any, *status) {
	if token := c.query.Get("pageToken"); token != "" {
		data, err := base64.RawURLEncoding.DecodeString(token)
		key, name, ok := strings.Cut(string(data), "\x00")
		if err != nil || !ok {
			return nil, failf(codeInvalidArgument, "The page token is invalid.")
		}
		items = slices.DeleteFunc(items, func(i item) bool {
			after := i.key > key || i.key == key && i.name > name
			if descending {
				after = i.key < key || i.key == key && i.name < name
			}
			return !after
		})
	}
	size := maxPage
	if text := c.query.Get("pageSize"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, failf(codeInvalidArgument, "The page size is invalid.")
		}
		if n > 0 {
			size = min(n, maxPage)
		}
	}
	out := map[string]any{}
	if len(items) > size {
		last := items[size-1]
		out["nextPageToken"] = base64.RawURLEncoding.EncodeToString([]byte(last.key + "\x00" + last.name))
		items = items[:size]
	}
	values := make([]any, len(items))
	for i := range items {
		values[i] = items[i].value
	}
	out[field] = values
	return out, nil
}

func inCollection(name, collection string) bool {
	segments, pattern := strings.Split(name, "/"), strings.Split(collection, "/")
	if len(segments) != len(pattern)+1 {
		return false
	}
	for i, p := range pattern {
		if p != "-" && p != segments[i] {
			return false
		}
	}
	return true
}

// fieldsOf gives a resource as its JSON object.
func fieldsOf(v any) map[string]any {
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var fields map[string]any
	if json.Unmarshal(data, &fields) != nil {
		return nil
	}
	return fields
}

// typed gives a resource as a google.protobuf.Any in JSON.
func typed(name string, v any) map[string]any {
	fields := fieldsOf(v)
	if fields == nil {
		fields = map[string]any{}
	}
	fields["@type"] = name
	return fields
}

func (s *Server) listLocations(c *call) (any, *status) {
	var out []any
	for _, id := range locations() {
		out = append(out, location(c, id))
	}
	return map[string]any{"locations": out}, nil
}

func (s *Server) getLocation(c *call) (any, *status) {
	if !slices.Contains(locations(), c.id) {
		return nil, errLocation(c.id)
	}
	return location(c, c.id), nil
}

func location(c *call, id string) map[string]any {
	return map[string]any{"name": "projects/" + c.project + "/locations/" + id, "locationId": id}
}

func (s *Server) getOperation(c *call) (any, *status) {
	op := s.state.Operations[c.name]
	if op == nil || op.Lost {
		return nil, errNotFound(c.name)
	}
	return s.render(c.version, op), nil
}

func (s *Server) deleteOperation(c *call) (any, *status) {
	op := s.state.Operations[c.name]
	if op == nil || op.Lost {
		return nil, errNotFound(c.name)
	}
	// "The client is no longer interested": the operation itself goes on.
	op.Lost = true
	s.dirty = true
	return map[string]any{}, nil
}

func (s *Server) cancelOperation(c *call) (any, *status) {
	op := s.state.Operations[c.name]
	if op == nil || op.Lost {
		return nil, errNotFound(c.name)
	}
	if !op.Done {
		op.Cancelled, op.Stuck = true, false
		op.Error = failf(codeCancelled, "Operation was cancelled.")
		op.Due = s.options.Now()
		s.dirty = true
	}
	return map[string]any{}, nil
}
