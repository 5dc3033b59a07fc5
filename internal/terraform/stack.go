package terraform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Apply makes the stack what it should be, and gives the gateway's hostname. observe is told of every step while
// Terraform runs, one event after the other, from another goroutine than the caller's; it may be nil.
//
// Applying what is there already changes nothing. When ctx is cancelled, Terraform is interrupted, gets
// Options.WaitDelay to save its state and is then killed: afterwards resources may exist that the state doesn't
// know. The errors are listed at [ErrLocked]; all others are temporary.
func (r *Runner) Apply(ctx context.Context, stack preview.Stack, observe func(preview.StackEvent)) (preview.StackOutputs, error) {
	f, err := r.folder(stack.Key)
	if err != nil {
		return preview.StackOutputs{}, err
	}
	var out preview.StackOutputs
	err = r.session(ctx, f, stack.Lease, func(ctx context.Context, s *session) error {
		res, err := s.apply(ctx, "apply", previewRoot(stack), observe)
		out.Took = res.took
		if err != nil {
			return err
		}
		out.Hostname, out.Changed = res.stream.text("hostname"), res.stream.changed
		r.options.Log.InfoContext(ctx, "stack applied", "preview", stack.Key.String(), "config_id", stack.ConfigID,
			"changed", out.Changed, "terraform", out.Took, "overhead", s.overhead)
		return nil
	})
	return out, err
}

// Destroy removes all that the stack's state holds, and nothing else, and then what is kept of the stack. A stack that has no
// state or an empty one is no error. An interruption is as with [Runner.Apply]; then the state stays.
//
// It needs nothing of the stack but key and lease: what the state holds and the root module does not name is destroyed, in
// the order that the state remembers.
func (r *Runner) Destroy(ctx context.Context, stack preview.Stack) error {
	f, err := r.folder(stack.Key)
	if err != nil {
		return err
	}
	held, ok, err := r.glance(ctx, f)
	if err != nil {
		return err
	}
	if !ok || held.GatewayID != "" || len(held.ConfigIDs) > 0 {
		if err := r.destroy(ctx, f, stack.Lease); err != nil {
			return err
		}
	}
	return r.forget(ctx, f, stack.Lease)
}

func (r *Runner) destroy(ctx context.Context, f folder, lease preview.Lease) error {
	return r.session(ctx, f, lease, func(ctx context.Context, s *session) error {
		res, err := s.apply(ctx, "destroy", root{}, nil)
		if err != nil {
			return err
		}
		r.options.Log.InfoContext(ctx, "stack destroyed", "stack", f.prefix,
			"changed", res.stream.changed, "terraform", res.took, "overhead", s.overhead)
		return nil
	})
}

// forget removes what is kept of a stack, and its folder. It refuses to while the state holds resources, or is not
// readable.
func (r *Runner) forget(ctx context.Context, f folder, lease preview.Lease) error {
	unlock, err := r.lock(ctx, f)
	if err != nil {
		return err
	}
	defer unlock()
	release, err := lockFolder(ctx, f)
	if err != nil {
		return err
	}
	defer release()
	if err := r.states.claim(ctx, f, lease); err != nil {
		return err
	}
	k, err := r.states.read(ctx, f)
	if err != nil {
		return err
	}
	if len(k.data) > 0 {
		held, err := parseState(k.data)
		if err != nil {
			return fmt.Errorf("forgetting the stack %s: %w", f.prefix, err)
		}
		if held.GatewayID != "" || len(held.ConfigIDs) > 0 {
			return fmt.Errorf("forgetting the stack %s: its state still holds resources", f.prefix)
		}
	}
	if err := r.states.forget(ctx, f, k); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(f.path), os.Remove(lockPath(f))); err != nil {
		return fmt.Errorf("forgetting the stack %s: %w", f.prefix, err)
	}
	return nil
}

// ApplyAPIs makes the API shards of an environment, in a stack of its own. One that exists already, because an earlier
// run was killed or because somebody made it, is taken over. An API that is not asked for any more is deleted, unless
// it has configs. An empty list is refused: it would delete all of them.
func (r *Runner) ApplyAPIs(ctx context.Context, environment, project, region string, ids []string) error {
	if len(ids) == 0 {
		return errors.New("applying API shards: no ids")
	}
	if !(preview.Key{Environment: environment, Gateway: "x", Repository: 1, PullRequest: 1}).Valid() {
		return fmt.Errorf("applying API shards: %q is no environment's name", environment)
	}
	m := apisRoot(project, region, ids, map[string]string{preview.LabelEnvironment: environment})
	return r.session(ctx, r.folderOf(environment, apisFolder), preview.Lease{}, func(ctx context.Context, s *session) error {
		for {
			res, err := s.apply(ctx, "apply", m, nil)
			if err != nil && m.adopt(err, project, ids) {
				continue
			}
			if err != nil {
				return err
			}
			r.options.Log.InfoContext(ctx, "API shards applied", "environment", environment, "changed", res.stream.changed, "terraform", res.took)
			return nil
		}
	})
}

// adopt adds the import of the API shard that err says exists already. It tells whether there was one to add.
func (m *root) adopt(err error, project string, ids []string) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Resource != resourceAPI || !errors.Is(err, preview.ErrConflict) {
		return false
	}
	for n, id := range ids {
		name := "projects/" + project + "/locations/global/apis/" + id
		address := fmt.Sprintf("module.gateway-apis.google_api_gateway_api.shard[%d]", n)
		if _, known := m.imports[address]; known || !strings.Contains(e.Message, "'"+name+"'") {
			continue
		}
		if m.imports == nil {
			m.imports = map[string]string{}
		}
		m.imports[address] = name
		return true
	}
	return false
}
