package local

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gangway-dev/gangway/internal/emulator/iam"
	"github.com/gangway-dev/gangway/internal/platform"
)

// notEmulated are permissions that nothing here asks for: by part and permission, why. A row that is asked for all the
// same has to go.
var notEmulated = map[string]map[string]string{
	"receive": {
		"secretmanager.versions.access": secretMounted,
		"storage.objects.get":           configurationMounted,
		"storage.objects.list":          configurationMounted,
	},
	"intake": with(firestore, map[string]string{
		"secretmanager.versions.access": secretMounted,
		"storage.objects.list":          configurationMounted,
	}),
	"aggregator": with(firestore, map[string]string{
		"secretmanager.versions.access": secretMounted,
	}),
}

const (
	secretMounted        = "Cloud Run reads a mounted secret as the account; here it is a file"
	configurationMounted = "Cloud Run reads a mounted bucket as the account; here it is a file"
	storeIsSQLite        = "the store is SQLite here; Google's emulator of Firestore asks for no permissions"
)

var firestore = map[string]string{
	"datastore.databases.get": storeIsSQLite, "datastore.entities.create": storeIsSQLite, "datastore.entities.delete": storeIsSQLite,
	"datastore.entities.get": storeIsSQLite, "datastore.entities.list": storeIsSQLite, "datastore.entities.update": storeIsSQLite,
}

func with(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// The roles of terraform/platform are what Gangway needs, and no more: a life of previews in which every call is made
// asks for each permission of each part, and for no other. So a role that lacks one fails here because a call is refused,
// and one that has too many because nothing asks for it.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	w := alone(t, nil)

	// Built, cancelled, built again, failed, built again, deployed; config and gateway made.
	p := w.change(t, hang)
	p.building()
	p.push(fails)
	p.says("❌", p.sha[:7])
	p.push(version("users", "first"), asBefore("users/smoke/main.go"))
	p.ready()

	// Broken, and mended: the log says why.
	p.push(version("users", "broken"), replacement{"users/smoke/main.go", "func main() {\n", "func main() {\n\tpanic(\"broken\")\n"})
	p.says("❌", p.sha[:7])
	p.push(version("users", "mended"), asBefore("users/smoke/main.go"))
	p.ready()

	// Changed by hand: the config's labels are put back, and the gateway is made again.
	base := w.Endpoints.APIGateway + "/v1"
	for _, c := range w.configs(t) {
		if !p.owns(c) {
			continue
		}
		labels := with(c.Labels, map[string]string{"gangway-gateway": "changed-by-hand"})
		if err := w.api.do(lasting(t), http.MethodPatch, base+"/"+c.Name+"?updateMask=labels", object{"labels": labels}, base); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range w.gateways(t) {
		if !p.owns(g) {
			continue
		}
		if err := w.api.do(lasting(t), http.MethodDelete, w.apiGateway(Region+"/gateways/"+g.name()), nil, base); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the gateway is made again", func() (bool, string) { return p.has(w.gateways(t), "ACTIVE") })
	p.ready()

	// Changed: the gateway moves to another config. The answer to its creation is lost, so that Terraform doesn't know it.
	w.faultOfGateway(t, object{"method": "CreateApiConfig", "effect": "lost_response"})
	p.push(version("users", "second"), replacement{"orders/openapi.yaml", "    delete:\n", "    patch:\n"})
	p.ready()
	p.serves(p.link, "/plans", "second")
	var own resource
	for _, g := range w.gateways(t) {
		if p.owns(g) {
			own = g
		}
	}

	// Taken in; then somebody leaves a gateway with our labels.
	p.close()
	p.removed()
	p.gone()
	w.leave(t, "left-over", own.Labels)
	until(t, "what was left is removed", func() (bool, string) {
		left := p.left()
		return left == "", left
	})
	p.gone()
	w.asksForItsRoles(t)
}

// leave makes a config and a gateway by hand.
func (w *world) leave(t *testing.T, name string, labels map[string]string) {
	t.Helper()
	base := w.Endpoints.APIGateway + "/v1"
	configs := "global/apis/shop-previews-1/configs"
	err := w.api.do(lasting(t), http.MethodPost, w.apiGateway(configs+"?apiConfigId="+name), object{
		"labels": labels, "gatewayServiceAccount": gatewayAccount,
		"openapiDocuments": []object{{"document": object{"path": "openapi.yaml", "contents": aDocument}}},
	}, base)
	if err != nil {
		t.Fatal(err)
	}
	err = w.api.do(lasting(t), http.MethodPost, w.apiGateway(Region+"/gateways?gatewayId="+name), object{
		"labels": labels, "apiConfig": "projects/" + Project + "/locations/" + configs + "/" + name,
	}, base)
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) faultOfGateway(t *testing.T, fault object) {
	t.Helper()
	if err := w.api.call(lasting(t), http.MethodPost, w.Endpoints.APIGateway+"/emulator/apigateway/faults", fault, nil); err != nil {
		t.Fatal(err)
	}
}

// refusals are calls of Gangway that were refused, or were made without credentials.
func (w *world) refusals() (all []string) {
	for a := range w.access.Asked() {
		switch {
		case a.Denied && a.Permission == "iam.serviceAccounts.actAs" && !actable(a.Resource):
			// Somebody's template has an account that runtime_accounts doesn't name, so that it is right to refuse.
		case a.Denied:
			all = append(all, a.Account+" was refused "+a.Permission+" on "+a.Resource)
		case a.Account == iam.Anonymous && (strings.Contains(a.Client, "gl-go") || strings.Contains(a.Client, "Terraform")):
			all = append(all, a.Permission+" was asked for by "+a.Client+" without credentials")
		}
	}
	return all
}

// actable tells whether anybody of Gangway may act as an account.
func actable(account string) bool {
	return slices.ContainsFunc([]string{buildAccount, gatewayAccount, runAccount, otherAccount}, func(a string) bool {
		return strings.HasSuffix(account, a)
	})
}

// asksForItsRoles compares what was asked for with what terraform/platform gives.
func (w *world) asksForItsRoles(t *testing.T) {
	t.Helper()
	roles, err := platform.Permissions()
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string][]string{}
	for a := range w.access.Asked() {
		asked[a.Account] = append(asked[a.Account], a.Permission)
	}
	for _, part := range parts {
		got := asked[accountOf(part)]
		slices.Sort(got)
		want := slices.DeleteFunc(roles[part], func(permission string) bool {
			_, listed := notEmulated[part][permission]
			return listed && !slices.Contains(got, permission)
		})
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Errorf("%s: what terraform/platform gives and what is asked for (-given +asked):\n%s", part, diff)
		}
		for permission := range notEmulated[part] {
			if slices.Contains(got, permission) {
				t.Errorf("%s: %s is asked for: it may not be in notEmulated", part, permission)
			}
		}
	}
}
