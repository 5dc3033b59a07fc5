package cloudrun

import (
	"context"
	"errors"
	"slices"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/gangway-dev/gangway/internal/preview"
)

// former names the revision that was made from what stands in v's template, or, while that is a preview's, the one that
// the preview noted. Whoever deploys next changes that template, not the live revision's: so it has to be put back.
func former(v *runpb.Service) string {
	template := v.GetTemplate()
	if noted := template.GetLabels()[preview.LabelTemplate]; noted != "" {
		return noted
	}
	if name := template.GetRevision(); name != "" {
		return name
	}
	return shortName(v.GetLatestCreatedRevision())
}

// formerTemplate is v's template with the name of its revision, or nil while it is a preview's.
func formerTemplate(v *runpb.Service) *runpb.RevisionTemplate {
	if v.GetTemplate() == nil || v.GetTemplate().GetLabels()[preview.LabelTemplate] != "" {
		return nil
	}
	template := proto.CloneOf(v.GetTemplate())
	template.Revision = former(v)
	return template
}

// RestoreTemplate puts back what a preview has left in a service's template, if it is still that of a revision with all
// labels of owner. No revision is made by that: the template is written with the name of the revision that was once made
// from it. A service that is gone is no error.
func (c *Client) RestoreTemplate(ctx context.Context, ref preview.ServiceRef, owner map[string]string) error {
	err := c.putBack(ctx, ref, nil, func(t *runpb.RevisionTemplate) bool {
		return len(owner) > 0 && hasLabels(t.GetLabels(), owner)
	})
	if errors.Is(err, preview.ErrNotFound) {
		return nil
	}
	return err
}

// putBack writes the template that stood there before one that ours knows, guarded by the etag. known is that template,
// or nil to make it from its revision.
func (c *Client) putBack(
	ctx context.Context, ref preview.ServiceRef, known *runpb.RevisionTemplate, ours func(*runpb.RevisionTemplate) bool,
) error {
	revisions := reader{client: c, ref: ref, seen: map[string]*runpb.Revision{}}
	return c.change(ctx, ref, func(v *runpb.Service) (*runpb.UpdateServiceRequest, error) {
		noted := v.GetTemplate().GetLabels()[preview.LabelTemplate]
		if noted == "" || !ours(v.GetTemplate()) || slices.ContainsFunc(v.GetTraffic(), followsLatest) {
			return nil, nil // somebody has deployed since, or whatever is the latest would get traffic
		}
		template := known
		if template.GetRevision() != noted {
			source, err := revisions.revision(ctx, noted)
			if errors.Is(err, preview.ErrNotFound) { // the next best: what serves now
				source, err = revisions.revision(ctx, live(v.GetTraffic()))
			}
			if err != nil {
				return nil, err
			}
			template = templateOf(source)
			template.Revision = shortName(source.GetName())
			template.Labels, template.Annotations = ownNames(template.GetLabels()), ownNames(template.GetAnnotations())
		}
		return &runpb.UpdateServiceRequest{
			Service:    &runpb.Service{Name: v.GetName(), Etag: v.GetEtag(), Template: template},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"template"}},
		}, nil
	})
}

func hasLabels(have, want map[string]string) bool {
	for label, value := range want {
		if v, ok := have[label]; !ok || v != value {
			return false
		}
	}
	return true
}
