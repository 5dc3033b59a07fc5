package cloudrun

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"
)

// keptOperations is how many operations are remembered.
const keptOperations = 100

// addOperation stores an operation and forgets old ones. s.mu is held.
func (s *Server) addOperation(op *operation) {
	s.state.Operations[op.Name] = op
	if len(s.state.Operations) <= keptOperations*2 {
		return
	}
	all := slices.SortedFunc(maps.Values(s.state.Operations), func(a, b *operation) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	for _, old := range all[:len(all)-keptOperations] {
		if old.Done {
			delete(s.state.Operations, old.Name)
		}
	}
}

// finish ends the operations on a service that wait for its generation. s.mu is held.
func (s *Server) finish(v *service) {
	for _, op := range s.state.Operations {
		if op.Done || op.Service != v.name() || op.Generation > v.Observed {
			continue
		}
		op.Done = true
		if v.State == stateFailed {
			op.Code, op.Message = 9, v.Message // FAILED_PRECONDITION
		}
	}
}

// renderOperation: https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.operations. s.mu is held.
func (s *Server) renderOperation(op *operation, host string) object {
	kind := "type.googleapis.com/google.cloud.run.v2.Service"
	if op.Revision != "" {
		kind = "type.googleapis.com/google.cloud.run.v2.Revision"
	}
	result := op.Result
	if v := s.state.Services[op.Service]; v != nil && result == nil {
		result = s.renderService(v, host)
	}
	typed := maps.Clone(result)
	if typed == nil {
		typed = object{}
	}
	typed["@type"] = kind
	o := object{"name": op.Name, "metadata": typed, "done": op.Done}
	switch {
	case op.Done && op.Code != 0:
		o["error"] = object{"code": op.Code, "message": op.Message}
	case op.Done:
		o["response"] = typed
	}
	return o
}

func (s *Server) operation(c call) (*operation, *apiError) {
	op := s.state.Operations[parentName(c.project, c.location)+"/operations/"+c.id]
	if op == nil {
		return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Operation '" + c.id + "' not found."}
	}
	return op, nil
}

func (s *Server) getOperation(c call) (object, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	op, e := s.operation(c)
	if e != nil {
		return nil, e
	}
	return s.renderOperation(op, c.Host), nil
}

// waitOperation answers when the operation is done or the timeout, 30 s at the most, is over: then as far as it is.
func (s *Server) waitOperation(c call) (object, *apiError) {
	if c.verb != "wait" {
		return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Method not found."}
	}
	body, e := c.body()
	if e != nil {
		return nil, e
	}
	timeout := duration(body["timeout"])
	if timeout <= 0 || timeout > 30*time.Second {
		timeout = 30 * time.Second
	}
	for end := time.Now().Add(timeout); ; time.Sleep(10 * time.Millisecond) {
		o, e := s.getOperation(c)
		if e != nil || o["done"] == true || time.Now().After(end) || c.Context().Err() != nil {
			return o, e
		}
	}
}

func (s *Server) listOperations(c call) (object, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []string
	prefix := parentName(c.project, c.location) + "/operations/"
	for name := range s.state.Operations {
		if len(name) > len(prefix) && name[:len(prefix)] == prefix {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return page(c, "operations", names, func(name string) object {
		return s.renderOperation(s.state.Operations[name], c.Host)
	})
}

func (s *Server) deleteOperation(c call) (object, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	op, e := s.operation(c)
	if e != nil {
		return nil, e
	}
	delete(s.state.Operations, op.Name)
	return object{}, saved(s.save())
}
