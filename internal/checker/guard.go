package checker

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// takeEffect is how long after closing work may still begin.
func (w World) takeEffect() time.Duration {
	if w.TakeEffect == 0 {
		return 10 * time.Second
	}
	return w.TakeEffect
}

// environmentUndisturbed is P6.
func (j *judge) environmentUndisturbed() {
	if j.w.Environment != nil {
		j.sameTraffic(*j.w.Environment)
	}
	for _, s := range j.f.services {
		for _, t := range s.Traffic {
			if r, ok := j.f.revisionOf(t.Revision); ok && t.Percent > 0 && r.Labels.preview(j.w) {
				j.violates("P6", short(s.Name), "revision %s of a preview has %d %% of the traffic", short(t.Revision), t.Percent)
			}
		}
	}
	for _, r := range j.f.revisions {
		j.nothingInherited(r)
	}
}

func (j *judge) sameTraffic(before Traffic) {
	for name, was := range before {
		is, ok := j.f.environment[name]
		switch {
		case !ok:
			j.violates("P6", short(name), "the service is gone")
		case !maps.Equal(was.Percent, is.Percent):
			j.violates("P6", short(name), "the traffic was %v and is %v", was.Percent, is.Percent)
		case !maps.Equal(was.Tags, is.Tags):
			j.violates("P6", short(name), "the foreign tags were %v and are %v", was.Tags, is.Tags)
		}
	}
}

// tagURL is an address under a preview's tag.
var tagURL = regexp.MustCompile(`\bpr-([0-9]+)---`)

// nothingInherited looks for what a revision can only have from another preview.
func (j *judge) nothingInherited(r revision) {
	own := r.Labels[labelPullRequest]
	for _, c := range r.Containers {
		for _, e := range c.Env {
			for _, m := range tagURL.FindAllStringSubmatch(e.Value, -1) {
				if m[1] != own {
					j.violates("P6", short(r.Name), "its %s leads to pull request %s", e.Name, m[1])
				}
			}
		}
	}
	if own == "" {
		for name := range r.Labels {
			if strings.HasPrefix(name, labelInstallation) && name != labelInstallation && name != labelCommit {
				j.violates("P6", short(r.Name), "it has a preview's label %s and no pull request", name)
			}
		}
	}
}

// noSecret is P9.
func (j *judge) noSecret() {
	for file, what := range j.f.texts {
		j.violates("P9", file, "it holds %s", what)
	}
	for _, p := range j.f.pulls {
		j.noSecretOn(p)
	}
	for _, c := range j.f.configs {
		j.noSecretIn("API config "+short(c.Name), "its document", c.text())
	}
	for _, b := range j.f.builds {
		j.noSecretIn("build "+b.ID, "a substitution or tag",
			slices.Concat(slices.Collect(maps.Values(b.Substitutions)), b.Tags)...)
	}
	for _, r := range j.f.revisions {
		for _, c := range r.Containers {
			for _, e := range c.Env {
				j.noSecretIn(short(r.Name), "its "+e.Name, e.Value)
			}
		}
	}
}

func (j *judge) noSecretIn(subject, where string, texts ...string) {
	if what := secretIn([]byte(strings.Join(texts, "\n")), j.w.Secrets); what != "" {
		j.violates("P9", subject, "%s holds %s", where, what)
	}
}

func (j *judge) noSecretOn(p *pull) {
	for _, c := range p.comments {
		j.noSecretIn(p.subject(), "a comment", c.Body)
	}
	for _, c := range p.checks {
		j.noSecretIn(p.subject(), "a check", c.Output.Title, c.Output.Summary, c.Output.Text)
	}
	for _, d := range p.deployments {
		for _, s := range d.statuses {
			j.noSecretIn(p.subject(), "a deployment", d.Description, s.Description, s.EnvironmentURL)
		}
	}
}

// plain is what a substitution may be: numbers, commits, and names and paths of the configuration.
var plain = regexp.MustCompile(`^[A-Za-z0-9._/:@-]*$`)

// noRights is P11.
func (j *judge) noRights() {
	for _, p := range j.f.pulls {
		for _, b := range j.buildsOf(p) {
			j.buildWithoutRights(p, b)
		}
		for _, r := range j.f.revisions {
			if r.Labels.of(p) && j.w.RevisionAccount != "" && r.Account != j.w.RevisionAccount {
				j.violates("P11", p.subject(), "its revision %s runs as %q", short(r.Name), r.Account)
			}
		}
		j.noHCL(p)
		j.noMarkdown(p)
	}
}

func (j *judge) buildWithoutRights(p *pull, b build) {
	if account := b.ServiceAccount; j.w.BuildAccount != "" && short(account) != j.w.BuildAccount {
		j.violates("P11", p.subject(), "its build %s runs as %q", b.ID, account)
	}
	for name, value := range b.Substitutions {
		if !plain.MatchString(value) || value == p.Head.Ref && len(value) >= telling {
			j.violates("P11", p.subject(), "substitution %s of its build %s is not from the configuration", name, b.ID)
		}
	}
}

// telling is how long a text has to be to say anything about where it came from.
const telling = 8

// noHCL looks for the author's words in what Terraform runs.
func (j *judge) noHCL(p *pull) {
	for _, s := range j.f.stacks {
		for file, source := range s.sources {
			for _, w := range []string{p.Title, p.Head.Ref} {
				if len(w) >= telling && strings.Contains(source, w) {
					j.violates("P11", p.subject(), "its title or branch stands in %s", file)
				}
			}
		}
	}
}

// noMarkdown looks for the author's words where they would be taken for ours.
func (j *judge) noMarkdown(p *pull) {
	for _, c := range p.ours() {
		body := withoutCode(c.Body)
		for _, w := range []string{p.Title, p.Head.Ref} {
			if strings.ContainsAny(w, "[<@`*_!#") && len(w) >= telling && strings.Contains(body, w) {
				j.violates("P11", p.subject(), "its title or branch stands in the comment as Markdown")
			}
		}
		if image.MatchString(body) {
			j.violates("P11", p.subject(), "its comment shows an image")
		}
		if mention.MatchString(body) {
			j.violates("P11", p.subject(), "its comment mentions somebody")
		}
	}
}

var (
	image   = regexp.MustCompile(`!\[[^\]]*\]\(|<img\b`)
	mention = regexp.MustCompile(`(^|[\s(])@[A-Za-z0-9]`)
	fenced  = regexp.MustCompile("(?ms)^(`{3,}|~{3,}).*?^(`{3,}|~{3,})[ \t]*$")
	inline  = regexp.MustCompile("`[^`\n]*`")
)

// withoutCode is Markdown without what it shows as it is.
func withoutCode(markdown string) string {
	return inline.ReplaceAllString(fenced.ReplaceAllString(markdown, ""), "")
}

// healthy is P12: whatever came in, the commands are there and ready. That others' previews are is P1.
func (j *judge) healthy() {
	for address, said := range j.f.unhealthy {
		j.violates("P12", address, "it answers %s", said)
	}
}
