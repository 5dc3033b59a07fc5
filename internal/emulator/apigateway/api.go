package apigateway

import (
	"fmt"
	"strings"
)

func (s *Server) createAPI(c *call) (any, *status) {
	id, no := c.newID("apiId", 63)
	if no != nil {
		return nil, no
	}
	a := &api{}
	if no := c.decode(a); no != nil {
		return nil, no
	}
	name := c.name + "/" + id
	switch {
	case c.location != global:
		return nil, failf(codeInvalidArgument, "APIs can only be created in the location 'global', not in '%s'.", c.location)
	case s.state.APIs[name] != nil:
		return nil, errExists(name)
	case count(c.parent+"/apis/", s.state.APIs) >= s.settings.Quotas.APIs:
		return nil, errQuota(c.project, "apigateway.googleapis.com/apis", "ApisPerProject", s.settings.Quotas.APIs, global)
	}
	if no := checkLabels(a.Labels); no != nil {
		return nil, no
	}
	op := s.start(c, "create", name, s.settings.Latency.API)
	s.describe(&a.common, name, op)
	if a.ManagedService == "" {
		// The hash keeps a name that was used before from coming back: a deleted managed service stays for 30 days.
		a.ManagedService = fmt.Sprintf("%s-%s.apigateway.%s.cloud.goog", id, shortHash(op.Name), c.project)
	}
	s.state.APIs[name] = a
	return s.render(c.version, op), nil
}

// describe sets the output-only fields of a new resource.
func (s *Server) describe(r *common, name string, op *operation) {
	r.Name, r.State = name, stateCreating
	r.CreateTime = timestamp(op.CreateTime)
	r.UpdateTime = r.CreateTime
}

func (s *Server) getAPI(c *call) (any, *status) {
	if a := s.state.APIs[c.name]; a != nil {
		return a, nil
	}
	return nil, errNotFound(c.name)
}

func (s *Server) updateAPI(c *call) (any, *status) {
	if s.state.APIs[c.name] == nil {
		return nil, errNotFound(c.name)
	}
	in := &api{}
	fields, no := c.changes(in, "displayName", "labels")
	if no != nil {
		return nil, no
	}
	return s.startUpdate(c, &in.common, fields, nil)
}

// startUpdate begins a change of labels and display name, and of a gateway's config when config is not nil.
func (s *Server) startUpdate(c *call, in *common, fields map[string]bool, config *string) (any, *status) {
	resource := s.resource(c.name)
	switch {
	case resource.State != stateActive && resource.State != stateFailed:
		return nil, errBusy(resource)
	case resource.State == stateFailed && config == nil:
		return nil, failf(codeFailedPrecondition, "Resource '%s' is in state FAILED and can't be updated.", c.name)
	}
	u := &update{APIConfig: config}
	if fields["labels"] {
		if no := checkLabels(in.Labels); no != nil {
			return nil, no
		}
		u.Labels = &in.Labels
	}
	if fields["displayName"] {
		u.DisplayName = &in.DisplayName
	}
	latency := s.settings.Latency.Metadata
	if config != nil {
		latency = s.settings.Latency.GatewayUpdate
	}
	op := s.start(c, "update", c.name, latency)
	op.Update, op.Previous = u, resource.State
	resource.State = stateUpdating
	return s.render(c.version, op), nil
}

func errBusy(r *common) *status {
	return failf(codeAborted, "Resource '%s' has an operation in progress (state %s); unable to queue the operation.",
		r.Name, r.State)
}

// startDelete begins a deletion; no says how it will end instead.
func (s *Server) startDelete(c *call, no *status) (any, *status) {
	resource := s.resource(c.name)
	if resource.State != stateActive && resource.State != stateFailed {
		return nil, errBusy(resource)
	}
	op := s.start(c, "delete", c.name, s.settings.Latency.Delete)
	op.Previous = resource.State
	if no != nil {
		op.Error = no
	} else {
		resource.State = stateDeleting
	}
	return s.render(c.version, op), nil
}

func (s *Server) deleteAPI(c *call) (any, *status) {
	if s.state.APIs[c.name] == nil {
		return nil, errNotFound(c.name)
	}
	if n := count(c.name+"/configs/", s.state.Configs); n > 0 {
		// Which error the service gives is documented nowhere; the code is that of a config in use.
		return s.startDelete(c, failf(codeFailedPrecondition,
			"Cannot delete API '%s': it has %d API configs. Delete them first.", c.name, n))
	}
	return s.startDelete(c, nil)
}

// count tells how many of resources are directly below prefix.
func count[T any](prefix string, resources map[string]T) int {
	n := 0
	for name := range resources {
		if rest, ok := strings.CutPrefix(name, prefix); ok && !strings.Contains(rest, "/") {
			n++
		}
	}
	return n
}
