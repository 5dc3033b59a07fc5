package cloudbuild

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/cloudbuild/shell"
)

// cloneURL is where a source is fetched from.
func (s *Server) cloneURL(source *Source) (string, error) {
	url, revision := "", ""
	if git := source.GitSource; git != nil {
		url, revision = git.URL, git.Revision
	} else {
		connected := source.ConnectedRepository
		revision = connected.Revision
		ok := false
		if s.options.Repositories != nil {
			url, ok = s.options.Repositories(connected.Repository)
		}
		if !ok {
			return "", &apiError{404, "NOT_FOUND", fmt.Sprintf("Resource '%s' was not found", connected.Repository)}
		}
	}
	// Both become arguments of git.
	if url == "" || strings.HasPrefix(url, "-") || strings.HasPrefix(revision, "-") {
		return "", invalid("invalid value for 'build.source': url %q, revision %q", url, revision)
	}
	return url, nil
}

// fetch checks the source out into the workspace and notes which commit that is.
func (s *Server) fetch(ctx context.Context, j *job) error {
	source := j.build.Source
	if source == nil {
		return nil
	}
	url, err := s.cloneURL(source)
	if err != nil {
		return err
	}
	var revision, dir string
	if g := source.GitSource; g != nil {
		revision, dir = g.Revision, g.Dir
	} else {
		revision, dir = source.ConnectedRepository.Revision, source.ConnectedRepository.Dir
	}
	if revision == "" {
		revision = "HEAD"
	}
	j.log.line("FETCHSOURCE")
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"fetch", "--quiet", "--depth=1", "--no-tags", url, revision},
		{"-c", "advice.detachedHead=false", "checkout", "--quiet", "FETCH_HEAD"},
	} {
		if err := j.git(ctx, j.log, args...); err != nil {
			return &stepError{step: "FETCHSOURCE", kind: "FETCH_SOURCE_FAILED", reason: err.Error()}
		}
	}
	var out bytes.Buffer
	if err := j.git(ctx, &out, "rev-parse", "HEAD"); err != nil {
		return &stepError{step: "FETCHSOURCE", kind: "FETCH_SOURCE_FAILED", reason: err.Error()}
	}
	sha := strings.TrimSpace(out.String())
	provenance := &SourceProvenance{}
	if g := source.GitSource; g != nil {
		provenance.ResolvedGitSource = &GitSource{URL: g.URL, Dir: dir, Revision: sha}
	} else {
		provenance.ResolvedConnectedRepository = &ConnectedRepository{Repository: source.ConnectedRepository.Repository, Dir: dir, Revision: sha}
	}
	s.change(ctx, j.record, func(b *Build) { b.SourceProvenance = provenance })
	if dir != "" {
		j.cwd = filepath.Join(j.workspace, filepath.Clean("/"+dir))
		if info, err := os.Stat(j.cwd); err != nil || !info.IsDir() {
			return &stepError{step: "FETCHSOURCE", kind: "FETCH_SOURCE_FAILED", reason: fmt.Sprintf("the source has no directory %q", dir)}
		}
	}
	return nil
}

// git runs git in the workspace, without anybody's configuration or credentials.
func (j *job) git(ctx context.Context, stdout io.Writer, args ...string) error {
	spec := shell.Spec{
		Dir:    j.workspace,
		Host:   append(j.host(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_TERMINAL_PROMPT=0"),
		Stdout: stdout, Stderr: j.log,
	}
	status, err := shell.Exec(ctx, spec, append([]string{"git"}, args...))
	if err != nil {
		return err
	}
	if status != 0 {
		return fmt.Errorf("git %s: exit status %d", args[0], status)
	}
	return nil
}
