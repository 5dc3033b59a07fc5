package preview

import (
	"strings"
	"time"
)

// A Repository is a GitHub repository that the App is installed on.
type Repository struct {
	ID            int64  `json:"id"`
	Owner         string `json:"owner"`
	Name          string `json:"name"`
	Installation  int64  `json:"installation_id"`
	DefaultBranch string `json:"default_branch,omitempty"`
	Declared      string `json:"declared,omitempty"` // owner/name as in the configuration, which may be a former one
	Private       bool   `json:"private,omitempty"`  // not everybody may clone it
}

// FullName is owner/name.
func (r Repository) FullName() string { return r.Owner + "/" + r.Name }

// Renamed tells whether the configuration calls the repository by a former name.
func (r Repository) Renamed() bool {
	return r.Declared != "" && !strings.EqualFold(r.Declared, r.FullName())
}

// A PullRequest is what GitHub says of one pull request. Title and HeadRef are the author's words: data, never
// interpreted, never part of a name.
type PullRequest struct {
	Repository     Repository
	Number         int
	URL            string
	Open           bool // GitHub says "state": "open"
	Merged         bool
	Draft          bool
	Title          string
	Author         Account
	Labels         []string
	HeadSHA        string
	HeadRef        string
	HeadRepository int64 // 0 when the fork was deleted
	BaseSHA        string
	BaseRef        string
	ChangedFiles   int // as GitHub counts them, even beyond the 3,000 that it lists
	CreatedAt      time.Time
	ClosedAt       time.Time
}

// Fork tells whether the pull request's code comes from another repository than the one that it is to be merged into.
// A deleted fork is still one.
func (p PullRequest) Fork() bool { return p.HeadRepository != p.Repository.ID }

// An Approval is who set a label on a pull request last, and what that account may do in the repository.
type Approval struct {
	Label      string
	By         Account // none: it is not set, or GitHub does not tell by whom
	Permission string  // admin, write, read or none, as GitHub says; "" where it does not
}

// An Account is a GitHub user or bot.
type Account struct {
	ID    int64
	Login string
	Bot   bool
}

// A Tree is all files of a commit. When Complete is false, GitHub's answer was cut.
type Tree struct {
	Entries  []TreeEntry
	Complete bool
}

// A TreeEntry is a file, a symbolic link or a submodule.
type TreeEntry struct {
	Path string
	Mode string // git's: 100644, 100755, 120000, 160000
	SHA  string // of the content
}

// Files are the paths that a pull request changes; a renamed file is there under both its names. When Complete is
// false, GitHub's answer was cut (it lists 3,000 at the most) or did not agree with its own count.
type Files struct {
	Paths    []string
	Complete bool
}
