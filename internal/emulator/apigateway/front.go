package apigateway

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
	"github.com/gangway-dev/gangway/internal/gateway"
)

// table is what the data plane serves at one moment. It is replaced as a whole.
type table struct {
	known  map[string]bool // the host names of all gateways, also of those that do not answer yet
	routes map[string]*served
	next   time.Time // when a new gateway begins to answer; zero for none
}

// served is a gateway with the config that it serves.
type served struct {
	config  string
	created string // of the config: a config may be deleted and created again under its name
	handler http.Handler
}

func (t *table) stale(now time.Time) bool {
	return !t.next.IsZero() && !now.Before(t.next)
}

// rebuild makes a new table from the state. Gateways whose config has not changed keep their handler, and with it
// their connections and keys. The caller holds s.mu.
func (s *Server) rebuild() {
	now := s.options.Now()
	old := s.table.Load()
	t := &table{known: map[string]bool{}, routes: map[string]*served{}}
	for _, g := range s.state.Gateways {
		host := bareHost(s.hostname(g))
		t.known[host] = true
		config := s.state.Configs[g.Serving]
		if g.State != stateActive && g.State != stateUpdating || config == nil {
			continue
		}
		if g.ServesFrom.After(now) {
			if t.next.IsZero() || g.ServesFrom.Before(t.next) {
				t.next = g.ServesFrom
			}
			continue
		}
		if before := old.routes[host]; before != nil && before.config == config.Name && before.created == config.CreateTime {
			t.routes[host] = before
			continue
		}
		handler, err := s.open(config)
		if err != nil {
			s.log.Error("opening a gateway", "gateway", g.Name, "config", config.Name, "error", err)
			continue
		}
		t.routes[host] = &served{config: config.Name, created: config.CreateTime, handler: handler}
	}
	s.table.Store(t)
}

// open makes the handler that serves config.
func (s *Server) open(config *apiConfig) (http.Handler, error) {
	documents, err := s.documents(config.Name)
	if err != nil {
		return nil, err
	}
	if len(documents) != 1 {
		return nil, fmt.Errorf("the config has %d documents", len(documents))
	}
	data, err := base64.StdEncoding.DecodeString(documents[0].Document.Contents)
	if err != nil {
		return nil, fmt.Errorf("decoding the document: %w", err)
	}
	o := gateway.Options{Transport: s.options.Gateway.Transport, Now: s.options.Now, Log: s.log}
	api, _, _ := strings.Cut(config.Name, "/configs/")
	if a := s.state.APIs[api]; a != nil {
		o.ServiceName = a.ManagedService
	}
	if valid := s.options.Gateway.APIKey; valid != nil {
		service := o.ServiceName
		o.APIKey = func(key string) bool { return valid(service, key) }
	}
	if mint := s.options.Gateway.IDToken; mint != nil {
		email := serviceAccount(config)
		o.IDToken = func(ctx context.Context, audience string) (string, error) { return mint(ctx, email, audience) }
	}
	return gateway.New(data, o)
}

// serviceAccount is the account as which the gateways of config call their backends. Without one in the config it is
// the project's default account of Compute Engine, whose project number this emulator makes up.
func serviceAccount(config *apiConfig) string {
	account := config.GatewayServiceAccount
	if g := config.GatewayConfig; g != nil && g.BackendConfig != nil && g.BackendConfig.GoogleServiceAccount != "" {
		account = g.BackendConfig.GoogleServiceAccount
	}
	if account == "" {
		return googleapi.ComputeAccount(strings.Split(config.Name, "/")[1])
	}
	return account[strings.LastIndexByte(account, '/')+1:]
}

// Owns tells whether host, with or without port, is or may be the name of a gateway here. Names that the default Host
// would give count also when no gateway has them.
func (s *Server) Owns(host string) bool {
	s.catchUp()
	host = bareHost(host)
	if s.table.Load().known[host] {
		return true
	}
	return s.options.Host == nil && strings.HasSuffix(host, "."+bareHost(hostSuffix(s.options.PublicURL)))
}

// Front returns the data plane: it hands each request to the gateway that its Host header names. A gateway answers
// while it is ACTIVE, and while it is UPDATING with the config that it had before.
func (s *Server) Front() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.catchUp()
		if to := s.table.Load().routes[bareHost(r.Host)]; to != nil {
			to.handler.ServeHTTP(w, r)
			return
		}
		// As Google's front end answers for names that it does not know.
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("<!DOCTYPE html><title>Error 404 (Not Found)</title><p><b>404.</b> No gateway answers under this name."))
	})
}

// catchUp does what is due, and costs next to nothing when nothing is.
func (s *Server) catchUp() {
	if due := s.nextDue.Load(); due == 0 || s.options.Now().UnixNano() < due {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
}

func bareHost(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
