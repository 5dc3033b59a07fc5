package catalog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
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

// Source is a fingerprint of what the service's image and document are made of at a commit (40 hexadecimal digits): the files that
// change the service, those by which it is built wherever they are, and the settings of its build. Equal ones give equal images, as far as the paths say the truth. context is
// whatever else makes a revision another one. It is "" for an incomplete tree.
func (s *Service) Source(tree preview.Tree, context ...string) string {
	if !tree.Complete {
		return ""
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "1 %q %q %q %q %+v\n", s.Name, s.CloudRun, s.OpenAPI, context, s.Build)
	dockerfile := cmp.Or(s.Build.Dockerfile, path.Join(s.Build.Context, "Dockerfile"))
	named := []string{s.OpenAPI, dockerfile, dockerfile + ".dockerignore", path.Join(s.Build.Context, ".dockerignore"), s.Build.ComposeTest}
	for _, e := range tree.Entries {
		if slices.Contains(named, e.Path) || s.Touched([]string{e.Path}) {
			_, _ = fmt.Fprintf(h, "%q %s %s\n", e.Path, e.Mode, e.SHA)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:20])
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
