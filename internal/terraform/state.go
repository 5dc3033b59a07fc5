package terraform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/gangway-dev/gangway/internal/preview"
)

// State is what the stack's state holds; a stack without a state holds nothing. Of the stack only key and lease matter. Where
// nothing has to be put right first, it is one look, without Terraform.
func (r *Runner) State(ctx context.Context, stack preview.Stack) (preview.StackState, error) {
	f, err := r.folder(stack.Key)
	if err != nil {
		return preview.StackState{}, err
	}
	held, ok, err := r.glance(ctx, f)
	if ok || err != nil {
		return held, err
	}
	err = r.session(ctx, f, stack.Lease, func(ctx context.Context, s *session) error {
		k, err := r.states.read(ctx, f)
		if err != nil || k.data == nil {
			return err
		}
		held, err = parseState(k.data)
		return err
	})
	return held, err
}

// glance reads the state. ok is false when something has to be put right first, or somebody is at work.
func (r *Runner) glance(ctx context.Context, f folder) (held preview.StackState, ok bool, err error) {
	errored, err := readFile(filepath.Join(f.work(), erroredFile))
	if err != nil || errored != nil {
		return held, false, err
	}
	unsaved, err := r.states.unsaved(ctx, f)
	if err != nil || unsaved != nil {
		return held, false, err
	}
	k, err := r.states.read(ctx, f)
	if err != nil || k.data == nil {
		return held, err == nil, err
	}
	held, unreadable := parseState(k.data)
	return held, unreadable == nil, nil
}

// ready makes the work folder usable for commands that need only the backend.
func (s *session) ready(ctx context.Context) error {
	if s.initialised(s.folder, "") {
		if _, err := os.Stat(filepath.Join(s.folder.work(), rootFile)); err == nil {
			return nil
		}
	}
	needsInit, err := s.render(s.folder, root{})
	if err != nil || !needsInit {
		return err
	}
	_, err = s.init(ctx, "")
	return err
}

// rawState is Terraform's state, version 4, as far as it is of use here. Version 4 is what every Terraform since 0.12
// writes.
type rawState struct {
	Version   int    `json:"version"`
	Serial    int64  `json:"serial"`  // grows with each change
	Lineage   string `json:"lineage"` // the same for all states that came from one another
	Resources []struct {
		Mode      string `json:"mode"`
		Type      string `json:"type"`
		Instances []struct {
			Attributes struct {
				ConfigID  string `json:"api_config_id"`
				GatewayID string `json:"gateway_id"`
			} `json:"attributes"`
		} `json:"instances"`
	} `json:"resources"`
}

// parseState reads a state. The error wraps preview.ErrUnreadable.
func parseState(data []byte) (preview.StackState, error) {
	var raw rawState
	if err := json.Unmarshal(data, &raw); err != nil {
		return preview.StackState{}, fmt.Errorf("reading Terraform's state: %w: %w", preview.ErrUnreadable, err)
	}
	if raw.Version != 4 {
		return preview.StackState{}, fmt.Errorf("reading Terraform's state: %w: version %d", preview.ErrUnreadable, raw.Version)
	}
	var held preview.StackState
	for _, res := range raw.Resources {
		for _, instance := range res.Instances {
			switch {
			case res.Mode != "managed":
			case resourceName(res.Type) == resourceConfig:
				held.ConfigIDs = append(held.ConfigIDs, instance.Attributes.ConfigID)
			case resourceName(res.Type) == resourceGateway:
				held.GatewayID = instance.Attributes.GatewayID
			}
		}
	}
	return held, nil
}

// heal puts right what an earlier run has left: a state that is damaged, and one that could not be saved (errored.tfstate).
func (s *session) heal(ctx context.Context) error {
	if err := s.repair(ctx); err != nil {
		return err
	}
	if err := s.keep(ctx); err != nil {
		return err
	}
	return s.push(ctx)
}

// writing is how long somebody's Terraform may take to write a state that was found cut off.
const writing = 100 * time.Millisecond

// repair replaces an unreadable state by the newest earlier one that can be read, or by none. What the state no longer
// knows is found by its labels: whoever applies has to look for it. The damaged state stays where people find it.
func (s *session) repair(ctx context.Context) error {
	damaged, err := s.damaged(ctx)
	if err != nil || damaged == nil {
		return err
	}
	select {
	case <-ctx.Done():
		return cancelled(ctx, "state")
	case <-time.After(writing):
	}
	if damaged, err = s.damaged(ctx); err != nil || damaged == nil {
		return err
	}
	for data, err := range s.states.earlier(ctx, s.folder) {
		if err != nil {
			return err
		}
		if _, err := parseState(data); err == nil {
			s.options.Log.WarnContext(ctx, "replacing an unreadable state by an earlier one", "stack", s.folder.prefix)
			return s.states.replace(ctx, s.folder, *damaged, data)
		}
	}
	s.options.Log.ErrorContext(ctx, "a state is unreadable and there is no earlier one: beginning with none", "stack", s.folder.prefix)
	return s.states.replace(ctx, s.folder, *damaged, nil)
}

// damaged is the state if it was cut off or garbled; else nil. The error wraps preview.ErrUnreadable for one that is whole and not
// understood.
func (s *session) damaged(ctx context.Context) (*kept, error) {
	k, err := s.states.read(ctx, s.folder)
	if err != nil || k.data == nil {
		return nil, err
	}
	_, err = parseState(k.data)
	switch {
	case err == nil:
		return nil, nil
	case json.Valid(k.data): // it is whole, and of another Terraform: an older one is no substitute
		return nil, err
	}
	return &k, nil
}

// keep puts the state that the last Terraform could not save where the other states are, so that it outlives this machine.
func (s *session) keep(ctx context.Context) error {
	path := filepath.Join(s.folder.work(), erroredFile)
	data, err := readFile(path)
	if err != nil || data == nil {
		return err
	}
	if err := s.states.keepUnsaved(ctx, s.folder, data); err != nil {
		return fmt.Errorf("keeping an unsaved state: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("keeping an unsaved state: %w", err)
	}
	return nil
}

// push saves the state that an earlier Terraform could not save, unless a newer one was saved since. While that can't be
// found out, or the state can't be saved now either, nothing else may be done to the stack: it may hold the only trace of
// what there is.
func (s *session) push(ctx context.Context) error {
	data, err := s.states.unsaved(ctx, s.folder)
	if err != nil || data == nil { // the usual case: there is none
		return err
	}
	var unsaved, saved rawState
	if err := json.Unmarshal(data, &unsaved); err != nil {
		s.options.Log.WarnContext(ctx, "an unsaved state can't be read", "stack", s.folder.prefix, "error", err)
		return s.states.shelveUnsaved(ctx, s.folder, data, ".damaged")
	}
	k, err := s.states.read(ctx, s.folder)
	if err != nil {
		return err
	}
	if k.data != nil {
		if err := json.Unmarshal(k.data, &saved); err != nil {
			return fmt.Errorf("reading Terraform's state: %w: %w", preview.ErrUnreadable, err)
		}
		if saved.Lineage != unsaved.Lineage || saved.Serial >= unsaved.Serial {
			s.options.Log.WarnContext(ctx, "a newer state was saved than the unsaved one", "stack", s.folder.prefix)
			return s.states.shelveUnsaved(ctx, s.folder, data, ".old")
		}
	}
	s.options.Log.WarnContext(ctx, "saving the state that an earlier run could not save", "stack", s.folder.prefix)
	if err := s.pushState(ctx, data); err != nil {
		return err
	}
	return s.states.dropUnsaved(ctx, s.folder)
}

// pushState saves a state as Terraform does: under its lock, and only if it is newer than what is there.
func (s *session) pushState(ctx context.Context, data []byte) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	file, err := os.CreateTemp("", "gangway-unsaved-*.json")
	if err != nil {
		return fmt.Errorf("saving an unsaved state: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("saving an unsaved state: %w", err)
	}
	err = process(func() error { return s.tf.StatePush(ctx, file.Name(), tfexec.Lock(true)) })
	if ctx.Err() != nil {
		return cancelled(ctx, "state push")
	}
	if err != nil {
		return s.translate("state push", nil, err)
	}
	return nil
}
