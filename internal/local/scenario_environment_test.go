package local

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// What somebody else has deployed last (another preview, or a person beside the traffic) gets into no preview: a revision
// is derived from the live one.
func TestInheritsNothing(t *testing.T) {
	t.Parallel()
	w := shared(t)
	first := w.change(t, version("orders", "first"), version("catalog", "first"))
	first.ready()
	w.deployBeside(t, "orders", "leak"+first.tag())
	second := w.change(t, version("orders", "second"))
	second.ready()

	var live revision
	if err := w.api.call(lasting(t), http.MethodGet, w.serviceURL("orders")+"/revisions/"+w.live(t, "orders"), nil, &live); err != nil {
		t.Fatal(err)
	}
	want := live.env()
	want["STAGE"] = "preview" // the preview's own setting
	got := second.tagged("orders")
	for name, value := range got.env() {
		if want[name] != value {
			t.Errorf("%s=%s, the live revision has %q", name, value, want[name])
		}
	}
	if len(got.env()) != len(want) {
		t.Errorf("environment %v, want %v", got.env(), want)
	}
	if got.ServiceAccount != live.ServiceAccount {
		t.Errorf("it runs as %s, the live revision as %s", got.ServiceAccount, live.ServiceAccount)
	}
	for name, value := range got.Labels {
		if strings.Contains(name, "leak") || strings.Contains(value, "leak") {
			t.Errorf("label %s=%s is another revision's", name, value)
		}
	}
	if got.Labels["gangway-pr"] != strings.TrimPrefix(second.tag(), "pr-") || got.Labels["commit-sha"] != second.sha {
		t.Errorf("labels %v are not of pull request %d at %s", got.Labels, second.number, second.sha)
	}
	if theirs := first.tagged("orders"); theirs.Containers[0].Image == got.Containers[0].Image {
		t.Errorf("both run the image %s", got.Containers[0].Image)
	}
	second.serves(second.link, "/orders", "second")
	first.serves(first.link, "/orders", "first")
	second.serves(w.gateway, "/orders", "1.0.0")
	first.holds()
	second.holds()
	second.gone()
	first.gone()
}

// deployBeside leaves a template on the service that no preview may inherit, as a deployment without traffic does.
func (w *world) deployBeside(t *testing.T, service, word string) {
	t.Helper()
	var err error
	for range 20 { // previews write too
		var s object
		if err = w.api.call(lasting(t), http.MethodGet, w.serviceURL(service), nil, &s); err != nil {
			break
		}
		image := ""
		if template, ok := s["template"].(object); ok {
			if containers, ok := template["containers"].([]any); ok {
				if container, ok := containers[0].(object); ok {
					image, _ = container["image"].(string)
				}
			}
		}
		body := object{"etag": s["etag"], "template": object{
			"serviceAccount": otherAccount,
			"labels":         object{"leak": word, "commit-sha": strings.Repeat("f", 40)},
			"containers":     []object{{"image": image, "env": []object{{"name": "LEAK", "value": word}, {"name": "STAGE", "value": word}}}},
		}}
		err = w.api.do(lasting(t), http.MethodPatch, w.serviceURL(service)+"?updateMask=template", body, w.Endpoints.CloudRun+"/v2")
		if err == nil {
			return
		}
	}
	t.Fatal(err)
}

// live is the revision with the traffic.
func (w *world) live(t *testing.T, service string) string {
	t.Helper()
	for _, target := range w.traffic(t, service) {
		if target.Percent > 0 {
			return target.Revision
		}
	}
	t.Fatalf("%s has no traffic", service)
	return ""
}

// Percentages and other people's tags stay as they are, also while somebody changes them.
func TestTrafficIsLeftAlone(t *testing.T) {
	w := shared(t)
	before := w.traffic(t, "users")
	live := w.live(t, "users")
	t.Cleanup(func() { w.setTraffic(t, "users", func([]target) []target { return before }) })
	foreign := []target{
		{Type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", Revision: live, Percent: 60},
		{Type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", Revision: live, Percent: 40, Tag: "canary"},
		{Type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", Revision: live, Tag: "pr-tool"},
	}
	w.setTraffic(t, "users", func([]target) []target { return foreign })
	others := func() []target {
		return slices.DeleteFunc(w.traffic(t, "users"), func(e target) bool { return strings.HasPrefix(e.Tag, "pr-") && e.Tag != "pr-tool" })
	}
	unchanged := func(when string) {
		t.Helper()
		if got := others(); !slices.Equal(got, foreign) {
			t.Errorf("%s, the traffic of users is %+v, want %+v", when, got, foreign)
		}
	}
	p := w.change(t, version("users", "one"))
	p.ready()
	unchanged("with a preview")
	// Somebody writes at the same time: nobody's change may be lost.
	foreign = append(foreign, target{Type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", Revision: live, Tag: "blue"})
	p.push(version("users", "two"))
	w.setTraffic(t, "users", func(now []target) []target { return append(now, foreign[len(foreign)-1]) })
	if err := w.api.call(lasting(t), http.MethodPut, w.Endpoints.CloudRun+"/emulator/faults", object{"conflicts": 3}, nil); err != nil {
		t.Fatal(err)
	}
	p.ready()
	p.serves(p.link, "/plans", "two")
	unchanged("after a push and conflicts")
	p.close()
	until(t, "nothing is left", func() (bool, string) { left := p.left(); return left == "", left })
	unchanged("afterwards")
}

// A service whose traffic follows the latest revision is refused: a preview would go live.
func TestFollowsLatest(t *testing.T) {
	w := shared(t)
	before := w.traffic(t, "users")
	restore := func() { w.setTraffic(t, "users", func([]target) []target { return before }) }
	t.Cleanup(restore)
	latest := []target{{Type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", Percent: 100}}
	w.setTraffic(t, "users", func([]target) []target { return latest })
	serving := w.call(t, http.MethodGet, w.gateway+"/plans", "").header.Get("X-Shop-Revision")
	p := w.change(t, version("users", "live"))
	body := p.says("❌", p.sha[:7])
	for _, want := range []string{"latest", "**Next:**", "users"} {
		if !strings.Contains(strings.ToLower(body), strings.ToLower(want)) {
			t.Errorf("the comment does not say %q:\n%s", want, body)
		}
	}
	if got := w.traffic(t, "users"); !slices.Equal(got, latest) {
		t.Errorf("the traffic is %+v, want %+v", got, latest)
	}
	if now := w.call(t, http.MethodGet, w.gateway+"/plans", "").header.Get("X-Shop-Revision"); now != serving {
		t.Errorf("the environment is served by %s, it was by %s", now, serving)
	}
	restore()
	p.push(version("users", "pinned"))
	p.ready()
	p.serves(p.link, "/plans", "pinned")
	p.serves(w.gateway, "/plans", "1.0.0")
	p.holds()
	p.gone()
}

// A revision that does not start: that is said, and the preview that was there stays.
func TestRevisionDoesNotStart(t *testing.T) {
	t.Parallel()
	w := shared(t)
	p := w.change(t, version("users", "good"))
	p.ready()
	p.push(version("users", "dead"), replacement{"users/main.go", "func main() {\n", "func main() {\n\tif os.Getenv(\"K_REVISION\") != \"\" {\n\t\tos.Exit(7)\n\t}\n"})
	body := p.says("❌", p.sha[:7])
	if !strings.Contains(body, "does not start") || !strings.Contains(body, "PORT") {
		t.Errorf("the comment does not say why:\n%s", body)
	}
	p.holds()
	p.serves(p.link, "/plans", "good")
	p.push(version("users", "mended"), asBefore("users/main.go"))
	p.ready()
	p.serves(p.link, "/plans", "mended")
	p.holds()
	p.gone()
}
