package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/site"
)

// Sweep looks at everything every interval until ctx is done: it heals what no hint told. It marks rows; what is to be
// done about them is decided as ever, from evidence.
func (r *Reconciler) Sweep(ctx context.Context, interval time.Duration) error {
	since := time.Now().Add(-redeliverWindow)
	for {
		began := time.Now()
		if err := r.sweep(ctx); err != nil && ctx.Err() == nil {
			r.o.Log.WarnContext(ctx, "sweep", "error", err)
		} else {
			r.o.Log.DebugContext(ctx, "swept", "took", time.Since(began))
		}
		if err := r.redeliver(ctx, since); err != nil && ctx.Err() == nil {
			r.o.Log.WarnContext(ctx, "asking for failed deliveries again", "error", err)
		} else {
			since = began.Add(-redeliverOverlap)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(interval):
		}
	}
}

// How far back failed deliveries are asked for again: GitHub keeps them for at least three days.
const (
	redeliverWindow  = 72 * time.Hour
	redeliverOverlap = 10 * time.Minute
)

// SweepOnce looks at everything once, and asks for the deliveries again that failed since then. Its parts don't depend on
// each other: one that fails is reported and the others go on.
func (r *Reconciler) SweepOnce(ctx context.Context, since time.Time) error {
	return errors.Join(r.sweep(ctx), r.redeliver(ctx, since))
}

// sweep looks at everything once.
func (r *Reconciler) sweep(ctx context.Context) (err error) {
	defer func() { r.metrics.ended(err) }()
	c := r.o.Sites.Catalog()
	environment, ok := c.Environment(c.Previews.Environment)
	if !ok {
		return nil
	}
	s := &sweep{Reconciler: r, catalog: c, environment: environment, began: time.Now()}
	if err := s.load(ctx); err != nil {
		return err
	}
	s.metrics.count(s.records, gatewaysOf(environment), time.Now())
	return errors.Join(s.pullRequests(ctx), s.rows(ctx), s.gateways(ctx), s.services(ctx), s.stacks(ctx), s.quotas(ctx))
}

func gatewaysOf(environment *catalog.Environment) (names []string) {
	for n := range environment.Gateways {
		names = append(names, environment.Gateways[n].Name)
	}
	return names
}

// redeliver asks for the deliveries again that failed since then.
func (r *Reconciler) redeliver(ctx context.Context, since time.Time) error {
	count, err := r.o.GitHub.RedeliverFailed(ctx, since)
	if count > 0 {
		r.o.Log.InfoContext(ctx, "asked for failed deliveries again", "count", count)
	}
	return err
}

// A sweep is one look at everything.
type sweep struct {
	*Reconciler
	catalog     *catalog.Catalog
	environment *catalog.Environment
	records     map[preview.Key]record
	began       time.Time
}

type record struct {
	wanted   preview.Wanted
	observed preview.Observed
}

// down tells whether nothing of the preview should be on Google Cloud.
func (r record) down() bool {
	return r.wanted.Intent != preview.IntentLive && r.wanted.Intent != preview.IntentUnknown &&
		r.wanted.Down <= r.observed.Removed
}

// load reads all rows that are not settled, with their counterparts; one that can't be understood is left out, which keeps
// anything of it from being touched.
func (s *sweep) load(ctx context.Context) error {
	s.records = map[preview.Key]record{}
	rows := map[preview.Key]map[preview.Owner]preview.Row{}
	for _, owner := range []preview.Owner{preview.Intake, preview.Aggregator} {
		list, err := s.o.Store.List(ctx, owner)
		if err != nil {
			return err
		}
		for _, row := range list {
			if rows[row.Key] == nil {
				rows[row.Key] = map[preview.Owner]preview.Row{}
			}
			rows[row.Key][owner] = row
		}
	}
	for key, have := range rows {
		rec, known, err := s.read(ctx, key, have)
		if err != nil && !errors.Is(err, preview.ErrUnreadable) {
			return err
		}
		if known {
			s.records[key] = rec
		}
	}
	return nil
}

// record is what is known of a preview, whether it has settled or not. [preview.ErrUnreadable]: there is one that can't be
// understood.
func (s *sweep) record(ctx context.Context, key preview.Key) (rec record, known bool, err error) {
	if rec, known = s.records[key]; known {
		return rec, true, nil
	}
	return s.read(ctx, key, nil)
}

// read makes a record of a preview's two rows, of which have are known already. known is false when there is no such
// preview.
func (s *sweep) read(ctx context.Context, key preview.Key, have map[preview.Owner]preview.Row) (rec record, known bool, err error) {
	rows := map[preview.Owner]preview.Row{}
	for _, owner := range []preview.Owner{preview.Intake, preview.Aggregator} {
		row, ok := have[owner]
		if !ok {
			if row, err = s.o.Store.Load(ctx, key, owner); err != nil {
				return record{}, false, err
			}
		}
		rows[owner] = row
	}
	if rec.wanted, err = preview.DecodeWanted(rows[preview.Intake].Body); err != nil {
		return record{}, false, err
	}
	if rec.observed, err = preview.DecodeObserved(rows[preview.Aggregator].Body); err != nil {
		return record{}, false, err
	}
	return rec, rows[preview.Intake].Version > 0, nil
}

// pullRequests finds open pull requests that no delivery told of. Known ones that are not closed are looked at again:
// being absent from the list is no evidence, so that the intake reads each one.
func (s *sweep) pullRequests(ctx context.Context) error {
	var problems []error
	for n := range s.catalog.Repositories {
		declared := &s.catalog.Repositories[n]
		if len(s.catalog.GatewaysOf(declared.Name)) == 0 {
			continue
		}
		repo, err := s.o.Sites.ByName(ctx, declared.Name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if repo.Renamed() {
			s.o.Log.WarnContext(ctx, "a repository was renamed or transferred: give it its new name in the configuration, in its repository block and in its services; its previews go on meanwhile",
				"repo", declared.Name, "new_name", repo.FullName(), "repository_id", repo.ID)
		}
		numbers, err := s.o.GitHub.OpenPullRequests(ctx, repo)
		if err != nil {
			problems = append(problems, fmt.Errorf("listing pull requests of %s: %w", declared.Name, err))
		}
		for _, number := range numbers {
			for _, key := range site.Keys(s.catalog, declared, repo.ID, number) {
				problems = append(problems, s.o.Store.Mark(ctx, key, preview.Intake, time.Now()))
			}
		}
		for key, rec := range s.records {
			if key.Repository == repo.ID && rec.wanted.Intent != preview.IntentClosed && !slices.Contains(numbers, key.PullRequest) {
				problems = append(problems, s.o.Store.Mark(ctx, key, preview.Intake, time.Now()))
			}
		}
	}
	return errors.Join(problems...)
}

// rows lets the aggregator look again at every preview that is live or on its way somewhere.
func (s *sweep) rows(ctx context.Context) error {
	var problems []error
	for key, rec := range s.records {
		resting := rec.down() && (rec.observed.Phase == preview.PhaseNone || rec.observed.Phase == preview.PhaseRemoved)
		switch {
		case !resting && rec.wanted.Generation > 0:
			problems = append(problems, s.mark(ctx, key))
		case resting && rec.wanted.Intent == preview.IntentClosed:
			problems = append(problems, s.o.Store.Mark(ctx, key, preview.Intake, time.Now())) // it was not told, so it has not settled
		}
	}
	return errors.Join(problems...)
}

// found deals with something of ours on Google Cloud. Of a preview that should have nothing, the removal is repeated. Of
// one that is not known, the intake reads the pull request first: only a closed one is removed.
func (s *sweep) found(ctx context.Context, key preview.Key, kind, name string) error {
	rec, known, err := s.record(ctx, key)
	if errors.Is(err, preview.ErrUnreadable) {
		return nil
	}
	if err != nil {
		return err
	}
	if known && !rec.down() {
		return nil
	}
	s.o.Log.WarnContext(ctx, "found something left over", "preview", key.String(), "kind", kind, "name", name)
	s.metrics.findings.WithLabelValues(kind).Inc()
	if !known {
		return s.o.Store.Mark(ctx, key, preview.Intake, time.Now())
	}
	s.mu.Lock()
	s.leftover[key] = true
	s.mu.Unlock()
	return s.mark(ctx, key)
}

// gateways looks for gateways and API configs of this installation.
func (s *sweep) gateways(ctx context.Context) error {
	installation := map[string]string{preview.LabelInstallation: s.catalog.Installation}
	gateways, err := s.o.APIGateway.Gateways(ctx, s.environment.Project, s.environment.Region, nil)
	problems := []error{err}
	if err == nil {
		s.use(ctx, quota{Name: "gateways", Of: s.environment.Region, Used: len(gateways), Limit: preview.MaxGateways})
	}
	for _, g := range gateways {
		if key, ok := preview.KeyOf(g.Labels); ok && hasAll(g.Labels, installation) {
			problems = append(problems, s.found(ctx, key, "gateway", g.ID))
		}
	}
	return errors.Join(append(problems, s.configs(ctx, installation))...)
}

// configs looks for API configs of this installation on all shards.
func (s *sweep) configs(ctx context.Context, installation map[string]string) error {
	var apis []string
	for n := range s.environment.Gateways {
		apis = append(apis, s.environment.Gateways[n].APIs...)
	}
	slices.Sort(apis)
	var problems []error
	for _, api := range slices.Compact(apis) {
		configs, err := s.o.APIGateway.Configs(ctx, s.environment.Project, api, nil)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		s.use(ctx, quota{Name: "configs", Of: api, Used: len(configs), Limit: preview.MaxConfigs})
		for _, c := range configs {
			if key, ok := preview.KeyOf(c.Labels); ok && hasAll(c.Labels, installation) {
				problems = append(problems, s.found(ctx, key, "config", c.ID))
			}
		}
	}
	return errors.Join(problems...)
}

// services looks for traffic tags and revisions of previews.
func (s *sweep) services(ctx context.Context) error {
	var problems []error
	for n := range s.environment.Gateways {
		gateway := &s.environment.Gateways[n]
		for m := range gateway.Services {
			problems = append(problems, s.service(ctx, gateway, &gateway.Services[m]))
		}
	}
	return errors.Join(problems...)
}

func (s *sweep) service(ctx context.Context, gateway *catalog.Gateway, service *catalog.Service) error {
	ref := preview.ServiceRef{Project: s.environment.Project, Region: s.environment.Region, Name: service.CloudRun}
	state, err := s.o.CloudRun.Service(ctx, ref)
	if errors.Is(err, preview.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading service %s: %w", service.CloudRun, err)
	}
	return errors.Join(s.tags(ctx, gateway, service, state), s.revisions(ctx, state))
}

// tags looks for traffic tags of previews. A tag of that form on a revision without our labels is somebody else's.
func (s *sweep) tags(ctx context.Context, gateway *catalog.Gateway, service *catalog.Service, state preview.CloudRunService) error {
	var problems []error
	for _, target := range state.Traffic {
		number, err := strconv.Atoi(strings.TrimPrefix(target.Tag, "pr-"))
		if err != nil || target.Tag != "pr-"+strconv.Itoa(number) || target.Revision == "" {
			continue
		}
		if s.expected(gateway.Name, service.Name, number) {
			continue
		}
		revision, err := s.o.CloudRun.Revision(ctx, state.Ref, target.Revision)
		if err != nil {
			if !errors.Is(err, preview.ErrNotFound) {
				problems = append(problems, err)
			}
			continue
		}
		key, ok := preview.KeyOf(revision.Labels)
		if ok && revision.Labels[preview.LabelInstallation] == s.catalog.Installation {
			problems = append(problems, s.found(ctx, key, "tag", service.CloudRun+" "+target.Tag))
		}
	}
	return errors.Join(problems...)
}

// expected tells whether the service is a member of a live preview of that pull request.
func (s *sweep) expected(gateway, service string, number int) bool {
	for key, rec := range s.records {
		if key.Gateway == gateway && key.PullRequest == number && rec.wanted.Intent == preview.IntentLive {
			if _, ok := rec.wanted.Member(service); ok {
				return true
			}
		}
	}
	return false
}

// stacks looks for stacks whose preview should have nothing.
func (s *sweep) stacks(ctx context.Context) error {
	keys, err := s.o.Terraform.Stacks(ctx)
	problems := []error{err}
	for _, key := range keys {
		if key.Environment == s.environment.Name {
			problems = append(problems, s.found(ctx, key, "stack", key.GatewayID()))
		}
	}
	return errors.Join(problems...)
}
