package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gangway-dev/gangway/internal/openapi"
)

// git reads what is in the git repository that a folder is in.
type git struct {
	folder string
	top    string // the repository's own folder
}

func openGit(ctx context.Context, folder string) (git, error) {
	g := git{folder: folder}
	top, err := g.run(ctx, "rev-parse", "--show-toplevel")
	g.top = filepath.FromSlash(oneLine(top))
	return g, err
}

// run runs git. What it takes from the caller are commits' SHAs, or a ref behind --end-of-options.
func (g git) run(ctx context.Context, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "git", append([]string{"-C", g.folder}, args...)...) //nolint:gosec // the program is fixed
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	if err := c.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, errors.New("git is not installed, or not on PATH")
		}
		if said := oneLine(errOut.Bytes()); said != "" {
			return nil, fmt.Errorf("git says: %s", said)
		}
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out.Bytes(), nil
}

// commit is the SHA that a ref means.
func (g git) commit(ctx context.Context, ref string) (string, error) {
	out, err := g.run(ctx, "rev-parse", "--verify", "--end-of-options", ref+"^{commit}")
	return oneLine(out), err
}

// mergeBase is where HEAD and a commit part.
func (g git) mergeBase(ctx context.Context, commit string) (string, error) {
	out, err := g.run(ctx, "merge-base", commit, "HEAD")
	if err != nil {
		return "", fmt.Errorf("no commit that HEAD has in common with it is known; in a shallow clone, fetch more of the history: %w", err)
	}
	return oneLine(out), nil
}

// files are the files of a commit, and a file's path among them.
func (g git) files(ctx context.Context, file, commit string) (openapi.Files, string, error) {
	path, err := absolute(file)
	if err != nil {
		return nil, "", err
	}
	name, err := filepath.Rel(g.top, path)
	if err != nil || name == ".." || strings.HasPrefix(name, ".."+string(filepath.Separator)) {
		return nil, "", fmt.Errorf("%s is not in the git repository of %s", file, g.folder)
	}
	read := func(path string) ([]byte, error) { return g.read(ctx, commit, path) }
	return openapi.FilesFunc(read), filepath.ToSlash(name), nil
}

// read reads a regular file at a commit.
func (g git) read(ctx context.Context, commit, path string) ([]byte, error) {
	out, err := g.run(ctx, "ls-tree", "-z", "--full-tree", commit, "--", ":(literal)"+path)
	if err != nil {
		return nil, err
	}
	entries := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	mode, rest, ok := strings.Cut(entries[0], " ")
	kind, rest, _ := strings.Cut(rest, " ")
	sha, name, _ := strings.Cut(rest, "\t")
	switch {
	case !ok:
		return nil, fs.ErrNotExist
	case kind != "blob" || mode == "120000" || len(entries) > 1 || name != path:
		return nil, fmt.Errorf("%w: %s is a link or a folder", openapi.ErrNotRegular, path)
	}
	return g.run(ctx, "cat-file", "blob", sha)
}
