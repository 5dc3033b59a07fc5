package github

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A call is one request to the REST API by an authenticated caller.
type call struct {
	*http.Request
	caller caller
}

// An answer is what an endpoint returns. A nil body is an answer without one.
type answer struct {
	status int
	body   any
	raw    []byte // instead of body
	link   string

	location string
}

func ok(body any) (*answer, error) { return &answer{status: http.StatusOK, body: body}, nil }

// An endpoint answers a call; its error is an *apiError, errNotFound, or a fault of the emulator (500).
type endpoint func(*call) (*answer, error)

// apiError is an error in GitHub's shape.
// https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
type apiError struct {
	Status        int
	Message       string
	Documentation string
	Errors        []fieldError
}

type fieldError struct {
	Resource string `json:"resource"`
	Field    string `json:"field"`
	Code     string `json:"code"` // missing, missing_field, invalid, already_exists, custom
	Message  string `json:"message,omitempty"`
}

func (e *apiError) Error() string { return e.Message }

// unprocessable is GitHub's 422 about one field.
func unprocessable(resource, field, code, message string) error {
	return &apiError{
		Status: http.StatusUnprocessableEntity, Message: "Validation Failed",
		Errors: []fieldError{{Resource: resource, Field: field, Code: code, Message: message}},
	}
}

func writeError(w http.ResponseWriter, e *apiError) {
	doc := e.Documentation
	if doc == "" {
		doc = "https://docs.github.com/rest"
	}
	body := object{"message": e.Message, "documentation_url": doc, "status": strconv.Itoa(e.Status)}
	if to := w.Header().Get("Location"); to != "" {
		body["url"] = to
	}
	if len(e.Errors) > 0 {
		body["errors"] = e.Errors
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(body)
}

// apiRoutes is the REST API without its prefix.
func (s *Server) apiRoutes() http.Handler {
	mux := http.NewServeMux()
	for pattern, e := range s.endpoints() {
		mux.Handle(pattern, s.serve(e, needOf(pattern)))
	}
	mux.Handle("/repositories/{id}/{rest...}", s.byID(mux))
	mux.HandleFunc("POST /app-manifests/{code}/conversions", s.convert)
	mux.Handle("/", s.serve(func(*call) (*answer, error) { return nil, errNotFound }, nil))
	return s.withFaults(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.options.Latency > 0 {
			select {
			case <-time.After(s.options.Latency):
			case <-r.Context().Done():
				return
			}
		}
		w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
		mux.ServeHTTP(w, r)
	}))
}

func (s *Server) endpoints() map[string]endpoint {
	const repo = "/repos/{owner}/{repo}"
	return map[string]endpoint{
		"GET /app":                                          s.getApp,
		"GET /app/installations":                            s.listInstallations,
		"GET /app/installations/{id}":                       s.getInstallation,
		"POST /app/installations/{id}/access_tokens":        s.createToken,
		"GET /app/hook/config":                              s.getHook,
		"GET /app/hook/deliveries":                          s.listDeliveries,
		"GET /app/hook/deliveries/{id}":                     s.getDelivery,
		"POST /app/hook/deliveries/{id}/attempts":           s.redeliverDelivery,
		"GET /installation/repositories":                    s.listInstallationRepositories,
		"GET /rate_limit":                                   s.getRateLimit,
		"GET /users/{login}":                                s.getUser,
		"GET /repositories/{id}":                            s.getRepositoryByID,
		"GET " + repo:                                       s.getRepository,
		"GET " + repo + "/installation":                     s.getRepositoryInstallation,
		"GET " + repo + "/pulls":                            s.listPulls,
		"GET " + repo + "/pulls/{number}":                   s.getPull,
		"GET " + repo + "/pulls/{number}/files":             s.listFiles,
		"GET " + repo + "/compare/{basehead...}":            s.compare,
		"GET " + repo + "/contents/{path...}":               s.getContents,
		"GET " + repo + "/git/trees/{tree}":                 s.getTree,
		"GET " + repo + "/branches/{branch...}":             s.getBranch,
		"GET " + repo + "/commits/{ref...}":                 s.getCommit,
		"GET " + repo + "/git/ref/{ref...}":                 s.getRef,
		"GET " + repo + "/git/matching-refs/{ref...}":       s.matchingRefs,
		"GET " + repo + "/git/blobs/{sha}":                  s.getBlob,
		"GET " + repo + "/tarball/{ref...}":                 s.getTarball,
		repo + "/issues/{rest...}":                          s.issues,
		"POST " + repo + "/check-runs":                      s.createCheckRun,
		"GET " + repo + "/check-runs/{id}":                  s.getCheckRun,
		"PATCH " + repo + "/check-runs/{id}":                s.updateCheckRun,
		"GET " + repo + "/check-runs/{id}/annotations":      s.listAnnotations,
		"GET " + repo + "/deployments":                      s.listDeployments,
		"POST " + repo + "/deployments":                     s.createDeployment,
		"GET " + repo + "/deployments/{id}":                 s.getDeployment,
		"DELETE " + repo + "/deployments/{id}":              s.deleteDeployment,
		"GET " + repo + "/deployments/{id}/statuses":        s.listStatuses,
		"POST " + repo + "/deployments/{id}/statuses":       s.createStatus,
		"GET " + repo + "/collaborators/{login}/permission": s.getPermission,
	}
}

// serve authenticates, counts, looks whether the caller may, calls e and writes its answer.
func (s *Server) serve(e endpoint, n need) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.admit(w, r, n)
		var a *answer
		if err == nil {
			r.Body = http.MaxBytesReader(w, r.Body, 4<<20)
			a, err = e(c)
		}
		if err != nil {
			s.writeFailure(w, r, err)
			return
		}
		s.writeAnswer(w, c, a)
	})
}

// admit is everything that comes before an endpoint.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, n need) (*call, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	who, err := s.authenticate(r)
	if err != nil {
		return nil, err
	}
	if !s.count(w, who) {
		return nil, &apiError{Status: http.StatusForbidden, Message: "API rate limit exceeded for installation."}
	}
	c := &call{Request: r, caller: who}
	if err := s.redirect(w, c); err != nil {
		return nil, err
	}
	if err := s.permit(c, n); err != nil {
		return nil, err
	}
	if r.Method != http.MethodGet && !s.mayWrite(who) {
		w.Header().Set("Retry-After", "60")
		return nil, errSecondary
	}
	return c, nil
}

func (s *Server) writeFailure(w http.ResponseWriter, r *http.Request, err error) {
	known, ok := errors.AsType[*apiError](err)
	switch {
	case ok:
	case errors.Is(err, errNotFound):
		known = &apiError{Status: http.StatusNotFound, Message: "Not Found"}
	default:
		s.log.ErrorContext(r.Context(), "answering a request", "method", r.Method, "path", r.URL.Path, "error", err)
		known = &apiError{Status: http.StatusInternalServerError, Message: "Server Error"}
	}
	writeError(w, known)
}

// writeAnswer writes a with an ETag, or 304 for a GET that names the same one.
func (s *Server) writeAnswer(w http.ResponseWriter, c *call, a *answer) {
	r := c.Request
	body, contentType := a.raw, "application/vnd.github.raw; charset=utf-8"
	if a.raw == nil && a.body != nil {
		var err error
		if body, err = json.Marshal(a.body); err != nil {
			s.writeFailure(w, r, err)
			return
		}
		contentType = "application/json; charset=utf-8"
	}
	h := w.Header()
	if a.link != "" {
		h.Set("Link", a.link)
	}
	h.Set("X-Github-Media-Type", "github.v3; format=json")
	if r.Method == http.MethodGet {
		sum := sha256.Sum256(append([]byte(a.link), body...))
		tag := `W/"` + hex.EncodeToString(sum[:]) + `"`
		h.Set("Etag", tag)
		if strings.TrimPrefix(r.Header.Get("If-None-Match"), "W/") == strings.TrimPrefix(tag, "W/") {
			s.uncount(w, c.caller)
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if body != nil {
		h.Set("Content-Type", contentType)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
}

// decode reads the request's JSON into v.
func (c *call) decode(v any) error {
	err := json.NewDecoder(c.Body).Decode(v)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	return &apiError{Status: http.StatusBadRequest, Message: "Problems parsing JSON"}
}

// number reads a number from the path.
func (c *call) number(name string) (int64, error) {
	n, err := strconv.ParseInt(c.PathValue(name), 10, 64)
	if err != nil {
		return 0, errNotFound
	}
	return n, nil
}

// repository is the one that the path names, if the caller may see it. The caller of this holds mu.
func (s *Server) repository(c *call) (*repository, error) {
	r := s.state.repository(c.PathValue("owner"), c.PathValue("repo"))
	if r == nil || !c.caller.may(r, s.state.installationOf(r)) {
		return nil, errNotFound
	}
	return r, nil
}

// numbered is the repository that the path names, and the number that it has under name. The caller holds mu.
func (s *Server) numbered(c *call, name string) (*repository, int64, error) {
	r, err := s.repository(c)
	if err != nil {
		return nil, 0, err
	}
	number, err := c.number(name)
	return r, number, err
}

// lockRepository is repository for callers that don't hold mu and want to use git.
func (s *Server) lockRepository(c *call) (*repository, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repository(c)
}

// pullOf is the pull request that the path names. The caller holds mu.
func (s *Server) pullOf(c *call) (*repository, *pull, error) {
	r, n, err := s.numbered(c, "number")
	if err != nil {
		return nil, nil, err
	}
	if p := r.pull(int(n)); p != nil {
		return r, p, nil
	}
	return nil, nil, errNotFound
}

// page is the part of items that the query asks for, and the Link header for the others.
// https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
func page[T any](s *Server, c *call, items []T) (part []T, link string) {
	query := c.URL.Query()
	size := atoi(query.Get("per_page"), 30)
	size = min(max(size, 1), 100)
	at := max(atoi(query.Get("page"), 1), 1)
	last := max((len(items)+size-1)/size, 1)
	from := min((at-1)*size, len(items))
	part = items[from:min(from+size, len(items))]
	var links []string
	add := func(rel string, n int) {
		query.Set("page", strconv.Itoa(n))
		links = append(links, s.pageLink(c, query, rel))
	}
	if at > 1 {
		add("prev", min(at-1, last))
	}
	if at < last {
		add("next", at+1)
		add("last", last)
	}
	if at > 1 {
		add("first", 1)
	}
	return part, strings.Join(links, ", ")
}

func (s *Server) pageLink(c *call, query url.Values, rel string) string {
	return fmt.Sprintf(`<%s?%s>; rel=%q`, s.apiURL("%s", c.URL.Path), query.Encode(), rel)
}

func atoi(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return otherwise
}
