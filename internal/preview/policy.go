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
// what was seen. Whoever may triage can set labels, and so can Apps and workflows: so it counts only if somebody with write
// permission has set it; see [Approval].
func ApprovalLabel(sha string) string { return "preview:" + sha }

// Approving is the label that decides whether p is built, if there is one that does: then it has to be known who set it.
func (policy Policy) Approving(p PullRequest) (label string, ok bool) {
	label = ApprovalLabel(p.HeadSHA)
	return label, policy.Forks && p.Open && p.Fork() && slices.Contains(p.Labels, label)
}

// approves tells whether somebody who may write has set that label. What is not known approves nothing.
func (a *Approval) approves(label string) bool {
	return a != nil && a.Label == label && a.By.ID != 0 && !a.By.Bot && (a.Permission == "write" || a.Permission == "admin")
}

// Blocks tells why the policy keeps p from being built; nil when it doesn't. Fork comes first: it is the one that
// matters for security. approval is about the label of [Policy.Approving].
func (policy Policy) Blocks(p PullRequest, approval *Approval) *Block {
	label, labeled := policy.Approving(p)
	switch {
	case p.Fork() && !policy.Forks:
		return &Block{Reason: BlockFork}
	case p.Fork() && !labeled:
		return &Block{Reason: BlockFork, Detail: label}
	case p.Fork() && !approval.approves(label):
		block := &Block{Reason: BlockFork, Detail: label, By: "ghost"} // as GitHub calls those that it does not know any more
		if approval != nil && approval.Label == label && approval.By.Login != "" {
			block.By = approval.By.Login
		}
		return block
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
