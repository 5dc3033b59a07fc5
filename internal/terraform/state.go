package terraform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/gangway-dev/gangway/internal/preview"
)

// State is what the stack's state holds; a stack without a state holds nothing. Of the stack only the key matters.
func (r *Runner) State(ctx context.Context, stack preview.Stack) (preview.StackState, error) {
	f, err := r.folder(stack.Key)
	if err != nil {
		return preview.StackState{}, err
	}
	if empty, err := r.stateless(f); empty || err != nil {
		return preview.StackState{}, err
	}
	var held preview.StackState
	err = r.session(ctx, f, func(ctx context.Context, s *session) error {
		if err := s.heal(ctx); err != nil {
			return err
		}
		data, err := s.pull(ctx)
		if err != nil || data == "" {
			return err
		}
		held, err = parseState([]byte(data))
		return err
	})
	return held, err
}

// pull reads the state through Terraform, whatever the backend is.
func (s *session) pull(ctx context.Context) (string, error) {
	if err := s.ready(ctx); err != nil {
		return "", err
	}
	var data string
	err := process(func() (err error) {
		data, err = s.tf.StatePull(ctx)
		return err
	})
	if ctx.Err() != nil {
		return "", cancelled(ctx, "state pull")
	}
	if err != nil {
		return "", s.translate("state pull", nil, err)
	}
	return data, nil
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

// stateless tells without a process that a stack holds nothing: it has a local state, and there is no file.
func (r *Runner) stateless(f folder) (bool, error) {
	if r.options.Backend.Kind != BackendLocal {
		return false, nil
	}
	for _, path := range []string{f.state(), filepath.Join(filepath.Dir(f.state()), erroredFile), filepath.Join(f.work(), erroredFile)} {
		_, err := os.Stat(path)
		if err == nil {
			return false, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("looking for a state: %w", err)
		}
	}
	return true, nil
}

// heal puts right what an earlier run has left: a local state that was cut off while it was written, and a state that
// could not be saved (errored.tfstate).
func (s *session) heal(ctx context.Context) error {
	if s.options.Backend.Kind == BackendLocal {
		if err := s.repair(ctx); err != nil {
			return err
		}
	}
	return s.push(ctx)
}

// repair replaces an unreadable local state by Terraform's backup of it, or by none. What the state no longer knows is
// found by its labels. The damaged file is kept beside it.
func (s *session) repair(ctx context.Context) error {
	path := s.folder.state()
	readable := func(path string) (bool, error) {
		data, err := os.ReadFile(path)
		if err != nil {
			return errors.Is(err, fs.ErrNotExist), err
		}
		_, err = parseState(data)
		return err == nil, err
	}
	if ok, _ := readable(path); ok {
		return nil
	}
	// Somebody's Terraform may be about to write it.
	time.Sleep(100 * time.Millisecond)
	if ok, _ := readable(path); ok {
		return nil
	}
	s.options.Log.WarnContext(ctx, "replacing an unreadable state by its backup", "stack", s.folder.prefix)
	if err := os.Rename(path, path+".damaged"); err != nil {
		return fmt.Errorf("repairing a state: %w", err)
	}
	backup := path + ".backup"
	if ok, err := readable(backup); !ok || err != nil {
		return nil //nolint:nilerr // no backup: the stack starts from nothing
	}
	data, err := os.ReadFile(backup)
	if err != nil {
		return fmt.Errorf("repairing a state: %w", err)
	}
	return writeFile(path, data)
}

// push saves the state that an earlier Terraform could not save, unless a newer one was saved since. While that can't be
// found out, or the state can't be saved now either, nothing else may be done to the stack: it may hold the only trace of
// what there is.
func (s *session) push(ctx context.Context) error {
	kept := filepath.Join(filepath.Dir(s.folder.state()), erroredFile)
	if err := os.Rename(filepath.Join(s.folder.work(), erroredFile), kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keeping an unsaved state: %w", err)
	}
	data, err := os.ReadFile(kept)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the usual case: there is none
	}
	if err != nil {
		return fmt.Errorf("reading an unsaved state: %w", err)
	}
	var unsaved, saved rawState
	if err := json.Unmarshal(data, &unsaved); err != nil {
		s.options.Log.WarnContext(ctx, "an unsaved state can't be read", "stack", s.folder.prefix, "error", err)
		return shelve(kept, ".damaged")
	}
	text, err := s.pull(ctx)
	if err != nil {
		return err
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &saved); err != nil {
			return fmt.Errorf("reading Terraform's state: %w: %w", preview.ErrUnreadable, err)
		}
	}
	if text != "" && (saved.Lineage != unsaved.Lineage || saved.Serial >= unsaved.Serial) {
		s.options.Log.WarnContext(ctx, "a newer state was saved than the unsaved one", "stack", s.folder.prefix)
		return shelve(kept, ".old")
	}
	s.options.Log.WarnContext(ctx, "saving the state that an earlier run could not save", "stack", s.folder.prefix)
	err = process(func() error { return s.tf.StatePush(ctx, kept, tfexec.Lock(true)) })
	if ctx.Err() != nil {
		return cancelled(ctx, "state push")
	}
	if err != nil {
		return s.translate("state push", nil, err)
	}
	if err := os.Remove(kept); err != nil {
		return fmt.Errorf("removing an unsaved state: %w", err)
	}
	return nil
}

// shelve puts an unsaved state aside, for people who look for it.
func shelve(path, as string) error {
	if err := os.Rename(path, path+as); err != nil {
		return fmt.Errorf("putting an unsaved state aside: %w", err)
	}
	return nil
}
