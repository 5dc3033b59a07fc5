package github

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// adminRoutes is the REST API for what GitHub has no API for: doing what users do, breaking things, looking at all of
// the state. Bodies are JSON; errors have GitHub's shape.
func (s *Server) adminRoutes() http.Handler {
	const repo = "/emulator/repos/{owner}/{repo}"
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(*http.Request) (any, error){
		"GET /emulator/state":                       s.adminState,
		"POST /emulator/repos":                      s.adminCreateRepository,
		"GET " + repo:                               s.adminRepository,
		"POST " + repo + "/commits":                 s.adminCommit,
		"GET " + repo + "/pulls":                    s.adminPulls,
		"POST " + repo + "/pulls":                   s.adminOpenPull,
		"GET " + repo + "/pulls/{number}":           s.adminPull,
		"POST " + repo + "/pulls/{number}/{action}": s.adminAct,
		"GET /emulator/faults":                      s.adminFaults,
		"POST /emulator/faults":                     s.adminAddFault,
		"DELETE /emulator/faults":                   s.adminClearFaults,
		"PUT /emulator/webhook":                     s.adminWebhook,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 32<<20)
			out, err := do(r)
			if err != nil {
				s.writeFailure(w, r, invalidAsError(err))
				return
			}
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_ = json.NewEncoder(w).Encode(out)
		})
	}
	return mux
}

// invalidAsError gives errors that wrap ErrInvalid the status 422 with their text.
func invalidAsError(err error) error {
	if errors.Is(err, ErrInvalid) {
		return &apiError{Status: http.StatusUnprocessableEntity, Message: err.Error()}
	}
	return err
}

func decodeBody(r *http.Request, v any) error { return (&call{Request: r}).decode(v) }

func pathName(r *http.Request) string { return r.PathValue("owner") + "/" + r.PathValue("repo") }

// adminState is all that is in the state but the tokens.
func (s *Server) adminState(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := json.Marshal(object{
		"repositories": s.state.Repositories, "accounts": s.state.Accounts,
		"installations": s.state.Installations, "deliveries": s.state.Deliveries,
	})
	return json.RawMessage(text), err
}

func (s *Server) adminCreateRepository(r *http.Request) (any, error) {
	var in struct {
		FullName string            `json:"full_name"`
		Files    map[string]string `json:"files"`
	}
	if err := decodeBody(r, &in); err != nil {
		return nil, err
	}
	return s.createRepository(r.Context(), in.FullName, func() (files, modes map[string]string, err error) {
		return in.Files, nil, nil
	})
}

func (s *Server) adminRepository(r *http.Request) (any, error) {
	repo, err := s.find(pathName(r))
	if err != nil {
		return nil, errNotFound
	}
	return s.describe(r.Context(), repo)
}

func (s *Server) adminCommit(r *http.Request) (any, error) {
	var in struct {
		Branch string `json:"branch"`
		Author string `json:"author"`
		Change
	}
	if err := decodeBody(r, &in); err != nil {
		return nil, err
	}
	if in.Author == "" {
		in.Author = "octocat"
	}
	sha, err := s.Commit(r.Context(), pathName(r), in.Branch, in.Author, in.Change)
	return object{"sha": sha}, err
}

func (s *Server) adminPulls(r *http.Request) (any, error) {
	repo, err := s.find(pathName(r))
	if err != nil {
		return nil, errNotFound
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Pull{}
	for _, p := range repo.Pulls {
		list = append(list, s.showPull(repo, p))
	}
	return list, nil
}

// adminPull is one pull request with everything that is on it.
func (s *Server) adminPull(r *http.Request) (any, error) {
	repo, err := s.find(pathName(r))
	if err != nil {
		return nil, errNotFound
	}
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		return nil, errNotFound
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := repo.pull(number)
	if p == nil {
		return nil, errNotFound
	}
	comments := []object{}
	for _, c := range p.Comments {
		comments = append(comments, s.commentJSON(repo, p, c))
	}
	text, err := json.Marshal(object{
		"pull": s.showPull(repo, p), "comments": comments, "check_runs": repo.runsOf(p.HeadSHA, true),
	})
	return json.RawMessage(text), err
}

func (s *Server) adminOpenPull(r *http.Request) (any, error) {
	var in NewPull
	if err := decodeBody(r, &in); err != nil {
		return nil, err
	}
	in.Repository = pathName(r)
	return s.OpenPull(r.Context(), in)
}

// adminInput is the body of all actions on a pull request; each reads its own part.
type adminInput struct {
	Change
	SHA    string `json:"sha"`
	Label  string `json:"label"`
	On     bool   `json:"on"`
	Title  string `json:"title"`
	Branch string `json:"branch"`
	User   string `json:"user"`
	Body   string `json:"body"`
}

func (s *Server) adminAct(r *http.Request) (any, error) {
	var in adminInput
	if err := decodeBody(r, &in); err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		return nil, errNotFound
	}
	return s.perform(r.Context(), pathName(r), number, r.PathValue("action"), in)
}

// perform does what the admin API and the pages call by a name.
func (s *Server) perform(ctx context.Context, repo string, number int, action string, in adminInput) (any, error) {
	switch action {
	case "push":
		return s.Push(ctx, repo, number, in.Change)
	case "force-push":
		return s.ForcePush(ctx, repo, number, in.SHA)
	case "close":
		return s.ClosePull(ctx, repo, number)
	case "reopen":
		return s.ReopenPull(ctx, repo, number)
	case "merge":
		return s.MergePull(ctx, repo, number)
	case "label":
		return s.Label(ctx, repo, number, Labeling{User: in.User, Name: in.Label, On: in.On})
	case "draft":
		return s.SetDraft(ctx, repo, number, in.On)
	case "title":
		return s.SetTitle(ctx, repo, number, in.Title)
	case "base":
		return s.SetBase(ctx, repo, number, in.Branch)
	case "lock":
		return s.Lock(ctx, repo, number, in.On)
	case "comment":
		id, err := s.Comment(ctx, repo, number, in.User, in.Body)
		return object{"id": id}, err
	case "delete-fork":
		return object{}, s.DeleteFork(ctx, repo, number)
	}
	return nil, errNotFound
}

func (s *Server) adminFaults(*http.Request) (any, error) {
	return s.Faults(), nil
}

func (s *Server) adminAddFault(r *http.Request) (any, error) {
	var f Fault
	if err := decodeBody(r, &f); err != nil {
		return nil, err
	}
	return f, s.AddFault(f)
}

func (s *Server) adminClearFaults(*http.Request) (any, error) {
	s.ClearFaults()
	return object{}, nil
}

func (s *Server) adminWebhook(r *http.Request) (any, error) {
	var hook Webhook
	if err := decodeBody(r, &hook); err != nil {
		return nil, err
	}
	s.SetWebhook(hook)
	return object{"url": hook.URL}, nil
}
