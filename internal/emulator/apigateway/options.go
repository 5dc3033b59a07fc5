package apigateway

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
)

// Options configure a [Server]. Dir is required.
type Options struct {
	// Dir is the folder of the state. One server at a time may use it.
	Dir string
	// Latency is how long operations take; the zero value lets them end at once.
	Latency Latency
	// Quotas are the limits; for a zero field the default of [DefaultQuotas] counts.
	Quotas Quotas
	// Hazard is what happens to a config that is created while another one of the same API is; the default is HazardNewer.
	Hazard Hazard
	// PublicURL is the address of the data plane, such as "http://gateway.localhost:8080". The default Host puts the
	// names of gateways before its host.
	PublicURL string
	// Host returns the host name, with port if needed, of a gateway. The default gives
	// GATEWAY-HASH.CODE.gateway.localhost:PORT, where HASH stands for the project and CODE for the region.
	Host func(gatewayID, region string) string
	// Gateway is what the gateways need.
	Gateway GatewayOptions
	// Now is the clock; the default is [time.Now].
	Now func() time.Time
	// Log gets what happens; the default discards it.
	Log *slog.Logger
	// Violation gets what is asked or answered otherwise than the published descriptions have it; nil logs it as an error.
	Violation func(conformance.Violation)
	// Access says who may do what; nil lets everybody do everything.
	Access *iam.Access
}

// GatewayOptions are what the data plane needs to act for its callers.
type GatewayOptions struct {
	// IDToken returns an ID token of a service account. Without it backends are called without tokens.
	IDToken func(ctx context.Context, serviceAccountEmail, audience string) (string, error)
	// APIKey tells whether an API key may call the managed service. Without it no key may.
	APIKey func(managedService, key string) bool
	// Transport reaches backends and token issuers; the default is that of internal/gateway.
	Transport http.RoundTripper
}

// Latency is how long the parts of the service take.
type Latency struct {
	API           time.Duration `json:"api"`        // create an API
	Config        time.Duration `json:"config"`     // create a config
	Activating    time.Duration `json:"activating"` // the end of Config, during which the state is ACTIVATING
	GatewayCreate time.Duration `json:"gatewayCreate"`
	GatewayUpdate time.Duration `json:"gatewayUpdate"` // give a gateway another config
	Metadata      time.Duration `json:"metadata"`      // change labels or display name
	Delete        time.Duration `json:"delete"`
	Propagation   time.Duration `json:"propagation"` // from a new gateway's being ACTIVE until it answers
}

// Fast returns latencies of tens of milliseconds: enough that a client sees an operation that is not done.
func Fast() Latency {
	return Latency{
		API: 10 * time.Millisecond, Config: 40 * time.Millisecond, GatewayCreate: 40 * time.Millisecond,
		GatewayUpdate: 30 * time.Millisecond, Metadata: 10 * time.Millisecond, Delete: 10 * time.Millisecond,
	}
}

// Real returns latencies as users of the service have measured them.
func Real() Latency {
	return Latency{
		API: 20 * time.Second, Config: 107 * time.Second, GatewayCreate: 600 * time.Second,
		GatewayUpdate: 63 * time.Second, Metadata: 5 * time.Second, Delete: 30 * time.Second,
	}
}

// Quotas are limits on the number of resources of a project.
type Quotas struct {
	APIs              int `json:"apis"`
	ConfigsPerAPI     int `json:"configsPerApi"`
	GatewaysPerRegion int `json:"gatewaysPerRegion"`
}

// DefaultQuotas returns the documented limits (https://docs.cloud.google.com/api-gateway/docs/quotas).
func DefaultQuotas() Quotas {
	return Quotas{APIs: 50, ConfigsPerAPI: 100, GatewaysPerRegion: 50}
}

func (q Quotas) orDefault() Quotas {
	d := DefaultQuotas()
	if q.APIs == 0 {
		q.APIs = d.APIs
	}
	if q.ConfigsPerAPI == 0 {
		q.ConfigsPerAPI = d.ConfigsPerAPI
	}
	if q.GatewaysPerRegion == 0 {
		q.GatewaysPerRegion = d.GatewaysPerRegion
	}
	return q
}

// Hazard says how the documented danger of creating two configs of one API at the same time ("one or both configs may
// not be available", https://docs.cloud.google.com/api-gateway/docs/quotas) comes out.
type Hazard string

// The hazards. Each records a violation.
const (
	HazardNewer Hazard = "newer" // the newer config fails
	HazardBoth  Hazard = "both"  // both configs fail
	HazardNone  Hazard = "none"  // both succeed
)

// hostSuffix is what follows a gateway's own name in its host name.
func hostSuffix(publicURL string) string {
	if u, err := url.Parse(publicURL); err == nil && u.Host != "" {
		return u.Host
	}
	return "gateway.localhost"
}

// shortHash stands for s in names, where the service has a hash of its own.
func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return strings.ToLower(base32.HexEncoding.EncodeToString(sum[:]))[:13]
}
