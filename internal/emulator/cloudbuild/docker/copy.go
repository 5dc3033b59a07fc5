package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// copy is COPY.
func (st *stage) copy(ctx context.Context, c *instructions.CopyCommand) error {
	if c.Parents || len(c.ExcludePatterns) > 0 {
		return fmt.Errorf("COPY --parents and --exclude: %w", errUsage)
	}
	t := transfer{to: st.out.root, workdir: st.out.config.WorkingDir, sources: c.SourcePaths, dest: c.DestPath, contents: c.SourceContents}
	if err := t.chmod(c.Chmod); err != nil {
		return err
	}
	from := st.d.request.context
	if c.From == "" {
		t.ignore = st.d.ignore
	} else {
		b, err := st.from(ctx, c.From)
		if err != nil {
			return err
		}
		from = b.root
	}
	return t.run(from)
}

// add is ADD of local files.
func (st *stage) add(_ context.Context, c *instructions.AddCommand) error {
	for _, s := range c.SourcePaths {
		if strings.Contains(s, "://") || strings.HasPrefix(s, "git@") || isArchive(s) {
			return fmt.Errorf("ADD of a URL or an archive: %w", errUsage)
		}
	}
	t := transfer{to: st.out.root, workdir: st.out.config.WorkingDir, sources: c.SourcePaths, dest: c.DestPath, contents: c.SourceContents, ignore: st.d.ignore}
	if err := t.chmod(c.Chmod); err != nil {
		return err
	}
	return t.run(st.d.request.context)
}

func isArchive(name string) bool {
	for _, suffix := range []string{".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

func (st *stage) from(ctx context.Context, name string) (built, error) {
	if i, err := st.d.stage(name, st.index); err == nil {
		return st.d.make(ctx, i)
	}
	b, err := st.d.e.resolve(name)
	if err != nil {
		return built{}, fmt.Errorf("COPY --from=%s: neither a stage nor an image that was built or pushed here: %w", name, errUsage)
	}
	return b, nil
}

// A transfer copies files into a stage. Neither side can be left, not even through symbolic links.
type transfer struct {
	to       string // root
	workdir  string
	sources  []string
	contents []instructions.SourceContent
	dest     string
	mode     fs.FileMode // 0: as it is
	ignore   ignoreFile
}

func (t *transfer) chmod(text string) error {
	if text == "" {
		return nil
	}
	mode, err := strconv.ParseUint(text, 8, 12)
	if err != nil {
		return fmt.Errorf("--chmod=%s: %w", text, errUsage)
	}
	t.mode = fs.FileMode(mode)
	return nil
}

func (t *transfer) run(from string) (err error) {
	source, err := os.OpenRoot(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := os.OpenRoot(t.to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	dest := t.dest
	if !path.IsAbs(dest) {
		dest = path.Join("/", t.workdir, dest)
	}
	names, err := t.expand(source)
	if err != nil {
		return err
	}
	intoDir := strings.HasSuffix(t.dest, "/") || t.dest == "." || strings.HasSuffix(t.dest, "/.") || len(names)+len(t.contents) > 1
	base := strings.TrimPrefix(path.Clean(dest), "/")
	if info, err := target.Stat(orDot(base)); err == nil && info.IsDir() {
		intoDir = true
	}
	for _, content := range t.contents {
		name := base
		if intoDir {
			name = path.Join(base, path.Base(content.Path))
		}
		if err := t.write(target, name, strings.NewReader(content.Data), 0o644); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := t.one(source, target, name, base, intoDir); err != nil {
			return err
		}
	}
	return nil
}

// expand finds what the source patterns name.
func (t *transfer) expand(source *os.Root) ([]string, error) {
	var names []string
	for _, pattern := range t.sources {
		clean := orDot(strings.TrimPrefix(path.Clean("/"+pattern), "/"))
		found := []string{clean}
		if strings.ContainsAny(clean, "*?[") {
			var err error
			if found, err = fs.Glob(source.FS(), clean); err != nil {
				return nil, fmt.Errorf("%s: %w", pattern, err)
			}
		}
		n := 0
		for _, name := range found {
			if _, err := source.Stat(name); err == nil && (name == "." || !t.ignore.matches(name) || t.ignore.mayExcept()) {
				names = append(names, name)
				n++
			}
		}
		if n == 0 {
			return nil, fmt.Errorf("%q: not found", pattern)
		}
	}
	return names, nil
}

// one copies a file, or a directory's content, as COPY does.
func (t *transfer) one(source, target *os.Root, name, base string, intoDir bool) error {
	info, err := source.Stat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		to := base
		if intoDir {
			to = path.Join(base, path.Base(name))
		}
		return t.file(source, target, name, to)
	}
	return fs.WalkDir(source.FS(), name, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(name, p)
		if err != nil {
			return err
		}
		to := path.Join(base, filepath.ToSlash(rel))
		if p != "." && t.ignore.matches(p) {
			if d.IsDir() && !t.ignore.mayExcept() {
				return fs.SkipDir
			}
			if !d.IsDir() {
				return nil
			}
		}
		switch {
		case d.IsDir():
			return target.MkdirAll(orDot(to), 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			return link(source, target, p, to)
		case d.Type().IsRegular():
			return t.file(source, target, p, to)
		}
		return nil
	})
}

func link(source, target *os.Root, from, to string) error {
	text, err := source.Readlink(from)
	if err != nil {
		return err
	}
	if err := target.MkdirAll(orDot(path.Dir(to)), 0o755); err != nil {
		return err
	}
	_ = target.Remove(to)
	return target.Symlink(text, to)
}

func (t *transfer) file(source, target *os.Root, from, to string) (err error) {
	in, err := source.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	return t.write(target, to, in, info.Mode().Perm())
}

func (t *transfer) write(target *os.Root, to string, r io.Reader, mode fs.FileMode) error {
	if t.mode != 0 {
		mode = t.mode
	}
	if err := target.MkdirAll(orDot(path.Dir(to)), 0o755); err != nil {
		return err
	}
	_ = target.Remove(to)
	out, err := target.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode|0o200)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, r)
	return errors.Join(err, out.Close())
}

func orDot(name string) string {
	if name == "" {
		return "."
	}
	return name
}

// copyRoot copies a whole root into an empty one.
func copyRoot(from, to string) error {
	t := transfer{to: to, sources: []string{"/"}, dest: "/"}
	return t.run(from)
}

// hashContext feeds all files of the context to h.
func (d *dockerfile) hashContext(h hash.Hash) (err error) {
	root, err := os.OpenRoot(d.request.context)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return fs.WalkDir(root.FS(), ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && p == ".git" {
			return fs.SkipDir
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		f, err := root.Open(p)
		if err != nil {
			return err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		_, _ = fmt.Fprintf(h, "%q %s", p, hex.EncodeToString(sum.Sum(nil)))
		return errors.Join(err, f.Close())
	})
}
