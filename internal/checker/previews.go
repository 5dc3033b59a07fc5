package checker

import (
	"slices"
	"strings"
)

// touches are the services that a pull request changes.
func (j *judge) touches(p *pull) []Service {
	var all []Service
	for _, s := range j.w.Services {
		changed := func(file string) bool {
			return slices.ContainsFunc(s.Paths, func(folder string) bool {
				return strings.HasPrefix(file, strings.TrimSuffix(folder, "/")+"/")
			})
		}
		if s.Repository == p.Repository && slices.ContainsFunc(p.files, changed) {
			all = append(all, s)
		}
	}
	return all
}

// noLostPreview is P1.
func (j *judge) noLostPreview() {
	for _, p := range j.f.pulls {
		touched := j.touches(p)
		if !p.open() || len(touched) == 0 {
			continue
		}
		ours := p.ours()
		if len(ours) == 0 {
			j.violates("P1", p.subject(), "it is open, changes %s, and nothing is said on it", names(touched))
			continue
		}
		for _, c := range ours {
			sign, words, _ := c.says()
			switch sign {
			case signReady:
				j.live(p, c, touched)
			case signWorking:
				j.violates("P1", p.subject(), "it never ends: %q", words)
			case signGone, "":
				// Said by P8 and P7.
			default:
				j.reason(p, words)
			}
		}
	}
}

func names(services []Service) string {
	var all []string
	for _, s := range services {
		all = append(all, s.Name)
	}
	return strings.Join(all, ", ")
}

// reason holds a reason to the head: it has to be told for this very commit.
func (j *judge) reason(p *pull, words string) {
	told := slices.ContainsFunc(p.checks, func(c check) bool {
		return strings.HasPrefix(c.Name, "gangway") && c.Status == "completed" && c.Conclusion != "success"
	})
	if !told {
		j.violates("P1", p.subject(), "the comment says %q, but no check on the head %.7s does", words, p.Head.SHA)
	}
}

// live holds a preview that is said to be ready to what is there.
func (j *judge) live(p *pull, c comment, touched []Service) {
	_, words, link := c.says()
	if !strings.Contains(words, p.Head.SHA[:min(7, len(p.Head.SHA))]) {
		j.violates("P1", p.subject(), "the head is %.7s, the comment says %q", p.Head.SHA, words)
	}
	if link == "" {
		j.violates("P1", p.subject(), "it is said to be ready without a link")
		return
	}
	if p.answers != "" {
		j.violates("P1", p.subject(), "the link %s does not answer: %s", link, p.answers)
	}
	g, ok := j.gatewayAt(link)
	if !ok || g.State != "ACTIVE" {
		j.violates("P1", p.subject(), "no active gateway stands behind the link %s", link)
		return
	}
	if !g.Labels.of(p) {
		j.violates("P1", p.subject(), "the link leads to %s, which is not this pull request's", short(g.Name))
	}
	for _, s := range touched {
		j.serves(p, g, s)
	}
}

// serves tells whether a gateway sends a service's requests to a revision of the pull request's head.
func (j *judge) serves(p *pull, g gateway, s Service) {
	r, ok := j.serving(p, g, s.cloudRun())
	switch {
	case !ok:
		j.violates("P1", p.subject(), "its gateway does not lead to a revision of %s that is its own", s.Name)
	case r.Labels[labelCommit] != p.Head.SHA && !slices.Contains(p.unchanged[r.Labels[labelCommit]], s.Name):
		j.violates("P1", p.subject(), "%s is served by %s of commit %.7s, the head is %.7s",
			s.Name, short(r.Name), r.Labels[labelCommit], p.Head.SHA)
	}
}

// serving is the revision of the pull request to which a gateway sends the requests for a Cloud Run service.
func (j *judge) serving(p *pull, g gateway, cloudRun string) (revision, bool) {
	backends := j.config(g.APIConfig).backends()
	for _, s := range j.f.services {
		if short(s.Name) != cloudRun {
			continue
		}
		for _, t := range s.Statuses {
			_, host, _ := strings.Cut(t.URI, "://")
			if t.Tag == "" || !slices.Contains(backends, strings.TrimSuffix(host, "/")) {
				continue
			}
			if r, ok := j.f.revisionOf(t.Revision); ok && r.Labels.of(p) {
				return r, true
			}
		}
	}
	return revision{}, false
}

func (j *judge) gatewayAt(link string) (gateway, bool) {
	_, rest, _ := strings.Cut(link, "://")
	host, _, _ := strings.Cut(rest, "/")
	n := slices.IndexFunc(j.f.gateways, func(g gateway) bool { return g.Hostname == host })
	if n < 0 {
		return gateway{}, false
	}
	return j.f.gateways[n], true
}

// config is the API config of that name. Names differ in how they spell the project, by id or number.
func (j *judge) config(name string) apiConfig {
	n := slices.IndexFunc(j.f.configs, func(c apiConfig) bool { return withoutProject(c.Name) == withoutProject(name) })
	if n < 0 {
		return apiConfig{}
	}
	return j.f.configs[n]
}

func withoutProject(name string) string {
	_, rest, _ := strings.Cut(name, "/locations/")
	return rest
}

// oneTrueComment is P7.
func (j *judge) oneTrueComment() {
	for _, p := range j.f.pulls {
		seen := map[string]int{}
		for _, c := range p.ours() {
			_, whose, _ := strings.Cut(c.Body, marker)
			whose, _, _ = strings.Cut(whose, "\n")
			if seen[whose]++; seen[whose] == 2 {
				j.violates("P7", p.subject(), "it has more than one comment with the marker of %s", whose)
			}
			j.agrees(p, c)
		}
		byName := map[string]int{}
		for _, c := range p.checks {
			if byName[c.Name]++; strings.HasPrefix(c.Name, "gangway") && byName[c.Name] == 2 {
				j.violates("P7", p.subject(), "its head has more than one check %q", c.Name)
			}
		}
	}
}

// agrees holds one comment to what is there.
func (j *judge) agrees(p *pull, c comment) {
	sign, words, link := c.says()
	switch {
	case sign == "":
		j.violates("P7", p.subject(), "its comment has no headline")
	case !p.open() && sign != signGone:
		j.violates("P7", p.subject(), "it is closed, and its comment says %q", words)
	case sign == signGone && words == "Removing the preview":
		j.violates("P7", p.subject(), "its comment says that the removal is under way, and nothing is")
	case !p.open() && link != "":
		j.violates("P7", p.subject(), "it is closed, and its comment still offers %s", link)
	case sign == signReady:
		good := func(c check) bool { return strings.HasPrefix(c.Name, "gangway") && c.Conclusion == "success" }
		if !slices.ContainsFunc(p.checks, good) {
			j.violates("P7", p.subject(), "its comment says %q, but no check on the head is green", words)
		}
	default:
		for _, run := range p.checks {
			if strings.HasPrefix(run.Name, "gangway") && run.Conclusion == "success" && p.open() {
				j.violates("P7", p.subject(), "its check is green, and its comment says %q", words)
			}
		}
	}
}

// noWrongDeletion is P8, as far as it shows at rest: a preview that is gone although its pull request is open. (A person
// who pushes brings an expired one back; the comment says that it expired.)
func (j *judge) noWrongDeletion() {
	for _, p := range j.f.pulls {
		if !p.open() || len(j.touches(p)) == 0 {
			continue
		}
		for _, c := range p.ours() {
			sign, words, _ := c.says()
			if sign == signGone && !strings.Contains(c.Body, "A push brings the preview back") {
				j.violates("P8", p.subject(), "it is open, and its comment says %q", words)
			}
		}
	}
}
