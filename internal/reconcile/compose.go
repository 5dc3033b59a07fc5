package reconcile

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/openapi"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/site"
)

// readers is how many services are read at once for one composition.
const readers = 8

// A part is one service's share of a composition; nil when the environment does not have the service yet.
type part struct {
	document   openapi.Document
	repository preview.Repository
	member     *preview.ServingMember
	assumed    bool
}

// compose reads the truth about every service of the gateway and composes the document. What people have to mend comes
// back as a failure.
func (l *look) compose(ctx context.Context) (*preview.Serving, *preview.Failure, error) {
	services := l.site.Gateway.Services
	parts := make([]*part, len(services))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for n := range services {
		group.Go(func() (err error) {
			parts[n], err = l.part(groupCtx, &services[n])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	serving := &preview.Serving{Generation: l.wanted.Generation, HeadSHA: l.wanted.HeadSHA}
	var list []openapi.Document
	for _, p := range parts {
		if p == nil {
			continue
		}
		p.document.Files = l.documents.at(ctx, p.repository, p.document.Origin.Commit)
		list = append(list, p.document)
		switch {
		case p.member != nil:
			serving.Members = append(serving.Members, *p.member)
		default:
			serving.Others++
		}
		if p.assumed {
			serving.Assumed = append(serving.Assumed, p.document.Service)
		}
	}
	serving, failure, err := l.render(serving, list)
	if serving != nil && l.wanted.Ready() { // a check is only about whether the documents go together
		serving.API = l.changes(ctx, parts, serving.Operations)
	}
	return serving, failure, err
}

// render composes the documents and names the result.
func (l *look) render(serving *preview.Serving, list []openapi.Document) (*preview.Serving, *preview.Failure, error) {
	composition, err := openapi.Compose(list, l.options())
	var faults *openapi.Error
	if errors.As(err, &faults) {
		return nil, documentFailure(faults.Findings), nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("composing: %w", err)
	}
	l.document, err = composition.Render()
	if errors.As(err, &faults) {
		return nil, documentFailure(faults.Findings), nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("rendering gateway document: %w", err)
	}
	serving.Warnings = warnings(composition.Warnings, serving.Members)
	for _, o := range composition.Operations {
		serving.Operations = append(serving.Operations, preview.Operation{
			Method: o.Method, Path: o.Path, Service: o.Service, Override: o.Origin.Override, Public: o.Public,
		})
	}
	serving.Open = l.site.Catalog.Previews.Open
	if serving.Open == "" {
		serving.Open = openPath(composition.Operations)
	}
	serving.ConfigID = l.claim.Key().ConfigID(l.document, l.site.Gateway.BackendServiceAccount)
	l.observed.API = l.api() // saved before anything is made there
	serving.Digest = l.observed.API + "/" + serving.ConfigID
	return serving, nil, nil
}

// openPath is the first public GET without parameters, of a changed service if there is one; "" when there is none.
func openPath(operations []openapi.Operation) string {
	other := ""
	for _, o := range operations {
		if o.Method != "GET" && o.Method != "get" || !o.Public || o.HasParameters {
			continue
		}
		if o.Origin.Override {
			return o.Path
		}
		if other == "" {
			other = o.Path
		}
	}
	return other
}

func (l *look) options() openapi.Options {
	o := site.ComposeOptions(l.site.Gateway, l.site.Catalog.Previews.Access)
	o.Cache = l.compiled
	return o
}

// api is the API shard that the preview keeps: the one that it has, else one chosen by rendezvous hashing, so that a
// longer list moves few.
func (l *look) api() string {
	if l.observed.API != "" {
		return l.observed.API
	}
	best, most := "", uint64(0)
	for _, api := range l.site.Gateway.APIs {
		h := fnv.New64a()
		_, _ = h.Write([]byte(api + " " + l.claim.Key().String()))
		if sum := h.Sum64(); best == "" || sum > most {
			best, most = api, sum
		}
	}
	return best
}

// documentFailure is what people have to mend in documents.
func documentFailure(findings []openapi.Finding) *preview.Failure {
	f := &preview.Failure{Stage: "document", At: time.Now().UTC(), UserError: preview.UserError{
		Summary: "The OpenAPI documents can't be put together",
		Hint:    "Mend what is listed and push.",
	}}
	for _, finding := range findings {
		f.Findings = append(f.Findings, found(finding))
	}
	return f
}

func found(f openapi.Finding) preview.Finding {
	return preview.Finding{
		Service: f.Service, File: f.File, Line: f.Line, Column: f.Column, Message: f.Message, Hint: f.Hint,
	}
}

// maxWarnings bounds what a row holds of warnings.
const maxWarnings = 50

// warnings are those about the pull request's own documents: the others are not its author's to mend.
func warnings(all []openapi.Finding, members []preview.ServingMember) []preview.Finding {
	var own []preview.Finding
	for _, f := range all {
		isOwn := slices.ContainsFunc(members, func(m preview.ServingMember) bool { return m.Service == f.Service })
		if isOwn && len(own) < maxWarnings {
			own = append(own, found(f))
		}
	}
	return own
}

// part reads one service: where it is, which revision counts, and that revision's document.
func (l *look) part(ctx context.Context, service *catalog.Service) (*part, error) {
	ref := l.site.Ref(service)
	state, err := l.o.CloudRun.Service(ctx, ref)
	m, member := l.wanted.Member(service.Name)
	if errors.Is(err, preview.ErrNotFound) && !member {
		l.o.Log.WarnContext(ctx, "service is not in the environment", "service", service.Name, "cloud_run", service.CloudRun)
		return nil, nil
	}
	if err != nil && !errors.Is(err, preview.ErrNotFound) {
		return nil, fmt.Errorf("reading service %s: %w", service.CloudRun, err)
	}
	p := &part{document: openapi.Document{
		Service: service.Name, File: service.OpenAPI,
		Backend: openapi.Backend{Address: state.URL, Audience: state.URL},
	}}
	if member {
		if err := l.override(ctx, p, state, m); err != nil {
			return nil, err
		}
	} else if err := l.baseline(ctx, p, state, service); err != nil {
		return nil, err
	}
	repo, err := l.o.Sites.ByName(ctx, service.Repository)
	if err != nil {
		return nil, err
	}
	commit := p.document.Origin.Commit
	p.document.Content, err = l.documents.read(ctx, repo, service.OpenAPI, commit)
	p.repository = repo
	if errors.Is(err, preview.ErrNotFound) {
		return nil, &preview.UserError{
			Summary: fmt.Sprintf("The OpenAPI document of %s is missing", service.Name),
			Detail:  fmt.Sprintf("%s at %s", service.OpenAPI, preview.ShortSHA(commit)),
			Hint:    "Add it, or ask your operator to correct its path in the configuration.",
		}
	}
	return p, err
}

// override makes p the preview's own, after Cloud Run has confirmed that the member's revision stands under the tag. If
// it doesn't, the intake is told to look again.
func (l *look) override(ctx context.Context, p *part, state preview.CloudRunService, m preview.Member) error {
	if !l.wanted.Ready() { // only checked: nothing of it is applied
		if state.URL == "" {
			return &preview.UserError{
				Summary: fmt.Sprintf("The Cloud Run service %s does not exist in %s", m.CloudRun, l.site.Environment.Name),
				Hint:    "Deploy it there once: a preview's revision is made after the live one.",
			}
		}
		p.document.Backend.Address = preview.TagURL(state.URL, l.claim.Key().Tag())
		p.document.Origin = openapi.Origin{Override: true, Commit: m.SHA}
		p.member = &preview.ServingMember{Service: m.Service, SHA: m.SHA}
		return nil
	}
	target, ok := state.Tagged(m.Tag)
	if !ok || target.Revision != m.Revision || target.URL == "" {
		if err := l.o.Store.Mark(ctx, l.claim.Key(), preview.Intake, time.Now()); err != nil {
			return err
		}
		return fmt.Errorf("tag %s of %s does not stand on %s: %w", m.Tag, m.CloudRun, m.Revision, preview.ErrConflict)
	}
	p.document.Backend.Address = target.URL
	p.document.Origin = openapi.Origin{Override: true, Revision: m.Revision, Commit: m.SHA}
	p.member = &preview.ServingMember{Service: m.Service, SHA: m.SHA, Revision: m.Revision, URL: target.URL}
	return nil
}

// isSHA tells whether s names a commit in full. A label that holds something else (a branch, a short SHA) tells nothing.
func isSHA(s string) bool {
	return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == ""
}

// baseline makes p the environment's: the live revision's commit by its label, or else the head of the base branch, which
// is only assumed to be what is live.
func (l *look) baseline(ctx context.Context, p *part, state preview.CloudRunService, service *catalog.Service) error {
	if live := state.Live(); live != "" {
		revision, err := l.o.CloudRun.Revision(ctx, state.Ref, live)
		if err != nil && !errors.Is(err, preview.ErrNotFound) {
			return fmt.Errorf("reading revision %s: %w", live, err)
		}
		p.document.Origin = openapi.Origin{Revision: live}
		if label := revision.Labels[service.CommitLabel]; isSHA(label) {
			p.document.Origin.Commit = label
		}
	}
	if p.document.Origin.Commit != "" {
		return nil
	}
	repo, err := l.o.Sites.ByName(ctx, service.Repository)
	if err != nil {
		return err
	}
	branch := repo.DefaultBranch
	if repo.ID == l.site.Repository.ID && l.wanted.BaseRef != "" {
		branch = l.wanted.BaseRef
	}
	head, err := l.o.GitHub.BranchHead(ctx, repo, branch)
	if err != nil {
		return fmt.Errorf("reading head of the base branch: %w", err)
	}
	p.document.Origin.Commit, p.document.Origin.Assumed, p.assumed = head, true, true
	return nil
}
