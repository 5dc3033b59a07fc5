package cloudrun

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// maxBody bounds the body of a request to the API.
const maxBody = 4 << 20

// A call is one request to the API with the parts of its path.
type call struct {
	*http.Request
	project, location, id, verb string // verb is what follows a colon: wait, getIamPolicy, …
}

// value is a query parameter.
func (c call) value(name string) string { return c.URL.Query().Get(name) }

// validateOnly tells whether nothing is to be changed, in the words of v2 or v1.
func (c call) validateOnly() bool {
	return c.value("validateOnly") == "true" || c.value("dryRun") == "all"
}

// body reads the JSON object that was sent; an empty body is an empty object.
func (c call) body() (object, *apiError) {
	data, err := io.ReadAll(io.LimitReader(c.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, invalid("reading the body: %v", err)
	case len(data) > maxBody:
		return nil, invalid("the body is larger than %d bytes.", maxBody)
	case len(data) == 0:
		return object{}, nil
	}
	o := object{}
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, invalid("Invalid JSON payload received. %v", err)
	}
	return o, nil
}

// A handler answers a call with an object.
type handler func(call) (object, *apiError)

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	const parent = "/v2/projects/{project}/locations/{location}"
	for pattern, h := range map[string]handler{
		"POST " + parent + "/services":                            s.createService,
		"GET " + parent + "/services":                             s.listServices,
		"GET " + parent + "/services/{id}":                        s.getService,
		"PATCH " + parent + "/services/{id}":                      s.patchService,
		"DELETE " + parent + "/services/{id}":                     s.deleteService,
		"POST " + parent + "/services/{id}":                       s.servicePolicy,
		"GET " + parent + "/services/{service}/revisions":         s.listRevisions,
		"GET " + parent + "/services/{service}/revisions/{id}":    s.getRevision,
		"DELETE " + parent + "/services/{service}/revisions/{id}": s.deleteRevision,
		"GET " + parent + "/operations":                           s.listOperations,
		"GET " + parent + "/operations/{id}":                      s.getOperation,
		"POST " + parent + "/operations/{id}":                     s.waitOperation,
		"DELETE " + parent + "/operations/{id}":                   s.deleteOperation,
		"GET /v2/projects/{project}/locations":                    s.listLocations,
		"GET /v1/projects/{project}/locations":                    s.listLocations,
	} {
		mux.HandleFunc(pattern, s.serve(h))
	}
	s.knativeRoutes(mux)
	mux.HandleFunc("GET /emulator/faults", s.getFaults)
	mux.HandleFunc("PUT /emulator/faults", s.putFaults)
	mux.HandleFunc("GET /emulator/processes", s.listProcesses)
	mux.HandleFunc("GET /emulator/logs/{project}/{location}/{revision}", s.getLog)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, &apiError{http.StatusNotFound, "NOT_FOUND", "Method not found: " + r.Method + " " + r.URL.Path})
	})
	return mux
}

// writes tells whether a call changes a service that exists: a PATCH in v2, a PUT in v1.
func writes(method string) bool { return method == http.MethodPatch || method == http.MethodPut }

func (s *Server) serve(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := call{Request: r, project: r.PathValue("project"), location: r.PathValue("location")}
		c.id, c.verb, _ = strings.Cut(r.PathValue("id"), ":")
		if e := s.faultOf(r.Method); e != nil {
			writeError(w, e)
			return
		}
		answer, e := h(c)
		if e == nil && writes(r.Method) && s.loseAnswer() {
			e = &apiError{http.StatusServiceUnavailable, "UNAVAILABLE", "The service is currently unavailable."}
		}
		if e != nil {
			s.log.DebugContext(r.Context(), "request refused", "method", r.Method, "path", r.URL.Path, "error", e.Error())
			writeError(w, e)
			return
		}
		googleapi.WriteJSON(w, http.StatusOK, answer)
	}
}

// saved turns an error of save into the API's.
func saved(err error) *apiError {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	return internalError(err)
}

func (s *Server) listLocations(c call) (object, *apiError) {
	var locations []any
	for _, id := range []string{"asia-northeast1", "europe-west1", "us-central1", "us-east1", "us-west1"} {
		locations = append(locations, object{"name": "projects/" + c.project + "/locations/" + id, "locationId": id})
	}
	return object{"locations": locations}, nil
}
