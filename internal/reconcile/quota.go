package reconcile

import (
	"context"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A quota is how much of a limit is used. Reaching it is told on the pull requests that it concerns; this is for those who
// operate Gangway, before that.
type quota struct {
	Name  string // tags, revisions, gateways, configs or previews
	Of    string // the region, Cloud Run service, API or gateway that the limit is of
	Used  int
	Limit int
}

// use tells of a limit, and warns when four fifths of it are used.
func (s *sweep) use(ctx context.Context, q quota) {
	if q.Limit > 0 {
		s.metrics.quotas.WithLabelValues(q.Name, q.Of).Set(float64(q.Used) / float64(q.Limit))
	}
	if q.Limit > 0 && q.Used*5 >= q.Limit*4 {
		s.o.Log.WarnContext(ctx, "a limit is near", "limit", q.Name, "of", q.Of, "used", q.Used, "most", q.Limit)
	}
}

// quotas tells of the limits that no other part of the sweep comes by.
func (s *sweep) quotas(ctx context.Context) error {
	live := map[string]int{}
	for key, rec := range s.records {
		if key.Environment == s.environment.Name && rec.wanted.Intent == preview.IntentLive {
			live[key.Gateway]++
		}
	}
	if most := s.catalog.Previews.Policy().Limit; most > 0 {
		for n := range s.environment.Gateways {
			name := s.environment.Gateways[n].Name
			s.use(ctx, quota{Name: "previews", Of: name, Used: live[name], Limit: most})
		}
	}
	tags, err := s.o.CloudRun.Tags(ctx, s.environment.Project, s.environment.Region)
	if err != nil {
		return err
	}
	s.use(ctx, quota{Name: "tags", Of: s.environment.Region, Used: tags, Limit: preview.MaxTags})
	return nil
}
