package github

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

func (s *Server) listDeployments(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.repository(c)
	if err != nil {
		return nil, err
	}
	query := c.URL.Query()
	fits := func(name, value string) bool { return query.Get(name) == "" || query.Get(name) == value }
	var fitting []*deployment
	for _, d := range slices.Backward(r.Deployments) {
		if fits("sha", d.SHA) && fits("ref", d.Ref) && fits("task", d.Task) && fits("environment", d.Environment) {
			fitting = append(fitting, d)
		}
	}
	part, link := page(s, c, fitting)
	list := make([]object, 0, len(part))
	for _, d := range part {
		list = append(list, s.deploymentJSON(r, d))
	}
	return &answer{status: http.StatusOK, body: list, link: link}, nil
}

// createDeployment serves https://docs.github.com/en/rest/deployments/deployments#create-a-deployment, without merging
// and without commit statuses, of which there are none here.
func (s *Server) createDeployment(c *call) (*answer, error) {
	in := struct {
		Ref         string `json:"ref"`
		Task        string `json:"task"`
		Environment string `json:"environment"`
		Description string `json:"description"`
		Transient   bool   `json:"transient_environment"`
		Production  *bool  `json:"production_environment"`
	}{Task: "deploy", Environment: "production"}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	r, err := s.lockRepository(c)
	if err != nil {
		return nil, err
	}
	if in.Ref == "" {
		return nil, unprocessable("Deployment", "ref", "missing_field", "")
	}
	if len([]rune(in.Description)) > 140 {
		return nil, unprocessable("Deployment", "description", "custom", "description is too long (maximum is 140 characters)")
	}
	sha, err := s.git(r).resolve(c.Context(), in.Ref)
	if err != nil {
		return nil, unprocessable("Deployment", "ref", "invalid", "No ref found for: "+in.Ref)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().UTC()
	d := &deployment{
		ID: s.state.nextID(), SHA: sha, Ref: in.Ref, Task: in.Task, Environment: in.Environment,
		Description: in.Description, Transient: in.Transient, Production: in.Environment == "production",
		CreatedAt: now, UpdatedAt: now,
	}
	set(&d.Production, in.Production)
	r.Deployments = append(r.Deployments, d)
	return &answer{status: http.StatusCreated, body: s.deploymentJSON(r, d)}, s.save()
}

// deploymentOf is the deployment that the path names. The caller holds mu.
func (s *Server) deploymentOf(c *call) (*repository, *deployment, error) {
	r, id, err := s.numbered(c, "id")
	if err != nil {
		return nil, nil, err
	}
	if d := r.deployment(id); d != nil {
		return r, d, nil
	}
	return nil, nil, errNotFound
}

func (s *Server) getDeployment(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, d, err := s.deploymentOf(c)
	if err != nil {
		return nil, err
	}
	return ok(s.deploymentJSON(r, d))
}

// deleteDeployment refuses an active deployment, unless it is the only one of the repository.
func (s *Server) deleteDeployment(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, d, err := s.deploymentOf(c)
	if err != nil {
		return nil, err
	}
	if d.state() == "success" && len(r.Deployments) > 1 {
		return nil, &apiError{
			Status:  http.StatusUnprocessableEntity,
			Message: "We cannot delete an active deployment unless it is the only deployment in a given environment.",
		}
	}
	r.Deployments = slices.DeleteFunc(slices.Clone(r.Deployments), func(o *deployment) bool { return o == d })
	return &answer{status: http.StatusNoContent}, s.save()
}

func (s *Server) listStatuses(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, d, err := s.deploymentOf(c)
	if err != nil {
		return nil, err
	}
	newest := slices.Clone(d.Statuses)
	slices.Reverse(newest)
	part, link := page(s, c, newest)
	list := make([]object, 0, len(part))
	for _, one := range part {
		list = append(list, s.statusJSON(r, d, one))
	}
	return &answer{status: http.StatusOK, body: list, link: link}, nil
}

// createStatus serves https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status. With
// auto_inactive, which is the default, a success makes the other active deployments of the environment inactive that
// are neither transient nor production.
func (s *Server) createStatus(c *call) (*answer, error) {
	var in struct {
		State          string `json:"state"`
		Description    string `json:"description"`
		Environment    string `json:"environment"`
		EnvironmentURL string `json:"environment_url"`
		LogURL         string `json:"log_url"`
		AutoInactive   *bool  `json:"auto_inactive"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	states := []string{"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}
	if !slices.Contains(states, in.State) {
		return nil, unprocessable("DeploymentStatus", "state", "invalid", "")
	}
	if len([]rune(in.Description)) > 140 {
		return nil, unprocessable("DeploymentStatus", "description", "custom", "description is too long (maximum is 140 characters)")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, d, err := s.deploymentOf(c)
	if err != nil {
		return nil, err
	}
	if in.Environment != "" {
		d.Environment = in.Environment
	}
	status := deploymentStatus{
		ID: s.state.nextID(), State: in.State, Description: in.Description, Environment: d.Environment,
		EnvironmentURL: in.EnvironmentURL, LogURL: in.LogURL, CreatedAt: s.now().UTC(),
	}
	d.Statuses = append(d.Statuses, status)
	d.UpdatedAt = status.CreatedAt
	if in.State == "success" && (in.AutoInactive == nil || *in.AutoInactive) {
		s.deactivate(r, d, status.CreatedAt)
	}
	return &answer{status: http.StatusCreated, body: s.statusJSON(r, d, status)}, s.save()
}

// deactivate makes the deployments inactive that the success of d replaces.
func (s *Server) deactivate(r *repository, d *deployment, at time.Time) {
	for _, other := range r.Deployments {
		if other != d && other.Environment == d.Environment && !other.Transient && !other.Production && other.state() == "success" {
			other.Statuses = append(other.Statuses, deploymentStatus{
				ID: s.state.nextID(), State: "inactive", Environment: other.Environment, CreatedAt: at,
			})
		}
	}
}

func (s *Server) deploymentJSON(r *repository, d *deployment) object {
	api := s.apiURL("/repos/%s/deployments/%d", r.fullName(), d.ID)
	return object{
		"id": d.ID, "node_id": nodeID("Deployment", d.ID), "url": api, "statuses_url": api + "/statuses",
		"repository_url": s.apiURL("/repos/%s", r.fullName()), "sha": d.SHA, "ref": d.Ref, "task": d.Task,
		"payload": object{}, "environment": d.Environment, "original_environment": d.Environment,
		"description": orNull(d.Description), "creator": s.userJSON(s.bot()), "transient_environment": d.Transient,
		"production_environment": d.Production, "created_at": stamp(d.CreatedAt), "updated_at": stamp(d.UpdatedAt),
		"performed_via_github_app": s.appJSON(),
	}
}

func (s *Server) statusJSON(r *repository, d *deployment, st deploymentStatus) object {
	api := s.apiURL("/repos/%s/deployments/%d", r.fullName(), d.ID)
	return object{
		"id": st.ID, "url": fmt.Sprintf("%s/statuses/%d", api, st.ID), "node_id": nodeID("DeploymentStatus", st.ID), "state": st.State, "description": st.Description,
		"environment": st.Environment, "environment_url": st.EnvironmentURL, "log_url": st.LogURL, "target_url": st.LogURL,
		"deployment_url": api, "repository_url": s.apiURL("/repos/%s", r.fullName()), "creator": s.userJSON(s.bot()),
		"created_at": stamp(st.CreatedAt), "updated_at": stamp(st.CreatedAt), "performed_via_github_app": s.appJSON(),
	}
}
