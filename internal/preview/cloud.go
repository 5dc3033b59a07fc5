package preview

import "time"

// BuildStatus is how far a build is. The zero value is not a status.
type BuildStatus string

// The statuses that Cloud Build distinguishes, as far as Gangway does:
// https://cloud.google.com/build/docs/api/reference/rest/v1/projects.builds#Build.Status
const (
	BuildQueued    BuildStatus = "queued"         // PENDING, QUEUED
	BuildWorking   BuildStatus = "working"        // WORKING
	BuildSucceeded BuildStatus = "succeeded"      // SUCCESS
	BuildFailed    BuildStatus = "failed"         // FAILURE: a step failed
	BuildTimedOut  BuildStatus = "timed_out"      // TIMEOUT
	BuildCancelled BuildStatus = "cancelled"      // CANCELLED: by us or by a person
	BuildExpired   BuildStatus = "expired"        // EXPIRED: it waited in the queue for too long
	BuildBroken    BuildStatus = "internal_error" // INTERNAL_ERROR: the builder's own fault
)

// Done tells whether the build has ended, well or not.
func (s BuildStatus) Done() bool { return s != "" && s != BuildQueued && s != BuildWorking }

// Logged tells whether a build that ended so has a step whose log says why.
func (s BuildStatus) Logged() bool { return s == BuildFailed || s == BuildTimedOut }

// A Build is what Cloud Build says of one build of ours. All of it was read from Cloud Build's API, never from a
// message.
type Build struct {
	ID         string
	Status     BuildStatus
	Key        Key // from the build's tags
	Service    string
	Generation int64
	SHA        string
	Digest     string // sha256:…, of the pushed image; only when it succeeded
	Image      string // repository of the image without tag or digest
	LogURL     string
	Created    time.Time
	Started    time.Time
	Finished   time.Time
	Step       string // the step that failed, when the build did
	Reason     string // why it did not succeed, in Cloud Build's words
}

// A BuildRequest asks for one build of one service. Apart from SHA and numbers, every field comes from the operator's
// configuration: nothing in it was chosen by a pull request's author.
type BuildRequest struct {
	Key        Key
	Generation int64
	Service    string
	SHA        string
	Repository Repository

	Project        string
	Region         string
	ServiceAccount string // e-mail
	Connection     string // Cloud Build's repository resource; "" builds from SourceBucket
	SourceBucket   string // bucket that the commit's files are put into; "" builds from CloneURL, as anybody may clone it
	CloneURL       string
	Fork           bool   // its code comes from a fork: it shares no cache with anything
	Config         []byte // Cloud Build configuration (YAML or JSON); empty is Gangway's own
	Context        string // directory in the repository
	Dockerfile     string // path in the repository
	ComposeTest    string // path in the repository, "" for none
	Image          string // image repository, without tag or digest
	Timeout        time.Duration
	QueueTimeout   time.Duration
}

// A BuildRef names a build on Cloud Build.
type BuildRef struct {
	Project, Region, ID string
}

// A ServiceRef names a Cloud Run service.
type ServiceRef struct {
	Project, Region, Name string
}

// A TrafficTarget is one entry of a Cloud Run service's traffic list.
type TrafficTarget struct {
	Latest   bool // follows the latest ready revision
	Revision string
	Percent  int
	Tag      string
	URL      string // of the tag, from trafficStatuses; empty until Cloud Run has set it up
}

// A CloudRunService is what Cloud Run says of a service.
type CloudRunService struct {
	Ref         ServiceRef
	URL         string          // the service's own URL, which is the audience of calls to it
	Etag        string          // of what was read: a write that carries it overwrites nothing newer
	Reconciling bool            // what it says of its state may still be about an earlier write
	Traffic     []TrafficTarget // as wanted, with the URLs that are live
}

// Live is the revision with the largest share of traffic, the first of equals; "" when no revision is named.
func (s CloudRunService) Live() string {
	name, most := "", 0
	for _, t := range s.Traffic {
		if t.Percent > most && t.Revision != "" {
			name, most = t.Revision, t.Percent
		}
	}
	return name
}

// Tagged is the traffic entry that carries tag.
func (s CloudRunService) Tagged(tag string) (TrafficTarget, bool) {
	for _, t := range s.Traffic {
		if t.Tag == tag {
			return t, true
		}
	}
	return TrafficTarget{}, false
}

// Readiness is whether a revision can serve.
type Readiness string

// A revision is pending until Cloud Run has decided; a failed one does not recover.
const (
	ReadinessPending Readiness = "pending"
	ReadinessReady   Readiness = "ready"
	ReadinessFailed  Readiness = "failed"
)

// A CloudRunRevision is what Cloud Run says of a revision.
type CloudRunRevision struct {
	Service   ServiceRef
	Name      string
	Labels    map[string]string
	Image     string // by digest
	Readiness Readiness
	Message   string // why it failed, in Cloud Run's words
	Created   time.Time
}

// A Deployment asks for a revision without traffic under a tag. Deploying the same one again changes nothing. (GitHub's
// deployments are something else.)
type Deployment struct {
	Service        ServiceRef
	Tag            string
	Revision       string // name; the adapter never invents one
	Image          string // by digest
	Labels         map[string]string
	Env            map[string]string       // added to the live revision's, or in place of it
	Secrets        map[string]SecretSource // environment variable → secret
	ServiceAccount string                  // "" keeps the live revision's
}

// A SecretSource refers to a version of a secret in Secret Manager; it never holds the secret.
type SecretSource struct {
	Secret  string
	Version string
}
