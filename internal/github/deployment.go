package github

import (
	"context"
	"fmt"
	"strings"

	api "github.com/google/go-github/v60/github"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/report"
)

// WriteDeployment returns the id of the deployment of d's commit with d's task and environment, and creates it if there
// is none. It is transient and no production environment, waits for no commit status and merges nothing.
func (c *Client) WriteDeployment(ctx context.Context, repo preview.Repository, d report.Deployment) (int64, error) {
	doing := fmt.Sprintf("writing deployment %q of %s", d.Task, repo.FullName())
	id, err := c.findDeployment(ctx, repo, d)
	if err != nil || id != 0 {
		return id, wrap(doing, err)
	}
	made, _, err := c.to(repo, scopeDeployment).Repositories.CreateDeployment(ctx, repo.Owner, repo.Name, &api.DeploymentRequest{
		Ref: &d.SHA, Task: &d.Task, Environment: &d.Environment, Description: &d.Description,
		AutoMerge: new(false), RequiredContexts: &[]string{}, TransientEnvironment: new(true), ProductionEnvironment: new(false),
	})
	if err == nil {
		return made.GetID(), nil
	}
	if unknownOutcome(err) {
		if id, lookErr := c.findDeployment(ctx, repo, d); lookErr == nil && id != 0 {
			return id, nil
		}
	}
	return 0, translate(doing, err)
}

// findDeployment is the oldest deployment that fits; 0 when there is none.
func (c *Client) findDeployment(ctx context.Context, repo preview.Repository, d report.Deployment) (int64, error) {
	list, err := c.listDeployments(ctx, repo, api.DeploymentsListOptions{SHA: d.SHA, Task: d.Task, Environment: d.Environment})
	var oldest int64
	for _, one := range list {
		if one.GetSHA() == d.SHA && one.GetTask() == d.Task && one.GetDescription() == d.Description && (oldest == 0 || one.GetID() < oldest) {
			oldest = one.GetID()
		}
	}
	return oldest, err
}

func (c *Client) listDeployments(ctx context.Context, repo preview.Repository, options api.DeploymentsListOptions) ([]*api.Deployment, error) {
	var list []*api.Deployment
	err := all(func(part api.ListOptions) (*api.Response, error) {
		options.ListOptions = part
		page, resp, err := c.to(repo, scopeDeployment).Repositories.ListDeployments(ctx, repo.Owner, repo.Name, &options)
		list = append(list, page...)
		return resp, err
	})
	if err != nil {
		return nil, translate("listing deployments", err)
	}
	return list, nil
}

// WriteDeploymentStatus adds a status to a deployment, and leaves other deployments alone.
func (c *Client) WriteDeploymentStatus(ctx context.Context, repo preview.Repository, id int64, s report.DeploymentStatus) error {
	request := &api.DeploymentStatusRequest{
		State: &s.State, Description: &s.Description, EnvironmentURL: orNil(s.EnvironmentURL), LogURL: orNil(s.LogURL),
		AutoInactive: new(false),
	}
	_, _, err := c.to(repo, scopeDeployment).Repositories.CreateDeploymentStatus(ctx, repo.Owner, repo.Name, id, request)
	if err == nil {
		return nil
	}
	if unknownOutcome(err) {
		latest, lookErr := c.latestStatus(ctx, repo, id)
		if lookErr == nil && latest.GetState() == s.State && latest.GetDescription() == s.Description &&
			latest.GetEnvironmentURL() == s.EnvironmentURL && latest.GetLogURL() == s.LogURL {
			return nil
		}
	}
	return translate(fmt.Sprintf("writing a status of deployment %d of %s", id, repo.FullName()), err)
}

// latestStatus is nil when there is none. GitHub lists the newest first.
func (c *Client) latestStatus(ctx context.Context, repo preview.Repository, id int64) (*api.DeploymentStatus, error) {
	page, _, err := c.to(repo, scopeDeployment).Repositories.ListDeploymentStatuses(ctx, repo.Owner, repo.Name, id,
		&api.ListOptions{PerPage: 100})
	if err != nil {
		return nil, translate("listing deployment statuses", err)
	}
	var latest *api.DeploymentStatus
	for _, one := range page {
		if latest == nil || one.GetID() > latest.GetID() {
			latest = one
		}
	}
	return latest, nil
}

// Deployments lists the ids of a task's deployments for a purpose (what their description begins with) that are not yet
// inactive, so that they can be retired.
func (c *Client) Deployments(ctx context.Context, repo preview.Repository, task, purpose string) ([]int64, error) {
	doing := fmt.Sprintf("listing deployments %q of %s", task, repo.FullName())
	list, err := c.listDeployments(ctx, repo, api.DeploymentsListOptions{Task: task})
	if err != nil {
		return nil, wrap(doing, err)
	}
	var ids []int64
	for _, one := range list {
		if one.GetTask() != task || !strings.HasPrefix(one.GetDescription(), purpose) {
			continue
		}
		latest, err := c.latestStatus(ctx, repo, one.GetID())
		if err != nil {
			return nil, wrap(doing, err)
		}
		if latest.GetState() != "inactive" {
			ids = append(ids, one.GetID())
		}
	}
	return ids, nil
}
