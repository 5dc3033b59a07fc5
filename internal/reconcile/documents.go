package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync"
	"time"

	"github.com/gangway-dev/gangway/internal/openapi"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/report"
)

// GitHub is what the aggregator asks of GitHub. The Write methods edit what id names, look for what was written before
// when it is 0, and return the id.
type GitHub interface {
	OpenPullRequests(ctx context.Context, repo preview.Repository) ([]int, error)
	RedeliverFailed(ctx context.Context, since time.Time) (int, error)
	Reader
	Writer
}

// A Reader reads what is in repositories.
type Reader interface {
	Content(ctx context.Context, repo preview.Repository, path, sha string) ([]byte, error)
	BranchHead(ctx context.Context, repo preview.Repository, branch string) (string, error)
	MergeBase(ctx context.Context, repo preview.Repository, base, head string) (string, error) // of two SHAs
}

// A Writer writes what people see on a pull request.
type Writer interface {
	WriteComment(ctx context.Context, repo preview.Repository, number int, id int64, c report.Comment) (int64, error)
	WriteCheckRun(ctx context.Context, repo preview.Repository, id int64, c report.CheckRun) (int64, error)
	WriteDeployment(ctx context.Context, repo preview.Repository, d report.Deployment) (int64, error)
	WriteDeploymentStatus(ctx context.Context, repo preview.Repository, id int64, s report.DeploymentStatus) error
	Deployments(ctx context.Context, repo preview.Repository, task, purpose string) ([]int64, error) // those that are not inactive
}

// Bounds of the cache, in files and in bytes; the oldest are dropped.
const (
	maxDocuments     = 2000
	maxDocumentBytes = 128 << 20
)

// documents keeps OpenAPI documents. A file at a commit never changes, so that an entry is right for ever.
type documents struct {
	github Reader

	mu    sync.Mutex
	known map[documentKey][]byte
	order []documentKey
	bytes int
	bases map[[3]string]string // merge bases of two commits of a repository
}

type documentKey struct {
	repository int64
	path, sha  string
}

func newDocuments(github Reader) *documents {
	return &documents{github: github, known: map[documentKey][]byte{}, bases: map[[3]string]string{}}
}

// read returns a file at a commit. The bytes are shared: nobody may change them.
func (d *documents) read(ctx context.Context, repo preview.Repository, path, sha string) ([]byte, error) {
	key := documentKey{repository: repo.ID, path: path, sha: sha}
	d.mu.Lock()
	content, ok := d.known[key]
	d.mu.Unlock()
	if ok {
		return content, nil
	}
	content, err := d.github.Content(ctx, repo, path, sha)
	if err != nil {
		return nil, fmt.Errorf("reading %s at %s: %w", path, preview.ShortSHA(sha), err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.known[key]; !ok {
		d.known[key] = content
		d.order = append(d.order, key)
		d.bytes += len(content)
	}
	for len(d.order) > maxDocuments || d.bytes > maxDocumentBytes {
		d.bytes -= len(d.known[d.order[0]])
		delete(d.known, d.order[0])
		d.order = d.order[1:]
	}
	return content, nil
}

// mergeBase is where two commits' histories part. That never changes either.
func (d *documents) mergeBase(ctx context.Context, repo preview.Repository, base, head string) (string, error) {
	key := [3]string{strconv.FormatInt(repo.ID, 10), base, head}
	d.mu.Lock()
	known, ok := d.bases[key]
	d.mu.Unlock()
	if ok {
		return known, nil
	}
	found, err := d.github.MergeBase(ctx, repo, base, head)
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.bases) >= maxDocuments {
		clear(d.bases)
	}
	d.bases[key] = found
	return found, nil
}

// at are the files of a repository at a commit, as a composition asks for them.
func (d *documents) at(ctx context.Context, repo preview.Repository, sha string) openapi.Files {
	return openapi.FilesFunc(func(path string) ([]byte, error) {
		content, err := d.read(ctx, repo, path, sha)
		if errors.Is(err, preview.ErrNotFound) {
			return nil, fs.ErrNotExist
		}
		if refused, ok := errors.AsType[*preview.UserError](err); ok {
			return nil, fmt.Errorf("%w: %s", openapi.ErrNotRegular, refused.Summary)
		}
		return content, err
	})
}
