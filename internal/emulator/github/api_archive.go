package github

import (
	"compress/gzip"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// archiveLife is how long an archive's address is good:
// https://docs.github.com/en/rest/repos/contents#download-a-repository-archive-tar
const archiveLife = 5 * time.Minute

// archiveKey signs the addresses of archives; they don't outlive the process.
var archiveKey = rand.Text()

// getTarball answers with the address of an archive, which needs no token.
func (s *Server) getTarball(c *call) (*answer, error) {
	r, err := s.lockRepository(c)
	if err != nil {
		return nil, err
	}
	sha, err := s.git(r).resolve(c.Context(), c.PathValue("ref"))
	if err != nil {
		return nil, errNotFound
	}
	path := fmt.Sprintf("/_codeload/%s/legacy.tar.gz/%s", r.fullName(), sha)
	until := strconv.FormatInt(s.now().Add(archiveLife).Unix(), 10)
	query := url.Values{"until": {until}, "token": {archiveToken(path, until)}}
	return &answer{status: http.StatusFound, location: s.options.URL + path + "?" + query.Encode()}, nil
}

func archiveToken(path, until string) string {
	mac := hmac.New(sha256.New, []byte(archiveKey))
	_, _ = fmt.Fprintf(mac, "%s %s", path, until)
	return hex.EncodeToString(mac.Sum(nil))
}

// serveArchive serves archives as codeload.github.com does.
func (s *Server) serveArchive(w http.ResponseWriter, r *http.Request) {
	until := r.URL.Query().Get("until")
	end, err := strconv.ParseInt(until, 10, 64)
	good := hmac.Equal([]byte(r.URL.Query().Get("token")), []byte(archiveToken(r.URL.Path, until)))
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/_codeload/"), "/")
	if err != nil || !good || s.now().Unix() > end || len(parts) != 4 || r.Header.Get("Authorization") != "" {
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	repo := s.state.repository(parts[0], parts[1])
	s.mu.Unlock()
	if repo == nil {
		http.NotFound(w, r)
		return
	}
	sha := parts[3]
	cmd := s.git(repo).command(r.Context(), "archive", "--format=tar",
		fmt.Sprintf("--prefix=%s-%s-%s/", parts[0], parts[1], sha[:7]), sha)
	w.Header().Set("Content-Type", "application/x-gzip")
	zipped := gzip.NewWriter(w)
	cmd.Stdout = zipped
	if err := cmd.Run(); err != nil {
		s.log.WarnContext(r.Context(), "serving an archive", "error", err)
		panic(http.ErrAbortHandler) // what was sent must not look complete
	}
	_ = zipped.Close() // an error here is the client's going away
}
