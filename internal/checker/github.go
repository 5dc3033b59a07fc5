package checker

import (
	"context"
	"fmt"
	"strconv"
)

// pulls reads all pull requests with what is on them.
func (r *reader) pulls(ctx context.Context) ([]*pull, error) {
	var all []*pull
	for _, repository := range r.w.Repositories {
		pulls, err := r.pullsOf(ctx, repository)
		if err != nil {
			return nil, err
		}
		all = append(all, pulls...)
	}
	return all, nil
}

func (r *reader) pullsOf(ctx context.Context, repository string) ([]*pull, error) {
	if err := r.enter(ctx, repository); err != nil {
		return nil, err
	}
	var described struct {
		ID int64 `json:"id"`
	}
	if _, err := r.get(ctx, r.w.GitHub+"/repos/"+repository, r.token, &described); err != nil {
		return nil, err
	}
	pulls, err := pages[*pull](ctx, r, "/repos/"+repository+"/pulls?state=all", "")
	if err != nil {
		return nil, err
	}
	deployments, err := r.deployments(ctx, repository)
	if err != nil {
		return nil, err
	}
	for _, p := range pulls {
		p.Repository, p.RepositoryID = repository, described.ID
		for _, d := range deployments {
			if d.Task == "preview-pr-"+strconv.Itoa(p.Number) {
				p.deployments = append(p.deployments, d)
			}
		}
		if err := r.details(ctx, p); err != nil {
			return nil, err
		}
	}
	return pulls, nil
}

// details reads what is on a pull request, and follows its link.
func (r *reader) details(ctx context.Context, p *pull) (err error) {
	path := fmt.Sprintf("/repos/%s/pulls/%d/files", p.Repository, p.Number)
	files, err := pages[struct {
		Name     string `json:"filename"`
		Previous string `json:"previous_filename"`
	}](ctx, r, path, "")
	if err != nil {
		return err
	}
	for _, f := range files {
		p.files = append(p.files, f.Name)
		if f.Previous != "" {
			p.files = append(p.files, f.Previous)
		}
	}
	path = fmt.Sprintf("/repos/%s/issues/%d/comments", p.Repository, p.Number)
	if p.comments, err = pages[comment](ctx, r, path, ""); err != nil {
		return err
	}
	path = fmt.Sprintf("/repos/%s/commits/%s/check-runs", p.Repository, p.Head.SHA)
	if p.checks, err = pages[check](ctx, r, path, "check_runs"); err != nil {
		return err
	}
	for _, c := range p.ours() {
		if _, _, link := c.says(); link != "" && p.open() && !r.w.IgnoreUnreachable {
			p.answers = r.follow(ctx, link)
		}
	}
	return nil
}

func (r *reader) deployments(ctx context.Context, repository string) ([]deployment, error) {
	all, err := pages[deployment](ctx, r, "/repos/"+repository+"/deployments", "")
	if err != nil {
		return nil, err
	}
	for n := range all {
		path := fmt.Sprintf("/repos/%s/deployments/%d/statuses", repository, all[n].ID)
		if all[n].statuses, err = pages[deploymentStatus](ctx, r, path, ""); err != nil {
			return nil, err
		}
	}
	return all, nil
}
