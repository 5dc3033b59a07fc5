package github

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// issues tells apart what is under /issues: /comments/{id} and /{number}/comments can't both be patterns of one
// ServeMux.
func (s *Server) issues(c *call) (*answer, error) {
	part := strings.SplitN(c.PathValue("rest"), "/", 3)
	kind := "issue"
	switch {
	case len(part) == 2 && part[0] == "comments":
		kind = "comment"
		c.SetPathValue("id", part[1])
	case len(part) >= 2:
		kind = part[1]
		fallthrough
	default:
		c.SetPathValue("number", part[0])
	}
	if len(part) == 3 {
		kind += "/"
		c.SetPathValue("name", part[2])
	}
	e := map[string]endpoint{
		"GET issue": s.getIssue, "GET comments": s.listComments, "POST comments": s.createComment,
		"GET comment": s.getComment, "PATCH comment": s.updateComment, "DELETE comment": s.deleteComment,
		"GET events": s.listEvents, "GET labels": s.listLabels, "POST labels": s.addLabels, "DELETE labels/": s.deleteLabel,
	}[c.Method+" "+kind]
	if e == nil {
		return nil, errNotFound
	}
	return e(c)
}

func (s *Server) getIssue(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, err := s.pullOf(c)
	if err != nil {
		return nil, err
	}
	return ok(object{
		"id": p.ID, "number": p.Number, "state": p.State, "title": p.Title, "labels": s.labelsJSON(r, p.Labels),
		"comments": len(p.Comments), "locked": p.Locked, "user": s.userJSON(s.state.accountByID(p.Author)),
		"pull_request": object{"url": s.apiURL("/repos/%s/pulls/%d", r.fullName(), p.Number)},
	})
}

func (s *Server) listComments(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, err := s.pullOf(c)
	if err != nil {
		return nil, err
	}
	part, link := page(s, c, p.Comments)
	list := make([]object, 0, len(part))
	for _, one := range part {
		list = append(list, s.commentJSON(r, p, one))
	}
	return &answer{status: http.StatusOK, body: list, link: link}, nil
}

// commentBody reads and checks the body of a comment. GitHub takes 65,536 characters.
func commentBody(c *call) (string, error) {
	var in struct {
		Body string `json:"body"`
	}
	if err := c.decode(&in); err != nil {
		return "", err
	}
	if strings.TrimSpace(in.Body) == "" {
		return "", unprocessable("IssueComment", "data", "custom", "Body cannot be blank")
	}
	if len([]rune(in.Body)) > 65_536 {
		return "", unprocessable("IssueComment", "data", "custom", "Body is too long (maximum is 65536 characters)")
	}
	return in.Body, nil
}

func (s *Server) createComment(c *call) (*answer, error) {
	body, err := commentBody(c)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, err := s.pullOf(c)
	if err != nil {
		return nil, err
	}
	if p.Locked {
		return nil, &apiError{Status: http.StatusForbidden, Message: "Unable to create comment because issue is locked."}
	}
	one := s.addComment(r, p, s.bot().ID, true, body)
	return &answer{status: http.StatusCreated, body: s.commentJSON(r, p, one)}, s.save()
}

// commentOf is the comment that the path names. The caller holds mu.
func (s *Server) commentOf(c *call) (*repository, *pull, *comment, error) {
	r, id, err := s.numbered(c, "id")
	if err != nil {
		return nil, nil, nil, err
	}
	p, one := r.comment(id)
	if one == nil {
		return nil, nil, nil, errNotFound
	}
	return r, p, one, nil
}

func (s *Server) getComment(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, one, err := s.commentOf(c)
	if err != nil {
		return nil, err
	}
	return ok(s.commentJSON(r, p, one))
}

func (s *Server) updateComment(c *call) (*answer, error) {
	body, err := commentBody(c)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, one, err := s.commentOf(c)
	if err != nil {
		return nil, err
	}
	one.Body, one.UpdatedAt = body, s.now().UTC()
	p.UpdatedAt = one.UpdatedAt
	s.deliverComment(r, p, one, "edited")
	return &answer{status: http.StatusOK, body: s.commentJSON(r, p, one)}, s.save()
}

func (s *Server) deleteComment(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, one, err := s.commentOf(c)
	if err != nil {
		return nil, err
	}
	s.removeComment(r, p, one)
	return &answer{status: http.StatusNoContent}, s.save()
}

func (s *Server) removeComment(r *repository, p *pull, one *comment) {
	p.Comments = slices.DeleteFunc(slices.Clone(p.Comments), func(c *comment) bool { return c == one })
	s.deliverComment(r, p, one, "deleted")
}

// DeleteComment deletes a comment as a user does. Delivery: issue_comment deleted.
func (s *Server) DeleteComment(repo string, id int64) error {
	r, err := s.find(repo)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, one := r.comment(id)
	if one == nil {
		return fmt.Errorf("%w: no comment %d", ErrInvalid, id)
	}
	s.removeComment(r, p, one)
	return s.save()
}

func (s *Server) listLabels(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, err := s.pullOf(c)
	if err != nil {
		return nil, err
	}
	return ok(s.labelsJSON(r, p.Labels))
}

func (s *Server) addLabels(c *call) (*answer, error) {
	var in struct {
		Labels []string `json:"labels"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, err := s.pullOf(c)
	if err != nil {
		return nil, err
	}
	for _, name := range in.Labels {
		s.addLabel(r, p, name, s.bot().ID)
	}
	return &answer{status: http.StatusOK, body: s.labelsJSON(r, p.Labels)}, s.save()
}

func (s *Server) deleteLabel(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, err := s.pullOf(c)
	if err != nil {
		return nil, err
	}
	if !s.removeLabel(r, p, c.PathValue("name"), s.bot().ID) {
		return nil, &apiError{Status: http.StatusNotFound, Message: "Label does not exist"}
	}
	return &answer{status: http.StatusOK, body: s.labelsJSON(r, p.Labels)}, s.save()
}

func (s *Server) getPermission(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.repository(c)
	if err != nil {
		return nil, err
	}
	login := c.PathValue("login")
	user := find(s.state.Accounts, func(a *account) bool { return strings.EqualFold(a.Login, login) })
	if user == nil || user.Kind != "User" {
		return nil, &apiError{Status: http.StatusNotFound, Message: login + " is not a user"}
	}
	role := s.role(r, user.Login)
	// The roles that came later are shown as the one below.
	level := map[string]string{"maintain": "write", "triage": "read"}[role]
	if level == "" {
		level = role
	}
	can := object{}
	for permission, least := range map[string]string{
		"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin",
	} {
		can[permission] = rank(role) >= rank(least)
	}
	return ok(object{
		"permission": level, "role_name": role,
		"user": s.userJSON(user).with(object{"permissions": can, "role_name": role}),
	})
}

// listEvents serves https://docs.github.com/en/rest/issues/events#list-issue-events, of which there are only those of
// labels here.
func (s *Server) listEvents(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, err := s.pullOf(c)
	if err != nil {
		return nil, err
	}
	var events []event
	for _, e := range p.Events {
		if e.Kind != "" {
			events = append(events, e)
		}
	}
	part, link := page(s, c, events)
	list := make([]object, 0, len(part))
	for _, e := range part {
		list = append(list, object{
			"id": e.ID, "node_id": nodeID("LabeledEvent", e.ID), "event": e.Kind, "created_at": stamp(e.At),
			"url":   s.apiURL("/repos/%s/issues/events/%d", r.fullName(), e.ID),
			"actor": s.userJSON(s.state.accountByID(e.Actor)), "commit_id": nil, "commit_url": nil,
			"label": object{"name": e.Label.Name, "color": e.Label.Color}, "performed_via_github_app": nil,
		})
	}
	return &answer{status: http.StatusOK, body: list, link: link}, nil
}

func (s *Server) listPulls(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.repository(c)
	if err != nil {
		return nil, err
	}
	query := c.URL.Query()
	want := query.Get("state")
	if want == "" {
		want = "open"
	}
	var fitting []*pull
	for _, p := range slices.Backward(r.Pulls) { // newest first, unless asked otherwise
		if (want == "all" || p.State == want) &&
			(query.Get("base") == "" || query.Get("base") == p.BaseRef) &&
			(query.Get("head") == "" || query.Get("head") == p.HeadOwner+":"+p.HeadRef) {
			fitting = append(fitting, p)
		}
	}
	if query.Get("direction") == "asc" {
		slices.Reverse(fitting)
	}
	part, link := page(s, c, fitting)
	list := make([]object, 0, len(part))
	for _, p := range part {
		list = append(list, s.pullJSON(r, p))
	}
	return &answer{status: http.StatusOK, body: list, link: link}, nil
}

func (s *Server) getPull(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, p, err := s.pullOf(c)
	if err != nil {
		return nil, err
	}
	return ok(s.fullPullJSON(r, p))
}

// listFiles serves at most 3,000 files, as GitHub does.
// https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files
func (s *Server) listFiles(c *call) (*answer, error) {
	s.mu.Lock()
	r, p, err := s.pullOf(c)
	var base, head string
	if err == nil {
		base, head = p.BaseSHA, p.HeadSHA
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	files, err := s.diffs.get(c.Context(), s.git(r), base, head)
	if err != nil {
		return nil, err
	}
	part, link := page(s, c, files[:min(len(files), 3_000)])
	list := make([]object, 0, len(part))
	for _, f := range part {
		list = append(list, fileJSON(f))
	}
	return &answer{status: http.StatusOK, body: list, link: link}, nil
}

func fileJSON(f changedFile) object {
	out := object{
		"sha": f.SHA, "filename": f.Path, "status": f.Status, "additions": f.Additions, "deletions": f.Deletions,
		"changes": f.Additions + f.Deletions, "blob_url": "", "raw_url": "", "contents_url": "",
	}
	if f.Previous != "" {
		out["previous_filename"] = f.Previous
	}
	if f.Patch != "" {
		out["patch"] = f.Patch
	}
	return out
}

func ageOf(t, now time.Time) string {
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min ago"
	case d < 24*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h ago"
	default:
		return t.Format("2 Jan 2006")
	}
}
