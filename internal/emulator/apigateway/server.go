package apigateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/disk"
	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/loopback"
)

// maxBody is the size limit of a call's body in bytes: room for 10 MB of documents in base64.
const maxBody = 32 << 20

// Server is the emulated service. It may be used concurrently; it needs no closing.
type Server struct {
	options Options
	methods map[string]method
	admin   *http.ServeMux
	handler http.Handler
	log     *slog.Logger

	table   atomic.Pointer[table] // what the data plane serves
	nextDue atomic.Int64          // Unix nanoseconds of the next thing to do, or 0

	mu       sync.Mutex
	state    *state
	settings settings
	dirty    bool
}

// New starts a server from the state in o.Dir, or with nothing in it.
func New(o Options) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("starting API Gateway: no folder is given")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Violation == nil {
		o.Violation = conformance.Log(o.Log)
	}
	if o.Gateway.Transport == nil {
		transport := loopback.Transport()
		transport.DisableCompression = true
		o.Gateway.Transport = transport
	}
	if o.Hazard == "" {
		o.Hazard = HazardNewer
	}
	s := &Server{
		options: o, log: o.Log, state: newState(),
		settings: settings{Latency: o.Latency, Quotas: o.Quotas.orDefault(), Hazard: o.Hazard},
	}
	if err := disk.Load(s.statePath(), s.state); err != nil {
		return nil, fmt.Errorf("starting API Gateway: %w", err)
	}
	s.methods = s.methodTable()
	s.admin = s.adminMux()
	apis := []*conformance.API{conformance.APIGatewayV1Beta(), conformance.APIGatewayV1()}
	s.handler = conformance.Handler(conformance.Options{APIs: apis, Outside: []string{"/emulator/"}, Report: o.Violation},
		iam.Guard(o.Access, apis, permissions, http.HandlerFunc(s.serve)))
	s.table.Store(&table{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	s.rebuild()
	return s, nil
}

// method is one method of the API under its name in google.cloud.apigateway.v1.ApiGatewayService.
type method struct {
	name string
	do   func(*call) (any, *status)
}

// methodTable gives the methods by HTTP method and kind of resource; lists have the plural, resources the singular.
func (s *Server) methodTable() map[string]method {
	m := map[string]method{
		"GET locations":         {"ListLocations", s.listLocations},
		"GET location":          {"GetLocation", s.getLocation},
		"GET apis":              {"ListApis", s.listAPIs},
		"POST apis":             {"CreateApi", s.createAPI},
		"GET api":               {"GetApi", s.getAPI},
		"PATCH api":             {"UpdateApi", s.updateAPI},
		"DELETE api":            {"DeleteApi", s.deleteAPI},
		"GET configs":           {"ListApiConfigs", s.listConfigs},
		"POST configs":          {"CreateApiConfig", s.createConfig},
		"GET config":            {"GetApiConfig", s.getConfig},
		"PATCH config":          {"UpdateApiConfig", s.updateConfig},
		"DELETE config":         {"DeleteApiConfig", s.deleteConfig},
		"GET gateways":          {"ListGateways", s.listGateways},
		"POST gateways":         {"CreateGateway", s.createGateway},
		"GET gateway":           {"GetGateway", s.getGateway},
		"PATCH gateway":         {"UpdateGateway", s.updateGateway},
		"DELETE gateway":        {"DeleteGateway", s.deleteGateway},
		"GET operations":        {"ListOperations", s.listOperations},
		"GET operation":         {"GetOperation", s.getOperation},
		"DELETE operation":      {"DeleteOperation", s.deleteOperation},
		"POST operation:cancel": {"CancelOperation", s.cancelOperation},
	}
	for _, kind := range []string{"api", "config", "gateway"} {
		m["GET "+kind+":getIamPolicy"] = method{"GetIamPolicy", s.getPolicy}
		m["POST "+kind+":setIamPolicy"] = method{"SetIamPolicy", s.setPolicy}
		m["POST "+kind+":testIamPermissions"] = method{"TestIamPermissions", s.testPermissions}
	}
	return m
}

// ServeHTTP is the control plane: everything below /v1/ and /v1beta/, and below /emulator/apigateway/:
//
//	GET    state                 all resources and operations
//	GET    violations            what clients did that they must not; DELETE forgets them
//	GET    faults                the faults that are set; POST adds a [Fault], DELETE removes all
//	GET    settings              latency (nanoseconds), quotas and hazard; PATCH changes the given ones
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if isAdmin(r.URL.Path) {
		s.admin.ServeHTTP(w, r)
		return
	}
	c, ok := parseCall(r)
	if !ok {
		failf(codeNotFound, "The requested URL %s was not found on this server.", r.URL.Path).write(w)
		return
	}
	m, ok := s.methods[r.Method+" "+c.kind+c.verb]
	if !ok {
		failf(codeNotFound, "Method not found: %s %s", r.Method, r.URL.Path).write(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		failf(codeInvalidArgument, "Request payload can't be read or is too large.").write(w)
		return
	}
	c.body = body
	result, no := s.run(c, m)
	if no != nil {
		s.log.InfoContext(r.Context(), "refusing a call", "method", m.name, "resource", c.name, "message", no.Message)
		no.write(w)
		return
	}
	googleapi.WriteJSON(w, http.StatusOK, result)
}

// run does one call as a whole, with the faults that are set for it. The result holds nothing that changes later.
func (s *Server) run(c *call, m method) (json.RawMessage, *status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	c.fault = s.takeFault(m.name)
	if c.fault != nil && c.fault.Effect == EffectError {
		_ = s.flush() // it has logged why; the call fails as it was told to
		return nil, c.fault.status()
	}
	result, no := m.do(c)
	if no == nil && s.dirty {
		s.settle() // with no latency an operation is done at once
	}
	if err := s.flush(); err != nil {
		return nil, failf(codeInternal, "Internal error encountered: %s", err)
	}
	if no == nil && c.fault != nil && c.fault.Effect == EffectLostResponse {
		return nil, c.fault.status()
	}
	if no != nil {
		return nil, no
	}
	data, err := json.Marshal(result)
	if err != nil {
		return nil, failf(codeInternal, "Internal error encountered: %s", err)
	}
	return data, nil
}

// flush saves what has changed. The caller holds s.mu.
func (s *Server) flush() error {
	if !s.dirty {
		return nil
	}
	if err := s.save(); err != nil {
		s.log.Error("saving the state", "error", err)
		return err
	}
	s.dirty = false
	return nil
}
