package github

import (
	"context"
	"errors"
	"fmt"
	"slices"

	api "github.com/google/go-github/v60/github"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/report"
)

// maxAnnotations is how many annotations one request may carry.
// https://docs.github.com/en/rest/checks/runs#update-a-check-run
const maxAnnotations = 50

// WriteCheckRun makes the check run with run's external id on run's head SHA say what run says, and returns its id. A
// known id is updated; without one (0), or if that is gone, it is looked for, and created if there is none.
//
// GitHub only ever adds annotations. So those that are there already are not sent again; if one is there that run no
// longer has, a new check run replaces the old one, which GitHub then hides behind it.
func (c *Client) WriteCheckRun(ctx context.Context, repo preview.Repository, id int64, run report.CheckRun) (int64, error) {
	doing := fmt.Sprintf("writing check run %q of %s", run.Name, repo.FullName())
	w := checkRunWriter{client: c, lib: c.to(repo, scopeCheckRun), repo: repo, run: run}
	id, err := w.write(ctx, id)
	return id, wrap(doing, err)
}

type checkRunWriter struct {
	client *Client
	lib    *api.Client
	repo   preview.Repository
	run    report.CheckRun
}

func (w *checkRunWriter) write(ctx context.Context, id int64) (int64, error) {
	if id == 0 {
		var err error
		if id, err = w.find(ctx); err != nil {
			return 0, err
		}
	}
	var written *api.CheckRun
	var err error
	if id != 0 {
		if written, err = w.update(ctx, id, nil); errors.Is(err, preview.ErrNotFound) {
			id = 0
		}
	}
	if id == 0 {
		if id, err = w.find(ctx); err == nil && id == 0 {
			return w.create(ctx)
		}
		if err == nil {
			written, err = w.update(ctx, id, nil)
		}
	}
	if err != nil {
		return id, err
	}
	return w.annotate(ctx, written)
}

// find is the newest check run of this App with the external id; 0 when there is none.
func (w *checkRunWriter) find(ctx context.Context) (int64, error) {
	var newest int64
	err := all(func(part api.ListOptions) (*api.Response, error) {
		page, resp, err := w.lib.Checks.ListCheckRunsForRef(ctx, w.repo.Owner, w.repo.Name, w.run.HeadSHA, &api.ListCheckRunsOptions{
			CheckName: &w.run.Name, AppID: &w.client.appID, Filter: new("all"), ListOptions: part,
		})
		if err != nil {
			return resp, err
		}
		for _, one := range page.CheckRuns {
			if one.GetExternalID() == w.run.ExternalID && one.GetHeadSHA() == w.run.HeadSHA {
				newest = max(newest, one.GetID())
			}
		}
		return resp, nil
	})
	if err != nil {
		return 0, translate("looking for the check run", err)
	}
	return newest, nil
}

func (w *checkRunWriter) output(part []report.Annotation) *api.CheckRunOutput {
	out := &api.CheckRunOutput{Title: &w.run.Title, Summary: &w.run.Summary}
	for _, a := range part {
		out.Annotations = append(out.Annotations, &api.CheckRunAnnotation{
			Path: &a.Path, StartLine: new(max(a.Line, 1)), EndLine: new(max(a.Line, 1)),
			AnnotationLevel: &a.Level, Title: &a.Title, Message: &a.Message,
		})
	}
	return out
}

// conclusion is nil until the run is completed: GitHub completes a run that is given one.
func (w *checkRunWriter) conclusion() *string { return orNil(w.run.Conclusion) }

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (w *checkRunWriter) create(ctx context.Context) (int64, error) {
	first := w.run.Annotations[:min(len(w.run.Annotations), maxAnnotations)]
	made, _, err := w.lib.Checks.CreateCheckRun(ctx, w.repo.Owner, w.repo.Name, api.CreateCheckRunOptions{
		Name: w.run.Name, HeadSHA: w.run.HeadSHA, ExternalID: &w.run.ExternalID, DetailsURL: orNil(w.run.DetailsURL),
		Status: &w.run.Status, Conclusion: w.conclusion(), Output: w.output(first),
	})
	if err != nil {
		if !unknownOutcome(err) {
			return 0, translate("creating", err)
		}
		id, lookErr := w.find(ctx)
		if lookErr != nil || id == 0 {
			return 0, translate("creating", err)
		}
		if made, err = w.update(ctx, id, nil); err != nil {
			return id, err
		}
		return w.annotate(ctx, made)
	}
	return made.GetID(), w.batches(ctx, made.GetID(), w.run.Annotations[len(first):])
}

func (w *checkRunWriter) update(ctx context.Context, id int64, part []report.Annotation) (*api.CheckRun, error) {
	run, _, err := w.lib.Checks.UpdateCheckRun(ctx, w.repo.Owner, w.repo.Name, id, api.UpdateCheckRunOptions{
		Name: w.run.Name, ExternalID: &w.run.ExternalID, DetailsURL: orNil(w.run.DetailsURL),
		Status: &w.run.Status, Conclusion: w.conclusion(), Output: w.output(part),
	})
	return run, translate("updating", err)
}

// annotate adds the annotations that an existing check run lacks.
func (w *checkRunWriter) annotate(ctx context.Context, written *api.CheckRun) (int64, error) {
	id := written.GetID()
	if written.GetOutput().GetAnnotationsCount() == 0 {
		return id, w.batches(ctx, id, w.run.Annotations)
	}
	existing, err := w.annotations(ctx, id)
	if err != nil {
		return id, err
	}
	for _, a := range existing {
		if !slices.Contains(w.run.Annotations, a) {
			return w.create(ctx)
		}
	}
	missing := slices.DeleteFunc(slices.Clone(w.run.Annotations), func(a report.Annotation) bool {
		return slices.Contains(existing, a)
	})
	return id, w.batches(ctx, id, missing)
}

func (w *checkRunWriter) annotations(ctx context.Context, id int64) ([]report.Annotation, error) {
	var list []report.Annotation
	err := all(func(part api.ListOptions) (*api.Response, error) {
		page, resp, err := w.lib.Checks.ListCheckRunAnnotations(ctx, w.repo.Owner, w.repo.Name, id, &part)
		for _, a := range page {
			list = append(list, report.Annotation{
				Path: a.GetPath(), Line: a.GetStartLine(), Level: a.GetAnnotationLevel(), Title: a.GetTitle(), Message: a.GetMessage(),
			})
		}
		return resp, err
	})
	if err != nil {
		return nil, translate("listing annotations", err)
	}
	return list, nil
}

func (w *checkRunWriter) batches(ctx context.Context, id int64, annotations []report.Annotation) error {
	for part := range slices.Chunk(annotations, maxAnnotations) {
		if _, err := w.update(ctx, id, part); err != nil {
			return err
		}
	}
	return nil
}
