package catalog

import (
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/gangway-dev/gangway/internal/preview"
)

// defaultExpiry is when a preview that nobody pushes to is removed, when the configuration doesn't say.
const defaultExpiry = 72 * time.Hour

// maxLimit bounds limit: beyond anything that API Gateway's quotas allow.
const maxLimit = 10_000

// Policy is the part of the configuration that decides which pull requests get a preview.
func (p Previews) Policy() preview.Policy {
	return preview.Policy{
		Drafts:       p.Drafts,
		Forks:        p.Forks == ForksApproved,
		Bots:         p.Bots,
		RequireLabel: p.RequireLabel,
		ExcludeLabel: p.ExcludeLabel,
		ExpireAfter:  p.ExpireAfter,
		Limit:        p.Limit,
	}
}

// policy reads the previews block, which may be missing when there is exactly one environment.
func (p *parser) policy(top *scope, c *Catalog, environments []*hclsyntax.Block) {
	c.Previews = Previews{Forks: ForksNever, ExpireAfter: defaultExpiry, Access: AccessBaseline}
	s, ok := top.only("previews")
	if !ok {
		c.Previews.Environment = p.previewsIn(text{}, top.header, environments)
		return
	}
	c.Previews.Environment = p.previewsIn(s.text("environment", isName), s.header, environments)
	c.Previews.Drafts = s.truth("drafts", false)
	if t := s.text("forks", oneOf(string(ForksNever), string(ForksApproved))); t.value != "" {
		c.Previews.Forks = ForkPolicy(t.value)
	}
	bots, _, _ := s.texts("bots", isBot)
	c.Previews.Bots = values(bots)
	c.Previews.RequireLabel = s.text("require_label", nil).value
	exclude := s.text("exclude_label", nil)
	c.Previews.ExcludeLabel = exclude.value
	if exclude.value != "" && strings.EqualFold(exclude.value, c.Previews.RequireLabel) {
		p.wrong(exclude.at, "Take different labels: no pull request could have a preview.",
			"Label %q is both required and excluded", exclude.value)
	}
	c.Previews.ExpireAfter = s.duration("expire_after", defaultExpiry, 0, 0)
	c.Previews.Limit = s.count("limit", maxLimit)
	c.Previews.Open = s.text("open", isURLPath).value
	c.Previews.Probe = s.text("probe", isURLPath).value
	if t := s.text("access", oneOf(string(AccessBaseline), string(AccessAPIKey))); t.value != "" {
		c.Previews.Access = Access(t.value)
	}
	p.access = c.Previews.Access
	s.finish()
}

// previewsIn finds the environment that previews live in, and remembers it for the checks of environments.
func (p *parser) previewsIn(t text, header hcl.Range, environments []*hclsyntax.Block) string {
	names := make([]string, 0, len(environments))
	for _, b := range environments {
		if !slices.Contains(names, b.Labels[0]) {
			names = append(names, b.Labels[0])
		}
	}
	list := strings.Join(names, ", ")
	switch {
	case t.bad || len(names) == 0:
		return ""
	case !t.set && len(names) == 1:
		p.previews = names[0]
	case !t.set:
		p.wrong(header, `Add: previews { environment = "…" } with one of: `+list+".", "Which environment do previews live in?")
	case slices.Contains(names, t.value):
		p.previews = t.value
	default:
		p.wrong(t.at, "Name one of: "+list+".", "Unknown environment %q", t.value)
	}
	return p.previews
}

// isBot is the rule for a bot's login, which GitHub writes as name[bot].
func isBot(s string) string {
	if s == "" || strings.ContainsAny(s, " /@") {
		return `Write a bot's login as GitHub shows it, for example "dependabot[bot]".`
	}
	return ""
}
