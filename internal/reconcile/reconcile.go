// Package reconcile makes previews live and takes them in: it reads the truth, composes the gateway document, applies it
// with Terraform, calls the link, and reports on the pull request. Its sweep heals what no hint told.
//
// All decisions are made by [preview.DecideObserved]; what is shown is made by package report. It has no idea of builds:
// a member is whatever stands ready under a preview's tag.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gangway-dev/gangway/internal/openapi"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/report"
	"github.com/gangway-dev/gangway/internal/site"
	"github.com/gangway-dev/gangway/internal/telemetry"
	"github.com/gangway-dev/gangway/internal/worker"
)

// CloudRun is what the aggregator asks of Cloud Run. RemoveTag removes a tag only while the revision under it carries the
// labels of owner; one that is not there is no error.
type CloudRun interface {
	Service(ctx context.Context, ref preview.ServiceRef) (preview.CloudRunService, error)
	Revision(ctx context.Context, ref preview.ServiceRef, name string) (preview.CloudRunRevision, error)
	RemoveTag(ctx context.Context, ref preview.ServiceRef, tag string, owner map[string]string) error
	Leftovers
}

// Leftovers is what the aggregator asks of Cloud Run to clear up. RestoreTemplate puts back what a revision with the labels of
// owner left in the service's template. DeleteRevision refuses a revision that is in use with [preview.ErrConflict]. Tags
// counts those of all services of a region.
type Leftovers interface {
	RestoreTemplate(ctx context.Context, ref preview.ServiceRef, owner map[string]string) error
	Revisions(ctx context.Context, ref preview.ServiceRef) ([]preview.CloudRunRevision, error)
	DeleteRevision(ctx context.Context, ref preview.ServiceRef, name string) error
	Tags(ctx context.Context, project, region string) (int, error)
}

// Terraform applies and destroys stacks. A *[preview.UserError] says that API Gateway refuses the document;
// [preview.ErrConflict] that something exists which the state doesn't hold.
type Terraform interface {
	Apply(ctx context.Context, stack preview.Stack, observe func(preview.StackEvent)) (preview.StackOutputs, error)
	Destroy(ctx context.Context, stack preview.Stack) error
	State(ctx context.Context, stack preview.Stack) (preview.StackState, error)
	Stacks(ctx context.Context) ([]preview.Key, error)
}

// APIGateway is what Terraform doesn't do: to find by label what a failed apply left, and to delete it.
type APIGateway interface {
	Configs(ctx context.Context, project, api string, labels map[string]string) ([]preview.APIConfig, error)
	Gateways(ctx context.Context, project, region string, labels map[string]string) ([]preview.APIGateway, error)
	DeleteConfig(ctx context.Context, project, api, id string) error
	DeleteGateway(ctx context.Context, project, region, id string) error
}

// Options are what a reconciler works with; all but LeaseTTL and Metrics are needed.
type Options struct {
	Sites      *site.Finder
	GitHub     GitHub
	CloudRun   CloudRun
	Terraform  Terraform
	APIGateway APIGateway
	Store      preview.Store
	Wake       func(preview.Key) // tells the pool that a row was marked
	Holder     string            // names this instance in leases
	LeaseTTL   time.Duration     // how long the lock of a dead instance on an API shard stands; 0 is 30 s
	Scheme     string            // of gateways' links: https; http in the local cloud
	HTTP       *http.Client      // for probes
	Metrics    prometheus.Registerer
	Log        *slog.Logger
}

// A Reconciler is safe for concurrent use.
type Reconciler struct {
	o         Options
	documents *documents
	compiled  *openapi.Cache
	metrics   *metrics
	line      line

	mu       sync.Mutex
	leftover map[preview.Key]bool // the sweep found something of a preview that should have nothing
}

// New makes a reconciler.
func New(o Options) *Reconciler {
	if o.LeaseTTL == 0 {
		o.LeaseTTL = 30 * time.Second
	}
	return &Reconciler{
		o: o, documents: newDocuments(o.GitHub), compiled: &openapi.Cache{}, metrics: newMetrics(o.Metrics),
		leftover: map[preview.Key]bool{},
	}
}

const (
	quarantine = time.Hour // how long a row that can't be understood is left alone
	maxRounds  = 50        // of deciding and acting in one look
)

// errRestless says that deciding and acting don't come to an end: the row is tried again, after a backoff.
var errRestless = errors.New("the preview does not come to rest")

// A look is one handling of one row.
type look struct {
	*Reconciler
	site     site.Site
	claim    *worker.Claim
	wanted   preview.Wanted
	observed preview.Observed
	document []byte           // what Observed.Applying would serve
	lead     preview.Key      // whose worker writes the pull request's comment
	others   []report.Preview // the other previews of the pull request, where this one's worker writes the comment
	dirty    bool             // an earlier apply may have left something that Terraform's state doesn't hold
}

// Handle is the worker's handler: it reads the truth about one preview and brings its gateway to what is wanted.
func (r *Reconciler) Handle(ctx context.Context, claim *worker.Claim) error {
	row := claim.Row()
	observed, err := preview.DecodeObserved(row.Body)
	if err != nil {
		r.o.Log.ErrorContext(ctx, "reading row", "preview", row.Key.String(), "error", err)
		return claim.Save(ctx, row.Body, row.Settled, time.Now().Add(quarantine))
	}
	place, err := r.find(ctx, row.Key)
	if errors.Is(err, site.ErrNotConfigured) {
		r.o.Log.WarnContext(ctx, "preview of something that is not configured", "preview", row.Key.String(), "error", err)
		if place, err = r.findFormer(ctx, row.Key); errors.Is(err, site.ErrNotConfigured) {
			return claim.Save(ctx, row.Body, row.Settled, time.Now().Add(quarantine))
		}
	}
	if err != nil {
		return err
	}
	l := &look{
		Reconciler: r, site: place, claim: claim, observed: observed,
		dirty: observed.Phase == preview.PhaseApplying && !observed.Waiting || observed.Phase == preview.PhaseRemoving,
	}
	return l.run(ctx)
}

// find finds where a preview lives. What GitHub said when the preview was begun will do while it does not answer, so that
// previews can be taken in without it.
func (r *Reconciler) find(ctx context.Context, key preview.Key) (site.Site, error) {
	place, err := r.o.Sites.Find(ctx, key)
	if err == nil || errors.Is(err, site.ErrNotConfigured) {
		return place, err
	}
	row, loadErr := r.o.Store.Load(ctx, key, preview.Intake)
	if loadErr != nil {
		return site.Site{}, errors.Join(err, loadErr)
	}
	if w, decodeErr := preview.DecodeWanted(row.Body); decodeErr == nil && w.Repository.ID == key.Repository {
		return r.o.Sites.FindKnown(key, w.Repository)
	}
	return site.Site{}, err
}

// findFormer finds where a preview lived whose gateway or repository has left the configuration, once it is to be taken in.
// [site.ErrNotConfigured]: it is not yet, or it can't be.
func (r *Reconciler) findFormer(ctx context.Context, key preview.Key) (site.Site, error) {
	row, err := r.o.Store.Load(ctx, key, preview.Intake)
	if err != nil {
		return site.Site{}, err
	}
	w, err := preview.DecodeWanted(row.Body)
	if err != nil || w.Intent == preview.IntentLive || w.Intent == preview.IntentUnknown {
		return site.Site{}, errors.Join(site.ErrNotConfigured, err)
	}
	return r.o.Sites.FindFormer(key, w.Repository)
}

// run goes on until nothing is left to do now.
func (l *look) run(ctx context.Context) error {
	facts := preview.GatewayFacts{Leftover: l.takeLeftover(l.claim.Key())}
	var problem, reportProblem error
	for range maxRounds {
		if err := l.loadWanted(ctx); err != nil {
			return err
		}
		ctx = telemetry.WithChange(ctx, l.claim.Key().Change(l.wanted.HeadSHA))
		now := time.Now().UTC()
		before := l.observed
		next, actions, due := preview.DecideObserved(l.wanted, l.observed, facts, now)
		if problem != nil {
			next = next.Failing(l.wanted, problem, now)
		}
		if len(actions) > 0 {
			due = now
		}
		l.observed = next
		l.measure(before)
		saidAll := l.saidAll()
		atOnce := due
		if !saidAll { // whoever comes after a crash says it
			atOnce = now
		}
		if err := errors.Join(l.save(ctx, atOnce), l.phase(ctx, before)); err != nil {
			return errors.Join(err, problem)
		}
		reportProblem = nil
		if !saidAll {
			reportProblem = l.report(ctx, due)
		}
		if problem != nil || len(actions) == 0 {
			return errors.Join(problem, reportProblem)
		}
		facts, problem = l.perform(ctx, actions)
		if busy, ok := errors.AsType[*busyError](problem); ok {
			return l.wait(ctx, busy)
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), problem)
		}
	}
	return errRestless
}

// wait leaves the preview alone until the shard may be free: its worker has others to look at.
func (l *look) wait(ctx context.Context, busy *busyError) error {
	l.observed.Waiting = l.observed.Phase == preview.PhaseApplying && !l.dirty
	l.o.Log.DebugContext(ctx, "waiting for an API shard", "preview", l.claim.Key().String(), "api", busy.shard)
	return l.save(ctx, time.Now().Add(busy.retry))
}

// phase tells the intake what it waits for: the end of the removal before a reopened preview is deployed, and that the
// documents of what is built go together. If the mark is lost, the sweep sets it.
func (l *look) phase(ctx context.Context, before preview.Observed) error {
	now := l.observed
	if before.Phase != now.Phase {
		l.o.Log.InfoContext(ctx, "gateway", "preview", l.claim.Key().String(), "phase", now.Phase,
			"generation", l.wanted.Generation)
	}
	removed := before.Phase != now.Phase && now.Phase == preview.PhaseRemoved
	if !removed && before.Accepted == now.Accepted {
		return nil
	}
	return l.o.Store.Mark(ctx, l.claim.Key(), preview.Intake, time.Now())
}

// measure counts a change that has become live since before.
func (l *look) measure(before preview.Observed) {
	now := l.observed
	if now.Phase != preview.PhaseLive || now.Serving == nil || now.Serving.Generation != l.wanted.Generation ||
		before.Serving != nil && before.Serving.Generation == now.Serving.Generation {
		return
	}
	l.metrics.changes.WithLabelValues(l.claim.Key().Gateway).Observe(now.Serving.Since.Sub(l.wanted.Changed).Seconds())
}

func (l *look) loadWanted(ctx context.Context) error {
	row, err := l.o.Store.Load(ctx, l.claim.Key(), preview.Intake)
	if err != nil {
		return err
	}
	if l.wanted, err = preview.DecodeWanted(row.Body); err != nil {
		return err
	}
	return l.loadOthers(ctx)
}

func (l *look) save(ctx context.Context, due time.Time) error {
	body, err := l.observed.Encode()
	if err != nil {
		return fmt.Errorf("encoding row: %w", err)
	}
	return l.claim.Save(ctx, body, l.observed.Settled(), due)
}

// perform carries actions out in their order and returns what they came back with. What people have to mend, so that a
// gateway can be made, is a fact; the error is to be tried again. Taking something in is always tried again.
func (l *look) perform(ctx context.Context, actions []preview.Action) (preview.GatewayFacts, error) {
	var facts preview.GatewayFacts
	var problems []error
	for _, a := range actions {
		began := time.Now()
		err := l.one(ctx, a, &facts)
		takesIn := a.Kind == preview.RemoveGateway || a.Kind == preview.RemoveTags
		if user, ok := errors.AsType[*preview.UserError](err); ok && !takesIn {
			facts.Failure = &preview.Failure{Stage: "gateway", UserError: *user, At: time.Now().UTC()}
			if a.Kind == preview.ApplyGateway {
				facts.Tried = l.observed.Applying.Digest
			}
			err = nil
		}
		if _, busy := errors.AsType[*busyError](err); busy {
			return facts, err
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", a.Key(), err))
			l.o.Log.WarnContext(ctx, "action failed", "preview", l.claim.Key().String(), "action", a.Key(), "error", err)
		}
		l.o.Log.DebugContext(ctx, "action", "preview", l.claim.Key().String(), "action", a.Key(),
			"took", time.Since(began), "ok", err == nil)
	}
	return facts, errors.Join(problems...)
}

func (l *look) one(ctx context.Context, a preview.Action, facts *preview.GatewayFacts) (err error) {
	switch a.Kind {
	case preview.CheckDocuments:
		var composed *preview.Serving
		composed, facts.Failure, err = l.compose(ctx)
		if composed != nil {
			facts.Checked = composed.Generation
		}
	case preview.ComposeGateway:
		if l.line.behind(shardName(l.site.Environment.Project, l.api()), l.claim.Key()) {
			return &busyError{l.api(), lineRetry} // composed once its turn has come
		}
		facts.Composed, facts.Failure, err = l.compose(ctx)
		if err == nil && facts.Composed != nil {
			facts.Drifted, err = l.drifted(ctx, facts.Composed)
		}
	case preview.ApplyGateway:
		facts.Applied, err = l.apply(ctx)
	case preview.ProbeGateway:
		said := l.probe(ctx)
		facts.Probed = &said
	case preview.RemoveGateway:
		facts.Removed = l.wanted.Down
		err = l.remove(ctx)
		facts.Taken = err == nil
	case preview.RemoveTags:
		if err = l.removeFormerTags(ctx); err == nil {
			facts.Cleaned = l.wanted.Generation
		}
	default:
		err = fmt.Errorf("unknown action %q", a.Kind)
	}
	return err
}

func (r *Reconciler) takeLeftover(key preview.Key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := r.leftover[key]
	delete(r.leftover, key)
	return found
}

// Hint takes in the preview that a message names. nil: it is dealt with, because the row has been marked durably, or
// because there is no such preview.
func (r *Reconciler) Hint(ctx context.Context, name string) error {
	key, err := preview.ParseKey(name)
	if err != nil {
		r.o.Log.WarnContext(ctx, "hint that names no preview")
		return preview.ErrIgnored
	}
	row, err := r.o.Store.Load(ctx, key, preview.Intake)
	if err != nil {
		return err
	}
	if row.Version == 0 {
		r.o.Log.WarnContext(ctx, "hint for an unknown preview", "preview", key.String())
		return preview.ErrIgnored
	}
	if w, err := preview.DecodeWanted(row.Body); err == nil && w.AwaitsPipeline() {
		// A revision that a team's pipeline has deployed is the intake's to find.
		if err := r.o.Store.Mark(ctx, key, preview.Intake, time.Now()); err != nil {
			return err
		}
	}
	return r.mark(ctx, key)
}

func (r *Reconciler) mark(ctx context.Context, key preview.Key) error {
	if err := r.o.Store.Mark(ctx, key, preview.Aggregator, time.Now()); err != nil {
		return err
	}
	r.o.Wake(key)
	return nil
}
