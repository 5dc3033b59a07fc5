package preview

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Policy says which pull requests get a preview. It comes from the operator's configuration.
type Policy struct {
	Drafts       bool
	Forks        bool          // forks are built once somebody has approved the very commit; see [ApprovalLabel]
	Bots         []string      // logins of bots that are built
	RequireLabel string        // "" for none
	ExcludeLabel string        // "" for none
	ExpireAfter  time.Duration // without a push; 0 is never
	Limit        int           // live previews on a gateway at most; 0 is no limit
}

// ApprovalLabel is the label by which a fork's commit is approved. It names the whole SHA, so that what is built is
// what was seen; only people with rights on the repository can set labels.
func ApprovalLabel(sha string) string { return "preview:" + sha }

// Blocks tells why the policy keeps p from being built; nil when it doesn't. Fork comes first: it is the one that
// matters for security.
func (policy Policy) Blocks(p PullRequest) *Block {
	switch {
	case p.Fork() && !policy.Forks:
		return &Block{Reason: BlockFork}
	case p.Fork() && !slices.Contains(p.Labels, ApprovalLabel(p.HeadSHA)):
		return &Block{Reason: BlockFork, Detail: ApprovalLabel(p.HeadSHA)}
	case p.Author.Bot && !containsFold(policy.Bots, p.Author.Login):
		return &Block{Reason: BlockBot}
	case p.Draft && !policy.Drafts:
		return &Block{Reason: BlockDraft}
	case policy.ExcludeLabel != "" && containsFold(p.Labels, policy.ExcludeLabel):
		return &Block{Reason: BlockLabel, Detail: "remove the label " + policy.ExcludeLabel}
	case policy.RequireLabel != "" && !containsFold(p.Labels, policy.RequireLabel):
		return &Block{Reason: BlockLabel, Detail: "add the label " + policy.RequireLabel}
	}
	return nil
}

// full is the block of a preview that comes when as many as allowed are live.
func (policy Policy) full() *Block {
	return &Block{Reason: BlockLimit, Detail: strconv.Itoa(policy.Limit)}
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(e string) bool { return strings.EqualFold(e, s) })
}
