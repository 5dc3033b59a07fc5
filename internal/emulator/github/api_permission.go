package github

import (
	"net/http"
	"strings"
)

// A need is the permissions of which a token must have one.
type need []string

// needs are the permissions that GitHub asks of an installation token. A GET needs read, all else write. Where two are
// listed, either will do. What is not listed needs none.
// https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
var needs = []struct {
	under string // of the path below the repository
	need  need
}{
	{"/pulls", need{"pull_requests"}},
	{"/issues", need{"issues", "pull_requests"}},
	{"/check-runs", need{"checks"}},
	{"/deployments", need{"deployments"}},
	{"/compare", need{"contents"}},
	{"/contents", need{"contents"}},
	{"/branches", need{"contents"}},
	{"/commits", need{"contents"}},
	{"/git/", need{"contents"}},
	{"/tarball", need{"contents"}},
}

// needOf is what an endpoint needs, by its pattern.
func needOf(pattern string) need {
	_, path, _ := strings.Cut(pattern, "/repos/{owner}/{repo}")
	for _, n := range needs {
		if strings.HasPrefix(path, n.under) {
			return n.need
		}
	}
	return nil
}

// permit refuses a token without the permission for a repository that it may see; what it may not see is not found. The
// caller holds mu.
func (s *Server) permit(c *call, n need) error {
	r := s.state.repository(c.PathValue("owner"), c.PathValue("repo"))
	if len(n) == 0 || r == nil || !c.caller.may(r, s.state.installationOf(r)) {
		return nil
	}
	if strings.HasSuffix(c.URL.Path, "/check-runs") { // of a commit
		n = need{"checks"}
	}
	for _, permission := range n {
		switch c.caller.grant.Permissions[permission] {
		case "write":
			return nil
		case "read":
			if c.Method == http.MethodGet {
				return nil
			}
		}
	}
	return &apiError{Status: http.StatusForbidden, Message: "Resource not accessible by integration"}
}

// redirect sends callers that use a repository's former name to where it is now, by its id: with 301 those that read, with
// 307 the others, who have to keep method and body. The caller holds mu.
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
func (s *Server) redirect(w http.ResponseWriter, c *call) error {
	owner, name := c.PathValue("owner"), c.PathValue("repo")
	r := s.state.moved(owner, name)
	if r == nil || !c.caller.app && !c.caller.may(r, s.state.installationOf(r)) {
		return nil
	}
	rest := strings.TrimPrefix(c.URL.EscapedPath(), "/repos/"+owner+"/"+name)
	to := s.apiURL("/repositories/%d%s", r.ID, rest)
	if c.URL.RawQuery != "" {
		to += "?" + c.URL.RawQuery
	}
	w.Header().Set("Location", to)
	e := &apiError{Status: http.StatusMovedPermanently, Message: "Moved Permanently"}
	if c.Method != http.MethodGet {
		e = &apiError{Status: http.StatusTemporaryRedirect, Message: "Temporary Redirect"}
	}
	e.Documentation = "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects"
	return e
}

// byID serves what is under a repository by its id, as where it is called by its name.
func (s *Server) byID(next http.Handler) http.Handler {
	missing := s.serve(func(*call) (*answer, error) { return nil, errNotFound }, nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := (&call{Request: r}).number("id")
		s.mu.Lock()
		repo := s.state.repositoryByID(id)
		s.mu.Unlock()
		if err != nil || repo == nil {
			missing.ServeHTTP(w, r)
			return
		}
		out := r.Clone(r.Context())
		prefix := "/repositories/" + r.PathValue("id")
		out.URL.Path = "/repos/" + repo.fullName() + strings.TrimPrefix(r.URL.Path, prefix)
		out.URL.RawPath = ""
		if r.URL.RawPath != "" {
			out.URL.RawPath = "/repos/" + repo.fullName() + strings.TrimPrefix(r.URL.RawPath, prefix)
		}
		next.ServeHTTP(w, out)
	})
}
