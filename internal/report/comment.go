package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/gangway-dev/gangway/internal/preview"
)

// maxBody is GitHub's limit of a comment, counted here in bytes, which are never fewer than characters.
const maxBody = 65_536

// maxFindings bounds the findings of one failure in a text.
const maxFindings = 20

// A page is Markdown that is put together block by block, never longer than a limit.
type page struct {
	b     strings.Builder
	limit int
	full  bool
}

// add appends a block that makes sense by itself, or notes that there is no room for it.
func (p *page) add(separator, block string) {
	if block == "" {
		return
	}
	if p.full || p.b.Len()+len(separator)+len(block) > p.limit {
		p.full = true
		return
	}
	if p.b.Len() > 0 {
		p.b.WriteString(separator)
	}
	p.b.WriteString(block)
}

func (p *page) block(s string) { p.add("\n\n", s) }
func (p *page) line(s string)  { p.add("\n", s) }

// section is what the comment says of one gateway, in at most limit bytes; named says of which in its heading.
func (v view) section(limit int, named bool) string {
	cutNote := join(" ", "_Cut: there is more than fits here._", link("All of it is in the checks", v.Wanted.URL+"/checks"))
	foot := fmt.Sprintf("<sub>Gateway %s of %s</sub>", code(v.Key.Gateway), code(v.Key.Environment))
	p := &page{limit: limit - len(cutNote) - len(foot) - 10}
	emoji, words := v.heading()
	if named {
		words = code(v.Key.Gateway) + ": " + words
	}
	p.block("### " + emoji + " " + words)
	v.body(p)
	rest := &page{limit: limit}
	rest.block(p.b.String())
	if p.full {
		rest.block(cutNote)
	}
	rest.block(foot)
	return rest.b.String()
}

// body is what comment and check run have in common.
func (v view) body(p *page) {
	switch v.state {
	case ready, unhealthy, checking:
		v.welcome(p)
		if v.state == unhealthy {
			p.block("The probe said: " + code(v.Observed.Serving.Probe) + ". The preview may need a moment more, or the code may be at fault.")
		}
		v.table(p)
		v.origin(p)
		v.changes(p)
		v.expiry(p)
	case updating:
		v.open(p, "Open the preview of "+commit(v.Observed.Serving.HeadSHA), "")
		v.table(p)
		v.usual(p)
	case building:
		v.table(p)
		v.usual(p)
	case failed:
		v.failed(p)
	case blocked:
		_, reason, remedy := why(v.Wanted.Block)
		p.block(join(" ", reason, remedy))
		p.block(v.remains())
	case removing, removed, dropped:
		v.goodbye(p)
	case silent:
	}
}

// welcome leads to what is up.
func (v view) welcome(p *page) {
	s := v.Observed.Serving
	if s.Open != "" || v.docs() == "" {
		v.open(p, "Open the preview", join(" · ", link("API documentation", v.docs()), v.timelineLink()))
		return
	}
	v.open(p, "Open the preview", "")
	p.block("None of its operations can be opened without filling something in, so that the link shows how to call them. " +
		"It answers at " + code(s.URL) + ".")
}

func (v view) open(p *page, words, more string) {
	if to := link(words, v.link()); to != "" {
		p.block(join(" · ", "**"+to+"**", more))
	}
}

// table has a row for each service of the pull request.
func (v view) table(p *page) {
	if len(v.Wanted.Members) == 0 {
		return
	}
	p.block("| Service | From | Revision | Status |\n|---|---|---|---|")
	for _, m := range v.Wanted.Members {
		p.line(fmt.Sprintf("| %s | this pull request | %s | %s |", text(m.Service), code(m.Revision), v.row(m)))
	}
}

// row is a member's status.
func (v view) row(m preview.Member) string {
	log := link("log", m.LogURL)
	switch m.Step {
	case preview.StepReady:
		state := "✅ " + cmp.Or(built(m), "ready")
		if m.SHA != v.Wanted.HeadSHA {
			state = "✅ unchanged since " + commit(m.SHA)
		}
		return join(" · ", state, log, link("direct", m.URL))
	case preview.StepFailed:
		stage := "build"
		if m.Failure != nil {
			stage = m.Failure.Stage
		}
		return join(" · ", "❌ "+doing(stage)+" failed", log)
	case preview.StepBuilt:
		return join(" · ", "⏳ "+join(", ", cmp.Or(built(m), "built"), "waits for the others"), log)
	case preview.StepDeploying:
		return join(" · ", "⏳ "+join(", ", built(m), "starts"), log)
	case preview.StepBuilding:
		return join(" · ", "⏳ building"+again(m), log)
	case preview.StepWaiting:
		if m.Pipeline {
			return "⏳ waits for its own pipeline"
		}
	}
	return "⏳ waiting" + again(m)
}

// again says why a build is not the first one of its commit.
func again(m preview.Member) string {
	switch m.Again {
	case preview.BuildExpired:
		return " again: the build before waited for a free builder for too long"
	case preview.BuildBroken:
		return " again: Cloud Build could not run the build before"
	default:
		return ""
	}
}

// origin says where all else comes from.
func (v view) origin(p *page) {
	s := v.Observed.Serving
	if s.Others > 0 {
		verb := "come"
		if s.Others == 1 {
			verb = "comes"
		}
		p.block(fmt.Sprintf("%s %s from %s.", plural(s.Others, "other service"), verb, text(v.Key.Environment)))
	}
	if len(s.Assumed) > 0 {
		names := make([]string, 0, len(s.Assumed))
		for _, name := range s.Assumed {
			names = append(names, code(name))
		}
		p.block("ℹ️ Note: which commit is live isn't known of " + strings.Join(names, ", ") +
			"; the OpenAPI document of the base branch is assumed.")
	}
	if v.Wanted.AllChanged {
		p.block("ℹ️ Note: this pull request changes more files than GitHub lists, so that all services count as changed.")
	}
}

// expiry says how long the preview stays.
func (v view) expiry(p *page) {
	if v.Expire > 0 {
		p.block("Removed " + span(v.Expire) + " after the last push.")
	}
}

func (v view) usual(p *page) {
	if v.Usual > 0 {
		p.block("Usually takes about " + span(v.Usual) + " from the push.")
	}
}

// failed says what failed, with the last lines of the log and one next action each, and what is still up.
func (v view) failed(p *page) {
	for _, f := range v.failures {
		v.failure(p, f)
	}
	if old := v.Observed.Serving; v.serves() {
		what := "The link still serves " + commit(old.HeadSHA) + ", which is old."
		if old.HeadSHA == v.Wanted.HeadSHA {
			what = "The link still serves " + commit(old.HeadSHA) + " as it was before the last change, which is old."
		}
		p.block(what)
		v.open(p, "Open the old preview", "")
	}
	v.table(p)
}

func (v view) failure(p *page, f failure) {
	what := doing(f.Stage)
	what = "**" + strings.ToUpper(what[:1]) + what[1:] + " failed**"
	if f.service != "" {
		what = "**" + text(f.service) + ": " + doing(f.Stage) + " failed**"
	}
	p.block(join(" — ", what, text(f.Summary)))
	for i, finding := range f.Findings {
		if i == maxFindings {
			p.line(fmt.Sprintf("- and %d more", len(f.Findings)-i))
			break
		}
		item := "- " + place(finding) + " " + join(" — ", text(finding.Message), text(finding.Hint))
		if i == 0 {
			p.block(item)
		} else {
			p.line(item)
		}
	}
	if strings.TrimSpace(f.Detail) != "" {
		p.block(fence(f.Detail))
	}
	next := "**Next:** " + text(cmp.Or(f.Hint, "Mend it and push, or push again to try once more."))
	p.block(join(" · ", next, link("Full log", f.log)))
}

// place is where a finding is, as far as that is known.
func place(f preview.Finding) string {
	switch {
	case f.Line < 1:
		return code(f.File)
	case f.Column < 1:
		return code(fmt.Sprintf("%s:%d", f.File, f.Line))
	}
	return code(fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column))
}

// remains says what becomes of a gateway that is not wanted at the moment.
func (v view) remains() string {
	switch v.Observed.Phase {
	case preview.PhaseApplying, preview.PhaseLive, preview.PhaseRemoving:
		return "The preview that was here is being removed."
	case preview.PhaseRemoved:
		return "The preview that was here is removed."
	case preview.PhaseNone:
	}
	return ""
}

// goodbye says why the preview is gone and how long that took.
func (v view) goodbye(p *page) {
	reason := ""
	switch v.Wanted.Intent {
	case preview.IntentClosed:
		reason = "The pull request is closed."
	case preview.IntentExpired:
		reason = "Nobody has pushed for a while. A push brings the preview back."
	case preview.IntentIdle:
		reason = "The pull request changes none of the services any more."
	case preview.IntentUnknown, preview.IntentLive, preview.IntentBlocked:
	}
	p.block(join(" ", reason, v.took()))
	if f := v.Observed.Failure; v.state == removing && f != nil && !f.At.Before(v.Observed.RemoveFrom) {
		v.failure(p, failure{Failure: f})
	}
}

func (v view) took() string {
	o := v.Observed
	switch {
	case v.state == removing:
		return "Its gateway and its revisions' tags are being taken down."
	case v.state == dropped:
		return "Nothing had been put up yet."
	case o.RemoveFrom.IsZero() || o.RemovedAt.Before(o.RemoveFrom):
		return "Its gateway and its revisions' tags are gone."
	}
	return "Its gateway and its revisions' tags were taken down in " + span(o.RemovedAt.Sub(o.RemoveFrom)) + "."
}
