package cloudrun

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Shift writes a service's traffic list as a whole: the one way in which Gangway changes shares. The list has been made from
// the one that was read with etag, and it is written only over that one: [preview.ErrConflict] says that somebody has
// changed the service since, and that the list has to be made anew. A *[preview.UserError] says that Cloud Run won't have
// it, as when a revision is gone.
//
// It refuses a list whose shares don't sum to 100, and one in which anything follows the latest revision.
func (c *Client) Shift(ctx context.Context, ref preview.ServiceRef, etag string, list []preview.TrafficTarget) error {
	if err := shiftable(list); etag == "" || err != nil {
		if err == nil {
			err = errors.New("without the etag of the list that it was made from, it could overwrite another")
		}
		return fmt.Errorf("shifting traffic of %q: %w", ref.Name, err)
	}
	done, err := c.turn(ctx, ref)
	if err != nil {
		return err
	}
	defer done()
	traffic := make([]*runpb.TrafficTarget, 0, len(list))
	for _, t := range list {
		traffic = append(traffic, &runpb.TrafficTarget{
			Type: named, Revision: t.Revision, Percent: int32(t.Percent), Tag: t.Tag, //nolint:gosec // at most 100
		})
	}
	err = c.write(ctx, trafficOnly(&runpb.Service{Name: serviceName(ref), Etag: etag}, traffic))
	if err == nil {
		return nil
	}
	if err := refused(ref.Name, err); err != nil {
		return err
	}
	return fmt.Errorf("shifting traffic of Cloud Run service %q: %w", ref.Name, translate(err))
}

func shiftable(list []preview.TrafficTarget) error {
	sum := 0
	tags := map[string]bool{}
	for _, t := range list {
		switch {
		case t.Latest || t.Revision == "":
			return errors.New("an entry names no revision")
		case t.Percent < 0 || t.Percent > 100:
			return fmt.Errorf("%s has %d %%", t.Revision, t.Percent)
		case t.Tag != "" && tags[t.Tag]:
			return fmt.Errorf("the tag %s is there twice", t.Tag)
		}
		tags[t.Tag] = true
		sum += t.Percent
	}
	if sum != 100 {
		return fmt.Errorf("the shares sum to %d", sum)
	}
	return nil
}
