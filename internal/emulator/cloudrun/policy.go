package cloudrun

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

// A policy is the IAM policy of a service: https://cloud.google.com/iam/docs/reference/rest/v1/Policy
type policy struct {
	Version  int       `json:"version"`
	Revision int       `json:"revision"` // of the etag
	Bindings []binding `json:"bindings"`
}

type binding struct {
	Role    string   `json:"role"`
	Members []string `json:"members"`
}

// servicePolicy answers :getIamPolicy, :setIamPolicy and :testIamPermissions.
func (s *Server) servicePolicy(c call) (object, *apiError) {
	switch c.verb {
	case "getIamPolicy":
		return s.getPolicy(c)
	case "setIamPolicy":
		return s.setPolicy(c)
	case "testIamPermissions":
		body, e := c.body()
		var asked []string
		values, _ := body["permissions"].([]any)
		for _, v := range values {
			asked = append(asked, fmt.Sprint(v))
		}
		return iam.CallerOf(c.Context()).Allowed(asked, parentName(c.project, c.location)+"/services/"+c.id), e
	default:
		return nil, &apiError{404, "NOT_FOUND", "Method not found."}
	}
}

func (s *Server) getPolicy(c call) (object, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, e := s.service(c, c.id)
	if e != nil {
		return nil, e
	}
	return v.Policy.render(), nil
}

func (s *Server) setPolicy(c call) (object, *apiError) {
	body, e := c.body()
	if e != nil {
		return nil, e
	}
	var wanted struct {
		Policy struct {
			policy
			Etag string `json:"etag"`
		} `json:"policy"`
	}
	data, err := json.Marshal(body)
	if err == nil {
		err = json.Unmarshal(data, &wanted)
	}
	if err != nil {
		return nil, invalid("policy: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, e := s.service(c, c.id)
	if e != nil {
		return nil, e
	}
	if etag := wanted.Policy.Etag; etag != "" && etag != v.Policy.etag() {
		return nil, &apiError{409, "ABORTED", "There were concurrent policy changes. Please retry the whole " +
			"read-modify-write with exponential backoff."}
	}
	changed := *v
	changed.Policy = policy{Version: 1, Revision: v.Policy.Revision + 1, Bindings: wanted.Policy.Bindings}
	s.state.Services[v.name()] = &changed
	if err := s.save(); err != nil {
		return nil, internalError(err)
	}
	return changed.Policy.render(), nil
}

func (p policy) etag() string { return "BwX" + strconv.Itoa(p.Revision) }

func (p policy) render() object {
	o := object{"version": 1, "etag": p.etag()}
	if len(p.Bindings) > 0 {
		o["bindings"] = p.Bindings
	}
	return o
}

// allows tells whether an account, "" for one that is not known, may call the service.
func (p policy) allows(email string) bool {
	for _, b := range p.Bindings {
		if !slices.Contains([]string{"roles/run.invoker", "roles/run.admin", "roles/run.developer", "roles/owner"}, b.Role) {
			continue
		}
		for _, m := range b.Members {
			kind, account, _ := strings.Cut(m, ":")
			switch {
			case m == "allUsers", m == "allAuthenticatedUsers" && email != "":
				return true
			case (kind == "serviceAccount" || kind == "user") && email != "" && strings.EqualFold(account, email):
				return true
			}
		}
	}
	return false
}
