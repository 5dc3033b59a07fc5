package release

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// LabelRelease is the label by which a candidate is known: the release's id.
const LabelRelease = "gangway-release"

const (
	candidatePrefix = "rc-"  // previews' tags begin with pr-
	keptPrefix      = "was-" // of the tag by which the revision before stays within reach
	minTagDigits    = 4
)

// ID is the id of the count-th release of a line: orders-1a2b3c4-7. The count keeps releases of the same commit apart.
func (k Key) ID(commit string, count int64) string {
	return strings.Join([]string{k.Service, preview.ShortSHA(commit), strconv.FormatInt(count, 10)}, "-")
}

// CandidateTag is the traffic tag of the candidate of a commit on a Cloud Run service: rc-1a2b3c4. A long service name
// leaves room for fewer digits; whose a tag is, is told by the revision under it. ok is false if there is no room.
func CandidateTag(cloudRun, commit string) (tag string, ok bool) {
	return fit(cloudRun, candidatePrefix, preview.ShortSHA(commit))
}

// KeptTag is the traffic tag by which a revision that was released over stays within reach. ok is false if there is no
// room for it.
func KeptTag(cloudRun, revision string) (tag string, ok bool) {
	return fit(cloudRun, keptPrefix, fingerprint(revision, 6))
}

func fit(cloudRun, prefix, digits string) (string, bool) {
	room := preview.MaxTagAndService - len(cloudRun) - len(prefix)
	if room < minTagDigits || len(digits) < minTagDigits {
		return "", false
	}
	return prefix + digits[:min(room, len(digits))], true
}

func fingerprint(s string, digits int) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:digits]
}

// revisionName is the name of a candidate: service, rc, short SHA, and a fingerprint of release and image, because Cloud
// Run refuses a name that was used with another configuration.
func revisionName(r *Release) string {
	return fmt.Sprintf("%s-rc-%s-%s", r.CloudRun, preview.ShortSHA(r.Commit), fingerprint(r.ID+" "+r.Image, 4))
}
