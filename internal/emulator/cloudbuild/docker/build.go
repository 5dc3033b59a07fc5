package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A request is one docker build.
type request struct {
	context    string // on this machine
	dockerfile string // on this machine
	target     string
	args       map[string]string
	noCache    bool
	tags       []string
}

// build is docker build and docker buildx build: https://docs.docker.com/reference/cli/docker/buildx/build/
func (e *Engine) build(ctx context.Context, c call) (int, error) {
	flags := newFlags("build")
	file := flags.StringP("file", "f", "", "")
	tags := flags.StringArrayP("tag", "t", nil, "")
	target := flags.String("target", "", "")
	args := flags.StringArray("build-arg", nil, "")
	push := flags.Bool("push", false, "")
	noCache := flags.Bool("no-cache", false, "")
	cacheFrom := flags.StringArray("cache-from", nil, "")
	cacheTo := flags.StringArray("cache-to", nil, "")
	iidFile := flags.String("iidfile", "", "")
	metadataFile := flags.String("metadata-file", "", "")
	ignored(flags,
		[]string{"label", "annotation", "progress", "builder", "network", "platform", "attest", "add-host", "ulimit", "memory", "shm-size"},
		[]string{"load", "pull", "rm", "force-rm", "provenance", "sbom"})
	flags.BoolP("quiet", "q", false, "")
	if err := parse(flags, c.args); err != nil {
		return 125, err
	}
	if flags.NArg() != 1 {
		return 1, fmt.Errorf("docker build wants one context, got %q", flags.Args())
	}
	r := request{target: *target, noCache: *noCache, tags: *tags}
	var err error
	if r.context, err = e.inside(c.Dir, flags.Arg(0)); err != nil {
		return 1, fmt.Errorf("context: %w", err)
	}
	if *file == "" {
		*file = filepath.Join(r.context, "Dockerfile")
	}
	if r.dockerfile, err = e.inside(c.Dir, *file); err != nil {
		return 1, fmt.Errorf("dockerfile: %w", err)
	}
	r.args = buildArgs(*args, c.Env)
	if !r.noCache {
		e.importCaches(*cacheFrom, c)
	}
	b, err := e.make(ctx, r, c)
	if err == nil {
		err = e.exportCaches(*cacheTo, b)
	}
	if err != nil {
		return 1, err
	}
	digest := ""
	for _, tag := range r.tags {
		if err := e.keep(tag, b); err != nil {
			return 1, fmt.Errorf("tag: %w", err)
		}
		if !*push {
			continue
		}
		if digest, err = e.Push(tag); err != nil {
			return 1, fmt.Errorf("pushing: %w", err)
		}
		_, _ = fmt.Fprintf(c.Stdout, "pushed %s@%s\n", tag, digest)
	}
	return 0, e.told(c, digest, *iidFile, *metadataFile)
}

// told writes the digest into the files that were asked for.
func (e *Engine) told(c call, digest, iidFile, metadataFile string) error {
	var errs []error
	write := func(name, text string) {
		if name == "" {
			return
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(c.Dir, name)
		}
		errs = append(errs, os.WriteFile(name, []byte(text), 0o600))
	}
	write(iidFile, digest)
	write(metadataFile, fmt.Sprintf("{\"containerimage.digest\": %q}\n", digest))
	return errors.Join(errs...)
}

// buildArgs reads NAME=value; a NAME alone takes the environment's value.
func buildArgs(given []string, env map[string]string) map[string]string {
	args := map[string]string{}
	for _, kv := range given {
		name, value, ok := strings.Cut(kv, "=")
		if !ok {
			if value, ok = env[name]; !ok {
				continue
			}
		}
		args[name] = value
	}
	return args
}
