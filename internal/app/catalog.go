package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/gangway-dev/gangway/internal/catalog"
	"github.com/gangway-dev/gangway/internal/cloudbuild"
)

// reload is how often the configuration file is looked at.
const reload = 5 * time.Second

// A configuration is the newest valid content of the configuration file.
type configuration struct {
	path    string
	log     *slog.Logger
	current atomic.Pointer[catalog.Catalog]
	seen    time.Time
}

// readConfiguration reads the file; at the start it must be valid.
func readConfiguration(path string, log *slog.Logger) (*configuration, error) {
	c := &configuration{path: path, log: log}
	parsed, err := load(path)
	if err != nil {
		return nil, err
	}
	c.current.Store(parsed)
	if info, err := os.Stat(path); err == nil {
		c.seen = info.ModTime()
	}
	return c, nil
}

// load reads the configuration and checks the build configurations that it refers to.
func load(path string) (*catalog.Catalog, error) {
	c, err := catalog.Load(path)
	if err != nil {
		return nil, err
	}
	var list []error
	seen := map[string]bool{}
	for _, e := range c.Environments {
		for _, g := range e.Gateways {
			for _, s := range g.Services {
				if file := s.Build.ConfigFile; file == "" || seen[file] {
					continue
				}
				seen[s.Build.ConfigFile] = true
				if err := cloudbuild.CheckConfig(s.Build.Config); err != nil {
					list = append(list, fmt.Errorf("%s, the build configuration of service %q: %w", s.Build.ConfigFile, s.Name, err))
				}
			}
		}
	}
	return c, errors.Join(list...)
}

func (c *configuration) catalog() *catalog.Catalog { return c.current.Load() }

// watch reads the file again when it has changed. What is not valid is reported, and the last good one stays.
func (c *configuration) watch(ctx context.Context) error {
	tick := time.NewTicker(reload)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		info, err := os.Stat(c.path)
		if err != nil || info.ModTime().Equal(c.seen) {
			continue
		}
		c.seen = info.ModTime()
		parsed, err := load(c.path)
		if err != nil {
			c.log.ErrorContext(ctx, "configuration is not valid; the last good one stays", "error", err)
			continue
		}
		c.current.Store(parsed)
		c.log.InfoContext(ctx, "configuration read again")
	}
}
