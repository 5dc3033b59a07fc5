package cloudbuild

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxUnpacked bounds the files of one source.
const maxUnpacked = 4 << 30

// unpack unpacks an archive of a bucket into the workspace. Nothing of it gets outside: the workspace is opened as a root.
func (s *Server) unpack(ctx context.Context, j *job, o StorageSource) error {
	name := fmt.Sprintf("gs://%s/%s#%d", o.Bucket, o.Object, o.Generation)
	j.log.line("Fetching storage object: " + name)
	if s.options.Object == nil {
		return fmt.Errorf("%s: there is no Cloud Storage here", name)
	}
	object, err := s.options.Object(ctx, o.Bucket, o.Object, int64(o.Generation))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: does not exist", name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer func() { _ = object.Close() }()
	root, err := os.OpenRoot(j.workspace)
	if err != nil {
		return fmt.Errorf("opening the workspace: %w", err)
	}
	defer func() { _ = root.Close() }()
	unzipped, err := gzip.NewReader(object)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	in := tar.NewReader(io.LimitReader(unzipped, maxUnpacked))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = unpackOne(root, in, h)
		}
		if err != nil {
			return fmt.Errorf("%s: unpacking: %w", name, err)
		}
	}
}

func unpackOne(root *os.Root, in io.Reader, h *tar.Header) error {
	name := filepath.FromSlash(strings.TrimSuffix(h.Name, "/"))
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		mode := os.FileMode(0o644)
		if h.Mode&0o111 != 0 {
			mode = 0o755
		}
		f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, in) //nolint:gosec // bounded by what it is read from
		return errors.Join(err, f.Close())
	case tar.TypeXGlobalHeader:
		return nil
	}
	return fmt.Errorf("%q is no file, folder or symbolic link", h.Name)
}
