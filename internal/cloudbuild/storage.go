package cloudbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"cloud.google.com/go/cloudbuild/apiv1/v2/cloudbuildpb"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/storage/v1"

	"github.com/gangway-dev/gangway/internal/preview"
)

const (
	uploadTimeout = 5 * time.Minute
	uploadChunk   = 4 << 20  // kept in memory, so that it can be sent again
	maxBucketLog  = 64 << 10 // of the end of a log in a bucket
)

// Archives fetches the files of a commit from where the code is: a tar, gzipped, with all paths below one folder.
// [preview.ErrNotFound]: there is no such commit.
type Archives interface {
	Archive(ctx context.Context, repo preview.Repository, sha string) (io.ReadCloser, error)
}

// sourceObject is what the files of a commit are called in the source bucket. Whoever can't list the bucket has to know
// the commit to read them.
func sourceObject(r preview.BuildRequest) string {
	return fmt.Sprintf("source/%d/%s.tar.gz", r.Repository.ID, r.SHA)
}

// upload puts the files of the request's commit into the source bucket unless they are there. An object is written as a
// whole or not at all, and never again, so one of that name is right.
func (c *Client) upload(ctx context.Context, r preview.BuildRequest) (*cloudbuildpb.StorageSource, error) {
	if c.storage == nil || c.archives == nil {
		return nil, errors.New("uploading sources: this process was not told where Cloud Storage is")
	}
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()
	object, err := c.stored(ctx, r)
	// Of an object that is not there, Cloud Storage says 403 to those who may not list the bucket.
	if code := httpCode(err); code == http.StatusNotFound || code == http.StatusForbidden {
		object, err = c.send(ctx, r)
		if httpCode(err) == http.StatusPreconditionFailed { // another one was faster, or this one's first try arrived
			object, err = c.stored(ctx, r)
		}
	}
	if err != nil {
		return nil, storageError(r.SourceBucket, err)
	}
	return &cloudbuildpb.StorageSource{Bucket: r.SourceBucket, Object: object.Name, Generation: object.Generation}, nil
}

func (c *Client) stored(ctx context.Context, r preview.BuildRequest) (*storage.Object, error) {
	return c.storage.Objects.Get(r.SourceBucket, sourceObject(r)).Fields("name", "generation").Context(ctx).Do()
}

// errUploadEnded is what packing ends with when nobody takes more of it.
var errUploadEnded = errors.New("the upload has ended")

// send fetches, repacks and uploads, all in one stream.
func (c *Client) send(ctx context.Context, r preview.BuildRequest) (*storage.Object, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	archive, err := c.archives.Archive(ctx, r.Repository, r.SHA)
	if err != nil {
		return nil, fmt.Errorf("fetching the files of commit %s: %w", preview.ShortSHA(r.SHA), err)
	}
	defer func() { _ = archive.Close() }()
	reader, writer := io.Pipe()
	repacked := make(chan error, 1)
	go func() {
		err := repack(writer, archive, r.SHA, archiveLimits)
		_ = writer.CloseWithError(err)
		repacked <- err
	}()
	object, err := c.storage.Objects.Insert(r.SourceBucket, &storage.Object{Name: sourceObject(r), ContentType: "application/gzip"}).
		IfGenerationMatch(0).Media(reader, googleapi.ChunkSize(uploadChunk)).Fields("name", "generation").Context(ctx).Do()
	_ = reader.CloseWithError(errUploadEnded)
	if err != nil {
		cancel() // nothing is read any more
	}
	if packing := <-repacked; packing != nil && !errors.Is(packing, errUploadEnded) && httpCode(err) == 0 {
		return nil, packing // the upload failed because of it
	}
	return object, err
}

// storageError turns Cloud Storage's errors into the core's.
func storageError(bucket string, err error) error {
	doing := fmt.Errorf("putting sources into the bucket %s: %w", bucket, err)
	switch httpCode(err) {
	case http.StatusNotFound:
		return &preview.UserError{
			Summary: fmt.Sprintf("The bucket for sources, %s, does not exist", bucket), Detail: err.Error(),
			Hint: "Ask your operator to make it, or to correct source_bucket in Gangway's configuration.",
		}
	case http.StatusForbidden, http.StatusUnauthorized:
		return &preview.UserError{
			Summary: fmt.Sprintf("Gangway may not put sources into the bucket %s", bucket), Detail: err.Error(),
			Hint: "Ask your operator to grant the intake's account storage.objects.create and storage.objects.get on it, then push again.",
		}
	}
	return doing
}

// httpCode is the status of an answer with an error, 0 when err is none.
func httpCode(err error) int {
	if e, ok := errors.AsType[*googleapi.Error](err); ok {
		return e.Code
	}
	return 0
}

// bucketLog reads the last lines of a step from the bucket that the build's log is put into:
// https://cloud.google.com/build/docs/securing-builds/store-manage-build-logs
func (c *Client) bucketLog(ctx context.Context, b *cloudbuildpb.Build, step string) ([]string, error) {
	bucket, folder, _ := strings.Cut(strings.TrimPrefix(b.GetLogsBucket(), "gs://"), "/")
	if c.storage == nil || bucket == "" {
		return nil, nil
	}
	call := c.storage.Objects.Get(bucket, path.Join(folder, "log-"+b.GetId()+".txt")).Context(ctx)
	call.Header().Set("Range", fmt.Sprintf("bytes=-%d", maxBucketLog))
	answer, err := call.Download()
	if code := httpCode(err); code == http.StatusNotFound || code == http.StatusRequestedRangeNotSatisfiable {
		return nil, nil // nothing was written yet
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxBucketLog))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusPartialContent && len(data) == maxBucketLog {
		_, data, _ = bytes.Cut(data, []byte("\n")) // the rest of a line
	}
	return linesOf(string(data), step), nil
}

// linesOf are the lines of one step in a log of all: those begin with the step's name, Cloud Build's own with none.
func linesOf(text, step string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		rest, ok := strings.CutPrefix(line, step+": ")
		if ok || step == mainStepName && line != "" && !strings.HasPrefix(line, "Step #") {
			lines = append(lines, rest)
		}
	}
	return lines
}
