// Package image is the local cloud's image repository: what Artifact Registry is to Cloud Build and Cloud Run. The
// emulated Cloud Build puts images in, the emulated Cloud Run takes them out by digest.
//
// An image here is a configuration and a plain file tree; there are no layers and no registry protocol, because there
// is no container runtime: a revision is a native process whose root directory is the tree. Images are
// content-addressed and never change; only tags move.
package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/gangway-dev/gangway/internal/emulator/disk"
)

// ErrNotFound says that the store holds no such image, repository or tag.
var ErrNotFound = errors.New("image not found")

// Config is what an image says of how to run it, in the words of the OCI image specification:
// https://github.com/opencontainers/image-spec/blob/main/config.md
type Config struct {
	Entrypoint []string `json:"entrypoint,omitempty"`
	Cmd        []string `json:"cmd,omitempty"`
	Env        []string `json:"env,omitempty"` // NAME=value
	WorkingDir string   `json:"working_dir,omitempty"`
}

// An Image is one stored image. Paths in Config are those inside the image: /app is Root/app.
type Image struct {
	Digest string // sha256:…
	Config Config
	Root   string // absolute path of the file tree; not to be written to
}

// A Store keeps images in a directory. It is safe for concurrent use, also by several stores on one directory.
type Store struct {
	dir string
	mu  sync.Mutex // serialises Put, so that equal images are not copied twice at once
}

const component = `[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*`

var (
	// host[:port]/component/…, as https://github.com/distribution/reference has it, in lower case.
	repositoryName = regexp.MustCompile(`^` + component + `(?::[0-9]+)?(?:/` + component + `)*$`)
	tagName        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	digestName     = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// Open opens the store in dir and creates it if need be.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening image store: %w", err)
	}
	for _, sub := range []string{"images", "repositories", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("opening image store: %w", err)
		}
	}
	return &Store{dir: dir}, nil
}

// Get finds an image by repository@sha256:… or repository:tag. Without either, the tag is latest. As in a registry, a
// digest is known only in the repositories that it was put into. [ErrNotFound] when there is none.
func (s *Store) Get(ref string) (Image, error) {
	repository, tag, digest, err := ParseRef(ref)
	if err != nil {
		return Image{}, err
	}
	if digest == "" {
		content, err := os.ReadFile(s.tagFile(repository, tag))
		if errors.Is(err, fs.ErrNotExist) {
			return Image{}, fmt.Errorf("image %q: %w", ref, ErrNotFound)
		}
		if err != nil {
			return Image{}, fmt.Errorf("reading image %q: %w", ref, err)
		}
		digest = string(content)
	}
	if _, err := os.Stat(s.digestFile(repository, digest)); err != nil {
		return Image{}, fmt.Errorf("image %q: %w", ref, ErrNotFound)
	}
	return s.load(digest)
}

func (s *Store) load(digest string) (Image, error) {
	dir := s.imageDir(digest)
	content, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Image{}, fmt.Errorf("image %s: %w", digest, ErrNotFound)
	}
	if err != nil {
		return Image{}, fmt.Errorf("reading image %s: %w", digest, err)
	}
	im := Image{Digest: digest, Root: filepath.Join(dir, "root")}
	if err := json.Unmarshal(content, &im.Config); err != nil {
		return Image{}, fmt.Errorf("reading image %s: %w", digest, err)
	}
	return im, nil
}

// Put copies the file tree root into the store under repository, with a tag unless it is empty, and returns the
// digest. The same configuration and tree give the same digest: file names, modes, contents and symbolic links count,
// times and owners don't. Nothing is visible until all of it is.
func (s *Store) Put(repository, tag string, c Config, root string) (digest string, err error) {
	if !repositoryName.MatchString(repository) {
		return "", fmt.Errorf("image repository %q: not a name", repository)
	}
	if tag != "" && !tagName.MatchString(tag) {
		return "", fmt.Errorf("image tag %q: not a name", tag)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	tmp, err := os.MkdirTemp(filepath.Join(s.dir, "tmp"), "image-")
	if err != nil {
		return "", fmt.Errorf("storing image: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if digest, err = fill(tmp, c, root); err != nil {
		return "", fmt.Errorf("storing image: %w", err)
	}
	if err := os.Rename(tmp, s.imageDir(digest)); err != nil {
		// Somebody was first: what is there has the same content.
		if _, loadErr := s.load(digest); loadErr != nil {
			return "", fmt.Errorf("storing image: %w", errors.Join(err, loadErr))
		}
	}
	if err := disk.Write(s.digestFile(repository, digest), nil); err != nil {
		return "", fmt.Errorf("storing image: %w", err)
	}
	if tag != "" {
		if err := disk.Write(s.tagFile(repository, tag), []byte(digest)); err != nil {
			return "", fmt.Errorf("storing image: %w", err)
		}
	}
	return digest, nil
}

// Remove takes an image out of a repository, as a cleanup policy of Artifact Registry does: by digest, or only its tag.
// The file tree stays, because a running process may use it. Removing what is not there is no error.
func (s *Store) Remove(ref string) error {
	repository, tag, digest, err := ParseRef(ref)
	if err != nil {
		return err
	}
	file := s.tagFile(repository, tag)
	if digest != "" {
		file = s.digestFile(repository, digest)
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing image %q: %w", ref, err)
	}
	return nil
}

// ParseRef splits repository[:tag][@digest]. The tag is latest when ref has neither; a digest wins over a tag.
func ParseRef(ref string) (repository, tag, digest string, err error) {
	repository = ref
	if name, d, ok := strings.Cut(ref, "@"); ok {
		repository, digest = name, d
		if !digestName.MatchString(d) {
			return "", "", "", fmt.Errorf("image %q: %q is not a digest", ref, d)
		}
	}
	// A colon before the last slash belongs to a registry's port.
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		repository, tag = repository[:i], repository[i+1:]
		if !tagName.MatchString(tag) {
			return "", "", "", fmt.Errorf("image %q: %q is not a tag", ref, tag)
		}
	}
	if !repositoryName.MatchString(repository) {
		return "", "", "", fmt.Errorf("image %q: %q is not a repository", ref, repository)
	}
	if tag == "" && digest == "" {
		tag = "latest"
	}
	return repository, tag, digest, nil
}

func (s *Store) imageDir(digest string) string {
	return filepath.Join(s.dir, "images", strings.TrimPrefix(digest, "sha256:"))
}

func (s *Store) digestFile(repository, digest string) string {
	return filepath.Join(s.dir, "repositories", escape(repository), "digests", strings.TrimPrefix(digest, "sha256:"))
}

func (s *Store) tagFile(repository, tag string) string {
	return filepath.Join(s.dir, "repositories", escape(repository), "tags", tag)
}

// escape makes one file name of a repository. The characters that it writes can't be in a repository's name.
func escape(repository string) string {
	return strings.NewReplacer("/", "+", ":", "=").Replace(repository)
}
