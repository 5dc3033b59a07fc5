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

// A Labeling puts a label on a pull request, or takes it off.
type Labeling struct {
	User string // "": the author if that is allowed to, else octocat, who usually writes
	Name string
	On   bool
}

// SetLabel is [Server.Label] by whoever may.
func (s *Server) SetLabel(ctx context.Context, repo string, number int, name string, on bool) (Pull, error) {
	return s.Label(ctx, repo, number, Labeling{Name: name, On: on})
}

// Label puts a label on a pull request, or takes it off, as a user. Without the role triage nobody may. Delivery: labeled,
// unlabeled; none if nothing changed.
func (s *Server) Label(ctx context.Context, repo string, number int, l Labeling) (Pull, error) {
	user, name, on := l.User, l.Name, l.On
	return s.act(ctx, repo, number, func(r *repository, p *pull) error {
		if strings.TrimSpace(name) == "" || len(name) > 50 {
			return fmt.Errorf("%w: label %q", ErrInvalid, name)
		}
		if user == "" {
			if user = s.state.accountByID(p.Author).Login; rank(s.role(r, user)) < rank("triage") {
				user = "octocat"
			}
		}
		actor := s.state.account(user, kindOf(user))
		switch {
		case rank(s.role(r, actor.Login)) < rank("triage"):
			return fmt.Errorf("%w: %s may not set labels in %s", ErrInvalid, user, repo)
		case on:
			s.addLabel(r, p, name, actor.ID)
		default:
			s.removeLabel(r, p, name, actor.ID)
		}
		return nil
	})
}

// SetRole says what a user may do in a repository: none, read, triage, write, maintain or admin. "" is the usual again.
func (s *Server) SetRole(repo, user, role string) error {
	r, err := s.find(repo)
	if err != nil {
		return err
	}
	if role != "" && rank(role) < 0 {
		return fmt.Errorf("%w: role %q", ErrInvalid, role)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.account(user, kindOf(user))
	if r.Roles == nil {
		r.Roles = map[string]string{}
	}
	r.Roles[strings.ToLower(user)] = role
	return s.save()
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

// RenameRepository gives a repository another name; the API redirects from the former one.
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
	return s.rename(r, r.OwnerLogin, name)
}

// TransferRepository gives a repository to another organisation. With installed the App is installed there, else it
// loses the repository unless it was there before. The API redirects from the former name.
func (s *Server) TransferRepository(_ context.Context, repo, owner string, installed bool) error {
	r, err := s.find(repo)
	if err != nil {
		return err
	}
	if !nameRule.MatchString(owner) {
		return fmt.Errorf("%w: owner %q", ErrInvalid, owner)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.rename(r, owner, r.Name); err != nil {
		return err
	}
	if installed && s.state.installationOf(r) == nil {
		s.state.Installations = append(s.state.Installations,
			&installation{ID: s.state.nextID(), Account: r.Owner, CreatedAt: s.now().UTC()})
	}
	return s.save()
}

// rename gives a repository another name. The caller holds mu.
func (s *Server) rename(r *repository, owner, name string) error {
	if s.state.repository(owner, name) != nil {
		return fmt.Errorf("%w: there is a repository %s/%s already", ErrInvalid, owner, name)
	}
	s.state.Former = append(s.state.Former, formerName{Owner: r.OwnerLogin, Name: r.Name, Repository: r.ID})
	if !strings.EqualFold(owner, r.OwnerLogin) {
		r.Owner, r.OwnerLogin = s.state.account(owner, "Organization").ID, owner
	}
	r.Name = name
	return s.save()
}

// Uninstall takes the App away from an organisation: its tokens are gone, and nothing there can be seen any more.
func (s *Server) Uninstall(owner string) error {
	return s.withInstallation(owner, func(i *installation) {
		s.state.Installations = slices.DeleteFunc(s.state.Installations, func(o *installation) bool { return o == i })
		for hash, g := range s.state.Tokens {
			if g.Installation == i.ID {
				delete(s.state.Tokens, hash)
			}
		}
	})
}

// Suspend suspends the App's installation in an organisation, or ends that.
func (s *Server) Suspend(owner string, on bool) error {
	return s.withInstallation(owner, func(i *installation) { i.Suspended = on })
}

func (s *Server) withInstallation(owner string, do func(*installation)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.state.Installations {
		if strings.EqualFold(s.state.accountByID(i.Account).Login, owner) {
			do(i)
			return s.save()
		}
	}
	return fmt.Errorf("%w: the App is not installed in %q", ErrInvalid, owner)
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
	s.labelEvent(p, "labeled", l)
	s.deliverPull(r, p, "labeled", actor, object{"label": s.labelJSON(r, l)})
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
	s.labelEvent(p, "unlabeled", l)
	s.deliverPull(r, p, "unlabeled", actor, object{"label": s.labelJSON(r, l)})
	return true
}

// labelEvent makes what happened last an event of the REST API. The caller holds mu.
func (s *Server) labelEvent(p *pull, kind string, l label) {
	e := &p.Events[len(p.Events)-1]
	e.ID, e.Kind, e.Label = s.state.nextID(), kind, &l
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
