package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/telemetry"
)

// labels mark what belongs to the preview on Google Cloud.
func (l *look) labels() map[string]string {
	return l.claim.Key().Labels(l.site.Catalog.Installation)
}

// owner is the part of the labels by which something is known to be this preview's.
func (l *look) owner() map[string]string {
	return owner(l.site.Catalog.Installation, l.claim.Key())
}

// stack is the preview's Terraform stack; serving is nil for a destroy.
func (l *look) stack(serving *preview.Serving) preview.Stack {
	s := preview.Stack{
		Key: l.claim.Key(), Project: l.site.Environment.Project, Region: l.site.Environment.Region, API: l.api(),
		GatewayID: l.claim.Key().GatewayID(), BackendServiceAccount: l.site.Gateway.BackendServiceAccount,
		Labels: l.labels(), Document: l.document, Lease: l.claim.Lease(),
	}
	if serving != nil {
		s.ConfigID = serving.ConfigID
	}
	return s
}

// apply makes Observed.Applying live with one run of Terraform.
func (l *look) apply(ctx context.Context) (*preview.Serving, error) {
	serving := *l.observed.Applying
	if l.document == nil {
		return nil, errors.New("nothing was composed")
	}
	stack := l.stack(&serving)
	if err := l.missState(ctx, stack); err != nil {
		return nil, err
	}
	if l.dirty {
		if err := l.recoverStack(ctx, &stack); err != nil {
			return nil, err
		}
		serving.ConfigID = stack.ConfigID
	}
	recovering := l.dirty
	shard, held, err := l.lockShard(ctx, stack.Project, stack.API)
	if err != nil {
		return nil, err
	}
	defer shard.unlock(ctx)
	if l.observed.Waiting { // from here on something may be left behind
		l.observed.Waiting = false
		if err := l.save(ctx, time.Now()); err != nil {
			return nil, err
		}
	}
	l.dirty = true
	outputs, err := l.o.Terraform.Apply(held, stack, func(e preview.StackEvent) {
		l.o.Log.InfoContext(ctx, "terraform", "preview", l.claim.Key().String(), "resource", e.Resource,
			"action", e.Action, "done", e.Done, "failed", e.Failed)
		if e.Resource == "api_config" && e.Action == "create" && e.Done {
			shard.unlock(ctx)
		}
	})
	if err != nil {
		return nil, err
	}
	if recovering {
		if err := l.deleteConfigs(ctx, stack.Project, stack.API, map[string]bool{stack.ConfigID: true}); err != nil {
			return nil, err
		}
	}
	l.dirty = false
	l.metrics.terraform.Observe(outputs.Took.Seconds())
	serving.URL = l.o.Scheme + "://" + outputs.Hostname
	l.o.Log.InfoContext(ctx, "applied", "preview", l.claim.Key().String(), "generation", serving.Generation,
		"terraform", outputs.Took, "url", serving.URL)
	return &serving, nil
}

// missState finds out whether the state of a preview that is live has been lost, or is an older one: whoever applied on it would
// make a second config and fail at the gateway, or leave the config that is served.
func (l *look) missState(ctx context.Context, stack preview.Stack) error {
	if l.dirty || l.observed.Serving == nil {
		return nil
	}
	state, err := l.o.Terraform.State(ctx, stack)
	if err != nil {
		return fmt.Errorf("reading stack: %w", err)
	}
	if state.GatewayID == "" || !slices.Contains(state.ConfigIDs, l.observed.Serving.ConfigID) {
		l.o.Log.WarnContext(ctx, "the state of a live preview is lost: it is rebuilt from labels", "preview", l.claim.Key().String())
		l.dirty = true
	}
	return nil
}

// recoverStack clears up after an apply that was killed or failed. A config that the state doesn't hold is deleted,
// because a config can't be imported; a gateway is adopted by the coming apply.
func (l *look) recoverStack(ctx context.Context, stack *preview.Stack) error {
	state, err := l.o.Terraform.State(ctx, *stack)
	if err != nil {
		return fmt.Errorf("reading stack: %w", err)
	}
	gateways, err := l.o.APIGateway.Gateways(ctx, stack.Project, stack.Region, l.owner())
	if err != nil {
		return err
	}
	held := map[string]bool{}
	for _, id := range state.ConfigIDs {
		held[id] = true
	}
	for _, g := range gateways {
		if !held[g.ConfigID] && g.ConfigID == stack.ConfigID {
			// The very config is in use and not in the state. It can't be imported, so the same content gets another id.
			stack.ConfigID = l.claim.Key().ConfigID(stack.Document, stack.BackendServiceAccount+" instead of "+g.ConfigID)
		}
		held[g.ConfigID] = true // in use: it goes when the gateway has moved on, or was destroyed
		if g.ID != stack.GatewayID || state.GatewayID != "" {
			continue
		}
		switch g.State {
		case preview.APIStateFailed:
			if err := l.o.APIGateway.DeleteGateway(ctx, stack.Project, stack.Region, g.ID); err != nil {
				return err
			}
		case preview.APIStateActive:
			stack.AdoptGateway = true
		default:
			return fmt.Errorf("gateway %s is %s: %w", g.ID, g.State, preview.ErrConflict)
		}
	}
	return l.deleteConfigs(ctx, stack.Project, stack.API, held)
}

// drifted tells whether API Gateway shows something else than what is thought to be live: then it is applied again, and
// what is found is taken over or cleared up.
func (l *look) drifted(ctx context.Context, composed *preview.Serving) (bool, error) {
	serving := l.observed.Serving
	if l.observed.Phase != preview.PhaseLive || serving == nil || serving.Digest != composed.Digest {
		return false, nil
	}
	gateways, err := l.o.APIGateway.Gateways(ctx, l.site.Environment.Project, l.site.Environment.Region, l.owner())
	if err != nil {
		return false, err
	}
	for _, g := range gateways {
		if g.ID == l.claim.Key().GatewayID() && g.ConfigID == serving.ConfigID {
			return false, nil
		}
	}
	l.o.Log.WarnContext(ctx, "gateway is not as it was left", "preview", l.claim.Key().String())
	l.dirty = true
	return true, nil
}

// deleteConfigs deletes the preview's configs on an API shard but those in keep.
func (l *look) deleteConfigs(ctx context.Context, project, api string, keep map[string]bool) error {
	configs, err := l.o.APIGateway.Configs(ctx, project, api, l.owner())
	if err != nil {
		return err
	}
	for _, c := range configs {
		if keep[c.ID] {
			continue
		}
		if c.State == preview.APIStateCreating {
			return fmt.Errorf("API config %s is still being created: %w", c.ID, preview.ErrConflict)
		}
		l.o.Log.InfoContext(ctx, "deleting a config that no stack holds", "preview", l.claim.Key().String(), "config", c.ID)
		if err := l.o.APIGateway.DeleteConfig(ctx, project, api, c.ID); err != nil && !errors.Is(err, preview.ErrNotFound) {
			return err
		}
	}
	return nil
}

// probeTimeout bounds one call of the link, redirects and all; maxProbe is how much of the answer is read.
const (
	probeTimeout = 5 * time.Second
	maxProbe     = 64 << 10
	maxRedirects = 5
)

// probe calls the link as a reviewer would. It returns "" when something behind the gateway answers, also with a refusal
// for want of a token.
func (l *look) probe(ctx context.Context) string {
	path := l.site.Catalog.Previews.Probe
	if path == "" {
		path = l.observed.Serving.Open
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.observed.Serving.URL+path, nil)
	if err != nil {
		return "the link is not a URL"
	}
	telemetry.Propagate(request)
	client := *l.o.HTTP
	client.CheckRedirect = sameHost
	response, err := client.Do(request)
	if err != nil {
		l.o.Log.InfoContext(ctx, "probe", "preview", l.claim.Key().String(), "error", err)
		return "no answer"
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxProbe))
	_ = response.Body.Close()
	if response.StatusCode >= 500 || response.StatusCode == http.StatusNotFound && path != "" {
		return fmt.Sprintf("GET %s answers %d", path, response.StatusCode)
	}
	return ""
}

// sameHost follows redirects on the gateway only: where else one leads to is the pull request's choice, and not for us to
// call from where we are. A redirect that is not followed is an answer.
func sameHost(request *http.Request, via []*http.Request) error {
	if request.URL.Host != via[0].URL.Host || request.URL.Scheme != via[0].URL.Scheme || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}
