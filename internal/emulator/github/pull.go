package github

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Change is what one commit does to a tree.
type Change struct {
	Files   map[string]string `json:"files,omitempty"` // path → new content
	Modes   map[string]string `json:"modes,omitempty"` // path → git mode (100755, 120000 for a symbolic link); else 100644
	Delete  []string          `json:"delete,omitempty"`
	Message string            `json:"message,omitempty"`
}

func (c Change) on(branch, parent, author string, at time.Time) commit {
	message := c.Message
	if message == "" {
		message = "Change files"
	}
	return commit{
		Branch: branch, Parent: parent, Author: author, Message: strings.TrimSpace(message) + "\n", At: at,
		Files: c.Files, Modes: c.Modes, Delete: c.Delete,
	}
}

// NewPull is a pull request to be opened.
type NewPull struct {
	Repository string   `json:"repository"` // owner/name
	Title      string   `json:"title"`
	Body       string   `json:"body,omitempty"`
	Author     string   `json:"author,omitempty"`      // "octocat" when empty; a login ending in [bot] is a bot
	HeadBranch string   `json:"head_branch,omitempty"` // chosen when empty
	BaseBranch string   `json:"base_branch,omitempty"` // the default branch when empty
	Draft      bool     `json:"draft,omitempty"`
	Fork       bool     `json:"fork,omitempty"` // from the author's fork, made on first use
	Labels     []string `json:"labels,omitempty"`
	Change
}

// Pull is a pull request as the Go methods show it.
type Pull struct {
	Repository string   `json:"repository"`
	Number     int      `json:"number"`
	URL        string   `json:"url"` // of its page
	State      string   `json:"state"`
	Merged     bool     `json:"merged"`
	Draft      bool     `json:"draft"`
	Title      string   `json:"title"`
	Labels     []string `json:"labels"`
	HeadRef    string   `json:"head_ref"`
	HeadSHA    string   `json:"head_sha"`
	BaseRef    string   `json:"base_ref"`
	BaseSHA    string   `json:"base_sha"`
	MergeSHA   string   `json:"merge_sha,omitempty"`
}

func pullRef(number int) string { return "refs/pull/" + strconv.Itoa(number) + "/head" }

// OpenPull commits n's change to a new branch of the repository, or of the author's fork, and opens a pull request
// with it. Deliveries: opened, and labeled for each label.
func (s *Server) OpenPull(ctx context.Context, n NewPull) (Pull, error) {
	s.gitMu.Lock()
	defer s.gitMu.Unlock()
	r, err := s.find(n.Repository)
	if err != nil {
		return Pull{}, err
	}
	if n.Author == "" {
		n.Author = "octocat"
	}
	if n.BaseBranch == "" {
		n.BaseBranch = r.DefaultBranch
	}
	git := s.git(r)
	base, err := git.resolve(ctx, "refs/heads/"+n.BaseBranch)
	if err != nil {
		return Pull{}, fmt.Errorf("%w: base branch %q", ErrInvalid, n.BaseBranch)
	}
	s.mu.Lock()
	number := r.LastNumber + 1
	s.mu.Unlock()
	if n.HeadBranch == "" {
		n.HeadBranch = "patch-" + strconv.Itoa(number)
	}
	head := r
	if n.Fork {
		if head, err = s.fork(ctx, r, n.Author); err != nil {
			return Pull{}, err
		}
	}
	p, err := s.newPull(ctx, r, head, n, base)
	if err != nil {
		return Pull{}, err
	}
	p.Number = number
	if err := git.setRef(ctx, pullRef(number), p.HeadSHA); err != nil {
		return Pull{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.LastNumber = number
	p.ID = s.state.nextID()
	r.Pulls = append(r.Pulls, p)
	s.happened(p, p.Author, "opened this pull request")
	s.deliverPull(r, p, "opened", p.Author, nil)
	for _, name := range n.Labels {
		s.addLabel(r, p, name, p.Author)
	}
	return s.showPull(r, p), s.save()
}

// newPull makes the branch and its commit in head, brings it over to r, and describes the pull request.
func (s *Server) newPull(ctx context.Context, r, head *repository, n NewPull, base string) (*pull, error) {
	source := s.git(head)
	branch := "refs/heads/" + n.HeadBranch
	if _, err := source.run(ctx, nil, "check-ref-format", branch); err != nil {
		return nil, fmt.Errorf("%w: branch name %q", ErrInvalid, n.HeadBranch)
	}
	if _, err := source.resolve(ctx, branch); err == nil {
		return nil, fmt.Errorf("%w: the branch %q exists already", ErrInvalid, n.HeadBranch)
	}
	sha, err := source.commit(ctx, n.on(branch, base, n.Author, s.now()))
	if err != nil {
		return nil, fmt.Errorf("committing to %s: %w", n.HeadBranch, err)
	}
	if err := s.bring(ctx, head, r, n.HeadBranch); err != nil {
		return nil, err
	}
	files, err := s.diffs.get(ctx, s.git(r), base, sha)
	if err != nil {
		return nil, err
	}
	title := n.Title
	if title == "" {
		title = "Change " + strconv.Itoa(len(files)) + " files"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().UTC()
	p := &pull{
		State: "open", Title: title, Body: n.Body, Author: s.state.account(n.Author, kindOf(n.Author)).ID, Draft: n.Draft,
		HeadRepository: head.ID, HeadOwner: head.OwnerLogin, HeadRef: n.HeadBranch, HeadSHA: sha,
		BaseRef: n.BaseBranch, BaseSHA: base, CreatedAt: now, UpdatedAt: now, Size: sizeOf(files),
	}
	p.Size.Commits = 1
	return p, nil
}

// bring copies the objects of a fork's branch into the repository that it is to be merged into.
func (s *Server) bring(ctx context.Context, from, to *repository, branch string) error {
	if from == to {
		return nil
	}
	_, err := s.git(to).run(ctx, nil, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head",
		string(s.git(from)), "refs/heads/"+branch)
	return err
}

// fork is owner's fork of r, made on first use. The App is not installed on it.
func (s *Server) fork(ctx context.Context, r *repository, owner string) (*repository, error) {
	s.mu.Lock()
	if f := s.state.repository(owner, r.Name); f != nil {
		s.mu.Unlock()
		if f.Parent != r.ID {
			return nil, fmt.Errorf("%w: %s is no fork of %s", ErrInvalid, f.fullName(), r.fullName())
		}
		_, err := s.git(f).run(ctx, nil, "fetch", "--quiet", string(s.git(r)), "+refs/heads/"+r.DefaultBranch+":refs/heads/"+r.DefaultBranch)
		return f, err
	}
	f := &repository{
		ID: s.state.nextID(), Owner: s.state.account(owner, "User").ID, OwnerLogin: owner, Name: r.Name,
		DefaultBranch: r.DefaultBranch, Parent: r.ID, CreatedAt: s.now().UTC(), PushedAt: s.now().UTC(),
	}
	s.mu.Unlock()
	git := s.git(f)
	if err := git.create(ctx, f.DefaultBranch); err != nil {
		return nil, err
	}
	if _, err := git.run(ctx, nil, "fetch", "--quiet", string(s.git(r)), "refs/heads/*:refs/heads/*"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Repositories = append(s.state.Repositories, f)
	return f, s.save()
}

// Push commits a change to the branch of an open pull request. Delivery: synchronize.
func (s *Server) Push(ctx context.Context, repo string, number int, c Change) (Pull, error) {
	return s.move(ctx, repo, number, func(git gitDir, p *pull, author string) (string, error) {
		return git.commit(ctx, c.on("refs/heads/"+p.HeadRef, p.HeadSHA, author, s.now()))
	})
}

// ForcePush moves the branch of an open pull request to a commit that its repository has. Delivery: synchronize.
func (s *Server) ForcePush(ctx context.Context, repo string, number int, sha string) (Pull, error) {
	return s.move(ctx, repo, number, func(git gitDir, p *pull, _ string) (string, error) {
		commit, err := git.resolve(ctx, sha)
		if err != nil {
			return "", fmt.Errorf("%w: no commit %q", ErrInvalid, sha)
		}
		return commit, git.setRef(ctx, "refs/heads/"+p.HeadRef, commit)
	})
}

// move changes the head of an open pull request to what to returns.
func (s *Server) move(ctx context.Context, repo string, number int, to func(gitDir, *pull, string) (string, error)) (Pull, error) {
	s.gitMu.Lock()
	defer s.gitMu.Unlock()
	r, err := s.find(repo)
	if err != nil {
		return Pull{}, err
	}
	s.mu.Lock()
	p, err := r.openPull(number)
	if err != nil {
		s.mu.Unlock()
		return Pull{}, err
	}
	head, author, before := s.state.repositoryByID(p.HeadRepository), s.state.accountByID(p.Author).Login, p.HeadSHA
	s.mu.Unlock()
	if head == nil {
		return Pull{}, fmt.Errorf("%w: the fork of pull request %d is gone", ErrInvalid, number)
	}
	sha, err := to(s.git(head), p, author)
	if err != nil {
		return Pull{}, fmt.Errorf("pushing to pull request %d: %w", number, err)
	}
	if err := s.bring(ctx, head, r, p.HeadRef); err != nil {
		return Pull{}, err
	}
	if err := s.git(r).setRef(ctx, pullRef(number), sha); err != nil {
		return Pull{}, err
	}
	base, size, err := s.measure(ctx, r, p, sha)
	if err != nil {
		return Pull{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.HeadSHA, p.BaseSHA, p.Size = sha, base, size
	r.PushedAt = s.now().UTC()
	s.happened(p, p.Author, "pushed "+sha[:7])
	s.deliverPull(r, p, "synchronize", p.Author, object{"before": before, "after": sha})
	return s.showPull(r, p), s.save()
}

// measure reads the base branch's head and how large the pull request is now. The caller holds gitMu.
func (s *Server) measure(ctx context.Context, r *repository, p *pull, head string) (base string, size diffSize, err error) {
	git := s.git(r)
	if base, err = git.resolve(ctx, "refs/heads/"+p.BaseRef); err != nil {
		return "", diffSize{}, fmt.Errorf("base branch %q: %w", p.BaseRef, err)
	}
	files, err := s.diffs.get(ctx, git, base, head)
	if err != nil {
		return "", diffSize{}, err
	}
	count, err := git.line(ctx, "rev-list", "--count", base+".."+head)
	if err != nil {
		return "", diffSize{}, err
	}
	size = sizeOf(files)
	size.Commits, err = strconv.Atoi(count)
	return base, size, err
}

func (r *repository) openPull(number int) (*pull, error) {
	p := r.pull(number)
	switch {
	case p == nil:
		return nil, fmt.Errorf("%w: no pull request %d in %s", ErrInvalid, number, r.fullName())
	case p.State != "open":
		return nil, fmt.Errorf("%w: pull request %d is closed", ErrInvalid, number)
	}
	return p, nil
}

// happened adds a line to the timeline; the caller holds mu.
func (s *Server) happened(p *pull, actor int64, text string) {
	p.UpdatedAt = s.now().UTC()
	p.Events = append(p.Events, event{At: p.UpdatedAt, Actor: actor, Text: text})
}

// showPull copies p for callers; the caller holds mu.
func (s *Server) showPull(r *repository, p *pull) Pull {
	out := Pull{
		Repository: r.fullName(), Number: p.Number, State: p.State, Merged: !p.MergedAt.IsZero(), Draft: p.Draft,
		URL: s.options.URL + "/" + r.fullName() + "/pull/" + strconv.Itoa(p.Number), Title: p.Title,
		HeadRef: p.HeadRef, HeadSHA: p.HeadSHA, BaseRef: p.BaseRef, BaseSHA: p.BaseSHA, MergeSHA: p.MergeSHA,
	}
	for _, l := range p.Labels {
		out.Labels = append(out.Labels, l.Name)
	}
	return out
}
