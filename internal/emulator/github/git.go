package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// gitDir is a bare repository, worked on with git's own command.
type gitDir string

// git is the bare repository of r. Its name is the id, so that nothing of a user's becomes part of a path.
func (s *Server) git(r *repository) gitDir {
	return gitDir(filepath.Join(s.options.Dir, "repositories", strconv.FormatInt(r.ID, 10)+".git"))
}

// command prepares git with an environment that the machine's own configuration has no part in.
func (g gitDir) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", string(g)}, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + string(g), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
	}
	return cmd
}

// run returns git's output; an error holds what git wrote to its error output.
func (g gitDir) run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	cmd := g.command(ctx, args...)
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errOut
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(errOut.Bytes()))
	}
	return out.Bytes(), nil
}

func (g gitDir) line(ctx context.Context, args ...string) (string, error) {
	out, err := g.run(ctx, nil, args...)
	return strings.TrimSpace(string(out)), err
}

// create makes the bare repository; one that is there already is left as it is.
func (g gitDir) create(ctx context.Context, branch string) error {
	if err := os.MkdirAll(string(g), 0o700); err != nil {
		return err
	}
	if _, err := g.run(ctx, nil, "init", "--quiet", "--bare", "--initial-branch="+branch); err != nil {
		return err
	}
	for _, setting := range [][2]string{
		{"uploadpack.allowAnySHA1InWant", "true"}, // a build fetches the very commit that it was started for
		{"uploadpack.allowFilter", "true"},
		{"gc.auto", "0"},
	} {
		if _, err := g.run(ctx, nil, "config", setting[0], setting[1]); err != nil {
			return err
		}
	}
	return nil
}

// refs are all refs with the objects that they name.
func (g gitDir) refs(ctx context.Context) (map[string]string, error) {
	out, err := g.run(ctx, nil, "for-each-ref", "--format=%(objectname) %(refname)")
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		sha, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		refs[name] = sha
	}
	return refs, nil
}

func (g gitDir) setRef(ctx context.Context, name, sha string) error {
	_, err := g.run(ctx, nil, "update-ref", name, sha)
	return err
}

// resolve is the commit that name (a SHA, branch or ref) stands for; errNotFound when there is none.
func (g gitDir) resolve(ctx context.Context, name string) (string, error) {
	if name == "" || strings.HasPrefix(name, "-") || strings.ContainsAny(name, ":^~@{ ") {
		return "", errNotFound
	}
	sha, err := g.line(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", errNotFound
	}
	return sha, err
}

// mergeBase is the best commit that two commits have in common; errNotFound when there is none.
func (g gitDir) mergeBase(ctx context.Context, base, head string) (string, error) {
	sha, err := g.line(ctx, "merge-base", base, head)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		return "", errNotFound
	}
	return sha, err
}

// A commit is one to be made with fast-import.
type commit struct {
	Branch  string // the ref that it is put on, whatever that held
	Parent  string // "" for a root commit
	Author  string
	Message string
	At      time.Time
	Files   map[string]string // path → content; may be written with [Change]
	Modes   map[string]string // path → git mode; "100644" where missing
	Delete  []string
}

// commit makes c and returns its SHA.
func (g gitDir) commit(ctx context.Context, c commit) (string, error) {
	var in bytes.Buffer
	fmt.Fprintf(&in, "commit %s\ncommitter %s <%s@users.noreply.localhost> %d +0000\n", c.Branch, c.Author, c.Author, c.At.Unix())
	writeData(&in, c.Message)
	if c.Parent != "" {
		fmt.Fprintf(&in, "from %s\n", c.Parent)
	}
	for _, path := range c.Delete {
		fmt.Fprintf(&in, "D %s\n", quotePath(path))
	}
	for _, path := range slices.Sorted(maps.Keys(c.Files)) {
		mode := c.Modes[path]
		if mode == "" {
			mode = "100644"
		}
		fmt.Fprintf(&in, "M %s inline %s\n", mode, quotePath(path))
		writeData(&in, c.Files[path])
	}
	in.WriteString("done\n")
	if _, err := g.run(ctx, &in, "fast-import", "--quiet", "--force", "--done"); err != nil {
		return "", err
	}
	return g.line(ctx, "rev-parse", "--verify", c.Branch)
}

func writeData(w *bytes.Buffer, data string) {
	fmt.Fprintf(w, "data %d\n%s\n", len(data), data)
}

// quotePath writes a path as fast-import's C-style string: https://git-scm.com/docs/git-fast-import#_filemodify
func quotePath(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(path) {
		switch c := path[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20 || c >= 0x7f:
			fmt.Fprintf(&b, "\\%03o", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// errMergeConflict says that two commits change the same lines.
var errMergeConflict = errors.New("merge conflict")

// merge makes a merge commit of head into base and returns it; no ref is moved.
func (g gitDir) merge(ctx context.Context, base, head, message, author string) (string, error) {
	tree, err := g.line(ctx, "merge-tree", "--write-tree", "--no-messages", base, head)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		return "", errMergeConflict
	}
	if err != nil {
		return "", err
	}
	cmd := g.command(ctx, "commit-tree", tree, "-p", base, "-p", head, "-m", message)
	mail := author + "@users.noreply.localhost"
	cmd.Env = append(cmd.Env, "GIT_AUTHOR_NAME="+author, "GIT_AUTHOR_EMAIL="+mail,
		"GIT_COMMITTER_NAME="+author, "GIT_COMMITTER_EMAIL="+mail)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git commit-tree: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
