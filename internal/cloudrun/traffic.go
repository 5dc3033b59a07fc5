package cloudrun

import (
	"path"
	"slices"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/gangway-dev/gangway/internal/preview"
)

const (
	latest = runpb.TrafficTargetAllocationType_TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
	named  = runpb.TrafficTargetAllocationType_TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
)

// followsLatest tells whether an entry goes to whatever revision is the newest. An entry of no type names a revision or
// follows the latest.
func followsLatest(t *runpb.TrafficTarget) bool {
	return t.GetType() == latest || (t.GetType() != named && t.GetRevision() == "")
}

// targets are a service's traffic entries as wanted, with the URLs of those that are in force.
func targets(v *runpb.Service) []preview.TrafficTarget {
	newest := shortName(v.GetLatestReadyRevision())
	all := make([]preview.TrafficTarget, 0, len(v.GetTraffic()))
	for _, t := range v.GetTraffic() {
		target := preview.TrafficTarget{
			Latest: followsLatest(t), Revision: t.GetRevision(), Percent: int(t.GetPercent()), Tag: t.GetTag(),
		}
		if target.Latest {
			target.Revision = newest
		}
		for _, status := range v.GetTrafficStatuses() {
			// A status of the tag's former revision is not this entry's.
			same := status.GetRevision() == t.GetRevision() || (target.Latest && status.GetType() == latest)
			if t.GetTag() != "" && status.GetTag() == t.GetTag() && same {
				target.URL = status.GetUri()
			}
		}
		all = append(all, target)
	}
	return all
}

// tagIndex is the place of the entry that carries tag, or -1.
func tagIndex(traffic []*runpb.TrafficTarget, tag string) int {
	return slices.IndexFunc(traffic, func(t *runpb.TrafficTarget) bool { return t.GetTag() == tag })
}

// withTag is traffic with tag on revision. All other entries stay as they are, and so does every revision's share: an
// entry that has a share besides our tag keeps the share.
func withTag(traffic []*runpb.TrafficTarget, tag, revision string) []*runpb.TrafficTarget {
	return append(withoutTag(traffic, tag), &runpb.TrafficTarget{Type: named, Revision: revision, Tag: tag})
}

// withoutTag is traffic without tag, with the same promise.
func withoutTag(traffic []*runpb.TrafficTarget, tag string) []*runpb.TrafficTarget {
	var kept []*runpb.TrafficTarget
	for _, t := range traffic {
		switch {
		case t.GetTag() != tag:
			kept = append(kept, t)
		case t.GetPercent() > 0:
			kept = append(kept, &runpb.TrafficTarget{Type: t.GetType(), Revision: t.GetRevision(), Percent: t.GetPercent()})
		}
	}
	return kept
}

// live is the revision with the largest share, the first of equals, or "".
func live(traffic []*runpb.TrafficTarget) string {
	name, most := "", int32(0)
	for _, t := range traffic {
		if t.GetPercent() > most && t.GetRevision() != "" {
			name, most = t.GetRevision(), t.GetPercent()
		}
	}
	return name
}

// shortName is a revision's name without its parents; "" stays.
func shortName(name string) string {
	if name == "" {
		return ""
	}
	return path.Base(name)
}
