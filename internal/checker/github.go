package checker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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

// readUnchanged finds out which services of open pull requests are the same at the head as at the earlier commits that revisions
// of them are of.
func (r *reader) readUnchanged(ctx context.Context, f *facts) error {
	if r.w.GitHub == "" {
		return nil
	}
	for _, p := range f.pulls {
		p.unchanged = map[string][]string{}
		for _, v := range f.revisions {
			commit := v.Labels[labelCommit]
			if _, known := p.unchanged[commit]; known || !p.open() || !v.Labels.of(p) || commit == "" || commit == p.Head.SHA {
				continue
			}
			same, err := r.sameAsHead(ctx, p, commit)
			if err != nil {
				return err
			}
			p.unchanged[commit] = same
		}
	}
	return nil
}

// sameAsHead are the services whose files are the same at a commit as at the head.
func (r *reader) sameAsHead(ctx context.Context, p *pull, commit string) ([]string, error) {
	before, err := r.tree(ctx, p.Repository, commit)
	if err != nil || len(before) == 0 { // a commit that is gone is no evidence
		return nil, err
	}
	after, err := r.tree(ctx, p.Repository, p.Head.SHA)
	if err != nil {
		return nil, err
	}
	var same []string
	for _, s := range r.w.Services {
		if s.Repository == p.Repository && slices.Equal(within(before, s.Paths), within(after, s.Paths)) {
			same = append(same, s.Name)
		}
	}
	return same, nil
}

// tree reads the files of a commit: mode, content and path of each.
func (r *reader) tree(ctx context.Context, repository, sha string) ([]treeEntry, error) {
	if err := r.enter(ctx, repository); err != nil {
		return nil, err
	}
	var answer struct {
		Tree []treeEntry `json:"tree"`
	}
	_, err := r.get(ctx, r.w.GitHub+"/repos/"+repository+"/git/trees/"+sha+"?recursive=1", r.token, &answer)
	if errors.Is(err, errAbsent) {
		return nil, nil
	}
	return answer.Tree, err
}

type treeEntry struct {
	Path string `json:"path"`
	Mode string `json:"mode"`
	SHA  string `json:"sha"`
}

// within are the files of folders.
func within(tree []treeEntry, folders []string) []treeEntry {
	var list []treeEntry
	for _, e := range tree {
		if slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix(e.Path, folder+"/") }) {
			list = append(list, e)
		}
	}
	return list
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
