package cloudbuild_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Buckets are as much of Cloud Storage's JSON API as is used: metadata, contents with a range, uploads in one piece and in
// several. https://cloud.google.com/storage/docs/json_api/v1/objects
type buckets struct {
	t *testing.T

	mu       sync.Mutex
	objects  map[string][]byte // bucket/object
	sessions map[string]*session
	writes   int
	chunks   int
	noList   bool // of what is not there, say 403
	fail     func(r *http.Request) int
}

type session struct {
	name string
	data bytes.Buffer
}

func (b *buckets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		if code := b.fail(r); code != 0 {
			refuse(w, code, "told so")
			return
		}
	}
	if bucket, ok := strings.CutPrefix(r.URL.Path, "/upload/storage/v1/b/"); ok {
		b.upload(w, r, strings.TrimSuffix(bucket, "/o"))
		return
	}
	name := strings.Replace(strings.TrimPrefix(r.URL.Path, "/storage/v1/b/"), "/o/", "/", 1)
	data, ok := b.objects[name]
	switch {
	case !ok && b.noList:
		refuse(w, http.StatusForbidden, "does not have storage.objects.get access to the object (or it may not exist)")
	case !ok:
		refuse(w, http.StatusNotFound, "No such object: "+name)
	case r.URL.Query().Get("alt") == "media":
		if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=-"); ok {
			n, _ := strconv.Atoi(from)
			data = data[max(0, len(data)-n):]
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = w.Write(data)
	default:
		b.metadata(w, name)
	}
}

func refuse(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"error":{"code":%d,"message":%q}}`, code, message)
}

func (b *buckets) metadata(w http.ResponseWriter, name string) {
	_, object, _ := strings.Cut(name, "/")
	_ = json.NewEncoder(w).Encode(map[string]string{"name": object, "generation": "7"})
}

func (b *buckets) upload(w http.ResponseWriter, r *http.Request, bucket string) {
	if r.URL.Query().Has("upload_id") {
		b.chunk(w, r)
		return
	}
	var object struct{ Name string }
	if r.URL.Query().Get("uploadType") == "resumable" {
		if err := json.NewDecoder(r.Body).Decode(&object); err != nil {
			b.t.Error(err)
		}
		if b.conflict(w, r, bucket+"/"+object.Name) {
			return
		}
		id := strconv.Itoa(len(b.sessions))
		b.sessions[id] = &session{name: bucket + "/" + object.Name}
		w.Header().Set("Location", "http://"+r.Host+r.URL.Path+"?upload_id="+id)
		return
	}
	_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	parts := multipart.NewReader(r.Body, params["boundary"])
	part, err := parts.NextPart()
	if err != nil {
		b.t.Error(err)
		return
	}
	_ = json.NewDecoder(part).Decode(&object)
	if part, err = parts.NextPart(); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	data, err := io.ReadAll(part)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if !b.conflict(w, r, bucket+"/"+object.Name) {
		b.put(w, bucket+"/"+object.Name, data)
	}
}

// chunk takes a piece of an upload; the last one has a total in its range.
func (b *buckets) chunk(w http.ResponseWriter, r *http.Request) {
	s := b.sessions[r.URL.Query().Get("upload_id")]
	data, err := io.ReadAll(r.Body)
	if s == nil || err != nil {
		refuse(w, http.StatusBadRequest, "no such upload")
		return
	}
	b.chunks++
	s.data.Write(data)
	if strings.HasSuffix(r.Header.Get("Content-Range"), "/*") {
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", s.data.Len()-1))
		w.Header().Set("X-Http-Status-Code-Override", "308")
		w.WriteHeader(http.StatusOK)
		return
	}
	b.put(w, s.name, s.data.Bytes())
}

func (b *buckets) conflict(w http.ResponseWriter, r *http.Request, name string) bool {
	if got := r.URL.Query().Get("ifGenerationMatch"); got != "0" {
		b.t.Errorf("upload with ifGenerationMatch %q", got)
	}
	if _, ok := b.objects[name]; !ok {
		return false
	}
	refuse(w, http.StatusPreconditionFailed, "At least one of the pre-conditions you specified did not hold.")
	return true
}

func (b *buckets) put(w http.ResponseWriter, name string, data []byte) {
	b.objects[name] = bytes.Clone(data)
	b.writes++
	b.metadata(w, name)
}

func (b *buckets) open(bucket, object string, generation int64) (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.objects[bucket+"/"+object]
	if !ok || generation != 7 {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (b *buckets) store(bucket, object string, data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[bucket+"/"+object] = data
}
