package preview

// Topics on Pub/Sub. Every message is a hint: it names what to look at, and whoever receives it reads the truth.
const (
	TopicPullRequests = "pull-requests" // [PullRequestHint], from receive to intake
	TopicCloudBuilds  = "cloud-builds"  // Cloud Build's own notices, to intake
	TopicRevisions    = "revisions"     // [RevisionReady], from intake, or from a team's own pipeline, to the aggregator
	TopicPreviews     = "previews"      // [WantedChanged], from intake to the aggregator
)

// HintVersion is the version that messages carry. A reader refuses a newer one.
const HintVersion = 1

// MaxHintBytes bounds a message: a hint holds references only.
const MaxHintBytes = 64 << 10

// A PullRequestHint says that something happened to a pull request. It is not evidence of anything.
type PullRequestHint struct {
	Version      int    `json:"version"`
	DeliveryID   string `json:"delivery_id"`
	Event        string `json:"event"`
	Action       string `json:"action"`
	Installation int64  `json:"installation_id"`
	Repository   int64  `json:"repository_id"`
	FullName     string `json:"repository"` // owner/name, as it was when the event was sent
	PullRequest  int    `json:"pull_request"`
	Change       string `json:"change"` // [ChangeID]: for logs only
}

// RevisionReady says that a revision without traffic stands under its tag and can serve. The aggregator verifies all of
// it against Cloud Run and its own records.
type RevisionReady struct {
	Version    int    `json:"version"`
	Preview    string `json:"preview"` // [Key.String]
	Generation int64  `json:"generation"`
	Service    string `json:"service"`
	Revision   string `json:"revision"`
	Tag        string `json:"tag"`
	HeadSHA    string `json:"head_sha"`
	Change     string `json:"change"` // [ChangeID]: for logs only
}

// WantedChanged says that what is wanted of a preview has changed.
type WantedChanged struct {
	Version    int    `json:"version"`
	Preview    string `json:"preview"` // [Key.String]
	Generation int64  `json:"generation"`
	Change     string `json:"change"` // [ChangeID]: for logs only
}
