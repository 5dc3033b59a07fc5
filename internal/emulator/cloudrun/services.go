package cloudrun

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

func (s *Server) createService(c call) (object, *apiError) {
	body, e := c.body()
	if e != nil {
		return nil, e
	}
	id := c.value("serviceId")
	if !serviceID.MatchString(id) {
		return nil, invalid("service_id: '%s' must begin with a letter, consist of lower case letters, digits and '-', not end "+
			"with '-' and be shorter than 50 characters.", id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := parentName(c.project, c.location) + "/services/" + id
	if s.state.Services[name] != nil {
		return nil, alreadyExists("SERVICE", id)
	}
	return s.create(c, id, body)
}

// create makes a service. s.mu is held.
func (s *Server) create(c call, id string, body object) (object, *apiError) {
	now := time.Now().UTC()
	v := &service{
		Project: c.project, Location: c.location, ID: id, UID: uuid.NewString(), Spec: object{}, Created: now,
		State: statePending, Transition: now, TagTimes: map[string]time.Time{},
	}
	return s.write(c, v, body, nil)
}

func (s *Server) patchService(c call) (object, *apiError) {
	body, e := c.body()
	if e != nil {
		return nil, e
	}
	var mask []string
	if m := c.value("updateMask"); m != "" && m != "*" {
		mask = strings.Split(m, ",")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, e := s.service(c, c.id)
	if e != nil {
		if c.value("allowMissing") == "true" && serviceID.MatchString(c.id) {
			return s.create(c, c.id, body)
		}
		return nil, e
	}
	if etag := text(body, "etag"); etag != "" && etag != v.etag() {
		return nil, conflict(v.ID, etag, v.etag())
	}
	changed := *v
	return s.write(c, &changed, body, mask)
}

// write applies body to v, which is a copy of what is stored, or new, and stores it. s.mu is held.
func (s *Server) write(c call, v *service, body object, mask []string) (object, *apiError) {
	before := v.Spec
	if e := v.merge(body, mask); e != nil {
		return nil, e
	}
	r, e := s.plan(v, before)
	if e == nil {
		e = c.mayDeploy(v, r)
	}
	if e != nil {
		return nil, e
	}
	e = validateTraffic(v.ID, v.Traffic, func(name string) bool {
		return s.state.Revisions[v.revisionName(name)] != nil || (r != nil && r.Name == name)
	})
	if e != nil {
		return nil, e
	}
	now := time.Now().UTC()
	v.Generation++
	v.Version++
	v.Updated = now
	op := &operation{
		Name: v.parent() + "/operations/" + uuid.NewString(), Service: v.name(), Generation: v.Generation, Created: now,
	}
	if c.validateOnly() {
		op.Done, op.Result = true, s.renderService(v, c.Host)
		return s.renderOperation(op, c.Host), nil
	}
	noteTags(v, now)
	if r != nil {
		v.Numbered++
		v.LatestCreated = r.Name
		s.state.Revisions[r.resource()] = r
	}
	s.state.Services[v.name()] = v
	s.hosts[v.host()] = v.name()
	s.limitTags(v)
	s.limitRevisions(v)
	s.addOperation(op)
	if err := s.save(); err != nil {
		return nil, internalError(err)
	}
	if r != nil {
		s.later(0, func() { s.checkReadiness(r.resource()) })
	}
	s.later(s.options.Latency.Route, func() { s.route(v.name()) })
	return s.renderOperation(op, c.Host), nil
}

// service finds a service. s.mu is held.
func (s *Server) service(c call, id string) (*service, *apiError) {
	v := s.state.Services[parentName(c.project, c.location)+"/services/"+id]
	if v == nil {
		return nil, notFound("SERVICE", id, c.location, c.project)
	}
	return v, nil
}

func (s *Server) getService(c call) (object, *apiError) {
	if c.verb != "" {
		return s.servicePolicy(c)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, e := s.service(c, c.id)
	if e != nil {
		return nil, e
	}
	return s.renderService(v, c.Host), nil
}

func (s *Server) listServices(c call) (object, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []string
	for name, v := range s.state.Services {
		if v.Project == c.project && (v.Location == c.location || c.location == "-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return page(c, "services", names, func(name string) object {
		return s.renderService(s.state.Services[name], c.Host)
	})
}

func (s *Server) deleteService(c call) (object, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, e := s.service(c, c.id)
	if e != nil {
		return nil, e
	}
	if etag := c.value("etag"); etag != "" && etag != v.etag() {
		return nil, conflict(v.ID, etag, v.etag())
	}
	op := &operation{
		Name: v.parent() + "/operations/" + uuid.NewString(), Service: v.name(), Delete: true,
		Created: time.Now().UTC(), Done: true, Result: s.renderService(v, c.Host),
	}
	if c.validateOnly() {
		return s.renderOperation(op, c.Host), nil
	}
	for name, r := range s.state.Revisions {
		if r.serviceName() == v.name() {
			delete(s.state.Revisions, name)
			s.stopLater(name)
		}
	}
	delete(s.state.Services, v.name())
	delete(s.hosts, v.host())
	s.addOperation(op)
	if err := s.save(); err != nil {
		return nil, internalError(err)
	}
	return s.renderOperation(op, c.Host), nil
}

// page answers a list with pageSize and pageToken; a token is the first name of the page.
func page(c call, field string, names []string, render func(string) object) (object, *apiError) {
	start := 0
	if token := c.value("pageToken"); token != "" {
		start, _ = slices.BinarySearch(names, token)
	}
	size := number(c.value("pageSize"))
	if size < 0 {
		return nil, invalid("page_size: must not be negative.")
	}
	if size == 0 || size > 1000 {
		size = 1000
	}
	answer, items := object{}, []any{}
	for _, name := range names[start:] {
		if len(items) == size {
			answer["nextPageToken"] = name
			break
		}
		items = append(items, render(name))
	}
	answer[field] = items
	return answer, nil
}
