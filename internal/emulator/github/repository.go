package github

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// ErrInvalid is wrapped by the errors of Go methods whose arguments don't fit the state: an unknown repository, a
// second pull request of one branch, a push to a closed pull request.
var ErrInvalid = errors.New("invalid")

var nameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Repository is a repository as the Go methods show it.
type Repository struct {
	ID            int64  `json:"id"`
	FullName      string `json:"full_name"`
	DefaultBranch string `json:"default_branch"`
	HeadSHA       string `json:"head_sha"` // of the default branch
	Installation  int64  `json:"installation_id"`
	CloneURL      string `json:"clone_url"`
	URL           string `json:"url"` // of its page
}

// CreateRepository makes the repository fullName (owner/name) with one commit on the branch main that holds tree, and
// installs the App on it. If it exists already, that is returned and tree is not looked at.
func (s *Server) CreateRepository(ctx context.Context, fullName string, tree fs.FS) (Repository, error) {
	return s.createRepository(ctx, fullName, func() (files, modes map[string]string, err error) { return readTree(tree) })
}

func (s *Server) createRepository(
	ctx context.Context, fullName string, read func() (files, modes map[string]string, err error),
) (Repository, error) {
	owner, name, err := splitName(fullName)
	if err != nil {
		return Repository{}, err
	}
	s.gitMu.Lock()
	defer s.gitMu.Unlock()
	s.mu.Lock()
	existing := s.state.repository(owner, name)
	s.mu.Unlock()
	if existing != nil {
		return s.describe(ctx, existing)
	}
	files, modes, err := read()
	if err != nil {
		return Repository{}, fmt.Errorf("reading the repository's first files: %w", err)
	}
	s.mu.Lock()
	r := &repository{
		ID: s.state.nextID(), Owner: s.state.account(owner, "Organization").ID, OwnerLogin: owner, Name: name,
		DefaultBranch: "main", CreatedAt: s.now().UTC(), PushedAt: s.now().UTC(),
	}
	s.mu.Unlock()
	git := s.git(r)
	if err := git.create(ctx, r.DefaultBranch); err != nil {
		return Repository{}, fmt.Errorf("making repository %s: %w", fullName, err)
	}
	first := commit{
		Branch: "refs/heads/" + r.DefaultBranch, Author: owner, Message: "Begin\n", At: s.now(),
		Files: files, Modes: modes,
	}
	if _, err := git.commit(ctx, first); err != nil {
		return Repository{}, fmt.Errorf("making the first commit of %s: %w", fullName, err)
	}
	s.mu.Lock()
	s.state.Repositories = append(s.state.Repositories, r)
	if s.state.installationOf(r) == nil {
		s.state.Installations = append(s.state.Installations,
			&installation{ID: s.state.nextID(), Account: r.Owner, CreatedAt: s.now().UTC()})
	}
	err = s.save()
	s.mu.Unlock()
	if err != nil {
		return Repository{}, err
	}
	return s.describe(ctx, r)
}

// Commit puts a commit on a branch ("" is the default branch) of a repository, as a push by author does. It returns
// the new head. Pull requests that want to be merged into the branch stay as they are.
func (s *Server) Commit(ctx context.Context, fullName, branch, author string, c Change) (string, error) {
	s.gitMu.Lock()
	defer s.gitMu.Unlock()
	r, err := s.find(fullName)
	if err != nil {
		return "", err
	}
	if branch == "" {
		branch = r.DefaultBranch
	}
	git := s.git(r)
	parent, err := git.resolve(ctx, "refs/heads/"+branch)
	if err != nil {
		return "", fmt.Errorf("branch %q: %w", branch, err)
	}
	sha, err := git.commit(ctx, c.on("refs/heads/"+branch, parent, author, s.now()))
	if err != nil {
		return "", fmt.Errorf("committing to %s: %w", fullName, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.PushedAt = s.now().UTC()
	return sha, s.save()
}

// find is the repository of that name, or of that former name; the error wraps ErrInvalid.
func (s *Server) find(fullName string) (*repository, error) {
	owner, name, err := splitName(fullName)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.state.repository(owner, name); r != nil {
		return r, nil
	}
	if r := s.state.moved(owner, name); r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("%w: no repository %s", ErrInvalid, fullName)
}

func (s *Server) describe(ctx context.Context, r *repository) (Repository, error) {
	head, err := s.git(r).resolve(ctx, "refs/heads/"+r.DefaultBranch)
	if err != nil {
		return Repository{}, fmt.Errorf("head of %s: %w", r.fullName(), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Repository{
		ID: r.ID, FullName: r.fullName(), DefaultBranch: r.DefaultBranch, HeadSHA: head,
		CloneURL: s.options.URL + "/" + r.fullName() + ".git", URL: s.options.URL + "/" + r.fullName(),
	}
	if i := s.state.installationOf(r); i != nil {
		out.Installation = i.ID
	}
	return out, nil
}

func splitName(fullName string) (owner, name string, err error) {
	owner, name, _ = strings.Cut(fullName, "/")
	if !nameRule.MatchString(owner) || !nameRule.MatchString(name) || strings.HasSuffix(name, ".git") {
		return "", "", fmt.Errorf("%w: %q is not owner/name", ErrInvalid, fullName)
	}
	return owner, name, nil
}

// readTree reads all regular files of tree with their git modes. Symbolic links are left out: what they point at may
// be outside.
func readTree(tree fs.FS) (files, modes map[string]string, err error) {
	files, modes = map[string]string{}, map[string]string{}
	err = fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		files[path] = string(content)
		if info.Mode()&0o111 != 0 {
			modes[path] = "100755"
		}
		return nil
	})
	return files, modes, err
}
