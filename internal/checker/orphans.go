package checker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lives tells whether there is an open pull request to which labels belong.
func (j *judge) lives(l labels) bool {
	return slices.ContainsFunc(j.f.pulls, func(p *pull) bool { return p.open() && l.of(p) })
}

// noOrphan is P2.
func (j *judge) noOrphan() {
	used := map[string]bool{}
	for _, g := range j.f.gateways {
		used[withoutProject(g.APIConfig)] = true
		if g.Labels.preview(j.w) && !j.lives(g.Labels) {
			j.violates("P2", "gateway "+short(g.Name), "no open pull request owns it")
		}
	}
	for _, c := range j.f.configs {
		switch {
		case !c.Labels.preview(j.w):
		case !j.lives(c.Labels):
			j.violates("P2", "API config "+short(c.Name), "no open pull request owns it")
		case !used[withoutProject(c.Name)]:
			j.violates("P2", "API config "+short(c.Name), "no gateway serves it")
		}
	}
	j.noOrphanTag()
	j.noOrphanProcess()
	for _, s := range j.f.stacks {
		l := labels{labelRepository: s.repository, labelPullRequest: s.number}
		if s.resources > 0 && !j.lives(l) {
			j.violates("P2", "stack "+s.folder, "its state still holds %d resources, and no open pull request owns it", s.resources)
		}
	}
	for _, p := range j.f.pulls {
		for _, d := range p.deployments {
			if state := d.last().State; !p.open() && state != "inactive" && state != "failure" && state != "error" {
				j.violates("P2", p.subject(), "it is closed, and its deployment %d is %q", d.ID, state)
			}
		}
	}
}

// noOrphanTag looks for previews' tags whose pull request is not open.
func (j *judge) noOrphanTag() {
	for _, s := range j.f.services {
		for _, t := range s.Traffic {
			m := previewTag.FindStringSubmatch(t.Tag)
			if m == nil {
				continue
			}
			if r, ok := j.f.revisionOf(t.Revision); ok && r.Labels.preview(j.w) && !j.lives(r.Labels) {
				j.violates("P2", "tag "+t.Tag+" of "+short(s.Name), "no open pull request owns it")
			} else if !ok && !j.anyOpen(m[1]) {
				j.violates("P2", "tag "+t.Tag+" of "+short(s.Name), "no open pull request has this number")
			}
		}
	}
}

func (j *judge) anyOpen(number string) bool {
	return slices.ContainsFunc(j.f.pulls, func(p *pull) bool { return p.open() && strconv.Itoa(p.Number) == number })
}

// noOrphanProcess looks for processes of previews' revisions that nothing leads to.
func (j *judge) noOrphanProcess() {
	for _, running := range j.f.processes {
		r, ok := j.f.revisionOf(running.Revision)
		if !ok {
			j.violates("P2", "process of "+short(running.Revision), "there is no such revision")
			continue
		}
		if r.Labels.preview(j.w) && !j.lives(r.Labels) {
			j.violates("P2", "process of "+short(running.Revision), "no open pull request owns it")
		}
	}
}

// noResurrection is P3.
func (j *judge) noResurrection() {
	for _, p := range j.f.pulls {
		if p.open() || p.ClosedAt.IsZero() {
			continue
		}
		j.noBuilds(p)
		for _, g := range j.f.gateways {
			if g.Labels.of(p) {
				j.notAfterClosing(p, "gateway "+short(g.Name), g.Created)
			}
		}
		for _, c := range j.f.configs {
			if c.Labels.of(p) {
				j.notAfterClosing(p, "API config "+short(c.Name), c.Created)
			}
		}
		for _, o := range j.operationsOf(p, "create") {
			j.notAfterClosing(p, "creation of "+short(o.Metadata.Target), o.Metadata.Created)
		}
	}
}

// noBuilds looks for builds of a closed pull request that run, or began too late.
func (j *judge) noBuilds(p *pull) {
	for _, b := range j.buildsOf(p) {
		if b.Status == "QUEUED" || b.Status == "WORKING" || b.Status == "PENDING" {
			j.violates("P3", p.subject(), "it is closed, and its build %s is %s", b.ID, b.Status)
		}
		j.notAfterClosing(p, "build "+b.ID, b.Created)
	}
}

// notAfterClosing looks whether something began after a pull request was closed, and the news had time to arrive.
func (j *judge) notAfterClosing(p *pull, what string, began time.Time) {
	if late := began.Sub(p.ClosedAt); late > j.w.takeEffect() {
		j.violates("P3", p.subject(), "its %s began %s after it was closed", what, late)
	}
}

// buildsOf are the builds of a pull request.
func (j *judge) buildsOf(p *pull) []build {
	var all []build
	for _, b := range j.f.builds {
		if slices.Contains(b.Tags, fmt.Sprintf("repository-%d", p.RepositoryID)) &&
			slices.Contains(b.Tags, fmt.Sprintf("pr-%d", p.Number)) {
			all = append(all, b)
		}
	}
	return all
}

// operationsOf are API Gateway's operations on the gateway and configs of a pull request, by their names: what they were
// about may be gone.
func (j *judge) operationsOf(p *pull, verb string) []operation {
	var all []operation
	for _, o := range j.f.operations {
		if o.Metadata.Verb != verb || !strings.Contains(short(o.Metadata.Target)+"-", fmt.Sprintf("-pr-%d-", p.Number)) {
			continue
		}
		if j.onlyOneHasNumber(p) {
			all = append(all, o)
		}
	}
	return all
}

// onlyOneHasNumber tells whether a pull request can be told by its number alone. Names hold a hash of the repository
// besides, which is not known here.
func (j *judge) onlyOneHasNumber(p *pull) bool {
	return !slices.ContainsFunc(j.f.pulls, func(o *pull) bool { return o != p && o.Number == p.Number })
}
