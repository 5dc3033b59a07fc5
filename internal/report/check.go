package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// maxAnnotations is how many annotations GitHub takes in one request.
// https://docs.github.com/en/rest/checks/runs#update-a-check-run
const maxAnnotations = 50

// maxSummary is GitHub's limit of a check run's summary.
const maxSummary = 65_535

// checkRun is the check run on the head. Where nothing is wanted, only one that is there already is completed.
func (v view) checkRun() *CheckRun {
	if v.leaving() && v.Observed.Report.CheckSHA == "" || v.Wanted.HeadSHA == "" {
		return nil
	}
	emoji, words := v.heading()
	c := &CheckRun{
		Name:       checkName(v.Key),
		HeadSHA:    v.Wanted.HeadSHA,
		ExternalID: v.Key.String(),
		DetailsURL: v.details(),
		Title:      emoji + " " + strings.ReplaceAll(words, "`", ""),
	}
	c.Status, c.Conclusion = v.conclusion()
	p := &page{limit: maxSummary - 100}
	v.body(p)
	v.changeTable(p)
	p.block("In the logs, this is change " + code(v.Key.Change(v.Wanted.HeadSHA)) + ".")
	v.timeline(p)
	v.api(p)
	if p.full {
		p.b.WriteString("\n\n_Cut: there is more than fits here._")
	}
	c.Summary = p.b.String()
	if c.Summary == "" {
		c.Summary = c.Title
	}
	c.Annotations = v.annotations()
	return c
}

func checkName(k preview.Key) string { return "gangway / " + k.Gateway }

// leaving tells whether no preview is wanted and none is prevented.
func (v view) leaving() bool {
	return v.state == removing || v.state == removed || v.state == dropped
}

func (v view) conclusion() (status, conclusion string) {
	switch v.state {
	case ready:
		return "completed", "success"
	case failed:
		return "completed", "failure"
	case checking:
		return "in_progress", ""
	case building, updating:
		if v.queued() {
			return "queued", ""
		}
		return "in_progress", ""
	case unhealthy, blocked, removing, removed, dropped, silent:
	}
	return "completed", "neutral"
}

// details is where the check's "details" lead: to the preview, or else to the log of what failed.
func (v view) details() string {
	if v.state == ready || v.state == unhealthy || v.state == checking {
		return address(v.link())
	}
	return cmp.Or(v.log(), address(v.Wanted.URL))
}

// log is where the log of what failed is; "" when there is none.
func (v view) log() string {
	for _, f := range v.failures {
		if log := address(f.log); log != "" {
			return log
		}
	}
	return ""
}

// annotations point at the findings, at what was repaired or left out in what is served, and at changes that somebody should
// look at. They are plain text to GitHub.
func (v view) annotations() []Annotation {
	var all []Annotation
	for _, f := range v.failures {
		for _, finding := range f.Findings {
			all = append(all, annotation(finding, "failure", doing(f.Stage)+" failed"))
		}
	}
	if s := v.Observed.Serving; v.serves() && s.HeadSHA == v.Wanted.HeadSHA {
		for _, finding := range s.Warnings {
			all = append(all, annotation(finding, "warning", "OpenAPI document"))
		}
	}
	all = append(all, v.changeAnnotations()...)
	all = slices.DeleteFunc(all, func(a Annotation) bool { return a.Path == "" })
	return all[:min(len(all), maxAnnotations)]
}

func annotation(f preview.Finding, level, what string) Annotation {
	return Annotation{
		Path:    f.File,
		Line:    max(1, f.Line),
		Level:   level,
		Title:   cut(clean(join(": ", f.Service, what)), 255),
		Message: cut(clean(join(" — ", f.Message, f.Hint)), 2000),
	}
}
