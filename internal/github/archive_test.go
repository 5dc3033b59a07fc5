package github_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	emulator "github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/preview"
)

// names are the paths of an archive.
func names(t *testing.T, archive io.ReadCloser) string {
	t.Helper()
	defer func() { _ = archive.Close() }()
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for in := tar.NewReader(unzipped); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(list, " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			list = append(list, h.Name)
		}
	}
}

func TestArchive(t *testing.T) {
	w := newWorld(t)
	pull := w.open(t, emulator.NewPull{Title: "x"})
	archive, err := w.Archive(t.Context(), w.repo, pull.HeadSHA)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, archive), "acme-shop-"+pull.HeadSHA[:7]+"/services/orders/main.go"; !strings.Contains(got, want) {
		t.Errorf("the archive has %q, not %q", got, want)
	}
	if _, err := w.Archive(t.Context(), w.repo, strings.Repeat("0", 40)); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("of no commit: %v", err)
	}
	for _, bad := range []string{"", "main", "../../user", strings.Repeat("0", 39) + "/"} {
		if _, err := w.Archive(t.Context(), w.repo, bad); err == nil || errors.Is(err, preview.ErrNotFound) {
			t.Errorf("of %q: %v", bad, err)
		}
	}
	for path, n := range w.requests {
		if strings.Contains(path, "/tarball/") && n != 1 {
			t.Errorf("%s was asked %d times", path, n)
		}
	}
	if strings.Contains(w.logs.String(), "token=") {
		t.Error("the log holds an address that needs no token")
	}
}

// The address of an archive is a secret for some minutes, and the token is for GitHub's API only.
func TestArchiveAddress(t *testing.T) {
	var authorized []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorized = append(authorized, r.Header.Get("Authorization"))
		if r.URL.Path == "/gone" {
			http.NotFound(w, r)
			return
		}
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://169.254.169.254/computeMetadata/v1/?token=canary", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "archive")
	}))
	defer elsewhere.Close()
	location, status := "", http.StatusFound
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/access_tokens"):
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"token":"ghs_canary","expires_at":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+
				`","permissions":{"contents":"read","metadata":"read","pull_requests":"read"}}`)
		default:
			w.Header().Set("Location", location)
			w.WriteHeader(status)
		}
	}))
	defer hub.Close()
	w := newWorld(t)
	c := w.client(t, hub.URL+"/api/v3/")
	repo := preview.Repository{ID: 7, Owner: "acme", Name: "shop", Installation: 3}
	for name, tt := range map[string]struct {
		location string
		status   int
		says     string // "": it is fetched
	}{
		"fetched":            {elsewhere.URL + "/archive?token=canary", http.StatusFound, ""},
		"gone":               {elsewhere.URL + "/gone?token=canary", http.StatusFound, "not found"},
		"sent on":            {elsewhere.URL + "/away", http.StatusFound, "GitHub answered 302"},
		"to another host":    {"http://169.254.169.254/computeMetadata/v1/?token=canary", http.StatusFound, "not known to have archives"},
		"to another scheme":  {"file:///etc/passwd", http.StatusFound, "not known to have archives"},
		"with a user":        {"http://user:canary@127.0.0.1/", http.StatusFound, "not known to have archives"},
		"nowhere":            {"", http.StatusFound, "not known to have archives"},
		"not allowed":        {"", http.StatusForbidden, "GitHub answered 403"},
		"nobody listens":     {"http://127.0.0.1:1/x?token=canary", http.StatusFound, "refused"},
		"an unknown success": {"", http.StatusOK, "GitHub answered 200"},
	} {
		location, status = tt.location, tt.status
		archive, err := c.Archive(t.Context(), repo, strings.Repeat("a", 40))
		switch {
		case tt.says == "" && err == nil:
			if data, _ := io.ReadAll(archive); string(data) != "archive" {
				t.Errorf("%s: %q", name, data)
			}
			_ = archive.Close()
		case tt.says == "" || err == nil || !strings.Contains(err.Error(), tt.says):
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		case strings.Contains(err.Error(), "canary"):
			t.Errorf("%s: the error holds a secret: %v", name, err)
		}
	}
	for _, header := range authorized {
		if header != "" {
			t.Errorf("another host was given %q", header)
		}
	}
	if strings.Contains(w.logs.String(), "canary") {
		t.Error("the log holds a secret")
	}
}
