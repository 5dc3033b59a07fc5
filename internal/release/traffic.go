package release

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A Share is the part of a service's traffic that one revision gets.
type Share struct {
	Revision string `json:"revision"`
	Percent  int    `json:"percent"`
}

// Traffic is the traffic list of a Cloud Run service as it was read.
type Traffic struct {
	CloudRun    string // the service's name
	Etag        string // of the service; a change is made only if it still holds
	Reconciling bool   // the list may not be in force yet
	Targets     []preview.TrafficTarget
}

// Shares are the revisions that get traffic, in the order of their names. They sum to 100. An error is a
// [*preview.UserError] that says what people have to do: of a list that follows the latest revision, or that can't be
// understood, nothing is known.
func (t Traffic) Shares() ([]Share, error) {
	if len(t.Targets) == 0 { // Cloud Run takes an empty list for "all to the latest"
		return nil, unpinned(t.CloudRun)
	}
	sums := map[string]int{}
	total := 0
	for _, target := range t.Targets {
		if target.Latest && (target.Percent != 0 || target.Tag != "") {
			return nil, unpinned(t.CloudRun)
		}
		if target.Percent < 0 || target.Percent > 0 && target.Revision == "" {
			return nil, unclear(t.CloudRun, fmt.Sprintf("an entry gives %d %% to revision %q", target.Percent, target.Revision))
		}
		total += target.Percent
		if target.Percent > 0 {
			sums[target.Revision] += target.Percent
		}
	}
	if total != 100 {
		return nil, unclear(t.CloudRun, fmt.Sprintf("the percentages sum to %d", total))
	}
	shares := make([]Share, 0, len(sums))
	for revision, percent := range sums {
		shares = append(shares, Share{revision, percent})
	}
	return sorted(shares), nil
}

// With is the list in which the revisions have exactly the shares of to. Every tag stays on its revision, in its place;
// an entry of a revision whose share does not change is left byte for byte. What changes stands on entries without a
// tag, so that whoever takes a tag away takes no traffic with it.
func (t Traffic) With(to []Share) ([]preview.TrafficTarget, error) {
	found, err := t.Shares()
	if err != nil {
		return nil, err
	}
	if err := checkShares(to); err != nil {
		return nil, err
	}
	list := make([]preview.TrafficTarget, 0, len(t.Targets)+len(to))
	placed := map[string]bool{}
	for _, target := range t.Targets {
		want := percentOf(to, target.Revision)
		switch {
		case target.Latest || percentOf(found, target.Revision) == want:
		case target.Tag != "":
			target.Percent = 0
		case want == 0 || placed[target.Revision]:
			continue
		default:
			target.Percent = want
			placed[target.Revision] = true
		}
		list = append(list, target)
	}
	for _, share := range to {
		if !placed[share.Revision] && percentOf(found, share.Revision) != share.Percent {
			list = append(list, preview.TrafficTarget{Revision: share.Revision, Percent: share.Percent})
		}
	}
	return list, nil
}

// WithTag is the list with tag on revision; all shares and all other tags stay. A tag that stands on another revision is
// somebody's, and an error.
func (t Traffic) WithTag(tag, revision string) ([]preview.TrafficTarget, error) {
	if tag == "" || revision == "" {
		return nil, fmt.Errorf("tagging revision %q with %q: both are needed", revision, tag)
	}
	for _, target := range t.Targets {
		if target.Tag == tag && (target.Latest || target.Revision != revision) {
			return nil, &preview.UserError{
				Summary: fmt.Sprintf("The traffic tag %s of Cloud Run service %s is somebody else's", tag, t.CloudRun),
				Hint:    "Remove that tag, or give it another name.",
			}
		}
	}
	if t.tagged(tag, revision) {
		return slices.Clone(t.Targets), nil
	}
	return append(slices.Clone(t.Targets), preview.TrafficTarget{Revision: revision, Tag: tag}), nil
}

// WithoutTag is the list without tag, if that stands on revision; all shares and all other tags stay.
func (t Traffic) WithoutTag(tag, revision string) []preview.TrafficTarget {
	list := make([]preview.TrafficTarget, 0, len(t.Targets))
	for _, target := range t.Targets {
		if tag != "" && target.Tag == tag && target.Revision == revision && !target.Latest {
			if target.Percent == 0 {
				continue
			}
			target.Tag, target.URL = "", ""
		}
		list = append(list, target)
	}
	return list
}

func (t Traffic) tagged(tag, revision string) bool {
	_, ok := t.tagOf(tag, revision)
	return ok
}

func (t Traffic) tagOf(tag, revision string) (preview.TrafficTarget, bool) {
	for _, target := range t.Targets {
		if tag != "" && target.Tag == tag && target.Revision == revision && !target.Latest {
			return target, true
		}
	}
	return preview.TrafficTarget{}, false
}

// names tells whether any entry names the revision.
func (t Traffic) names(revision string) bool {
	return slices.ContainsFunc(t.Targets, func(target preview.TrafficTarget) bool { return target.Revision == revision })
}

// checkShares says what is wrong with shares that are to be set.
func checkShares(to []Share) error {
	total := 0
	seen := map[string]bool{}
	for _, share := range to {
		if share.Revision == "" || share.Percent < 1 || share.Percent > 100 || seen[share.Revision] {
			return fmt.Errorf("shares %v: every revision has to be named once, with 1 to 100 %%", to)
		}
		seen[share.Revision] = true
		total += share.Percent
	}
	if total != 100 {
		return fmt.Errorf("shares %v: they sum to %d, not to 100", to, total)
	}
	return nil
}

// split is the shares of a step: percent for the candidate, the rest for the last good revision.
func split(good, candidate string, percent int) []Share {
	var shares []Share
	if percent < 100 {
		shares = append(shares, Share{good, 100 - percent})
	}
	if percent > 0 {
		shares = append(shares, Share{candidate, percent})
	}
	return sorted(shares)
}

// all is every request for one revision.
func all(revision string) []Share { return []Share{{revision, 100}} }

func percentOf(shares []Share, revision string) int {
	for _, share := range shares {
		if share.Revision == revision {
			return share.Percent
		}
	}
	return 0
}

// others are the revisions with a share that are none of known.
func others(shares []Share, known ...string) []string {
	var names []string
	for _, share := range shares {
		if !slices.Contains(known, share.Revision) {
			names = append(names, share.Revision)
		}
	}
	return names
}

func sorted(shares []Share) []Share {
	slices.SortFunc(shares, func(a, b Share) int { return cmp.Compare(a.Revision, b.Revision) })
	return shares
}

func unpinned(service string) *preview.UserError {
	return &preview.UserError{
		Summary: "The traffic of Cloud Run service " + service + " follows the latest revision, so that a candidate would go live " +
			"as soon as it is deployed",
		Hint: "`gangway pin " + service + "` pins the traffic to the revision that serves now.",
	}
}

func unclear(service, why string) *preview.UserError {
	return &preview.UserError{
		Summary: "The traffic list of Cloud Run service " + service + " can't be understood",
		Detail:  why,
		Hint:    "Give all traffic to the revision that is to serve (`gcloud run services update-traffic`).",
	}
}
