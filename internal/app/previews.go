package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Previews is what an operator sees of previews, and may do to them, with nothing but the store.
type Previews struct {
	store preview.Store
	close func() error
}

// A PreviewStatus is how one preview is. It is written as JSON, too: fields are added, never renamed.
type PreviewStatus struct {
	Preview     string            `json:"preview"`
	PullRequest string            `json:"pull_request,omitempty"` // URL
	Condition   preview.Condition `json:"condition"`
	Waiting     time.Time         `json:"waiting_since,omitzero"`
	Intent      preview.Intent    `json:"intent"`
	Generation  int64             `json:"generation"`
	HeadSHA     string            `json:"head_sha,omitempty"`
	Change      string            `json:"change,omitempty"`
	ServingSHA  string            `json:"serving_sha,omitempty"`
	URL         string            `json:"url,omitempty"`
	Failures    []string          `json:"failures,omitempty"`
	Members     []MemberStatus    `json:"members,omitempty"`
	Timeline    []preview.Event   `json:"timeline,omitempty"`
	Unreadable  string            `json:"unreadable,omitempty"` // why its rows can't be understood
}

// A MemberStatus is how one service of a preview is.
type MemberStatus struct {
	Service  string       `json:"service"`
	Step     preview.Step `json:"step"`
	BuildID  string       `json:"build_id,omitempty"`
	LogURL   string       `json:"log_url,omitempty"`
	Revision string       `json:"revision,omitempty"`
}

// OpenPreviews opens a store that the commands have made.
func OpenPreviews(ctx context.Context, store string) (*Previews, error) {
	s, err := openExisting(ctx, store)
	if err != nil {
		return nil, err
	}
	return &Previews{store: s, close: s.Close}, nil
}

// Close closes the store.
func (p *Previews) Close() error { return p.close() }

// List is every preview of which there is something, or should be, in the order of their keys.
func (p *Previews) List(ctx context.Context) ([]PreviewStatus, error) {
	keys, err := p.keys(ctx)
	if err != nil {
		return nil, err
	}
	var list []PreviewStatus
	for _, key := range keys {
		status, err := p.status(ctx, key)
		if err != nil {
			return nil, err
		}
		if status.Condition != preview.ConditionNone { // an unreadable one has no condition
			list = append(list, status)
		}
	}
	return list, nil
}

// Show is one preview: by its key, or by the number of its pull request where only one has that.
func (p *Previews) Show(ctx context.Context, name string) (PreviewStatus, error) {
	key, err := p.find(ctx, name)
	if err != nil {
		return PreviewStatus{}, err
	}
	return p.status(ctx, key)
}

// Look lets both owners look at a preview again, at once.
func (p *Previews) Look(ctx context.Context, name string) (PreviewStatus, error) {
	key, err := p.find(ctx, name)
	if err != nil {
		return PreviewStatus{}, err
	}
	for _, owner := range []preview.Owner{preview.Intake, preview.Aggregator} {
		if err := p.store.Mark(ctx, key, owner, time.Now()); err != nil {
			return PreviewStatus{}, err
		}
	}
	return p.status(ctx, key)
}

// keys are those of the rows that have not settled.
func (p *Previews) keys(ctx context.Context) ([]preview.Key, error) {
	var keys []preview.Key
	seen := map[preview.Key]bool{}
	for _, owner := range []preview.Owner{preview.Intake, preview.Aggregator} {
		rows, err := p.store.List(ctx, owner)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if !seen[row.Key] {
				seen[row.Key] = true
				keys = append(keys, row.Key)
			}
		}
	}
	return keys, nil
}

// find finds the preview that name means.
func (p *Previews) find(ctx context.Context, name string) (preview.Key, error) {
	if strings.Contains(name, "/") {
		key, err := preview.ParseKey(name)
		if err != nil {
			return preview.Key{}, err
		}
		for _, owner := range []preview.Owner{preview.Intake, preview.Aggregator} {
			row, err := p.store.Load(ctx, key, owner)
			if err != nil || row.Version > 0 || row.Marks > 0 {
				return key, err
			}
		}
		return preview.Key{}, fmt.Errorf("there is no preview %s: gangway previews list shows those that there are", name)
	}
	keys, err := p.keys(ctx)
	if err != nil {
		return preview.Key{}, err
	}
	var found []string
	for _, key := range keys {
		if fmt.Sprint(key.PullRequest) == name {
			found = append(found, key.String())
		}
	}
	switch len(found) {
	case 0:
		return preview.Key{}, fmt.Errorf("no preview of a pull request %s that is not closed: give its key as ENVIRONMENT/GATEWAY/REPOSITORY-ID/NUMBER", name)
	case 1:
		return preview.ParseKey(found[0])
	}
	return preview.Key{}, fmt.Errorf("pull request %s has several previews: give one of %s", name, strings.Join(found, ", "))
}

func (p *Previews) status(ctx context.Context, key preview.Key) (PreviewStatus, error) {
	intake, err1 := p.store.Load(ctx, key, preview.Intake)
	aggregator, err2 := p.store.Load(ctx, key, preview.Aggregator)
	if err := errors.Join(err1, err2); err != nil {
		return PreviewStatus{}, err
	}
	s := PreviewStatus{Preview: key.String()}
	w, err1 := preview.DecodeWanted(intake.Body)
	o, err2 := preview.DecodeObserved(aggregator.Body)
	if err := errors.Join(err1, err2); err != nil {
		s.Unreadable = err.Error()
		return s, nil
	}
	s.Condition, s.Waiting = preview.ConditionOf(w, o)
	s.PullRequest, s.Intent, s.Generation, s.HeadSHA, s.Change = w.URL, w.Intent, w.Generation, w.HeadSHA, key.Change(w.HeadSHA)
	if o.Serving != nil {
		s.ServingSHA, s.URL = o.Serving.HeadSHA, o.Serving.URL
	}
	for _, m := range w.Members {
		s.Members = append(s.Members, MemberStatus{m.Service, m.Step, m.BuildID, m.LogURL, m.Revision})
		if m.Failure != nil {
			s.Failures = append(s.Failures, m.Service+": "+m.Failure.Summary)
		}
	}
	if o.Failure != nil {
		s.Failures = append(s.Failures, o.Failure.Stage+": "+o.Failure.Summary)
	}
	s.Timeline = preview.Timeline(w, o)
	return s, nil
}
