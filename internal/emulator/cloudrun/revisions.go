package cloudrun

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

func (s *Server) getRevision(c call) (object, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, e := s.revision(c)
	if e != nil {
		return nil, e
	}
	return s.renderRevision(r, c.Host), nil
}

// revision finds the revision that a call names. s.mu is held.
func (s *Server) revision(c call) (*revision, *apiError) {
	name := parentName(c.project, c.location) + "/services/" + c.PathValue("service") + "/revisions/" + c.id
	r := s.state.Revisions[name]
	if r == nil {
		return nil, notFound("REVISION", c.id, c.location, c.project)
	}
	return r, nil
}

func (s *Server) listRevisions(c call) (object, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	parent := c.PathValue("service")
	var names []string
	for name, r := range s.state.Revisions {
		if r.Project == c.project && r.Location == c.location && (r.Service == parent || parent == "-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return page(c, "revisions", names, func(name string) object {
		return s.renderRevision(s.state.Revisions[name], c.Host)
	})
}

func (s *Server) deleteRevision(c call) (object, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, e := s.revision(c)
	if e != nil {
		return nil, e
	}
	return s.dropRevision(c, r)
}

// dropRevision deletes a revision that is retired. s.mu is held.
func (s *Server) dropRevision(c call, r *revision) (object, *apiError) {
	v := s.state.Services[r.serviceName()]
	if v != nil && (v.names(r.Name) || v.LatestCreated == r.Name) {
		return nil, precondition("Revision '" + r.Name + "' is in use: only retired revisions can be deleted.")
	}
	op := &operation{
		Name: parentName(r.Project, r.Location) + "/operations/" + uuid.NewString(), Service: r.serviceName(),
		Revision: r.resource(), Delete: true, Created: time.Now().UTC(), Done: true, Result: s.renderRevision(r, c.Host),
	}
	if c.validateOnly() {
		return s.renderOperation(op, c.Host), nil
	}
	delete(s.state.Revisions, r.resource())
	s.stopLater(r.resource())
	s.addOperation(op)
	if err := s.save(); err != nil {
		return nil, internalError(err)
	}
	return s.renderOperation(op, c.Host), nil
}

// limitRevisions deletes the oldest revisions of v that serve nothing, down to the limit: https://cloud.google.com/run/quotas.
// s.mu is held.
func (s *Server) limitRevisions(v *service) {
	var all []*revision
	for _, r := range s.state.Revisions {
		if r.serviceName() == v.name() {
			all = append(all, r)
		}
	}
	surplus := len(all) - s.options.RevLimit
	if surplus <= 0 {
		return
	}
	slices.SortFunc(all, func(a, b *revision) int { return cmp.Compare(a.Number, b.Number) })
	for _, r := range all {
		if surplus > 0 && !v.names(r.Name) && v.LatestCreated != r.Name {
			delete(s.state.Revisions, r.resource())
			s.stopLater(r.resource())
			surplus--
		}
	}
}
