package terraform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"

	"github.com/gangway-dev/gangway/internal/preview"
)

// What is kept of a stack in a bucket, below its prefix. The first two are Terraform's
// (https://developer.hashicorp.com/terraform/language/backend/gcs): it takes every object that ends in .tfstate for a
// workspace, so ours do not.
const (
	stateObject   = "default.tfstate"
	lockObject    = "default.tflock"
	holderObject  = "holder.json"  // who runs Terraform, see [holder]
	unsavedObject = "unsaved.json" // a state that could not be saved
	damagedObject = "damaged.json" // a state that was replaced
)

// bucketEndpoint is the environment variable by which Terraform's backend finds another Cloud Storage; it ends with
// /storage/v1/. bucketToken holds the access token, where there is no better way to have one.
const (
	bucketEndpoint = "GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT"
	bucketToken    = "GOOGLE_OAUTH_ACCESS_TOKEN"
)

// maxState bounds what is read of a state. One of ours has a few kilobytes, and the document.
const maxState = 64 << 20

// A bucket holds states of the backend "gcs". It is safe for concurrent use.
type bucket struct {
	runner  *Runner
	service *storage.Service
	name    string
	grace   time.Duration // how long a lock that was left is seen before it is broken

	mu   sync.Mutex
	seen map[string]time.Time // locks that were left, by name and generation: when they were first seen
}

// newBucket uses the endpoint and the credentials that Terraform's backend has.
func newBucket(r *Runner) (*bucket, error) {
	options := []option.ClientOption{option.WithUserAgent("gangway")}
	endpoint, token := r.options.Env[bucketEndpoint], r.options.Env[bucketToken]
	if endpoint != "" {
		options = append(options, option.WithEndpoint(endpoint))
	}
	switch {
	case token != "":
		options = append(options, option.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token})))
	case endpoint != "":
		options = append(options, option.WithoutAuthentication())
	}
	service, err := storage.NewService(context.Background(), options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to the bucket of states: %w", err)
	}
	return &bucket{
		runner: r, service: service, name: r.options.Backend.Bucket, grace: r.options.LockGrace,
		seen: map[string]time.Time{},
	}, nil
}

func (f folder) object(name string) string { return path.Join(f.prefix, name) }

// fail says which object could not be worked on. [preview.ErrConflict]: it has changed meanwhile.
func (b *bucket) fail(doing, object string, err error) error {
	switch statusOf(err) {
	case http.StatusPreconditionFailed:
		return fmt.Errorf("%s gs://%s/%s: %w", doing, b.name, object, preview.ErrConflict)
	case http.StatusForbidden, http.StatusUnauthorized:
		return fmt.Errorf("%s gs://%s/%s: the aggregator's account needs storage.objects.get, list, create and delete there: %w", doing, b.name, object, err)
	}
	return fmt.Errorf("%s gs://%s/%s: %w", doing, b.name, object, err)
}

// statusOf is the status of an answer with an error; 0 when err is none.
func statusOf(err error) int {
	if e, ok := errors.AsType[*googleapi.Error](err); ok {
		return e.Code
	}
	return 0
}

// get reads an object; generation 0 is the live one. Without one it returns nothing and no error.
func (b *bucket) get(ctx context.Context, object string, generation int64) (kept, error) {
	call := b.service.Objects.Get(b.name, object).Context(ctx)
	if generation != 0 {
		call.Generation(generation)
	}
	answer, err := call.Download()
	if statusOf(err) == http.StatusNotFound {
		return kept{}, nil
	}
	if err != nil {
		return kept{}, b.fail("reading", object, err)
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxState+1))
	if err == nil && len(data) > maxState {
		err = fmt.Errorf("it has more than %d MB", maxState>>20)
	}
	if err != nil {
		return kept{}, b.fail("reading", object, err)
	}
	var found int64
	if _, err := fmt.Sscan(answer.Header.Get("X-Goog-Generation"), &found); err != nil {
		return kept{}, b.fail("reading the generation of", object, err)
	}
	return kept{data: data, generation: found}, nil
}

// put writes an object over the generation that it is known in; 0 is none.
func (b *bucket) put(ctx context.Context, object string, data []byte, over int64) error {
	_, err := b.service.Objects.Insert(b.name, &storage.Object{Name: object, ContentType: "application/json"}).
		IfGenerationMatch(over).Media(bytes.NewReader(data)).Fields("generation").Context(ctx).Do()
	if err != nil {
		return b.fail("writing", object, err)
	}
	return nil
}

// remove deletes an object in the generation that it is known in. One that isn't there is no error.
func (b *bucket) remove(ctx context.Context, object string, generation int64) error {
	err := b.service.Objects.Delete(b.name, object).IfGenerationMatch(generation).Context(ctx).Do()
	if err != nil && statusOf(err) != http.StatusNotFound {
		return b.fail("deleting", object, err)
	}
	return nil
}

// overwrite writes an object, whatever its generation is.
func (b *bucket) overwrite(ctx context.Context, object string, data []byte) error {
	old, err := b.get(ctx, object, 0)
	if err != nil {
		return err
	}
	return b.put(ctx, object, data, old.generation)
}

func (b *bucket) read(ctx context.Context, f folder) (kept, error) {
	return b.get(ctx, f.object(stateObject), 0)
}

// maxEarlier is how many former states are looked at: with the bucket's versions there may be many.
const maxEarlier = 20

func (b *bucket) earlier(ctx context.Context, f folder) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		object := f.object(stateObject)
		var generations []int64
		err := b.service.Objects.List(b.name).Prefix(object).Versions(true).Fields("nextPageToken", "items(name,generation,timeDeleted)").
			Pages(ctx, func(page *storage.Objects) error {
				for _, item := range page.Items {
					if item.Name == object && item.TimeDeleted != "" {
						generations = append(generations, item.Generation)
					}
				}
				return nil
			})
		if err != nil {
			yield(nil, b.fail("listing the versions of", object, err))
			return
		}
		slices.Sort(generations)
		slices.Reverse(generations)
		for _, generation := range generations[:min(maxEarlier, len(generations))] {
			found, err := b.get(ctx, object, generation)
			if !yield(found.data, err) || err != nil {
				return
			}
		}
	}
}

// replace keeps the damaged state beside it: a bucket need not keep versions.
func (b *bucket) replace(ctx context.Context, f folder, damaged kept, data []byte) error {
	if err := b.overwrite(ctx, f.object(damagedObject), damaged.data); err != nil {
		return err
	}
	if data == nil {
		return b.remove(ctx, f.object(stateObject), damaged.generation)
	}
	return b.put(ctx, f.object(stateObject), data, damaged.generation)
}

func (b *bucket) unsaved(ctx context.Context, f folder) ([]byte, error) {
	found, err := b.get(ctx, f.object(unsavedObject), 0)
	return found.data, err
}

func (b *bucket) keepUnsaved(ctx context.Context, f folder, data []byte) error {
	return b.overwrite(ctx, f.object(unsavedObject), data)
}

func (b *bucket) dropUnsaved(ctx context.Context, f folder) error {
	found, err := b.get(ctx, f.object(unsavedObject), 0)
	if err != nil || found.generation == 0 {
		return err
	}
	return b.remove(ctx, f.object(unsavedObject), found.generation)
}

func (b *bucket) shelveUnsaved(ctx context.Context, f folder, data []byte, suffix string) error {
	if err := b.overwrite(ctx, f.object(unsavedObject+suffix), data); err != nil {
		return err
	}
	return b.dropUnsaved(ctx, f)
}

// forget deletes the state last: while it is there, the stack is found.
func (b *bucket) forget(ctx context.Context, f folder, k kept) error {
	var found []*storage.Object
	err := b.objects(ctx, f.prefix+"/", func(o *storage.Object) { found = append(found, o) })
	if err != nil {
		return err
	}
	for _, o := range found {
		switch {
		case o.Name == f.object(lockObject):
			return fmt.Errorf("forgetting the stack in gs://%s/%s: %w", b.name, f.prefix, ErrLocked)
		case o.Name == f.object(stateObject):
			continue
		}
		if err := b.remove(ctx, o.Name, o.Generation); err != nil {
			return err
		}
	}
	if k.generation == 0 {
		return nil
	}
	return b.remove(ctx, f.object(stateObject), k.generation)
}

// objects calls do for each live object whose name begins with prefix.
func (b *bucket) objects(ctx context.Context, prefix string, do func(*storage.Object)) error {
	err := b.service.Objects.List(b.name).Prefix(prefix).Fields("nextPageToken", "items(name,generation)").
		Pages(ctx, func(page *storage.Objects) error {
			for _, item := range page.Items {
				do(item)
			}
			return nil
		})
	if err != nil {
		return b.fail("listing", prefix, err)
	}
	return nil
}

// list returns the previews of which there is any object, in order: also those that a killed run has left no state of.
func (b *bucket) list(ctx context.Context) ([]preview.Key, error) {
	prefix := b.runner.folderOf("").prefix
	var keys []preview.Key
	err := b.objects(ctx, prefix, func(o *storage.Object) {
		if key, ok := keyOf(strings.TrimPrefix(path.Dir(o.Name), prefix)); ok && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	})
	return keys, err
}
