package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// maxBehind is how many operations are named that a branch lacks.
const maxBehind = 3

// changed is what the pull request changes in the APIs that are served; nil where that is not known, or of another head.
func (v view) changed() *preview.APIChanges {
	if s := v.Observed.Serving; v.serves() && s.HeadSHA == v.Wanted.HeadSHA {
		return s.API
	}
	return nil
}

// changes says in a line or two what the pull request changes for callers.
func (v view) changes(p *page) {
	api := v.changed()
	if api == nil {
		return
	}
	var counts []string
	if api.Counts != "" {
		counts = append(counts, text(api.Counts))
	}
	if api.Breaking > 0 {
		counts = append(counts, fmt.Sprintf("⚠ %d breaking", api.Breaking))
	}
	if len(counts) > 0 {
		line := "**API changes:** " + strings.Join(counts, ", ")
		if api.Headline != "" {
			line += " — " + code(api.Headline) + " " + text(api.Says)
		}
		p.block(join(" · ", line, link("all of them", v.docs())))
	}
	p.block(v.behind(api))
	for _, why := range api.Unknown {
		p.block("ℹ️ Note: the API changes are not complete: " + text(why) + ".")
	}
}

// behind says what the branch lacks.
func (v view) behind(api *preview.APIChanges) string {
	if len(api.Behind) == 0 {
		return ""
	}
	var names []string
	for _, c := range api.Behind[:min(len(api.Behind), maxBehind)] {
		names = append(names, code(c.Method+" "+c.Path)+" ("+kindWords(c.Kind)+")")
	}
	if more := len(api.Behind) + api.MoreBehind - maxBehind; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return "ℹ️ Note: the branch is behind " + code(cmp.Or(v.Wanted.BaseRef, "its base branch")) + ", which has changed " +
		strings.Join(names, ", ") + " meanwhile. That counts as no change of this pull request."
}

// changeTable lists all changes.
func (v view) changeTable(p *page) {
	api := v.changed()
	if api == nil || len(api.List) == 0 {
		return
	}
	p.block("**What changes for callers**")
	p.block("| Operation | Service | Change | Details |\n|---|---|---|---|")
	for _, c := range api.List {
		var details []string
		for _, d := range c.Details {
			details = append(details, text(d))
		}
		p.line(fmt.Sprintf("| %s | %s | %s | %s |",
			code(c.Method+" "+c.Path), text(c.Service), join(" ", severityWords(c.Severity), kindWords(c.Kind)), strings.Join(details, "; ")))
	}
	if api.More > 0 {
		p.block(fmt.Sprintf("And %d more, which are no worse.", api.More))
	}
}

// changeAnnotations point at the operations whose changes somebody should look at. What is gone has no line to point at.
func (v view) changeAnnotations() []Annotation {
	api := v.changed()
	if api == nil {
		return nil
	}
	var all []Annotation
	for _, c := range api.List {
		if c.Severity != "breaking" && c.Kind != "opened" && c.Kind != "shadowing" || c.Kind == "removed" || c.File == "" {
			continue
		}
		all = append(all, Annotation{
			Path: c.File, Line: max(1, c.Line), Level: "warning",
			Title:   cut(clean(c.Service+": "+join(" ", severityWords(c.Severity), kindWords(c.Kind))), 255),
			Message: cut(clean(join(" — ", c.Method+" "+c.Path, strings.Join(c.Details, "; "))), 2000),
		})
	}
	return all
}

func severityWords(severity string) string {
	switch severity {
	case "breaking":
		return "⚠ breaking:"
	case "risky":
		return "⚠ look:"
	}
	return ""
}

func kindWords(kind string) string {
	switch kind {
	case "added":
		return "new"
	case "removed":
		return "gone"
	case "opened":
		return "open to the public"
	case "shadowing":
		return "takes or loses requests"
	}
	return text(kind)
}
