package checker

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// facts are everything that was read.
type facts struct {
	pulls       []*pull
	gateways    []gateway
	configs     []apiConfig
	operations  []operation
	breaches    []breach // what API Gateway's emulator noticed itself
	services    []runService
	revisions   []revision
	processes   []process
	builds      []build
	stacks      []stack
	terraforms  []string          // working directory of each terraform process
	texts       map[string]string // file → where a secret was found in it
	unhealthy   map[string]string // URL → what it said
	environment Traffic
}

// A pull is a pull request with what is on it.
type pull struct {
	Repository   string
	RepositoryID int64
	Number       int       `json:"number"`
	State        string    `json:"state"`
	Title        string    `json:"title"`
	Draft        bool      `json:"draft"`
	ClosedAt     time.Time `json:"closed_at"`
	Labels       []struct {
		Name string `json:"name"`
	} `json:"labels"`
	Head struct {
		SHA string `json:"sha"`
		Ref string `json:"ref"`
	} `json:"head"`
	files       []string
	comments    []comment
	checks      []check
	deployments []deployment
	answers     string              // what its link answers: "" when that is well
	unchanged   map[string][]string // commit before the head → services whose files are the same there
}

func (p *pull) subject() string { return fmt.Sprintf("%s#%d", p.Repository, p.Number) }
func (p *pull) open() bool      { return p.State == "open" }

// ours are the comments that the App has written with the marker of a preview.
func (p *pull) ours() []comment {
	var all []comment
	for _, c := range p.comments {
		if c.Via != nil && strings.Contains(c.Body, marker) {
			all = append(all, c)
		}
	}
	return all
}

const marker = "<!-- gangway:preview "

type comment struct {
	Body string `json:"body"`
	Via  *struct {
		ID int64 `json:"id"`
	} `json:"performed_via_github_app"`
}

var (
	headline = regexp.MustCompile(`(?m)^### (\S+) (.*)$`)
	openLink = regexp.MustCompile(`\[Open the [^\]]*\]\((https?://[^)\s]+)\)`)
)

// says reads the comment: the sign at its beginning, the words after it, and the link if there is one.
func (c comment) says() (sign, words, link string) {
	if m := headline.FindStringSubmatch(c.Body); m != nil {
		sign, words = strings.TrimSuffix(m[1], "\ufe0f"), m[2]
	}
	if m := openLink.FindStringSubmatch(c.Body); m != nil {
		link = m[1]
	}
	return sign, words, link
}

// The signs that a comment begins with. Any other stands before a reason why there is no preview.
const (
	signReady   = "✅"
	signWorking = "⏳"
	signGone    = "🧹"
)

type check struct {
	Name       string `json:"name"`
	HeadSHA    string `json:"head_sha"`
	Status     string `json:"status"`
	Conclusion string `json:"conclusion"`
	Output     struct {
		Title   string `json:"title"`
		Summary string `json:"summary"`
		Text    string `json:"text"`
	} `json:"output"`
}

type deployment struct {
	ID          int64  `json:"id"`
	SHA         string `json:"sha"`
	Task        string `json:"task"`
	Description string `json:"description"`
	statuses    []deploymentStatus
}

type deploymentStatus struct {
	ID             int64  `json:"id"`
	State          string `json:"state"`
	Description    string `json:"description"`
	EnvironmentURL string `json:"environment_url"`
}

// last is the newest status.
func (d deployment) last() deploymentStatus {
	var newest deploymentStatus
	for _, s := range d.statuses {
		if s.ID >= newest.ID {
			newest = s
		}
	}
	return newest
}

// labels are those of an object of Google Cloud.
type labels map[string]string

// The labels that Gangway documents.
const (
	labelInstallation = "gangway"
	labelPreview      = "gangway-preview"
	labelRepository   = "gangway-repository"
	labelPullRequest  = "gangway-pr"
	labelService      = "gangway-service"
	labelGeneration   = "gangway-generation"
	labelCommit       = "gangway-commit"
)

// of tells whether the object says that it belongs to the pull request.
func (l labels) of(p *pull) bool {
	return l[labelRepository] == strconv.FormatInt(p.RepositoryID, 10) && l[labelPullRequest] == strconv.Itoa(p.Number)
}

// preview tells whether the object says that it is a preview's, of this installation.
func (l labels) preview(w World) bool {
	return l[labelPreview] != "" && (w.Installation == "" || l[labelInstallation] == w.Installation)
}

type gateway struct {
	Name      string    `json:"name"`
	Labels    labels    `json:"labels"`
	State     string    `json:"state"`
	APIConfig string    `json:"apiConfig"`
	Hostname  string    `json:"defaultHostname"`
	Created   time.Time `json:"createTime"`
}

type apiConfig struct {
	Name      string    `json:"name"`
	Labels    labels    `json:"labels"`
	State     string    `json:"state"`
	Created   time.Time `json:"createTime"`
	Documents []struct {
		Document struct {
			Contents []byte `json:"contents"`
		} `json:"document"`
	} `json:"openapiDocuments"`
}

// text is the documents' text.
func (c apiConfig) text() string {
	var b strings.Builder
	for _, d := range c.Documents {
		b.Write(d.Document.Contents)
		b.WriteByte('\n')
	}
	return b.String()
}

var backendAddress = regexp.MustCompile(`(?m)["']?address["']?:\s*["']?(https?://[^\s"',}]+)`)

// backends are the hosts that the gateway sends requests to.
func (c apiConfig) backends() []string {
	var hosts []string
	for _, m := range backendAddress.FindAllStringSubmatch(c.text(), -1) {
		_, rest, _ := strings.Cut(m[1], "://")
		host, _, _ := strings.Cut(rest, "/")
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

type operation struct {
	Name     string `json:"name"`
	Done     bool   `json:"done"`
	Metadata struct {
		Created time.Time `json:"createTime"`
		Target  string    `json:"target"`
		Verb    string    `json:"verb"`
	} `json:"metadata"`
}

type breach struct {
	Kind     string `json:"kind"`
	Resource string `json:"resource"`
	Detail   string `json:"detail"`
}

type runService struct {
	Name     string   `json:"name"`
	Traffic  []target `json:"traffic"`
	Statuses []target `json:"trafficStatuses"`
}

type target struct {
	Type     string `json:"type,omitempty"`
	Revision string `json:"revision,omitempty"`
	Percent  int    `json:"percent,omitempty"`
	Tag      string `json:"tag,omitempty"`
	URI      string `json:"uri,omitempty"`
}

// previewTag is how the tags of previews look. Any other is a foreign one.
var previewTag = regexp.MustCompile(`^pr-([0-9]+)$`)

type revision struct {
	Name       string `json:"name"`
	Labels     labels `json:"labels"`
	Account    string `json:"serviceAccount"`
	Containers []struct {
		Image string `json:"image"`
		Env   []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"env"`
	} `json:"containers"`
}

type process struct {
	Revision string `json:"revision"`
}

type build struct {
	ID             string            `json:"id"`
	Status         string            `json:"status"`
	Tags           []string          `json:"tags"`
	Substitutions  map[string]string `json:"substitutions"`
	ServiceAccount string            `json:"serviceAccount"`
	Created        time.Time         `json:"createTime"`
}

// tag is the value of the build's tag that begins with prefix.
func (b build) tag(prefix string) string {
	for _, t := range b.Tags {
		if value, ok := strings.CutPrefix(t, prefix); ok {
			return value
		}
	}
	return ""
}

// A stack is a folder of Terraform's with a state.
type stack struct {
	folder     string // relative to the folder of the stacks
	repository string // ids, from the folder's name
	number     string
	resources  int  // managed ones, in the state
	locked     bool // a lock was left
	sources    map[string]string
}

// short is a resource's name without its parents.
func short(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
