package checker

import (
	"slices"
	"strconv"
	"strings"
)

// neverBackwards is P4, as far as it shows at rest: what is published is of the newest generation of each service, and
// no older deployment was declared good after a newer one. [Watcher] sees more.
func (j *judge) neverBackwards() {
	for _, p := range j.f.pulls {
		for _, s := range j.f.services {
			served := j.newestServed(p, s)
			for _, t := range s.Traffic {
				r, ok := j.f.revisionOf(t.Revision)
				if ok && t.Tag != "" && r.Labels.of(p) && r.generation() < served {
					j.violates("P4", p.subject(), "tag %s of %s points to generation %d; generation %d was served before",
						t.Tag, short(s.Name), r.generation(), served)
				}
			}
		}
		j.deploymentsInOrder(p)
	}
}

// newestServed is the newest generation of a service that a deployment of the pull request was declared good with. It is
// read off the revisions of the commits that were deployed.
func (j *judge) newestServed(p *pull, s runService) int64 {
	var newest int64
	for _, d := range p.deployments {
		good := slices.ContainsFunc(d.statuses, func(s deploymentStatus) bool { return s.State == "success" })
		for _, r := range j.f.revisions {
			if good && strings.HasPrefix(r.Name, s.Name+"/") && r.Labels.of(p) && r.Labels[labelCommit] == d.SHA {
				newest = max(newest, r.generation())
			}
		}
	}
	return newest
}

func (r revision) generation() int64 {
	n, err := strconv.ParseInt(r.Labels[labelGeneration], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// deploymentsInOrder looks for an older deployment that was declared good after a newer one was.
func (j *judge) deploymentsInOrder(p *pull) {
	var newest deployment
	var said int64
	byID := slices.SortedFunc(slices.Values(p.deployments), func(a, b deployment) int { return int(a.ID - b.ID) })
	for _, d := range slices.Backward(byID) {
		for _, s := range d.statuses {
			if s.State == "success" && newest.ID != 0 && s.ID > said {
				j.violates("P4", p.subject(), "deployment %d was declared good after the newer %d was", d.ID, newest.ID)
			}
		}
		for _, s := range d.statuses {
			if s.State == "success" && (newest.ID == 0 || s.ID < said) {
				newest, said = d, s.ID
			}
		}
	}
}

// oneTerraform is P5, as far as it shows at rest: no process and no lock is left, and nothing was done at once that must
// not be.
func (j *judge) oneTerraform() {
	for _, directory := range j.f.terraforms {
		j.violates("P5", "stack "+directory, "a terraform process is still there")
	}
	for _, s := range j.f.stacks {
		if s.locked {
			j.violates("P5", "stack "+s.folder, "its state is still locked")
		}
	}
	for _, b := range j.f.breaches {
		j.violates("P5", short(b.Resource), "API Gateway noticed %s: %s", b.Kind, b.Detail)
	}
}

// fewApplies is P10, as far as it shows at rest: each apply of a preview creates one API config at the most, and each
// generation (they show as builds and as deployments) calls for two applies at the most. [Burst] counts exactly.
func (j *judge) fewApplies() {
	for _, p := range j.f.pulls {
		heads := map[string]bool{}
		for _, b := range j.buildsOf(p) {
			heads[b.tag("commit-")+" "+b.generationTag()] = true
		}
		configs := j.configsCreated(p)
		generations := max(len(heads), len(p.deployments))
		if generations > 0 && configs > 2*generations {
			j.violates("P10", p.subject(), "%d API configs were created for %d generations", configs, generations)
		}
	}
}

// configsCreated is how often the creation of an API config of the pull request was begun.
func (j *judge) configsCreated(p *pull) int {
	n := 0
	for _, o := range j.operationsOf(p, "create") {
		if strings.Contains(o.Metadata.Target, "/configs/") {
			n++
		}
	}
	return n
}

// generationTag is the build's generation as its tags say it.
func (b build) generationTag() string {
	for _, t := range b.Tags {
		if digits, ok := strings.CutPrefix(t, "g"); ok {
			if _, err := strconv.Atoi(digits); err == nil {
				return digits
			}
		}
	}
	return ""
}
