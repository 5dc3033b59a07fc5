package github

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// A changedFile is a file of a diff, as the REST API counts it.
type changedFile struct {
	Path      string
	Previous  string // the former name of a renamed file
	Status    string // added, removed, modified, renamed, changed
	SHA       string // of the blob after the change, or before a removal
	Additions int
	Deletions int
	Patch     string
}

// diff is what head changed since it left base (a three-dot diff, as GitHub shows it), with renames found.
func (g gitDir) diff(ctx context.Context, base, head string) ([]changedFile, error) {
	from, err := g.line(ctx, "merge-base", base, head)
	if err != nil {
		return nil, err
	}
	raw, err := g.run(ctx, nil, "diff-tree", "-r", "-M", "--raw", "--no-abbrev", "--numstat", "-z", from, head)
	if err != nil {
		return nil, err
	}
	files, err := parseRaw(raw)
	if err != nil {
		return nil, err
	}
	const patches = 300 // GitHub leaves patches of large diffs out, too
	if len(files) > patches {
		return files, nil
	}
	text, err := g.run(ctx, nil, "diff-tree", "-r", "-M", "-p", from, head)
	if err != nil {
		return nil, err
	}
	addPatches(files, text)
	return files, nil
}

// parseRaw reads the output of git diff-tree --raw --numstat -z: first a raw record for each file, then a numstat
// record for each in the same order. https://git-scm.com/docs/git-diff-tree#_raw_output_format
func parseRaw(out []byte) ([]changedFile, error) {
	fields := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	var files []changedFile
	i := 0
	next := func() string {
		if i >= len(fields) {
			return ""
		}
		i++
		return fields[i-1]
	}
	for i < len(fields) && strings.HasPrefix(fields[i], ":") {
		part := strings.Fields(next())
		if len(part) != 5 {
			return nil, fmt.Errorf("git diff-tree: unknown record %q", part)
		}
		f := changedFile{Path: next(), SHA: part[3]}
		switch part[4][0] {
		case 'A':
			f.Status = "added"
		case 'D':
			f.Status, f.SHA = "removed", part[2]
		case 'R':
			f.Status, f.Previous, f.Path = "renamed", f.Path, next()
		case 'T':
			f.Status = "changed"
		default:
			f.Status = "modified"
		}
		files = append(files, f)
	}
	for k := range files {
		part := strings.SplitN(next(), "\t", 3)
		if len(part) != 3 {
			return nil, fmt.Errorf("git diff-tree: unknown numstat record %q", part)
		}
		files[k].Additions, _ = strconv.Atoi(part[0]) // "-" for binary files counts as none
		files[k].Deletions, _ = strconv.Atoi(part[1])
		if part[2] == "" { // a rename: both names follow
			next()
			next()
		}
	}
	return files, nil
}

// addPatches cuts a patch into the parts of its files. GitHub's patches begin at the first hunk.
func addPatches(files []changedFile, text []byte) {
	parts := bytes.Split(text, []byte("\ndiff --git "))
	if len(parts) != len(files) {
		return // e.g. a type change, which git writes as two parts: go without
	}
	for i, part := range parts {
		if at := bytes.Index(part, []byte("\n@@ ")); at >= 0 {
			files[i].Patch = strings.TrimSuffix(string(part[at+1:]), "\n")
		}
	}
}

func sizeOf(files []changedFile) diffSize {
	size := diffSize{Files: len(files)}
	for _, f := range files {
		size.Additions += f.Additions
		size.Deletions += f.Deletions
	}
	return size
}

// diffCache keeps the latest diffs: a long list of files is read page by page.
type diffCache struct {
	mu      sync.Mutex
	entries map[string][]changedFile
}

func newDiffCache() *diffCache { return &diffCache{entries: map[string][]changedFile{}} }

func (c *diffCache) get(ctx context.Context, g gitDir, base, head string) ([]changedFile, error) {
	key := string(g) + " " + base + " " + head
	c.mu.Lock()
	files, ok := c.entries[key]
	c.mu.Unlock()
	if ok {
		return files, nil
	}
	files, err := g.diff(ctx, base, head)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= 64 {
		clear(c.entries)
	}
	c.entries[key] = files
	return files, nil
}
