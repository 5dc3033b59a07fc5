package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/gangway-dev/gangway/internal/preview"
)

// attempts bounds how often a write is made anew after somebody else's.
const attempts = 20

// Deploy asks for a revision without traffic under d.Tag and does not wait for it to be ready. What is already so is
// left alone; of a revision that exists only the tag is set. The revision is derived from the live one, so that nothing
// of what was deployed last (another preview, say) gets into it.
//
// A [*preview.UserError] says what people have to do: the service does not exist, its traffic follows the latest
// revision, the tag is somebody else's, Cloud Run refuses the template. [preview.ErrConflict] says that others changed
// the service each time we tried.
func (c *Client) Deploy(ctx context.Context, d preview.Deployment) error {
	revisions := reader{client: c, ref: d.Service, seen: map[string]*runpb.Revision{}}
	var before *runpb.RevisionTemplate
	err := c.change(ctx, d.Service, func(v *runpb.Service) (*runpb.UpdateServiceRequest, error) {
		before = formerTemplate(v)
		return planDeploy(ctx, v, d, revisions)
	})
	if err != nil {
		return err
	}
	// The revision is made. What is left in the template for others must not fail it: it is tried again at the removal.
	err = c.putBack(ctx, d.Service, before, func(t *runpb.RevisionTemplate) bool { return t.GetRevision() == d.Revision })
	if err != nil {
		c.log.WarnContext(ctx, "template not put back", "service", d.Service.Name, "revision", d.Revision, "error", err)
	}
	return ctx.Err()
}

// A reader reads each revision of a service once: revisions don't change, and the shorter the time between the read and
// the write of the service, the fewer conflicts there are.
type reader struct {
	client *Client
	ref    preview.ServiceRef
	seen   map[string]*runpb.Revision
}

func (r reader) revision(ctx context.Context, name string) (*runpb.Revision, error) {
	if seen := r.seen[name]; seen != nil {
		return seen, nil
	}
	found, err := r.client.revision(ctx, r.ref, name)
	if err == nil {
		r.seen[name] = found
	}
	return found, err
}

// planDeploy is the write that turns v into what is asked for, or nil when it is.
func planDeploy(
	ctx context.Context, v *runpb.Service, d preview.Deployment, revisions reader,
) (*runpb.UpdateServiceRequest, error) {
	// A tag that follows the latest revision would move to ours just as a share would.
	follows := func(t *runpb.TrafficTarget) bool { return followsLatest(t) && (t.GetPercent() > 0 || t.GetTag() != "") }
	if len(v.GetTraffic()) == 0 || slices.ContainsFunc(v.GetTraffic(), follows) {
		return nil, unpinned(d.Service)
	}
	exists, err := revisions.exists(ctx, d)
	if err != nil {
		return nil, err
	}
	n := tagIndex(v.GetTraffic(), d.Tag)
	if n >= 0 {
		under := v.GetTraffic()[n].GetRevision()
		if exists && under == d.Revision {
			return nil, nil
		}
		ours, err := revisions.owned(ctx, under, owner(d.Labels))
		if err != nil {
			return nil, err
		}
		if !ours {
			return nil, &preview.UserError{
				Summary: fmt.Sprintf("The traffic tag %s of Cloud Run service %s is somebody else's", d.Tag, d.Service.Name),
				Detail:  "It is on revision " + under,
				Hint:    "Remove that tag, or give it another name.",
			}
		}
	}
	request := &runpb.UpdateServiceRequest{Service: &runpb.Service{
		Name: v.GetName(), Etag: v.GetEtag(), Traffic: withTag(v.GetTraffic(), d.Tag, d.Revision),
	}}
	if exists {
		request.UpdateMask = &fieldmaskpb.FieldMask{Paths: []string{"traffic"}}
		return request, nil
	}
	source, err := revisions.revision(ctx, live(v.GetTraffic()))
	if err != nil {
		return nil, err
	}
	if request.Service.Template, err = newTemplate(source, d); err != nil {
		return nil, err
	}
	request.Service.Template.Labels[preview.LabelTemplate] = former(v)
	request.UpdateMask = &fieldmaskpb.FieldMask{Paths: []string{"template", "traffic"}}
	return request, nil
}

// exists tells whether the revision is there already. Its name says what it is made of, so another image under the
// name is not ours to serve.
func (r reader) exists(ctx context.Context, d preview.Deployment) (bool, error) {
	found, err := r.revision(ctx, d.Revision)
	switch {
	case errors.Is(err, preview.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	if image := ingress(found.GetContainers()).GetImage(); image != d.Image {
		return false, &preview.UserError{
			Summary: fmt.Sprintf("The Cloud Run revision %s exists already, with another image", d.Revision),
			Detail:  image, Hint: "Push another commit.",
		}
	}
	return true, nil
}

// owner are the labels of a deployment by which its successor knows its tag again.
func owner(labels map[string]string) map[string]string {
	for _, label := range []string{preview.LabelPreview, preview.LabelInstallation} {
		if value := labels[label]; value != "" {
			return map[string]string{label: value}
		}
	}
	return nil
}

// owned tells whether a revision carries the labels, or is gone: then its tag is nobody's. Without labels nothing is
// owned.
func (r reader) owned(ctx context.Context, name string, owner map[string]string) (bool, error) {
	found, err := r.revision(ctx, name)
	switch {
	case errors.Is(err, preview.ErrNotFound):
		return true, nil
	case err != nil:
		return false, err
	}
	return len(owner) > 0 && hasLabels(found.GetLabels(), owner), nil
}

// RemoveTag takes tag off a service if the revision under it carries all labels of owner, or is gone. A tag that is not
// there, or is somebody else's, or whose service is gone, is no error. The revision stays.
func (c *Client) RemoveTag(ctx context.Context, ref preview.ServiceRef, tag string, owner map[string]string) error {
	if tag == "" || len(owner) == 0 {
		return errors.New("removing a traffic tag: tag and owner are needed")
	}
	revisions := reader{client: c, ref: ref, seen: map[string]*runpb.Revision{}}
	err := c.change(ctx, ref, func(v *runpb.Service) (*runpb.UpdateServiceRequest, error) {
		n := tagIndex(v.GetTraffic(), tag)
		if n < 0 || followsLatest(v.GetTraffic()[n]) { // we never make one that follows
			return nil, nil
		}
		ours, err := revisions.owned(ctx, v.GetTraffic()[n].GetRevision(), owner)
		if err != nil {
			return nil, err
		}
		if !ours {
			c.log.InfoContext(ctx, "traffic tag is not ours and stays", "service", ref.Name, "tag", tag)
			return nil, nil
		}
		return trafficOnly(v, withoutTag(v.GetTraffic(), tag)), nil
	})
	if errors.Is(err, preview.ErrNotFound) {
		return nil
	}
	return err
}

// Pin turns the entries of a service's traffic list that follow the latest revision into entries of the revision that
// is the latest now; shares and tags stay. It returns that revision, or "" when there was nothing to pin.
func (c *Client) Pin(ctx context.Context, ref preview.ServiceRef) (string, error) {
	pinned := ""
	err := c.change(ctx, ref, func(v *runpb.Service) (*runpb.UpdateServiceRequest, error) {
		pinned = ""
		traffic := make([]*runpb.TrafficTarget, 0, len(v.GetTraffic())+1)
		newest := shortName(v.GetLatestReadyRevision())
		for _, t := range v.GetTraffic() {
			if followsLatest(t) {
				pinned = newest
				t = &runpb.TrafficTarget{Type: named, Revision: newest, Percent: t.GetPercent(), Tag: t.GetTag()}
			}
			traffic = append(traffic, t)
		}
		if len(traffic) == 0 {
			pinned = newest
			traffic = append(traffic, &runpb.TrafficTarget{Type: named, Revision: newest, Percent: 100})
		}
		switch {
		case pinned == "" && newest != "":
			return nil, nil
		case newest == "":
			return nil, &preview.UserError{Summary: "Cloud Run service " + ref.Name + " has no revision that is ready"}
		}
		return trafficOnly(v, traffic), nil
	})
	return pinned, err
}

func trafficOnly(v *runpb.Service, traffic []*runpb.TrafficTarget) *runpb.UpdateServiceRequest {
	return &runpb.UpdateServiceRequest{
		Service:    &runpb.Service{Name: v.GetName(), Etag: v.GetEtag(), Traffic: traffic},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"traffic"}},
	}
}

// change reads the service, asks plan for the write, and makes it; after a conflict all of it again. A nil plan ends it.
func (c *Client) change(
	ctx context.Context, ref preview.ServiceRef, plan func(*runpb.Service) (*runpb.UpdateServiceRequest, error),
) error {
	done, err := c.turn(ctx, ref)
	if err != nil {
		return err
	}
	defer done()
	for attempt := 1; ; attempt++ {
		v, err := c.read(ctx, ref)
		if errors.Is(err, preview.ErrNotFound) {
			return fmt.Errorf("%w: %w", missing(ref), err)
		}
		if err != nil {
			return err
		}
		request, err := plan(v)
		if request == nil || err != nil {
			return err
		}
		err = c.write(ctx, request)
		if err == nil {
			return nil
		}
		if err := refused(ref.Name, err); err != nil {
			return err
		}
		err = fmt.Errorf("changing Cloud Run service %q: %w", ref.Name, translate(err))
		if !errors.Is(err, preview.ErrConflict) || attempt == attempts {
			return err
		}
		c.log.DebugContext(ctx, "service changed by somebody else", "service", ref.Name, "attempt", attempt)
		if err := c.pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func (c *Client) write(ctx context.Context, request *runpb.UpdateServiceRequest) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.services.UpdateService(ctx, request)
	return err
}

// pause waits a random time below a bound that doubles with each attempt.
func (c *Client) pause(ctx context.Context, attempt int) error {
	bound := c.backoff << min(attempt-1, 5)
	timer := time.NewTimer(rand.N(bound)) //nolint:gosec // who guesses a pause gains nothing
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// turn waits for this client's other writers of the service. Writers elsewhere are what the etag is for.
func (c *Client) turn(ctx context.Context, ref preview.ServiceRef) (done func(), err error) {
	c.mu.Lock()
	token := c.writers[ref]
	if token == nil {
		token = make(chan struct{}, 1)
		c.writers[ref] = token
	}
	c.mu.Unlock()
	select {
	case token <- struct{}{}:
		return func() { <-token }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
