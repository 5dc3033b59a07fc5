package docker

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gangway-dev/gangway/internal/emulator/image"
)

// A cached is what a cache in a registry holds: the stage that a build ended with, and what that was made of. A build that
// is told of the cache, and would make the same, takes it as it is, as docker does: whoever writes a cache decides what its
// readers build. https://docs.docker.com/build/cache/backends/registry/
type cached struct {
	Key    string       `json:"key"`
	Config image.Config `json:"config"`
	Ports  []string     `json:"ports,omitempty"`
}

// cacheRef is the image that --cache-from or --cache-to names; false for caches elsewhere than in a registry, of which there
// are none here.
func cacheRef(flag string) (ref string, ok bool) {
	registry := false
	for part := range strings.SplitSeq(flag, ",") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "type":
			registry = value == "registry"
		case "ref":
			ref = value
		}
	}
	return ref, registry && ref != ""
}

// importCaches makes what the caches of --cache-from hold known to this engine.
func (e *Engine) importCaches(flags []string, c call) {
	for _, flag := range flags {
		if ref, ok := cacheRef(flag); ok {
			e.importCache(ref, c)
		}
	}
}

// exportCaches puts what was built into the caches of --cache-to.
func (e *Engine) exportCaches(flags []string, b built) error {
	for _, flag := range flags {
		ref, ok := cacheRef(flag)
		if !ok {
			continue
		}
		if err := e.exportCache(ref, b); err != nil && !strings.Contains(flag, "ignore-error=true") {
			return fmt.Errorf("exporting cache: %w", err)
		}
	}
	return nil
}

// importCache makes what a cache holds known to this engine. One that is not there, or can't be read, is passed over.
func (e *Engine) importCache(ref string, c call) {
	found, err := e.o.Images.Get(ref)
	var content cached
	if err == nil {
		var text []byte
		if text, err = os.ReadFile(filepath.Join(found.Root, "cache.json")); err == nil {
			err = json.Unmarshal(text, &content)
		}
	}
	if err != nil {
		_, _ = fmt.Fprintf(c.Stderr, "#> importing cache manifest from %s: not found\n", ref)
		return
	}
	_, _ = fmt.Fprintf(c.Stderr, "#> importing cache manifest from %s\n", ref)
	m := &memo{b: built{root: filepath.Join(found.Root, "root"), config: content.Config, ports: content.Ports, key: content.Key}}
	m.once.Do(func() {})
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stages[content.Key] == nil {
		e.stages[content.Key] = m
	}
}

// exportCache puts what was built into a cache.
func (e *Engine) exportCache(ref string, b built) error {
	repository, tag, _, err := image.ParseRef(ref)
	if err != nil {
		return err
	}
	dir, err := e.newDir("cache")
	if err != nil {
		return err
	}
	text, err := json.Marshal(cached{Key: b.key, Config: b.config, Ports: b.ports})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "cache.json"), text, 0o600); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(dir, "root"), os.DirFS(b.root)); err != nil {
		return err
	}
	_, err = e.o.Images.Put(repository, tag, image.Config{}, dir)
	return err
}
