package cloudrun_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/cloudrun"
	emulator "github.com/gangway-dev/gangway/internal/emulator/cloudrun"
	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/identity"
	"github.com/gangway-dev/gangway/internal/emulator/image"
	"github.com/gangway-dev/gangway/internal/emulator/process"
	"github.com/gangway-dev/gangway/internal/preview"
)

const (
	role       = "CLOUDRUN_TEST_REVISION"
	repository = "us-docker.pkg.dev/shop/images/orders"
	path       = "/v2/projects/shop/locations/us-central1/services/orders"
)

var orders = preview.ServiceRef{Project: "shop", Region: "us-central1", Name: "orders"}

func TestMain(m *testing.M) {
	process.Main()
	if os.Getenv(role) != "" {
		server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), ReadHeaderTimeout: time.Minute}
		fmt.Println(server.ListenAndServe())
		os.Exit(3)
	}
	os.Exit(m.Run())
}

type images struct{}

func (images) Get(ref string) (image.Image, error) {
	if strings.HasSuffix(ref, digest('0')) {
		return image.Image{}, image.ErrNotFound
	}
	return image.Image{Config: image.Config{Entrypoint: []string{os.Args[0]}, Env: []string{role + "=1"}}, Root: os.TempDir()}, nil
}

func digest(c rune) string { return "@sha256:" + strings.Repeat(string(c), 64) }

// A cloud is the emulated Cloud Run, how somebody else sees it, and the client under test.
type cloud struct {
	*testing.T
	url    string
	client *cloudrun.Client
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	tokens, err := identity.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server, err := emulator.New(emulator.Options{
		Dir: t.TempDir(), Images: images{}, Identity: tokens, EdgePort: func() int { return 8080 }, StartTimeout: time.Minute,
		Violation: conformance.Fail(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	far := httptest.NewServer(server)
	t.Cleanup(far.Close)
	c := &cloud{T: t, url: far.URL}
	c.client = c.another()
	return c
}

// another is the client of another process.
func (c *cloud) another() *cloudrun.Client {
	c.Helper()
	client, err := cloudrun.New(c.Context(), cloudrun.Options{Endpoint: c.url, Backoff: time.Millisecond})
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { _ = client.Close() })
	return client
}

type object = map[string]any

// try calls the API as somebody else does.
func (c *cloud) try(method, path string, body any) (int, object) {
	data, err := json.Marshal(body)
	if err != nil {
		return 0, object{"error": err.Error()}
	}
	if body == nil {
		data = nil
	}
	req, err := http.NewRequestWithContext(c.Context(), method, c.url+path, bytes.NewReader(data))
	if err != nil {
		return 0, object{"error": err.Error()}
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, object{"error": err.Error()}
	}
	defer func() { _ = answer.Body.Close() }()
	var o object
	data, _ = io.ReadAll(answer.Body)
	_ = json.Unmarshal(data, &o)
	return answer.StatusCode, o
}

func (c *cloud) call(method, path string, body any) object {
	c.Helper()
	code, o := c.try(method, path, body)
	if code != 200 {
		c.Fatalf("%s %s: status %d: %v", method, path, code, o)
	}
	return o
}

// liveTemplate has something in every kind of field that a revision takes over.
func liveTemplate() object {
	return object{
		"revision": "orders-live", "labels": object{"team": "shop", "commit": "abc", "gangway-preview": "old"},
		"annotations":                   object{"example.com/note": "x"},
		"scaling":                       object{"minInstanceCount": 3, "maxInstanceCount": 7},
		"vpcAccess":                     object{"connector": "projects/shop/locations/us-central1/connectors/c", "egress": 2},
		"timeout":                       "60s",
		"serviceAccount":                "live@shop.iam.gserviceaccount.com",
		"maxInstanceRequestConcurrency": 11,
		"executionEnvironment":          2,
		"encryptionKey":                 "projects/shop/locations/l/keyRings/r/cryptoKeys/k",
		"sessionAffinity":               true,
		"volumes":                       []object{{"name": "tmp", "emptyDir": object{"medium": 1, "sizeLimit": "1Mi"}}},
		"containers": []object{
			{
				"name": "app", "image": repository + digest('a'), "ports": []object{{"name": "http1", "containerPort": 9000}},
				"env":          []object{{"name": "MODE", "value": "live"}, {"name": "KEEP", "value": "yes"}},
				"resources":    object{"limits": object{"cpu": "2", "memory": "1Gi"}},
				"volumeMounts": []object{{"name": "tmp", "mountPath": "/tmp/x"}},
			},
			{"name": "sidecar", "image": repository + digest('b'), "env": []object{{"name": "PORT_OF_SIDECAR", "value": "9"}}},
		},
	}
}

// create makes the service with the revisions orders-live (90 %) and orders-old (10 %, also tagged stable).
func (c *cloud) create() {
	c.Helper()
	old := liveTemplate()
	old["revision"] = "orders-old"
	c.call("POST", strings.TrimSuffix(path, "/orders")+"?serviceId=orders", object{"template": old})
	c.call("PATCH", path+"?updateMask=template,traffic", object{"template": liveTemplate(), "traffic": foreignTraffic()})
	c.settle()
}

func foreignTraffic() []object {
	return []object{
		{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "orders-live", "percent": 90},
		{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "orders-old", "percent": 10, "tag": "stable"},
	}
}

func (c *cloud) settle() object {
	c.Helper()
	for range 3000 {
		if v := c.call("GET", path, nil); v["reconciling"] == false {
			return v
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.Fatal("the service doesn't settle")
	return nil
}

func deployment(tag, name string, content rune) preview.Deployment {
	return preview.Deployment{
		Service: orders, Tag: tag, Revision: name, Image: repository + digest(content),
		Labels: map[string]string{
			preview.LabelInstallation: "test", preview.LabelPreview: "hash-of-" + tag, preview.LabelCommit: "def",
		},
		Env:            map[string]string{"MODE": "preview", "CATALOG_URL": "http://catalog"},
		Secrets:        map[string]preview.SecretSource{},
		ServiceAccount: "preview@shop.iam.gserviceaccount.com",
	}
}

// foreign are the entries of a traffic list whose tag doesn't begin with pr-.
func foreign(v object) []any {
	var others []any
	entries, _ := v["traffic"].([]any)
	for _, t := range entries {
		if tag, _ := t.(object)["tag"].(string); !strings.HasPrefix(tag, "pr-") {
			others = append(others, t)
		}
	}
	return others
}

func (c *cloud) deploy(d preview.Deployment) {
	c.Helper()
	if err := c.client.Deploy(c.Context(), d); err != nil {
		c.Fatal(err)
	}
}

func TestDeployDerivesFromTheLiveRevision(t *testing.T) {
	c := newCloud(t)
	c.create()
	first := deployment("pr-1", "orders-pr-1", 'c')
	first.Env["ONLY_OF_THE_FIRST"] = "x"
	c.deploy(first)
	c.deploy(deployment("pr-2", "orders-pr-2", 'd'))
	c.settle()
	got := c.call("GET", path+"/revisions/orders-pr-2", nil)
	want := c.call("GET", path+"/revisions/orders-live", nil)
	for _, own := range []string{"name", "uid", "etag", "createTime", "updateTime", "conditions", "logUri"} {
		delete(got, own)
		delete(want, own)
	}
	want["labels"] = object{
		"team": "shop", "commit": "abc", preview.LabelInstallation: "test", preview.LabelPreview: "hash-of-pr-2",
		preview.LabelCommit: "def", preview.LabelTemplate: "orders-live",
	}
	want["scaling"] = object{"maxInstanceCount": 7.0}
	want["serviceAccount"] = "preview@shop.iam.gserviceaccount.com"
	app := want["containers"].([]any)[0].(object)
	app["image"] = repository + digest('d')
	app["env"] = []any{
		object{"name": "MODE", "value": "preview"},
		object{"name": "KEEP", "value": "yes"},
		object{"name": "CATALOG_URL", "value": "http://catalog"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("revision (-want +got):\n%s", diff)
	}
}

func TestDeployTouchesOnlyItsTag(t *testing.T) {
	c := newCloud(t)
	c.create()
	before := foreign(c.call("GET", path, nil))
	c.deploy(deployment("pr-1", "orders-pr-1", 'c'))
	c.deploy(deployment("pr-2", "orders-pr-2", 'c'))
	c.deploy(deployment("pr-1", "orders-pr-1-b", 'd')) // a new head
	v := c.settle()
	if diff := cmp.Diff(before, foreign(v)); diff != "" {
		t.Errorf("foreign entries (-before +after):\n%s", diff)
	}
	service, err := c.client.Service(t.Context(), orders)
	if err != nil {
		t.Fatal(err)
	}
	for tag, revision := range map[string]string{"pr-1": "orders-pr-1-b", "pr-2": "orders-pr-2"} {
		entry, ok := service.Tagged(tag)
		want := strings.Replace(service.URL, "://", "://"+tag+"---", 1)
		if !ok || entry.Revision != revision || entry.URL != want || entry.Percent != 0 {
			t.Errorf("tag %s: %+v, want revision %s and URL %s", tag, entry, revision, want)
		}
	}
	revision, err := c.client.Revision(t.Context(), orders, "orders-pr-2")
	if err != nil {
		t.Fatal(err)
	}
	if revision.Readiness != preview.ReadinessReady || revision.Image != repository+digest('c') || revision.Created.IsZero() {
		t.Errorf("revision %+v", revision)
	}
	generation := c.call("GET", path, nil)["generation"]
	c.deploy(deployment("pr-2", "orders-pr-2", 'c')) // again changes nothing
	if now := c.call("GET", path, nil)["generation"]; now != generation {
		t.Errorf("generation %v after deploying the same again, want %v", now, generation)
	}
}

func TestDeployRefuses(t *testing.T) {
	latest := []object{{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}}
	pinned := []object{{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "orders-live", "percent": 100}}
	tests := map[string]struct {
		traffic []object
		change  func(*preview.Deployment)
		hint    string
	}{
		"traffic follows the latest revision": {traffic: latest, hint: "gangway pin orders"},
		"a tag follows the latest revision": {
			traffic: append([]object{{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "tag": "next"}}, pinned...),
			hint:    "gangway pin orders",
		},
		"no such service": {traffic: pinned, change: func(d *preview.Deployment) { d.Service.Name = "users" }, hint: "base branch"},
		"somebody else's tag": {
			traffic: append([]object{{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "orders-old", "tag": "pr-1"}}, pinned...),
			hint:    "Remove that tag",
		},
		"revision with another image": {
			traffic: pinned, change: func(d *preview.Deployment) { d.Revision = "orders-old" }, hint: "another commit",
		},
		"tag too long": {traffic: pinned, change: func(d *preview.Deployment) { d.Tag = "pr-" + strings.Repeat("1", 60) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			c.create()
			c.call("PATCH", path+"?updateMask=traffic", object{"traffic": tt.traffic})
			before := c.settle()
			d := deployment("pr-1", "orders-pr-1", 'c')
			if tt.change != nil {
				tt.change(&d)
			}
			err := c.client.Deploy(t.Context(), d)
			refusal, ok := errors.AsType[*preview.UserError](err)
			if !ok || !strings.Contains(refusal.Hint, tt.hint) {
				t.Fatalf("error %v, want a UserError with hint %q", err, tt.hint)
			}
			if diff := cmp.Diff(before, c.call("GET", path, nil)); diff != "" {
				t.Errorf("service (-before +after):\n%s", diff)
			}
		})
	}
}

func TestPin(t *testing.T) {
	c := newCloud(t)
	c.create()
	c.call("PATCH", path+"?updateMask=traffic", object{"traffic": []object{
		{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 90, "tag": "next"},
		{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "orders-old", "percent": 10},
	}})
	c.settle()
	for _, want := range []string{"orders-live", ""} {
		if got, err := c.client.Pin(t.Context(), orders); err != nil || got != want {
			t.Fatalf("Pin: %q, %v; want %q", got, err, want)
		}
	}
	service, err := c.client.Service(t.Context(), orders)
	if err != nil {
		t.Fatal(err)
	}
	c.settle()
	if entry, _ := service.Tagged("next"); entry.Revision != "orders-live" || entry.Percent != 90 || entry.Latest {
		t.Errorf("entry %+v", entry)
	}
	c.deploy(deployment("pr-1", "orders-pr-1", 'c'))
}

func TestRemoveTag(t *testing.T) {
	owner := map[string]string{preview.LabelInstallation: "test", preview.LabelPreview: "hash-of-pr-1"}
	tests := map[string]struct {
		tag   string
		owner map[string]string
		gone  bool
	}{
		"ours":                {"pr-1", owner, true},
		"another preview's":   {"pr-1", map[string]string{preview.LabelPreview: "other"}, false},
		"somebody else's":     {"stable", owner, false},
		"not there":           {"pr-9", owner, true},
		"label that is empty": {"stable", map[string]string{"missing": ""}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			c.create()
			c.deploy(deployment("pr-1", "orders-pr-1", 'c'))
			before := foreign(c.settle())
			if err := c.client.RemoveTag(t.Context(), orders, tt.tag, tt.owner); err != nil {
				t.Fatal(err)
			}
			service, err := c.client.Service(t.Context(), orders)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := service.Tagged(tt.tag); ok == tt.gone {
				t.Errorf("tag is there: %t", ok)
			}
			if diff := cmp.Diff(before, foreign(c.settle())); diff != "" {
				t.Errorf("foreign entries (-before +after):\n%s", diff)
			}
		})
	}
	c := newCloud(t)
	if err := c.client.RemoveTag(t.Context(), orders, "pr-1", owner); err != nil {
		t.Errorf("no service: %v", err)
	}
}

// A tag of ours that somebody gave traffic to: the share belongs to them.
func TestShareOfOurTagStays(t *testing.T) {
	share := func(c *cloud) map[string]int {
		shares := map[string]int{}
		service, err := c.client.Service(t.Context(), orders)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range service.Traffic {
			if entry.Percent > 0 {
				shares[entry.Revision] += entry.Percent
			}
		}
		return shares
	}
	c := newCloud(t)
	c.create()
	c.deploy(deployment("pr-1", "orders-pr-1", 'c'))
	c.settle()
	c.call("PATCH", path+"?updateMask=traffic", object{"traffic": []object{
		{"type": 2, "revision": "orders-live", "percent": 95}, {"type": 2, "revision": "orders-pr-1", "percent": 5, "tag": "pr-1"},
	}})
	c.settle()
	before := share(c)
	c.deploy(deployment("pr-1", "orders-pr-1-b", 'd'))
	if diff := cmp.Diff(before, share(c)); diff != "" {
		t.Errorf("shares after Deploy (-before +after):\n%s", diff)
	}
	err := c.client.RemoveTag(t.Context(), orders, "pr-1", map[string]string{preview.LabelPreview: "hash-of-pr-1"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, share(c)); diff != "" {
		t.Errorf("shares after RemoveTag (-before +after):\n%s", diff)
	}
}

func TestNotFoundAndFailures(t *testing.T) {
	c := newCloud(t)
	if _, err := c.client.Service(t.Context(), orders); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("service: %v", err)
	}
	c.create()
	if _, err := c.client.Revision(t.Context(), orders, "orders-none"); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("revision: %v", err)
	}
	c.deploy(deployment("pr-1", "orders-pr-1", '0')) // no such image
	c.settle()
	revision, err := c.client.Revision(t.Context(), orders, "orders-pr-1")
	if err != nil || revision.Readiness != preview.ReadinessFailed || !strings.Contains(revision.Message, "not found") {
		t.Errorf("revision %+v, %v", revision, err)
	}
	service, err := c.client.Service(t.Context(), orders)
	if err != nil {
		t.Fatal(err)
	}
	if entry, ok := service.Tagged("pr-1"); !ok || entry.URL != "" {
		t.Errorf("a tag on a revision that failed has URL %q", entry.URL)
	}
}

func TestConflictsAndLostAnswers(t *testing.T) {
	c := newCloud(t)
	c.create()
	c.call("PUT", "/emulator/faults", object{"conflicts": 5})
	c.deploy(deployment("pr-1", "orders-pr-1", 'c'))
	c.call("PUT", "/emulator/faults", object{"lost_answers": 1})
	d := deployment("pr-2", "orders-pr-2", 'd')
	c.deploy(d) // sent again, it meets its own effect
	c.call("PUT", "/emulator/faults", object{"conflicts": 1000})
	err := c.client.Deploy(t.Context(), deployment("pr-3", "orders-pr-3", 'c'))
	if !errors.Is(err, preview.ErrConflict) {
		t.Errorf("error %v, want a conflict", err)
	}
	c.call("PUT", "/emulator/faults", object{})
	revisions := c.call("GET", path+"/revisions", nil)["revisions"].([]any)
	if len(revisions) != 4 {
		t.Errorf("%d revisions, want 4", len(revisions))
	}
}

// 200 rounds of four previews while somebody else changes shares and a tag of theirs: nothing of theirs is ever lost.
func TestForeignWriter(t *testing.T) {
	c := newCloud(t)
	c.create()
	other := c.another()
	stop, failed := make(chan struct{}), make(chan error, 1)
	var theirs, ours sync.WaitGroup
	theirs.Go(func() {
		if err := c.foreignWriter(stop); err != nil {
			failed <- err
		}
	})
	for n := range 4 {
		client := []*cloudrun.Client{c.client, other}[n%2] // two processes with two writers each
		tag := fmt.Sprintf("pr-%d", n)
		ours.Go(func() {
			owner := map[string]string{preview.LabelPreview: "hash-of-" + tag}
			for round := range 50 {
				d := deployment(tag, fmt.Sprintf("orders-%s-%d", tag, round%2), 'c')
				err := eventually(func() error { return client.Deploy(t.Context(), d) })
				if err == nil && round%2 == 1 {
					err = eventually(func() error { return client.RemoveTag(t.Context(), orders, tag, owner) })
				}
				if err != nil {
					t.Errorf("tag %s, round %d: %v", tag, round, err)
					return
				}
			}
		})
	}
	ours.Wait()
	close(stop)
	theirs.Wait()
	select {
	case err := <-failed:
		t.Error(err)
	default:
	}
	if got := len(c.settle()["traffic"].([]any)); got != 3 {
		t.Errorf("%d entries at the end, want the 3 of the foreign writer", got)
	}
}

// eventually tries again after a conflict, as the use cases do.
func eventually(f func() error) error {
	for range 50 {
		if err := f(); !errors.Is(err, preview.ErrConflict) {
			return err
		}
	}
	return errors.New("conflicts without end")
}

// foreignWriter writes a list of its own again and again, and before each write wants to find what it wrote last.
func (c *cloud) foreignWriter(stop <-chan struct{}) error {
	last := foreign(c.call("GET", path, nil))
	for round := 0; ; {
		select {
		case <-stop:
			return nil
		default:
		}
		code, v := c.try("GET", path, nil)
		if code != 200 {
			return fmt.Errorf("reading: status %d: %v", code, v)
		}
		if diff := cmp.Diff(last, foreign(v)); diff != "" {
			return fmt.Errorf("round %d: foreign entries (-written +found):\n%s", round, diff)
		}
		share := 1 + round%98
		traffic := []object{
			{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "orders-live", "percent": 99 - share},
			{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "orders-old", "percent": share, "tag": "stable"},
			{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "orders-live", "percent": 1, "tag": fmt.Sprintf("t-%d", round)},
		}
		entries, _ := v["traffic"].([]any)
		for _, t := range entries {
			if tag, _ := t.(object)["tag"].(string); strings.HasPrefix(tag, "pr-") {
				traffic = append(traffic, t.(object))
			}
		}
		code, answer := c.try("PATCH", path+"?updateMask=traffic", object{"traffic": traffic, "etag": v["etag"]})
		switch code {
		case 200:
			last = foreign(answer["metadata"].(object))
			round++
			time.Sleep(rand.N(200 * time.Millisecond)) // a writer without pauses would starve everybody else
		case 409:
		default:
			return fmt.Errorf("writing: status %d: %v", code, answer)
		}
	}
}
