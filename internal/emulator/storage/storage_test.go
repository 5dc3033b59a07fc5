package storage_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	api "google.golang.org/api/storage/v1"

	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/emulator/storage"
)

const bucket = "states"

type world struct {
	t      *testing.T
	server *storage.Server
	url    string
	client *api.Service
}

func newWorld(t *testing.T, dir string, access *iam.Access, token string) *world {
	t.Helper()
	server, err := storage.New(storage.Options{
		Dir: dir, Access: access,
		Buckets:   []storage.Bucket{{Name: bucket, Versions: true}, {Name: "plain"}},
		Violation: func(v conformance.Violation) { t.Error(v) },
	})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server)
	t.Cleanup(front.Close)
	client := &http.Client{Transport: bearer(token)}
	service, err := api.NewService(t.Context(), option.WithEndpoint(front.URL+"/storage/v1/"), option.WithHTTPClient(client))
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, server, front.URL, service}
}

type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if b != "" {
		r.Header.Set("Authorization", "Bearer "+string(b))
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (w *world) put(bucket, name, text string, change ...func(*api.ObjectsInsertCall)) (*api.Object, error) {
	call := w.client.Objects.Insert(bucket, &api.Object{Name: name}).Media(strings.NewReader(text), googleapi.ContentType("text/plain"))
	for _, c := range change {
		c(call)
	}
	return call.Do()
}

func (w *world) mustPut(bucket, name, text string) *api.Object {
	w.t.Helper()
	o, err := w.put(bucket, name, text)
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

func (w *world) text(bucket, name string, generation int64) string {
	w.t.Helper()
	call := w.client.Objects.Get(bucket, name)
	if generation != 0 {
		call.Generation(generation)
	}
	answer, err := call.Download()
	if err != nil {
		return "status " + http.StatusText(code(err))
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

func code(err error) int {
	if e, ok := errors.AsType[*googleapi.Error](err); ok {
		return e.Code
	}
	return 0
}

func TestGenerations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir, nil, "")
	first := w.mustPut(bucket, "a/default.tfstate", "one")
	second := w.mustPut(bucket, "a/default.tfstate", "two")
	if second.Generation <= first.Generation {
		t.Errorf("generation %d follows %d", second.Generation, first.Generation)
	}
	_, err := w.put(bucket, "a/default.tfstate", "three", func(c *api.ObjectsInsertCall) { c.IfGenerationMatch(first.Generation) })
	if code(err) != http.StatusPreconditionFailed {
		t.Errorf("writing over another generation: %v", err)
	}
	_, err = w.put(bucket, "a/default.tfstate", "three", func(c *api.ObjectsInsertCall) { c.IfGenerationMatch(0) })
	if code(err) != http.StatusPreconditionFailed {
		t.Errorf("writing over what is there: %v", err)
	}
	err = w.client.Objects.Delete(bucket, "a/default.tfstate").IfGenerationMatch(first.Generation).Do()
	if code(err) != http.StatusPreconditionFailed {
		t.Errorf("deleting another generation: %v", err)
	}
	w = newWorld(t, dir, nil, "") // a restart
	if err := w.client.Objects.Delete(bucket, "a/default.tfstate").IfGenerationMatch(second.Generation).Do(); err != nil {
		t.Error(err)
	}
	got := []string{
		w.text(bucket, "a/default.tfstate", 0), w.text(bucket, "a/default.tfstate", first.Generation),
		w.text(bucket, "a/default.tfstate", second.Generation),
	}
	if diff := cmp.Diff([]string{"status Not Found", "one", "two"}, got); diff != "" {
		t.Error(diff)
	}
	if err := w.client.Objects.Delete(bucket, "a/default.tfstate").Generation(first.Generation).Do(); err != nil {
		t.Error(err)
	}
	if got := w.text(bucket, "a/default.tfstate", first.Generation); got != "status Not Found" {
		t.Errorf("a version that was deleted for good is %q", got)
	}
	plain := w.mustPut("plain", "x", "one")
	w.mustPut("plain", "x", "two")
	if got := w.text("plain", "x", plain.Generation); got != "status Not Found" {
		t.Errorf("a bucket without versions has kept %q", got)
	}
}

// TestUploads writes in one request, in two parts and in pieces.
func TestUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), nil, "")
	large := strings.Repeat("0123456789abcdef", 50_000)
	o, err := w.client.Objects.Insert(bucket, &api.Object{Name: "large", ContentType: "text/plain"}).
		Media(strings.NewReader(large), googleapi.ChunkSize(googleapi.MinUploadChunkSize)).IfGenerationMatch(0).Do()
	if err != nil {
		t.Fatal(err)
	}
	if o.Size != uint64(len(large)) || w.text(bucket, "large", 0) != large {
		t.Errorf("an upload in pieces has %d bytes, want %d", o.Size, len(large))
	}
	_, err = w.client.Objects.Insert(bucket, &api.Object{Name: "large"}).
		Media(strings.NewReader(large), googleapi.ChunkSize(googleapi.MinUploadChunkSize)).IfGenerationMatch(0).Do()
	if code(err) != http.StatusPreconditionFailed {
		t.Errorf("a second upload: %v", err)
	}
	answer, err := http.Post(w.url+"/upload/storage/v1/b/"+bucket+"/o?uploadType=media&name=small", "text/plain", strings.NewReader("small"))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if got := w.text(bucket, "small", 0); answer.StatusCode != http.StatusOK || got != "small" {
		t.Errorf("an upload in one: %s, %q", answer.Status, got)
	}
	if _, err := w.put("nowhere", "x", "y"); code(err) != http.StatusNotFound {
		t.Errorf("into no bucket: %v", err)
	}
	if _, err := w.put(bucket, "", "y"); code(err) != http.StatusBadRequest {
		t.Errorf("without a name: %v", err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), nil, "")
	for _, name := range []string{"p/b/1", "p/a/1", "p/a/2", "q", "p/c"} {
		w.mustPut(bucket, name, "x")
	}
	w.mustPut(bucket, "p/a/1", "y")
	names := func(call *api.ObjectsListCall) (list []string) {
		for token := ""; ; {
			answer, err := call.PageToken(token).MaxResults(1).Do()
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range answer.Items {
				list = append(list, o.Name)
			}
			list = append(list, answer.Prefixes...)
			if token = answer.NextPageToken; token == "" {
				return list
			}
		}
	}
	for name, c := range map[string]struct {
		call *api.ObjectsListCall
		want []string
	}{
		"all":      {w.client.Objects.List(bucket), []string{"p/a/1", "p/a/2", "p/b/1", "p/c", "q"}},
		"prefix":   {w.client.Objects.List(bucket).Prefix("p/a/"), []string{"p/a/1", "p/a/2"}},
		"folders":  {w.client.Objects.List(bucket).Prefix("p/").Delimiter("/"), []string{"p/a/", "p/b/", "p/c"}},
		"versions": {w.client.Objects.List(bucket).Prefix("p/a/1").Versions(true), []string{"p/a/1", "p/a/1"}},
		"nothing":  {w.client.Objects.List(bucket).Prefix("r"), nil},
	} {
		if diff := cmp.Diff(c.want, names(c.call)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// TestXML reads objects as Google's client library for Go does.
func TestXML(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), nil, "")
	w.mustPut(bucket, "a/b", "text")
	for path, want := range map[string]string{
		"/" + bucket + "/a/b":   "200 text",
		"/" + bucket + "/a%2Fb": "200 text",
		"/" + bucket + "/a":     "404 <?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>",
	} {
		answer, err := http.Get(w.url + path)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if got := answer.Status[:4] + string(data); err != nil || got != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}

// TestOneWins creates the same object many times at once.
func TestOneWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), nil, "")
	var wg sync.WaitGroup
	won := make(chan string, 20)
	for range cap(won) {
		wg.Go(func() {
			if o, err := w.put(bucket, "lock", "x", func(c *api.ObjectsInsertCall) { c.IfGenerationMatch(0) }); err == nil {
				won <- o.Name
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d have the lock", len(won))
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	const account = "a@b"
	mine := []string{"buckets/" + bucket + "/objects/mine/"}
	for permission, want := range map[string]string{
		"":                       "put 403, over 403, get 403, absent 403, list 403, delete 403",
		"storage.objects.create": "put 200, over 403, get 403, absent 403, list 403, delete 403",
		"storage.objects.get":    "put 403, over 403, get 200, absent 403, list 403, delete 403",
		"storage.objects.list":   "put 403, over 403, get 403, absent 403, list 200, delete 403",
		"storage.objects.delete": "put 403, over 403, get 403, absent 403, list 403, delete 200",
		"all":                    "put 200, over 200, get 200, absent 404, list 200, delete 200",
		"elsewhere":              "put 403, over 403, get 403, absent 403, list 403, delete 403",
	} {
		has, on := []string{permission}, mine
		if permission == "all" || permission == "elsewhere" {
			has = []string{"storage.objects.create", "storage.objects.get", "storage.objects.list", "storage.objects.delete"}
		}
		if permission == "elsewhere" {
			on = []string{"buckets/" + bucket + "/objects/theirs/"}
		}
		access := iam.New(iam.Binding{Account: account, Permissions: has, On: on})
		w := newWorld(t, t.TempDir(), access, access.Token(account))
		if err := w.server.Put(t.Context(), bucket, "mine/there", []byte("x")); err != nil {
			t.Fatal(err)
		}
		status := func(err error) string {
			if err == nil {
				return " 200"
			}
			return " " + http.StatusText(code(err))
		}
		_, put := w.put(bucket, "mine/new", "x", func(c *api.ObjectsInsertCall) { c.IfGenerationMatch(0) })
		_, over := w.put(bucket, "mine/there", "y")
		_, get := w.client.Objects.Get(bucket, "mine/there").Do()
		_, absent := w.client.Objects.Get(bucket, "mine/absent").Do()
		_, list := w.client.Objects.List(bucket).Prefix("mine/").Do()
		del := w.client.Objects.Delete(bucket, "mine/there").Do()
		got := "put" + status(put) + ", over" + status(over) + ", get" + status(get) + ", absent" + status(absent) +
			", list" + status(list) + ", delete" + status(del)
		got = strings.NewReplacer("Forbidden", "403", "Not Found", "404").Replace(got)
		if got != want {
			t.Errorf("with %q: %s, want %s", permission, got, want)
		}
	}
	access := iam.New()
	w := newWorld(t, t.TempDir(), access, "unknown")
	if _, err := w.client.Objects.List(bucket).Do(); code(err) != http.StatusUnauthorized {
		t.Errorf("an unknown token: %v", err)
	}
}
