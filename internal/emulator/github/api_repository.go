package github

import (
	"context"
	"crypto/sha1" //nolint:gosec // git's own object ids
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

func (s *Server) getRepository(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.repository(c)
	if err != nil {
		return nil, err
	}
	return ok(s.fullRepositoryJSON(r))
}

func (s *Server) getRepositoryByID(c *call) (*answer, error) {
	id, err := c.number("id")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.state.repositoryByID(id)
	if r == nil || !c.caller.may(r, s.state.installationOf(r)) {
		return nil, errNotFound
	}
	return ok(s.fullRepositoryJSON(r))
}

func (s *Server) getBranch(c *call) (*answer, error) {
	r, err := s.lockRepository(c)
	if err != nil {
		return nil, err
	}
	name := c.PathValue("branch")
	sha, err := s.git(r).resolve(c.Context(), "refs/heads/"+name)
	if err != nil {
		return nil, &apiError{Status: http.StatusNotFound, Message: "Branch not found"}
	}
	commit, err := s.commitJSON(c.Context(), r, sha)
	if err != nil {
		return nil, err
	}
	api := s.apiURL("/repos/%s/branches/%s", r.fullName(), name)
	return ok(object{
		"name": name, "protected": false,
		"commit": commit, "protection": object{}, "protection_url": api + "/protection",
		"_links": object{"self": api, "html": s.options.URL + "/" + r.fullName()},
	})
}

func (s *Server) getRef(c *call) (*answer, error) {
	r, err := s.lockRepository(c)
	if err != nil {
		return nil, err
	}
	name := "refs/" + c.PathValue("ref")
	sha, err := s.git(r).resolve(c.Context(), name)
	if err != nil {
		return nil, err
	}
	return ok(s.refJSON(r, name, sha))
}

func (s *Server) matchingRefs(c *call) (*answer, error) {
	r, err := s.lockRepository(c)
	if err != nil {
		return nil, err
	}
	refs, err := s.git(r).refs(c.Context())
	if err != nil {
		return nil, err
	}
	list := []object{}
	for name, sha := range refs {
		if strings.HasPrefix(name, "refs/"+c.PathValue("ref")) {
			list = append(list, s.refJSON(r, name, sha))
		}
	}
	return ok(list)
}

func (s *Server) refJSON(r *repository, name, sha string) object {
	return object{
		"ref": name, "node_id": nodeID("Ref", r.ID), "url": s.apiURL("/repos/%s/git/%s", r.fullName(), name),
		"object": object{"type": "commit", "sha": sha, "url": s.apiURL("/repos/%s/git/commits/%s", r.fullName(), sha)},
	}
}

// getCommit serves commits, and the check runs of a commit, whose path has the ref in the middle:
// /commits/{ref}/check-runs.
func (s *Server) getCommit(c *call) (*answer, error) {
	ref := c.PathValue("ref")
	if name, found := strings.CutSuffix(ref, "/check-runs"); found {
		return s.listCheckRuns(c, name)
	}
	r, err := s.lockRepository(c)
	if err != nil {
		return nil, err
	}
	sha, err := s.git(r).resolve(c.Context(), ref)
	if err != nil {
		return nil, unprocessable("Commit", "sha", "invalid", "No commit found for SHA: "+ref)
	}
	commit, err := s.commitJSON(c.Context(), r, sha)
	if err != nil {
		return nil, err
	}
	return ok(commit)
}

// commitJSON is a commit. Its author and committer are no users of GitHub.
func (s *Server) commitJSON(ctx context.Context, r *repository, sha string) (object, error) {
	out, err := s.git(r).line(ctx, "show", "-s", "--format=%an%x00%ae%x00%aI%x00%T%x00%P%x00%B", sha)
	if err != nil {
		return nil, err
	}
	part := strings.SplitN(out, "\x00", 6)
	who := object{"name": part[0], "email": part[1], "date": part[2]}
	repo, page := s.apiURL("/repos/%s", r.fullName()), s.options.URL+"/"+r.fullName()+"/commit/"
	parents := []object{}
	for parent := range strings.FieldsSeq(part[4]) {
		parents = append(parents, object{"sha": parent, "url": repo + "/commits/" + parent, "html_url": page + parent})
	}
	api := repo + "/commits/" + sha
	return object{
		"sha": sha, "node_id": nodeID("Commit", r.ID), "url": api, "html_url": page + sha, "parents": parents,
		"comments_url": api + "/comments", "author": nil, "committer": nil,
		"commit": object{
			"author": who, "committer": who, "message": strings.TrimSpace(part[5]), "comment_count": 0,
			"url":  repo + "/git/commits/" + sha,
			"tree": object{"sha": part[3], "url": repo + "/git/trees/" + part[3]},
		},
	}, nil
}

// an entry is a line of git ls-tree.
type entry struct{ mode, kind, sha, size, path string }

// list lists a tree, or the entry of a path.
func (g gitDir) list(ctx context.Context, commit, path string) ([]entry, error) {
	args := []string{"ls-tree", "-z", "--long", "--full-tree", "--", commit}
	if path != "" {
		args = append(args, path)
	}
	out, err := g.run(ctx, nil, args...)
	if err != nil {
		return nil, err
	}
	return entries(out), nil
}

// getContents serves https://docs.github.com/en/rest/repos/contents#get-repository-content: a file up to 1 MB with its
// content, a larger one without, a folder as a list; a symbolic link to a file of the repository as that file.
func (s *Server) getContents(c *call) (*answer, error) {
	r, err := s.lockRepository(c)
	if err != nil {
		return nil, err
	}
	ref := c.URL.Query().Get("ref")
	if ref == "" {
		ref = r.DefaultBranch
	}
	git, name := s.git(r), strings.Trim(c.PathValue("path"), "/")
	commit, err := git.resolve(c.Context(), ref)
	if err != nil {
		return nil, &apiError{Status: http.StatusNotFound, Message: "No commit found for the ref " + ref}
	}
	if name == "" {
		return s.folder(c, r, commit, "")
	}
	list, err := git.list(c.Context(), commit, name)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, errNotFound
	}
	switch e := list[0]; {
	case e.kind == "tree":
		return s.folder(c, r, commit, name+"/")
	case e.kind == "commit":
		return ok(s.entryJSON(r, e, "submodule").with(object{"submodule_git_url": ""}))
	case e.mode == "120000":
		return s.symlink(c, r, commit, e)
	default:
		return s.file(c, r, e)
	}
}

// symlink follows a symbolic link to a file of the same commit; what points elsewhere is shown as a link.
func (s *Server) symlink(c *call, r *repository, commit string, e entry) (*answer, error) {
	target, err := s.git(r).run(c.Context(), nil, "cat-file", "blob", e.sha)
	if err != nil {
		return nil, err
	}
	name := path.Join(path.Dir(e.path), string(target))
	if !path.IsAbs(string(target)) && !strings.HasPrefix(name, "..") {
		list, err := s.git(r).list(c.Context(), commit, name)
		if err == nil && len(list) == 1 && list[0].kind == "blob" && list[0].mode != "120000" {
			return s.file(c, r, list[0])
		}
	}
	return ok(s.entryJSON(r, e, "symlink").with(object{"target": string(target)}))
}

func (s *Server) file(c *call, r *repository, e entry) (*answer, error) {
	content, err := s.git(r).run(c.Context(), nil, "cat-file", "blob", e.sha)
	if err != nil {
		return nil, err
	}
	if wantsRaw(c) {
		return &answer{status: http.StatusOK, raw: content}, nil
	}
	out := s.entryJSON(r, e, "file")
	if len(content) > 1<<20 {
		return ok(out.with(object{"encoding": "none", "content": ""}))
	}
	return ok(out.with(object{"encoding": "base64", "content": encode(content)}))
}

func wantsRaw(c *call) bool {
	accept := c.Header.Get("Accept")
	return strings.Contains(accept, ".raw")
}

// encode is base64 in lines of 60, as GitHub writes it.
func encode(content []byte) string {
	text := base64.StdEncoding.EncodeToString(content)
	var b strings.Builder
	for len(text) > 60 {
		b.WriteString(text[:60] + "\n")
		text = text[60:]
	}
	b.WriteString(text + "\n")
	return b.String()
}

func (s *Server) folder(c *call, r *repository, commit, prefix string) (*answer, error) {
	entries, err := s.git(r).list(c.Context(), commit, prefix)
	if err != nil {
		return nil, err
	}
	const most = 1_000 // GitHub lists no more
	list := []object{}
	for _, e := range entries[:min(len(entries), most)] {
		kind := "file"
		switch {
		case e.kind == "tree":
			kind = "dir"
		case e.mode == "120000":
			kind = "symlink"
		}
		list = append(list, s.entryJSON(r, e, kind))
	}
	if strings.Contains(c.Header.Get("Accept"), ".object") {
		self := entry{kind: "tree", path: strings.TrimSuffix(prefix, "/"), sha: commit}
		return ok(s.entryJSON(r, self, "dir").with(object{"entries": list}))
	}
	return ok(list)
}

func (s *Server) entryJSON(r *repository, e entry, kind string) object {
	size, _ := strconv.Atoi(e.size)
	api := s.apiURL("/repos/%s/contents/%s", r.fullName(), (&url.URL{Path: e.path}).EscapedPath())
	blob := s.apiURL("/repos/%s/git/blobs/%s", r.fullName(), e.sha)
	return object{
		"_links": object{"self": api, "git": blob, "html": nil},
		"type":   kind, "name": path.Base(e.path), "path": e.path, "sha": e.sha, "size": size,
		"url": api, "git_url": blob, "html_url": nil, "download_url": nil,
	}
}

func (s *Server) getBlob(c *call) (*answer, error) {
	r, err := s.lockRepository(c)
	if err != nil {
		return nil, err
	}
	sha := c.PathValue("sha")
	if raw, err := hex.DecodeString(sha); err != nil || len(raw) != sha1.Size {
		return nil, unprocessable("Blob", "sha", "invalid", "")
	}
	content, err := s.git(r).run(c.Context(), nil, "cat-file", "blob", sha)
	if err != nil {
		return nil, errNotFound
	}
	if wantsRaw(c) {
		return &answer{status: http.StatusOK, raw: content}, nil
	}
	return ok(object{
		"sha": sha, "node_id": nodeID("Blob", r.ID), "url": s.apiURL("/repos/%s/git/blobs/%s", r.fullName(), sha),
		"size": len(content), "encoding": "base64", "content": encode(content),
	})
}

// compare serves /compare/BASE...HEAD with up to 300 files.
func (s *Server) compare(c *call) (*answer, error) {
	r, err := s.lockRepository(c)
	if err != nil {
		return nil, err
	}
	git, ctx := s.git(r), c.Context()
	from, to, found := strings.Cut(c.PathValue("basehead"), "...")
	base, err := git.resolve(ctx, from)
	head, err2 := git.resolve(ctx, to)
	if !found || err != nil || err2 != nil {
		return nil, errNotFound
	}
	mergeBase, err := git.mergeBase(ctx, base, head)
	if err != nil {
		return nil, err
	}
	files, err := s.diffs.get(ctx, git, base, head)
	if err != nil {
		return nil, err
	}
	counts, err := git.line(ctx, "rev-list", "--left-right", "--count", base+"..."+head)
	if err != nil {
		return nil, err
	}
	var behind, ahead int
	_, _ = fmt.Sscan(counts, &behind, &ahead)
	status := map[[2]bool]string{{false, false}: "identical", {true, false}: "ahead", {false, true}: "behind", {true, true}: "diverged"}
	baseCommit, err := s.commitJSON(ctx, r, base)
	if err != nil {
		return nil, err
	}
	mergeCommit := baseCommit
	if mergeBase != base {
		if mergeCommit, err = s.commitJSON(ctx, r, mergeBase); err != nil {
			return nil, err
		}
	}
	api, page := s.apiURL("/repos/%s/compare/%s...%s", r.fullName(), base, head), s.options.URL+"/"+r.fullName()+"/compare/"+base+"..."+head
	list := []object{}
	for _, f := range files[:min(len(files), 300)] {
		list = append(list, fileJSON(f))
	}
	return ok(object{
		"status": status[[2]bool{ahead > 0, behind > 0}], "ahead_by": ahead, "behind_by": behind, "total_commits": ahead,
		"base_commit": baseCommit, "merge_base_commit": mergeCommit, "commits": []object{},
		"url": api, "html_url": page, "permalink_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch",
		"files": list,
	})
}
