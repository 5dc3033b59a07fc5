package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// fill writes an image's directory: config.json and root. The digest is taken of the bytes that are written, so that a
// source that changes meanwhile can't make it wrong.
func fill(dir string, c Config, root string) (digest string, err error) {
	config, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		return "", err
	}
	sum := sha256.New()
	record(sum, "config", string(config))
	if err := copyTree(sum, root, filepath.Join(dir, "root")); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// copyTree copies a file tree and feeds what it copied, in lexical order, to sum.
func copyTree(sum hash.Hash, from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		name := filepath.ToSlash(rel)
		switch {
		case d.IsDir():
			record(sum, "dir", name)
			return os.MkdirAll(target, 0o755)
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			record(sum, "link", name, link)
			return os.Symlink(link, target)
		case info.Mode().IsRegular():
			return copyFile(sum, path, target, name)
		default:
			return fmt.Errorf("%s: neither a file, a directory nor a symbolic link", name)
		}
	})
}

func copyFile(sum hash.Hash, from, to, name string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	content := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, content), in)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	record(sum, "file", name, mode.String(), hex.EncodeToString(content.Sum(nil)))
	return nil
}

// record feeds fields to sum so that no two lists of fields look alike.
func record(sum hash.Hash, field ...string) {
	for _, f := range field {
		_, _ = fmt.Fprintf(sum, "%d:%s,", len(f), f)
	}
	_, _ = io.WriteString(sum, "\n")
}
