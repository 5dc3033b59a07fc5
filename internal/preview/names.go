package preview

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// Limits of the platforms that names have to keep to. Sources: docs/architecture.md, "Limits of Google Cloud".
const (
	// MaxTagAndService is how long a traffic tag and its Cloud Run service's name may be together.
	MaxTagAndService = 46
	// MaxGatewayID is how long an API Gateway gateway id may be.
	MaxGatewayID = 49
	// MaxConfigID is how long an API config id may be.
	MaxConfigID = 63
	// MaxTags is how many traffic tags a project may have in a region. Beyond it Cloud Run deletes the oldest without telling.
	MaxTags = 2000
	// MaxRevisions is how many revisions a Cloud Run service may have. Beyond it the oldest that serve nothing are deleted.
	MaxRevisions = 1000
	// MaxGateways is how many gateways a project may have in a region.
	MaxGateways = 50
	// MaxConfigs is how many configs an API may have.
	MaxConfigs = 100
	// MaxPullRequestDigits is how many digits of a pull request number the checks of names allow for.
	MaxPullRequestDigits = 6
)

// Labels that Gangway puts on everything that it creates on Google Cloud. A label's value is in [a-z0-9_-]{0,63}.
const (
	LabelInstallation = "gangway"             // the installation's name: several may share a project
	LabelPreview      = "gangway-preview"     // [Key.Hash]
	LabelRepository   = "gangway-repository"  // numeric id
	LabelPullRequest  = "gangway-pr"          // number
	LabelRelease      = "gangway-release"     // instead of the number: the service that is released
	LabelService      = "gangway-service"     // the service's name in the configuration
	LabelBuild        = "gangway-build"       // Cloud Build's build id
	LabelGeneration   = "gangway-generation"  // the generation that it was made for
	LabelCommit       = "gangway-commit"      // the commit that it was built from (40 hexadecimal digits)
	LabelSource       = "gangway-source"      // a fingerprint of what it was built from: [Member].Source
	LabelChange       = "gangway-change"      // [ChangeID], by which logs are found
	LabelEnvironment  = "gangway-environment" // the environment's name
	LabelGateway      = "gangway-gateway"     // the gateway's name in the configuration
	LabelTemplate     = "gangway-template"    // the revision whose template stood in the service before this one's
)

// Tag is the traffic tag of a preview's revisions: pr-42; candidate for releases, of which a service has one at a time.
func (k Key) Tag() string {
	if k.Release != "" {
		return "candidate"
	}
	return "pr-" + strconv.Itoa(k.PullRequest)
}

// GatewayID is the id of the preview's gateway on API Gateway: shop-pr-42-1a2b3c, or shop-qa-1a2b3c for releases. The hash
// keeps the pull requests of several repositories, services, and previews in several environments of one project, apart.
func (k Key) GatewayID() string {
	middle := k.Tag()
	if k.Release != "" {
		middle = "qa"
	}
	return k.Gateway + "-" + middle + "-" + k.Hash()[:6]
}

// Labels are what says of an object on Google Cloud that it belongs to the preview.
func (k Key) Labels(installation string) map[string]string {
	labels := map[string]string{
		LabelInstallation: installation,
		LabelPreview:      k.Hash(),
		LabelEnvironment:  k.Environment,
		LabelGateway:      k.Gateway,
		LabelRepository:   strconv.FormatInt(k.Repository, 10),
	}
	if k.Release != "" {
		labels[LabelRelease] = k.Release
	} else {
		labels[LabelPullRequest] = strconv.Itoa(k.PullRequest)
	}
	return labels
}

// KeyOf is the preview that labels name, if they agree with its hash. Other installations' labels look alike.
func KeyOf(labels map[string]string) (Key, bool) {
	repository, err := strconv.ParseInt(labels[LabelRepository], 10, 64)
	if err != nil {
		return Key{}, false
	}
	k := Key{Environment: labels[LabelEnvironment], Gateway: labels[LabelGateway], Repository: repository, Release: labels[LabelRelease]}
	if k.Release == "" {
		if k.PullRequest, err = strconv.Atoi(labels[LabelPullRequest]); err != nil {
			return Key{}, false
		}
	}
	return k, k.Valid() && k.Hash() == labels[LabelPreview]
}

// ConfigID is the id of the API config that holds document. Its content can't be changed on API Gateway, so that
// another document, or another backend service account, has another id.
func (k Key) ConfigID(document []byte, backendServiceAccount string) string {
	h := sha256.New()
	h.Write(document)
	h.Write([]byte{0})
	h.Write([]byte(backendServiceAccount))
	return k.GatewayID() + "-" + hex.EncodeToString(h.Sum(nil))[:12]
}

// RevisionName is the name of the revision that serves a member: service, tag, short SHA, and a fingerprint of what is
// deployed, because Cloud Run refuses a name that was used with another configuration.
func (k Key) RevisionName(cloudRun, sha, fingerprint string) string {
	sum := sha256.Sum256([]byte(fingerprint))
	return strings.Join([]string{cloudRun, k.Tag(), ShortSHA(sha), hex.EncodeToString(sum[:])[:4]}, "-")
}

// TagURL is the URL of a tag on the Cloud Run service at serviceURL: the tag stands before the host. It may be used to
// tell a revision of another one before that exists; what Cloud Run says afterwards decides.
func TagURL(serviceURL, tag string) string {
	scheme, rest, ok := strings.Cut(serviceURL, "://")
	if !ok {
		return ""
	}
	return scheme + "://" + tag + "---" + rest
}

// ShortSHA is the first seven digits of a commit's SHA, as GitHub shows it.
func ShortSHA(sha string) string {
	if len(sha) > 7 {
		return sha[:7]
	}
	return sha
}
