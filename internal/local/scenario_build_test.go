package local

import (
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/checker"
)

// A build that fails says which step, and shows the end of its log; what was there before stays up until a push mends it.
func TestBuildFails(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, version("users", "good"))
	p.ready()
	good := p.sha

	p.push(version("users", "bad"), replacement{"users/users.go", "PUT /me/plan", "PUT /me/plan\" + 1 + \""})
	body := p.says("❌", p.sha[:7])
	for _, want := range []string{"users", "step image", "users.go:47", "mismatched types", "still serves", good[:7], "**Next:**", "Full log"} {
		if !strings.Contains(body, want) {
			t.Errorf("the comment does not say %q:\n%s", want, body)
		}
	}
	p.serves(p.link, "/plans", "good")
	p.holds()
	if checks := p.page().Checks; len(checks) != 1 || checks[0].Conclusion != "failure" {
		t.Errorf("checks %+v, want one failure", checks)
	}
	p.serves(p.link, "/plans", "good")

	p.push(version("users", "mended"), asBefore("users/users.go"))
	p.ready()
	p.serves(p.link, "/plans", "mended")
	p.holds()
	p.gone()
}

// fails makes the test of users fail, and say something.
var fails = replacement{"users/smoke/main.go", "func main() {\n", "func main() {\n\tfmt.Println(\"the sea is rough\")\n\tos.Exit(3)\n"}

// A build whose test fails: the step is the test's, and there never was a preview.
func TestTestFails(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, fails)
	body := p.says("❌", p.sha[:7])
	for _, want := range []string{"step test", "the sea is rough"} {
		if !strings.Contains(body, want) {
			t.Errorf("the comment does not say %q:\n%s", want, body)
		}
	}
	p.holds()
	p.gone()
}

// One member's build fails: no revision of any member is deployed, so that the preview stays as it was.
func TestOneOfTwoFails(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, version("users", "good"), version("catalog", "good"))
	p.ready()
	p.push(version("users", "half"), replacement{"catalog/catalog.go", "package main\n", "package main\n\nfunc {\n"})
	p.says("❌", p.sha[:7])
	p.serves(p.link, "/plans", "good")
	p.serves(p.link, "/products", "good")
	p.holds()
	p.gone()
}

// A commit is pushed while the one before is being built: that build is cancelled, and the newest is served.
func TestPushedWhileBuilding(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, hang)
	p.building()
	p.push(version("users", "newest"), asBefore("users/smoke/main.go"))
	p.ready()
	p.serves(p.link, "/plans", "newest")
	until(t, "the first build is cancelled", func() (bool, string) {
		return p.statuses() == "CANCELLED SUCCESS", p.statuses()
	})
	if ours := p.ours(); len(ours) != 1 {
		t.Errorf("%d comments, want 1", len(ours))
	}
	p.holds()
	p.gone()
}

// Many pushes in a row: the last one is what counts, and there are not more builds than commits.
func TestBurst(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, hang)
	place, err := w.Local.world()
	if err != nil {
		t.Fatal(err)
	}
	burst, err := checker.BeginBurst(t.Context(), place, Repository, p.number)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1", "2", "3", "4"} {
		p.push(version("users", name), hang)
	}
	p.push(version("users", "last"), asBefore("users/smoke/main.go"))
	p.ready()
	p.serves(p.link, "/plans", "last")
	until(t, "all builds but the last are cancelled", func() (bool, string) {
		now := p.statuses()
		return strings.TrimSpace(strings.ReplaceAll(strings.TrimSuffix(now, "SUCCESS"), "CANCELLED", "")) == "" && len(p.builds()) <= 6, now
	})
	p.holds()
	if found, err := burst.End(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("P10: %v, %v", found, err)
	}
	p.gone()
}

// The pull request is closed while it is being built: the build is cancelled, and nothing is left.
func TestClosedWhileBuilding(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, hang)
	p.building()
	p.close()
	until(t, "its build is cancelled", func() (bool, string) { return p.statuses() == "CANCELLED", p.statuses() })
	p.says("🧹")
	p.gone()
	if got := p.deployments(); got != "" && got != "inactive" {
		t.Errorf("its deployment is %q", got)
	}
}

// A build that breaks by Cloud Build's own fault is started again by itself.
func TestBuildBreaks(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, hang)
	p.building()
	w.breakBuilds(t, 1, p.tag())
	p.push(version("users", "again"), asBefore("users/smoke/main.go"))
	p.ready()
	p.serves(p.link, "/plans", "again")
	until(t, "the builds have ended", func() (bool, string) {
		return p.statuses() == "CANCELLED INTERNAL_ERROR SUCCESS", p.statuses()
	})
	p.holds()
	p.gone()
}
