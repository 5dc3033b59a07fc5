package github

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// checkRunInput is the body of both creating and updating; what is missing from an update stays.
// https://docs.github.com/en/rest/checks/runs
type checkRunInput struct {
	Name        *string    `json:"name"`
	HeadSHA     *string    `json:"head_sha"`
	DetailsURL  *string    `json:"details_url"`
	ExternalID  *string    `json:"external_id"`
	Status      *string    `json:"status"`
	Conclusion  *string    `json:"conclusion"`
	StartedAt   *time.Time `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at"`
	Output      *struct {
		Title       *string      `json:"title"`
		Summary     *string      `json:"summary"`
		Text        *string      `json:"text"`
		Annotations []annotation `json:"annotations"`
	} `json:"output"`
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// apply changes run as the input says, or returns an error and changes nothing.
func (in *checkRunInput) apply(run *checkRun, now time.Time) error {
	next := *run
	set(&next.Name, in.Name)
	set(&next.HeadSHA, in.HeadSHA)
	set(&next.DetailsURL, in.DetailsURL)
	set(&next.ExternalID, in.ExternalID)
	set(&next.StartedAt, in.StartedAt)
	if in.Status != nil {
		next.Status, next.Conclusion, next.CompletedAt = *in.Status, "", time.Time{}
	}
	if in.Conclusion != nil {
		next.Status, next.Conclusion, next.CompletedAt = "completed", *in.Conclusion, now
		set(&next.CompletedAt, in.CompletedAt)
	}
	if err := in.output(&next); err != nil {
		return err
	}
	if err := next.check(); err != nil {
		return err
	}
	*run = next
	return nil
}

func (in *checkRunInput) output(next *checkRun) error {
	out := in.Output
	if out == nil {
		return nil
	}
	set(&next.Title, out.Title)
	set(&next.Summary, out.Summary)
	set(&next.Text, out.Text)
	if len(out.Annotations) > 50 {
		return unprocessable("CheckRun", "annotations", "custom", "annotations exceeds a maximum quantity of 50")
	}
	for _, a := range out.Annotations {
		if a.Path == "" || a.StartLine < 1 || a.EndLine < a.StartLine || a.Message == "" ||
			!slices.Contains([]string{"notice", "warning", "failure"}, a.Level) {
			return unprocessable("CheckRun", "annotations", "invalid", "an annotation is incomplete")
		}
	}
	next.Annotations = append(slices.Clone(next.Annotations), out.Annotations...)
	return nil
}

func (run *checkRun) check() error {
	statuses := []string{"queued", "in_progress", "completed"}
	conclusions := []string{
		"", "success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required", "stale",
	}
	switch {
	case run.Name == "":
		return unprocessable("CheckRun", "name", "missing_field", "")
	case !slices.Contains(statuses, run.Status):
		return unprocessable("CheckRun", "status", "invalid", "")
	case !slices.Contains(conclusions, run.Conclusion) || (run.Status == "completed") != (run.Conclusion != ""):
		return unprocessable("CheckRun", "conclusion", "invalid", "")
	case len(run.Summary) > 65_535 || len(run.Text) > 65_535:
		return unprocessable("CheckRun", "output", "invalid", "summary and text are limited to 65535 characters")
	}
	return nil
}

func (s *Server) createCheckRun(c *call) (*answer, error) {
	var in checkRunInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	r, err := s.lockRepository(c)
	if err != nil {
		return nil, err
	}
	if in.HeadSHA == nil {
		return nil, unprocessable("CheckRun", "head_sha", "missing_field", "")
	}
	if _, err := s.git(r).resolve(c.Context(), *in.HeadSHA); err != nil || len(*in.HeadSHA) != 40 {
		return nil, unprocessable("CheckRun", "head_sha", "invalid", "No commit found for SHA: "+*in.HeadSHA)
	}
	run := &checkRun{Status: "queued", StartedAt: s.now().UTC()}
	if err := in.apply(run, s.now().UTC()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	run.ID = s.state.nextID()
	r.CheckRuns = append(r.CheckRuns, run)
	return &answer{status: http.StatusCreated, body: s.checkRunJSON(r, run)}, s.save()
}

// checkRunOf is the check run that the path names. The caller holds mu.
func (s *Server) checkRunOf(c *call) (*repository, *checkRun, error) {
	r, id, err := s.numbered(c, "id")
	if err != nil {
		return nil, nil, err
	}
	if run := r.checkRun(id); run != nil {
		return r, run, nil
	}
	return nil, nil, errNotFound
}

func (s *Server) getCheckRun(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, run, err := s.checkRunOf(c)
	if err != nil {
		return nil, err
	}
	return ok(s.checkRunJSON(r, run))
}

func (s *Server) updateCheckRun(c *call) (*answer, error) {
	var in checkRunInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	in.HeadSHA = nil // can't be changed
	s.mu.Lock()
	defer s.mu.Unlock()
	r, run, err := s.checkRunOf(c)
	if err != nil {
		return nil, err
	}
	if err := in.apply(run, s.now().UTC()); err != nil {
		return nil, err
	}
	return &answer{status: http.StatusOK, body: s.checkRunJSON(r, run)}, s.save()
}

func (s *Server) listAnnotations(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, run, err := s.checkRunOf(c)
	if err != nil {
		return nil, err
	}
	part, link := page(s, c, run.Annotations)
	list := make([]object, 0, len(part))
	for _, a := range part {
		list = append(list, s.annotationJSON(r, run, a))
	}
	return &answer{status: http.StatusOK, body: list, link: link}, nil
}

// listCheckRuns serves the check runs of a ref; filter=latest, the default, shows the newest of each name only.
func (s *Server) listCheckRuns(c *call, ref string) (*answer, error) {
	r, err := s.lockRepository(c)
	if err != nil {
		return nil, err
	}
	sha, err := s.git(r).resolve(c.Context(), ref)
	if err != nil {
		return nil, unprocessable("Commit", "sha", "invalid", "No commit found for SHA: "+ref)
	}
	query := c.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	runs := r.runsOf(sha, query.Get("filter") != "all")
	runs = slices.DeleteFunc(runs, func(run *checkRun) bool {
		return query.Get("check_name") != "" && query.Get("check_name") != run.Name ||
			query.Get("status") != "" && query.Get("status") != run.Status ||
			query.Get("app_id") != "" && query.Get("app_id") != fmt.Sprint(s.appID())
	})
	part, link := page(s, c, runs)
	list := make([]object, 0, len(part))
	for _, run := range part {
		list = append(list, s.checkRunJSON(r, run))
	}
	return &answer{
		status: http.StatusOK, link: link, body: object{"total_count": len(runs), "check_runs": list},
	}, nil
}

// runsOf are the check runs of a commit, newest first.
func (r *repository) runsOf(sha string, latest bool) []*checkRun {
	var runs []*checkRun
	for _, run := range slices.Backward(r.CheckRuns) {
		same := func(other *checkRun) bool { return other.Name == run.Name }
		if run.HeadSHA == sha && (!latest || !slices.ContainsFunc(runs, same)) {
			runs = append(runs, run)
		}
	}
	return runs
}

func (s *Server) annotationJSON(r *repository, run *checkRun, a annotation) object {
	return object{
		"path": a.Path, "start_line": a.StartLine, "end_line": a.EndLine, "start_column": nil, "end_column": nil,
		"annotation_level": a.Level, "title": orNull(a.Title), "message": a.Message, "raw_details": nil,
		"blob_href": s.options.URL + "/" + r.fullName() + "/blob/" + run.HeadSHA + "/" + a.Path,
	}
}

// pullReferenceJSON is a pull request as a check run names it.
func (s *Server) pullReferenceJSON(r *repository, p *pull) object {
	end := func(of *repository, ref, sha string) object {
		return object{
			"ref": ref, "sha": sha,
			"repo": object{"id": of.ID, "name": of.Name, "url": s.apiURL("/repos/%s", of.fullName())},
		}
	}
	head := s.state.repositoryByID(p.HeadRepository)
	if head == nil {
		head = r // the fork is gone
	}
	return object{
		"id": p.ID, "number": p.Number, "url": s.apiURL("/repos/%s/pulls/%d", r.fullName(), p.Number),
		"head": end(head, p.HeadRef, p.HeadSHA), "base": end(r, p.BaseRef, p.BaseSHA),
	}
}

func (s *Server) checkRunJSON(r *repository, run *checkRun) object {
	api := s.apiURL("/repos/%s/check-runs/%d", r.fullName(), run.ID)
	pulls := []object{}
	for _, p := range r.Pulls {
		if p.HeadSHA == run.HeadSHA && p.State == "open" {
			pulls = append(pulls, s.pullReferenceJSON(r, p))
		}
	}
	return object{
		"id": run.ID, "node_id": nodeID("CheckRun", run.ID), "name": run.Name, "head_sha": run.HeadSHA,
		"external_id": run.ExternalID, "details_url": orNull(run.DetailsURL), "status": run.Status,
		"conclusion": orNull(run.Conclusion), "started_at": stamp(run.StartedAt), "completed_at": stamp(run.CompletedAt),
		"url": api, "html_url": s.options.URL + "/" + r.fullName() + "/commit/" + run.HeadSHA, "app": s.appJSON(),
		"check_suite": object{"id": r.ID}, "pull_requests": pulls,
		"output": object{
			"title": orNull(run.Title), "summary": orNull(run.Summary), "text": orNull(run.Text),
			"annotations_count": len(run.Annotations), "annotations_url": api + "/annotations",
		},
	}
}
