package terraform_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	emulator "github.com/gangway-dev/gangway/internal/emulator/apigateway"
	"github.com/gangway-dev/gangway/internal/emulator/provider"
	"github.com/gangway-dev/gangway/internal/preview"
	"github.com/gangway-dev/gangway/internal/terraform"
)

// TestMain makes the test binary a provider when Terraform starts it as a plugin.
func TestMain(m *testing.M) {
	if os.Getenv(provider.CookieVariable) == "" {
		os.Exit(m.Run())
	}
	if err := provider.ServePlugin(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const mirrored = "7.45.0"

// newRegistryCloud is a cloud whose Runner leaves it to Terraform to find the provider: in a mirror in the file system.
func newRegistryCloud(t *testing.T) *cloud {
	t.Helper()
	c := newCloud(t, emulator.Fast())
	c.options.ServeProvider = nil
	c.options.Env["TF_CLI_CONFIG_FILE"] = mirror(t)
	c.start()
	return c
}

// mirror makes a mirror with this test binary as hashicorp/google-beta, and returns the CLI configuration that names it.
// https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror
func mirror(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	folder := filepath.Join(dir, filepath.FromSlash(provider.Address), mirrored, runtime.GOOS+"_"+runtime.GOARCH)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, self, filepath.Join(folder, "terraform-provider-google-beta_v"+mirrored+"_x5"))
	config := filepath.Join(t.TempDir(), "terraformrc")
	text := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from) //nolint:gosec // this binary
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o700) //nolint:gosec // in the test's folder
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func (c *cloud) read(path ...string) string {
	c.t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{c.options.Dir}, path...)...))
	if err != nil {
		c.t.Error(err)
	}
	return string(data)
}

const lock = ".terraform.lock.hcl"

// TestRegistry runs a preview's life with a provider that Terraform finds and starts by itself: nothing may depend on the
// served one.
func TestRegistry(t *testing.T) {
	c := newRegistryCloud(t)
	c.shards("gangway-1")
	c.trace()
	first, second := stack("1"), stack("2")
	out, err := c.Apply(t.Context(), first, nil)
	if err != nil || !out.Changed || out.Hostname == "" {
		t.Fatalf("first: %+v, %v", out, err)
	}
	c.state(preview.StackState{ConfigIDs: []string{first.ConfigID}, GatewayID: first.GatewayID})
	shared := c.read(lock)
	if !strings.Contains(shared, provider.Address) || !strings.Contains(shared, mirrored) {
		t.Errorf("the shared lock file is\n%s", shared)
	}
	if diff := cmp.Diff(shared, c.read("development", "shop", "81-42", "work", lock)); diff != "" {
		t.Errorf("the stack's lock file differs from the shared one:\n%s", diff)
	}
	cached, err := filepath.Glob(filepath.Join(c.options.Dir, ".plugins", filepath.FromSlash(provider.Address), mirrored, "*", "*"))
	if err != nil || len(cached) != 1 {
		t.Errorf("the plugin cache holds %q, %v", cached, err)
	}
	if out, err = c.Apply(t.Context(), second, nil); err != nil || !out.Changed {
		t.Errorf("second: %+v, %v", out, err)
	}
	c.start()
	if out, err = c.Apply(t.Context(), second, nil); err != nil || out.Changed {
		t.Errorf("again after a restart: %+v, %v", out, err)
	}
	if err := c.Destroy(t.Context(), second); err != nil {
		t.Error(err)
	}
	want := []string{
		"POST global/apis/gangway-1/configs", "POST europe-west1/gateways",
		"POST global/apis/gangway-1/configs", "PATCH europe-west1/gateways/" + second.GatewayID,
		"DELETE global/apis/gangway-1/configs/" + first.ConfigID,
		"DELETE europe-west1/gateways/" + second.GatewayID, "DELETE global/apis/gangway-1/configs/" + second.ConfigID,
	}
	if diff := cmp.Diff(want, c.trace()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if strings.Contains(c.logs.String(), token) {
		t.Error("the token is in the log")
	}
}

// TestProviderChanges takes a stack from the served provider to one that Terraform finds, and back.
func TestProviderChanges(t *testing.T) {
	c := newCloud(t, emulator.Fast())
	c.shards("gangway-1")
	s := stack("1")
	if _, err := c.Apply(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	c.options.Env["TF_CLI_CONFIG_FILE"] = mirror(t)
	for _, served := range []bool{false, true} {
		c.options.ServeProvider = nil
		if served {
			c.options.ServeProvider = serveProvider
		}
		c.start()
		if out, err := c.Apply(t.Context(), s, nil); err != nil || out.Changed || out.Hostname == "" {
			t.Errorf("served %t: %+v, %v", served, out, err)
		}
		_, err := os.Stat(filepath.Join(c.options.Dir, "development", "shop", "81-42", "work", lock))
		if locked := err == nil; locked == served {
			t.Errorf("served %t: lock file %t", served, locked)
		}
	}
	if err := c.Destroy(t.Context(), s); err != nil {
		t.Error(err)
	}
}

// TestRegistryAtOnce applies stacks of a Runner that has never seen the provider, all at once: the plugin cache bears one
// init at a time.
func TestRegistryAtOnce(t *testing.T) {
	c := newRegistryCloud(t)
	apis := []string{"gangway-1", "gangway-2", "gangway-3", "gangway-4"} // each creates one config at a time
	c.shards(apis...)
	if err := os.RemoveAll(filepath.Join(c.options.Dir, ".plugins")); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n, api := range apis {
		wg.Go(func() {
			s := stack("1")
			s.API = api
			s.Key.PullRequest += n
			s.GatewayID, s.ConfigID = s.Key.GatewayID(), s.Key.ConfigID(s.Document, s.BackendServiceAccount)
			if _, err := c.Apply(t.Context(), s, nil); err != nil {
				t.Errorf("stack %d: %v", n, err)
			}
		})
	}
	wg.Wait()
}

// TestNoProvider tells an operator what to do where Terraform finds no provider.
func TestNoProvider(t *testing.T) {
	c := newCloud(t, emulator.Fast())
	c.options.ServeProvider = nil
	empty := filepath.Join(t.TempDir(), "terraformrc")
	text := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", t.TempDir())
	if err := os.WriteFile(empty, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c.options.Env["TF_CLI_CONFIG_FILE"] = empty
	c.start()
	_, err := c.Apply(t.Context(), stack("1"), nil)
	if err == nil || !strings.Contains(err.Error(), "TF_CLI_CONFIG_FILE") {
		t.Errorf("got %v", err)
	}
	if e, ok := errors.AsType[*terraform.Error](err); !ok || e.Command != "init" {
		t.Errorf("got %#v", err)
	}
}

// TestPinned gives the Runner a lock file: stacks take the provider that it names, and no other.
func TestPinned(t *testing.T) {
	c := newRegistryCloud(t)
	c.shards("gangway-1")
	right := c.read(lock)
	hash := regexp.MustCompile(`"h1:[^"]+"`)
	if !hash.MatchString(right) {
		t.Fatalf("the lock file is\n%s", right)
	}
	wrong := hash.ReplaceAllString(right, `"h1:`+strings.Repeat("A", 43)+`="`)
	for _, tt := range []struct{ lock, want string }{{wrong, "is not the one that Gangway's lock file pins"}, {right, ""}} {
		c.options.Dir, c.options.ProviderLock = t.TempDir(), []byte(tt.lock)
		c.start()
		_, err := c.Apply(t.Context(), stack("1"), nil)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
	if got := c.read("development", "shop", "81-42", "work", lock); got != right {
		t.Errorf("the stack's lock file is\n%s", got)
	}
}
