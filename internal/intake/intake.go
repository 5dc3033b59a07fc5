// Package intake turns hints into revisions: it reads a pull request, decides what is wanted, saves it, starts and
// cancels builds, deploys what was built as a revision without traffic, and says that it is ready.
//
// It never believes a message: a hint names a pull request or a build, and what counts is what GitHub, Cloud Build and
// Cloud Run answer. All decisions are made by [preview.DecideWanted].
package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/site"
	"github.com/gangway-dev/gangway/internal/telemetry"
	"github.com/gangway-dev/gangway/internal/worker"
)

// GitHub is what the intake asks of GitHub. Errors: [preview.ErrNotFound], everything else is temporary.
type GitHub interface {
	PullRequest(ctx context.Context, repo preview.Repository, number int) (preview.PullRequest, error)
	Files(ctx context.Context, repo preview.Repository, number int) (preview.Files, error)
	Tree(ctx context.Context, repo preview.Repository, sha string) (preview.Tree, error)
	Approval(ctx context.Context, repo preview.Repository, number int, label string) (preview.Approval, error)
	CloneURL(repo preview.Repository) string
}

// Builds is what the intake asks of Cloud Build. Start finds a build that was started before instead of starting another
// one; Cancel of a build that has ended is no error. Log is the last lines of the step that failed, "" when there are none
// (yet). Find is the newest build that was started for a key, generation and service.
type Builds interface {
	Start(ctx context.Context, r preview.BuildRequest) (preview.Build, error)
	Get(ctx context.Context, ref preview.BuildRef) (preview.Build, error)
	Find(ctx context.Context, r preview.BuildRequest) (preview.Build, bool, error)
	Log(ctx context.Context, ref preview.BuildRef) (string, error)
	Cancel(ctx context.Context, ref preview.BuildRef) error
}

// CloudRun is what the intake asks of Cloud Run. Deploy is idempotent, and of a revision that exists already only the tag
// is set; a *[preview.UserError] says what people have to mend. RemoveTag removes a tag only while the revision under it
// carries the labels of owner.
type CloudRun interface {
	Service(ctx context.Context, ref preview.ServiceRef) (preview.CloudRunService, error)
	Revision(ctx context.Context, ref preview.ServiceRef, name string) (preview.CloudRunRevision, error)
	Deploy(ctx context.Context, d preview.Deployment) error
	RemoveTag(ctx context.Context, ref preview.ServiceRef, tag string, owner map[string]string) error
	Tags(ctx context.Context, project, region string) (int, error)
}

// Publisher publishes a hint; nil means that it is durable.
type Publisher interface {
	Publish(ctx context.Context, topic string, data []byte, attributes map[string]string) error
}

// Options are what an intake works with; all are needed.
type Options struct {
	Sites     *site.Finder
	GitHub    GitHub
	Builds    Builds
	CloudRun  CloudRun
	Publisher Publisher
	Store     preview.Store
	Wake      func(preview.Key) // tells the pool that a row was marked
	Log       *slog.Logger
}

// An Intake is safe for concurrent use.
type Intake struct {
	o       Options
	counter counter
}

// New makes an intake.
func New(o Options) *Intake {
	return &Intake{o: o}
}

const (
	quarantine = time.Hour // how long a row that can't be understood is left alone
	maxRounds  = 50        // of deciding and acting in one look
)

// errRestless says that deciding and acting don't come to an end: the row is tried again, after a backoff.
var errRestless = errors.New("the preview does not come to rest")

// Handle is the worker's handler: it reads the truth about one preview and brings it on as far as it will go now.
func (i *Intake) Handle(ctx context.Context, claim *worker.Claim) error {
	row := claim.Row()
	w, err := preview.DecodeWanted(row.Body)
	if err != nil {
		i.o.Log.ErrorContext(ctx, "reading row", "preview", row.Key.String(), "error", err)
		return claim.Save(ctx, row.Body, row.Settled, time.Now().Add(quarantine))
	}
	place, err := i.find(ctx, row.Key, w)
	if errors.Is(err, site.ErrNotConfigured) {
		return i.homeless(ctx, claim, w, err)
	}
	if err != nil {
		return err
	}
	facts, unread, err := i.gather(ctx, place, &w, row.Marks)
	switch {
	case err != nil:
		return errors.Join(err, unread)
	case unread == nil:
		return look{i, claim, place, false}.run(ctx, w, facts)
	case w.Intent == preview.IntentUnknown && errors.Is(unread, preview.ErrNotFound):
		i.o.Log.InfoContext(ctx, "no such pull request yet", "preview", row.Key.String(), "error", unread)
		return claim.Save(ctx, row.Body, row.Settled, time.Now().Add(unseen(row.Version)))
	case w.Intent == preview.IntentUnknown:
		return unread
	}
	return errors.Join(look{i, claim, place, true}.run(ctx, w, facts), unread)
}

// homeless looks at a preview that the configuration has no place for, which why says.
func (i *Intake) homeless(ctx context.Context, claim *worker.Claim, w preview.Wanted, why error) error {
	row := claim.Row()
	i.o.Log.WarnContext(ctx, "preview of something that is not configured", "preview", row.Key.String(), "error", why)
	place, err := i.o.Sites.FindFormer(row.Key, w.Repository)
	if err != nil {
		return claim.Save(ctx, row.Body, row.Settled, time.Now().Add(quarantine))
	}
	facts := preview.IntakeFacts{Homeless: true, Policy: place.Catalog.Previews.Policy()}
	if err := i.gatherObserved(ctx, row.Key, &facts); err != nil {
		return err
	}
	w.Read.Marks = row.Marks
	return look{i, claim, place, false}.run(ctx, w, facts)
}

// find finds where a preview lives. What GitHub said before will do while it does not answer, so that previews go on, and
// expire, without it.
func (i *Intake) find(ctx context.Context, key preview.Key, w preview.Wanted) (site.Site, error) {
	place, err := i.o.Sites.Find(ctx, key)
	if err == nil || errors.Is(err, site.ErrNotConfigured) || w.Repository.ID != key.Repository {
		return place, err
	}
	return i.o.Sites.FindKnown(key, w.Repository)
}

// unseen is how long a pull request that GitHub does not know is left alone: it may take a moment until a new one is known
// everywhere, and a hint that names none must not be asked about for ever. The sweep finds what is there.
func unseen(version int64) time.Duration {
	return min(5*time.Second<<min(version, 20), quarantine)
}

// A look is one look at one preview.
type look struct {
	*Intake
	claim  *worker.Claim
	place  site.Site
	unread bool // the pull request has to be read yet: the row stays due
}

// run goes on until nothing is left to do now.
func (l look) run(ctx context.Context, w preview.Wanted, facts preview.IntakeFacts) (err error) {
	key := l.claim.Key()
	ctx = telemetry.WithChange(ctx, key.Change(w.HeadSHA))
	for range maxRounds {
		now := time.Now().UTC()
		before := w
		next, actions, due := preview.DecideWanted(key, w, facts, now)
		if len(actions) > 0 || l.unread {
			due = now
		}
		body, encodeErr := next.Encode()
		if encodeErr != nil {
			return fmt.Errorf("encoding row: %w", encodeErr)
		}
		if saveErr := l.claim.Save(ctx, body, next.Settled(facts.Removed), due); saveErr != nil {
			return errors.Join(saveErr, err)
		}
		w = next
		ctx = telemetry.WithChange(ctx, key.Change(w.HeadSHA))
		l.logSteps(ctx, key, before, w)
		if err != nil || len(actions) == 0 {
			return err
		}
		facts, err = l.perform(ctx, l.place, w, actions)
	}
	return errRestless
}

// logSteps says what has changed.
func (i *Intake) logSteps(ctx context.Context, key preview.Key, before, after preview.Wanted) {
	if before.Generation != after.Generation {
		i.o.Log.InfoContext(ctx, "generation", "preview", key.String(), "generation", after.Generation,
			"intent", after.Intent, "head_sha", after.HeadSHA, "services", len(after.Members))
	}
	for _, m := range after.Members {
		old, _ := before.Member(m.Service)
		if old.Step == m.Step && old.Generation == m.Generation {
			continue
		}
		attrs := []any{
			"preview", key.String(), "service", m.Service, "step", m.Step, "generation", m.Generation,
			"build_id", m.BuildID, "revision", m.Revision,
		}
		if m.Failure != nil {
			attrs = append(attrs, "summary", m.Failure.Summary)
		}
		i.o.Log.InfoContext(ctx, "member", attrs...)
	}
}
