package storage

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// maxObject is more than anything that is kept here.
const maxObject = 512 << 20

// An upload comes in several requests: https://cloud.google.com/storage/docs/performing-resumable-uploads
type upload struct {
	object
	bucket     Bucket
	conditions conditions
	data       bytes.Buffer
}

// object is what a request says of the object to be written.
type object struct {
	Name        string `json:"name"`
	ContentType string `json:"contentType"`
}

// insert writes an object: in one request (media, multipart), or in several (resumable).
func (s *Server) insert(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxObject)
	query := r.URL.Query()
	b, ok := s.bucket(w, r)
	if !ok {
		return
	}
	if query.Has("upload_id") {
		s.piece(w, r, query.Get("upload_id"))
		return
	}
	c, _, err := asked(query)
	if err != nil {
		fail(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	u := upload{bucket: b, conditions: c, object: object{Name: query.Get("name"), ContentType: r.Header.Get("Content-Type")}}
	var data []byte
	switch kind := query.Get("uploadType"); kind {
	case "media":
		data, err = io.ReadAll(r.Body)
	case "multipart":
		data, err = u.parts(r)
	case "resumable":
		u.ContentType = r.Header.Get("X-Upload-Content-Type")
		err = json.NewDecoder(r.Body).Decode(&u.object)
	default:
		err = fmt.Errorf("invalid upload type %q", kind)
	}
	if err == nil && u.Name == "" {
		err = errors.New("the object's name is required")
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	if !s.mayWrite(w, r, u.Name) {
		return
	}
	if query.Get("uploadType") == "resumable" {
		s.begin(w, r, &u)
		return
	}
	s.finish(w, &u, data)
}

// mayWrite asks for what writing takes: to write over an object is to delete what was there
// (https://cloud.google.com/storage/docs/access-control/iam-json).
func (s *Server) mayWrite(w http.ResponseWriter, r *http.Request, object string) bool {
	if !s.may(w, r, "storage.objects.create", object) {
		return false
	}
	if r.URL.Query().Get("ifGenerationMatch") == "0" {
		return true
	}
	_, there := s.store.find(r.PathValue("bucket"), object, 0)
	return !there || s.may(w, r, "storage.objects.delete", object)
}

// parts reads a body of metadata and content: https://cloud.google.com/storage/docs/uploading-objects#rest-upload-objects
func (u *upload) parts(r *http.Request) ([]byte, error) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	parts := multipart.NewReader(r.Body, params["boundary"])
	metadata, err := parts.NextPart()
	if err != nil {
		return nil, err
	}
	u.ContentType = ""
	if err := json.NewDecoder(metadata).Decode(&u.object); err != nil {
		return nil, err
	}
	content, err := parts.NextPart()
	if err != nil {
		return nil, err
	}
	if u.ContentType == "" {
		u.ContentType = content.Header.Get("Content-Type")
	}
	return io.ReadAll(content)
}

func (s *Server) begin(w http.ResponseWriter, r *http.Request, u *upload) {
	live, _ := s.store.find(u.bucket.Name, u.Name, 0)
	if !u.conditions.hold(live.Generation) {
		failure(w, u.bucket.Name, u.Name, errCondition)
		return
	}
	id := rand.Text()
	s.mu.Lock()
	s.uploads[id] = u
	s.mu.Unlock()
	w.Header().Set("Location", "http://"+r.Host+r.URL.Path+"?uploadType=resumable&upload_id="+id)
	w.WriteHeader(http.StatusOK)
}

// piece takes the next part of an upload; the last one's range has a total.
func (s *Server) piece(w http.ResponseWriter, r *http.Request, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[id]
	if u == nil {
		fail(w, http.StatusNotFound, "notFound", "Upload session not found.")
		return
	}
	if _, err := io.Copy(&u.data, r.Body); err != nil {
		fail(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	if !strings.HasSuffix(r.Header.Get("Content-Range"), "/*") {
		delete(s.uploads, id)
		s.finish(w, u, u.data.Bytes())
		return
	}
	if u.data.Len() > 0 {
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", u.data.Len()-1))
	}
	// Google's client libraries can't be answered with 308, and say so.
	status := http.StatusPermanentRedirect
	if r.Header.Get("X-Guploader-No-308") == "yes" {
		w.Header().Set("X-Http-Status-Code-Override", "308")
		status = http.StatusOK
	}
	w.WriteHeader(status)
}

func (s *Server) finish(w http.ResponseWriter, u *upload, data []byte) {
	v, err := s.store.write(u.bucket, u.Name, u.ContentType, data, u.conditions)
	if err != nil {
		failure(w, u.bucket.Name, u.Name, err)
		return
	}
	googleapi.WriteJSON(w, http.StatusOK, v.resource())
}
