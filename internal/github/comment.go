package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	api "github.com/google/go-github/v60/github"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/report"
)

// WriteComment makes the App's comment with cm's marker on the pull request say cm's body, and returns its id. A known
// id is edited. Without one (0), or if that comment was deleted, the comment is looked for: by the marker, and only
// among the App's own. If there is none, one is created. When it can't be known whether a comment was created, it is
// looked for before anything else is written, so that there is never a second one.
func (c *Client) WriteComment(ctx context.Context, repo preview.Repository, number int, id int64, cm report.Comment) (int64, error) {
	doing := fmt.Sprintf("writing the comment on pull request %d of %s", number, repo.FullName())
	if id != 0 {
		err := c.editComment(ctx, repo, id, cm.Body)
		if !errors.Is(err, preview.ErrNotFound) {
			return id, wrap(doing, err)
		}
	}
	found, err := c.findComment(ctx, repo, number, cm.Marker)
	if err != nil {
		return 0, wrap(doing, err)
	}
	if found != nil {
		if found.Body == cm.Body {
			return found.ID, nil
		}
		return found.ID, wrap(doing, c.editComment(ctx, repo, found.ID, cm.Body))
	}
	made, _, err := c.to(repo, scopeComment).Issues.CreateComment(ctx, repo.Owner, repo.Name, number,
		&api.IssueComment{Body: &cm.Body})
	if err == nil {
		return made.GetID(), nil
	}
	if unknownOutcome(err) {
		if found, lookErr := c.findComment(ctx, repo, number, cm.Marker); lookErr == nil && found != nil {
			return found.ID, nil
		}
	}
	return 0, translate(doing, err)
}

// wrap adds what was being done to an error that is translated already.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (c *Client) editComment(ctx context.Context, repo preview.Repository, id int64, body string) error {
	_, _, err := c.to(repo, scopeComment).Issues.EditComment(ctx, repo.Owner, repo.Name, id, &api.IssueComment{Body: &body})
	return translate("editing", err)
}

// issueComment is what matters of a comment. The library's type lacks the App that wrote it.
type issueComment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	User struct {
		Login string `json:"login"`
		Type  string `json:"type"`
	} `json:"user"`
	Via *struct {
		ID int64 `json:"id"`
	} `json:"performed_via_github_app"`
}

// findComment looks through all comments for the App's own with that marker; nil when there is none. Should there be
// several, the oldest is it, and the others are deleted: a comment that GitHub did not list yet, when it was looked for
// before, may have been written twice.
func (c *Client) findComment(ctx context.Context, repo preview.Repository, number int, marker string) (*issueComment, error) {
	lib := c.to(repo, scopeComment)
	var found *issueComment
	err := all(func(part api.ListOptions) (*api.Response, error) {
		u := fmt.Sprintf("repos/%s/%s/issues/%d/comments?per_page=%d&page=%d", repo.Owner, repo.Name, number, part.PerPage, max(part.Page, 1))
		req, err := lib.NewRequest("GET", u, nil)
		if err != nil {
			return nil, err
		}
		var comments []issueComment
		resp, err := lib.Do(ctx, req, &comments)
		if err != nil {
			return resp, err
		}
		for _, one := range comments {
			own, err := c.own(ctx, one, marker)
			if err != nil {
				return resp, err
			}
			if own && found == nil {
				found = &one
			} else if own {
				c.deleteDuplicate(ctx, repo, number, one.ID)
			}
		}
		return resp, nil
	})
	if err != nil {
		return nil, translate("looking for the comment", err)
	}
	return found, nil
}

// own tells whether the comment holds the marker and was written by this App. Anybody may write the marker, nobody else
// can write as the App's bot: brackets are not allowed in logins.
func (c *Client) own(ctx context.Context, one issueComment, marker string) (bool, error) {
	isMarker := func(line string) bool { return strings.TrimRight(line, "\r") == marker }
	if one.User.Type != "Bot" || !slices.ContainsFunc(strings.Split(one.Body, "\n"), isMarker) {
		return false, nil
	}
	if one.Via != nil {
		return one.Via.ID == c.appID, nil
	}
	slug, err := c.appSlug(ctx)
	return err == nil && one.User.Login == slug+"[bot]", err
}

// appSlug asks once for the App's name in URLs and logins.
func (c *Client) appSlug(ctx context.Context) (string, error) {
	c.mu.Lock()
	slug := c.slug
	c.mu.Unlock()
	if slug != "" {
		return slug, nil
	}
	app, _, err := c.as(access{}).Apps.Get(ctx, "")
	if err != nil {
		return "", translate("reading the App", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slug = app.GetSlug()
	return c.slug, nil
}

func (c *Client) deleteDuplicate(ctx context.Context, repo preview.Repository, number int, id int64) {
	_, err := c.to(repo, scopeComment).Issues.DeleteComment(ctx, repo.Owner, repo.Name, id)
	if err != nil {
		c.log.WarnContext(ctx, "deleting a second comment", "repo", repo.FullName(), "pr", number, "error", translate("deleting", err))
		return
	}
	c.log.InfoContext(ctx, "deleted a second comment", "repo", repo.FullName(), "pr", number, "comment_id", id)
}
