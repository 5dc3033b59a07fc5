package apigateway

import (
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/disk"
)

// State of a resource, as the API names it.
type resourceState string

const (
	stateCreating   resourceState = "CREATING"
	stateActivating resourceState = "ACTIVATING"
	stateActive     resourceState = "ACTIVE"
	stateFailed     resourceState = "FAILED"
	stateDeleting   resourceState = "DELETING"
	stateUpdating   resourceState = "UPDATING"
)

// UnmarshalJSON takes anything: clients send back what they have read, some as a number, and it is output only.
func (s *resourceState) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*s = resourceState(text)
	}
	return nil
}

// common are the fields that all resources have.
type common struct {
	Name        string            `json:"name"`
	CreateTime  string            `json:"createTime,omitempty"`
	UpdateTime  string            `json:"updateTime,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	DisplayName string            `json:"displayName,omitempty"`
	State       resourceState     `json:"state,omitempty"`
}

type api struct {
	common
	ManagedService string `json:"managedService,omitempty"`
}

type apiConfig struct {
	common
	GatewayServiceAccount string            `json:"gatewayServiceAccount,omitempty"`
	GatewayConfig         *gatewayConfig    `json:"gatewayConfig,omitempty"`
	ServiceConfigID       string            `json:"serviceConfigId,omitempty"`
	OpenAPIDocuments      []openAPIDocument `json:"openapiDocuments,omitempty"`
	GRPCServices          []json.RawMessage `json:"grpcServices,omitempty"`
	ManagedServiceConfigs []json.RawMessage `json:"managedServiceConfigs,omitempty"`
}

type gatewayConfig struct {
	BackendConfig *backendConfig `json:"backendConfig,omitempty"`
}

type backendConfig struct {
	GoogleServiceAccount string `json:"googleServiceAccount,omitempty"`
}

type openAPIDocument struct {
	Document file `json:"document"`
}

type file struct {
	Path     string `json:"path"`
	Contents string `json:"contents"` // base64
}

type gatewayResource struct {
	common
	APIConfig       string `json:"apiConfig,omitempty"`
	DefaultHostname string `json:"defaultHostname,omitempty"`
	StreamingMode   string `json:"streamingMode,omitempty"`
}

// gatewayRecord is a gateway with what the API does not show.
type gatewayRecord struct {
	gatewayResource
	// Serving is the config that answers requests: the old one while the gateway is UPDATING.
	Serving string `json:"serving,omitempty"`
	// ServesFrom is when a new gateway begins to answer.
	ServesFrom time.Time `json:"servesFrom,omitzero"`
}

// operation is a long-running operation and what is to be done when it is due.
type operation struct {
	Name       string    `json:"name"`
	Target     string    `json:"target"`
	Verb       string    `json:"verb"` // create, update, delete
	CreateTime time.Time `json:"createTime"`
	EndTime    time.Time `json:"endTime,omitzero"`
	Due        time.Time `json:"due"`
	Done       bool      `json:"done,omitempty"`
	Cancelled  bool      `json:"cancelled,omitempty"`
	Error      *status   `json:"error,omitempty"` // how it ends or has ended
	// Lost hides the operation from clients; Stuck keeps it from ever ending.
	Lost  bool `json:"lost,omitempty"`
	Stuck bool `json:"stuck,omitempty"`
	// Update is what an update writes when it ends.
	Update *update `json:"update,omitempty"`
	// Previous is the state to which a resource returns when a deletion or an update fails.
	Previous resourceState `json:"previous,omitempty"`
	// Activating is when a config goes from CREATING to ACTIVATING.
	Activating time.Time `json:"activating,omitzero"`
}

// update is a checked change of a resource. Nil fields stay as they are.
type update struct {
	Labels      *map[string]string `json:"labels,omitempty"`
	DisplayName *string            `json:"displayName,omitempty"`
	APIConfig   *string            `json:"apiConfig,omitempty"`
}

// Violation is something that a client must not do and the service does not prevent.
type Violation struct {
	Time time.Time `json:"time"`
	// Kind is "concurrent-config-creation".
	Kind     string `json:"kind"`
	Resource string `json:"resource"`
	Detail   string `json:"detail"`
}

// settings can be changed while the server runs. Latencies are in nanoseconds.
type settings struct {
	Latency Latency `json:"latency"`
	Quotas  Quotas  `json:"quotas"`
	Hazard  Hazard  `json:"hazard"`
}

// state is everything that survives a restart.
type state struct {
	APIs       map[string]*api           `json:"apis"`
	Configs    map[string]*apiConfig     `json:"configs"` // without the documents, which have files of their own
	Gateways   map[string]*gatewayRecord `json:"gateways"`
	Operations map[string]*operation     `json:"operations"`
	Policies   map[string]*policy        `json:"policies"`
	Faults     []*Fault                  `json:"faults"`
	Violations []Violation               `json:"violations"`
	Serial     int64                     `json:"serial"` // counts names
}

func newState() *state {
	return &state{
		APIs: map[string]*api{}, Configs: map[string]*apiConfig{}, Gateways: map[string]*gatewayRecord{},
		Operations: map[string]*operation{}, Policies: map[string]*policy{},
	}
}

func (s *Server) statePath() string { return filepath.Join(s.options.Dir, "apigateway.json") }

// documentPath is the file of a config's documents. The hash makes any name a file name.
func (s *Server) documentPath(config string) string {
	return filepath.Join(s.options.Dir, "documents", shortHash(config)+".json")
}

// save makes the state durable. The caller holds s.mu.
func (s *Server) save() error {
	return disk.Save(s.statePath(), s.state)
}

func (s *Server) documents(config string) ([]openAPIDocument, error) {
	var documents []openAPIDocument
	err := disk.Load(s.documentPath(config), &documents)
	return documents, err
}
