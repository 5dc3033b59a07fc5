package cloudbuild

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// limits bound an archive.
type limits struct {
	packed, unpacked int64 // bytes
	entries          int
}

var archiveLimits = limits{packed: 512 << 20, unpacked: 2 << 30, entries: 200_000}

// errTooLarge is what ends the reading of an archive beyond its limits.
var errTooLarge = errors.New("larger than is allowed")

// repack copies an archive of a commit, as GitHub and git archive make it, into one that has the files at its root, as
// Cloud Build unpacks it. What could do harm where it is unpacked is refused: paths and symbolic links that lead out, git's
// own folder, files below a link or a file, anything that is no file, folder or link. The result depends on the commit
// only.
func repack(dst io.Writer, src io.Reader, sha string, most limits) error {
	err := repackAll(dst, src, sha, most)
	if errors.Is(err, errTooLarge) {
		return &preview.UserError{
			Summary: "The repository's files are too large to be built from an archive",
			Detail: fmt.Sprintf("At most %d MB packed, %d MB unpacked and %d files are allowed.",
				most.packed>>20, most.unpacked>>20, most.entries),
			Hint: "Ask your operator to connect the repository to Cloud Build.",
		}
	}
	return err
}

func repackAll(dst io.Writer, src io.Reader, sha string, most limits) error {
	unzipped, err := gzip.NewReader(&atMost{src, most.packed})
	if err != nil {
		return fmt.Errorf("reading the archive of a commit: %w", err)
	}
	in := tar.NewReader(&atMost{unzipped, most.unpacked})
	zipped, err := gzip.NewWriterLevel(dst, gzip.BestSpeed)
	if err != nil {
		return err
	}
	p := &packer{in: in, out: tar.NewWriter(zipped), sha: sha, kinds: map[string]byte{}, most: most}
	for err == nil {
		err = p.next()
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	// The checksum is behind the end.
	if _, err := io.Copy(io.Discard, &atMost{unzipped, most.unpacked}); err != nil {
		return fmt.Errorf("reading the archive of a commit: %w", err)
	}
	return errors.Join(p.out.Close(), zipped.Close())
}

// A packer copies entries.
type packer struct {
	in    *tar.Reader
	out   *tar.Writer
	sha   string
	root  string          // folder that all is in
	kinds map[string]byte // of all paths so far, folders that were only passed through included
	bytes int64           // of all files so far: a file with holes is longer than what is read of it
	most  limits
}

// next copies one entry; [io.EOF] after the last.
func (p *packer) next() error {
	h, err := p.in.Next()
	if errors.Is(err, io.EOF) {
		return err
	}
	if err != nil {
		return fmt.Errorf("reading the archive of a commit: %w", err)
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		// https://git-scm.com/docs/git-get-tar-commit-id
		if id, ok := h.PAXRecords["comment"]; ok && id != p.sha {
			return fmt.Errorf("the archive of commit %s says that it is of another one", p.sha)
		}
		return nil
	}
	name, err := p.name(h)
	if err != nil || name == "" {
		return err
	}
	if err := p.claim(name, h); err != nil {
		return err
	}
	return p.copy(name, h)
}

// name is an entry's path without the folder that all is in; "" for that folder itself.
func (p *packer) name(h *tar.Header) (string, error) {
	root, name, found := strings.Cut(strings.TrimSuffix(h.Name, "/"), "/")
	if p.root == "" {
		p.root = root
	}
	switch {
	case root != p.root || root == "" || root == "." || root == "..":
		return "", fmt.Errorf("the archive of a commit has %q beside the folder %q", h.Name, p.root)
	case !found && h.Typeflag != tar.TypeDir:
		return "", fmt.Errorf("the archive of a commit has %q beside its folder", h.Name)
	case !found:
		return "", nil
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.EqualFold(segment, ".git") {
			return "", unsafe("A path of the repository can't be unpacked", name)
		}
	}
	return name, nil
}

// claim notes that name is there, and refuses it when it or a folder above is there as something else.
func (p *packer) claim(name string, h *tar.Header) error {
	if p.kinds[name] != 0 && (p.kinds[name] != tar.TypeDir || h.Typeflag != tar.TypeDir) {
		return unsafe("A path is in the repository twice", name)
	}
	for above := path.Dir(name); above != "."; above = path.Dir(above) {
		switch p.kinds[above] {
		case 0:
			p.kinds[above] = tar.TypeDir
		case tar.TypeDir:
		default:
			return unsafe("A path of the repository leads through something that is no folder", name)
		}
	}
	p.kinds[name] = h.Typeflag
	if len(p.kinds) > p.most.entries {
		return errTooLarge
	}
	return nil
}

// copy writes an entry with nothing but what a commit says of it.
func (p *packer) copy(name string, h *tar.Header) error {
	out := &tar.Header{Name: name, Typeflag: h.Typeflag, Mode: 0o644, ModTime: h.ModTime}
	switch h.Typeflag {
	case tar.TypeDir:
		out.Name, out.Mode = name+"/", 0o755
	case tar.TypeReg:
		out.Size = h.Size
		if p.bytes += h.Size; p.bytes > p.most.unpacked {
			return errTooLarge
		}
		if h.Mode&0o111 != 0 {
			out.Mode = 0o755
		}
	case tar.TypeSymlink:
		out.Linkname, out.Mode = h.Linkname, 0o777
		to := path.Join(path.Dir(name), h.Linkname) //nolint:gosec // only looked at
		if path.IsAbs(h.Linkname) || to == ".." || strings.HasPrefix(to, "../") {
			return unsafe("A symbolic link leads out of the repository", name)
		}
	default:
		return unsafe("The repository holds something that is no file, folder or symbolic link", name)
	}
	if err := p.out.WriteHeader(out); err != nil {
		return fmt.Errorf("writing the archive of a commit: %w", err)
	}
	if _, err := io.Copy(p.out, p.in); err != nil { //nolint:gosec // bounded by what it is read from
		return fmt.Errorf("copying %q of a commit: %w", name, err)
	}
	return nil
}

// unsafe is the refusal of a path, which is the author's text.
func unsafe(summary, name string) error {
	return &preview.UserError{
		Summary: summary, Detail: name,
		Hint: "Remove it and push; or ask your operator to connect the repository to Cloud Build.",
	}
}

// atMost reads so many bytes and then fails, rather than ending as if all had been read.
type atMost struct {
	r    io.Reader
	left int64
}

func (a *atMost) Read(b []byte) (int, error) {
	if a.left < 0 {
		return 0, errTooLarge
	}
	n, err := a.r.Read(b[:min(int64(len(b)), a.left+1)])
	if a.left -= int64(n); a.left < 0 {
		return n, errTooLarge
	}
	return n, err
}
