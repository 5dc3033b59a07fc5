package cloudrun

import (
	"cmp"
	"path"
	"slices"
	"time"
)

// parseTraffic reads a traffic list as a client writes it. An empty one means all traffic to the latest revision.
func parseTraffic(values []object) ([]target, *apiError) {
	if len(values) == 0 {
		return []target{{Type: typeLatest, Percent: 100}}, nil
	}
	targets := make([]target, 0, len(values))
	for n, v := range values {
		t := target{Revision: path.Base(text(v, "revision")), Percent: number(v["percent"]), Tag: text(v, "tag")}
		if t.Revision == "." {
			t.Revision = ""
		}
		switch kind := v["type"]; kind {
		case typeLatest, float64(1):
			t.Type = typeLatest
		case typeRevision, float64(2):
			t.Type = typeRevision
		case nil, float64(0), "TRAFFIC_TARGET_ALLOCATION_TYPE_UNSPECIFIED":
			t.Type = typeRevision
			if t.Revision == "" {
				t.Type = typeLatest
			}
		default:
			return nil, invalid("traffic[%d].type: unknown value '%v'.", n, kind)
		}
		if t.Type == typeLatest && t.Revision != "" {
			return nil, invalid("traffic[%d].revision: must not be set for type %s.", n, typeLatest)
		}
		if t.Type == typeRevision && t.Revision == "" {
			return nil, invalid("traffic[%d].revision: must be set for type %s.", n, typeRevision)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// validateTraffic checks the list of a service whose revisions are those that exists knows.
func validateTraffic(service string, targets []target, exists func(revision string) bool) *apiError {
	sum, tags := 0, map[string]bool{}
	for n, t := range targets {
		if t.Percent < 0 || t.Percent > 100 {
			return invalid("traffic[%d].percent: must be between 0 and 100.", n)
		}
		sum += t.Percent
		if t.Type == typeRevision && !exists(t.Revision) {
			return invalid("traffic[%d].revision: Revision '%s' does not exist.", n, t.Revision)
		}
		if t.Tag == "" {
			continue
		}
		if !tagID.MatchString(t.Tag) {
			return invalid("spec.traffic.tag: traffic tag '%s' must consist of lower case letters, digits and '-', begin "+
				"with a letter and not end with '-'.", t.Tag)
		}
		if len(t.Tag)+len(service) > maxTagAndService {
			return invalid("spec.traffic.tag: traffic tag '%s' and service name '%s' together are too long. Combined "+
				"traffic tag and service name cannot exceed %d characters.", t.Tag, service, maxTagAndService)
		}
		if tags[t.Tag] {
			return invalid("spec.traffic.tag: traffic tag '%s' is used more than once.", t.Tag)
		}
		tags[t.Tag] = true
	}
	if sum != 100 {
		return invalid("spec.traffic: the percentages of all traffic targets must sum to 100, got %d.", sum)
	}
	return nil
}

// noteTags keeps the times at which the tags of v were set.
func noteTags(v *service, now time.Time) {
	times := map[string]time.Time{}
	for _, t := range v.Traffic {
		if t.Tag == "" {
			continue
		}
		times[t.Tag] = now
		if since, ok := v.TagTimes[t.Tag]; ok {
			times[t.Tag] = since
		}
	}
	v.TagTimes = times
}

// limitTags deletes tags of v that have no traffic, the oldest first, until the project has no more than the limit in
// the region, as Cloud Run does without telling: https://cloud.google.com/run/quotas. s.mu is held.
func (s *Server) limitTags(v *service) {
	count := len(v.TagTimes)
	for _, other := range s.state.Services {
		if other.Project == v.Project && other.Location == v.Location && other.ID != v.ID {
			count += len(other.TagTimes)
		}
	}
	var idle []string
	for _, t := range v.Traffic {
		if t.Tag != "" && t.Percent == 0 {
			idle = append(idle, t.Tag)
		}
	}
	slices.SortStableFunc(idle, func(a, b string) int {
		return cmp.Or(v.TagTimes[a].Compare(v.TagTimes[b]), cmp.Compare(a, b))
	})
	if surplus := min(count-s.options.TagLimit, len(idle)); surplus > 0 {
		v.dropTags(idle[:surplus])
	}
}

// dropTags deletes tagged entries. One that is to have no share may still have it, while the change is not in force: then only
// its tag goes.
func (v *service) dropTags(tags []string) {
	without := func(list []target) (kept []target) {
		for _, t := range list {
			if t.Tag != "" && slices.Contains(tags, t.Tag) {
				t.Tag = ""
				if t.Percent == 0 {
					continue
				}
			}
			kept = append(kept, t)
		}
		return kept
	}
	v.Traffic, v.Statuses = without(v.Traffic), without(v.Statuses)
	for _, tag := range tags {
		delete(v.TagTimes, tag)
	}
}

// names tells whether the traffic list, as wanted or as in force, names a revision.
func (v *service) names(revision string) bool {
	if slices.ContainsFunc(v.Statuses, func(t target) bool { return t.Revision == revision }) {
		return true
	}
	return slices.ContainsFunc(v.Traffic, func(t target) bool {
		return t.Revision == revision || (t.Type == typeLatest && revision == v.LatestReady)
	})
}

// pick chooses the revision that a call to the service's own URL goes to; dice is in [0, 100).
func (v *service) pick(dice int) string {
	for _, t := range v.Statuses {
		if dice < t.Percent {
			return t.Revision
		}
		dice -= t.Percent
	}
	return ""
}

// tagged is the revision under a tag that has been set up.
func (v *service) tagged(tag string) string {
	for _, t := range v.Statuses {
		if t.Tag == tag {
			return t.Revision
		}
	}
	return ""
}
