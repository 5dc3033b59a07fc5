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

// report makes the pull request show the state, part by part, and only what has changed since it was written last. Its
// references are saved as soon as they are known; if that fails, they are found again by marker and external id. An error
// does not stop work on Google Cloud: it is returned to be tried again.
func (l *look) report(ctx context.Context, due time.Time) error {
	if l.wanted.Generation == 0 {
		return nil
	}
	before := l.observed.Report
	r := report.Render(report.Preview{Key: l.claim.Key(), Wanted: l.wanted, Observed: l.observed})
	problem := errors.Join(l.writeComment(ctx, r), l.writeDeployment(ctx, r), l.writeCheck(ctx, r))
	if l.observed.Report != before {
		if err := l.save(ctx, due); err != nil {
			return errors.Join(err, problem)
		}
	}
	if problem != nil {
		return fmt.Errorf("reporting: %w", problem)
	}
	return nil
}

func (l *look) writeComment(ctx context.Context, r report.Report) error {
	refs := &l.observed.Report
	if r.Comment == nil || refs.CommentDigest == digest(r.Comment) {
		return nil
	}
	id, err := l.o.GitHub.WriteComment(ctx, l.site.Repository, l.claim.Key().PullRequest, refs.CommentID, *r.Comment)
	if err != nil {
		return err
	}
	refs.CommentID, refs.CommentDigest = id, digest(r.Comment)
	return nil
}

// writeCheck writes the check run on the head commit. One on an earlier head is ended as superseded: that is neither good
// nor bad.
func (l *look) writeCheck(ctx context.Context, r report.Report) error {
	refs := &l.observed.Report
	if r.CheckRun == nil {
		return nil
	}
	if refs.CheckSHA != r.CheckRun.HeadSHA {
		if refs.CheckRunID != 0 {
			_, err := l.o.GitHub.WriteCheckRun(ctx, l.site.Repository, refs.CheckRunID, report.Superseded(*r.CheckRun, refs.CheckSHA))
			if err != nil && !errors.Is(err, preview.ErrNotFound) {
				return err
			}
		}
		refs.CheckRunID, refs.CheckDigest = 0, ""
	}
	if refs.CheckDigest == digest(r.CheckRun) {
		return nil
	}
	id, err := l.o.GitHub.WriteCheckRun(ctx, l.site.Repository, refs.CheckRunID, *r.CheckRun)
	if err != nil {
		return err
	}
	refs.CheckRunID, refs.CheckSHA, refs.CheckDigest = id, r.CheckRun.HeadSHA, digest(r.CheckRun)
	return nil
}

// writeDeployment keeps one GitHub deployment a generation: GitHub would keep only one of an environment active by
// itself, so that the earlier generation's is retired here.
func (l *look) writeDeployment(ctx context.Context, r report.Report) error {
	refs := &l.observed.Report
	if r.Deployment != nil && refs.DeploymentGen != l.wanted.Generation {
		if err := l.retire(ctx); err != nil {
			return err
		}
		id, err := l.o.GitHub.WriteDeployment(ctx, l.site.Repository, *r.Deployment)
		if err != nil {
			return err
		}
		refs.DeploymentID, refs.DeploymentGen, refs.DeploymentSaid = id, l.wanted.Generation, ""
	}
	if r.Status == nil || refs.DeploymentID == 0 || refs.DeploymentSaid == digest(r.Status) {
		return nil
	}
	if err := l.o.GitHub.WriteDeploymentStatus(ctx, l.site.Repository, refs.DeploymentID, *r.Status); err != nil {
		return err
	}
	refs.DeploymentSaid = digest(r.Status)
	return nil
}

// retire makes the deployment of an earlier generation inactive.
func (l *look) retire(ctx context.Context) error {
	refs := &l.observed.Report
	if refs.DeploymentID == 0 {
		return nil
	}
	err := l.o.GitHub.WriteDeploymentStatus(ctx, l.site.Repository, refs.DeploymentID, report.DeploymentStatus{
		State: "inactive", Description: "Replaced by a newer generation",
	})
	if err != nil && !errors.Is(err, preview.ErrNotFound) {
		return err
	}
	refs.DeploymentID, refs.DeploymentSaid = 0, ""
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
