package github

import "strings"

// What answers have to hold by GitHub's description though nobody here follows it: links to parts of the API that are
// not emulated, and what the emulated GitHub has none of.

// userLinks are the links of an account.
func userLinks(api string) object {
	return object{
		"followers_url": api + "/followers", "following_url": api + "/following{/other_user}",
		"gists_url": api + "/gists{/gist_id}", "starred_url": api + "/starred{/owner}{/repo}",
		"subscriptions_url": api + "/subscriptions", "organizations_url": api + "/orgs", "repos_url": api + "/repos",
		"events_url": api + "/events{/privacy}", "received_events_url": api + "/received_events",
	}
}

// repositoryLinks are the links of a repository: each field and what follows the repository's own URL, in the order of
// https://docs.github.com/en/rest/repos/repos#get-a-repository.
func repositoryLinks(api, page string) object {
	links := object{"svn_url": page, "mirror_url": nil, "homepage": nil}
	for field, rest := range map[string]string{
		"archive": "{archive_format}{/ref}", "assignees": "{/user}", "blobs": "git/blobs{/sha}", "branches": "{/branch}",
		"collaborators": "{/collaborator}", "comments": "{/number}", "commits": "{/sha}", "compare": "{base}...{head}",
		"contributors": "", "downloads": "", "events": "", "forks": "", "git_commits": "git/commits{/sha}",
		"git_refs": "git/refs{/sha}", "git_tags": "git/tags{/sha}", "hooks": "", "issue_comment": "issues/comments{/number}",
		"issue_events": "issues/events{/number}", "issues": "{/number}", "keys": "{/key_id}", "labels": "{/name}",
		"languages": "", "merges": "", "milestones": "{/number}", "notifications": "{?since,all,participating}",
		"releases": "{/id}", "stargazers": "", "statuses": "{/sha}", "subscribers": "", "subscription": "", "tags": "",
		"teams": "", "trees": "git/trees{/sha}",
	} {
		at := field + rest
		if strings.Contains(field, "_") || strings.HasPrefix(rest, "git/") {
			at = rest
		}
		if field == "archive" || field == "compare" {
			at = field + "/" + rest
		}
		links[field+"_url"] = api + "/" + at
	}
	return links
}

// fullRepositoryJSON is a repository as it is shown by itself.
func (s *Server) fullRepositoryJSON(r *repository) object {
	return s.repositoryJSON(r).with(object{"network_count": 0, "subscribers_count": 0})
}

// pullLinks are the links of a pull request.
func pullLinks(api string) object {
	return object{
		"review_comments_url": api + "/comments", "review_comment_url": api + "/comments{/number}",
	}
}
