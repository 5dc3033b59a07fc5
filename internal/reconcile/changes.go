package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gangway-dev/gangway/internal/apidiff"
	"github.com/gangway-dev/gangway/internal/openapi"
	"github.com/gangway-dev/gangway/internal/preview"
)

// Bounds of what a row holds of changes.
const (
	maxChanges = 100
	maxDetails = 5
)

// changes tells what the pull request changes in the APIs of its services: each document at the head against the one at
// the merge base. It is information: what can't be found out is said to be unknown, and holds nothing up.
func (l *look) changes(ctx context.Context, parts []*part, operations []preview.Operation) *preview.APIChanges {
	mergeBase, base, err := l.mergeBase(ctx)
	if err != nil {
		l.o.Log.WarnContext(ctx, "comparing with the merge base failed", "error", err)
		return &preview.APIChanges{Unknown: []string{"GitHub did not say where the branch began"}}
	}
	api := &preview.APIChanges{}
	var all, behind []apidiff.Change
	for _, p := range parts {
		if p == nil || p.member == nil {
			continue
		}
		c := &comparing{look: l, part: p}
		changed, late, err := c.compare(ctx, mergeBase, base)
		if err != nil {
			l.o.Log.WarnContext(ctx, "comparing an API failed", "service", p.document.Service, "error", err)
			api.Unknown = append(api.Unknown, fmt.Sprintf("%s could not be compared: %s", p.document.Service, reason(err)))
		}
		all = append(all, changed...)
		all = append(all, apidiff.Shadowed(p.document.Service, c.head, apidiff.AddedOperations(changed), others(operations, p.document.Service))...)
		behind = append(behind, late...)
	}
	s := apidiff.Summarize(all)
	api.Counts, api.Breaking = s.Counts(), s.Breaking
	if s.Worst != nil {
		api.Headline, api.Says = s.Worst.Operation().String(), s.Worst.Phrase()
	}
	api.List, api.Behind = stored(all), stored(behind)
	return api
}

// mergeBase is where the pull request's branch left its base branch, and where that is now.
func (l *look) mergeBase(ctx context.Context) (mergeBase, base string, err error) {
	repo := l.site.Repository
	if base, err = l.o.GitHub.BranchHead(ctx, repo, cmp.Or(l.wanted.BaseRef, repo.DefaultBranch)); err != nil {
		return "", "", err
	}
	mergeBase, err = l.documents.mergeBase(ctx, repo, base, l.wanted.HeadSHA)
	return mergeBase, base, err
}

// comparing compares one member's document.
type comparing struct {
	*look
	part *part
	head apidiff.Side
}

// compare also returns what the base branch has changed meanwhile. An [apidiff.ErrUnjudged] comes with the changes.
func (c *comparing) compare(ctx context.Context, mergeBase, base string) (changed, behind []apidiff.Change, err error) {
	if c.head, err = c.side(c.part.document); err != nil {
		return nil, nil, err
	}
	before, err := c.at(ctx, mergeBase)
	if err != nil {
		return nil, nil, fmt.Errorf("at the merge base: %w", err)
	}
	service := c.part.document.Service
	changed, err = apidiff.Compare(service, before, c.head)
	if err != nil && !errors.Is(err, apidiff.ErrUnjudged) || base == mergeBase {
		return changed, nil, err
	}
	// Nobody is told of what can't be compared on another branch.
	if live, liveErr := c.at(ctx, base); liveErr == nil {
		behind, _ = apidiff.Behind(service, before, c.head, live)
	}
	return changed, behind, err
}

// at is the document at another commit; one without operations where there was none.
func (c *comparing) at(ctx context.Context, sha string) (apidiff.Side, error) {
	d := c.part.document
	content, err := c.documents.read(ctx, c.part.repository, d.File, sha)
	switch {
	case errors.Is(err, preview.ErrNotFound):
		content = []byte(`{"openapi":"3.0.4","info":{"title":"none","version":"1"},"paths":{}}`)
		d.File = "none.json"
	case err != nil:
		return apidiff.Side{}, err
	}
	d.Content, d.Files = content, c.documents.at(ctx, c.part.repository, sha)
	return c.side(d)
}

// side is a document by itself as the gateway would be given it, in OpenAPI 3.0.
func (c *comparing) side(d openapi.Document) (apidiff.Side, error) {
	o := c.options()
	o.OpenAPI, o.Format = openapi.OpenAPI3, openapi.JSON
	o.RequireAPIKey = "" // the preview's own: it would hide that an operation is opened
	if d.Files == nil {
		d.Files = c.part.document.Files
	}
	composition, err := openapi.Compose([]openapi.Document{d}, o)
	if err != nil {
		return apidiff.Side{}, err
	}
	content, err := composition.Render()
	if err != nil {
		return apidiff.Side{}, err
	}
	side := apidiff.Side{Document: content, Places: make(map[apidiff.Operation]apidiff.Place, len(composition.Operations))}
	for _, op := range composition.Operations {
		side.Places[apidiff.Operation{Method: op.Method, Path: op.Path}] = apidiff.Place{File: op.File, Line: op.Line, Column: op.Column}
	}
	return side, nil
}

// reason is what there is to say about an error to somebody who can't look into the log.
func reason(err error) string {
	var faults *openapi.Error
	switch {
	case errors.As(err, &faults) && len(faults.Findings) > 0:
		return "its document was not valid before: " + faults.Findings[0].String()
	case errors.Is(err, apidiff.ErrUnjudged):
		return "what changed is listed, but not what it means to callers"
	}
	return "its document could not be read"
}

// others are the operations of all services but one.
func others(operations []preview.Operation, service string) map[string][]apidiff.Operation {
	list := map[string][]apidiff.Operation{}
	for _, o := range operations {
		if o.Service != service {
			list[o.Service] = append(list[o.Service], apidiff.Operation{Method: o.Method, Path: o.Path})
		}
	}
	return list
}

// stored are changes as a row holds them: the worst if there are many.
func stored(changes []apidiff.Change) []preview.APIChange {
	if len(changes) > maxChanges {
		changes = slices.Clone(changes)
		slices.SortStableFunc(changes, func(a, b apidiff.Change) int { return cmp.Compare(b.Severity, a.Severity) })
		changes = changes[:maxChanges]
	}
	list := make([]preview.APIChange, 0, len(changes))
	for _, c := range changes {
		one := preview.APIChange{
			Service: c.Service, Kind: string(c.Kind), Method: c.Method, Path: c.Path, Severity: c.Severity.String(),
			File: c.Place.File, Line: c.Place.Line, Column: c.Place.Column,
		}
		for _, d := range c.Details[:min(len(c.Details), maxDetails)] {
			one.Details = append(one.Details, d.Text)
		}
		if more := len(c.Details) - maxDetails; more > 0 {
			one.Details = append(one.Details, fmt.Sprintf("and %d more", more))
		}
		list = append(list, one)
	}
	return list
}
