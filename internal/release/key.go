package release

import (
	"fmt"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A Key names a line of releases: one service in one environment, released one commit at a time.
type Key struct {
	Environment string `json:"environment"`
	Service     string `json:"service"`
}

// String is the key's one spelling: environment/service.
func (k Key) String() string { return k.Environment + "/" + k.Service }

// ParseKey reads what [Key.String] wrote. Anything else is an error.
func ParseKey(s string) (Key, error) {
	environment, service, ok := strings.Cut(s, "/")
	if !ok {
		return Key{}, fmt.Errorf("release key %q: want environment/service", s)
	}
	k := Key{Environment: environment, Service: service}
	if !k.Valid() {
		return Key{}, fmt.Errorf("release key %q: environment and service have to be names of lower-case letters, digits and hyphens", s)
	}
	return k, nil
}

// Valid tells whether both parts of the key are present and well formed.
func (k Key) Valid() bool { return preview.ValidName(k.Environment) && preview.ValidName(k.Service) }
