package local

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gangway-dev/gangway/internal/emulator/github"
)

// fault breaks the next request or delivery at GitHub that begins like this.
func (w *world) fault(t *testing.T, f github.Fault) {
	t.Helper()
	if err := w.Cloud.GitHub.AddFault(f); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Cloud.GitHub.ClearFaults)
}

// Deliveries that are lost altogether: the sweep finds what they would have told.
func TestLostDeliveries(t *testing.T) {
	w := shared(t)
	w.fault(t, github.Fault{Method: "DELIVER", Path: "pull_request/", Count: 100, Kind: github.FaultLost})
	p := w.change(t, version("users", "lost"))
	p.ready()
	p.serves(p.link, "/plans", "lost")
	p.push(version("users", "lost again"))
	p.ready()
	p.serves(p.link, "/plans", "lost again")
	p.holds()
	p.close()
	p.removed()
	p.gone()
}

// Deliveries that can't be taken in are asked for again; doubled ones do no harm.
func TestFailedDeliveries(t *testing.T) {
	w := shared(t)
	before := w.logged(t, `msg="asked for failed deliveries again"`)
	failing := "http://127.0.0.1:1/github/webhook" // nobody listens there
	secret := w.secret(t)
	w.Cloud.GitHub.SetWebhook(github.Webhook{URL: failing, Secret: secret})
	restore := func() { w.Cloud.GitHub.SetWebhook(github.Webhook{URL: w.hook + "/github/webhook", Secret: secret}) }
	t.Cleanup(restore)
	p := w.change(t, version("users", "failed"))
	restore()
	redelivered := func() (bool, string) {
		return w.logged(t, `msg="asked for failed deliveries again"`) > before, w.excerpt(p.number)
	}
	until(t, "the failed delivery is asked for again", redelivered)
	w.fault(t, github.Fault{Method: "DELIVER", Path: "pull_request/", Count: 3, Kind: github.FaultDuplicate})
	p.ready()
	p.push(version("users", "doubled"))
	p.ready()
	p.serves(p.link, "/plans", "doubled")
	if got := p.statuses(); got != "SUCCESS SUCCESS" {
		t.Errorf("builds %q, want one for each commit", got)
	}
	p.holds()
	p.gone()
}

// GitHub has troubles of its own: nothing is lost, nothing is said twice.
func TestGitHubFails(t *testing.T) {
	w := shared(t)
	repo := "/repos/" + Repository
	for _, f := range []github.Fault{
		{Method: http.MethodPost, Path: repo + "/issues", Count: 1, Kind: github.FaultUnknownOutcome},
		{Method: http.MethodPost, Path: repo + "/check-runs", Count: 1, Kind: github.FaultUnknownOutcome},
		{Method: http.MethodPost, Path: repo + "/deployments", Count: 1, Kind: github.FaultServerError},
		{Method: http.MethodGet, Path: repo + "/pulls", Count: 2, Kind: github.FaultServerError},
		{Method: http.MethodGet, Path: repo + "/contents", Count: 2, Kind: github.FaultReset},
	} {
		w.fault(t, f)
	}
	p := w.change(t, version("users", "patient"))
	p.ready()
	p.serves(p.link, "/plans", "patient")
	p.holds()
	if ours := p.ours(); len(ours) != 1 {
		t.Errorf("%d comments, want 1", len(ours))
	}
	// A 404 for an open pull request is no evidence that it is closed.
	w.fault(t, github.Fault{Method: http.MethodGet, Path: repo + "/pulls", Count: 4, Kind: github.FaultNotFound})
	w.sweeps(t, 2)
	p.serves(p.link, "/plans", "patient")
	p.holds()
	p.gone()
}

// What somebody deletes by hand is made again: the gateway, and the tag.
func TestDeletedByHand(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, version("users", "lasting"))
	p.ready()

	before := resource{Name: p.tagged("users").Name}.name()
	w.setTraffic(t, "users", func(all []target) []target {
		return slices.DeleteFunc(all, func(e target) bool { return e.Tag == p.tag() })
	})
	until(t, "the tag is set again", func() (bool, string) {
		for _, traffic := range w.traffic(t, "users") {
			if traffic.Tag == p.tag() {
				return traffic.Revision == before, traffic.Revision
			}
		}
		return false, "no tag"
	})
	p.ready()
	p.serves(p.link, "/plans", "lasting")

	base := w.Endpoints.APIGateway + "/v1"
	for _, g := range w.gateways(t) {
		if p.owns(g) {
			if err := w.api.do(lasting(t), http.MethodDelete, w.apiGateway(Region+"/gateways/"+g.name()), nil, base); err != nil {
				t.Fatal(err)
			}
		}
	}
	until(t, "the gateway is made again", func() (bool, string) { return p.has(w.gateways(t), "ACTIVE") })
	until(t, "the link answers again", func() (bool, string) {
		p.ready()
		a := w.call(t, http.MethodGet, p.link+"/plans", "")
		return a.status == http.StatusOK, a.body
	})
	p.serves(p.link, "/plans", "lasting")
	p.holds()
	p.gone()
}

// What bears our labels and belongs to a closed pull request is removed; what bears none of ours stays.
func TestOrphans(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, version("users", "orphan"))
	p.ready()
	var own resource
	for _, g := range w.gateways(t) {
		if p.owns(g) {
			own = g
		}
	}
	revision := p.tagged("users")
	name := revision.Name[strings.LastIndexByte(revision.Name, '/')+1:] + "-again"
	p.close()
	p.removed()
	p.gone()

	foreign := map[string]string{"team": "payments"}
	config := func(id string, labels map[string]string) {
		t.Helper()
		url := w.apiGateway("global/apis/shop-previews-1/configs?apiConfigId=" + id)
		err := w.api.do(lasting(t), http.MethodPost, url, object{
			"labels": labels, "gatewayServiceAccount": gatewayAccount,
			"openapiDocuments": []object{{"document": object{"path": "openapi.yaml", "contents": aDocument}}},
		}, w.Endpoints.APIGateway+"/v1")
		if err != nil {
			t.Fatal(err)
		}
	}
	config("left-over", own.Labels) // the labels say whose it is
	config("stays", foreign)
	err := w.api.do(lasting(t), http.MethodPost, w.apiGateway(Region+"/gateways?gatewayId=left-over"), object{
		"labels": own.Labels, "apiConfig": "projects/" + Project + "/locations/global/apis/shop-previews-1/configs/left-over",
	}, w.Endpoints.APIGateway+"/v1")
	if err != nil {
		t.Fatal(err)
	}
	template := object{
		"revision": name, "labels": revision.Labels, "serviceAccount": revision.ServiceAccount,
		"containers": []object{{"image": revision.Containers[0].Image}},
	}
	w.write(t, "users", template, func(all []target) []target {
		return append(all, target{Type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", Revision: name, Tag: p.tag()})
	})
	until(t, "the orphans are removed", func() (bool, string) {
		left := p.left() + w.revisionsOf(t, "users", p.number)
		return left == "", left
	})
	if after := w.template(t); strings.Contains(after, revision.Labels["gangway-preview"]) {
		t.Errorf("the template is still that of the orphan:\n%s", after)
	}
	stays := w.apiGateway("global/apis/shop-previews-1/configs/stays")
	if err := w.api.do(lasting(t), http.MethodDelete, stays, nil, w.Endpoints.APIGateway+"/v1"); err != nil {
		t.Errorf("what is not ours is gone: %v", err)
	}
	p.gone()
}

// Comments of others with our marker are not ours; ours that was deleted comes again with the next thing to say.
func TestComments(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, hang)
	p.building()
	marker, _, _ := strings.Cut(p.ours()[0], "\n")
	foreign := marker + "\n### ✅ Preview is ready · `0000000`\nA forgery.\n"
	if _, err := w.Cloud.GitHub.Comment(t.Context(), Repository, p.number, "mallory", foreign); err != nil {
		t.Fatal(err)
	}
	for _, c := range p.page().Comments {
		if c.User.Login != "mallory" {
			if err := w.Cloud.GitHub.DeleteComment(Repository, c.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.push(version("users", "said"), asBefore("users/smoke/main.go"))
	p.ready()
	if ours := p.ours(); len(ours) != 1 {
		t.Errorf("%d comments of ours, want 1", len(ours))
	}
	for _, c := range p.page().Comments {
		if c.User.Login == "mallory" && c.Body != foreign {
			t.Errorf("a foreign comment was changed:\n%s", c.Body)
		}
	}
	p.holds()
	p.gone()
}
