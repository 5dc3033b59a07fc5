package github

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// serveGit serves git's smart HTTP protocol, for reading only.
// https://git-scm.com/docs/http-protocol#_smart_clients
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request) {
	name, service, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git/")
	owner, name, _ := strings.Cut(name, "/")
	s.mu.Lock()
	repo, moved := s.state.repository(owner, name), s.state.moved(owner, name)
	s.mu.Unlock()
	if moved != nil && r.Method == http.MethodGet { // git goes on where this leads to
		http.Redirect(w, r, s.options.URL+"/"+moved.fullName()+".git/"+service+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
		return
	}
	if repo == nil {
		http.NotFound(w, r)
		return
	}
	git := s.git(repo)
	w.Header().Set("Cache-Control", "no-cache")
	switch {
	case r.Method == http.MethodGet && service == "info/refs" && r.URL.Query().Get("service") == "git-upload-pack":
		s.advertise(w, r, git)
	case r.Method == http.MethodPost && service == "git-upload-pack":
		s.uploadPack(w, r, git)
	case r.URL.Query().Get("service") == "git-receive-pack" || service == "git-receive-pack":
		http.Error(w, "This repository is read-only over git.", http.StatusForbidden)
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) advertise(w http.ResponseWriter, r *http.Request, git gitDir) {
	cmd := git.command(r.Context(), "upload-pack", "--stateless-rpc", "--advertise-refs", string(git))
	version := r.Header.Get("Git-Protocol")
	cmd.Env = append(cmd.Env, "GIT_PROTOCOL="+version)
	out, err := cmd.Output()
	if err != nil {
		s.log.ErrorContext(r.Context(), "advertising refs", "error", err)
		http.Error(w, "git upload-pack failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	if !strings.Contains(version, "version=2") {
		const line = "# service=git-upload-pack\n"
		_, _ = fmt.Fprintf(w, "%04x%s0000", len(line)+4, line)
	}
	_, _ = w.Write(out)
}

func (s *Server) uploadPack(w http.ResponseWriter, r *http.Request, git gitDir) {
	var body io.Reader = http.MaxBytesReader(w, r.Body, 32<<20)
	if r.Header.Get("Content-Encoding") == "gzip" {
		zipped, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, "bad gzip", http.StatusBadRequest)
			return
		}
		body = io.LimitReader(zipped, 64<<20)
	}
	cmd := git.command(r.Context(), "upload-pack", "--stateless-rpc", string(git))
	cmd.Env = append(cmd.Env, "GIT_PROTOCOL="+r.Header.Get("Git-Protocol"))
	cmd.Stdin, cmd.Stdout = body, w
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	if err := cmd.Run(); err != nil {
		s.log.WarnContext(r.Context(), "serving a fetch", "error", err) // git has told the client, or it went away
	}
}
