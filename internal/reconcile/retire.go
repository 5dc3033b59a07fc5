package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// retireAfter is how long a live preview's former revision is kept: a tag may go back to it while a new one is tried.
const retireAfter = 10 * time.Minute

// tidyService takes in what the preview has left on a service besides its tag: what stands in the template, and its
// revisions. None of it costs anything or is in anybody's way at once, and Cloud Run may refuse it for a while: so a failure
// is only logged, and the sweep tries again.
func (l *look) tidyService(ctx context.Context, ref preview.ServiceRef) {
	problems := []error{l.o.CloudRun.RestoreTemplate(ctx, ref, l.owner())}
	revisions, err := l.o.CloudRun.Revisions(ctx, ref)
	problems = append(problems, err)
	for _, r := range revisions {
		if hasAll(r.Labels, l.owner()) {
			problems = append(problems, l.o.CloudRun.DeleteRevision(ctx, ref, r.Name))
		}
	}
	if err := errors.Join(problems...); err != nil {
		l.o.Log.InfoContext(ctx, "left for the sweep", "preview", l.claim.Key().String(), "service", ref.Name, "error", err)
	}
}

// retire deletes the revisions of this installation on a service that no preview needs any more. It never fails the sweep:
// Cloud Run refuses revisions that have traffic or a tag, or are the latest, until they are retired.
func (s *sweep) retire(ctx context.Context, state preview.CloudRunService, revisions []preview.CloudRunRevision) error {
	var problems []error
	for _, r := range revisions {
		key, ok := preview.KeyOf(r.Labels)
		if !ok || r.Labels[preview.LabelInstallation] != s.catalog.Installation || inUse(state, r.Name) {
			continue
		}
		rec, known, err := s.record(ctx, key)
		switch {
		case errors.Is(err, preview.ErrUnreadable):
			continue
		case err != nil:
			problems = append(problems, err)
			continue
		case !known:
			problems = append(problems, s.found(ctx, key, "revision", r.Name))
			continue
		case rec.down():
			if err := s.o.CloudRun.RestoreTemplate(ctx, state.Ref, owner(s.catalog.Installation, key)); err != nil {
				s.o.Log.InfoContext(ctx, "template not put back", "preview", key.String(), "service", state.Ref.Name, "error", err)
			}
		case rec.wanted.Intent == preview.IntentLive && !rec.needs(r.Name) && s.began.Sub(r.Created) > retireAfter:
		default:
			continue
		}
		err = s.o.CloudRun.DeleteRevision(ctx, state.Ref, r.Name)
		switch {
		case errors.Is(err, preview.ErrConflict):
			s.o.Log.DebugContext(ctx, "revision not retired yet", "preview", key.String(), "revision", r.Name)
		case err != nil:
			problems = append(problems, err)
		default:
			s.o.Log.InfoContext(ctx, "deleted a revision that nothing needs", "preview", key.String(), "revision", r.Name)
		}
	}
	return errors.Join(problems...)
}

// inUse tells whether the traffic list names a revision.
func inUse(state preview.CloudRunService, revision string) bool {
	return slices.ContainsFunc(state.Traffic, func(t preview.TrafficTarget) bool { return t.Revision == revision })
}

// needs tells whether a live preview serves a revision, is about to, or may go back to it.
func (r record) needs(revision string) bool {
	for _, m := range r.wanted.Members {
		if revision == m.Revision || revision == m.Good || revision == m.Standing {
			return true
		}
	}
	for _, serving := range []*preview.Serving{r.observed.Serving, r.observed.Applying} {
		if serving != nil && slices.ContainsFunc(serving.Members, func(m preview.ServingMember) bool { return m.Revision == revision }) {
			return true
		}
	}
	return false
}

func hasAll(have, want map[string]string) bool {
	for label, value := range want {
		if v, ok := have[label]; !ok || v != value {
			return false
		}
	}
	return true
}

// owner are the labels by which something is known to be a preview's.
func owner(installation string, key preview.Key) map[string]string {
	return map[string]string{preview.LabelInstallation: installation, preview.LabelPreview: key.Hash()}
}

// revisions reads the revisions of a service, deletes those that nothing needs, and says how many there are.
func (s *sweep) revisions(ctx context.Context, state preview.CloudRunService) error {
	list, err := s.o.CloudRun.Revisions(ctx, state.Ref)
	if err != nil {
		return fmt.Errorf("listing revisions of %s: %w", state.Ref.Name, err)
	}
	s.use(ctx, quota{Name: "revisions", Of: state.Ref.Name, Used: len(list), Limit: preview.MaxRevisions})
	return s.retire(ctx, state, list)
}
