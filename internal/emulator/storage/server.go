package storage

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

// Options are the settings of an emulated Cloud Storage.
type Options struct {
	Dir     string   // where the state is kept
	Buckets []Bucket // that are there
	// Violation gets what is asked or answered otherwise than the published description has it; nil logs it as an error.
	Violation func(conformance.Violation)
	// Access says who may do what; nil lets everybody do everything.
	Access *iam.Access
}

// A Bucket is a place for objects.
type Bucket struct {
	Name     string
	Versions bool // keeps what is overwritten or deleted (https://cloud.google.com/storage/docs/object-versioning)
}

// A Server is an emulated Cloud Storage. It is an [http.Handler] and safe for concurrent use.
type Server struct {
	options Options
	buckets map[string]Bucket
	store   *store
	mux     *http.ServeMux
	checked http.Handler // mux, held to the description

	mu      sync.Mutex
	uploads map[string]*upload
	fault   func(*http.Request) int
}

// New opens what is kept in the folder.
func New(o Options) (*Server, error) {
	kept, err := open(o.Dir)
	if err != nil {
		return nil, err
	}
	if o.Violation == nil {
		o.Violation = conformance.Log(slog.Default())
	}
	s := &Server{options: o, buckets: map[string]Bucket{}, store: kept, mux: http.NewServeMux(), uploads: map[string]*upload{}}
	for _, b := range o.Buckets {
		s.buckets[b.Name] = b
	}
	s.mux.HandleFunc("GET /storage/v1/b/{bucket}", s.getBucket)
	s.mux.HandleFunc("GET /storage/v1/b/{bucket}/o", s.list)
	s.mux.HandleFunc("GET /storage/v1/b/{bucket}/o/{object}", s.get)
	s.mux.HandleFunc("DELETE /storage/v1/b/{bucket}/o/{object}", s.delete)
	s.mux.HandleFunc("POST /upload/storage/v1/b/{bucket}/o", s.insert)
	s.mux.HandleFunc("PUT /upload/storage/v1/b/{bucket}/o", s.insert)
	s.mux.HandleFunc("GET /{bucket}/{object...}", s.read)
	s.checked = conformance.Handler(conformance.Options{
		APIs: []*conformance.API{conformance.StorageV1()}, Report: o.Violation,
	}, s.mux)
	return s, nil
}

// ServeHTTP serves the API. Contents, which come and go as they are, are outside of its description.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault != nil {
		if status := fault(r); status != 0 {
			fail(w, status, "backendError", "told so")
			return
		}
	}
	if strings.HasPrefix(r.URL.Path, "/storage/") && r.URL.Query().Get("alt") != "media" {
		s.checked.ServeHTTP(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Fault answers requests with the status that it gives for them; 0 lets one pass. nil lets all pass.
func (s *Server) Fault(fault func(*http.Request) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// Open opens an object; generation 0 is the live one. fs.ErrNotExist says that there is none.
func (s *Server) Open(_ context.Context, bucket, object string, generation int64) (io.ReadCloser, error) {
	found, ok := s.store.find(bucket, object, generation)
	if !ok {
		return nil, fmt.Errorf("gs://%s/%s#%d: %w", bucket, object, generation, fs.ErrNotExist)
	}
	data, err := s.store.read(found)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Put writes an object, whatever was there.
func (s *Server) Put(_ context.Context, bucket, object string, data []byte) error {
	known, ok := s.buckets[bucket]
	if !ok {
		return fmt.Errorf("gs://%s: %w", bucket, fs.ErrNotExist)
	}
	_, err := s.store.write(known, object, "", data, conditions{})
	return err
}

// Objects are the names of the live objects of a bucket, in order.
func (s *Server) Objects(bucket string) []string {
	var names []string
	for _, v := range s.store.list(bucket, "", false) {
		names = append(names, v.Object)
	}
	return names
}

// may asks for a permission on an object, or on those that a name begins; if it is lacking, it has answered.
func (s *Server) may(w http.ResponseWriter, r *http.Request, permission, object string) bool {
	if s.options.Access == nil {
		return true
	}
	caller, ok := s.options.Access.Caller(r.Header.Get("Authorization"), r.UserAgent()+" "+r.Header.Get("X-Goog-Api-Client"))
	if !ok {
		fail(w, http.StatusUnauthorized, "authError", "Invalid Credentials")
		return false
	}
	if err := caller.Require(permission, resource(r, object)); err != nil {
		fail(w, http.StatusForbidden, "forbidden", err.Error())
		return false
	}
	return true
}

// lists tells whether the caller may list what an object is among: others are not told that it isn't there
// (https://cloud.google.com/storage/docs/json_api/v1/objects/get).
func (s *Server) lists(r *http.Request, object string) bool {
	if s.options.Access == nil {
		return true
	}
	caller, ok := s.options.Access.Caller(r.Header.Get("Authorization"), r.UserAgent())
	return ok && len(caller.Allowed([]string{"storage.objects.list"}, resource(r, object))) > 0
}

// resource is an object's name as conditions of IAM see it: https://cloud.google.com/iam/docs/conditions-resource-attributes
func resource(r *http.Request, object string) string {
	return "projects/_/buckets/" + r.PathValue("bucket") + "/objects/" + object
}

// bucket is the one that the path names; if there is none, it has answered.
func (s *Server) bucket(w http.ResponseWriter, r *http.Request) (Bucket, bool) {
	found, ok := s.buckets[r.PathValue("bucket")]
	if !ok {
		fail(w, http.StatusNotFound, "notFound", "The specified bucket does not exist.")
	}
	return found, ok
}
