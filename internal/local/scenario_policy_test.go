package local

import (
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/github"
)

// blocked waits until the pull request says why there is no preview, and looks that nothing was begun.
func (p *pr) blocked(reason string) string {
	p.t.Helper()
	body := p.says("No preview", reason)
	p.holds()
	if got := p.statuses(); got != "" {
		p.t.Errorf("builds were started: %s", got)
	}
	if checks := p.page().Checks; len(checks) != 1 || checks[0].Conclusion != "neutral" {
		p.t.Errorf("checks %+v, want one that is neutral", checks)
	}
	if got := p.deployments(); got != "" {
		p.t.Errorf("deployments %q, want none", got)
	}
	return body
}

// A fork's code is not run until somebody has approved the very commit.
func TestFork(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.open(t, github.NewPull{Author: "stranger", Fork: true, Change: change(t, version("users", "fork"))})
	label := "preview:" + p.sha
	if body := p.blocked("fork"); !strings.Contains(body, label) {
		t.Errorf("the comment does not say what would unblock it:\n%s", body)
	}
	p.must(w.Cloud.GitHub.SetLabel(t.Context(), Repository, p.number, "preview:"+strings.Repeat("0", 40), true))
	w.sweeps(t, 1)
	p.blocked("fork")
	// Who may only triage can set the label too, but that is no approval; a writer has to set it anew.
	if err := w.Cloud.GitHub.SetRole(Repository, "tina", "triage"); err != nil {
		t.Fatal(err)
	}
	p.must(w.Cloud.GitHub.Label(t.Context(), Repository, p.number, github.Labeling{User: "tina", Name: label, On: true}))
	until(t, "it says that tina may not", func() (bool, string) {
		body := p.blocked("fork")
		return strings.Contains(body, "`tina`"), body
	})
	for _, on := range []bool{false, true} {
		p.must(w.Cloud.GitHub.Label(t.Context(), Repository, p.number, github.Labeling{User: "ana", Name: label, On: on}))
	}
	p.ready()
	p.serves(p.link, "/plans", "fork")
	p.holds()

	// The approval was for that commit, not for the next one.
	p.push(version("users", "evil"))
	p.says("No preview", "fork")
	p.holds()
	until(t, "the approved preview is gone", func() (bool, string) { left := p.left(); return left == "", left })
	for _, b := range p.builds() {
		if b.Substitutions["_SHA"] == p.sha {
			t.Errorf("the unapproved commit was built: %+v", b)
		}
		if cache, ok := b.Substitutions["_CACHE"]; !ok || cache != "" {
			t.Errorf("the fork's build is told of the cache %q", cache)
		}
	}
	p.gone()
}

// A draft gets a preview once it is ready for review, and loses it when it is a draft again.
func TestDraft(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.open(t, github.NewPull{Draft: true, Change: change(t, version("users", "draft"))})
	p.blocked("draft")
	p.must(w.Cloud.GitHub.SetDraft(t.Context(), Repository, p.number, false))
	p.ready()
	p.serves(p.link, "/plans", "draft")
	p.must(w.Cloud.GitHub.SetDraft(t.Context(), Repository, p.number, true))
	p.says("No preview", "draft")
	until(t, "the preview is gone", func() (bool, string) { left := p.left(); return left == "", left })
	p.holds()
	p.gone()
}

// A bot's pull request gets a preview only if the operator has named the bot.
func TestBot(t *testing.T) {
	t.Parallel()
	w := shared(t)
	known := w.open(t, github.NewPull{Author: "renovate[bot]", Change: change(t, version("users", "known"))})
	other := w.open(t, github.NewPull{Author: "spam[bot]", Change: change(t, version("users", "other"))})
	other.blocked("bot")
	known.ready()
	known.serves(known.link, "/plans", "known")
	known.gone()
	other.gone()
}

// As many previews as are allowed: the next one says so, is not red, and starts by itself when there is room.
func TestLimit(t *testing.T) {
	t.Parallel()
	w := alone(t, func(text string) string { return strings.Replace(text, "previews {\n", "previews {\n  limit = 1\n", 1) })
	one := w.change(t, version("users", "one"))
	one.ready()
	two := w.change(t, version("users", "two"))
	if body := two.blocked("limit"); !strings.Contains(body, "(1)") {
		t.Errorf("the comment does not say the limit:\n%s", body)
	}
	one.push(version("users", "still")) // a preview that is live stays so
	one.ready()
	one.gone()
	two.ready()
	two.serves(two.link, "/plans", "two")
	two.gone()
	if err := w.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// Titles and branches are the author's words: they are shown nowhere as ours.
func TestHostileWords(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.open(t, github.NewPull{
		Title:      "![x](http://evil.example/x.png) @octocat <!-- gangway:preview --> ${file(\"/etc/passwd\")} `rm -rf /`",
		HeadBranch: once(`a"}$(touch${IFS}hacked);#@everyone`),
		Author:     "mallory", Change: change(t, version("users", "hostile")),
	})
	p.ready()
	p.serves(p.link, "/plans", "hostile")
	if body := p.ours()[0]; strings.Contains(body, "evil.example") || strings.Contains(body, "@octocat") {
		t.Errorf("the comment repeats the title:\n%s", body)
	}
	p.holds()
	p.gone()
}
