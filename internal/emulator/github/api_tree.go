package github

import (
	"strconv"
	"strings"
)

// maxTree is how many entries GitHub lists of a tree at the most.
const maxTree = 100_000

// getTree serves https://docs.github.com/en/rest/git/trees#get-a-tree: the entries of a commit's or a folder's tree, those of
// folders in it too where that is asked for.
func (s *Server) getTree(c *call) (*answer, error) {
	r, err := s.lockRepository(c)
	if err != nil {
		return nil, err
	}
	git, name := s.git(r), c.PathValue("tree")
	sha, err := git.line(c.Context(), "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{tree}")
	if err != nil {
		return nil, errNotFound
	}
	args := []string{"ls-tree", "-z", "--long", "--full-tree"}
	if c.URL.Query().Has("recursive") {
		args = append(args, "-r", "-t")
	}
	out, err := git.run(c.Context(), nil, append(args, "--", sha)...)
	if err != nil {
		return nil, err
	}
	repo := s.apiURL("/repos/%s", r.fullName())
	list, truncated := []object{}, false
	for _, e := range entries(out) {
		if truncated = len(list) == maxTree; truncated {
			break
		}
		one := object{"path": e.path, "mode": e.mode, "type": e.kind, "sha": e.sha}
		switch e.kind {
		case "blob":
			size, err := strconv.ParseInt(e.size, 10, 64)
			if err != nil {
				return nil, err
			}
			one["size"], one["url"] = size, repo+"/git/blobs/"+e.sha
		case "tree":
			one["url"] = repo + "/git/trees/" + e.sha
		}
		list = append(list, one)
	}
	return ok(object{"sha": sha, "url": repo + "/git/trees/" + sha, "truncated": truncated, "tree": list})
}

// entries reads what git ls-tree -z --long writes.
func entries(out []byte) []entry {
	var list []entry
	for record := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		meta, name, found := strings.Cut(record, "\t")
		part := strings.Fields(meta)
		if found && len(part) == 4 {
			list = append(list, entry{part[0], part[1], part[2], part[3], name})
		}
	}
	return list
}
