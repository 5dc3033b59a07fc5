package github

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object of the REST API or of a delivery.
type object map[string]any

// with adds the members of extra to o, and returns o.
func (o object) with(extra object) object {
	maps.Copy(o, extra)
	return o
}

// nodeID looks like GitHub's global ids; nothing here reads one.
func nodeID(kind string, id int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%03d:%s%d", len(kind), kind, id))
}

// stamp is a time as GitHub writes it, or null.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (s *Server) apiURL(format string, args ...any) string {
	return s.options.URL + "/api/v3" + fmt.Sprintf(format, args...)
}

func (s *Server) userJSON(a *account) object {
	return object{
		"login": a.Login, "id": a.ID, "node_id": nodeID("User", a.ID), "avatar_url": "", "gravatar_id": "",
		"url": s.apiURL("/users/%s", a.Login), "html_url": s.options.URL + "/" + a.Login,
		"type": a.Kind, "site_admin": false,
	}.with(userLinks(s.apiURL("/users/%s", a.Login)))
}

// bot is the account of the App; it exists as soon as it has done something.
func (s *Server) bot() *account { return s.state.account(s.appSlug()+"[bot]", "Bot") }

func (s *Server) appSlug() string {
	if made := s.state.App; made != nil {
		return made.Slug
	}
	return s.options.AppSlug
}

func (s *Server) appID() int64 {
	if made := s.state.App; made != nil {
		return made.ID
	}
	return s.options.AppID
}

// appJSON is the App.
func (s *Server) appJSON() object {
	if made := s.state.App; made != nil {
		return s.madeJSON(made)
	}
	return s.ownJSON()
}

// ownJSON is the App of the options.
func (s *Server) ownJSON() object {
	return object{
		"id": s.options.AppID, "slug": s.options.AppSlug, "node_id": nodeID("Integration", s.options.AppID),
		"name": s.options.AppSlug, "description": "", "external_url": s.options.URL,
		"html_url":    s.options.URL + "/apps/" + s.options.AppSlug,
		"owner":       s.userJSON(s.state.account("app-owner", "User")),
		"permissions": permissions(), "events": []string{"pull_request", "issue_comment"},
		"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
	}
}

// permissions are the App's, which every installation has accepted.
func (s *Server) permissions() map[string]string {
	if made := s.state.App; made != nil {
		return made.Permissions
	}
	return permissions()
}

func (s *Server) events() []string {
	if made := s.state.App; made != nil {
		return made.Events
	}
	return []string{"pull_request"}
}

func permissions() map[string]string {
	return map[string]string{
		"metadata": "read", "contents": "read", "pull_requests": "write", "checks": "write", "deployments": "write",
	}
}

func (s *Server) repositoryJSON(r *repository) object {
	api := s.apiURL("/repos/%s", r.fullName())
	page := s.options.URL + "/" + r.fullName()
	visibility := "public"
	if r.Private {
		visibility = "private"
	}
	open := 0
	for _, p := range r.Pulls {
		if p.State == "open" {
			open++
		}
	}
	return object{
		"id": r.ID, "node_id": nodeID("Repository", r.ID), "name": r.Name, "full_name": r.fullName(),
		"private": r.Private, "owner": s.userJSON(s.state.accountByID(r.Owner)), "html_url": page,
		"description": nil, "fork": r.Parent != 0, "url": api, "clone_url": page + ".git", "git_url": page + ".git",
		"ssh_url": "", "default_branch": r.DefaultBranch, "visibility": visibility, "archived": false, "disabled": false,
		"created_at": stamp(r.CreatedAt), "updated_at": stamp(r.PushedAt), "pushed_at": stamp(r.PushedAt),
		"pulls_url": api + "/pulls{/number}", "contents_url": api + "/contents/{+path}",
		"deployments_url": api + "/deployments", "open_issues_count": open, "open_issues": open, "language": nil,
		"forks_count": 0, "forks": 0, "stargazers_count": 0, "watchers_count": 0, "watchers": 0, "size": 0,
		"has_issues": true, "has_wiki": false, "has_pages": false, "topics": []string{}, "license": nil,
		"has_projects": false, "has_downloads": false, "has_discussions": false,
	}.with(repositoryLinks(api, page))
}

func (s *Server) labelJSON(r *repository, l label) object {
	return object{
		"id": l.ID, "node_id": nodeID("Label", l.ID), "name": l.Name, "color": l.Color, "default": false,
		"description": nil, "url": s.apiURL("/repos/%s/labels/%s", r.fullName(), url.PathEscape(l.Name)),
	}
}

func (s *Server) labelsJSON(r *repository, labels []label) []object {
	out := make([]object, 0, len(labels))
	for _, l := range labels {
		out = append(out, s.labelJSON(r, l))
	}
	return out
}

// pullJSON is a pull request as lists show it; [Server.fullPullJSON] adds what only a single one has.
func (s *Server) pullJSON(r *repository, p *pull) object {
	number := strconv.Itoa(p.Number)
	api := s.apiURL("/repos/%s/pulls/%s", r.fullName(), number)
	page := s.options.URL + "/" + r.fullName() + "/pull/" + number
	issue := s.apiURL("/repos/%s/issues/%s", r.fullName(), number)
	var headRepo any
	headUser := s.userJSON(s.state.account(p.HeadOwner, "User"))
	if head := s.state.repositoryByID(p.HeadRepository); head != nil {
		headRepo = s.repositoryJSON(head)
	}
	return object{
		"id": p.ID, "node_id": nodeID("PullRequest", p.ID), "url": api, "html_url": page,
		"diff_url": page + ".diff", "patch_url": page + ".patch", "issue_url": issue,
		"commits_url": api + "/commits", "comments_url": issue + "/comments",
		"statuses_url": s.apiURL("/repos/%s/statuses/%s", r.fullName(), p.HeadSHA),
		"number":       p.Number, "state": p.State, "locked": p.Locked, "active_lock_reason": nil, "title": p.Title,
		"body": orNull(p.Body), "user": s.userJSON(s.state.accountByID(p.Author)), "labels": s.labelsJSON(r, p.Labels),
		"milestone": nil, "assignee": nil, "assignees": []object{}, "requested_reviewers": []object{},
		"requested_teams": []object{}, "draft": p.Draft, "author_association": s.association(r, p.Author), "auto_merge": nil,
		"created_at": stamp(p.CreatedAt), "updated_at": stamp(p.UpdatedAt), "closed_at": stamp(p.ClosedAt),
		"merged_at": stamp(p.MergedAt), "merge_commit_sha": orNull(p.MergeSHA),
		"head": object{
			"label": p.HeadOwner + ":" + p.HeadRef, "ref": p.HeadRef, "sha": p.HeadSHA, "user": headUser, "repo": headRepo,
		},
		"base": object{
			"label": r.OwnerLogin + ":" + p.BaseRef, "ref": p.BaseRef, "sha": p.BaseSHA,
			"user": s.userJSON(s.state.accountByID(r.Owner)), "repo": s.repositoryJSON(r),
		},
		"_links": object{
			"self": object{"href": api}, "html": object{"href": page}, "issue": object{"href": issue},
			"comments": object{"href": issue + "/comments"}, "commits": object{"href": api + "/commits"},
			"review_comments": object{"href": api + "/comments"}, "review_comment": object{"href": api + "/comments{/number}"},
			"statuses": object{"href": s.apiURL("/repos/%s/statuses/%s", r.fullName(), p.HeadSHA)},
		},
	}.with(pullLinks(api))
}

func (s *Server) fullPullJSON(r *repository, p *pull) object {
	var mergedBy any
	if p.MergedBy != 0 {
		mergedBy = s.userJSON(s.state.accountByID(p.MergedBy))
	}
	return s.pullJSON(r, p).with(object{
		"merged": !p.MergedAt.IsZero(), "mergeable": nil, "rebaseable": nil, "mergeable_state": "unknown",
		"merged_by": mergedBy, "comments": len(p.Comments), "review_comments": 0, "maintainer_can_modify": false,
		"commits": p.Size.Commits, "additions": p.Size.Additions, "deletions": p.Size.Deletions,
		"changed_files": p.Size.Files,
	})
}

func (s *Server) association(r *repository, user int64) string {
	if user == r.Owner {
		return "OWNER"
	}
	if rank(s.role(r, s.state.accountByID(user).Login)) >= rank("write") {
		return "MEMBER"
	}
	return "NONE"
}

// roles are the roles on a repository, with the least first.
// https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles/repository-roles-for-an-organization
var roles = []string{"none", "read", "triage", "write", "maintain", "admin"}

func rank(role string) int { return slices.Index(roles, role) }

// role is what a user may do. Unless [Server.SetRole] has said so, the owner may all, who has a fork of the repository
// reads, everybody else writes. That is enough to tell insiders from outsiders.
func (s *Server) role(r *repository, login string) string {
	if role := r.Roles[strings.ToLower(login)]; role != "" {
		return role
	}
	if strings.EqualFold(login, r.OwnerLogin) {
		return "admin"
	}
	if fork := s.state.repository(login, r.Name); fork != nil && fork.Parent == r.ID {
		return "read"
	}
	return "write"
}

func (s *Server) commentJSON(r *repository, p *pull, c *comment) object {
	var via any
	if c.App {
		via = s.appJSON()
	}
	id := strconv.FormatInt(c.ID, 10)
	return object{
		"id": c.ID, "node_id": nodeID("IssueComment", c.ID), "body": c.Body,
		"url":        s.apiURL("/repos/%s/issues/comments/%s", r.fullName(), id),
		"html_url":   fmt.Sprintf("%s/%s/pull/%d#issuecomment-%s", s.options.URL, r.fullName(), p.Number, id),
		"issue_url":  s.apiURL("/repos/%s/issues/%d", r.fullName(), p.Number),
		"user":       s.userJSON(s.state.accountByID(c.Author)),
		"created_at": stamp(c.CreatedAt), "updated_at": stamp(c.UpdatedAt),
		"author_association": s.association(r, c.Author), "performed_via_github_app": via,
	}
}

func (s *Server) installationJSON(i *installation) object {
	account := s.state.accountByID(i.Account)
	out := object{
		"id": i.ID, "app_id": s.appID(), "app_slug": s.appSlug(), "account": s.userJSON(account),
		"target_id": account.ID, "target_type": account.Kind, "repository_selection": "all", "single_file_name": nil,
		"permissions": s.permissions(), "events": s.events(),
		"access_tokens_url": s.apiURL("/app/installations/%d/access_tokens", i.ID),
		"repositories_url":  s.apiURL("/installation/repositories"),
		"html_url":          fmt.Sprintf("%s/settings/installations/%d", s.options.URL, i.ID),
		"created_at":        stamp(i.CreatedAt), "updated_at": stamp(i.CreatedAt), "suspended_at": nil, "suspended_by": nil,
	}
	if i.Suspended {
		out["suspended_at"] = stamp(i.CreatedAt)
	}
	return out
}
