// Package secretmanager is an emulated Secret Manager: the routes of its REST API (v1) that read secrets, add versions to
// them and give out their content. Secrets are there from the start, as Terraform would have made them; versions are
// never disabled or destroyed.
//
// https://cloud.google.com/secret-manager/docs/reference/rest
package secretmanager

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/disk"
	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

// maxPayload is Secret Manager's limit for a version: https://cloud.google.com/secret-manager/quotas
const maxPayload = 64 << 10

// Options are the settings of an emulated Secret Manager.
type Options struct {
	Dir     string   // where the state is kept
	Project string   // of Secrets
	Secrets []string // that are there, still without a version
	// Violation gets what is asked or answered otherwise than the published description has it; nil logs it as an error.
	Violation func(conformance.Violation)
	// Access says who may do what; nil lets everybody do everything.
	Access *iam.Access
}

// A Server is an emulated Secret Manager. It is an [http.Handler] and safe for concurrent use.
type Server struct {
	path    string
	mux     *http.ServeMux
	handler http.Handler

	mu      sync.Mutex
	secrets map[string]*secret // projects/P/secrets/S
	denied  string             // the permission that nobody has
}

type secret struct {
	Created  time.Time `json:"created"`
	Versions []version `json:"versions"`
}

type version struct {
	Created time.Time `json:"created"`
	Data    []byte    `json:"data"`
}

type object map[string]any

// New opens what is kept in the folder.
func New(o Options) (*Server, error) {
	s := &Server{path: filepath.Join(o.Dir, "secrets.json"), mux: http.NewServeMux(), secrets: map[string]*secret{}}
	if err := disk.Load(s.path, &s.secrets); err != nil {
		return nil, err
	}
	for _, id := range o.Secrets {
		name := "projects/" + o.Project + "/secrets/" + id
		if s.secrets[name] == nil {
			s.secrets[name] = &secret{Created: time.Now().UTC()}
		}
	}
	const one = "/v1/projects/{project}/secrets/{secret}"
	s.mux.HandleFunc("GET "+one, s.get)
	s.mux.HandleFunc("POST "+one, s.post)
	s.mux.HandleFunc("GET "+one+"/versions/{version}", s.access)
	if o.Violation == nil {
		o.Violation = conformance.Log(slog.Default())
	}
	apis := []*conformance.API{conformance.SecretManagerV1()}
	s.handler = conformance.Handler(conformance.Options{APIs: apis, Report: o.Violation},
		iam.Guard(o.Access, apis, permissions, s.mux))
	return s, disk.Save(s.path, s.secrets)
}

// ServeHTTP serves the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Deny takes a permission away from everybody; "" gives it back.
func (s *Server) Deny(permission string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied = permission
}

func name(r *http.Request) string {
	id, _, _ := strings.Cut(r.PathValue("secret"), ":")
	return "projects/" + r.PathValue("project") + "/secrets/" + id
}

// find is the secret that the path names, if the caller has the permission; else it has answered. The caller holds mu.
func (s *Server) find(w http.ResponseWriter, r *http.Request, permission string) *secret {
	if permission == s.denied {
		fail(w, http.StatusForbidden, "PERMISSION_DENIED",
			fmt.Sprintf("Permission '%s' denied for resource '%s' (or it may not exist).", permission, name(r)))
		return nil
	}
	found := s.secrets[name(r)]
	if found == nil {
		fail(w, http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("Secret [%s] not found.", name(r)))
	}
	return found
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.find(w, r, "secretmanager.secrets.get"); found != nil {
		googleapi.WriteJSON(w, http.StatusOK, object{
			"name": numbered(r, name(r)), "createTime": stamp(found.Created), "replication": object{"automatic": object{}}, "etag": `"1"`,
		})
	}
}

func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	switch _, verb, _ := strings.Cut(r.PathValue("secret"), ":"); verb {
	case "addVersion":
		s.add(w, r)
	case "testIamPermissions":
		s.test(w, r)
	default:
		fail(w, http.StatusNotFound, "NOT_FOUND", "Method not found.")
	}
}

func (s *Server) add(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Payload struct {
			Data       []byte `json:"data"`
			DataCRC32C string `json:"dataCrc32c"`
		} `json:"payload"`
	}
	if !decode(w, r, &in) {
		return
	}
	sum := crc32.Checksum(in.Payload.Data, crc32.MakeTable(crc32.Castagnoli))
	switch want := in.Payload.DataCRC32C; {
	case len(in.Payload.Data) == 0 || len(in.Payload.Data) > maxPayload:
		fail(w, http.StatusBadRequest, "INVALID_ARGUMENT", "The secret payload is empty or larger than 65536 bytes.")
		return
	case want != "" && want != strconv.FormatUint(uint64(sum), 10):
		fail(w, http.StatusBadRequest, "INVALID_ARGUMENT", "The CRC32C checksum does not match the payload.")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.find(w, r, "secretmanager.versions.add")
	if found == nil {
		return
	}
	found.Versions = append(found.Versions, version{Created: time.Now().UTC(), Data: in.Payload.Data})
	if err := disk.Save(s.path, s.secrets); err != nil {
		fail(w, http.StatusInternalServerError, "INTERNAL", err.Error())
		return
	}
	googleapi.WriteJSON(w, http.StatusOK, object{
		"name": fmt.Sprintf("%s/versions/%d", numbered(r, name(r)), len(found.Versions)), "state": "ENABLED",
		"createTime": stamp(found.Versions[len(found.Versions)-1].Created), "etag": `"1"`,
	})
}

func (s *Server) test(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Permissions []string `json:"permissions"`
	}
	if !decode(w, r, &in) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := object{}
	if s.secrets[name(r)] != nil {
		has := []string{}
		for _, p := range in.Permissions {
			if p != s.denied {
				has = append(has, p)
			}
		}
		answer["permissions"] = has
	}
	googleapi.WriteJSON(w, http.StatusOK, answer)
}

// access answers VERSION:access.
func (s *Server) access(w http.ResponseWriter, r *http.Request) {
	id, verb, _ := strings.Cut(r.PathValue("version"), ":")
	if verb != "access" {
		fail(w, http.StatusNotFound, "NOT_FOUND", "Method not found.")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.find(w, r, "secretmanager.versions.access")
	if found == nil {
		return
	}
	n, err := strconv.Atoi(id)
	if id == "latest" {
		n, err = len(found.Versions), nil
	}
	if err != nil || n < 1 || n > len(found.Versions) {
		fail(w, http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("Secret Version [%s/versions/%s] not found.", name(r), id))
		return
	}
	data := found.Versions[n-1].Data
	googleapi.WriteJSON(w, http.StatusOK, object{
		"name": fmt.Sprintf("%s/versions/%d", numbered(r, name(r)), n),
		"payload": object{
			"data":       base64.StdEncoding.EncodeToString(data),
			"dataCrc32c": strconv.FormatUint(uint64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))), 10),
		},
	})
}

// numbered is a name with the project's number instead of its id, as Secret Manager answers.
func numbered(r *http.Request, name string) string {
	project := r.PathValue("project")
	return strings.Replace(name, "projects/"+project+"/", "projects/"+googleapi.ProjectNumber(project)+"/", 1)
}

func stamp(t time.Time) string { return t.Format(time.RFC3339Nano) }

func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "INVALID_ARGUMENT", "Invalid JSON payload received.")
	}
	return err == nil
}

func fail(w http.ResponseWriter, code int, status, message string) {
	googleapi.WriteJSON(w, code, object{"error": object{"code": code, "status": status, "message": message}})
}
