package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/openapi"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/site"
)

func documentChecks() []Check {
	return []Check{{
		Name: "documents", Group: "documents",
		Asks: "whether the services' OpenAPI documents, as they are on the default branches, are there and compose into one for each gateway",
		of:   gatewaysOf, one: documents,
		Remedy: "Correct the document at the place that is named, or openapi in the configuration. gangway compose --check says the same of local files.",
	}}
}

func gatewaysOf(e *exam) []subject {
	var all []subject
	for _, g := range e.environment().Gateways {
		all = append(all, subject{name: g.Name})
	}
	return all
}

// maxFindings is how many findings of a gateway are said.
const maxFindings = 20

func documents(ctx context.Context, e *exam, s subject) {
	if e.world.Repositories == nil || e.world.GitHub == nil {
		e.skip("GitHub doesn't take the App: see github-app")
		return
	}
	if _, err := e.app(); err != nil {
		e.skip("GitHub doesn't take the App: see github-app")
		return
	}
	g, _ := e.environment().Gateway(s.name)
	heads := map[string]head{}
	var all []openapi.Document
	complete := true
	for _, service := range g.Services {
		document, ok := e.document(ctx, service, heads)
		if !ok {
			complete = false
			continue
		}
		all = append(all, document)
	}
	if len(all) == 0 {
		return
	}
	composition, err := openapi.Compose(all, site.ComposeOptions(g, e.catalog.Previews.Access))
	if err == nil {
		_, err = composition.Render()
	}
	wrong, ok := errors.AsType[*openapi.Error](err)
	switch {
	case err == nil && complete:
		e.ok("%d compose", len(all))
	case ok:
		for n, finding := range wrong.Findings {
			if n == maxFindings {
				e.fail("", "and %d more", len(wrong.Findings)-n)
				break
			}
			e.about(finding.Service, func() { e.fail("", "%s", withoutService(finding)) })
		}
	case err != nil:
		e.unread(err)
	}
}

func withoutService(f openapi.Finding) string {
	f.Service = ""
	return f.String()
}

// A head is the newest commit of a repository's default branch.
type head struct {
	repository preview.Repository
	sha        string
	err        error
}

func (e *exam) document(ctx context.Context, service catalog.Service, heads map[string]head) (openapi.Document, bool) {
	h, ok := heads[service.Repository]
	if !ok {
		h = e.head(ctx, service.Repository)
		heads[service.Repository] = h
	}
	var content []byte
	err := h.err
	if err == nil {
		content, err = e.world.Repositories.Content(ctx, h.repository, service.OpenAPI, h.sha)
	}
	if err != nil {
		e.about(service.Name, func() {
			switch {
			case h.err != nil:
				e.skip("the repository %s can't be read: %v", service.Repository, h.err)
			case errors.Is(err, preview.ErrNotFound):
				e.fail("", "there is no %s on branch %s of %s", service.OpenAPI, h.repository.DefaultBranch, service.Repository)
			default:
				e.unread(err)
			}
		})
		return openapi.Document{}, false
	}
	standIn := "https://" + service.CloudRun + ".invalid" // where it is doesn't matter here
	return openapi.Document{
		Service: service.Name, File: service.OpenAPI, Content: content,
		Backend: openapi.Backend{Address: standIn, Audience: standIn},
		Files: openapi.FilesFunc(func(path string) ([]byte, error) {
			content, err := e.world.Repositories.Content(ctx, h.repository, path, h.sha)
			if errors.Is(err, preview.ErrNotFound) {
				return nil, fs.ErrNotExist
			}
			if refused, ok := errors.AsType[*preview.UserError](err); ok {
				return nil, fmt.Errorf("%w: %s", openapi.ErrNotRegular, refused.Summary)
			}
			return content, err
		}),
	}, true
}

func (e *exam) head(ctx context.Context, name string) head {
	h := head{}
	if h.repository, h.err = e.world.Repositories.Repository(ctx, name); h.err == nil {
		h.sha, h.err = e.world.Repositories.BranchHead(ctx, h.repository, h.repository.DefaultBranch)
	}
	return h
}
