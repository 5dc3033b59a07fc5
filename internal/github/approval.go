package github

import (
	"context"
	"fmt"
	"net/http"

	api "github.com/google/go-github/v60/github"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Approval tells who set a label on a pull request last, and what that account may do in the repository now. Nobody is an
// answer too: the label is not set, or GitHub does not tell by whom. A label alone says little, because who may triage may
// set one, and any App or workflow with the right to.
func (c *Client) Approval(ctx context.Context, repo preview.Repository, number int, label string) (preview.Approval, error) {
	doing := fmt.Sprintf("finding out who set a label on pull request %d of %s", number, repo.FullName())
	out := preview.Approval{Label: label}
	actor, err := c.labeled(ctx, repo, number, label)
	if err != nil || actor.GetLogin() == "" {
		return out, translate(doing, err)
	}
	out.By = preview.Account{ID: actor.GetID(), Login: actor.GetLogin(), Bot: actor.GetType() != "User"}
	if out.By.Bot || !validSegment(out.By.Login) {
		return out, nil
	}
	level, _, err := c.to(repo, scopeRead).Repositories.GetPermissionLevel(ctx, repo.Owner, repo.Name, out.By.Login)
	if answered(err, http.StatusNotFound) {
		return out, nil // no user any more
	}
	if err != nil {
		return out, translate(doing, err)
	}
	// The login may be somebody else's by now.
	if level.GetUser().GetID() == out.By.ID {
		out.Permission = level.GetPermission()
	}
	return out, nil
}

// labeled is who set the label, if nobody has taken it off since. GitHub lists the oldest event first.
// https://docs.github.com/en/rest/issues/events#list-issue-events
func (c *Client) labeled(ctx context.Context, repo preview.Repository, number int, label string) (*api.User, error) {
	var actor *api.User
	err := all(func(part api.ListOptions) (*api.Response, error) {
		page, resp, err := c.to(repo, scopeRead).Issues.ListIssueEvents(ctx, repo.Owner, repo.Name, number, &part)
		for _, e := range page {
			if e.GetLabel().GetName() != label {
				continue
			}
			switch e.GetEvent() {
			case "labeled":
				actor = e.GetActor()
			case "unlabeled":
				actor = nil
			}
		}
		return resp, err
	})
	return actor, err
}
