package storage

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// conditions are those of a request (https://cloud.google.com/storage/docs/request-preconditions). Each is nil without one.
type conditions struct {
	generation, notGeneration, metageneration *int64
}

// hold tells whether the conditions hold for an object's live generation; 0 is none.
func (c conditions) hold(generation int64) bool {
	return (c.generation == nil || *c.generation == generation) &&
		(c.notGeneration == nil || *c.notGeneration != generation) &&
		(c.metageneration == nil || generation != 0 && *c.metageneration == metageneration)
}

// number reads a parameter that is one; nil where it is missing.
func number(query url.Values, name string) (*int64, error) {
	if !query.Has(name) {
		return nil, nil
	}
	n, err := strconv.ParseInt(query.Get(name), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("invalid value for %s: %q", name, query.Get(name))
	}
	return &n, nil
}

// asked reads the conditions of a request and the generation that it is about.
func asked(query url.Values) (c conditions, generation int64, err error) {
	var errs [4]error
	var exact *int64
	c.generation, errs[0] = number(query, "ifGenerationMatch")
	c.notGeneration, errs[1] = number(query, "ifGenerationNotMatch")
	c.metageneration, errs[2] = number(query, "ifMetagenerationMatch")
	exact, errs[3] = number(query, "generation")
	if exact != nil {
		generation = *exact
	}
	return c, generation, errors.Join(errs[:]...)
}

// fail answers an error as this API does, which is older than the others: https://cloud.google.com/storage/docs/json_api/v1/status-codes
func fail(w http.ResponseWriter, status int, reason, message string) {
	googleapi.WriteJSON(w, status, map[string]any{"error": map[string]any{
		"code": status, "message": message,
		"errors": []any{map[string]any{"domain": "global", "reason": reason, "message": message}},
	}})
}

// failure answers what the store says.
func failure(w http.ResponseWriter, bucket, object string, err error) {
	switch {
	case errors.Is(err, errCondition):
		fail(w, http.StatusPreconditionFailed, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
	case errors.Is(err, fs.ErrNotExist):
		fail(w, http.StatusNotFound, "notFound", "No such object: "+bucket+"/"+object)
	default:
		fail(w, http.StatusInternalServerError, "backendError", err.Error())
	}
}

// resource is a version as the API has it: https://cloud.google.com/storage/docs/json_api/v1/objects#resource
func (v version) resource() map[string]any {
	generation := strconv.FormatInt(v.Generation, 10)
	out := map[string]any{
		"kind": "storage#object", "id": v.Bucket + "/" + v.Object + "/" + generation, "name": v.Object, "bucket": v.Bucket,
		"generation": generation, "metageneration": strconv.Itoa(metageneration), "storageClass": "STANDARD",
		"size": strconv.Itoa(v.Size), "md5Hash": v.MD5, "crc32c": v.CRC32C, "etag": v.etag(),
		"timeCreated": v.Created.Format(time.RFC3339Nano), "updated": v.Created.Format(time.RFC3339Nano),
	}
	if v.ContentType != "" {
		out["contentType"] = v.ContentType
	}
	if !v.Deleted.IsZero() {
		out["timeDeleted"] = v.Deleted.Format(time.RFC3339Nano)
	}
	return out
}

func (v version) etag() string {
	return base64.StdEncoding.EncodeToString([]byte(strconv.FormatInt(v.Generation, 10)))
}

func (s *Server) getBucket(w http.ResponseWriter, r *http.Request) {
	b, ok := s.bucket(w, r)
	if !ok || !s.may(w, r, "storage.buckets.get", "") {
		return
	}
	googleapi.WriteJSON(w, http.StatusOK, map[string]any{
		"kind": "storage#bucket", "id": b.Name, "name": b.Name, "versioning": map[string]any{"enabled": b.Versions},
	})
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	b, ok := s.bucket(w, r)
	if !ok || !s.may(w, r, "storage.objects.list", query.Get("prefix")) {
		return
	}
	limit, err := number(query, "maxResults")
	if err != nil {
		fail(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	const most = 1000
	page := most
	if limit != nil && *limit > 0 {
		page = int(min(*limit, most))
	}
	items, prefixes, next := pageOf(s.store.list(b.Name, query.Get("prefix"), query.Get("versions") == "true"),
		query.Get("prefix"), query.Get("delimiter"), query.Get("pageToken"), page)
	answer := map[string]any{"kind": "storage#objects"}
	if len(items) > 0 {
		answer["items"] = items
	}
	if len(prefixes) > 0 {
		answer["prefixes"] = prefixes
	}
	if next != "" {
		answer["nextPageToken"] = next
	}
	googleapi.WriteJSON(w, http.StatusOK, answer)
}

// pageOf is a page of a list, with names beyond the delimiter told as prefixes
// (https://cloud.google.com/storage/docs/json_api/v1/objects/list). A token is the last name with its generation.
func pageOf(list []version, prefix, delimiter, token string, limit int) (items []map[string]any, prefixes []string, next string) {
	for _, v := range list {
		at := v.Object + "\x00" + fmt.Sprintf("%020d", v.Generation)
		if after, _ := base64.URLEncoding.DecodeString(token); token != "" && at <= string(after) {
			continue
		}
		folder := ""
		if delimiter != "" {
			if head, _, found := strings.Cut(v.Object[len(prefix):], delimiter); found {
				folder = prefix + head + delimiter
			}
		}
		switch {
		case folder != "" && len(prefixes) > 0 && prefixes[len(prefixes)-1] == folder:
		case len(items)+len(prefixes) == limit:
			return items, prefixes, next
		case folder != "":
			prefixes = append(prefixes, folder)
		default:
			items = append(items, v.resource())
		}
		next = base64.URLEncoding.EncodeToString([]byte(at))
	}
	return items, prefixes, ""
}

// version is the one that the request asks for; if there is none to give, it has answered.
func (s *Server) version(w http.ResponseWriter, r *http.Request) (version, bool) {
	bucket, object := r.PathValue("bucket"), r.PathValue("object")
	if _, ok := s.bucket(w, r); !ok || !s.may(w, r, "storage.objects.get", object) {
		return version{}, false
	}
	c, generation, err := asked(r.URL.Query())
	if err != nil {
		fail(w, http.StatusBadRequest, "invalid", err.Error())
		return version{}, false
	}
	v, ok := s.store.find(bucket, object, generation)
	switch {
	case !ok && !s.lists(r, object):
		fail(w, http.StatusForbidden, "forbidden", "Permission 'storage.objects.get' denied on resource (or it may not exist).")
	case !ok:
		failure(w, bucket, object, fs.ErrNotExist)
	case !c.hold(v.Generation):
		failure(w, bucket, object, errCondition)
	default:
		return v, true
	}
	return version{}, false
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	v, ok := s.version(w, r)
	switch {
	case !ok:
	case r.URL.Query().Get("alt") == "media":
		s.content(w, r, v)
	default:
		googleapi.WriteJSON(w, http.StatusOK, v.resource())
	}
}

// content sends what is in an object, or the part of it that was asked for.
func (s *Server) content(w http.ResponseWriter, r *http.Request, v version) {
	data, err := s.store.read(v)
	if err != nil {
		failure(w, v.Bucket, v.Object, err)
		return
	}
	contentType := v.ContentType
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Goog-Generation", strconv.FormatInt(v.Generation, 10))
	h.Set("X-Goog-Metageneration", strconv.Itoa(metageneration))
	h.Set("X-Goog-Storage-Class", "STANDARD")
	h.Set("X-Goog-Stored-Content-Length", strconv.Itoa(v.Size))
	h.Set("X-Goog-Hash", "crc32c="+v.CRC32C+",md5="+v.MD5)
	h.Set("Etag", strconv.Quote(v.etag()))
	http.ServeContent(w, r, "", v.Created, bytes.NewReader(data))
}

func (s *Server) delete(w http.ResponseWriter, r *http.Request) {
	b, ok := s.bucket(w, r)
	object := r.PathValue("object")
	if !ok || !s.may(w, r, "storage.objects.delete", object) {
		return
	}
	c, generation, err := asked(r.URL.Query())
	if err != nil {
		fail(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	if err := s.store.remove(b, object, generation, c); err != nil {
		failure(w, b.Name, object, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// read is the XML API's way to an object: https://cloud.google.com/storage/docs/xml-api/get-object-download
func (s *Server) read(w http.ResponseWriter, r *http.Request) {
	bucket, object := r.PathValue("bucket"), r.PathValue("object")
	answer := &plain{ResponseWriter: w}
	if !s.may(answer, r, "storage.objects.get", object) {
		failXML(w, http.StatusForbidden, "AccessDenied", "Access denied.")
		return
	}
	_, generation, err := asked(r.URL.Query())
	if err != nil {
		failXML(w, http.StatusBadRequest, "InvalidArgument", err.Error())
		return
	}
	v, ok := s.store.find(bucket, object, generation)
	if !ok {
		failXML(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	}
	s.content(w, r, v)
}

// plain drops an answer.
type plain struct{ http.ResponseWriter }

func (*plain) Header() http.Header         { return http.Header{} }
func (*plain) WriteHeader(int)             {}
func (*plain) Write(p []byte) (int, error) { return len(p), nil }

// failXML answers an error of the XML API: https://cloud.google.com/storage/docs/xml-api/reference-status
func failXML(w http.ResponseWriter, status int, code, message string) {
	text, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message})
	if err != nil {
		http.Error(w, message, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/xml; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(xml.Header), text...))
}
