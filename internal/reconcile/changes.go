package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
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
	known := l.known()
	mergeBase, base, err := l.mergeBase(ctx)
	switch {
	case err != nil && known != nil:
		return known
	case errors.Is(err, preview.ErrNotFound):
		return &preview.APIChanges{Unknown: []string{"the branch has nothing in common with its base branch"}}
	case err != nil:
		l.o.Log.WarnContext(ctx, "finding the merge base failed", "error", err)
		return &preview.APIChanges{Unknown: []string{"GitHub did not say where the branch began"}}
	case known != nil && known.MergeBase == mergeBase && known.Base == base && len(known.Unknown) == 0:
		return known
	}
	api := &preview.APIChanges{MergeBase: mergeBase, Base: base}
	var all, behind []apidiff.Change
	added, now := map[string][]apidiff.Operation{}, byService(operations)
	heads := map[string]apidiff.Side{}
	for _, p := range parts {
		if p == nil || p.member == nil {
			continue
		}
		c := &comparing{look: l, part: p}
		changed, late, why := c.compare(ctx, mergeBase, base)
		if why != "" {
			api.Unknown = append(api.Unknown, why)
		}
		service := p.document.Service
		heads[service], added[service] = c.head, apidiff.AddedOperations(changed)
		all, behind = append(all, changed...), append(behind, late...)
	}
	for _, service := range slices.Sorted(maps.Keys(heads)) {
		all = append(all, apidiff.Shadowed(service, heads[service], added, now)...)
	}
	s := apidiff.Summarize(all)
	api.Counts, api.Breaking = s.Counts(), s.Breaking
	if s.Worst != nil {
		api.Headline, api.Says = s.Worst.Operation().String(), s.Worst.Phrase()
	}
	api.List, api.More = stored(all)
	api.Behind, api.MoreBehind = stored(behind)
	return api
}

// known are the changes of the same head and members as they were found out before; nil where nobody has.
func (l *look) known() *preview.APIChanges {
	for _, s := range []*preview.Serving{l.observed.Applying, l.observed.Serving} {
		if s != nil && s.HeadSHA == l.wanted.HeadSHA && s.Generation == l.wanted.Generation {
			return s.API
		}
	}
	return nil
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

// compare also returns what the base branch has changed meanwhile, and why something is not known.
func (c *comparing) compare(ctx context.Context, mergeBase, base string) (changed, behind []apidiff.Change, why string) {
	service := c.part.document.Service
	var err error
	if c.head, err = apidiff.SideOf(c.part.document, c.options()); err != nil {
		return nil, nil, c.unknown(ctx, "its document can't be written in OpenAPI 3.0", err)
	}
	before, err := c.at(ctx, mergeBase)
	if faults, ok := errors.AsType[*openapi.Error](err); ok && len(faults.Findings) > 0 {
		return nil, nil, c.unknown(ctx, "its document was not valid before: "+faults.Findings[0].String(), err)
	}
	if err != nil {
		return nil, nil, c.unknown(ctx, "its document at the merge base could not be read", err)
	}
	changed, err = apidiff.Compare(service, before, c.head)
	switch {
	case errors.Is(err, apidiff.ErrUnjudged):
		why = fmt.Sprintf("of %s, what some changes mean to callers is not known", service)
	case err != nil:
		return nil, nil, c.unknown(ctx, "its documents differ in a way that can't be compared", err)
	}
	if base == mergeBase {
		return changed, nil, why
	}
	// Nobody is told of what can't be compared on another branch.
	if live, err := c.at(ctx, base); err == nil {
		behind, _ = apidiff.Behind(service, before, c.head, live)
	}
	return changed, behind, why
}

// unknown is what there is to say about an error to somebody who can't look into the log.
func (c *comparing) unknown(ctx context.Context, why string, err error) string {
	service := c.part.document.Service
	c.o.Log.WarnContext(ctx, "comparing an API failed", "service", service, "error", err)
	return fmt.Sprintf("%s could not be compared: %s", service, why)
}

// at is the document at another commit.
func (c *comparing) at(ctx context.Context, sha string) (apidiff.Side, error) {
	d := c.part.document
	content, err := c.documents.read(ctx, c.part.repository, d.File, sha)
	switch {
	case errors.Is(err, preview.ErrNotFound):
		return apidiff.Nothing(), nil
	case err != nil:
		return apidiff.Side{}, err
	}
	d.Content, d.Files = content, c.documents.at(ctx, c.part.repository, sha)
	return apidiff.SideOf(d, c.options())
}

// byService are the operations of each service.
func byService(operations []preview.Operation) map[string][]apidiff.Operation {
	list := map[string][]apidiff.Operation{}
	for _, o := range operations {
		list[o.Service] = append(list[o.Service], apidiff.Operation{Method: o.Method, Path: o.Path})
	}
	return list
}

// stored are changes as a row holds them, the worst if there are many, and how many are left out.
func stored(changes []apidiff.Change) ([]preview.APIChange, int) {
	kept := make([]int, len(changes))
	for i := range kept {
		kept[i] = i
	}
	more := max(0, len(changes)-maxChanges)
	if more > 0 {
		slices.SortStableFunc(kept, func(a, b int) int { return cmp.Compare(changes[b].Severity, changes[a].Severity) })
		kept = kept[:maxChanges]
		slices.Sort(kept)
	}
	list := make([]preview.APIChange, 0, len(kept))
	for _, i := range kept {
		c := changes[i]
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
	return list, more
}
