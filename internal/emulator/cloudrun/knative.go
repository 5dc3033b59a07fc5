package cloudrun

import (
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// The API v1, which gcloud uses, is a view of the same services and revisions in the words of Knative. Only what gcloud
// calls is there: services and revisions of one region, the list of a project's services, and operations to wait for.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services

// regional is the host of a region's API v1: REGION-run.googleapis.com. The path doesn't say the region.
var regional = regexp.MustCompile(`^([a-z]+-[a-z]+[0-9]+)-`)

// knativeRoutes adds the API v1.
func (s *Server) knativeRoutes(mux *http.ServeMux) {
	const parent = "/apis/serving.knative.dev/v1/namespaces/{namespace}"
	for pattern, h := range map[string]handler{
		"POST " + parent + "/services":                                     s.knativeCreate,
		"GET " + parent + "/services":                                      s.knativeServices,
		"GET " + parent + "/services/{id}":                                 s.knativeService,
		"PUT " + parent + "/services/{id}":                                 s.knativeReplace,
		"DELETE " + parent + "/services/{id}":                              s.knativeDelete,
		"GET " + parent + "/revisions":                                     s.knativeRevisions,
		"GET " + parent + "/revisions/{id}":                                s.knativeRevision,
		"DELETE " + parent + "/revisions/{id}":                             s.knativeDeleteRevision,
		"GET /v1/projects/{project}/locations/{location}/services":         s.knativeProject,
		"GET /v1/projects/{project}/locations/{location}/services/{id}":    s.servicePolicy,
		"POST /v1/projects/{project}/locations/{location}/services/{id}":   s.servicePolicy,
		"GET /v1/projects/{project}/locations/{location}/operations/{id}":  s.knativeOperation,
		"POST /v1/projects/{project}/locations/{location}/operations/{id}": s.knativeWait,
	} {
		mux.HandleFunc(pattern, s.serve(func(c call) (object, *apiError) {
			if namespace := c.PathValue("namespace"); namespace != "" {
				m := regional.FindStringSubmatch(c.Host)
				if m == nil {
					return nil, invalid("the API v1 is regional: want the host REGION-run.googleapis.com, or another that "+
						"begins with a region, got '%s'.", c.Host)
				}
				c.project, c.location = s.projectOf(namespace), m[1]
			}
			return h(c)
		}))
	}
}

// projectOf is the project that a namespace names by its id or its number.
func (s *Server) projectOf(namespace string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, v := range s.state.Services {
		if googleapi.ProjectNumber(v.Project) == namespace {
			return v.Project
		}
	}
	return namespace
}

func (s *Server) knativeService(c call) (object, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, e := s.service(c, c.id)
	if e != nil {
		return nil, e
	}
	return s.showService(v), nil
}

func (s *Server) knativeCreate(c call) (object, *apiError) {
	body, e := c.body()
	if e != nil {
		return nil, e
	}
	c.id = text(child(body, "metadata"), "name")
	if !serviceID.MatchString(c.id) {
		return nil, invalid("metadata.name: '%s' must begin with a letter, consist of lower case letters, digits and '-', not end "+
			"with '-' and be shorter than 50 characters.", c.id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, e := s.service(c, c.id); e == nil {
		return nil, alreadyExists("SERVICE", c.id)
	}
	spec, e := readService(body, nil)
	if e != nil {
		return nil, e
	}
	op, e := s.create(c, c.id, spec)
	return s.written(c, op, e)
}

// knativeReplace writes a service as a whole, guarded by the version that it was read with.
func (s *Server) knativeReplace(c call) (object, *apiError) {
	body, e := c.body()
	if e != nil {
		return nil, e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, e := s.service(c, c.id)
	if e != nil {
		return nil, e
	}
	if version := text(child(body, "metadata"), "resourceVersion"); version != "" && version != v.resourceVersion() {
		return nil, conflict(v.ID, version, v.resourceVersion())
	}
	shown := s.showService(v)
	if sameTemplate(child(body, "spec")["template"], child(shown, "spec")["template"]) {
		child(body, "spec")["template"] = nil // as it was, also where the two APIs don't say the same
	}
	spec, e := readService(body, v.Spec)
	if e != nil {
		return nil, e
	}
	changed := *v
	op, e := s.write(c, &changed, spec, nil)
	return s.written(c, op, e)
}

// written is the answer to a write: the service as it is now, with the operation that can be waited for. s.mu is held.
func (s *Server) written(c call, op object, e *apiError) (object, *apiError) {
	if e != nil {
		return nil, e
	}
	v, e := s.service(c, c.id)
	if e != nil { // validated only
		return object{"apiVersion": knativeVersion, "kind": "Service", "metadata": object{"name": c.id}}, nil
	}
	shown := s.showService(v)
	child(child(shown, "metadata"), "annotations")["run.googleapis.com/operation-id"] = path.Base(text(op, "name"))
	return shown, nil
}

func (s *Server) knativeDelete(c call) (object, *apiError) {
	if _, e := s.deleteService(c); e != nil {
		return nil, e
	}
	return object{"status": "Success"}, nil
}

func (s *Server) knativeServices(c call) (object, *apiError) {
	return s.knativeList(c, "Service", func(add func(string, object)) {
		for name, v := range s.state.Services {
			if v.Project == c.project && (v.Location == c.location || c.location == "-") {
				add(name, s.showService(v))
			}
		}
	})
}

// knativeProject lists a project's services of all regions.
func (s *Server) knativeProject(c call) (object, *apiError) { return s.knativeServices(c) }

// knativeList answers a list in the order of the names. The emulator has one page.
func (s *Server) knativeList(c call, kind string, each func(add func(name string, shown object))) (object, *apiError) {
	selected, e := selector(c.value("labelSelector"))
	if e != nil {
		return nil, e
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := map[string]object{}
	each(func(name string, shown object) {
		if selected(child(child(shown, "metadata"), "labels")) {
			found[name] = shown
		}
	})
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	items := []any{}
	for _, name := range names {
		items = append(items, found[name])
	}
	return object{
		"apiVersion": knativeVersion, "kind": kind + "List", "metadata": object{"selfLink": c.URL.Path}, "items": items,
	}, nil
}

// selector reads what Kubernetes calls equality-based requirements: a = b, a == b, a != b, and a alone.
func selector(s string) (func(labels object) bool, *apiError) {
	type requirement struct {
		name, value string
		not, exists bool
	}
	var all []requirement
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		name, value, has := strings.Cut(part, "=")
		r := requirement{name: strings.TrimSpace(strings.TrimSuffix(name, "!")), value: strings.TrimSpace(strings.TrimPrefix(value, "="))}
		r.not, r.exists = strings.HasSuffix(name, "!"), !has
		switch {
		case part == "":
			continue
		case strings.ContainsAny(r.name, " ()"):
			return nil, invalid("labelSelector: '%s' can't be understood.", s)
		}
		all = append(all, r)
	}
	return func(labels object) bool {
		return !slices.ContainsFunc(all, func(r requirement) bool {
			value, has := labels[r.name]
			if r.exists {
				return !has
			}
			return (has && value == r.value) == r.not
		})
	}, nil
}

func (s *Server) knativeRevisions(c call) (object, *apiError) {
	return s.knativeList(c, "Revision", func(add func(string, object)) {
		for name, r := range s.state.Revisions {
			if r.Project == c.project && r.Location == c.location {
				add(name, s.showRevision(r, c.Host))
			}
		}
	})
}

// revisionNamed finds a revision by its short name, which is unique in a region. s.mu is held.
func (s *Server) revisionNamed(c call) (*revision, *apiError) {
	for _, r := range s.state.Revisions {
		if r.Project == c.project && r.Location == c.location && r.Name == c.id {
			return r, nil
		}
	}
	return nil, notFound("REVISION", c.id, c.location, c.project)
}

func (s *Server) knativeRevision(c call) (object, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, e := s.revisionNamed(c)
	if e != nil {
		return nil, e
	}
	return s.showRevision(r, c.Host), nil
}

func (s *Server) knativeDeleteRevision(c call) (object, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, e := s.revisionNamed(c)
	if e != nil {
		return nil, e
	}
	if _, e := s.dropRevision(c, r); e != nil {
		return nil, e
	}
	return object{"status": "Success"}, nil
}

// knativeOperation is an operation whose service is shown as the API v1 does.
func (s *Server) knativeOperation(c call) (object, *apiError) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	op, e := s.operation(c)
	if e != nil {
		return nil, e
	}
	return s.knativeAnswer(op, c.Host), nil
}

func (s *Server) knativeWait(c call) (object, *apiError) {
	if _, e := s.waitOperation(c); e != nil {
		return nil, e
	}
	return s.knativeOperation(c)
}

// knativeAnswer: s.mu is held.
func (s *Server) knativeAnswer(op *operation, host string) object {
	shown := s.renderOperation(op, host)
	delete(shown, "metadata")
	if _, ok := shown["response"]; !ok {
		return shown
	}
	delete(shown, "response")
	if v := s.state.Services[op.Service]; v != nil {
		response := s.showService(v)
		response["@type"] = "type.googleapis.com/google.cloud.run.v1.Service"
		shown["response"] = response
	}
	return shown
}

// resourceVersion is the version that a v1 write is guarded by; it and the etag change together.
func (v *service) resourceVersion() string { return strings.Trim(v.etag(), `"`) }

// number32 is a whole number for an annotation.
func number32(v any) string { return strconv.Itoa(number(v)) }
