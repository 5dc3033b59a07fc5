package reconcile

import (
	"context"
	"errors"
	"fmt"

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
	for n := range l.site.Gateway.Services {
		service := &l.site.Gateway.Services[n]
		if service.Repository != l.site.Declared.Name {
			continue
		}
		if err := l.removeTag(ctx, l.site.Ref(service)); err != nil {
			return err
		}
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
	for _, name := range l.wanted.Tagged {
		if _, ok := l.wanted.Member(name); ok {
			continue
		}
		service, err := l.site.Service(name)
		if err != nil {
			continue // it has left the configuration, and with it our knowledge of where it is
		}
		if err := l.removeTag(ctx, l.site.Ref(service)); err != nil {
			return err
		}
	}
	return nil
}
