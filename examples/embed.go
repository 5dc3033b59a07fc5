// Package examples holds what Gangway is shown with, embedded so that one binary can show it.
package examples

import (
	"embed"
	"io/fs"
	"path"
)

//go:embed all:shop
var files embed.FS

// In the source tree the services' module files are called go.mod.txt: a directory with a go.mod would be a module of
// its own, which can't be embedded here, nor be tested together with everything else.
const (
	stored = "go.mod.txt"
	shown  = "go.mod"
)

// Shop is the content of a git repository: the services catalog, orders and users, each a Go module of its own.
func Shop() fs.FS {
	return shop{}
}

// shop shows what is embedded under shop/ with module files under their proper name.
type shop struct{}

func (shop) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	source := path.Join("shop", name)
	switch path.Base(name) {
	case stored:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case shown:
		source = path.Join(path.Dir(source), stored)
	}
	f, err := files.Open(source)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if d, ok := f.(fs.ReadDirFile); ok {
		return directory{d}, nil
	}
	return file{f}, nil
}

type file struct{ fs.File }

func (f file) Stat() (fs.FileInfo, error) {
	i, err := f.File.Stat()
	return info{i}, err
}

type directory struct{ fs.ReadDirFile }

func (d directory) ReadDir(n int) ([]fs.DirEntry, error) {
	found, err := d.ReadDirFile.ReadDir(n)
	for i := range found {
		found[i] = entry{found[i]}
	}
	return found, err
}

type entry struct{ fs.DirEntry }

func (e entry) Name() string { return rename(e.DirEntry.Name()) }

func (e entry) Info() (fs.FileInfo, error) {
	i, err := e.DirEntry.Info()
	return info{i}, err
}

func (e entry) String() string { return fs.FormatDirEntry(e) }

type info struct{ fs.FileInfo }

func (i info) Name() string { return rename(i.FileInfo.Name()) }

func rename(name string) string {
	if name == stored {
		return shown
	}
	return name
}
