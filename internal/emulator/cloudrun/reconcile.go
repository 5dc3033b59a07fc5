package cloudrun

import (
	"errors"
	"slices"
	"time"
)

// checkReadiness decides whether a new revision can serve: it does when its process listens in time.
func (s *Server) checkReadiness(name string) {
	fail, delay := s.readinessFault()
	if !s.sleep(s.options.Latency.Ready + delay) {
		return
	}
	err := s.start(name)
	if fail {
		err = &startError{Reason: "HEALTH_CHECK_CONTAINER_ERROR", Message: notListening(8080)}
	}
	if errors.Is(err, errStopped) {
		return // deleted, or we are closing: then the next start decides
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.state.Revisions[name]
	if r == nil {
		return
	}
	r.State, r.Decided = stateSucceeded, time.Now().UTC()
	if err != nil {
		r.State, r.Reason, r.Message = stateFailed, "HEALTH_CHECK_CONTAINER_ERROR", err.Error()
		if e, ok := errors.AsType[*startError](err); ok {
			r.Reason = e.Reason
		}
	}
	if err := s.save(); err != nil {
		s.log.Error("state not saved", "error", err)
	}
	service := r.serviceName()
	s.later(s.options.Latency.Route, func() { s.route(service) })
}

// route puts the traffic list of a service into force as far as its revisions are ready.
func (s *Server) route(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.state.Services[name]
	if v == nil {
		return
	}
	v.LatestReady = s.latestReady(v)
	ready, pending, message := s.resolve(v)
	v.Statuses = inForce(v, ready)
	state := stateSucceeded
	switch {
	case pending:
		state = statePending
	case message != "":
		state = stateFailed
	}
	if v.State != state || v.Message != message {
		v.State, v.Message, v.Transition = state, message, time.Now().UTC()
	}
	v.Version++
	if !pending {
		v.Observed = v.Generation
		s.finish(v)
	}
	if err := s.save(); err != nil {
		s.log.Error("state not saved", "error", err)
	}
	for _, r := range s.state.Revisions {
		useless := r.State == stateFailed || (r.State == stateSucceeded && !v.names(r.Name))
		if r.serviceName() == name && useless {
			s.stopLater(r.resource())
		}
	}
}

// latestReady is the newest revision that can serve. s.mu is held.
func (s *Server) latestReady(v *service) string {
	var latest *revision
	for _, r := range s.state.Revisions {
		if r.serviceName() == v.name() && r.State == stateSucceeded && (latest == nil || r.Number > latest.Number) {
			latest = r
		}
	}
	if latest == nil {
		return ""
	}
	return latest.Name
}

// resolve gives the entries of the traffic list whose revisions are ready, whether others may still get so, and why one
// will not. s.mu is held.
func (s *Server) resolve(v *service) (ready []target, pending bool, message string) {
	judge := func(name string) bool {
		r := s.state.Revisions[v.revisionName(name)]
		switch {
		case r == nil:
			message = "Revision '" + name + "' is not ready and cannot serve traffic. It does not exist."
		case r.State == statePending:
			pending = true
		case r.State == stateFailed:
			message = "Revision '" + name + "' is not ready and cannot serve traffic. " + r.Message
		default:
			return true
		}
		return false
	}
	if v.LatestCreated != "" && s.state.Revisions[v.revisionName(v.LatestCreated)] != nil {
		judge(v.LatestCreated)
	}
	for _, t := range v.Traffic {
		if t.Type == typeLatest {
			if t.Revision = v.LatestReady; t.Revision == "" {
				continue // the judgement of the latest created one says why
			}
		}
		if judge(t.Revision) {
			ready = append(ready, t)
		}
	}
	return ready, pending, message
}

// inForce is what the front is to do: the ready entries. While a revision that is to have a share is not ready, the
// shares stay as they were.
func inForce(v *service, ready []target) []target {
	sum := 0
	for _, t := range ready {
		sum += t.Percent
	}
	if sum == 100 {
		return ready
	}
	var statuses []target
	for _, t := range v.Statuses {
		if t.Percent > 0 {
			t.Tag = ""
			statuses = append(statuses, t)
		}
	}
	for _, t := range ready {
		if t.Tag == "" {
			continue
		}
		same := func(old target) bool { return old.Revision == t.Revision && old.Tag == "" && old.Percent == t.Percent }
		if n := slices.IndexFunc(statuses, same); n >= 0 {
			statuses[n].Tag = t.Tag
			continue
		}
		t.Percent = 0
		statuses = append(statuses, t)
	}
	return statuses
}
