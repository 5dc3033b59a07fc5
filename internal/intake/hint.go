package intake

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/site"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

// PullRequestHint takes in a message of the topic pull-requests. nil: it is dealt with, because what it names has been
// marked durably; [preview.ErrIgnored]: it names nothing of ours.
func (i *Intake) PullRequestHint(ctx context.Context, data []byte) error {
	var hint preview.PullRequestHint
	if len(data) > preview.MaxHintBytes || json.Unmarshal(data, &hint) != nil || hint.Version != preview.HintVersion {
		i.o.Log.WarnContext(ctx, "unreadable hint", "topic", preview.TopicPullRequests, "bytes", len(data))
		return preview.ErrIgnored
	}
	ctx = telemetry.WithChange(ctx, changeOf(hint.Change))
	log := i.o.Log.With("delivery_id", hint.DeliveryID, "repository_id", hint.Repository, "pr", hint.PullRequest)
	if hint.Repository <= 0 || hint.PullRequest <= 0 {
		log.WarnContext(ctx, "hint without a pull request")
		return preview.ErrIgnored
	}
	c := i.o.Sites.Catalog()
	repository, declared, err := i.o.Sites.ByID(ctx, hint.Repository)
	if errors.Is(err, site.ErrNotConfigured) {
		log.InfoContext(ctx, "hint for a repository that is not configured")
		return preview.ErrIgnored
	}
	if errors.Is(err, preview.ErrNotFound) {
		log.WarnContext(ctx, "hint while a configured repository can't be seen", "error", err)
		return preview.ErrIgnored // if it was about that one, there is nothing to be read; if it comes back, the sweep finds what is open
	}
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "hint", "event", hint.Event, "action", hint.Action)
	for _, key := range site.Keys(c, declared, repository.ID, hint.PullRequest) {
		if err := i.mark(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// changeOf is s if it can be the id of a change: a message may hold anything.
func changeOf(s string) string {
	if raw, err := hex.DecodeString(s); err != nil || len(raw) != 16 {
		return ""
	}
	return s
}

// BuildHint takes in a notice of Cloud Build's, reduced to the build's name.
func (i *Intake) BuildHint(ctx context.Context, ref preview.BuildRef) error {
	if !i.builds(ref) {
		i.o.Log.InfoContext(ctx, "notice of a build in another project", "build_id", ref.ID)
		return preview.ErrIgnored
	}
	build, err := i.o.Builds.Get(ctx, ref)
	if errors.Is(err, preview.ErrNotFound) || err == nil && !build.Key.Valid() {
		i.o.Log.DebugContext(ctx, "notice of a build that is not ours", "build_id", ref.ID)
		return preview.ErrIgnored
	}
	if err != nil {
		return fmt.Errorf("reading build: %w", err)
	}
	row, err := i.o.Store.Load(ctx, build.Key, preview.Intake)
	if err != nil {
		return err
	}
	if row.Version == 0 {
		i.o.Log.InfoContext(ctx, "notice of a build of an unknown preview", "build_id", ref.ID, "preview", build.Key.String())
		return preview.ErrIgnored
	}
	ctx = telemetry.WithChange(ctx, build.Key.Change(build.SHA))
	i.o.Log.InfoContext(ctx, "notice of a build", "preview", build.Key.String(), "build_id", build.ID, "status", build.Status)
	return i.mark(ctx, build.Key)
}

// builds tells whether previews are built where ref says.
func (i *Intake) builds(ref preview.BuildRef) bool {
	c := i.o.Sites.Catalog()
	environment, ok := c.Environment(c.Previews.Environment)
	return ok && environment.Project == ref.Project
}

func (i *Intake) mark(ctx context.Context, key preview.Key) error {
	if err := i.o.Store.Mark(ctx, key, preview.Intake, time.Now()); err != nil {
		return err
	}
	i.o.Wake(key)
	return nil
}
