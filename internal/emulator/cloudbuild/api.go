package cloudbuild

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

const (
	maxBody         = 4 << 20
	defaultPageSize = 100
	maxPageSize     = 1000
	defaultTimeout  = Duration(time.Hour)
	defaultQueueTTL = Duration(time.Hour)
)

// routes are those of https://cloud.google.com/build/docs/api/reference/rest. The client libraries use the global paths
// also for regional builds, with the region in the parameters parent and name.
func (s *Server) routes() {
	s.mux = http.NewServeMux()
	for _, prefix := range []string{"/v1/projects/{project}", "/v1/projects/{project}/locations/{location}"} {
		s.mux.HandleFunc("POST "+prefix+"/builds", s.create)
		s.mux.HandleFunc("GET "+prefix+"/builds", s.list)
		s.mux.HandleFunc("GET "+prefix+"/builds/{id}", s.get)
		s.mux.HandleFunc("POST "+prefix+"/builds/{call}", s.call)
		s.mux.HandleFunc("GET "+prefix+"/operations/{operation}", s.operation)
	}
	s.mux.HandleFunc("GET /v1/operations/build/{project}/{operation}", s.operation)
	s.mux.HandleFunc("GET /builds/{id}", s.page)
	s.mux.HandleFunc("GET /builds/{id}/log", s.text)
	s.mux.HandleFunc("GET /emulator/faults", s.faults.get)
	s.mux.HandleFunc("PUT /emulator/faults", s.faults.put)
	s.mux.HandleFunc("DELETE /emulator/faults", s.faults.clear)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		googleapi.Answer(w, nil, googleapi.NewError(http.StatusNotFound, "NOT_FOUND", "Method not found."))
	})
	apis := []*conformance.API{conformance.CloudBuildV1()}
	s.handler = conformance.Handler(conformance.Options{
		APIs: apis, Outside: []string{"/builds/", "/emulator/"}, Report: s.options.Violation, // /builds/ is pages
	}, iam.Guard(s.options.Access, apis, permissions, http.HandlerFunc(s.serve)))
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if strings.HasPrefix(r.URL.Path, "/v1/") && s.faults.answer(w, r) {
		return
	}
	s.mux.ServeHTTP(w, r)
}

// location is where a request's build lives.
func location(r *http.Request) string {
	if l := r.PathValue("location"); l != "" {
		return l
	}
	for _, parameter := range []string{"parent", "name"} {
		part := strings.Split(r.URL.Query().Get(parameter), "/")
		if len(part) >= 4 && part[2] == "locations" {
			return part[3]
		}
	}
	return "global"
}

func decode(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return googleapi.Invalid("Invalid JSON payload received. Unknown name %s at 'build': Cannot find field.", field)
	}
	return googleapi.Invalid("Invalid JSON payload received. %v", err)
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	var b Build
	err := decode(r.Body, &b)
	if err == nil {
		err = s.accept(r, &b)
	}
	if err != nil {
		googleapi.Answer(w, nil, err)
		return
	}
	record := s.start(r, b)
	s.mu.Lock()
	operation := operationOf(record)
	s.mu.Unlock()
	if s.faults.loseAnswer() {
		googleapi.Answer(w, nil, googleapi.NewError(http.StatusServiceUnavailable, "UNAVAILABLE", "the service is currently unavailable"))
		return
	}
	googleapi.Answer(w, operation, nil)
}

// accept checks a build and fills in what the server decides.
func (s *Server) accept(r *http.Request, b *Build) error {
	b.ID, b.ProjectID = uuid.NewString(), r.PathValue("project")
	where := location(r)
	b.Name = "projects/" + b.ProjectID + "/locations/" + where + "/builds/" + b.ID
	if err := b.validate(); err != nil {
		return err
	}
	if err := mayActAs(r, b.ServiceAccount); err != nil {
		return err
	}
	if b.Source != nil {
		if err := s.checkSource(b.Source); err != nil {
			return err
		}
	}
	if err := b.substitute(where); err != nil {
		return err
	}
	if b.Timeout == 0 {
		b.Timeout = defaultTimeout
	}
	if b.QueueTTL == 0 {
		b.QueueTTL = defaultQueueTTL
	}
	base := s.options.URL
	if base == "" {
		base = "http://" + r.Host
	}
	b.LogURL = strings.TrimSuffix(base, "/") + "/builds/" + b.ID
	now := time.Now().UTC()
	b.Status, b.CreateTime = statusQueued, &now
	b.StartTime, b.FinishTime, b.Results, b.FailureInfo, b.StatusDetail, b.Timing = nil, nil, nil, nil, "", nil
	for _, step := range b.Steps {
		step.Status, step.Timing, step.ExitCode = statusQueued, nil, 0
	}
	return nil
}

// start makes a build known and lets it run, beyond the request.
func (s *Server) start(req *http.Request, b Build) *record {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &record{Location: location(req), Build: b}
	s.add(r)
	s.save(req.Context(), r)
	r.outbox = append(r.outbox, r.notice())
	r.notify <- struct{}{}
	s.begin(s.ctx, r)
	return r
}

// find is the build that a request names. The caller holds the mutex.
func (s *Server) find(req *http.Request, id string) (*record, error) {
	r, ok := s.builds[id]
	if !ok || r.Build.ProjectID != req.PathValue("project") || r.Location != location(req) {
		return nil, googleapi.NewError(http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("build %q not found", id))
	}
	return r, nil
}

func (s *Server) get(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	r, err := s.find(req, req.PathValue("id"))
	var b Build
	if err == nil {
		b = r.snapshot()
	}
	s.mu.Unlock()
	googleapi.Answer(w, b, err)
}

func (s *Server) list(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	match, err := parseFilter(q.Get("filter"))
	if err != nil {
		googleapi.Answer(w, nil, googleapi.Invalid("invalid list filter: %v", err))
		return
	}
	size := defaultPageSize
	if text := q.Get("pageSize"); text != "" && text != "0" {
		if size, err = strconv.Atoi(text); err != nil || size < 0 {
			googleapi.Answer(w, nil, googleapi.Invalid("invalid page size %q", text))
			return
		}
		size = min(size, maxPageSize)
	}
	after, err := base64.RawURLEncoding.DecodeString(q.Get("pageToken"))
	if err != nil {
		googleapi.Answer(w, nil, googleapi.Invalid("invalid page token"))
		return
	}
	page := struct {
		Builds []Build `json:"builds,omitempty"`
		Next   string  `json:"nextPageToken,omitempty"`
	}{}
	s.mu.Lock()
	defer s.mu.Unlock()
	skipping := len(after) > 0
	for _, id := range slices.Backward(s.byTime) { // the newest first
		r := s.builds[id]
		if skipping {
			skipping = r.Build.ID != string(after)
			continue
		}
		if r.Build.ProjectID != req.PathValue("project") || r.Location != location(req) || !match(&r.Build) {
			continue
		}
		if len(page.Builds) == size {
			page.Next = base64.RawURLEncoding.EncodeToString([]byte(page.Builds[size-1].ID))
			break
		}
		page.Builds = append(page.Builds, r.snapshot())
	}
	googleapi.Answer(w, page, nil)
}

// call is :cancel and :retry.
func (s *Server) call(w http.ResponseWriter, req *http.Request) {
	id, verb, _ := strings.Cut(req.PathValue("call"), ":")
	var body struct {
		Name      string `json:"name"`
		ProjectID string `json:"projectId"`
		ID        string `json:"id"`
	}
	if err := decode(req.Body, &body); err != nil {
		googleapi.Answer(w, nil, err)
		return
	}
	if body.Name != "" && req.PathValue("location") == "" {
		q := req.URL.Query()
		q.Set("name", body.Name)
		req.URL.RawQuery = q.Encode()
	}
	switch verb {
	case "cancel":
		b, err := s.cancel(req, id)
		googleapi.Answer(w, b, err)
	case "retry":
		o, err := s.retry(req, id)
		googleapi.Answer(w, o, err)
	default:
		googleapi.Answer(w, nil, googleapi.NewError(http.StatusNotFound, "NOT_FOUND", "Method not found."))
	}
}

func (s *Server) cancel(req *http.Request, id string) (Build, error) {
	s.mu.Lock()
	r, err := s.find(req, id)
	if err != nil {
		s.mu.Unlock()
		return Build{}, err
	}
	if done(r.Build.Status) {
		s.mu.Unlock()
		return Build{}, googleapi.NewError(http.StatusBadRequest, "FAILED_PRECONDITION", "build is not in progress")
	}
	cancel := r.cancel
	s.mu.Unlock()
	cancel(errCancelled)
	s.finish(req.Context(), r, errCancelled)
	s.mu.Lock()
	defer s.mu.Unlock()
	return r.snapshot(), nil
}

func (s *Server) retry(req *http.Request, id string) (any, error) {
	s.mu.Lock()
	r, err := s.find(req, id)
	if err == nil && !done(r.Build.Status) {
		err = googleapi.NewError(http.StatusBadRequest, "FAILED_PRECONDITION", "build is in progress")
	}
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	b := r.snapshot()
	s.mu.Unlock()
	b.SourceProvenance = nil
	// Its substitutions have been carried out: what is left must not be looked at again.
	options := BuildOptions{}
	if b.Options != nil {
		options = *b.Options
	}
	options.SubstitutionOption = "ALLOW_LOOSE"
	b.Options = &options
	if err := s.accept(req, &b); err != nil {
		return nil, err
	}
	record := s.start(req, b)
	s.mu.Lock()
	defer s.mu.Unlock()
	return operationOf(record), nil
}

// operationOf is the long-running operation of a build. The caller holds the mutex.
func operationOf(r *record) map[string]any {
	id := base64.RawURLEncoding.EncodeToString([]byte(r.Build.ID))
	name := "operations/build/" + r.Build.ProjectID + "/" + id
	if r.Location != "global" {
		name = "projects/" + r.Build.ProjectID + "/locations/" + r.Location + "/operations/" + id
	}
	o := map[string]any{
		"name": name,
		"metadata": map[string]any{
			"@type": "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata", "build": r.snapshot(),
		},
	}
	switch {
	case r.Build.Status == statusSuccess:
		o["done"] = true
		o["response"] = struct {
			Type string `json:"@type"`
			Build
		}{"type.googleapis.com/google.devtools.cloudbuild.v1.Build", r.snapshot()}
	case done(r.Build.Status):
		o["done"] = true
		o["error"] = map[string]any{"code": 2, "message": "Build " + strings.ToLower(string(r.Build.Status)) + "; " + r.Build.StatusDetail}
	}
	return o
}

func (s *Server) operation(w http.ResponseWriter, req *http.Request) {
	id, err := base64.RawURLEncoding.DecodeString(req.PathValue("operation"))
	if err != nil {
		googleapi.Answer(w, nil, googleapi.Invalid("invalid operation name"))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(req, string(id))
	if err != nil {
		googleapi.Answer(w, nil, err)
		return
	}
	googleapi.Answer(w, operationOf(r), nil)
}
