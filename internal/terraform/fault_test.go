package terraform_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	emulator "github.com/gangway-dev/gangway/internal/emulator/apigateway"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/terraform"
)

// fault makes a call of the emulator go wrong.
func (c *cloud) fault(spec string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url+"/emulator/apigateway/faults", strings.NewReader(spec))
	if err != nil {
		c.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		c.t.Fatalf("setting a fault: %s", res.Status)
	}
}

// process is the id of the Terraform process that was started last.
func (c *cloud) process() int {
	c.t.Helper()
	data, err := os.ReadFile(c.pid)
	if err != nil {
		c.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		c.t.Fatal(err)
	}
	return pid
}

// begun calls do once, when the creation of a resource has begun.
func begun(resource string, do func()) func(preview.StackEvent) {
	once := sync.OnceFunc(do)
	return func(e preview.StackEvent) {
		if e.Resource == resource && !e.Done {
			once()
		}
	}
}

func (c *cloud) state(want preview.StackState) {
	c.t.Helper()
	got, err := c.State(c.t.Context(), stack("1"))
	if err != nil {
		c.t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Errorf("state (-want +got):\n%s", diff)
	}
}

func TestKilledTerraform(t *testing.T) {
	latency := emulator.Fast()
	latency.GatewayCreate = 500 * time.Millisecond
	c := newCloud(t, latency)
	c.shards("gangway-1")
	s := stack("1")
	_, err := c.Apply(t.Context(), s, begun("gateway", func() {
		// The call that creates the gateway follows the event.
		time.Sleep(100 * time.Millisecond)
		_ = syscall.Kill(c.process(), syscall.SIGKILL)
	}))
	if err == nil {
		t.Fatal("a killed Terraform is a success")
	}
	c.state(preview.StackState{ConfigIDs: []string{s.ConfigID}})

	_, err = c.Apply(t.Context(), s, nil)
	if !errors.Is(err, preview.ErrConflict) {
		t.Fatalf("applying without adopting: %v", err)
	}
	if e, ok := errors.AsType[*terraform.Error](err); !ok || e.Resource != "gateway" {
		t.Errorf("the error does not say what exists: %#v", err)
	}
	time.Sleep(500 * time.Millisecond) // the gateway is active by now
	s.AdoptGateway = true
	var imported bool
	out, err := c.Apply(t.Context(), s, func(e preview.StackEvent) { imported = imported || e.Action == "import" })
	if err != nil || !imported || !out.Changed || out.Hostname == "" {
		t.Fatalf("adopting: %+v, imported %t, %v", out, imported, err)
	}
	c.state(preview.StackState{ConfigIDs: []string{s.ConfigID}, GatewayID: s.GatewayID})
	if out, err = c.Apply(t.Context(), s, nil); err != nil || out.Changed {
		t.Errorf("adopting again: %+v, %v", out, err)
	}
	if err := c.Destroy(t.Context(), s); err != nil {
		t.Error(err)
	}
}

func TestAdoptingWhatIsNotThere(t *testing.T) {
	c := newCloud(t, emulator.Fast())
	c.shards("gangway-1")
	s := stack("1")
	s.AdoptGateway = true
	if _, err := c.Apply(t.Context(), s, nil); !errors.Is(err, preview.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// TestInterrupted cancels an apply: Terraform ends what it has begun, saves it, and begins nothing else.
func TestInterrupted(t *testing.T) {
	latency := emulator.Fast()
	latency.Config = 300 * time.Millisecond
	c := newCloud(t, latency)
	c.shards("gangway-1")
	s := stack("1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := c.Apply(ctx, s, begun("api_config", func() { time.AfterFunc(50*time.Millisecond, cancel) }))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	c.state(preview.StackState{ConfigIDs: []string{s.ConfigID}})
	if out, err := c.Apply(t.Context(), s, nil); err != nil || !out.Changed {
		t.Errorf("applying the rest: %+v, %v", out, err)
	}
}

// TestHangs lets an operation never end: Terraform is interrupted, then killed, and the stack is usable afterwards.
func TestHangs(t *testing.T) {
	c := newCloud(t, emulator.Fast())
	c.shards("gangway-1")
	c.options.Timeout, c.options.WaitDelay = 8*time.Second, 200*time.Millisecond // long enough for the config, also where the machine is busy
	c.start()
	c.fault(`{"method": "CreateGateway", "effect": "stuck"}`)
	s := stack("1")
	if _, err := c.Apply(t.Context(), s, nil); !errors.Is(err, terraform.ErrTimeout) {
		t.Fatalf("got %v", err)
	}
	awaitEnd(t, c.process())
	c.state(preview.StackState{ConfigIDs: []string{s.ConfigID}})
}

func TestRefused(t *testing.T) {
	c := newCloud(t, emulator.Fast())
	c.shards("gangway-1")
	c.fault(`{"method": "CreateApiConfig", "effect": "fail", "code": 8, "message": "Quota exceeded for ` + token + `"}`)
	_, err := c.Apply(t.Context(), stack("1"), nil)
	obstacle, ok := errors.AsType[*preview.Obstacle](err)
	if !errors.Is(err, terraform.ErrQuota) || !ok || strings.Contains(obstacle.Detail, token) {
		t.Errorf("quota: %#v", err)
	}
	if strings.Contains(err.Error(), token) {
		t.Errorf("the error holds the token: %v", err)
	}

	s := stack("2")
	s.Document = []byte("swagger: '2.0'\ninfo: {title: a, version: b}\npaths: {/a: {get: {responses: {'200': {description: ok}}}}}\n")
	_, err = c.Apply(t.Context(), s, nil)
	user, ok := errors.AsType[*preview.UserError](err)
	if !ok || !strings.Contains(user.Detail, "operationId") || strings.Contains(user.Detail, "googleapi") {
		t.Errorf("document: %#v", err)
	}
	c.state(preview.StackState{})
}

func TestBusyFarEnd(t *testing.T) {
	c := newCloud(t, emulator.Fast())
	c.shards("gangway-1")
	c.fault(`{"method": "CreateApiConfig", "httpStatus": 429}`)
	c.fault(`{"method": "CreateGateway", "httpStatus": 503}`)
	if out, err := c.Apply(t.Context(), stack("1"), nil); err != nil || !out.Changed {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestDamagedFiles(t *testing.T) {
	c := newCloud(t, emulator.Fast())
	c.shards("gangway-1")
	s := stack("1")
	if _, err := c.Apply(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Apply(t.Context(), stack("2"), nil); err != nil { // so that there is a backup of the state
		t.Fatal(err)
	}
	s = stack("2")
	dir := filepath.Join(c.options.Dir, "development", "shop", "81-42")
	for name, damage := range map[string]func() error{
		"work folder lost":      func() error { return os.RemoveAll(filepath.Join(dir, "work")) },
		"modules not installed": func() error { return os.RemoveAll(filepath.Join(dir, "work", ".terraform", "modules")) },
		"module garbled": func() error {
			return os.WriteFile(filepath.Join(dir, "work", "modules", "preview", "main.tf"), []byte("{"), 0o600)
		},
		"root garbled": func() error { return os.WriteFile(filepath.Join(dir, "work", "main.tf"), []byte("{"), 0o600) },
		"backend record garbled": func() error {
			return os.WriteFile(filepath.Join(dir, "work", ".terraform", "terraform.tfstate"), []byte("{"), 0o600)
		},
		"foreign file in the root": func() error { return os.WriteFile(filepath.Join(dir, "work", "x.tf"), []byte("{"), 0o600) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if out, err := c.Apply(t.Context(), s, nil); err != nil || out.Changed || out.Hostname == "" {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	path := filepath.Join(dir, "state", "terraform.tfstate")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := c.State(t.Context(), s)
	if err != nil || held.GatewayID != s.GatewayID {
		t.Errorf("after the state was cut off: %+v, %v", held, err)
	}
}

// TestUnsavedState leaves the state where Terraform does when it can't save it.
func TestUnsavedState(t *testing.T) {
	c := newCloud(t, emulator.Fast())
	c.shards("gangway-1")
	s := stack("1")
	if _, err := c.Apply(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(c.options.Dir, "development", "shop", "81-42")
	path, errored := filepath.Join(dir, "state", "terraform.tfstate"), filepath.Join(dir, "work", "errored.tfstate")
	if err := os.Rename(path, errored); err != nil {
		t.Fatal(err)
	}
	c.state(preview.StackState{ConfigIDs: []string{s.ConfigID}, GatewayID: s.GatewayID})
	if _, err := os.Stat(errored); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the unsaved state is still there: %v", err)
	}
	if out, err := c.Apply(t.Context(), s, nil); err != nil || out.Changed {
		t.Errorf("got %+v, %v", out, err)
	}
}

// An unsaved state that is older than the saved one, or of another life of the stack, is put aside. One that can't be saved
// stays, and nothing else is done to the stack.
func TestUnsavedStateIsKept(t *testing.T) {
	c := newCloud(t, emulator.Fast())
	c.shards("gangway-1")
	s := stack("1")
	if _, err := c.Apply(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(c.options.Dir, "development", "shop", "81-42")
	path, errored := filepath.Join(dir, "state", "terraform.tfstate"), filepath.Join(dir, "state", "errored.tfstate")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var saved map[string]any
	if err := json.Unmarshal(data, &saved); err != nil {
		t.Fatal(err)
	}
	leave := func(serial float64, lineage any) {
		t.Helper()
		unsaved := maps.Clone(saved)
		unsaved["serial"], unsaved["lineage"] = serial, lineage
		text, err := json.Marshal(unsaved)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(errored, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	serial, ok := saved["serial"].(float64)
	if !ok {
		t.Fatalf("the state has no serial: %s", data)
	}
	for what, leave := range map[string]func(){
		"an older one": func() { leave(serial-1, saved["lineage"]) }, "the same": func() { leave(serial, saved["lineage"]) },
		"one of another life": func() { leave(serial+7, "3b9e0b1c-0000-0000-0000-000000000000") },
	} {
		leave()
		c.state(preview.StackState{ConfigIDs: []string{s.ConfigID}, GatewayID: s.GatewayID})
		if _, err := os.Stat(errored + ".old"); err != nil {
			t.Errorf("%s is not put aside: %v", what, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, data) {
			t.Errorf("%s changed the state: %v", what, err)
		}
		_ = os.Remove(errored + ".old")
	}
	if err := os.WriteFile(errored, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	c.state(preview.StackState{ConfigIDs: []string{s.ConfigID}, GatewayID: s.GatewayID})
	if _, err := os.Stat(errored + ".damaged"); err != nil {
		t.Errorf("one that was cut off is not put aside: %v", err)
	}

	if runtime.GOOS != "linux" {
		return // the lock below is Linux's
	}
	leave(serial+1, saved["lineage"])
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	// As a Terraform of somebody's has it, but of the open file: one of the process would end when the process closes any
	// other file that it has opened there (fcntl(2), F_OFD_SETLK).
	const ofdSetLock = 37
	if err := syscall.FcntlFlock(file.Fd(), ofdSetLock, &syscall.Flock_t{Type: syscall.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Apply(t.Context(), s, nil); err == nil || !strings.Contains(err.Error(), "lock") {
		t.Errorf("an apply while the unsaved state can't be saved: %v", err)
	}
	if _, err := os.Stat(errored); err != nil {
		t.Errorf("the unsaved state is gone: %v", err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	c.state(preview.StackState{ConfigIDs: []string{s.ConfigID}, GatewayID: s.GatewayID})
	if _, err := os.Stat(errored); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the unsaved state is still there: %v", err)
	}
}

// TestTwoRunners has two processes' worth of Runners work on one stack and on several: Terraform's lock keeps them
// apart, or they follow one another.
func TestTwoRunners(t *testing.T) {
	c := newCloud(t, emulator.Fast())
	c.shards("gangway-1")
	first := c.Runner
	c.start()
	var wg sync.WaitGroup
	errs := make(chan error, 6)
	for i := range 6 {
		runner := first
		if i%2 == 1 {
			runner = c.Runner
		}
		wg.Go(func() {
			_, err := runner.Apply(t.Context(), stack("1"), nil)
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	succeeded := 0
	for err := range errs {
		switch {
		case err == nil:
			succeeded++
		case !errors.Is(err, terraform.ErrLocked):
			t.Errorf("got %v", err)
		}
	}
	if succeeded == 0 {
		t.Error("nobody succeeded")
	}
	if calls := strings.Join(c.trace(), "\n"); strings.Count(calls, "POST europe-west1/gateways") != 1 {
		t.Errorf("calls\n%s", calls)
	}
}

// TestParentKilled kills the process that runs Terraform: on Linux, Terraform ends with it.
func TestParentKilled(t *testing.T) {
	if os.Getenv("GANGWAY_TEST_DIR") != "" {
		helper(t)
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a process with its parent; elsewhere the state's lock is waited for")
	}
	c := newCloud(t, emulator.Fast())
	c.shards("gangway-1")
	c.fault(`{"method": "CreateApiConfig", "effect": "stuck"}`)
	before := c.process()
	parent := runHelper(t, c)
	deadline := time.Now().Add(20 * time.Second)
	for {
		c.mu.Lock()
		calls := strings.Join(c.calls, "\n")
		c.mu.Unlock()
		if strings.Contains(calls, "POST /v1beta/projects/shop-dev/locations/global/apis/gangway-1/configs") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the helper began nothing; calls:\n%s", calls)
		}
		time.Sleep(20 * time.Millisecond)
	}
	terraformProcess := c.process()
	if terraformProcess == before {
		t.Fatal("no new Terraform process")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	awaitEnd(t, terraformProcess)
	c.state(preview.StackState{})
}

// awaitEnd waits until a process is gone.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	for range 500 {
		if err := syscall.Kill(pid, 0); err != nil {
			return
		}
		if data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && strings.Contains(string(data), ") Z ") {
			return // dead, and its new parent has not looked yet
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d is still there", pid)
}
