package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/report"
)

// saidAll tells whether the pull request shows the state.
func (l *look) saidAll() bool {
	r, refs := l.rendered(), l.observed.Report
	if r.Comment != nil && refs.CommentDigest != digest(r.Comment) {
		return false
	}
	return l.wanted.Generation == 0 ||
		(r.CheckRun == nil || refs.CheckSHA == r.CheckRun.HeadSHA && refs.CheckDigest == digest(r.CheckRun)) &&
			(r.Deployment == nil || refs.DeploymentGen == l.wanted.Generation) &&
			(r.Status == nil || refs.DeploymentSaid == digest(r.Status))
}

// report makes the pull request show the state, part by part, and only what has changed since it was written last. What is
// about to be created is saved first, so that a process that dies in between leaves nothing that a later state knows
// nothing of: it is found again by marker, external id or task. An error does not stop work on Google Cloud: it is returned
// to be tried again. Until all is written, the row stays due.
func (l *look) report(ctx context.Context, due time.Time) error {
	saved := l.observed.Report
	problem := l.prepare(ctx, l.rendered())
	if l.observed.Report != saved {
		if err := l.save(ctx, time.Now()); err != nil {
			return errors.Join(err, problem)
		}
	}
	r := l.rendered()
	problem = errors.Join(problem, l.writeComment(ctx, r), l.writeDeployment(ctx, r), l.writeCheck(ctx, r))
	problem = errors.Join(problem, l.writeComment(ctx, l.rendered()), l.tellLead(ctx)) // it may link to what was only now created
	if problem != nil {
		due = time.Now()
	}
	if err := l.save(ctx, due); err != nil {
		return errors.Join(err, problem)
	}
	if problem != nil {
		return fmt.Errorf("reporting: %w", problem)
	}
	return nil
}

// loadOthers finds out whose worker writes the pull request's comment: that of the first of the previews that it may have whose
// rows can be understood. If it is this one's, it reads the others' rows; one that can't be understood has no section.
func (l *look) loadOthers(ctx context.Context) error {
	l.lead, l.others = l.claim.Key(), nil
	mine := false
	for _, key := range l.site.Siblings() {
		if key == l.claim.Key() {
			mine = true
			continue
		}
		other, known, err := l.loadOther(ctx, key)
		switch {
		case err != nil:
			return err
		case known && !mine:
			l.lead = key
			return nil
		case known:
			l.others = append(l.others, other)
		}
	}
	return nil
}

// loadOther reads another preview of the pull request. known is false for one that can't be understood.
func (l *look) loadOther(ctx context.Context, key preview.Key) (other report.Preview, known bool, err error) {
	var rows [2]preview.Row
	for n, owner := range []preview.Owner{preview.Intake, preview.Aggregator} {
		if rows[n], err = l.o.Store.Load(ctx, key, owner); err != nil {
			return other, false, err
		}
	}
	wanted, err := preview.DecodeWanted(rows[0].Body)
	observed, observedErr := preview.DecodeObserved(rows[1].Body)
	if err := errors.Join(err, observedErr); err != nil {
		l.o.Log.ErrorContext(ctx, "reading row", "preview", key.String(), "error", err)
		return other, false, nil
	}
	return l.reported(key, wanted, observed), true, nil
}

// rendered is what the pull request should show of this preview, with a comment that has a section for each of the pull
// request's.
func (l *look) rendered() report.Report {
	own := l.reported(l.claim.Key(), l.wanted, l.observed)
	r := report.Render(own)
	if len(l.others) > 0 {
		r.Comment = report.RenderComment(append([]report.Preview{own}, l.others...))
	}
	return r
}

func (l *look) reported(key preview.Key, w preview.Wanted, o preview.Observed) report.Preview {
	return report.Preview{Key: key, Wanted: w, Observed: o, Usual: o.Usual(), Expire: l.site.Catalog.Previews.ExpireAfter}
}

// prepare ends what belongs to an earlier head or generation, and notes what is about to be created.
func (l *look) prepare(ctx context.Context, r report.Report) error {
	refs := &l.observed.Report
	if report.Render(l.reported(l.claim.Key(), l.wanted, l.observed)).Comment != nil {
		refs.Commented = true
	}
	var problems []error
	if r.CheckRun != nil && refs.CheckSHA != r.CheckRun.HeadSHA {
		if err := l.unlessRefused(ctx, "check run", l.supersede(ctx, *r.CheckRun)); err != nil {
			problems = append(problems, err)
		} else {
			refs.CheckRunID, refs.CheckSHA, refs.CheckDigest = 0, r.CheckRun.HeadSHA, ""
		}
	}
	if r.Deployment != nil && refs.DeploymentGen != l.wanted.Generation {
		if err := l.unlessRefused(ctx, "deployment", l.retire(ctx, replaced())); err != nil {
			problems = append(problems, err)
		} else {
			refs.DeploymentID, refs.DeploymentGen, refs.DeploymentSaid = 0, l.wanted.Generation, ""
		}
	}
	return errors.Join(problems...)
}

// tellLead has the comment written where another preview's worker does that. It reads this row, which therefore is saved first.
func (l *look) tellLead(ctx context.Context) error {
	refs, section, lead := &l.observed.Report, l.rendered().Comment, l.lead
	if lead == l.claim.Key() || section == nil || refs.CommentDigest == digest(section) {
		return nil
	}
	if err := l.save(ctx, time.Now()); err != nil {
		return err
	}
	if err := l.mark(ctx, lead); err != nil {
		return fmt.Errorf("telling the writer of the comment: %w", err)
	}
	refs.CommentDigest = digest(section)
	return nil
}

// writeComment writes the pull request's one comment.
func (l *look) writeComment(ctx context.Context, r report.Report) error {
	refs := &l.observed.Report
	if r.Comment == nil || refs.CommentDigest == digest(r.Comment) {
		return nil
	}
	if l.lead != l.claim.Key() {
		return nil // see tellLead
	}
	id, err := l.o.GitHub.WriteComment(ctx, l.site.Repository, l.claim.Key().PullRequest, refs.CommentID, *r.Comment)
	if id != 0 {
		refs.CommentID = id
	}
	if err := l.unlessRefused(ctx, "comment", err); err != nil {
		return err
	}
	refs.CommentDigest = digest(r.Comment)
	return nil
}

// unlessRefused is err, unless GitHub has refused what was to be written, as it does with a comment on a locked pull
// request: the same again would be refused again, so that it counts as written until there is something else to say.
func (l *look) unlessRefused(ctx context.Context, what string, err error) error {
	if user, ok := errors.AsType[*preview.UserError](err); ok {
		l.o.Log.WarnContext(ctx, "GitHub refuses a report", "preview", l.claim.Key().String(), "what", what, "error", user)
		return nil
	}
	return err
}

// supersede ends the check run of an earlier head: that is neither good nor bad.
func (l *look) supersede(ctx context.Context, newer report.CheckRun) error {
	refs := l.observed.Report
	if refs.CheckSHA == "" {
		return nil
	}
	_, err := l.o.GitHub.WriteCheckRun(ctx, l.site.Repository, refs.CheckRunID, report.Superseded(newer, refs.CheckSHA))
	if errors.Is(err, preview.ErrNotFound) {
		return nil
	}
	return err
}

// writeCheck writes the check run on the head commit.
func (l *look) writeCheck(ctx context.Context, r report.Report) error {
	refs := &l.observed.Report
	if r.CheckRun == nil || refs.CheckSHA != r.CheckRun.HeadSHA || refs.CheckDigest == digest(r.CheckRun) {
		return nil
	}
	id, err := l.o.GitHub.WriteCheckRun(ctx, l.site.Repository, refs.CheckRunID, *r.CheckRun)
	if id != 0 {
		refs.CheckRunID = id
	}
	if err := l.unlessRefused(ctx, "check run", err); err != nil {
		return err
	}
	refs.CheckDigest = digest(r.CheckRun)
	return nil
}

// writeDeployment keeps one GitHub deployment a generation, and its status.
func (l *look) writeDeployment(ctx context.Context, r report.Report) error {
	refs := &l.observed.Report
	if r.Status == nil || refs.DeploymentSaid == digest(r.Status) {
		return nil
	}
	if r.Deployment == nil {
		if err := l.unlessRefused(ctx, "deployment", l.retire(ctx, *r.Status)); err != nil {
			return err
		}
		refs.DeploymentSaid = digest(r.Status)
		return nil
	}
	if refs.DeploymentGen != l.wanted.Generation {
		return nil // the earlier one could not be retired yet
	}
	if err := l.unlessRefused(ctx, "deployment", l.writeStatus(ctx, r)); err != nil {
		return err
	}
	refs.DeploymentSaid = digest(r.Status)
	return nil
}

// writeStatus writes the status of the generation's deployment, which it makes if need be.
func (l *look) writeStatus(ctx context.Context, r report.Report) (err error) {
	refs := &l.observed.Report
	if refs.DeploymentID == 0 {
		if refs.DeploymentID, err = l.o.GitHub.WriteDeployment(ctx, l.site.Repository, *r.Deployment); err != nil {
			return err
		}
	}
	return l.o.GitHub.WriteDeploymentStatus(ctx, l.site.Repository, refs.DeploymentID, *r.Status)
}

// replaced is the end of an earlier generation's deployment. GitHub would keep only one of an environment active by itself,
// whosever pull request's it is: so each is retired by name.
func replaced() report.DeploymentStatus {
	return report.DeploymentStatus{State: "inactive", Description: "Replaced by a newer generation"}
}

// retire makes the deployment of an earlier generation inactive. Where its id was lost, all of the pull request's are.
func (l *look) retire(ctx context.Context, as report.DeploymentStatus) error {
	refs := l.observed.Report
	ids := []int64{refs.DeploymentID}
	switch {
	case refs.DeploymentGen == 0:
		return nil
	case refs.DeploymentID == 0:
		var err error
		if ids, err = l.o.GitHub.Deployments(ctx, l.site.Repository, report.Task(l.claim.Key()), report.Purpose(l.claim.Key())); err != nil {
			return err
		}
	}
	for _, id := range ids {
		err := l.o.GitHub.WriteDeploymentStatus(ctx, l.site.Repository, id, as)
		if err != nil && !errors.Is(err, preview.ErrNotFound) {
			return err
		}
	}
	return nil
}

// digest is a fingerprint of something that is written.
func digest(v any) string {
	body, err := json.Marshal(v)
	if err != nil {
		return "" // not reached: reports are plain data
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:8])
}
