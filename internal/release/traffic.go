package release

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Traffic is the traffic list of a Cloud Run service as it was read.
// https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services#TrafficTarget
type Traffic struct {
	Etag    string
	Targets []Target
}

// A Target is an entry of a traffic list. Revision is "" for one that follows the latest revision.
type Target struct {
	Revision string `json:"revision"`
	Percent  int    `json:"percent,omitempty"`
	Tag      string `json:"tag,omitempty"`
}

// Errors about a traffic list that can't be worked on.
var (
	// ErrLatest says that a share follows the latest revision: a candidate, and each preview, would go live at once.
	ErrLatest = errors.New("traffic follows the latest revision")
	// ErrForeign says that traffic is given to revisions that the release knows nothing of.
	ErrForeign = errors.New("somebody else has changed the traffic")
)

// Share is what a revision gets, in percent.
func (t Traffic) Share(revision string) int {
	sum := 0
	for _, target := range t.Targets {
		if target.Revision == revision {
			sum += target.Percent
		}
	}
	return sum
}

// Tagged is the revision under a tag, "" without one.
func (t Traffic) Tagged(tag string) string {
	for _, target := range t.Targets {
		if target.Tag == tag && tag != "" {
			return target.Revision
		}
	}
	return ""
}

// Sole is the one revision that gets all traffic. [ErrLatest]: whichever is the latest; [ErrForeign]: there are several.
func (t Traffic) Sole() (string, error) {
	if err := t.pinned(); err != nil {
		return "", err
	}
	for _, target := range t.Targets {
		if target.Percent > 0 && t.Share(target.Revision) == 100 {
			return target.Revision, nil
		}
	}
	return "", fmt.Errorf("%w: it is split among %s", ErrForeign, t.shares())
}

func (t Traffic) pinned() error {
	if slices.ContainsFunc(t.Targets, func(target Target) bool { return target.Revision == "" && target.Percent > 0 }) {
		return ErrLatest
	}
	return nil
}

// shares says in words who gets what.
func (t Traffic) shares() string {
	var parts []string
	for _, target := range t.Targets {
		if target.Percent > 0 {
			parts = append(parts, fmt.Sprintf("%s %d %%", target.Revision, target.Percent))
		}
	}
	if len(parts) == 0 {
		return "nobody"
	}
	return strings.Join(parts, ", ")
}

// Split gives the candidate percent of the traffic and the baseline the rest. All tags stay where they are. [ErrForeign]:
// another revision gets a share.
func (t Traffic) Split(candidate, baseline string, percent int) ([]Target, error) {
	if err := t.pinned(); err != nil {
		return nil, err
	}
	if candidate == baseline || candidate == "" || baseline == "" {
		return nil, fmt.Errorf("splitting traffic between %q and %q: two revisions are needed", candidate, baseline)
	}
	if percent < 0 || percent > 100 {
		return nil, fmt.Errorf("splitting traffic: %d %% is no share", percent)
	}
	if t.Share(candidate)+t.Share(baseline) != 100 {
		return nil, fmt.Errorf("%w: %s", ErrForeign, t.shares())
	}
	return t.with(map[string]int{candidate: percent, baseline: 100 - percent}, baseline, candidate), nil
}

// Withdraw gives the candidate's share to the baseline and leaves all others what they have.
func (t Traffic) Withdraw(candidate, baseline string) ([]Target, error) {
	if err := t.pinned(); err != nil {
		return nil, err
	}
	if candidate == baseline || candidate == "" || baseline == "" {
		return nil, fmt.Errorf("withdrawing %q for %q: two revisions are needed", candidate, baseline)
	}
	shares := map[string]int{}
	order := []string{baseline}
	for _, target := range t.Targets {
		if target.Percent == 0 {
			continue
		}
		to := target.Revision
		if to == candidate {
			to = baseline
		}
		if !slices.Contains(order, to) {
			order = append(order, to)
		}
		shares[to] += target.Percent
	}
	return t.with(shares, order...), nil
}

// with is the list with other shares, in an order, and all its tags.
func (t Traffic) with(shares map[string]int, order ...string) []Target {
	var list []Target
	for _, revision := range order {
		if shares[revision] > 0 {
			list = append(list, Target{Revision: revision, Percent: shares[revision]})
		}
	}
	for _, target := range t.Targets {
		if target.Tag != "" {
			list = append(list, Target{Revision: target.Revision, Tag: target.Tag})
		}
	}
	return list
}
