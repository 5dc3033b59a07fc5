package local

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/github"
	"github.com/gangway-dev/gangway/internal/preview"
)

const anOrder = `{"lines":[{"sku":"rope-10","quantity":1}]}`

// Two pull requests at once. One of them changes two services that call each other: its orders has to ask its own catalog.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	w := shared(t)
	cheaper := []replacement{
		{"catalog/catalog.go", "Cents: 2450", "Cents: 1111"},
		{"catalog/catalog_test.go", `"price_cents":2450`, `"price_cents":1111`},
		version("orders", "two"),
	}
	both, other := w.change(t, cheaper...), w.change(t, version("orders", "other"))
	both.ready()
	other.ready()

	for _, c := range []struct{ what, at, says string }{
		{"the preview of both services", both.link, `"total_cents":1111`},
		{"the preview of orders alone", other.link, `"total_cents":2450`},
		{"the environment", w.gateway, `"total_cents":2450`},
	} {
		if a := w.call(t, http.MethodPost, c.at+"/orders", anOrder); a.status != http.StatusCreated || !strings.Contains(a.body, c.says) {
			t.Errorf("%s orders with %d %s, want %s", c.what, a.status, a.body, c.says)
		}
	}
	both.serves(both.link, "/orders", "two")
	other.serves(other.link, "/orders", "other")
	both.serves(both.link, "/plans", "1.0.0")
	both.serves(w.gateway, "/orders", "1.0.0")

	var catalog struct{ URI string }
	if err := w.api.call(t.Context(), http.MethodGet, w.serviceURL("catalog"), nil, &catalog); err != nil {
		t.Fatal(err)
	}
	env := both.tagged("orders").env()
	if want := strings.Replace(catalog.URI, "://", "://"+both.tag()+"---", 1); env["CATALOG_URL"] != want {
		t.Errorf("orders calls %s, want %s", env["CATALOG_URL"], want)
	}
	if env["CATALOG_AUDIENCE"] != catalog.URI {
		t.Errorf("orders asks for tokens for %s, want %s", env["CATALOG_AUDIENCE"], catalog.URI)
	}
	if env := other.tagged("orders").env(); env["CATALOG_URL"] != catalog.URI {
		t.Errorf("orders of the other preview calls %s, want the environment's %s", env["CATALOG_URL"], catalog.URI)
	}
	both.holds()
	other.holds()

	other.gone()
	both.serves(both.link, "/orders", "two")
	both.gone()
}

// A pull request that changes nothing that is served: nothing is said on it.
func TestNothingChanged(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.open(t, github.NewPull{Change: github.Change{Files: map[string]string{"docs/" + once(t.Name()) + ".md": "Words.\n"}}})
	until(t, "it was looked at", func() (bool, string) {
		return w.logged(t, "msg=generation", p.key(), "intent=idle") > 0, w.excerpt(p.number)
	})
	w.sweeps(t, 2)
	silent := func() {
		t.Helper()
		if found := p.page(); len(found.Comments) > 0 || len(found.Checks) > 0 || p.deployments() != "" || len(p.builds()) > 0 {
			t.Errorf("it is not silent: %+v, deployments %q, builds %q", found, p.deployments(), p.statuses())
		}
	}
	silent()
	p.gone()
	w.sweeps(t, 1)
	silent()
}

// A push that leaves one of the changed services alone: its revision stays, nothing of it is built again, and the comment says so.
func TestUnchangedService(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, version("users", "first"), version("catalog", "first"))
	p.ready()
	before, built := p.tagged("users").Name, len(p.builds())
	was := p.sha
	p.push(version("catalog", "second"))
	p.ready()
	if after := p.tagged("users").Name; after != before || len(p.builds()) != built+1 {
		t.Errorf("revision %s, then %s; %d builds, then %d", before, after, built, len(p.builds()))
	}
	if body := p.says("Preview is ready", p.sha[:7]); !strings.Contains(body, "✅ unchanged since `"+was[:7]+"`") {
		t.Errorf("the comment says\n%s", body)
	}
	p.serves(p.link, "/plans", "first")
	p.serves(p.link, "/products", "second")
	p.holds()
	p.gone()
}

// A push that changes a second service, and one that takes the change of the first back: its tag goes, the comment follows.
func TestServicesComeAndGo(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, version("users", "first"))
	p.ready()
	p.push(version("catalog", "second"))
	p.ready()
	p.serves(p.link, "/plans", "first")
	p.serves(p.link, "/products", "second")

	p.push(asBefore("users/version.go"))
	p.ready()
	p.serves(p.link, "/plans", "1.0.0")
	p.serves(p.link, "/products", "second")
	until(t, "the tag of users is removed", func() (bool, string) {
		for _, traffic := range w.traffic(t, "users") {
			if traffic.Tag == p.tag() {
				return false, traffic.Revision
			}
		}
		return true, ""
	})
	p.holds()
	p.gone()
}

// follows expects that one id leads from GitHub's delivery to the link: through the log and the builds.
func (p *pr) follows() {
	p.t.Helper()
	key, err := preview.ParseKey(strings.TrimSpace(strings.TrimPrefix(p.key(), "preview=")))
	if err != nil {
		p.t.Fatal(err)
	}
	builds := p.builds()
	id := key.Change(builds[len(builds)-1].Substitutions["_SHA"])
	for _, message := range []string{
		`"delivery published"`, "hint", "generation", `"notice of a build"`, "member", "gateway", `"stack applied"`, "applied",
	} {
		if p.logged(p.t, "msg="+message, "change="+id) == 0 {
			p.t.Errorf("no record %s has change=%s\n%s", message, id, p.excerpt(p.number))
		}
	}
	for _, b := range builds {
		if !slices.Contains(b.Tags, "change-"+id) {
			p.t.Errorf("build %s has the tags %q, want change-%s", b.ID, b.Tags, id)
		}
	}
}

// A pull request that is merged is closed like any other.
func TestMerged(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.open(t, github.NewPull{Change: github.Change{Files: map[string]string{"users/" + once(t.Name()) + ".md": "Words.\n"}}})
	p.ready()
	p.follows()
	p.must(w.Cloud.GitHub.MergePull(t.Context(), Repository, p.number))
	p.removed()
	p.gone()
	if got := p.deployments(); got != "inactive" {
		t.Errorf("its deployment is %q, want inactive", got)
	}
}
