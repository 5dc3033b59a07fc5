package openapi

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"
)

// ErrNotRegular is what [Files] answer for a path at which there is something else than a regular file.
var ErrNotRegular = errors.New("not a regular file")

// dependency is a file that a document refers to, as it was when the document was compiled.
type dependency struct {
	file    string
	content []byte // nil for a file that isn't there, is not regular or is too large
}

// sources are the files of one document: the document itself and those that it refers to, which are read when somebody
// asks for them.
type sources struct {
	root   *tree
	files  Files
	limits Limits
	report *findings
	trees  map[string]*tree // by path; nil for what can't be read, which is reported then
	read   []dependency
	bytes  int
	failed error // of Files itself: there is no use in going on
}

// open reads the file that a reference names, relative to the file that it stands in.
func (s *sources) open(from *tree, ref string, at place) *tree {
	name, ok := s.resolve(from, ref, at)
	if !ok {
		return nil
	}
	if name == s.root.file {
		return s.root
	}
	if t, known := s.trees[name]; known {
		return t
	}
	t := s.load(name, at)
	s.trees[name] = t
	return t
}

// resolve makes a path in the repository of the part of a reference before its fragment, or reports why it must not be
// followed.
func (s *sources) resolve(from *tree, ref string, at place) (string, bool) {
	name, no := inRepository(from, ref)
	if no.text != "" {
		s.report.problem(at, RuleReference, no.hint, "the reference %s %s", quote(ref), no.text)
		return "", false
	}
	return name, true
}

// refusal says why something is refused, and what to do; nothing is if its text is empty.
type refusal struct{ text, hint string }

// inRepository makes a path in the repository of the part of a reference before its fragment.
func inRepository(from *tree, ref string) (string, refusal) {
	name, err := url.PathUnescape(ref)
	if u, parsed := url.Parse(ref); err != nil || parsed != nil || u.Scheme != "" || u.Host != "" {
		return "", refusal{"leads to another place", "put what it refers to into a file of the repository"}
	}
	joined := path.Join(path.Dir(from.file), name)
	switch {
	case strings.HasPrefix(name, "/"):
		return "", refusal{"is an absolute path", "write a path relative to this file"}
	case joined == ".":
		return "", refusal{"leads to a folder", "refer to a file"}
	case joined == ".." || strings.HasPrefix(joined, "../") || strings.ContainsAny(name, "\\\x00"):
		return "", refusal{"leads out of the repository", "put the file into the repository"}
	}
	return joined, refusal{}
}

func (s *sources) load(name string, at place) *tree {
	if s.files == nil {
		s.report.problem(at, RuleReference, "put what it refers to into this document", "the document is alone: it can't refer to the file %s", quote(name))
		return nil
	}
	if s.bytes > s.limits.DocumentBytes {
		return nil // which was reported: nothing more is read
	}
	if len(s.read) >= s.limits.Files {
		s.report.problem(at, RuleLimit, "put files together", "the document refers to more than %d files", s.limits.Files)
		return nil
	}
	content, err := s.files.ReadFile(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotRegular) {
		s.read = append(s.read, dependency{name, content})
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.report.problem(at, RuleReference, "correct the path, or add the file", "there is no file %s", quote(name))
		return nil
	case errors.Is(err, ErrNotRegular):
		s.report.problem(at, RuleReference, "refer to the file itself", "%s can't be referred to: %v", quote(name), err)
		return nil
	case err != nil:
		s.failed = fmt.Errorf("reading %s: %w", name, err)
		return nil
	}
	if s.bytes += len(content); s.bytes > s.limits.DocumentBytes {
		s.read[len(s.read)-1].content = nil // so that nobody keeps it; it will be read again
		s.report.problem(at, RuleLimit, "leave out examples", "the document and its files have more than %d bytes", s.limits.DocumentBytes)
		return nil
	}
	t := readTree(name, content, s.limits, s.report)
	s.count(t)
	return t
}

// count takes a file off what the document may still have.
func (s *sources) count(t *tree) {
	if t != nil {
		s.limits.usedValues += len(t.entries)
		s.limits.usedAliasValues += t.aliasValues
	}
}

// unchanged tells whether files are as they were.
func unchanged(files Files, read []dependency) bool {
	for _, d := range read {
		if files == nil {
			return false
		}
		content, err := files.ReadFile(d.file)
		if err != nil {
			content = nil
		}
		if (content == nil) != (d.content == nil) || string(content) != string(d.content) {
			return false
		}
	}
	return true
}
