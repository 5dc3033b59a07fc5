package preview

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// A Key names one preview: a pull request on one gateway of one environment; or the QA gateway on which the releases of one
// service are looked at, one after the other, before they get traffic: then it has Release, and no pull request. It never
// contains anything that a pull request's author chose.
type Key struct {
	Environment string `json:"environment"`
	Gateway     string `json:"gateway"`
	Repository  int64  `json:"repository_id"` // GitHub's numeric id: it survives renames
	PullRequest int    `json:"pull_request"`
	Release     string `json:"release,omitempty"` // the service's name
}

// releasePrefix stands before a service's name in keys: a name may be a number too.
const releasePrefix = "release-"

// String is the key's one spelling: in logs, rows and messages, as environment/gateway/repository id/number, or with
// release-SERVICE instead of the number.
func (k Key) String() string {
	if k.Release != "" {
		return fmt.Sprintf("%s/%s/%d/%s%s", k.Environment, k.Gateway, k.Repository, releasePrefix, k.Release)
	}
	return fmt.Sprintf("%s/%s/%d/%d", k.Environment, k.Gateway, k.Repository, k.PullRequest)
}

// ParseKey reads what [Key.String] wrote. Anything else is an error.
func ParseKey(s string) (Key, error) {
	part := strings.Split(s, "/")
	if len(part) != 4 {
		return Key{}, fmt.Errorf("preview key %q: want environment/gateway/repository id/pull request number", s)
	}
	repository, err := strconv.ParseInt(part[2], 10, 64)
	if err != nil {
		return Key{}, fmt.Errorf("preview key %q: repository id: %w", s, err)
	}
	k := Key{Environment: part[0], Gateway: part[1], Repository: repository}
	if service, ok := strings.CutPrefix(part[3], releasePrefix); ok {
		k.Release = service
	} else if k.PullRequest, err = strconv.Atoi(part[3]); err != nil {
		return Key{}, fmt.Errorf("preview key %q: pull request number: %w", s, err)
	}
	if !k.Valid() || k.String() != s {
		return Key{}, fmt.Errorf("preview key %q is not in canonical form", s)
	}
	return k, nil
}

// Valid tells whether every part of the key is present and well formed.
func (k Key) Valid() bool {
	return ValidName(k.Environment) && ValidName(k.Gateway) && k.Repository > 0 &&
		(k.PullRequest > 0 && k.Release == "" || k.PullRequest == 0 && ValidName(k.Release))
}

// ValidName tells whether s is a name as the configuration allows them: a DNS label.
func ValidName(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// ChangeID names a change: a pull request at one head SHA, whichever gateways it is previewed on. Log records, builds,
// messages and revisions carry it on the way from GitHub's delivery to the link, and it needs no memory: whoever knows
// the pull request and the SHA knows the id. It has the form of a trace id (32 hexadecimal digits); "" without a SHA.
func ChangeID(repository int64, pullRequest int, headSHA string) string {
	if headSHA == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%d/%s", repository, pullRequest, headSHA))
	return hex.EncodeToString(sum[:16])
}

// Change is the [ChangeID] of the preview's pull request at a head SHA. A release has one too, as of the pull request 0.
func (k Key) Change(headSHA string) string { return ChangeID(k.Repository, k.PullRequest, headSHA) }

// Hash is a short fingerprint of the key (10 hexadecimal digits) for labels and names on Google Cloud.
func (k Key) Hash() string {
	sum := sha256.Sum256([]byte(k.String()))
	return hex.EncodeToString(sum[:])[:10]
}
