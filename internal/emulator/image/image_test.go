package image_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/emulator/image"
)

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func open(t *testing.T) *image.Store {
	t.Helper()
	s, err := image.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPutGet(t *testing.T) {
	s := open(t)
	config := image.Config{Entrypoint: []string{"/app"}, Cmd: []string{"-v"}, Env: []string{"A=b"}, WorkingDir: "/data"}
	root := tree(t, map[string]string{"app": "#!/bin/sh\n", "etc/conf": "x"})
	if err := os.Symlink("app", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	digest, err := s.Put("localhost:5000/shop/orders", "abc", config, root)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"localhost:5000/shop/orders:abc", "localhost:5000/shop/orders@" + digest, "localhost:5000/shop/orders:abc@" + digest} {
		im, err := s.Get(ref)
		if err != nil {
			t.Fatalf("Get(%q): %v", ref, err)
		}
		if im.Digest != digest {
			t.Errorf("Get(%q) is %s, want %s", ref, im.Digest, digest)
		}
		if diff := cmp.Diff(config, im.Config); diff != "" {
			t.Errorf("Get(%q): config (-want +got):\n%s", ref, diff)
		}
		info, err := os.Stat(filepath.Join(im.Root, "link"))
		if err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("Get(%q): link is %v, %v", ref, info, err)
		}
	}
}

func TestDigestFollowsContent(t *testing.T) {
	s := open(t)
	base := map[string]string{"a": "1", "d/b": "2"}
	put := func(c image.Config, files map[string]string) string {
		t.Helper()
		digest, err := s.Put("r", "t", c, tree(t, files))
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	first := put(image.Config{}, base)
	if again := put(image.Config{}, base); again != first {
		t.Errorf("the same tree has digest %s, then %s", first, again)
	}
	for name, other := range map[string]string{
		"config":  put(image.Config{Cmd: []string{"x"}}, base),
		"content": put(image.Config{}, map[string]string{"a": "1", "d/b": "3"}),
		"name":    put(image.Config{}, map[string]string{"a": "1", "d/c": "2"}),
		"mode":    put(image.Config{}, map[string]string{"a": "#!1", "d/b": "2"}),
	} {
		if other == first {
			t.Errorf("%s does not count for the digest", name)
		}
	}
}

func TestTagMovesDigestStays(t *testing.T) {
	s := open(t)
	first, err := s.Put("r", "latest", image.Config{}, tree(t, map[string]string{"a": "1"}))
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Put("r", "latest", image.Config{}, tree(t, map[string]string{"a": "2"}))
	if err != nil {
		t.Fatal(err)
	}
	if im, err := s.Get("r"); err != nil || im.Digest != second {
		t.Errorf("latest is %s, %v; want %s", im.Digest, err, second)
	}
	if _, err := s.Get("r@" + first); err != nil {
		t.Errorf("the first image: %v", err)
	}
	if err := s.Remove("r@" + first); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("r@" + first); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("after Remove: %v, want ErrNotFound", err)
	}
}

func TestGetRefuses(t *testing.T) {
	s := open(t)
	digest, err := s.Put("r/a", "t", image.Config{}, tree(t, map[string]string{"a": "1"}))
	if err != nil {
		t.Fatal(err)
	}
	for ref, notFound := range map[string]bool{
		"r/a:other": true, "r/b:t": true, "r/b@" + digest: true, "r/a": true,
		"r/a@sha256:12": false, "../a:t": false, "r/a:../../x": false, "": false,
	} {
		if _, err := s.Get(ref); err == nil || errors.Is(err, image.ErrNotFound) != notFound {
			t.Errorf("Get(%q): %v (not found wanted: %v)", ref, err, notFound)
		}
	}
}

func TestConcurrentPuts(t *testing.T) {
	dir := t.TempDir()
	root := tree(t, map[string]string{"a": "1"})
	digests := make([]string, 8)
	var wg sync.WaitGroup
	for i := range digests {
		wg.Go(func() {
			s, err := image.Open(dir)
			if err == nil {
				digests[i], err = s.Put("r", "t", image.Config{}, root)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, d := range digests {
		if d == "" || d != digests[0] {
			t.Fatalf("digests differ: %v", digests)
		}
	}
}
