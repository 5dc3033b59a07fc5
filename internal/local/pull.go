package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/emulator"
)

// A Pull is a pull request on the emulated GitHub.
type Pull struct {
	Number  int    `json:"number"`
	State   string `json:"state"`
	Title   string `json:"title"`
	HeadSHA string `json:"head_sha"`
	URL     string `json:"url"`
}

// A Hub is the emulated GitHub as a developer uses it.
type Hub struct {
	url string
	api *rest
}

// OpenHub finds the GitHub of the local cloud that runs in dir.
func OpenHub(dir string) (*Hub, error) {
	url, err := emulator.GitHubAt(filepath.Join(dir, "cloud"))
	if err != nil {
		return nil, err
	}
	return &Hub{url: url, api: newREST()}, nil
}

func (h *Hub) repo() string { return h.url + "/emulator/repos/" + Repository }

// Open opens a pull request with a change of files.
func (h *Hub) Open(ctx context.Context, title string, files map[string]string) (Pull, error) {
	return h.open(ctx, object{"title": title, "files": files, "message": title, "author": "octocat"})
}

func (h *Hub) open(ctx context.Context, body object) (p Pull, err error) {
	err = h.api.call(ctx, http.MethodPost, h.repo()+"/pulls", body, &p)
	return p, err
}

// Push pushes a commit to a pull request's branch.
func (h *Hub) Push(ctx context.Context, number int, message string, files map[string]string) (Pull, error) {
	return h.act(ctx, number, "push", object{"files": files, "message": message})
}

// Close closes a pull request.
func (h *Hub) Close(ctx context.Context, number int) (Pull, error) {
	return h.act(ctx, number, "close", object{})
}

func (h *Hub) act(ctx context.Context, number int, action string, body object) (p Pull, err error) {
	err = h.api.call(ctx, http.MethodPost, fmt.Sprintf("%s/pulls/%d/%s", h.repo(), number, action), body, &p)
	return p, err
}

// OpenPulls are the numbers of the open pull requests.
func (h *Hub) OpenPulls(ctx context.Context) ([]Pull, error) {
	var all, open []Pull
	if err := h.api.call(ctx, http.MethodGet, h.repo()+"/pulls", nil, &all); err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.State == "open" {
			open = append(open, p)
		}
	}
	return open, nil
}

// Comments are the bodies of a pull request's comments.
func (h *Hub) Comments(ctx context.Context, number int) ([]string, error) {
	var page struct {
		Comments []struct{ Body string } `json:"comments"`
	}
	if err := h.api.call(ctx, http.MethodGet, fmt.Sprintf("%s/pulls/%d", h.repo(), number), nil, &page); err != nil {
		return nil, err
	}
	var list []string
	for _, c := range page.Comments {
		list = append(list, c.Body)
	}
	return list, nil
}

var (
	link     = regexp.MustCompile(`\[Open the preview\]\((http[^)\s]+)\)`)
	headline = regexp.MustCompile(`(?m)^### (.+)$`)
)

// errTold says that the pull request says why there is no preview.
var errTold = errors.New("the pull request says")

// AwaitLink waits until the comment has a link for the commit and returns it. at hears what the comment says of the commit
// meanwhile; what it says of an earlier one is of no interest.
func (h *Hub) AwaitLink(ctx context.Context, number int, sha string, at func(string)) (string, error) {
	return h.awaitComment(ctx, number, func(title, body string) (string, bool, error) {
		switch about := strings.Contains(title, sha[:7]); {
		case strings.Contains(title, "No preview"), about && strings.Contains(title, "failed"):
			return "", false, fmt.Errorf("%w: %s", errTold, title)
		case !about:
			return "", false, nil
		}
		at(title)
		found := link.FindStringSubmatch(body)
		return first(found), found != nil && strings.Contains(title, "ready"), nil
	})
}

// AwaitRemoved waits until the comment says that the preview was removed.
func (h *Hub) AwaitRemoved(ctx context.Context, number int, at func(string)) error {
	_, err := h.awaitComment(ctx, number, func(title, _ string) (string, bool, error) {
		if strings.Contains(title, "Remov") {
			at(title)
		}
		return "", strings.Contains(title, "removed"), nil
	})
	return err
}

func first(found []string) string {
	if len(found) < 2 {
		return ""
	}
	return found[1]
}

// awaitComment looks at the newest comment until done says so. It hears the headline in plain text.
func (h *Hub) awaitComment(
	ctx context.Context, number int, done func(title, body string) (string, bool, error),
) (string, error) {
	for {
		comments, err := h.Comments(ctx, number)
		if err != nil {
			return "", err
		}
		if len(comments) > 0 {
			body := comments[len(comments)-1]
			title := strings.ReplaceAll(first(headline.FindStringSubmatch(body)), "`", "")
			if found, ok, err := done(title, body); ok || err != nil {
				return found, err
			}
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(25 * time.Millisecond):
		}
	}
}
