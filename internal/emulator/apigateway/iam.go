package apigateway

import (
	"encoding/json"
	"strconv"
)

// policy is an IAM policy (https://cloud.google.com/iam/docs/reference/rest/v1/Policy). It is kept and shown; nothing
// is allowed or forbidden by it here.
type policy struct {
	Version  int               `json:"version,omitempty"`
	Etag     string            `json:"etag"`
	Bindings []json.RawMessage `json:"bindings,omitempty"`

	AuditConfigs []json.RawMessage `json:"auditConfigs,omitempty"`
}

// noPolicy is the etag that Google's services show for a resource without a policy.
const noPolicy = "ACAB"

func (s *Server) getPolicy(c *call) (any, *status) {
	if s.resource(c.name) == nil {
		return nil, errNotFound(c.name)
	}
	if p := s.state.Policies[c.name]; p != nil {
		return p, nil
	}
	return &policy{Etag: noPolicy}, nil
}

func (s *Server) setPolicy(c *call) (any, *status) {
	if s.resource(c.name) == nil {
		return nil, errNotFound(c.name)
	}
	var in struct {
		Policy     policy `json:"policy"`
		UpdateMask string `json:"updateMask"`
	}
	if no := c.decode(&in); no != nil {
		return nil, no
	}
	current := noPolicy
	if p := s.state.Policies[c.name]; p != nil {
		current = p.Etag
	}
	if in.Policy.Etag != "" && in.Policy.Etag != current {
		return nil, failf(codeAborted, "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.")
	}
	s.state.Serial++
	s.dirty = true
	p := in.Policy
	p.Etag = "BwX" + shortHash(c.name + strconv.FormatInt(s.state.Serial, 10))[:9]
	s.state.Policies[c.name] = &p
	return &p, nil
}

func (s *Server) testPermissions(c *call) (any, *status) {
	var in struct {
		Permissions []string `json:"permissions"`
	}
	if no := c.decode(&in); no != nil {
		return nil, no
	}
	return c.caller.Allowed(in.Permissions, c.name), nil
}
