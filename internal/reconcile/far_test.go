package reconcile_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/report"
)

// The far ends of a world.

func (w *world) Repository(_ context.Context, name string) (preview.Repository, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.repo.ID != 0 {
		return w.repo, w.call("repository", name)
	}
	return shop, w.call("repository", name)
}

func (w *world) OpenPullRequests(context.Context, preview.Repository) ([]int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open, w.call("list-pulls")
}

func (w *world) Content(_ context.Context, _ preview.Repository, path, commit string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := strings.TrimSuffix(path, ".yaml")
	if w.missing == path+" "+commit[:1] {
		return nil, preview.ErrNotFound
	}
	if paths, ok := w.documents[path+" "+commit[:1]]; ok {
		return []byte("swagger: '2.0'\ninfo: {title: t, version: '1'}\npaths:\n" + paths), w.call("content", path)
	}
	document := fmt.Sprintf("swagger: '2.0'\ninfo: {title: %s, version: '1'}\npaths:\n  /%s:\n    get:\n      operationId: list-%s\n"+
		"      responses: {'200': {description: ok}}\n", name, name, name)
	return []byte(document), w.call("content", path)
}

func (w *world) BranchHead(context.Context, preview.Repository, string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return sha("b"), w.call("branch")
}

func (w *world) MergeBase(_ context.Context, _ preview.Repository, base, head string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return sha(w.mergeBase), w.call("merge-base", base[:1], head[:1])
}

func (w *world) RedeliverFailed(context.Context, time.Time) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return 0, w.call("redeliver")
}

func (w *world) WriteComment(_ context.Context, _ preview.Repository, _ int, id int64, c report.Comment) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("comment", id); err != nil {
		return id, err
	}
	w.comments = append(w.comments, c)
	return 11, nil
}

func (w *world) WriteCheckRun(_ context.Context, _ preview.Repository, id int64, c report.CheckRun) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("check", id, c.HeadSHA, c.Conclusion); err != nil {
		return id, err
	}
	w.checks = append(w.checks, c)
	return 12, nil
}

func (w *world) WriteDeployment(context.Context, preview.Repository, report.Deployment) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return 13, w.call("deployment")
}

func (w *world) WriteDeploymentStatus(_ context.Context, _ preview.Repository, id int64, s report.DeploymentStatus) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("status", id, s.State); err != nil {
		return err
	}
	w.statuses = append(w.statuses, fmt.Sprint(id, " ", s.State))
	return nil
}

func (w *world) Deployments(context.Context, preview.Repository, string, string) ([]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return []int64{13, 14}, w.call("list-deployments")
}

// A link is what answers behind a preview's link.
type link world

func (l *link) RoundTrip(r *http.Request) (*http.Response, error) {
	w := (*world)(l)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("get", r.URL.String()); err != nil {
		return nil, err
	}
	response := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}
	if strings.HasSuffix(r.URL.Path, "/catalog") || strings.HasSuffix(r.URL.Path, "/orders") {
		response.StatusCode = http.StatusFound
		response.Header.Set("Location", "http://169.254.169.254/computeMetadata")
	}
	return response, nil
}

type cloudRun world

func (c *cloudRun) Service(_ context.Context, ref preview.ServiceRef) (preview.CloudRunService, error) {
	w := (*world)(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.services[ref.Name]
	if !ok {
		return s, preview.ErrNotFound
	}
	s.Traffic = slices.Clone(s.Traffic)
	return s, w.call("service", ref.Name)
}

func (c *cloudRun) Revision(_ context.Context, _ preview.ServiceRef, name string) (preview.CloudRunRevision, error) {
	w := (*world)(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.revisions[name]
	if !ok {
		return r, preview.ErrNotFound
	}
	return r, w.call("revision", name)
}

func (c *cloudRun) RemoveTag(_ context.Context, ref preview.ServiceRef, tag string, owner map[string]string) error {
	w := (*world)(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("remove-tag", ref.Name, tag); err != nil {
		return err
	}
	if target, ok := w.services[ref.Name].Tagged(tag); ok && holds(w.revisions[target.Revision].Labels, owner) {
		w.tag(ref.Name, tag, "")
	}
	return nil
}

func (c *cloudRun) RestoreTemplate(_ context.Context, ref preview.ServiceRef, _ map[string]string) error {
	w := (*world)(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.call("restore-template", ref.Name)
}

func (c *cloudRun) Revisions(_ context.Context, ref preview.ServiceRef) ([]preview.CloudRunRevision, error) {
	w := (*world)(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []preview.CloudRunRevision
	for _, name := range slices.Sorted(maps.Keys(w.revisions)) {
		if strings.HasPrefix(name, ref.Name+"-") {
			list = append(list, w.revisions[name])
		}
	}
	return list, w.call("revisions", ref.Name)
}

// DeleteRevision refuses what the traffic list names, as Cloud Run does.
func (c *cloudRun) DeleteRevision(_ context.Context, ref preview.ServiceRef, name string) error {
	w := (*world)(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("delete-revision", name); err != nil {
		return err
	}
	if slices.ContainsFunc(w.services[ref.Name].Traffic, func(t preview.TrafficTarget) bool { return t.Revision == name }) {
		return fmt.Errorf("in use: %w", preview.ErrConflict)
	}
	delete(w.revisions, name)
	return nil
}

func (c *cloudRun) Tags(context.Context, string, string) (int, error) {
	w := (*world)(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	count := 0
	for _, s := range w.services {
		for _, t := range s.Traffic {
			if t.Tag != "" {
				count++
			}
		}
	}
	return count, w.call("tags")
}

func holds(have, want map[string]string) bool {
	for name, value := range want {
		if have[name] != value {
			return false
		}
	}
	return true
}

type apiGateway world

func (a *apiGateway) Configs(_ context.Context, _, api string, want map[string]string) ([]preview.APIConfig, error) {
	w := (*world)(a)
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []preview.APIConfig
	for _, id := range slices.Sorted(maps.Keys(w.configs)) {
		if c := w.configs[id]; c.API == api && holds(c.Labels, want) {
			list = append(list, c)
		}
	}
	return list, w.call("configs", api)
}

func (a *apiGateway) Gateways(_ context.Context, _, _ string, want map[string]string) ([]preview.APIGateway, error) {
	w := (*world)(a)
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []preview.APIGateway
	for _, id := range slices.Sorted(maps.Keys(w.gateways)) {
		if g := w.gateways[id]; holds(g.Labels, want) {
			list = append(list, g)
		}
	}
	return list, w.call("gateways")
}

func (a *apiGateway) DeleteConfig(_ context.Context, _, _, id string) error {
	w := (*world)(a)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("delete-config", id); err != nil {
		return err
	}
	for _, g := range w.gateways {
		if g.ConfigID == id {
			return fmt.Errorf("in use: %w", preview.ErrConflict)
		}
	}
	delete(w.configs, id)
	return nil
}

func (a *apiGateway) DeleteGateway(_ context.Context, _, _, id string) error {
	w := (*world)(a)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("delete-gateway", id); err != nil {
		return err
	}
	delete(w.gateways, id)
	return nil
}

// terraform applies as the real one does: what exists and is not in the state is a conflict.
type terraform world

func (t *terraform) Apply(ctx context.Context, stack preview.Stack, observe func(preview.StackEvent)) (preview.StackOutputs, error) {
	w := (*world)(t)
	w.mu.Lock()
	during := w.during
	err := w.call("apply", stack.Key)
	w.mu.Unlock()
	if err == nil && during != nil {
		err = during(ctx, stack, observe)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		return preview.StackOutputs{}, err
	}
	w.applied = append(w.applied, stack)
	state := w.states[stack.Key]
	if _, exists := w.configs[stack.ConfigID]; exists && !slices.Contains(state.ConfigIDs, stack.ConfigID) {
		return preview.StackOutputs{}, fmt.Errorf("config %s exists: %w", stack.ConfigID, preview.ErrConflict)
	}
	if _, exists := w.gateways[stack.GatewayID]; exists && state.GatewayID == "" && !stack.AdoptGateway {
		return preview.StackOutputs{}, fmt.Errorf("gateway %s exists: %w", stack.GatewayID, preview.ErrConflict)
	}
	w.configs[stack.ConfigID] = preview.APIConfig{API: stack.API, ID: stack.ConfigID, State: preview.APIStateActive, Labels: stack.Labels}
	w.gateways[stack.GatewayID] = preview.APIGateway{
		ID: stack.GatewayID, API: stack.API, ConfigID: stack.ConfigID, State: preview.APIStateActive, Labels: stack.Labels,
	}
	for _, old := range state.ConfigIDs {
		if old != stack.ConfigID {
			delete(w.configs, old)
		}
	}
	w.states[stack.Key] = preview.StackState{ConfigIDs: []string{stack.ConfigID}, GatewayID: stack.GatewayID}
	return preview.StackOutputs{Hostname: stack.GatewayID + ".example", Changed: true}, nil
}

func (t *terraform) Destroy(_ context.Context, stack preview.Stack) error {
	w := (*world)(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("destroy", stack.Key); err != nil {
		return err
	}
	state := w.states[stack.Key]
	delete(w.gateways, state.GatewayID)
	for _, id := range state.ConfigIDs {
		delete(w.configs, id)
	}
	delete(w.states, stack.Key)
	return nil
}

func (t *terraform) State(_ context.Context, stack preview.Stack) (preview.StackState, error) {
	w := (*world)(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.states[stack.Key], w.call("state", stack.Key)
}

func (t *terraform) Stacks(context.Context) ([]preview.Key, error) {
	w := (*world)(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.states)), w.call("stacks")
}
