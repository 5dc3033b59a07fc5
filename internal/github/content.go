package github

import (
	"context"
	"crypto/sha1" //nolint:gosec // git's own object ids
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// maxContent is the largest file that Content returns.
const maxContent = 8 << 20

// Content reads a file at a commit. [preview.ErrNotFound]: the commit has no such file. A *[preview.UserError] says
// that the path names something else than a regular file (a folder, a symbolic link, a submodule), or one of more than
// 8 MB.
func (c *Client) Content(ctx context.Context, repo preview.Repository, file, sha string) ([]byte, error) {
	doing := fmt.Sprintf("reading %s at %s", file, preview.ShortSHA(sha))
	if !validSHA(sha) {
		return nil, fmt.Errorf("%s: %q is not a commit's SHA", doing, sha)
	}
	if file == "" || path.IsAbs(file) || path.Clean(file) != file || strings.HasPrefix(file, "../") || file == ".." {
		return nil, fmt.Errorf("%s: %w: the path is not one inside the repository", doing, preview.ErrNotFound)
	}
	entry, err := c.entry(ctx, repo, file, sha)
	if err != nil {
		return nil, translate(doing, err)
	}
	if err := entry.check(file); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	content, err := c.bytes(ctx, repo, entry)
	if err != nil {
		return nil, translate(doing, err)
	}
	if blobSHA(content) != entry.SHA {
		return nil, fmt.Errorf("%s: GitHub's answer is not the blob that it names", doing)
	}
	return content, nil
}

// contentEntry is what the contents API says of a path.
// https://docs.github.com/en/rest/repos/contents#get-repository-content
type contentEntry struct {
	Type     string  `json:"type"`
	Path     string  `json:"path"`
	SHA      string  `json:"sha"`
	Size     int64   `json:"size"`
	Encoding string  `json:"encoding"`
	Content  string  `json:"content"`
	Target   *string `json:"target"`
}

// entry asks for one path. The library's own call refuses paths with two dots in a file's name and can't tell a folder,
// for which GitHub answers with a list.
func (c *Client) entry(ctx context.Context, repo preview.Repository, file, sha string) (contentEntry, error) {
	lib := c.to(repo, scopeRead)
	u := fmt.Sprintf("repos/%s/%s/contents/%s?ref=%s", repo.Owner, repo.Name, escapePath(file), sha)
	req, err := lib.NewRequest("GET", u, nil)
	if err != nil {
		return contentEntry{}, err
	}
	// This media type makes a folder an object as well, of type "dir".
	req.Header.Set("Accept", "application/vnd.github.object+json")
	var entry contentEntry
	_, err = lib.Do(ctx, req, &entry)
	return entry, err
}

// escapePath escapes each segment and keeps the slashes.
func escapePath(file string) string {
	segments := strings.Split(file, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}

// check refuses what is not a regular file of bearable size under this very path. GitHub follows a symbolic link to a
// file of the repository, and then names the file's path instead of the link's.
func (e contentEntry) check(file string) error {
	switch {
	case e.Type != "file" || e.Target != nil || e.Path != file:
		return &preview.UserError{
			Summary: "not a regular file", Detail: file,
			Hint: "Symbolic links, submodules and folders are not followed: put the file itself there.",
		}
	case e.Size > maxContent:
		return &preview.UserError{Summary: "file larger than 8 MB", Detail: file, Hint: "Make it smaller."}
	case !validSHA(e.SHA):
		return fmt.Errorf("GitHub's answer holds no blob")
	}
	return nil
}

// bytes decodes the content, or fetches the blob of a file of more than 1 MB, which comes without.
func (c *Client) bytes(ctx context.Context, repo preview.Repository, e contentEntry) ([]byte, error) {
	if e.Encoding == "base64" && (e.Content != "" || e.Size == 0) {
		content, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(e.Content, "\n", ""))
		if err != nil {
			return nil, fmt.Errorf("decoding: %w", err)
		}
		return content, nil
	}
	content, _, err := c.to(repo, scopeRead).Git.GetBlobRaw(ctx, repo.Owner, repo.Name, e.SHA)
	return content, err
}

// blobSHA is git's id of a blob.
func blobSHA(content []byte) string {
	h := sha1.New() //nolint:gosec // git's own object ids
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}
