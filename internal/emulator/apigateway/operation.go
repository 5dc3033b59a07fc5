package apigateway

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// keptOperations bounds how many finished operations are remembered.
const keptOperations = 300

// start records an operation on the resource target that ends after some time. The caller holds s.mu, and sets what
// the operation does before it lets go.
func (s *Server) start(c *call, verb, target string, after time.Duration) *operation {
	now := s.options.Now().UTC()
	s.state.Serial++
	location := strings.Join(strings.SplitN(target, "/", 5)[:4], "/")
	op := &operation{
		Name: fmt.Sprintf("%s/operations/operation-%d-%s-%06x", location, now.UnixMilli(),
			shortHash(target + verb)[:8], s.state.Serial),
		Target: target, Verb: verb, CreateTime: now, Due: now.Add(after),
	}
	if f := c.fault; f != nil {
		switch f.Effect {
		case EffectLost:
			op.Lost = true
		case EffectStuck:
			op.Stuck = true
		case EffectFail:
			op.Error = f.status()
		case EffectError, EffectLostResponse: // of the call, not of its operation
		}
	}
	s.state.Operations[op.Name] = op
	s.dirty = true
	return op
}

// settle does everything that is due, in the order in which it fell due. The caller holds s.mu.
func (s *Server) settle() {
	now := s.options.Now()
	var due []*operation
	next := time.Time{}
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, op := range s.state.Operations {
		switch {
		case op.Done || op.Stuck:
		case !op.Due.After(now):
			due = append(due, op)
		default:
			sooner(op.Due)
			if !op.Activating.IsZero() && !op.Activating.After(now) {
				s.activating(op)
			}
		}
	}
	for _, g := range s.state.Gateways {
		if g.ServesFrom.After(now) {
			sooner(g.ServesFrom)
		}
	}
	slices.SortFunc(due, func(a, b *operation) int {
		if c := a.Due.Compare(b.Due); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	for _, op := range due {
		s.finish(op)
		s.dirty = true
	}
	if len(due) > 0 {
		s.forgetOperations()
	}
	s.setNextDue(next)
	if len(due) > 0 || s.table.Load().stale(now) {
		s.rebuild()
	}
	_ = s.flush()
}

func (s *Server) setNextDue(t time.Time) {
	if t.IsZero() {
		s.nextDue.Store(0)
		return
	}
	s.nextDue.Store(t.UnixNano())
}

func (s *Server) activating(op *operation) {
	if config := s.state.Configs[op.Target]; config != nil && config.State == stateCreating {
		config.State = stateActivating
		s.dirty = true
	}
}

// finish ends an operation with what it was to do.
func (s *Server) finish(op *operation) {
	op.Done, op.EndTime = true, op.Due
	resource := s.resource(op.Target)
	if resource == nil {
		return
	}
	switch op.Verb {
	case "create":
		resource.State = stateActive
		if op.Error != nil {
			resource.State = stateFailed
			return
		}
		s.activate(op)
	case "update":
		resource.State = op.Previous
		if op.Error == nil {
			s.apply(op, resource)
		}
	case "delete":
		if op.Error != nil {
			resource.State = op.Previous
			return
		}
		s.remove(op.Target)
	}
}

// activate sets what a resource has only once it is ready.
func (s *Server) activate(op *operation) {
	if config := s.state.Configs[op.Target]; config != nil {
		id := config.Name[strings.LastIndexByte(config.Name, '/')+1:]
		config.ServiceConfigID = fmt.Sprintf("%.36s-%s", id, shortHash(op.Name))
	}
	if g := s.state.Gateways[op.Target]; g != nil {
		g.Serving = g.APIConfig
		g.ServesFrom = op.Due.Add(s.settings.Latency.Propagation)
	}
}

func (s *Server) apply(op *operation, resource *common) {
	u := op.Update
	if u == nil {
		return
	}
	resource.UpdateTime = timestamp(op.Due)
	if u.Labels != nil {
		resource.Labels = *u.Labels
	}
	if u.DisplayName != nil {
		resource.DisplayName = *u.DisplayName
	}
	if g := s.state.Gateways[op.Target]; g != nil && u.APIConfig != nil {
		// A gateway whose creation failed starts to serve with the first config that works.
		g.APIConfig, g.Serving, g.State = *u.APIConfig, *u.APIConfig, stateActive
	}
}

// resource returns the common part of the resource name, or nil.
func (s *Server) resource(name string) *common {
	if a := s.state.APIs[name]; a != nil {
		return &a.common
	}
	if c := s.state.Configs[name]; c != nil {
		return &c.common
	}
	if g := s.state.Gateways[name]; g != nil {
		return &g.common
	}
	return nil
}

func (s *Server) remove(name string) {
	if s.state.Configs[name] != nil {
		s.removeDocuments(name)
	}
	delete(s.state.APIs, name)
	delete(s.state.Configs, name)
	delete(s.state.Gateways, name)
	delete(s.state.Policies, name)
}

// forgetOperations drops the oldest finished operations beyond keptOperations.
func (s *Server) forgetOperations() {
	var done []*operation
	for _, op := range s.state.Operations {
		if op.Done {
			done = append(done, op)
		}
	}
	if len(done) <= keptOperations {
		return
	}
	slices.SortFunc(done, func(a, b *operation) int { return a.EndTime.Compare(b.EndTime) })
	for _, op := range done[:len(done)-keptOperations] {
		delete(s.state.Operations, op.Name)
	}
}

// render gives the operation as the API shows it in a version.
func (s *Server) render(version string, op *operation) map[string]any {
	prefix := "type.googleapis.com/google.cloud.apigateway." + version + "."
	metadata := map[string]any{
		"@type": prefix + "OperationMetadata", "createTime": timestamp(op.CreateTime), "target": op.Target,
		"verb": op.Verb, "requestedCancellation": op.Cancelled, "apiVersion": version,
	}
	out := map[string]any{"name": op.Name, "metadata": metadata, "done": op.Done}
	if !op.Done {
		return out
	}
	metadata["endTime"] = timestamp(op.EndTime)
	if op.Error != nil {
		out["error"] = op.Error
		return out
	}
	switch {
	case op.Verb == "delete":
		out["response"] = map[string]any{"@type": "type.googleapis.com/google.protobuf.Empty"}
	case s.state.APIs[op.Target] != nil:
		out["response"] = typed(prefix+"Api", s.state.APIs[op.Target])
	case s.state.Configs[op.Target] != nil:
		out["response"] = typed(prefix+"ApiConfig", s.state.Configs[op.Target].in(version))
	case s.state.Gateways[op.Target] != nil:
		out["response"] = typed(prefix+"Gateway", s.shown(s.state.Gateways[op.Target]))
	default:
		// The resource is gone since; the name is what is left of it.
		out["response"] = map[string]any{"@type": "type.googleapis.com/google.protobuf.Empty"}
	}
	return out
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
