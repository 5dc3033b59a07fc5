package github

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	api "github.com/google/go-github/v60/github"

	"github.com/gangway-dev/gangway/internal/preview"
)

// maxFiles is how many files of a pull request GitHub lists.
// https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files
const maxFiles = 3_000

// Repository finds a repository by owner/name, which may be a former one: the answer has the present one.
// [preview.ErrNotFound]: there is none, or the App is not installed on it.
func (c *Client) Repository(ctx context.Context, fullName string) (preview.Repository, error) {
	doing := fmt.Sprintf("reading repository %q", fullName)
	owner, name, found := strings.Cut(fullName, "/")
	if !found || !validSegment(owner) || !validSegment(name) {
		return preview.Repository{}, fmt.Errorf("%s: %w", doing, preview.ErrNotFound)
	}
	inst, _, err := c.as(access{}).Apps.FindRepositoryInstallation(ctx, owner, name)
	if answered(err, http.StatusNotFound) {
		return preview.Repository{}, fmt.Errorf("%s: the GitHub App is not installed on it, or there is none of that name: %w", doing, preview.ErrNotFound)
	}
	if err != nil {
		return preview.Repository{}, translate(doing, err)
	}
	repo, _, err := c.metadata(inst.GetID()).Repositories.Get(ctx, owner, name)
	return asRepository(inst.GetID(), repo), translate(doing, err)
}

// RepositoryByID finds a repository by its numeric id, which a rename does not change.
func (c *Client) RepositoryByID(ctx context.Context, installation, id int64) (preview.Repository, error) {
	repo, _, err := c.metadata(installation).Repositories.GetByID(ctx, id)
	return asRepository(installation, repo), translate(fmt.Sprintf("reading repository %d", id), err)
}

// metadata is the library for finding a repository whose id is not known yet.
func (c *Client) metadata(installation int64) *api.Client {
	return c.as(access{installation: installation, scope: scopeMetadata})
}

func asRepository(installation int64, repo *api.Repository) preview.Repository {
	if repo == nil {
		return preview.Repository{}
	}
	return preview.Repository{
		ID: repo.GetID(), Owner: repo.GetOwner().GetLogin(), Name: repo.GetName(),
		Installation: installation, DefaultBranch: repo.GetDefaultBranch(), Private: repo.GetPrivate(),
	}
}

// Tree reads what files a commit has. [preview.ErrNotFound]: there is no such commit.
// https://docs.github.com/en/rest/git/trees#get-a-tree
func (c *Client) Tree(ctx context.Context, repo preview.Repository, sha string) (preview.Tree, error) {
	doing := "reading the files of commit " + preview.ShortSHA(sha)
	if !validSHA(sha) {
		return preview.Tree{}, fmt.Errorf("%s: %q is not a commit's SHA", doing, sha)
	}
	found, _, err := c.to(repo, scopeRead).Git.GetTree(ctx, repo.Owner, repo.Name, sha, true)
	if err != nil {
		return preview.Tree{}, translate(doing, err)
	}
	tree := preview.Tree{Complete: !found.GetTruncated()}
	for _, e := range found.Entries {
		if e.GetType() != "tree" {
			tree.Entries = append(tree.Entries, preview.TreeEntry{Path: e.GetPath(), Mode: e.GetMode(), SHA: e.GetSHA()})
		}
	}
	return tree, nil
}

// validSegment keeps what is not a login or a repository's name out of URLs.
func validSegment(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/?#%\\ \t\r\n")
}

// PullRequest reads one pull request.
func (c *Client) PullRequest(ctx context.Context, repo preview.Repository, number int) (preview.PullRequest, error) {
	doing := fmt.Sprintf("reading pull request %d of %s", number, repo.FullName())
	pr, _, err := c.to(repo, scopeRead).PullRequests.Get(ctx, repo.Owner, repo.Name, number)
	if err != nil {
		return preview.PullRequest{}, translate(doing, err)
	}
	if pr.GetNumber() != number || !validSHA(pr.GetHead().GetSHA()) || !validSHA(pr.GetBase().GetSHA()) ||
		pr.GetState() != "open" && pr.GetState() != "closed" {
		return preview.PullRequest{}, fmt.Errorf("%s: GitHub's answer is incomplete", doing)
	}
	// The numeric id tells a repository from another one that has taken its name.
	if id := pr.GetBase().GetRepo().GetID(); repo.ID != 0 && id != repo.ID {
		return preview.PullRequest{}, fmt.Errorf("%s: it is repository %d, not %d: %w", doing, id, repo.ID, preview.ErrNotFound)
	}
	if base := pr.GetBase().GetRepo(); base.GetName() != "" && base.GetOwner().GetLogin() != "" { // it may have been renamed
		repo.Owner, repo.Name = base.GetOwner().GetLogin(), base.GetName()
	}
	return asPullRequest(repo, pr), nil
}

func asPullRequest(repo preview.Repository, pr *api.PullRequest) preview.PullRequest {
	out := preview.PullRequest{
		Repository: repo, Number: pr.GetNumber(), URL: pr.GetHTMLURL(), Open: pr.GetState() == "open",
		Merged: pr.GetMerged(), Draft: pr.GetDraft(), Title: pr.GetTitle(),
		Author: preview.Account{
			ID: pr.GetUser().GetID(), Login: pr.GetUser().GetLogin(), Bot: pr.GetUser().GetType() == "Bot",
		},
		HeadSHA: pr.GetHead().GetSHA(), HeadRef: pr.GetHead().GetRef(), HeadRepository: pr.GetHead().GetRepo().GetID(),
		BaseSHA: pr.GetBase().GetSHA(), BaseRef: pr.GetBase().GetRef(), ChangedFiles: pr.GetChangedFiles(),
		CreatedAt: utc(pr.GetCreatedAt()), ClosedAt: utc(pr.GetClosedAt()),
	}
	for _, label := range pr.Labels {
		out.Labels = append(out.Labels, label.GetName())
	}
	return out
}

func utc(t api.Timestamp) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

func validSHA(sha string) bool {
	raw, err := hex.DecodeString(sha)
	return err == nil && len(raw) == 20
}

// OpenPullRequests lists the numbers of all open pull requests. That one is missing is no evidence that it was closed:
// pages are read one after another while the list changes.
func (c *Client) OpenPullRequests(ctx context.Context, repo preview.Repository) ([]int, error) {
	var numbers []int
	err := all(func(part api.ListOptions) (*api.Response, error) {
		page, resp, err := c.to(repo, scopeRead).PullRequests.List(ctx, repo.Owner, repo.Name, &api.PullRequestListOptions{
			State: "open", Sort: "created", Direction: "asc", ListOptions: part,
		})
		for _, pr := range page {
			numbers = append(numbers, pr.GetNumber())
		}
		return resp, err
	})
	if err != nil {
		return nil, translate("listing pull requests of "+repo.FullName(), err)
	}
	return numbers, nil
}

// Files lists the files that a pull request changes; a renamed one under both its names. The pull request's own count
// is read afterwards, so that a list that a push has changed meanwhile, or that GitHub has cut, is known as incomplete.
func (c *Client) Files(ctx context.Context, repo preview.Repository, number int) (preview.Files, error) {
	doing := fmt.Sprintf("listing the files of pull request %d of %s", number, repo.FullName())
	lib := c.to(repo, scopeRead)
	var out preview.Files
	count := 0
	err := all(func(part api.ListOptions) (*api.Response, error) {
		page, resp, err := lib.PullRequests.ListFiles(ctx, repo.Owner, repo.Name, number, &part)
		count += len(page)
		for _, f := range page {
			out.Paths = append(out.Paths, f.GetFilename())
			if former := f.GetPreviousFilename(); former != "" {
				out.Paths = append(out.Paths, former)
			}
		}
		if err == nil && count >= maxFiles {
			return &api.Response{}, nil
		}
		return resp, err
	})
	if err != nil {
		return preview.Files{}, translate(doing, err)
	}
	pr, _, err := lib.PullRequests.Get(ctx, repo.Owner, repo.Name, number)
	if err != nil {
		return preview.Files{}, translate(doing, err)
	}
	out.Complete = count < maxFiles && count == pr.GetChangedFiles()
	return out, nil
}

// BranchHead is the commit that a branch points at.
func (c *Client) BranchHead(ctx context.Context, repo preview.Repository, branch string) (string, error) {
	doing := fmt.Sprintf("reading branch %q of %s", branch, repo.FullName())
	ref, _, err := c.to(repo, scopeRead).Git.GetRef(ctx, repo.Owner, repo.Name, "refs/heads/"+branch)
	if err != nil {
		return "", translate(doing, err)
	}
	if sha := ref.GetObject().GetSHA(); validSHA(sha) {
		return sha, nil
	}
	return "", fmt.Errorf("%s: GitHub's answer holds no commit", doing)
}

// MergeBase is the newest commit that two commits have in common. [preview.ErrNotFound] also means that there is none.
// https://docs.github.com/en/rest/commits/commits#compare-two-commits
func (c *Client) MergeBase(ctx context.Context, repo preview.Repository, base, head string) (string, error) {
	doing := fmt.Sprintf("comparing %s with %s in %s", preview.ShortSHA(head), preview.ShortSHA(base), repo.FullName())
	if !validSHA(base) || !validSHA(head) {
		return "", fmt.Errorf("%s: %q and %q are not both SHAs of commits", doing, base, head)
	}
	lib := c.to(repo, scopeRead)
	comparison, _, err := lib.Repositories.CompareCommits(ctx, repo.Owner, repo.Name, base, head, &api.ListOptions{PerPage: 1})
	if err != nil {
		return "", translate(doing, err)
	}
	if sha := comparison.GetMergeBaseCommit().GetSHA(); validSHA(sha) {
		return sha, nil
	}
	return "", fmt.Errorf("%s: GitHub's answer holds no commit", doing)
}
