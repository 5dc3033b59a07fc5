package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gangway-dev/gangway/internal/preview"
)

// remove takes everything of the preview in: the stack, what a failed apply left beside it, the tags. It may be repeated
// until all of it works.
func (l *look) remove(ctx context.Context) error {
	stack := l.stack(nil)
	if err := l.o.Terraform.Destroy(ctx, stack); err != nil {
		return fmt.Errorf("destroying stack: %w", err)
	}
	gateways, err := l.o.APIGateway.Gateways(ctx, stack.Project, stack.Region, l.owner())
	if err != nil {
		return err
	}
	for _, g := range gateways {
		err := l.o.APIGateway.DeleteGateway(ctx, stack.Project, stack.Region, g.ID)
		if err != nil && !errors.Is(err, preview.ErrNotFound) {
			return err
		}
	}
	for _, api := range l.apis() {
		if err := l.deleteConfigs(ctx, stack.Project, api, nil); err != nil {
			return err
		}
	}
	for _, ref := range l.tagged() {
		if err := l.removeTag(ctx, ref); err != nil {
			return err
		}
		l.tidyService(ctx, ref)
	}
	l.observed.API = ""
	return nil
}

// apis are the shards on which a config of the preview may be.
func (l *look) apis() []string {
	list := l.site.Gateway.APIs
	for _, api := range list {
		if api == l.api() {
			return list
		}
	}
	return append([]string{l.api()}, list...)
}

func (l *look) removeTag(ctx context.Context, ref preview.ServiceRef) error {
	err := l.o.CloudRun.RemoveTag(ctx, ref, l.claim.Key().Tag(), l.owner())
	if err != nil && !errors.Is(err, preview.ErrNotFound) {
		return fmt.Errorf("removing tag of %s: %w", ref.Name, err)
	}
	return nil
}

// removeFormerTags removes the tags of services that the pull request changed once and does not any more.
func (l *look) removeFormerTags(ctx context.Context) error {
	for _, name := range l.wanted.Former() {
		if err := l.removeTag(ctx, l.ref(name)); err != nil {
			return err
		}
		l.tidyService(ctx, l.ref(name))
	}
	return nil
}

// tagged are the services on which the preview's tag may stand: those that were noted, and, in case nothing was, those of
// the gateway that the repository changes.
func (l *look) tagged() []preview.ServiceRef {
	var list []preview.ServiceRef
	for _, name := range l.wanted.Tagged {
		list = append(list, l.ref(name))
	}
	for n := range l.site.Gateway.Services {
		service := &l.site.Gateway.Services[n]
		if ref := l.site.Ref(service); service.Repository == l.site.Declared.Name && !slices.Contains(list, ref) {
			list = append(list, ref)
		}
	}
	return list
}

// ref is a Cloud Run service of the environment.
func (l *look) ref(name string) preview.ServiceRef {
	return preview.ServiceRef{Project: l.site.Environment.Project, Region: l.site.Environment.Region, Name: name}
}
