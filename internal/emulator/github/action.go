package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ClosePull closes an open pull request without merging it. Delivery: closed.
func (s *Server) ClosePull(ctx context.Context, repo string, number int) (Pull, error) {
	return s.act(ctx, repo, number, func(r *repository, p *pull) error {
		if _, err := r.openPull(number); err != nil {
			return err
		}
		p.State, p.ClosedAt = "closed", s.now().UTC()
		s.happened(p, p.Author, "closed this")
		s.deliverPull(r, p, "closed", p.Author, nil)
		return nil
	})
}

// ReopenPull opens a closed pull request that was not merged. Delivery: reopened.
func (s *Server) ReopenPull(ctx context.Context, repo string, number int) (Pull, error) {
	return s.act(ctx, repo, number, func(r *repository, p *pull) error {
		if p.State == "open" || !p.MergedAt.IsZero() || s.state.repositoryByID(p.HeadRepository) == nil {
			return fmt.Errorf("%w: pull request %d can't be reopened", ErrInvalid, number)
		}
		p.State = "open"
		p.ClosedAt = p.MergedAt
		s.happened(p, p.Author, "reopened this")
		s.deliverPull(r, p, "reopened", p.Author, nil)
		return nil
	})
}

// MergePull merges an open pull request into its base branch with a merge commit. Delivery: closed, with merged true.
// A conflict is an error that wraps ErrInvalid.
func (s *Server) MergePull(ctx context.Context, repo string, number int) (Pull, error) {
	return s.act(ctx, repo, number, func(r *repository, p *pull) error {
		if _, err := r.openPull(number); err != nil {
			return err
		}
		git, branch := s.git(r), "refs/heads/"+p.BaseRef
		base, err := git.resolve(ctx, branch)
		if err != nil {
			return fmt.Errorf("base branch %q: %w", p.BaseRef, err)
		}
		actor := s.state.accountByID(p.Author)
		message := fmt.Sprintf("Merge pull request #%d from %s/%s\n\n%s\n", number, p.HeadOwner, p.HeadRef, p.Title)
		sha, err := git.merge(ctx, base, p.HeadSHA, message, actor.Login)
		if errors.Is(err, errMergeConflict) {
			return fmt.Errorf("%w: pull request %d has conflicts with %s", ErrInvalid, number, p.BaseRef)
		}
		if err != nil {
			return err
		}
		if err := git.setRef(ctx, branch, sha); err != nil {
			return err
		}
		p.State, p.ClosedAt, p.MergedAt, p.MergeSHA, p.MergedBy = "closed", s.now().UTC(), s.now().UTC(), sha, actor.ID
		r.PushedAt = p.MergedAt
		s.happened(p, actor.ID, "merged this as "+sha[:7])
		s.deliverPull(r, p, "closed", actor.ID, nil)
		return nil
	})
}

// SetLabel puts a label on a pull request, or takes it off. Delivery: labeled, unlabeled; none if nothing changed.
func (s *Server) SetLabel(ctx context.Context, repo string, number int, name string, on bool) (Pull, error) {
	return s.act(ctx, repo, number, func(r *repository, p *pull) error {
		if strings.TrimSpace(name) == "" || len(name) > 50 {
			return fmt.Errorf("%w: label %q", ErrInvalid, name)
		}
		if on {
			s.addLabel(r, p, name, p.Author)
		} else {
			s.removeLabel(r, p, name, p.Author)
		}
		return nil
	})
}

// SetDraft makes a pull request a draft, or ready for review. Delivery: converted_to_draft, ready_for_review.
func (s *Server) SetDraft(ctx context.Context, repo string, number int, draft bool) (Pull, error) {
	return s.act(ctx, repo, number, func(r *repository, p *pull) error {
		if p.Draft == draft {
			return nil
		}
		action, text := "ready_for_review", "marked this as ready for review"
		if draft {
			action, text = "converted_to_draft", "converted this to a draft"
		}
		p.Draft = draft
		s.happened(p, p.Author, text)
		s.deliverPull(r, p, action, p.Author, nil)
		return nil
	})
}

// SetTitle changes a pull request's title. Delivery: edited, with the former title.
func (s *Server) SetTitle(ctx context.Context, repo string, number int, title string) (Pull, error) {
	return s.act(ctx, repo, number, func(r *repository, p *pull) error {
		former := p.Title
		p.Title = title
		s.happened(p, p.Author, "changed the title")
		s.deliverPull(r, p, "edited", p.Author, object{"changes": object{"title": object{"from": former}}})
		return nil
	})
}

// SetBase changes the branch that a pull request is to be merged into. Delivery: edited, with the former base.
func (s *Server) SetBase(ctx context.Context, repo string, number int, branch string) (Pull, error) {
	return s.act(ctx, repo, number, func(r *repository, p *pull) error {
		former, formerSHA := p.BaseRef, p.BaseSHA
		p.BaseRef = branch
		base, size, err := s.measure(ctx, r, p, p.HeadSHA)
		if err != nil {
			p.BaseRef = former
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		p.BaseSHA, p.Size = base, size
		s.happened(p, p.Author, "changed the base branch")
		s.deliverPull(r, p, "edited", p.Author, object{"changes": object{"base": object{
			"ref": object{"from": former}, "sha": object{"from": formerSHA},
		}}})
		return nil
	})
}

// Lock locks or unlocks a pull request's conversation: comments are refused while it is locked. Delivery: locked,
// unlocked.
func (s *Server) Lock(ctx context.Context, repo string, number int, locked bool) (Pull, error) {
	return s.act(ctx, repo, number, func(r *repository, p *pull) error {
		if p.Locked == locked {
			return nil
		}
		action := "unlocked"
		if locked {
			action = "locked"
		}
		p.Locked = locked
		s.happened(p, p.Author, action+" the conversation")
		s.deliverPull(r, p, action, p.Author, nil)
		return nil
	})
}

// Comment writes a comment as a user and returns its id. Delivery: issue_comment created.
func (s *Server) Comment(ctx context.Context, repo string, number int, user, body string) (int64, error) {
	var id int64
	_, err := s.act(ctx, repo, number, func(r *repository, p *pull) error {
		if strings.TrimSpace(body) == "" || user == "" {
			return fmt.Errorf("%w: a comment needs a user and a body", ErrInvalid)
		}
		id = s.addComment(r, p, s.state.account(user, "User").ID, false, body).ID
		return nil
	})
	return id, err
}

// DeleteFork deletes the fork that a pull request comes from; the pull request stays. No delivery, as on GitHub.
func (s *Server) DeleteFork(ctx context.Context, repo string, number int) error {
	_, err := s.act(ctx, repo, number, func(_ *repository, p *pull) error {
		fork := s.state.repositoryByID(p.HeadRepository)
		if fork == nil || fork.Parent == 0 {
			return fmt.Errorf("%w: pull request %d comes from no fork", ErrInvalid, number)
		}
		s.state.Repositories = slices.DeleteFunc(s.state.Repositories, func(r *repository) bool { return r == fork })
		return nil
	})
	return err
}

// RenameRepository gives a repository another name; the API redirects from the former one only by id.
func (s *Server) RenameRepository(_ context.Context, repo, name string) error {
	r, err := s.find(repo)
	if err != nil {
		return err
	}
	if !nameRule.MatchString(name) {
		return fmt.Errorf("%w: name %q", ErrInvalid, name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Name = name
	return s.save()
}

// act does one thing to a pull request under both locks and saves.
func (s *Server) act(_ context.Context, repo string, number int, do func(*repository, *pull) error) (Pull, error) {
	s.gitMu.Lock()
	defer s.gitMu.Unlock()
	r, err := s.find(repo)
	if err != nil {
		return Pull{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := r.pull(number)
	if p == nil {
		return Pull{}, fmt.Errorf("%w: no pull request %d in %s", ErrInvalid, number, repo)
	}
	if err := do(r, p); err != nil {
		return Pull{}, err
	}
	return s.showPull(r, p), s.save()
}

// addLabel is for callers that hold mu.
func (s *Server) addLabel(r *repository, p *pull, name string, actor int64) {
	for _, l := range p.Labels {
		if strings.EqualFold(l.Name, name) {
			return
		}
	}
	l := label{ID: s.state.nextID(), Name: name, Color: "ededed"}
	p.Labels = append(p.Labels, l)
	s.happened(p, actor, "added the label "+name)
	s.deliverPull(r, p, "labeled", actor, object{"label": labelJSON(l)})
}

// removeLabel is for callers that hold mu. It tells whether the label was there.
func (s *Server) removeLabel(r *repository, p *pull, name string, actor int64) bool {
	i := slices.IndexFunc(p.Labels, func(l label) bool { return strings.EqualFold(l.Name, name) })
	if i < 0 {
		return false
	}
	l := p.Labels[i]
	p.Labels = slices.Delete(slices.Clone(p.Labels), i, i+1)
	s.happened(p, actor, "removed the label "+name)
	s.deliverPull(r, p, "unlabeled", actor, object{"label": labelJSON(l)})
	return true
}

// addComment is for callers that hold mu.
func (s *Server) addComment(r *repository, p *pull, author int64, app bool, body string) *comment {
	now := s.now().UTC()
	c := &comment{ID: s.state.nextID(), Author: author, App: app, Body: body, CreatedAt: now, UpdatedAt: now}
	p.Comments = append(p.Comments, c)
	p.UpdatedAt = now
	s.deliverComment(r, p, c, "created")
	return c
}
