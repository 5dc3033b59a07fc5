package provider_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fakeAPI answers API Gateway's REST calls from memory and notes them. Operations end at their second look.
type fakeAPI struct {
	*httptest.Server
	mu        sync.Mutex
	calls     []string         // "METHOD path?query body", the project's part of the path left out
	resources map[string]any   // by name
	looks     map[string]int   // by operation
	failed    map[string]any   // operation → status
	answers   map[string][]int // "METHOD collection" → statuses of the next calls
	failNext  map[string]any   // collection → status that the next creation's operation ends with
	header    http.Header      // of the last call
}

const projectPath = "projects/shop-dev/locations/"

func newFakeAPI(t *testing.T) *fakeAPI {
	f := &fakeAPI{
		resources: map[string]any{}, looks: map[string]int{}, failed: map[string]any{}, answers: map[string][]int{}, failNext: map[string]any{},
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	name := strings.TrimPrefix(r.URL.Path, "/v1beta/")
	query := r.URL.Query()
	if query.Get("alt") != "json" {
		http.Error(w, "alt=json is missing", http.StatusTeapot)
		return
	}
	query.Del("alt")
	line := r.Method + " " + strings.TrimPrefix(name, projectPath)
	if len(query) > 0 {
		line += "?" + query.Encode()
	}
	f.calls = append(f.calls, strings.TrimSpace(line+" "+string(body)))
	f.header = r.Header
	parts := strings.Split(name, "/")
	collection := parts[len(parts)-1]
	if len(parts)%2 == 0 {
		collection = parts[len(parts)-2]
	}
	if queue := f.answers[r.Method+" "+collection]; len(queue) > 0 {
		f.answers[r.Method+" "+collection] = queue[1:]
		if queue[0] != 0 {
			refuse(w, queue[0], "not now")
			return
		}
	}
	f.answer(w, r, name, collection, body)
}

func (f *fakeAPI) answer(w http.ResponseWriter, r *http.Request, name, collection string, body []byte) {
	switch {
	case collection == "operations":
		f.operation(w, name)
	case r.Method == http.MethodPost:
		f.create(w, r, name, collection, body)
	case f.resources[name] == nil:
		refuse(w, http.StatusNotFound, "Resource '"+name+"' was not found")
	case r.Method == http.MethodGet:
		_ = json.NewEncoder(w).Encode(f.resources[name])
	case r.Method == http.MethodDelete:
		delete(f.resources, name)
		f.start(w, nil)
	case r.Method == http.MethodPatch:
		old, _ := f.resources[name].(map[string]any)
		change := map[string]any{}
		_ = json.Unmarshal(body, &change)
		for field := range strings.SplitSeq(r.URL.Query().Get("updateMask"), ",") {
			old[field] = change[field]
		}
		f.start(w, nil)
	}
}

func (f *fakeAPI) create(w http.ResponseWriter, r *http.Request, name, collection string, body []byte) {
	for parameter, id := range r.URL.Query() {
		if strings.HasSuffix(parameter, "Id") {
			name += "/" + id[0]
		}
	}
	if f.resources[name] != nil {
		refuse(w, http.StatusConflict, "Resource '"+name+"' already exists")
		return
	}
	resource := map[string]any{}
	_ = json.Unmarshal(body, &resource)
	delete(resource, "gatewayConfig") // Google does not give it back
	resource["name"] = name
	if collection == "gateways" {
		resource["defaultHostname"] = "gw-abc.ew.gateway.dev"
	}
	f.resources[name] = resource
	status := f.failNext[collection]
	delete(f.failNext, collection)
	f.start(w, status)
}

func (f *fakeAPI) start(w http.ResponseWriter, status any) {
	name := fmt.Sprintf("%sglobal/operations/op-%d", projectPath, len(f.looks))
	f.looks[name] = 0
	if status != nil {
		f.failed[name] = status
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"name": name, "done": false})
}

func (f *fakeAPI) operation(w http.ResponseWriter, name string) {
	f.looks[name]++
	op := map[string]any{"name": name, "done": f.looks[name] > 1}
	if op["done"] == true {
		if status := f.failed[name]; status != nil {
			op["error"] = status
		} else {
			op["response"] = map[string]any{}
		}
	}
	_ = json.NewEncoder(w).Encode(op)
}

func refuse(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": code, "message": message, "status": http.StatusText(code)}})
}

// trace returns the calls since the last trace, without the looks at operations.
func (f *fakeAPI) trace() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, c := range f.calls {
		if !strings.Contains(c, "/operations/") {
			out = append(out, c)
		}
	}
	f.calls = nil
	return out
}
