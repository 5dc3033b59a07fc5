package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/iterator"

	"github.com/gangway-dev/gangway/internal/preview"
)

// A Look is what an operator wants to know of a service before Gangway works on it.
type Look struct {
	Ref     preview.ServiceRef
	Labels  map[string]string
	Ingress string // all, internal, internal-and-cloud-load-balancing, none
	Follows bool   // its traffic, or a tag, follows the latest revision
	Live    string // the revision with the largest share
	Tags    []string
}

// Look reads a service; [preview.ErrNotFound] when there is none.
func (c *Client) Look(ctx context.Context, ref preview.ServiceRef) (Look, error) {
	v, err := c.read(ctx, ref)
	if err != nil {
		return Look{}, err
	}
	return lookAt(ref, v), nil
}

// Looks reads all services of a region, in the order of their names.
func (c *Client) Looks(ctx context.Context, project, region string) ([]Look, error) {
	it := c.services.ListServices(ctx, &runpb.ListServicesRequest{Parent: "projects/" + project + "/locations/" + region})
	var all []Look
	for {
		v, err := it.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("listing Cloud Run services of %s in %s: %w", project, region, translate(err))
		}
		all = append(all, lookAt(preview.ServiceRef{Project: project, Region: region, Name: shortName(v.GetName())}, v))
	}
	slices.SortFunc(all, func(a, b Look) int { return strings.Compare(a.Ref.Name, b.Ref.Name) })
	return all, nil
}

func lookAt(ref preview.ServiceRef, v *runpb.Service) Look {
	look := Look{Ref: ref, Labels: v.GetLabels(), Ingress: ingressOf(v.GetIngress()), Follows: len(v.GetTraffic()) == 0}
	for _, t := range v.GetTraffic() {
		if followsLatest(t) && (t.GetPercent() > 0 || t.GetTag() != "") {
			look.Follows = true
		}
		if t.GetTag() != "" {
			look.Tags = append(look.Tags, t.GetTag())
		}
	}
	if look.Live = live(v.GetTraffic()); look.Follows {
		look.Live = shortName(v.GetLatestReadyRevision())
	}
	return look
}

// ingressOf is an ingress setting as gcloud and the console call it:
// https://cloud.google.com/run/docs/securing/ingress#settings
func ingressOf(i runpb.IngressTraffic) string {
	switch i {
	case runpb.IngressTraffic_INGRESS_TRAFFIC_INTERNAL_ONLY:
		return "internal"
	case runpb.IngressTraffic_INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER:
		return "internal-and-cloud-load-balancing"
	case runpb.IngressTraffic_INGRESS_TRAFFIC_NONE:
		return "none"
	case runpb.IngressTraffic_INGRESS_TRAFFIC_UNSPECIFIED, runpb.IngressTraffic_INGRESS_TRAFFIC_ALL:
	}
	return "all"
}

// Roles are the members of a service's own IAM policy by role. What is inherited from the project, a folder or the
// organisation isn't in it. A binding with a condition is left out: whether it holds can't be told from here.
func (c *Client) Roles(ctx context.Context, ref preview.ServiceRef) (map[string][]string, error) {
	policy, err := c.services.GetIamPolicy(ctx, &iampb.GetIamPolicyRequest{Resource: serviceName(ref)})
	if err != nil {
		return nil, fmt.Errorf("reading the IAM policy of Cloud Run service %q: %w", ref.Name, translate(err))
	}
	roles := map[string][]string{}
	for _, b := range policy.GetBindings() {
		if b.GetCondition() == nil {
			roles[b.GetRole()] = append(roles[b.GetRole()], b.GetMembers()...)
		}
	}
	return roles, nil
}
