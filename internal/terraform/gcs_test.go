package terraform_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	emulator "github.com/gangway-dev/gangway/internal/emulator/apigateway"
	"github.com/gangway-dev/gangway/internal/emulator/conformance"
	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/emulator/storage"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/terraform"
)

// stateBucket is where the states of [cloud.useBucket] are, below statePrefix.
const (
	stateBucket = "shop-states"
	statePrefix = "gangway"
	inBucket    = statePrefix + "/development/shop/81-42/"
)

// useBucket makes an emulated bucket the backend. Terraform's account may touch nothing else in it.
func (c *cloud) useBucket() {
	c.t.Helper()
	const account = "aggregator@shop-dev.iam.gserviceaccount.com"
	access := iam.New(iam.Binding{
		Account: account, On: []string{"buckets/" + stateBucket + "/objects/" + statePrefix + "/"},
		Permissions: []string{"storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"},
	})
	server, err := storage.New(storage.Options{
		Dir: c.t.TempDir(), Buckets: []storage.Bucket{{Name: stateBucket, Versions: true}}, Access: access,
		Violation: conformance.Fail(c.t),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	front := httptest.NewServer(server)
	c.t.Cleanup(front.Close)
	c.bucket = server
	c.options.Backend = terraform.Backend{Kind: terraform.BackendGCS, Bucket: stateBucket, Prefix: statePrefix}
	c.options.Env["GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT"] = front.URL + "/storage/v1/"
	c.options.Env["GOOGLE_OAUTH_ACCESS_TOKEN"] = access.Token(account)
}

func newBucketCloud(t *testing.T, latency emulator.Latency) *cloud {
	t.Helper()
	return newCloudOn(t, terraform.BackendGCS, latency)
}

// object is what is in an object of the stack; "" without one.
func (c *cloud) object(name string) string {
	c.t.Helper()
	r, err := c.bucket.Open(c.t.Context(), stateBucket, inBucket+name, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(data)
}

func (c *cloud) put(name, text string) {
	c.t.Helper()
	if err := c.bucket.Put(c.t.Context(), stateBucket, inBucket+name, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// stacks are the names of all objects of previews.
func (c *cloud) objects() []string {
	var names []string
	for _, name := range c.bucket.Objects(stateBucket) {
		if rest, ok := strings.CutPrefix(name, statePrefix+"/development/shop/"); ok {
			names = append(names, rest)
		}
	}
	return names
}

// leased is the stack on behalf of the lease's holder number epoch.
func leased(version string, epoch int64) preview.Stack {
	s := stack(version)
	s.Lease = preview.Lease{Name: preview.LeaseName(s.Key, preview.Aggregator), Holder: fmt.Sprint("instance ", epoch), Epoch: epoch}
	return s
}

// TestNothingIsLeft destroys a stack: no object of it stays, and it is not listed.
func TestNothingIsLeft(t *testing.T) {
	c := newBucketCloud(t, emulator.Fast())
	c.shards("gangway-1")
	if _, err := c.Apply(t.Context(), leased("1", 1), nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"81-42/default.tfstate", "81-42/holder.json"}, c.objects()); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	c.put("unsaved.json.old", "{}")
	if err := c.Destroy(t.Context(), leased("1", 2)); err != nil {
		t.Fatal(err)
	}
	if left := c.objects(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if keys, err := c.Stacks(t.Context()); err != nil || len(keys) > 0 {
		t.Errorf("stacks %v, %v", keys, err)
	}
	c.put("holder.json", "{}") // a run that was killed before it saved anything
	if keys, err := c.Stacks(t.Context()); err != nil || !cmp.Equal(keys, []preview.Key{stack("1").Key}) {
		t.Errorf("stacks %v, %v", keys, err)
	}
	if err := c.Destroy(t.Context(), leased("1", 3)); err != nil || len(c.objects()) > 0 {
		t.Errorf("%v, left %q", err, c.objects())
	}
}

// killed lets the instance with the lease's epoch 1 be killed during an apply, its Terraform with it: what it leaves is a
// lock.
func killed(t *testing.T) *cloud {
	t.Helper()
	latency := emulator.Fast()
	latency.Config = 500 * time.Millisecond
	c := newBucketCloud(t, latency)
	c.options.WaitDelay, c.options.LockGrace = time.Millisecond, 2*time.Second
	c.start()
	c.shards("gangway-1")
	_, err := c.Apply(t.Context(), leased("1", 1), begun("api_config", func() {
		time.Sleep(100 * time.Millisecond) // the call that creates it follows the event
		_ = syscall.Kill(c.process(), syscall.SIGKILL)
	}))
	if err == nil || c.object("default.tflock") == "" {
		t.Fatalf("%v, lock %q", err, c.object("default.tflock"))
	}
	c.start() // another instance
	return c
}

func TestLockOfAKilledRun(t *testing.T) {
	c := killed(t)
	// Its Terraform may be running still: another instance can't know.
	if _, err := c.Apply(t.Context(), leased("1", 2), nil); !errors.Is(err, terraform.ErrLocked) {
		t.Fatalf("at once: %v", err)
	}
	began := time.Now()
	for {
		_, err := c.Apply(t.Context(), leased("1", 3), nil)
		if err == nil || errors.Is(err, preview.ErrConflict) { // the config of the killed run is there: it is found by its labels
			break
		}
		if !errors.Is(err, terraform.ErrLocked) || time.Since(began) > 30*time.Second {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if waited := time.Since(began); waited < time.Second {
		t.Errorf("broken after %v", waited)
	}
	if !strings.Contains(c.logs.String(), "broke a lock") {
		t.Error("that it was broken is not in the log")
	}
	if lock := c.object("default.tflock"); lock != "" {
		t.Errorf("still locked: %s", lock)
	}
	if err := c.Destroy(t.Context(), leased("1", 4)); err != nil || len(c.objects()) > 0 {
		t.Errorf("%v, left %q", err, c.objects())
	}
}

// TestLockOfOurOwn is left by a Terraform that this very holder has run, and waited for.
func TestLockOfOurOwn(t *testing.T) {
	c := killed(t)
	if _, err := c.Apply(t.Context(), leased("1", 1), nil); err != nil && !errors.Is(err, preview.ErrConflict) {
		t.Error(err)
	}
}

// TestForeignLock has somebody else hold the state: never is it broken, and after a while people are told.
func TestForeignLock(t *testing.T) {
	c := newBucketCloud(t, emulator.Fast())
	c.options.WaitDelay = time.Millisecond
	c.start()
	c.shards("gangway-1")
	if _, err := c.Apply(t.Context(), leased("1", 1), nil); err != nil {
		t.Fatal(err)
	}
	note := c.object("holder.json")
	var ours struct{ Who string }
	if err := json.Unmarshal([]byte(note), &ours); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		lock string
		told string
	}{
		"a person":                {`{"Who": "ada@laptop", "Operation": "OperationTypeApply", "Created": "` + at(time.Second) + `"}`, ""},
		"a person for long":       {`{"Who": "ada@laptop", "Operation": "OperationTypeApply", "Created": "` + at(-time.Hour) + `"}`, "Since "},
		"before the note":         {`{"Who": "` + ours.Who + `", "Created": "` + at(-time.Minute) + `"}`, ""},
		"garbled":                 {`{`, "Since "},
		"nobody's name, long ago": {`{"Created": "` + at(-time.Hour) + `"}`, "Since "},
	} {
		t.Run(name, func(t *testing.T) {
			c.put("default.tflock", tt.lock)
			for epoch := range int64(3) {
				_, err := c.Apply(t.Context(), leased("2", 2+epoch), nil)
				obstacle, ok := errors.AsType[*preview.Obstacle](err)
				if !errors.Is(err, terraform.ErrLocked) || ok != (tt.told != "") {
					t.Fatalf("%v", err)
				}
				if ok && (!strings.Contains(obstacle.Detail, tt.told) || strings.Contains(obstacle.Detail+obstacle.Hint, "ada@")) {
					t.Errorf("told: %s / %s", obstacle.Detail, obstacle.Hint)
				}
				if !strings.Contains(err.Error(), inBucket+"default.tflock#") {
					t.Errorf("the log is told %v", err)
				}
				if _, user := errors.AsType[*preview.UserError](err); user {
					t.Error("it would not be tried again")
				}
			}
			if err := c.Destroy(t.Context(), leased("2", 9)); !errors.Is(err, terraform.ErrLocked) {
				t.Errorf("destroying: %v", err)
			}
			if c.object("default.tflock") != tt.lock {
				t.Error("it was broken")
			}
		})
	}
	// The note of a newer holder keeps an older one away.
	c.put("holder.json", strings.Replace(note, `"epoch":1`, `"epoch":100`, 1))
	if _, err := c.Apply(t.Context(), leased("2", 99), nil); !errors.Is(err, preview.ErrLeaseLost) {
		t.Errorf("with an older epoch: %v", err)
	}
}

func at(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339Nano) }

// TestUnsavedStateElsewhere can't save a state: it is kept in the bucket, where another machine finds it.
func TestUnsavedStateElsewhere(t *testing.T) {
	c := newBucketCloud(t, emulator.Fast())
	c.shards("gangway-1")
	var refuse atomic.Bool
	c.bucket.Fault(func(r *http.Request) int {
		// Terraform asks for whole answers, the Runner doesn't.
		terraforms := strings.HasPrefix(r.URL.Path, "/upload/") && !r.URL.Query().Has("fields")
		if refuse.Load() && terraforms {
			return http.StatusForbidden
		}
		return 0
	})
	s := leased("1", 1)
	_, err := c.Apply(t.Context(), s, begun("gateway", func() { refuse.Store(true) }))
	if err == nil {
		t.Fatal("a state that was not saved is a success")
	}
	if strings.Contains(c.object("default.tfstate"), s.GatewayID) || c.object("unsaved.json") == "" {
		t.Fatalf("objects %q %v", c.objects(), err)
	}
	c.options.Dir = t.TempDir()
	c.start()
	if _, err := c.State(t.Context(), s); err == nil {
		t.Error("the state can't be saved still, and nothing is said")
	}
	refuse.Store(false)
	c.state(preview.StackState{ConfigIDs: []string{s.ConfigID}, GatewayID: s.GatewayID})
	if out, err := c.Apply(t.Context(), s, nil); err != nil || out.Changed {
		t.Errorf("%+v, %v", out, err)
	}
	c.put("unsaved.json", "{")
	c.state(preview.StackState{ConfigIDs: []string{s.ConfigID}, GatewayID: s.GatewayID})
	if got := c.object("unsaved.json.damaged"); got != "{" {
		t.Errorf("put aside: %q", got)
	}
}

// TestDamagedStateInABucket finds a state unreadable: an earlier one is taken, and without one nothing is made up.
func TestDamagedStateInABucket(t *testing.T) {
	c := newBucketCloud(t, emulator.Fast())
	c.shards("gangway-1")
	s := leased("1", 1)
	if _, err := c.Apply(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	whole := c.object("default.tfstate")
	c.put("default.tfstate", whole[:len(whole)/2])
	c.put("default.tfstate", "")
	c.state(preview.StackState{ConfigIDs: []string{s.ConfigID}, GatewayID: s.GatewayID})
	if got := c.object("default.tfstate"); got != whole {
		t.Errorf("restored: %s", got)
	}
	if out, err := c.Apply(t.Context(), s, nil); err != nil || out.Changed {
		t.Errorf("%+v, %v", out, err)
	}
	other := stack("1")
	other.Key.PullRequest = 43
	if err := c.bucket.Put(t.Context(), stateBucket, statePrefix+"/development/shop/81-43/default.tfstate", []byte("{")); err != nil {
		t.Fatal(err)
	}
	if held, err := c.State(t.Context(), other); err != nil || held.GatewayID != "" {
		t.Errorf("%+v, %v", held, err)
	}
	if c.object("damaged.json") != "" || !slices.Contains(c.objects(), "81-43/damaged.json") {
		t.Errorf("objects %q", c.objects())
	}
	c.put("default.tfstate", `{"version": 5}`)
	if _, err := c.State(t.Context(), s); !errors.Is(err, preview.ErrUnreadable) {
		t.Errorf("a state of another Terraform: %v", err)
	}
	if got := c.object("default.tfstate"); got != `{"version": 5}` {
		t.Errorf("it was replaced by %s", got)
	}
	if !strings.Contains(c.logs.String(), "there is no earlier one") {
		t.Error("that the state is lost is not in the log")
	}
}

// TestRefusedBucket has no right to the bucket: the error says what and where.
func TestRefusedBucket(t *testing.T) {
	c := newBucketCloud(t, emulator.Fast())
	c.bucket.Fault(func(*http.Request) int { return http.StatusForbidden })
	for what, do := range map[string]func() error{
		"apply":   func() error { _, err := c.Apply(t.Context(), leased("1", 1), nil); return err },
		"state":   func() error { _, err := c.State(t.Context(), leased("1", 1)); return err },
		"destroy": func() error { return c.Destroy(t.Context(), leased("1", 1)) },
		"stacks":  func() error { _, err := c.Stacks(t.Context()); return err },
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "gs://"+stateBucket+"/"+statePrefix) || !strings.Contains(err.Error(), "storage.objects.get") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestRoots finds the generated root modules with the backend valid, by the provider that Terraform itself finds.
func TestRoots(t *testing.T) {
	c := newBucketCloud(t, emulator.Fast())
	c.options.ServeProvider = nil
	c.options.Env["TF_CLI_CONFIG_FILE"] = mirror(t)
	c.start()
	_, _ = c.Apply(t.Context(), stack("1"), nil) // the provider of the mirror does nothing
	work := filepath.Join(c.options.Dir, "development", "shop", "81-42", "work")
	for _, args := range [][]string{{"init", "-backend=false", "-input=false", "-no-color"}, {"validate", "-no-color"}} {
		cmd := exec.CommandContext(t.Context(), c.options.Exec, append([]string{"-chdir=" + work}, args...)...)
		for name, value := range c.options.Env {
			if name != "TF_LOG" {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("terraform %s: %v\n%s", args[0], err, text)
		}
	}
}
