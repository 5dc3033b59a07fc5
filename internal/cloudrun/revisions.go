package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"

	"github.com/gangway-dev/gangway/internal/preview"
)

// pageSize is how many revisions or services are asked for at once.
const pageSize = 500

// Revisions lists all revisions of a service, the oldest first; none when the service is gone.
func (c *Client) Revisions(ctx context.Context, ref preview.ServiceRef) ([]preview.CloudRunRevision, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	it := c.revisions.ListRevisions(ctx, &runpb.ListRevisionsRequest{Parent: serviceName(ref), PageSize: pageSize})
	var all []preview.CloudRunRevision
	for {
		r, err := it.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		if err = translate(err); errors.Is(err, preview.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("listing revisions of Cloud Run service %q: %w", ref.Name, err)
		}
		all = append(all, revisionOf(ref, r))
	}
	slices.SortStableFunc(all, func(a, b preview.CloudRunRevision) int { return a.Created.Compare(b.Created) })
	return all, nil
}

// DeleteRevision deletes a revision. [preview.ErrConflict] says that Cloud Run refuses it because the revision is not
// retired: it has traffic or a tag, or is the latest. One that is gone is no error.
func (c *Client) DeleteRevision(ctx context.Context, ref preview.ServiceRef, name string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.revisions.DeleteRevision(ctx, &runpb.DeleteRevisionRequest{Name: serviceName(ref) + "/revisions/" + name})
	if answer, ok := errors.AsType[*googleapi.Error](err); ok && answer.Code == http.StatusBadRequest {
		err = fmt.Errorf("%w: %w", preview.ErrConflict, err)
	}
	if err = translate(err); err == nil || errors.Is(err, preview.ErrNotFound) {
		return nil
	}
	return fmt.Errorf("deleting Cloud Run revision %q: %w", name, err)
}

// Tags counts the traffic tags of all services of a project in a region. Beyond a limit Cloud Run deletes the oldest
// without telling: https://cloud.google.com/run/quotas
func (c *Client) Tags(ctx context.Context, project, region string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	it := c.services.ListServices(ctx, &runpb.ListServicesRequest{
		Parent: "projects/" + project + "/locations/" + region, PageSize: pageSize,
	})
	count := 0
	for {
		v, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return count, nil
		}
		if err != nil {
			return 0, fmt.Errorf("listing Cloud Run services of %s: %w", region, translate(err))
		}
		for _, t := range v.GetTraffic() {
			if t.GetTag() != "" {
				count++
			}
		}
	}
}

func revisionOf(ref preview.ServiceRef, r *runpb.Revision) preview.CloudRunRevision {
	readiness, message := judge(r)
	revision := preview.CloudRunRevision{
		Service: ref, Name: path.Base(r.GetName()), Labels: r.GetLabels(),
		Readiness: readiness, Message: message, Created: r.GetCreateTime().AsTime(),
	}
	if container := ingress(r.GetContainers()); container != nil {
		revision.Image = container.GetImage()
	}
	return revision
}
