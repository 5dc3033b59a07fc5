package github

import (
	"slices"
	"strings"
	"time"
)

// state is all that is not in git. It is guarded by Server.mu and written as JSON.
type state struct {
	LastID        int64               `json:"last_id"`
	Accounts      []*account          `json:"accounts"`
	Installations []*installation     `json:"installations"`
	Repositories  []*repository       `json:"repositories"`
	Deliveries    []*delivery         `json:"deliveries"`             // oldest first
	Tokens        map[string]*granted `json:"tokens"`                 // SHA-256 of the token → what it allows
	Former        []formerName        `json:"former_names,omitempty"` // newest last
	App           *madeApp            `json:"app,omitempty"`          // nil: that of the options
}

// A formerName is what a repository was called before it was renamed or transferred. It leads to the repository until
// another one takes the name.
type formerName struct {
	Owner      string `json:"owner"`
	Name       string `json:"name"`
	Repository int64  `json:"repository"`
}

type account struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Kind  string `json:"kind"` // User, Organization, Bot
}

type installation struct {
	ID        int64     `json:"id"`
	Account   int64     `json:"account"`
	CreatedAt time.Time `json:"created_at"`
	Suspended bool      `json:"suspended,omitempty"`
}

// granted is what an installation token allows.
type granted struct {
	Installation int64             `json:"installation"`
	Repositories []int64           `json:"repositories,omitempty"` // empty: all of the installation
	Permissions  map[string]string `json:"permissions"`            // permission → read or write
	Expires      time.Time         `json:"expires"`
}

type repository struct {
	ID            int64             `json:"id"`
	Owner         int64             `json:"owner"`
	OwnerLogin    string            `json:"owner_login"`
	Name          string            `json:"name"`
	DefaultBranch string            `json:"default_branch"`
	Private       bool              `json:"private,omitempty"`
	Parent        int64             `json:"parent,omitempty"` // of a fork
	CreatedAt     time.Time         `json:"created_at"`
	PushedAt      time.Time         `json:"pushed_at"`
	LastNumber    int               `json:"last_number"`
	Pulls         []*pull           `json:"pulls"`
	CheckRuns     []*checkRun       `json:"check_runs"`
	Deployments   []*deployment     `json:"deployments"`
	Roles         map[string]string `json:"roles,omitempty"` // login in lower case → role, where it is not the usual one
}

type pull struct {
	ID             int64      `json:"id"`
	Number         int        `json:"number"`
	State          string     `json:"state"` // open, closed
	Locked         bool       `json:"locked,omitempty"`
	Title          string     `json:"title"`
	Body           string     `json:"body"`
	Author         int64      `json:"author"`
	Draft          bool       `json:"draft,omitempty"`
	Labels         []label    `json:"labels,omitempty"`
	HeadRepository int64      `json:"head_repository"`
	HeadOwner      string     `json:"head_owner"`
	HeadRef        string     `json:"head_ref"`
	HeadSHA        string     `json:"head_sha"`
	BaseRef        string     `json:"base_ref"`
	BaseSHA        string     `json:"base_sha"`
	MergeSHA       string     `json:"merge_sha,omitempty"`
	MergedBy       int64      `json:"merged_by,omitempty"`
	CreatedAt      time.Time  `json:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
	ClosedAt       time.Time  `json:"closed_at,omitzero"`
	MergedAt       time.Time  `json:"merged_at,omitzero"`
	Size           diffSize   `json:"size"`
	Comments       []*comment `json:"comments"`
	Events         []event    `json:"events"`
}

// diffSize is how large a pull request is.
type diffSize struct {
	Commits   int `json:"commits"`
	Files     int `json:"files"`
	Additions int `json:"additions"`
	Deletions int `json:"deletions"`
}

// An event is a line of a pull request's timeline. The pages show all of them, the REST API those of labels.
type event struct {
	At    time.Time `json:"at"`
	Actor int64     `json:"actor"`
	Text  string    `json:"text"`
	ID    int64     `json:"id,omitempty"`
	Kind  string    `json:"kind,omitempty"` // labeled, unlabeled
	Label *label    `json:"label,omitempty"`
}

type label struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Color string `json:"color"`
}

type comment struct {
	ID        int64     `json:"id"`
	Author    int64     `json:"author"`
	App       bool      `json:"app,omitempty"` // written through the App
	Body      string    `json:"body"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type checkRun struct {
	ID          int64        `json:"id"`
	Name        string       `json:"name"`
	HeadSHA     string       `json:"head_sha"`
	ExternalID  string       `json:"external_id"`
	DetailsURL  string       `json:"details_url"`
	Status      string       `json:"status"`
	Conclusion  string       `json:"conclusion"`
	Title       string       `json:"title"`
	Summary     string       `json:"summary"`
	Text        string       `json:"text"`
	StartedAt   time.Time    `json:"started_at"`
	CompletedAt time.Time    `json:"completed_at,omitzero"`
	Annotations []annotation `json:"annotations"`
}

// An annotation has the REST API's own names, so that it can be decoded from requests and encoded into answers.
type annotation struct {
	Path      string `json:"path"`
	StartLine int    `json:"start_line"`
	EndLine   int    `json:"end_line"`
	Level     string `json:"annotation_level"`
	Title     string `json:"title"`
	Message   string `json:"message"`
}

type deployment struct {
	ID          int64              `json:"id"`
	SHA         string             `json:"sha"`
	Ref         string             `json:"ref"`
	Task        string             `json:"task"`
	Environment string             `json:"environment"`
	Description string             `json:"description"`
	Transient   bool               `json:"transient"`
	Production  bool               `json:"production"`
	CreatedAt   time.Time          `json:"created_at"`
	UpdatedAt   time.Time          `json:"updated_at"`
	Statuses    []deploymentStatus `json:"statuses"` // oldest first
}

type deploymentStatus struct {
	ID             int64     `json:"id"`
	State          string    `json:"state"`
	Description    string    `json:"description"`
	Environment    string    `json:"environment"`
	EnvironmentURL string    `json:"environment_url"`
	LogURL         string    `json:"log_url"`
	CreatedAt      time.Time `json:"created_at"`
}

// nextID gives out the numeric ids of everything.
func (t *state) nextID() int64 {
	const first = 812_345_000 // so that ids don't fit by chance where a number of a pull request is meant
	t.LastID = max(t.LastID, first) + 1
	return t.LastID
}

// account returns the account of that login, made on first use.
func (t *state) account(login, kind string) *account {
	for _, a := range t.Accounts {
		if strings.EqualFold(a.Login, login) {
			return a
		}
	}
	a := &account{ID: t.nextID(), Login: login, Kind: kind}
	t.Accounts = append(t.Accounts, a)
	return a
}

// kindOf is what kind of account a login belongs to.
func kindOf(login string) string {
	if strings.HasSuffix(login, "[bot]") {
		return "Bot"
	}
	return "User"
}

// find is the first of items that is meant, or nil.
func find[T any](items []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(items, is); i >= 0 {
		return items[i]
	}
	return nil
}

func (t *state) accountByID(id int64) *account {
	for _, a := range t.Accounts {
		if a.ID == id {
			return a
		}
	}
	return &account{ID: 10_137, Login: "ghost", Kind: "User"} // GitHub's stand-in for deleted accounts
}

func (t *state) repository(owner, name string) *repository {
	return find(t.Repositories, func(r *repository) bool {
		return strings.EqualFold(r.OwnerLogin, owner) && strings.EqualFold(r.Name, name)
	})
}

// moved is the repository that had that name before, unless another one has it now; nil when there is none.
func (t *state) moved(owner, name string) *repository {
	if t.repository(owner, name) != nil {
		return nil
	}
	for _, f := range slices.Backward(t.Former) {
		if strings.EqualFold(f.Owner, owner) && strings.EqualFold(f.Name, name) {
			return t.repositoryByID(f.Repository)
		}
	}
	return nil
}

func (t *state) repositoryByID(id int64) *repository {
	return find(t.Repositories, func(r *repository) bool { return r.ID == id })
}

func (t *state) installationOf(r *repository) *installation {
	return find(t.Installations, func(i *installation) bool { return i.Account == r.Owner && r.Parent == 0 })
}

func (t *state) installation(id int64) *installation {
	return find(t.Installations, func(i *installation) bool { return i.ID == id })
}

func (r *repository) fullName() string { return r.OwnerLogin + "/" + r.Name }

func (r *repository) pull(number int) *pull {
	return find(r.Pulls, func(p *pull) bool { return p.Number == number })
}

func (r *repository) checkRun(id int64) *checkRun {
	return find(r.CheckRuns, func(c *checkRun) bool { return c.ID == id })
}

func (r *repository) deployment(id int64) *deployment {
	return find(r.Deployments, func(d *deployment) bool { return d.ID == id })
}

// comment finds a comment of any pull request.
func (r *repository) comment(id int64) (*pull, *comment) {
	for _, p := range r.Pulls {
		for _, c := range p.Comments {
			if c.ID == id {
				return p, c
			}
		}
	}
	return nil, nil
}

// state is what the newest status says; a deployment without any is pending.
func (d *deployment) state() string {
	if len(d.Statuses) == 0 {
		return "pending"
	}
	return d.Statuses[len(d.Statuses)-1].State
}
