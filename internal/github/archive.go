package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/preview"
)

// archiveTimeout bounds the asking for an archive's address.
const archiveTimeout = 30 * time.Second

// Archive fetches the files of a commit: a tar, gzipped, with all paths below one folder. It is as long as GitHub makes it;
// whoever reads it has to bound it. [preview.ErrNotFound]: there is no such commit.
//
// GitHub answers with the address of another host, which is good for a few minutes and needs no token:
// https://docs.github.com/en/rest/repos/contents#download-a-repository-archive-tar
func (c *Client) Archive(ctx context.Context, repo preview.Repository, sha string) (io.ReadCloser, error) {
	doing := fmt.Sprintf("fetching the files of %s at %s", repo.FullName(), preview.ShortSHA(sha))
	if !validSHA(sha) {
		return nil, fmt.Errorf("%s: %q is not a commit's SHA", doing, sha)
	}
	address, err := c.archiveAddress(ctx, repo, sha)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: GitHub's answer holds no usable address", doing)
	}
	plain := &http.Client{ // no credentials, and no bound of time but the context's
		Transport:     c.http.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := plain.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, withoutAddress(err))
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%s: %w", doing, statusError(resp.StatusCode))
	}
	return resp.Body, nil
}

// archiveAddress asks where the archive is. The address is a secret while it is good: it is neither logged nor part of an
// error.
func (c *Client) archiveAddress(ctx context.Context, repo preview.Repository, sha string) (*url.URL, error) {
	req, err := c.to(repo, scopeRead).NewRequest(http.MethodGet, fmt.Sprintf("repos/%s/%s/tarball/%s", repo.Owner, repo.Name, sha), nil)
	if err != nil {
		return nil, err
	}
	t := &transport{
		client: c, access: access{installation: repo.Installation, repository: repo.ID, scope: scopeRead},
		next: c.http.Transport, staysFound: true,
	}
	ctx, cancel := context.WithTimeout(ctx, archiveTimeout)
	defer cancel()
	resp, err := t.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, withoutAddress(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		return nil, statusError(resp.StatusCode)
	}
	address, err := resp.Location()
	if err != nil || !c.servesArchives(address) {
		return nil, errors.New("GitHub's answer leads to a host that is not known to have archives")
	}
	return address, nil
}

// servesArchives tells whether a host is one that GitHub gives archives from: codeload.github.com for api.github.com, and
// on a GitHub Enterprise Server itself, or codeload. before its name.
func (c *Client) servesArchives(address *url.URL) bool {
	host := strings.TrimPrefix(c.base.Hostname(), "api.")
	return address.Scheme == c.base.Scheme && address.User == nil &&
		(address.Hostname() == c.base.Hostname() || address.Hostname() == "codeload."+host)
}

func statusError(code int) error {
	if code == http.StatusNotFound {
		return fmt.Errorf("GitHub answered 404: %w", preview.ErrNotFound)
	}
	return fmt.Errorf("GitHub answered %d", code)
}

// withoutAddress takes the URL off an error of package http.
func withoutAddress(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
