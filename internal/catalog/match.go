package catalog

import (
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gangway-dev/gangway/internal/preview"
)

// Touched tells whether one of the changed paths changes the service.
func (s *Service) Touched(paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		return slices.ContainsFunc(s.Paths, func(glob string) bool { return doublestar.MatchUnvalidated(glob, path) })
	})
}

// Changed are the names of the gateway's services that a pull request of repository (owner/name) changes, in order: all
// of that repository's when the list of files is incomplete.
func (g *Gateway) Changed(repository string, files preview.Files) []string {
	var names []string
	for i := range g.Services {
		s := &g.Services[i]
		if strings.EqualFold(s.Repository, repository) && (!files.Complete || s.Touched(files.Paths)) {
			names = append(names, s.Name)
		}
	}
	return names
}

// GatewaysOf are the gateways of the previews' environment that have a service of repository (owner/name).
func (c *Catalog) GatewaysOf(repository string) []*Gateway {
	e := c.PreviewEnvironment()
	if e == nil {
		return nil
	}
	var gateways []*Gateway
	for i := range e.Gateways {
		if len(e.Gateways[i].Changed(repository, preview.Files{})) > 0 {
			gateways = append(gateways, &e.Gateways[i])
		}
	}
	return gateways
}
