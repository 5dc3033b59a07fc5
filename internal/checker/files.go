package checker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// maxFile bounds what is read of one file; a secret beyond it is not found.
const maxFile = 64 << 20

// readFiles reads the stacks, looks for secrets in all files, and for processes of Terraform.
func (r *reader) readFiles(ctx context.Context, f *facts) error {
	if r.w.Stacks != "" {
		if err := r.readStacks(f); err != nil {
			return err
		}
		f.terraforms = terraforms(r.w.Stacks)
	}
	for _, root := range append([]string{r.w.Stacks}, r.w.Files...) {
		if root == "" {
			continue
		}
		if err := walk(root, func(path string, content []byte) {
			if what := secretIn(content, r.w.Secrets); what != "" {
				f.texts[path] = what
			}
		}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// walk reads all files below root. What vanishes meanwhile is no error, and neither is a root that doesn't exist.
func walk(root string, look func(path string, content []byte)) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".terraform" || entry.Name() == ".git") {
			return fs.SkipDir // providers, not ours to judge
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		if info, err := entry.Info(); err != nil || info.Size() > maxFile {
			return nil //nolint:nilerr // vanished
		}
		content, err := os.ReadFile(path) //nolint:gosec // looked at only, by a test
		if err == nil {
			look(path, content)
		}
		return nil
	})
}

// forms are what secrets of GitHub and Google look like: tokens of the App and its users, private keys, access tokens,
// signed JSON web tokens.
var forms = regexp.MustCompile(`gh[opsur]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|-----BEGIN [A-Z ]*PRIVATE KEY-----|` +
	`ya29\.[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}`)

// secretIn says what kind of secret a text holds, or "". It never returns the secret.
func secretIn(text []byte, secrets []string) string {
	for n, s := range secrets {
		if s != "" && bytes.Contains(text, []byte(s)) {
			return fmt.Sprintf("known secret %d", n+1)
		}
	}
	if m := forms.Find(text); m != nil {
		return "something like " + string(m[:4]) + "…"
	}
	return ""
}

// stackName is the last part of a stack's folder: the repository's id and the pull request's number.
var stackName = regexp.MustCompile(`^([0-9]+)-([0-9]+)$`)

func (r *reader) readStacks(f *facts) error {
	byFolder := map[string]*stack{}
	err := walk(r.w.Stacks, func(path string, content []byte) {
		relative, err := filepath.Rel(r.w.Stacks, path)
		if err != nil {
			return
		}
		s := stackOf(byFolder, filepath.ToSlash(relative))
		if s == nil {
			return
		}
		switch name := filepath.Base(path); {
		case name == "terraform.tfstate":
			s.resources += managed(content)
		case strings.HasSuffix(name, ".lock.info"):
			s.locked = true
		case strings.HasSuffix(name, ".tf"), strings.HasSuffix(name, ".tf.json"), strings.HasSuffix(name, ".tfvars"),
			strings.HasSuffix(name, ".tfvars.json"):
			s.sources[relative] = string(content)
		}
	})
	for _, s := range byFolder {
		f.stacks = append(f.stacks, *s)
	}
	return err
}

// stackOf is the stack that a file belongs to; nil for files that belong to none.
func stackOf(all map[string]*stack, file string) *stack {
	parts := strings.Split(file, "/")
	for n, part := range parts[:len(parts)-1] {
		m := stackName.FindStringSubmatch(part)
		if m == nil {
			continue
		}
		folder := strings.Join(parts[:n+1], "/")
		if all[folder] == nil {
			all[folder] = &stack{folder: folder, repository: m[1], number: m[2], sources: map[string]string{}}
		}
		return all[folder]
	}
	return nil
}

// managed counts the resources that Terraform's state holds.
func managed(state []byte) int {
	var s struct {
		Resources []struct {
			Mode      string            `json:"mode"`
			Instances []json.RawMessage `json:"instances"`
		} `json:"resources"`
	}
	if json.Unmarshal(state, &s) != nil {
		return 0
	}
	n := 0
	for _, r := range s.Resources {
		if r.Mode == "managed" {
			n += len(r.Instances)
		}
	}
	return n
}

// terraforms are the working directories, below root, of all terraform processes. It needs /proc; elsewhere there are
// none.
func terraforms(root string) []string {
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return nil
	}
	var directories []string
	for _, name := range names {
		comm, err := os.ReadFile(name)
		if err != nil || strings.TrimSpace(string(comm)) != "terraform" {
			continue
		}
		directory, err := os.Readlink(filepath.Join(filepath.Dir(name), "cwd"))
		if err != nil {
			continue
		}
		if relative, err := filepath.Rel(root, directory); err == nil && filepath.IsLocal(relative) {
			directories = append(directories, relative)
		}
	}
	return directories
}
