package github

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
)

// forApp refuses callers that are not the App itself.
func forApp(c *call) error {
	if c.caller.app {
		return nil
	}
	return &apiError{Status: http.StatusUnauthorized, Message: "A JSON web token could not be decoded"}
}

func (s *Server) getApp(c *call) (*answer, error) {
	if err := forApp(c); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.caller.made {
		return ok(s.madeJSON(s.state.App))
	}
	return ok(s.ownJSON())
}

func (s *Server) listInstallations(c *call) (*answer, error) {
	if err := forApp(c); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	part, link := page(s, c, s.state.Installations)
	list := make([]object, 0, len(part))
	for _, i := range part {
		list = append(list, s.installationJSON(i))
	}
	return &answer{status: http.StatusOK, body: list, link: link}, nil
}

func (s *Server) getInstallation(c *call) (*answer, error) {
	if err := forApp(c); err != nil {
		return nil, err
	}
	id, err := c.number("id")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.state.installation(id); i != nil {
		return ok(s.installationJSON(i))
	}
	return nil, errNotFound
}

func (s *Server) getRepositoryInstallation(c *call) (*answer, error) {
	if err := forApp(c); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.state.repository(c.PathValue("owner"), c.PathValue("repo"))
	if r == nil {
		return nil, errNotFound
	}
	if i := s.state.installationOf(r); i != nil {
		return ok(s.installationJSON(i))
	}
	return nil, errNotFound
}

// createToken serves
// https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
func (s *Server) createToken(c *call) (*answer, error) {
	if err := forApp(c); err != nil {
		return nil, err
	}
	id, err := c.number("id")
	if err != nil {
		return nil, err
	}
	var in tokenInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.state.installation(id)
	if i == nil {
		return nil, errNotFound
	}
	if i.Suspended {
		return nil, &apiError{Status: http.StatusForbidden, Message: "This installation has been suspended"}
	}
	chosen, err := s.chosen(in, i)
	if err != nil {
		return nil, err
	}
	granted := &granted{Installation: id}
	if granted.Permissions, err = in.allowed(s.permissions()); err != nil {
		return nil, err
	}
	body := object{"permissions": granted.Permissions, "repository_selection": "all"}
	if len(chosen) > 0 {
		list := make([]object, 0, len(chosen))
		for _, r := range chosen {
			granted.Repositories = append(granted.Repositories, r.ID)
			list = append(list, s.repositoryJSON(r))
		}
		body.with(object{"repository_selection": "selected", "repositories": list})
	}
	token := s.newToken(granted)
	if err := s.save(); err != nil {
		return nil, err
	}
	return &answer{status: http.StatusCreated, body: body.with(object{"token": token, "expires_at": stamp(granted.Expires)})}, nil
}

// tokenInput is what a token is to be good for; what is left out is all that the installation has.
type tokenInput struct {
	RepositoryIDs []int64           `json:"repository_ids"`
	Repositories  []string          `json:"repositories"`
	Permissions   map[string]string `json:"permissions"`
}

// chosen are the repositories that a token is to be restricted to. The caller holds mu.
func (s *Server) chosen(in tokenInput, i *installation) ([]*repository, error) {
	var list []*repository
	for _, id := range in.RepositoryIDs {
		list = append(list, s.state.repositoryByID(id))
	}
	for _, name := range in.Repositories {
		list = append(list, s.state.repository(s.state.accountByID(i.Account).Login, name))
	}
	for _, r := range list {
		if r == nil || s.state.installationOf(r) != i {
			return nil, &apiError{
				Status:  http.StatusUnprocessableEntity,
				Message: "There is at least one repository that does not exist or is not accessible to the parent installation.",
			}
		}
	}
	return list, nil
}

// allowed are the permissions of the token; asking for more than the App has is an error.
func (in tokenInput) allowed(all map[string]string) (map[string]string, error) {
	if len(in.Permissions) == 0 {
		return maps.Clone(all), nil
	}
	for name, level := range in.Permissions {
		if all[name] == "" || level != "read" && level != "write" || level == "write" && all[name] != "write" {
			return nil, &apiError{
				Status: http.StatusUnprocessableEntity, Message: "The permissions requested are not granted to this installation.",
			}
		}
	}
	out := maps.Clone(in.Permissions)
	out["metadata"] = "read" // comes with any permission on repositories
	return out, nil
}

func (s *Server) listInstallationRepositories(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var mine []*repository
	for _, r := range s.state.Repositories {
		if c.caller.may(r, s.state.installationOf(r)) {
			mine = append(mine, r)
		}
	}
	part, link := page(s, c, mine)
	list := make([]object, 0, len(part))
	for _, r := range part {
		list = append(list, s.repositoryJSON(r))
	}
	return &answer{
		status: http.StatusOK, link: link,
		body: object{"total_count": len(mine), "repository_selection": "all", "repositories": list},
	}, nil
}

// listDeliveries pages with a cursor, newest first.
// https://docs.github.com/en/rest/apps/webhooks#list-deliveries-for-an-app-webhook
func (s *Server) listDeliveries(c *call) (*answer, error) {
	if err := forApp(c); err != nil {
		return nil, err
	}
	query := c.URL.Query()
	size := min(max(atoi(query.Get("per_page"), 30), 1), 100)
	cursor := atoi(query.Get("cursor"), 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []object{}
	var last int64
	for _, d := range slices.Backward(s.state.Deliveries) {
		if d.Status == deliveryPending || cursor > 0 && d.ID >= int64(cursor) {
			continue
		}
		if len(list) == size {
			query.Set("cursor", strconv.FormatInt(last, 10))
			return &answer{status: http.StatusOK, body: list, link: s.pageLink(c, query, "next")}, nil
		}
		last = d.ID
		list = append(list, deliveryJSON(d))
	}
	return ok(list)
}

// deliveryOf is the delivery that the path names. The caller holds mu.
func (s *Server) deliveryOf(c *call) (*delivery, error) {
	if err := forApp(c); err != nil {
		return nil, err
	}
	id, err := c.number("id")
	if err != nil {
		return nil, err
	}
	for _, d := range s.state.Deliveries {
		if d.ID == id {
			return d, nil
		}
	}
	return nil, errNotFound
}

func (s *Server) getDelivery(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deliveryOf(c)
	if err != nil {
		return nil, err
	}
	payload, err := os.ReadFile(s.payloadPath(d.GUID))
	if err != nil {
		return nil, errNotFound
	}
	return ok(deliveryJSON(d).with(object{
		"url":      d.URL,
		"request":  object{"headers": d.Headers, "payload": json.RawMessage(payload)},
		"response": object{"headers": object{}, "payload": d.Answer},
	}))
}

func (s *Server) redeliverDelivery(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deliveryOf(c)
	if err != nil {
		return nil, err
	}
	if err := s.redeliver(d); err != nil {
		return nil, err
	}
	return &answer{status: http.StatusAccepted, body: object{}}, s.save()
}

func (s *Server) getRateLimit(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.limits[c.caller.installation()]
	core := object{
		"limit": s.options.RateLimit, "used": l.used, "remaining": s.options.RateLimit - l.used, "reset": l.reset.Unix(),
	}
	return ok(object{"resources": object{"core": core}, "rate": core})
}

func (s *Server) getUser(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bot()
	for _, a := range s.state.Accounts {
		if a.Login == c.PathValue("login") {
			return ok(s.userJSON(a))
		}
	}
	return nil, errNotFound
}
