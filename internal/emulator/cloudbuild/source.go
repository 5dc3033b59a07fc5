package cloudbuild

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/cloudbuild/shell"
	"github.com/gangway-dev/gangway/internal/emulator/googleapi"
)

// count is how many of the fields are set.
func (source *Source) count() (n int) {
	for _, set := range []bool{source.GitSource != nil, source.ConnectedRepository != nil, source.StorageSource != nil} {
		if set {
			n++
		}
	}
	return n
}

// checkSource checks what a build is made from as far as Cloud Build does before it runs.
func (s *Server) checkSource(source *Source) error {
	if o := source.StorageSource; o != nil {
		if o.Bucket == "" || o.Object == "" {
			return googleapi.Invalid("invalid value for 'build.source.storage_source': bucket and object must be specified")
		}
		if !strings.HasSuffix(o.Object, ".tar.gz") && !strings.HasSuffix(o.Object, ".tgz") {
			return googleapi.Invalid("invalid value for 'build.source.storage_source': only .tar.gz and .tgz are supported here, not %q", o.Object)
		}
		return nil
	}
	_, _, err := s.cloneURL(source)
	return err
}

// cloneURL is where a repository is fetched from, and which revision of it.
func (s *Server) cloneURL(source *Source) (url, revision string, err error) {
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
			return "", "", googleapi.NewError(404, "NOT_FOUND", fmt.Sprintf("Resource '%s' was not found", connected.Repository))
		}
	}
	// Both become arguments of git.
	if url == "" || strings.HasPrefix(url, "-") || strings.HasPrefix(revision, "-") {
		return "", "", googleapi.Invalid("invalid value for 'build.source': url %q, revision %q", url, revision)
	}
	return url, revision, nil
}

// fetch puts the source into the workspace and notes what that is.
func (s *Server) fetch(ctx context.Context, j *job) error {
	source := j.build.Source
	if source == nil {
		return nil
	}
	j.log.line("FETCHSOURCE")
	provenance, dir := &SourceProvenance{}, ""
	var err error
	switch {
	case source.StorageSource != nil:
		provenance.ResolvedStorageSource = source.StorageSource
		err = s.unpack(ctx, j, *source.StorageSource)
	case source.GitSource != nil:
		resolved := *source.GitSource
		resolved.Revision, err = s.checkOut(ctx, j)
		provenance.ResolvedGitSource, dir = &resolved, resolved.Dir
	default:
		resolved := *source.ConnectedRepository
		resolved.Revision, err = s.checkOut(ctx, j)
		provenance.ResolvedConnectedRepository, dir = &resolved, resolved.Dir
	}
	if err == nil && dir != "" {
		j.cwd = filepath.Join(j.workspace, filepath.Clean("/"+dir))
		if info, statErr := os.Stat(j.cwd); statErr != nil || !info.IsDir() {
			err = fmt.Errorf("the source has no directory %q", dir)
		}
	}
	if err != nil {
		j.log.line("ERROR: " + err.Error())
		return &stepError{step: "FETCHSOURCE", kind: "FETCH_SOURCE_FAILED", reason: err.Error()}
	}
	s.change(ctx, j.record, func(b *Build) { b.SourceProvenance = provenance })
	return nil
}

// checkOut checks a repository out and returns the commit.
func (s *Server) checkOut(ctx context.Context, j *job) (sha string, err error) {
	url, revision, err := s.cloneURL(j.build.Source)
	if err != nil {
		return "", err
	}
	told := j.log.step(mainStep)
	defer told.flush()
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"fetch", "--quiet", "--depth=1", "--no-tags", url, cmp.Or(revision, "HEAD")},
		{"-c", "advice.detachedHead=false", "checkout", "--quiet", "FETCH_HEAD"},
	} {
		if err := j.git(ctx, told, told, args...); err != nil {
			return "", err
		}
	}
	var out bytes.Buffer
	if err := j.git(ctx, &out, told, "rev-parse", "HEAD"); err != nil {
		return "", err
	}
	return strings.TrimSpace(out.String()), nil
}

// git runs git in the workspace, without anybody's configuration or credentials.
func (j *job) git(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
	spec := shell.Spec{
		Dir:    j.workspace,
		Host:   append(j.host(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_TERMINAL_PROMPT=0"),
		Stdout: stdout, Stderr: stderr,
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
