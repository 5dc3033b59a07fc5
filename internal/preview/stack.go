package preview

import "time"

// A Stack is one Terraform root module with its state: the API config and the gateway of one preview. All fields are
// data; none is pasted into HCL as text.
type Stack struct {
	Key                   Key
	Project               string
	Region                string
	API                   string // the API shard's id
	GatewayID             string
	ConfigID              string
	BackendServiceAccount string
	Labels                map[string]string
	Document              []byte // the gateway document, OpenAPI in YAML
	Lease                 Lease  // on whose behalf; without one, a lock that was left is not broken
	AdoptGateway          bool   // the gateway exists but is missing from the state: import it in the same apply
}

// StackOutputs are what an apply gave.
type StackOutputs struct {
	Hostname string        // of the gateway, without scheme
	Took     time.Duration // by Terraform alone
	Changed  bool          // something was created, changed or deleted
}

// StackEvent is one event of a running apply or destroy.
type StackEvent struct {
	Resource string // "api_config" or "gateway"
	Action   string // "create", "update", "delete", "import"
	Done     bool   // false: it has begun
	Failed   bool
	At       time.Time
}

// StackState is what Terraform's state holds of a stack.
type StackState struct {
	ConfigIDs []string // more than one while an old config has not been deleted yet
	GatewayID string   // "" when the state holds none
}

// APIState is the state of an API config or gateway on API Gateway, in Google's words (ACTIVE, CREATING, …).
type APIState string

// The states that Gangway tells apart.
const (
	APIStateCreating APIState = "CREATING"
	APIStateActive   APIState = "ACTIVE"
	APIStateFailed   APIState = "FAILED"
)

// An APIConfig is what API Gateway says of an API config.
type APIConfig struct {
	API, ID string
	State   APIState
	Labels  map[string]string
	Created time.Time
}

// An APIGateway is what API Gateway says of a gateway.
type APIGateway struct {
	ID       string
	API      string // of the config that it serves
	ConfigID string
	State    APIState
	Hostname string // without scheme; set once it is active
	Labels   map[string]string
	Created  time.Time
}
